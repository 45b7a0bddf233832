"""What shows an owner more than others may see says so, in its help and on the page of the commands."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.conftest import COMMAND, ROOT

VIEWS = (
    "gate", "document", "quarantine", "trace", "access list", "access explain", "dataset show", "dataset diff",
    "dataset review",
)  # fmt: skip
PAGE = (ROOT / "docs" / "commands.md").read_text()


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_of_owners_says_so_in_its_help_and_in_the_docs(view: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *view.split(), "--help"], capture_output=True, text=True, check=True
    )
    told = re.sub(r"\s+", " ", done.stdout)
    assert "An owner's view" in told
    assert "whoever can read the store's files" in told
    section = PAGE.split(f"## freshet {view} ", 1)[1].split("\n## ", 1)[0]
    assert "[owner's view](#an-owners-view)" in section
    assert f"`{view}`" in PAGE.split("## An owner's view", 1)[1].split("\n## ", 1)[0]
