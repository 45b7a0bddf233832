"""What the README shows is what a reader gets."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

from tests.conftest import ROOT
from tests.flows.conftest import Project

README = (ROOT / "README.md").read_text("utf-8")
PASSING = [(r"\d+\.\d s\b", "N s"), (r"verified \d{4}-\d\d-\d\d", "verified D"), (r"score \d\.\d{3}", "score N")]
"""What differs from run to run."""


def _plain(text: str) -> str:
    for pattern, instead in PASSING:
        text = re.sub(pattern, instead, text)
    return text


def _transcript() -> list[tuple[list[str], list[str]]]:
    """(words of a command, lines that it prints) of the transcript."""
    block = re.search(r"```\n(\$ freshet refresh.*?)```", README, re.DOTALL)
    assert block
    steps = []
    for part in block[1].split("$ freshet ")[1:]:
        command, *lines = part.strip().split("\n")
        steps.append((shlex.split(command), [line for line in lines if line.strip(" …")]))
    return steps


def test_the_commands_of_the_readme_print_what_it_shows(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    shutil.copy(ROOT / "freshet.yaml", tmp_path)
    project = Project.__new__(Project)
    project.folder = tmp_path
    for words, shown in _transcript():
        printed = _plain(project.freshet(*words).stdout)
        for line in shown:
            for piece in _plain(line).split("…"):
                assert piece.strip() in printed, (words, piece, printed)


def test_every_file_that_the_documentation_links_to_is_there() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    for page in [*pages, ROOT / "bench" / "README.md", ROOT / "examples" / "README.md"]:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"
