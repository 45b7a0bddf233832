"""What all tests share: where the public data is, and projects made of small real files."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

COMMAND = "from freshet.flows.command.app import main; main()"
"""The command without what needs a Prefect server, for `python -c`."""


@pytest.fixture(scope="session")
def public_data() -> Path:
    """The folder of public test data; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("FRESHET_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("needs the public test data: set FRESHET_TEST_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def handbook(public_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Path], None]:
    """Lays a state of the public handbook (`before`, `after`) into a folder, replacing what differs."""
    unpacked = tmp_path_factory.mktemp("handbook")
    for state in ("before", "after"):
        with tarfile.open(public_data / "handbook" / f"{state}.tar.gz") as archive:
            archive.extractall(unpacked / state, filter="data")

    def lay(state: str, folder: Path) -> None:
        new = {p.relative_to(unpacked / state): p for p in (unpacked / state).rglob("*") if p.is_file()}
        for old in [p for p in folder.rglob("*") if p.is_file()]:
            if old.relative_to(folder) not in new:
                old.unlink()
        for path, file in new.items():
            target = folder / path
            if not target.exists() or target.read_bytes() != file.read_bytes():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.read_bytes())

    return lay
