"""Holds a parser process against its limits, and decides what it is given."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from freshet.tasks.rules.verdicts import Verdict, verdict
from freshet.tasks.settings.project import Parsing

_TREE_SECONDS = 0.5  # between two looks at the processes that a parser started itself
_LOAD_SECONDS = 120.0
_PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "LANGUAGE",
    "TZ",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "TESSDATA_PREFIX",
    "VIRTUAL_ENV",
)


class Astray(Exception):
    """The process has to be ended; the verdict says why."""

    def __init__(self, found: Verdict) -> None:
        """Takes the verdict on the document."""
        super().__init__(found.code)
        self.verdict = found


class Watch:
    """Holds one document against its limits."""

    def __init__(self, process: psutil.Process, limits: Parsing, kind: str) -> None:
        """Begins to watch a process that is given a document of this kind."""
        self._process, self._limits, self._kind = process, limits, kind
        self._children: list[psutil.Process] = []
        self._next_tree = time.monotonic() + _TREE_SECONDS
        self._noise = 0
        self._cpu = -1.0
        self._began: float | None = None
        self._loading_since = self._advanced = time.monotonic()

    def start(self) -> None:
        """Begins to count time as the document's, once the parser is loaded."""
        self._began = self._advanced = time.monotonic()
        self._noise = 0

    def advance(self) -> None:
        """Notes that the parser reported progress, so that it is not taken for stalled."""
        self._advanced = time.monotonic()

    def add_noise(self, count: int) -> None:
        """Counts bytes that the parser printed; raises `Astray` where they are too many."""
        self._noise += count
        if self._noise > self._limits.output:
            raise self._verdict("PARSE-OUTPUT", limit=int(self._limits.output), stream="standard output")

    def look(self, now: float) -> None:
        """Raises `Astray` when a limit is passed."""
        used, cpu = self._usage(now)
        if used > self._limits.memory:
            raise self._verdict("PARSE-MEMORY", limit=int(self._limits.memory), used=used)
        if cpu > self._cpu:
            self._cpu, self._advanced = cpu, now
        since = self._began if self._began is not None else self._loading_since
        allowed = self._limits.timeout.total_seconds() if self._began is not None else _LOAD_SECONDS
        if now - since > allowed:
            raise self._verdict("PARSE-TIMEOUT", limit_seconds=allowed)
        if self._began is not None and now - self._advanced > self._limits.stall.total_seconds():
            raise self._verdict("PARSE-STALLED", limit_seconds=self._limits.stall.total_seconds())

    def _usage(self, now: float) -> tuple[int, float]:
        """Returns (resident bytes, CPU seconds) of the process and of those that it started."""
        if now >= self._next_tree:
            self._next_tree = now + _TREE_SECONDS
            with contextlib.suppress(psutil.Error):
                self._children = self._process.children(recursive=True)
        used, cpu = 0, 0.0
        for process in (self._process, *self._children):
            with contextlib.suppress(psutil.Error):
                used += process.memory_info().rss
                times = process.cpu_times()
                cpu += times.user + times.system
        return used, cpu

    def _verdict(self, code: str, **evidence: Any) -> Astray:
        return Astray(verdict(code, type=self._kind, **evidence))


def environment(scratch: str) -> dict[str, str]:
    """Returns the environment that a parser needs and no more: no credentials, no telemetry, one thread."""
    passed = {key: value for key, value in os.environ.items() if key in _PASSED_ON or key.startswith("LC_")}
    # Not resolved: freshet/tasks is a link in a checkout, and beyond it there is no package of that name.
    root = str(Path(__file__).absolute().parents[4])
    found = [entry for entry in sys.path if entry and os.path.isabs(entry)]
    return {
        **passed,
        "PYTHONPATH": os.pathsep.join(dict.fromkeys([*found, root])),
        "PYTHONUTF8": "1",
        "PYTHONDONTWRITEBYTECODE": os.environ.get("PYTHONDONTWRITEBYTECODE", ""),
        "PYTHONWARNINGS": "ignore",
        "TMPDIR": scratch,
        "DO_NOT_TRACK": "1",
        "SCARF_NO_ANALYTICS": "true",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_THREAD_LIMIT": "1",
    }
