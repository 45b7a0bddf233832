"""Refreshes a corpus in a process that dies or stops at a chosen moment; `command` says how to start it.

The process dies by SIGKILL, so that nothing of it can tidy up. The faults are
put in from here, by wrapping one named function, and the code under test knows nothing of them.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import wraps
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import ROOT
from tests.waiting import PATIENCE, until

DIMENSION = 384


@dataclass(frozen=True)
class Fault:
    """Where a refresh dies, or stops and waits.

    Attributes:
        config: freshet.yaml.
        notes: folder in which the process leaves `embedded` (texts, one JSON a line), `children` and `held`.
        at: one of `tests.flows.kill_points`; empty to refresh undisturbed.
        when: it dies `before` or `after` it, or before it with every child process `stuck`; or it is `held`
            there: it waits until there is a file `go` among the notes.
        call: which call of it.
        armed_by: another function; calls count only once that one was entered.
        batch: documents of a batch.
        without_ctime: see `forget_ctime`.
        options: further ones of `run_refresh`.
    """

    config: str = ""
    notes: str = ""
    at: str = ""
    when: str = "before"
    call: int = 1
    armed_by: str = ""
    batch: int = 5
    without_ctime: bool = False
    options: dict[str, Any] | None = None


class HashEmbedder:
    """Vectors made of the texts' hashes, in place of the model, which takes seconds to load and no part in this.

    Deterministic and of unit length, so that tables built in different runs can be compared to the last bit.
    """

    def __init__(self, log: Path) -> None:
        self._log = log

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        with self._log.open("a") as log:
            log.writelines(json.dumps(text) + "\n" for text in texts)
        return self.embed_queries(texts)

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.array([self.embed_query(text) for text in texts], np.float32).reshape(len(texts), DIMENSION)

    def embed_query(self, text: str) -> NDArray[np.float32]:
        seed = int.from_bytes(sha256(text.encode()).digest()[:8], "big")
        vector = np.random.default_rng(seed).standard_normal(DIMENSION)
        return (vector / np.linalg.norm(vector)).astype(np.float32)


def embed_by_hash(patch: pytest.MonkeyPatch, notes: Path) -> None:
    """Has refreshes embed with a `HashEmbedder`, which notes in a folder what it embeds.

    The gate, which would embed samples again, does not: what it embeds is no work of the refresh.
    """
    embedder = HashEmbedder(notes / "embedded")
    patch.setattr("freshet.tasks.embedding.embed.load_embedder", lambda model, precision="auto": embedder)
    patch.setattr("freshet.tasks.index.gate.examination.check_embedding", lambda *_: [])


def forget_ctime(patch: pytest.MonkeyPatch) -> None:
    """Has the hints of files say what their size and mtime are, as on a file system that has no ctime.

    Only then can a test lay files whose hint is that of files that are gone.
    """
    patch.setattr("freshet.tasks.documents.sources.folder.file_hint", lambda size, modified, _: f"{size}-{modified}")


def read_embedded(notes: Path) -> list[str]:
    """The texts that were embedded by whoever logged there, in order."""
    log = notes / "embedded"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def find(point: str) -> tuple[Any, str, Callable[..., Any]]:
    """What a kill point names: the module or class that holds the function, the function's name there, and itself.

    Raises:
        ModuleNotFoundError, AttributeError, TypeError: there is no such module or function, or it cannot be called.
    """
    module, _, path = point.partition(":")
    owner: Any = importlib.import_module(module)
    *classes, name = path.split(".")
    for part in classes:
        owner = getattr(owner, part)
    function = getattr(owner, name)
    if not callable(function):
        raise TypeError(f"the kill point {point} names a {type(function).__name__}, which cannot be called")
    return owner, name, function


def wrap(target: str, around: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Puts `around(function)` in the place of `module:function` or `module:Class.method`."""
    owner, name, function = find(target)
    setattr(owner, name, wraps(function)(around(function)))


def _children() -> list[int]:
    import psutil

    return [child.pid for child in psutil.Process().children(recursive=True)]


def _die(fault: Fault) -> None:
    """Notes which child processes live, and dies at once."""
    (Path(fault.notes) / "children").write_text(json.dumps(_children()))
    os.kill(os.getpid(), signal.SIGKILL)


def _hold(fault: Fault) -> None:
    (Path(fault.notes) / "held").touch()
    until((Path(fault.notes) / "go").exists, "the test lets the held process go on")


def arm(fault: Fault) -> None:
    armed = threading.Event()
    counted = threading.Lock()
    calls = 0
    if not fault.armed_by:
        armed.set()

    def arming(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            armed.set()
            return function(*args, **kwargs)

        return call

    def deadly(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal calls
            with counted:
                calls += armed.is_set()
                due = armed.is_set() and calls == fault.call
            if due and fault.when == "before":
                _die(fault)
            if due and fault.when == "held":
                _hold(fault)
            if due and fault.when == "stuck":
                for child in _children():
                    os.kill(child, signal.SIGSTOP)
                threading.Timer(0.5, _die, [fault]).start()
            result = function(*args, **kwargs)
            if due and fault.when == "after":
                _die(fault)
            return result

        return call

    if fault.armed_by:
        wrap(fault.armed_by, arming)
    if fault.at:
        wrap(fault.at, deadly)


def main(fault: Fault) -> None:
    from freshet.flows.command.by_hand import run_refresh

    patch = pytest.MonkeyPatch()  # which fails where there is no such name to be replaced
    patch.setattr("freshet.tasks.documents.planning.refresh.BATCH_DOCUMENTS", fault.batch)
    embed_by_hash(patch, Path(fault.notes))
    if fault.without_ctime:
        forget_ctime(patch)
    arm(fault)
    options = {"full": False, "as_of": None, "allow_withdrawals": 0, "wait": PATIENCE, **(fault.options or {})}
    print(json.dumps(run_refresh("docs", config=Path(fault.config), **options), default=str))  # noqa: T201


def command(fault: Fault, module: str = "tests.flows.killer") -> list[str]:
    """What to run for it, in the project's root: the function `main` of a module.

    It is run by the module's own name, not as `__main__`: a kill point in the module is then what the process calls.
    """
    script = (
        f"import json, sys; from {module} import main; from tests.flows.killer import Fault; "
        "main(Fault(**json.loads(sys.argv[1])))"
    )
    return [sys.executable, "-c", script, json.dumps(asdict(fault))]


def run_and_die(words: list[str]) -> None:
    """Runs what `command` gave, and sees that it was killed where it was to be, and not otherwise ended."""
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == -signal.SIGKILL, f"it lived: {done.stdout}{done.stderr}"
