"""Files that the documentation names are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT

NAMED_PAGES = ("README.md", "CONTRIBUTING.md", "bench/README.md")
PAGES = [*(ROOT / name for name in NAMED_PAGES), *sorted((ROOT / "docs").rglob("*.md"))]
NAMED = re.compile(r"(?<![\w/.-])((?:flows|tasks|tests|deploy|expectations|bench)/[\w./*-]+\.(?:py|yaml))")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    # In docs/promises.md names of tests are below tests/, and a test of its own looks for them.
    text = re.sub(r"`(?:flows|deploy|unit|public_data)/test_\w+\.py::\w+`", "", page.read_text("utf-8"))
    for name in NAMED.findall(text):
        path = name.rstrip(".,:*").split("*")[0]
        found = (ROOT / path, page.parent / path)
        assert any(one.exists() for one in found) or list(ROOT.glob(f"{path}*")), f"{page.name} names {name}"
