"""Promise 10: what a refresh needs of memory depends on its batches; of the rest of the corpus, some bytes a document.

Each size of corpus is refreshed in a process of its own: as it is, then with many documents in another access class
and all of them under another owner. Nothing is embedded.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.stores.many_documents import bytes_of_text_and_vectors

PYTHON_BYTES = 600
"""Most bytes by which the peak of Python's objects may grow with a document, in any part of a refresh."""

SHARE = 0.35
"""Most that Arrow's buffers may grow by in any part, as a share of the texts and vectors that were added."""


def _ask(folder: Path, count: int) -> str:
    given = [sys.executable, "-m", "tests.stores.many_documents", str(folder), str(count)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(given, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True, text=True).stdout


def _peaks(folder: Path, count: int) -> Any:
    folder.mkdir()
    _ask(folder, count)
    return json.loads(_ask(folder, 0).splitlines()[-1])


def _check(folder: Path, few: int, many: int) -> None:
    small, large = (_peaks(folder / str(count), count) for count in (few, many))
    most = {"python": PYTHON_BYTES, "arrow": SHARE * bytes_of_text_and_vectors(1)}
    growth = {
        (kind, part): round((peak - small[kind][part]) / (many - few))
        for kind in most
        for part, peak in large[kind].items()
    }
    assert {where: by for where, by in growth.items() if by > most[where[0]]} == {}


def test_memory_of_a_refresh_follows_its_batches_and_not_the_corpus(tmp_path: Path) -> None:
    _check(tmp_path, 300, 1200)


@pytest.mark.chaos
def test_memory_of_a_refresh_follows_its_batches_in_a_larger_corpus(tmp_path: Path) -> None:
    _check(tmp_path, 1000, 8000)
