"""Reads files in one process, in rounds, after a first pass over all: what every tool of bench/fidelity.py runs."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

_MOST_MEMORY = 6_000_000_000
"""Bytes of data that a process may hold: a workbook with one far cell takes some tools beyond what a machine has."""


def read_all(read: Callable[[str], str], request: str, answer: str, most_memory: int | None = _MOST_MEMORY) -> None:
    """Reads the files of a request, and writes what came of them.

    Args:
        read: returns the text of the file at a path; whatever it raises, the file is one that it failed on.
        request: a JSON file: {"rounds": COUNT, "files": [PATH]}.
        answer: the JSON file to be written, {"rounds": [{PATH: SECONDS}], "texts": {PATH: TEXT}, "failed":
            {PATH: ERROR}}; beside it a file that ends in .timed, once the first pass is over.
        most_memory: bytes of data that the process may hold from now on; None leaves its limit as it is.
    """
    if most_memory is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (most_memory, most_memory))
    asked = json.loads(Path(request).read_text("utf-8"))
    texts: dict[str, str] = {}
    failed: dict[str, str] = {}
    rounds: list[dict[str, float]] = []
    for _ in range(asked["rounds"] + 1):
        seconds = {}
        for file in asked["files"]:
            began = time.perf_counter()
            try:
                texts[file] = read(file).encode("utf-8", errors="replace").decode("utf-8")
            except Exception as error:  # a tool may raise anything
                failed[file] = type(error).__name__
            seconds[file] = time.perf_counter() - began
        rounds.append(seconds)
        Path(f"{answer}.timed").touch()
    Path(answer).write_text(json.dumps({"rounds": rounds[1:], "texts": texts, "failed": failed}), "utf-8")


def main(read: Callable[[str], str]) -> None:
    """Runs as `read.py REQUEST ANSWER` in the environment of a peer."""
    read_all(read, *sys.argv[1:3])
