"""A headless Chromium, driven over the DevTools protocol."""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.sync.client import connect
from websockets.sync.connection import Connection

from tests.waiting import PATIENCE, until

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
SIZE = "1600,2200"


@dataclass
class Page:
    """One open page."""

    socket: Connection
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def call(self, method: str, **parameters: Any) -> Any:
        """Calls a method of the protocol and returns its result; events that come meanwhile are passed over."""
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (answer := json.loads(self.socket.recv(timeout=PATIENCE))).get("id") != number:
            continue
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, address: str) -> None:
        self.call("Page.navigate", url=address)

    def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def text(self) -> str:
        """What a person can read, that of frames of the same origin included."""
        return str(self.evaluate(
            "[document, ...[...document.querySelectorAll('iframe')].map(f => f.contentDocument)]"
            ".filter(d => d && d.body).map(d => d.body.innerText).join('\\n')"
        ))  # fmt: skip

    def wait_for(self, *words: str) -> str:
        """Waits until the page shows all of these words, and returns its text."""
        text = ""

        def shown() -> bool:
            nonlocal text
            text = self.text()
            return all(one in text for one in words)

        try:
            until(shown, f"the page shows {words}")
        except AssertionError as error:
            error.add_note(f"The page shows:\n{text[:3000]}")
            raise
        return text

    def click(self, words: str) -> None:
        """Clicks the innermost thing that reads just so."""
        clicked = self.evaluate(
            "(() => { const found = [...document.querySelectorAll('a, button, [role=tab], label, span')]"
            f".filter(e => e.innerText && e.innerText.trim() === {json.dumps(words)});"
            "if (found.length) found[found.length - 1].click(); return found.length; })()"
        )
        assert clicked, f"nothing on the page reads {words}"

    def screenshot(self, file: Path) -> None:
        """The page as it looks, whole."""
        data = self.call("Page.captureScreenshot", format="png")["data"]
        file.write_bytes(base64.b64decode(data))


@contextmanager
def open_browser(folder: Path) -> Iterator[Page]:
    """A browser whose profile lies in the folder."""
    assert CHROMIUM, "no Chromium is installed"
    words = ["--headless", "--no-sandbox", "--disable-gpu", f"--window-size={SIZE}", "--remote-debugging-port=0"]
    process = subprocess.Popen(
        [CHROMIUM, *words, f"--user-data-dir={folder}", "about:blank"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        noted = folder / "DevToolsActivePort"
        until(lambda: noted.exists() and noted.read_text().count("\n"), "Chromium has started")
        port = noted.read_text().split()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=PATIENCE) as answer:
            page = next(one for one in json.loads(answer.read()) if one["type"] == "page")
        with connect(page["webSocketDebuggerUrl"], max_size=None) as socket:
            yield Page(socket)
    finally:
        process.terminate()
        process.wait(PATIENCE)
