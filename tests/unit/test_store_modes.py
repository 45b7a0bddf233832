"""Who on this machine may read what is written: by default its owner, and others where `store_mode` lets them."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow as pa
import pytest
import yaml

from freshet.tasks.doctor.examine import examine, repair
from freshet.tasks.errors import StoreError
from freshet.tasks.runs.run import store_of
from freshet.tasks.settings.file import find_problems, load_project
from freshet.tasks.settings.types import STORE_MODES
from freshet.tasks.store.locks import brief_lock, hold_corpus, is_held
from freshet.tasks.store.modes import written_with
from freshet.tasks.store.tables import Store

BUCKET = "s3://bucket/prefix"


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """The umask that most systems have, whatever that of whoever runs the tests."""
    before = os.umask(0o022)
    yield
    assert os.umask(before) == 0o022, "the process has its own umask again"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def modes(root: Path) -> dict[str, int]:
    """The modes of a folder and of all that is below it, without the mark that its group is handed down."""
    return {str(one.relative_to(root)): mode(one) & 0o777 for one in (root, *root.rglob("*"))}


def hold(store: Store, told: list[str] | None = None) -> Any:
    return hold_corpus(store, "docs", "refresh", timedelta(0), (told if told is not None else []).append)


def fill(store: Store) -> None:
    """Writes as a run does: a table, what only a library writes, a work file, and a file of another process."""
    with hold(store):
        schema = pa.schema([("name", pa.string())])
        table = store.corpus("docs").open("anything", schema)
        table.add(pa.table({"name": ["a", "b"]}, schema))
        table.delete("name = 'a'")
        table.optimize()
        work = store.work_folder("docs")
        work.mkdir(parents=True)
        (work / "listing").write_text("x")
        subprocess.run([sys.executable, "-c", f"open({str(work / 'child')!r}, 'w').close()"], check=True)
    with brief_lock(store, "docs"):
        pass


def project(folder: Path, **settings: Any) -> Any:
    source = {"folder": "docs", "name": "docs", "owner": "me", "acl": ["everyone"]}
    (folder / "docs").mkdir(exist_ok=True)
    (folder / "freshet.yaml").write_text(yaml.safe_dump({"corpora": {"docs": {"sources": [source]}}, **settings}))
    return load_project(folder / "freshet.yaml")


@pytest.mark.parametrize(("name", "wanted"), STORE_MODES.items())
def test_all_of_a_store_has_the_mode_that_the_settings_say(tmp_path: Path, name: str, wanted: int) -> None:
    store = store_of(project(tmp_path, store="./store", store_mode=name))
    fill(store)
    found = modes(tmp_path / "store")
    assert len(found) > 10
    for path, one in found.items():
        assert one == (wanted if (tmp_path / "store" / path).is_dir() else wanted & 0o666), path
    assert bool(mode(tmp_path / "store") & stat.S_ISGID) is bool(wanted & 0o070)


def test_a_store_is_private_where_nothing_is_said(tmp_path: Path) -> None:
    store = store_of(project(tmp_path))
    fill(store)
    assert set(modes(tmp_path / ".freshet").values()) == {0o700, 0o600}


def test_a_decision_that_is_written_without_a_lock_is_private_as_well(tmp_path: Path) -> None:
    Store(str(tmp_path / "store")).ledger.append("anything", pa.schema([("name", pa.string())]), [{"name": "a"}])
    assert set(modes(tmp_path / "store").values()) == {0o700, 0o600}


@pytest.mark.parametrize("written", ["everybody", "0777", "0600", "750", "0707", "", 750, 0o750, True, ["group"]])
def test_a_mode_that_there_is_not_is_refused_with_those_that_there_are(tmp_path: Path, written: Any) -> None:
    project(tmp_path)
    (tmp_path / "freshet.yaml").write_text(yaml.safe_dump({"store_mode": written}))
    (problem,) = find_problems(tmp_path / "freshet.yaml")
    assert problem.where == "store_mode"
    assert '"0750"' in problem.mend


def test_a_store_of_an_earlier_version_is_closed_by_the_next_writer_who_says_so(tmp_path: Path) -> None:
    store, told = Store(str(tmp_path / "store"), 0o755), list[str]()
    fill(store)
    outside = tmp_path / "mine"
    outside.write_text("x")
    (tmp_path / "store" / "reports").mkdir()
    (tmp_path / "store" / "reports" / "link").symlink_to(outside)
    store = Store(store.address)
    assert store.corpus("docs").names() == ["anything"]
    assert is_held(store, "docs") is False
    assert mode(tmp_path / "store") & 0o777 == 0o755, "looking alters nothing"
    with hold(store, told):
        pass
    (tmp_path / "store" / "reports" / "link").unlink()
    assert set(modes(tmp_path / "store").values()) == {0o700, 0o600}
    assert mode(outside) == 0o644, "what a link points to is not the store's"
    assert told == [f"the mode of the store {store.address} was 0755 and is 0700 now, as store_mode says"]
    with hold(store, told):
        pass
    assert len(told) == 1


def test_a_store_is_opened_to_a_group_with_all_that_is_in_it_and_that_is_said(tmp_path: Path) -> None:
    fill(Store(str(tmp_path / "store")))
    told = list[str]()
    with hold(Store(str(tmp_path / "store"), 0o750), told):
        pass
    assert set(modes(tmp_path / "store").values()) == {0o750, 0o640}
    assert [one.split(" was ")[1] for one in told] == ["0700 and is 0750 now, as store_mode says"]


def test_the_doctor_tells_of_a_store_that_is_open_to_others_and_closes_it(tmp_path: Path) -> None:
    found = project(tmp_path)
    fill(Store(found.store, 0o755))
    (one,) = [one for one in examine(found) if one.code == "DOCTOR-STORE-OPEN"]
    assert "its mode is 0755, and should be 0700" in one.what
    done = repair(found, (), timedelta(0), lambda _: None)
    assert ("DOCTOR-STORE-OPEN", []) in [(one.code, lost) for one, lost in done.mended]
    assert set(modes(Path(found.store)).values()) == {0o700, 0o600}


def test_a_store_that_somebody_else_owns_is_written_to_and_the_doctor_still_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, told = project(tmp_path), list[str]()
    fill(Store(found.store, 0o755))

    def refused(*_: Any, **__: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refused)
    with hold(store_of(found), told):
        pass
    assert told == []
    done = repair(found, (), timedelta(0), lambda _: None)
    assert "DOCTOR-STORE-OPEN" in [one.code for one in done.left]


def test_what_is_written_at_once_has_the_stricter_mode_and_the_process_its_own_umask_again(tmp_path: Path) -> None:
    with written_with(0o750):
        with written_with(0o700):
            (tmp_path / "both").touch()
        (tmp_path / "one").touch()
        thread = Thread(target=(tmp_path / "thread").touch)
        thread.start()
        thread.join()
    (tmp_path / "none").touch()
    assert {one.name: mode(one) for one in tmp_path.iterdir()} == {
        "both": 0o600, "one": 0o640, "thread": 0o640, "none": 0o644,
    }  # fmt: skip


# ---- the work folder of a store in a bucket


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "freshet"


def test_work_files_locks_and_copies_of_a_bucket_are_in_a_private_folder_of_the_user(state: Path) -> None:
    store = Store(BUCKET, 0o755)
    paths = [store.work_folder("docs"), store.cache_folder("docs"), store.lock_file("docs")]
    assert is_held(store, "docs") is False
    assert not state.exists(), "asking makes no folder"
    with hold(store):
        assert is_held(store, "docs") is True
        paths[0].mkdir(parents=True)
    assert all(one.is_relative_to(state) for one in paths)
    assert len({one.parent.parent for one in paths}) == 1
    assert Store("s3://bucket/other").lock_file("docs") != paths[2]
    assert set(modes(state).values()) == {0o700, 0o600}


@pytest.mark.parametrize("part", [".", "x"])
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("open", "others may look into it \\(mode 0755\\)"),
        ("link", "it is a link"),
        ("file", "it is a file"),
        ("another's", "it belongs to another user"),
    ],
)
def test_a_work_folder_that_somebody_made_in_advance_is_refused(
    state: Path, tmp_path: Path, part: str, wrong: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(BUCKET)
    folder = state if part == "." else store.lock_file("docs").parents[1]
    folder.parent.mkdir(mode=0o700, parents=True)
    if wrong == "link":
        (tmp_path / "theirs").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "theirs")
    elif wrong == "file":
        folder.touch(0o600)
    else:
        folder.mkdir(0o755 if wrong == "open" else 0o700)
    if wrong == "another's":
        me = os.geteuid()
        monkeypatch.setattr("freshet.tasks.store.modes.os.geteuid", lambda: me + 1)
    for act in (lambda: store.work_folder("docs"), lambda: is_held(store, "docs"), lambda: hold(store).__enter__()):
        with pytest.raises(StoreError, match=said) as error:
            act()
        assert "XDG_STATE_HOME" in error.value.mend
    assert not (tmp_path / "theirs").exists() or not list((tmp_path / "theirs").iterdir())


def test_a_user_whose_home_is_read_only_has_the_folder_in_the_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setattr("freshet.tasks.store.modes.os.access", lambda *_: False)  # root may write anywhere
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    store = Store(BUCKET)
    with hold(store):
        pass
    own = tmp_path / f"freshet-{os.geteuid()}"
    assert store.lock_file("docs").is_relative_to(own)
    assert set(modes(own).values()) == {0o700, 0o600}
