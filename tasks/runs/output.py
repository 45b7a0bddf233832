"""Where what a run prints goes: to a file of its own, which outlives the worker that started the run."""

from __future__ import annotations

import logging
import os
import stat
import sys
from pathlib import Path

MOST_FILES = 50
MOST_BYTES = 64 * 2**20
"""What the output of ended runs may take together; the oldest goes first."""


def to_file(folder: str) -> None:
    """From here on, this process and what it starts print to `folder/RUN.log`, readable by its owner only.

    Deployments have this as a pull step, which Prefect takes in the process that then becomes the run. A worker reads
    through a pipe what its runs print; a worker that is killed leaves the pipe without a reader, and a run would die of
    its next line. Where the parent of the folder is not there (`freshet up` makes it), or the folder cannot be written
    to, output stays where it is: that of a container belongs into the container's log.

    Args:
        folder: made if need be.
    """
    from prefect.runtime import flow_run

    into = Path(folder)
    if not into.parent.is_dir() or not stat.S_ISFIFO(os.fstat(2).st_mode):
        return
    try:
        into.mkdir(mode=0o700, exist_ok=True)
        _make_room(into)
        file = os.open(into / f"{flow_run.id}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        logging.getLogger(__name__).warning("what this run prints stays with the worker: %s: %s", into, error.strerror)
        return
    for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
        stream.flush()
        os.dup2(file, number)
    os.close(file)


def _make_room(folder: Path) -> None:
    """Removes the files that were written to longest ago, until a new one is within the bounds."""
    found = sorted(((file.stat(), file) for file in folder.glob("*.log")), key=lambda one: one[0].st_mtime)
    total = sum(about.st_size for about, _ in found)
    for kept, (about, file) in zip(range(len(found), 0, -1), found, strict=True):
        if kept < MOST_FILES and total <= MOST_BYTES:
            return
        file.unlink(missing_ok=True)
        total -= about.st_size
