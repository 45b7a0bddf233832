"""The page as a person uses it: keys, clicks, and what can be read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deploy.browser import Page
from tests.waiting import until

WATCH = """
window.seen = [];
addEventListener('error', e => seen.push('error: ' + e.message));
addEventListener('unhandledrejection', e => seen.push('rejection: ' + e.reason));
addEventListener('securitypolicyviolation', e => seen.push('policy: ' + e.violatedDirective + ' ' + e.blockedURI));
"""

FAINT = """
(() => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
  const ground = e => {
    for (; e; e = e.parentElement) {
      const found = numbers(getComputedStyle(e).backgroundColor);
      if (found.length < 4 || found[3] === 1) return found;
    }
  };
  const within = document.querySelector('dialog[open]') ?? document.body;
  const found = [];
  let looked = 0;
  for (const e of within.querySelectorAll('*')) {
    if (!e.checkVisibility() || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    looked += 1;
    const pair = [numbers(getComputedStyle(e).color), ground(e)].map(light).sort((a, b) => b - a);
    const ratio = (pair[0] + .05) / (pair[1] + .05);
    if (ratio < 4.5) found.push(e.innerText.slice(0, 40) + ' ' + ratio.toFixed(2));
  }
  return [looked, found];
})()
"""
"""How many texts are on the page, and those whose contrast is below what WCAG 2 asks for at level AA."""

KEYS = {"Enter": 13, "Tab": 9, "Escape": 27}


@dataclass
class Seat:
    """Somebody before the page of a service at an address."""

    page: Page
    address: str

    def sit_down(self, width: int = 1100, height: int = 800, *, dark: bool = False, path: str = "/") -> Seat:
        """Opens the page anew, in a tab that knows nobody."""
        self.look(width, height, dark=dark)
        self.page.open("about:blank")
        self.page.open(self.address + path)
        return self

    def look(self, width: int, height: int, *, dark: bool = False) -> None:
        """Changes the window, and whether it is dark."""
        self.page.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.page.call("Emulation.setEmulatedMedia", features=[scheme])

    def type(self, words: str) -> None:
        self.page.call("Input.insertText", text=words)

    def press(self, key: str) -> None:
        told = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS[key]}
        text = {"text": "\r"} if key == "Enter" else {}
        self.page.call("Input.dispatchKeyEvent", type="keyDown", **told, **text)
        self.page.call("Input.dispatchKeyEvent", type="keyUp", **told)

    def focused(self) -> str:
        """What has the focus: its id, or its words."""
        return str(self.page.evaluate("document.activeElement.id || document.activeElement.innerText"))

    def focus(self, id: str) -> None:
        """Waits until something has the focus, as the page gives it."""
        until(lambda: self.focused() == id, f"{id} has the focus")

    def sign_in(self, token: str) -> str:
        self.page.wait_for("Sign in with the token")
        self.fill("token", token)
        self.press("Enter")
        return self.page.wait_for("Your question", "published")

    def fill(self, id: str, words: str) -> None:
        self.page.evaluate(f"(e => {{ e.focus(); e.select(); }})(document.getElementById({json.dumps(id)}))")
        self.type(words)

    def ask(self, question: str, *wait_for: str) -> str:
        """Asks, and waits until the answer has ended or the page shows these words."""
        self.fill("question", question)
        self.press("Enter")
        return self.page.wait_for(question, *(wait_for or ("Helpful",)))

    def open_citation(self, number: int = 1) -> str:
        """Opens the first citation of a source, and gives the marked words."""
        self.page.evaluate(f"[...document.querySelectorAll('.cite')].find(e => e.innerText === '{number}').click()")
        return str(until(lambda: self.find("mark"), "the passage is marked"))

    def find(self, selector: str) -> Any:
        """The text of the first element that fits and can be seen; None where there is none."""
        return self.page.evaluate(
            f"[...document.querySelectorAll({json.dumps(selector)})].find(e => e.checkVisibility())?.innerText"
        )

    def is_calm(self) -> bool:
        """Whether nothing went wrong and nothing was tried that the policy forbids."""
        seen = self.page.evaluate("window.seen")
        assert seen == [], seen
        return True

    def is_readable(self, shot: Path) -> bool:
        """Whether all texts have contrast and nothing is wider than the window; a picture is left in the file."""
        self.page.screenshot(shot)
        looked, faint = self.page.evaluate(FAINT)
        assert looked > 3
        assert faint == [], faint
        wide = self.page.evaluate(
            "[document.documentElement, document.querySelector('dialog[open]'), document.getElementById('passage')]"
            ".filter(e => e && e.scrollWidth > e.clientWidth).map(e => e.tagName)"
        )
        assert wide == [], wide
        small = self.page.evaluate(
            "[...document.querySelectorAll('button, select, summary, a')].filter(e => e.checkVisibility())"
            ".map(e => [e.innerText, e.getBoundingClientRect()])"
            ".filter(([_, r]) => Math.min(r.width, r.height) < 24 && r.right > 0).map(([text]) => text)"
        )
        assert small == [], f"too small for a finger: {small}"
        return True
