"""What all tests share: where the public data is, and projects made of small real files."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parents[1]

PUBLIC_DATA = Path(os.environ.get("FRESHET_TEST_DATA") or ROOT.parent / "shared" / "data")
NO_PUBLIC_DATA = "needs the public test data: set FRESHET_TEST_DATA to its folder"

COMMAND = "from freshet.flows.command.app import main; main()"
"""The command without what needs a Prefect server, for `python -c`."""

# An example that takes long says that the machine is busy, and nothing of the code.
settings.register_profile("freshet", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("freshet")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says in one line how many tests were skipped for which reason."""
    reasons = Counter(_reason(report) for report in terminalreporter.getreports("skipped"))
    told = "; ".join(f"{count} × {reason}" for reason, count in reasons.most_common()) or "none"
    terminalreporter.write_line(f"Skipped tests: {told}")


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    where_and_why = report.longrepr
    assert isinstance(where_and_why, tuple)
    return str(where_and_why[2]).removeprefix("Skipped: ")


@pytest.fixture(scope="session", autouse=True)
def _state_home(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Stores in a bucket have their work folder here, and not in the home of whoever runs the tests."""
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API address of a Prefect server of our own: one a process, since the environment can name one only."""
    from tests.servers import a_prefect_server

    with a_prefect_server(tmp_path_factory.mktemp("prefect")) as api:
        yield api


@pytest.fixture(scope="session")
def public_data() -> Path:
    """The folder of public test data; tests that need it are skipped where it is absent."""
    if not PUBLIC_DATA.is_dir():
        pytest.skip(NO_PUBLIC_DATA)
    return PUBLIC_DATA


@dataclass(frozen=True)
class Handbook:
    """A handbook in two states, `before` and `after` some changes, each in a folder of that name.

    Attributes:
        name: bundled (examples/handbook, always there) or public.
        part: a folder of it, "" for the whole, in which all documents can be read but those below `unreadable`.
        moving: a folder of the part, to be given another name.
    """

    name: str
    folder: Path
    part: str
    unreadable: str
    moving: str

    def lay(self, state: str, folder: Path) -> None:
        """Lays a state into a folder, replacing what differs."""
        new = {p.relative_to(self.folder / state): p for p in (self.folder / state).rglob("*") if p.is_file()}
        for old in [p for p in folder.rglob("*") if p.is_file()]:
            if old.relative_to(folder) not in new:
                old.unlink()
        for path, file in new.items():
            target = folder / path
            if not target.exists() or target.read_bytes() != file.read_bytes():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.read_bytes())


@pytest.fixture(scope="session", params=["bundled", "public"])
def handbook(request: pytest.FixtureRequest) -> Handbook:
    """The bundled handbook; and once more the public one, where that is there."""
    found: Handbook = request.getfixturevalue(f"{request.param}_handbook")
    return found


@pytest.fixture(scope="session")
def public_handbook(public_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Handbook:
    unpacked = tmp_path_factory.mktemp("handbook")
    for state in ("before", "after"):
        with tarfile.open(public_data / "handbook" / f"{state}.tar.gz") as archive:
            archive.extractall(unpacked / state, filter="data")
    assert len(list((unpacked / "before").rglob("*.md"))) > 250
    return Handbook("public", unpacked, "pages/tools", "none", "slack")


@pytest.fixture(scope="session")
def bundled_handbook(tmp_path_factory: pytest.TempPathFactory) -> Handbook:
    folder = tmp_path_factory.mktemp("bundled")
    before, after = folder / "before", folder / "after"
    for state in (before, after):
        shutil.copytree(ROOT / "examples" / "handbook", state)
    page = after / "leave" / "annual-leave.md"
    page.write_text(page.read_text("utf-8") + "\n## Birthdays\n\nNobody has to work on a birthday of ten years.\n")
    page = after / "travel" / "travel-and-expenses.md"
    page.write_text(page.read_text("utf-8").replace("travel for work", "travel for the cooperative", 1))
    (after / "leave" / "sick-leave.md").rename(after / "leave" / "illness.md")
    (after / "members" / "damage-claims.md").unlink()
    (after / "members" / "open-day.md").write_text("# Open day\n\nMembers may see the works on the first of May.\n")
    return Handbook("bundled", folder, "", "operations", "travel")
