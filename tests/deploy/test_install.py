"""What is installed: one import name, in a wheel and in an archive of the repository, whatever a project has itself."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.servers import Site
from tests.waiting import PATIENCE

LINKS = ("deploy", "expectations", "flows", "tasks")
"""What freshet/ holds as links to the folders beside it."""

pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs a git checkout of the repository")


def _run(words: Sequence[str], folder: Path, *path: Path) -> subprocess.CompletedProcess[str]:
    """Runs a program in a folder, with these folders on the path of Python and nothing else of this process's."""
    ours = ("PYTHON", "PREFECT_", "FRESHET_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment = {**kept, "PYTHONPATH": os.pathsep.join(map(str, path)), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        words, cwd=folder, capture_output=True, text=True, check=False, timeout=PATIENCE, env=environment
    )


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`git archive`, unpacked elsewhere: of the files as they are, committed or not."""
    folder = tmp_path_factory.mktemp("archive")
    (folder / "objects").mkdir()
    environment = dict(os.environ)

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    # With an index and a store of objects of its own, so that the checkout stays as it is.
    environment["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = str(ROOT / git("rev-parse", "--git-path", "objects"))
    environment |= {"GIT_INDEX_FILE": str(folder / "index"), "GIT_OBJECT_DIRECTORY": str(folder / "objects")}
    git("read-tree", "HEAD")
    git("add", "--all")
    git("archive", "--output", str(folder / "archive.tar"), git("write-tree"))
    with tarfile.open(folder / "archive.tar") as archive:
        archive.extractall(folder / "freshet", filter="data")
    return folder / "freshet"


@pytest.fixture(scope="module")
def wheel(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that is built of the repository, without asking an index for anything."""
    folder = tmp_path_factory.mktemp("wheel")
    words = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder), str(unpacked)]
    done = _run([sys.executable, "-m", "pip", *words], folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = folder.glob("freshet-*.whl")
    return made


def test_an_archive_of_the_repository_keeps_the_links_and_can_be_imported(unpacked: Path, tmp_path: Path) -> None:
    assert {name: os.readlink(unpacked / "freshet" / name) for name in LINKS} == {name: f"../{name}" for name in LINKS}
    script = "import freshet.flows.refresh_index as found; print(found.__file__)"
    done = _run([sys.executable, "-c", script], unpacked)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()) == unpacked / "freshet" / "flows" / "refresh_index.py"


def test_the_wheel_holds_freshet_and_nothing_else_at_the_top(wheel: Path, unpacked: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        found = set(opened.namelist())
    tops = {name.partition("/")[0] for name in found}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"freshet"}
    assert len(tops) == 2
    code = {one for top in LINKS for one in (unpacked / top).rglob("*.py")}
    wanted = {f"freshet/{one.relative_to(unpacked).as_posix()}" for one in code} | {
        f"{one.relative_to(unpacked).as_posix()}" for one in (unpacked / "freshet").rglob("*.py")
    }
    assert {one for one in found if one.endswith(".py")} == wanted
    data = {f"freshet/deploy/{one.name}" for one in (unpacked / "deploy").iterdir() if one.suffix in (".yaml", ".json")}
    data |= {"freshet/deploy/env.example", "freshet/tasks/answers/answer.md.j2", "freshet/py.typed"}
    data |= {f"freshet/tasks/service/{one}" for one in ("page/page.html", "reports/reports.html")}
    assert data >= {"freshet/deploy/prefect.yaml", "freshet/deploy/automations.yaml"}
    assert {one for one in found if one.startswith("freshet/") and not one.endswith(".py")} == data


def test_the_command_runs_in_a_project_with_modules_that_are_called_like_ours(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as opened:
        opened.extractall(installed)
    site = Site(tmp_path / "project")
    for name in LINKS:
        theirs = site.folder / name / "__init__.py"
        theirs.parent.mkdir()
        theirs.write_text(f"raise ImportError('this is not the {name} of Freshet')\n")
    # With `-m` the working folder comes first on the path; and the project is on it once more.
    checked = _run([sys.executable, "-m", "freshet.deploy.cli", "check"], site.folder, site.folder, installed)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    where = _run([sys.executable, "-c", "import freshet; print(freshet.__file__)"], site.folder, site.folder, installed)
    assert Path(where.stdout.strip()) == installed / "freshet" / "__init__.py"
    theirs = _run([sys.executable, "-c", "import tasks"], site.folder, site.folder, installed)
    assert "this is not the tasks of Freshet" in theirs.stderr, "it is theirs that Python would find"
