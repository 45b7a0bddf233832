"""What narrows holds from the moment that a refresh begins, whatever becomes of it; what widens waits for a release."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from freshet.tasks.errors import AccessCheckFailed, ConcurrentWriter
from freshet.tasks.governance.roster import asker_of, load_roster
from freshet.tasks.rules.verdicts import verdict
from freshet.tasks.search.retrieve import search
from freshet.tasks.settings.file import load_project
from tests.flows.conftest import Project
from tests.flows.killer import embed_by_hash, read_embedded

PAGES = 24
"""Documents: enough that most of them going needs somebody's word."""

FAULTS: dict[str, Callable[[Project, pytest.MonkeyPatch], Any]] = {
    "nothing": lambda project, patch: None,
    "the source is gone": lambda project, patch: shutil.rmtree(project.folder / "docs"),
    "the source is empty": lambda project, patch: _remove(project, PAGES),
    "half of the source is gone": lambda project, patch: _remove(project, PAGES // 2),
    "the gate rejects": lambda project, patch: _reject(patch),
}


def _remove(project: Project, count: int) -> None:
    for number in range(count):
        (project.folder / "docs" / f"{number:02}.md").unlink()


def _reject(patch: pytest.MonkeyPatch) -> None:
    from freshet.tasks.index.gate import evaluate

    patch.setattr(evaluate, "examine_head", lambda run: [verdict("GATE-VECTOR", chunks=1)])


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where refreshes note what they embed, by hash and not by the model."""
    embed_by_hash(monkeypatch, tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def released_folder(tmp_path_factory: pytest.TempPathFactory, prefect_server: str) -> Path:
    folder = tmp_path_factory.mktemp("released")
    with pytest.MonkeyPatch.context() as patch:
        embed_by_hash(patch, folder)
        project = Project(folder / "project")
        for number in range(PAGES):
            project.write(f"{number:02}.md", f"# Page {number}\n\nPage {number} says {number * 7919} of the spring.\n")
        _allow(project, ["group:staff", "group:press"])
        assert project.refresh()["outcome"] == "released"
    return folder / "project"


@pytest.fixture
def released(released_folder: Path, tmp_path: Path, notes: Path) -> Project:
    """24 documents for two groups, released once."""
    shutil.copytree(released_folder, tmp_path / "project")
    return Project(tmp_path / "project", json.loads((released_folder / "settings.json").read_text()))


def _allow(project: Project, acl: Any, *rules: tuple[str, Any]) -> None:
    project.source["acl"] = acl
    project.source["access"] = [{"path": path, "acl": said} for path, said in rules]
    project.save()
    (project.folder / "settings.json").write_text(json.dumps(project.settings))


def shown(project: Project, *as_: str) -> set[str]:
    """Paths of the documents that somebody finds: every page speaks of the spring."""
    loaded, now = load_project(project.config), datetime.now(UTC)

    def no_vector(release: object, text: str) -> Any:
        raise AssertionError("full text needs no vector")

    answer = search(
        project.store, "docs", "spring", asker=asker_of(as_, load_roster(loaded), now), mode="text", limit=100,
        now=now, embed_query=no_vector,
    )  # fmt: skip
    return {hit.uri.removeprefix("docs/") for hit in answer.hits}


ALL = {f"{number:02}.md" for number in range(PAGES)}
HALF = {f"{number:02}.md" for number in range(PAGES // 2)}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_narrows_is_in_force_whatever_becomes_of_the_run(
    fault: str, released: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An expression loses the press, and a rule closes one page to all but the board."""
    assert shown(released, "group:press") == shown(released, "group:staff") == ALL
    _allow(released, ["group:staff"], ("03.md", ["group:board", "group:staff"]), ("04.md", ["group:board"]))
    with monkeypatch.context() as patch:
        FAULTS[fault](released, patch)
        report = released.refresh()
    assert report["outcome"] == ("rejected" if fault == "the gate rejects" else "released"), report
    assert shown(released, "group:press") == set(), "whom the expression no longer names"
    assert shown(released, "group:staff") == ALL - {"04.md"}, "withheld documents go on serving those who may see them"
    assert report["access"]["documents"] == PAGES
    assert read_embedded(released.folder.parent) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_what_widens_waits_for_the_gate_and_for_nothing_else(
    fault: str, released: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    _allow(released, ["group:staff", "group:press", "group:board"], ("04.md", ["everyone"]))
    with monkeypatch.context() as patch:
        FAULTS[fault](released, patch)
        released.refresh()
    is_open = fault != "the gate rejects"
    assert shown(released, "group:board") == (ALL if is_open else set())
    assert shown(released) == ({"04.md"} if is_open else set())
    if not is_open:
        assert released.refresh()["outcome"] == "released"
        assert (shown(released, "group:board"), shown(released)) == (ALL, {"04.md"})


def test_a_change_of_an_expression_writes_no_chunk_and_no_row_of_a_document(released: Project) -> None:
    before = released.versions()
    _allow(released, {"all": [["group:staff", "group:press"], ["group:site"]], "none": ["user:eve"]})
    report = released.refresh()
    assert (report["outcome"], report["documents"]["access_changed"]) == ("released", PAGES)
    assert report["access"] == {"classes": 1, "documents": PAGES, "chunks": 0}
    assert released.versions() == before
    assert (shown(released, "group:staff"), shown(released, "group:staff", "group:site")) == (set(), ALL)
    assert shown(released, "group:press", "group:site", "user:eve") == set()
    assert released.refresh()["outcome"] == "unchanged"
    assert released.versions() == before


def test_a_rule_writes_the_chunks_of_its_documents_again_and_tells_how_many(released: Project, notes: Path) -> None:
    _allow(released, ["group:staff", "group:press"], ("0*.md", ["group:board"]))
    report = released.refresh()
    assert report["access"] == {"classes": 0, "documents": 10, "chunks": 10}
    assert (report["documents"]["access_changed"], report["documents"]["unchanged"]) == (10, PAGES - 10)
    assert read_embedded(notes) == []
    rows = released.ledger().to_pylist()
    assert all(row["access"] == row["chunks_access"] for row in rows)
    carried = {row["doc_id"]: row["access"] for row in released.chunks().to_pylist()}
    assert carried == {row["doc_id"]: row["access"] for row in rows}


@pytest.mark.parametrize("number", [1, 2])
def test_a_rollback_takes_back_neither_a_narrowing_nor_a_widening(released: Project, number: int) -> None:
    """Release 2 narrowed one page by an expression, opened another one by a rule, and closed a third by a rule."""
    _allow(
        released, ["group:staff", "group:press"],
        ("01.md", ["everyone"]), ("02.md", ["group:board"]), ("03.md", ["group:staff"]),
    )  # fmt: skip
    released.refresh()

    def seen() -> dict[str, set[str]]:
        return {one: shown(released, one) for one in ("everyone", "group:press", "group:board")}

    now = seen()
    assert now == {
        "everyone": {"01.md"}, "group:press": ALL - {"02.md", "03.md"}, "group:board": {"01.md", "02.md"},
    }  # fmt: skip
    released.freshet_json("rollback", "docs", str(number))
    assert seen() == now
    _allow(released, ["group:staff"], ("01.md", ["everyone"]), ("02.md", ["group:board"]), ("03.md", ["group:staff"]))
    released.refresh()
    released.freshet_json("rollback", "docs", str(number))
    assert seen() == {**now, "group:press": {"01.md"}}


def test_an_override_opens_nothing_that_the_gate_had_not_seen(
    released: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gate rejects; then the settings open everything, and the run dies before it has done anything more."""
    from freshet.tasks.documents.begin import begin_run
    from freshet.tasks.index.access import apply_access

    with monkeypatch.context() as patch:
        _reject(patch)
        released.write("new.md", "# New\n\nNew says 5 of the spring.\n")
        assert released.refresh()["outcome"] == "rejected"
    _allow(released, ["everyone"])
    apply_access(begin_run(released.config, "docs", None, "run", "refresh-docs"))
    assert shown(released) == set()
    released.freshet("gate", "docs", "--override", "--reason", "it is fine")
    assert (shown(released), shown(released, "group:press")) == (set(), ALL | {"new.md"})
    assert released.refresh()["outcome"] == "released"
    assert shown(released) == ALL | {"new.md"}


def test_maintenance_opens_nothing(released: Project) -> None:
    from freshet.tasks.documents.begin import begin_run
    from freshet.tasks.index.access import apply_access
    from freshet.tasks.index.release import republish
    from freshet.tasks.ledger.releases import find_standing

    _allow(released, ["everyone"])
    apply_access(begin_run(released.config, "docs", None, "run", "refresh-docs"))
    standing = find_standing(released.store, "docs")
    assert standing is not None
    live = standing.live
    full = next(one for one in _releases(released) if one.release == live.release)
    republish(
        released.store, full, table_version=live.table_version, ledger_version=live.ledger_version,
        now=datetime.now(UTC),
    )  # fmt: skip
    assert (shown(released), shown(released, "group:staff")) == (set(), ALL)


def _releases(project: Project) -> list[Any]:
    from freshet.tasks.ledger.releases import list_releases

    return list_releases(project.store, "docs")


def test_a_class_of_which_nothing_is_known_lets_nobody_in(released: Project) -> None:
    table = released.store.ledger.find("access_classes")
    assert table is not None
    table.update(values={"access": "other"}, where="true")
    assert shown(released, "group:staff", "group:press", "everyone") == set()


@pytest.mark.parametrize("fault", ["emptied", "gone", "damaged"])
def test_where_it_cannot_be_read_what_classes_mean_nothing_is_shown(released: Project, fault: str) -> None:
    folder = released.folder / "store" / "ledger" / "access_classes.lance"
    if fault == "gone":
        shutil.rmtree(folder)
    elif fault == "damaged":
        for file in (folder / "data").iterdir():
            file.write_bytes(b"")
    else:
        table = released.store.ledger.find("access_classes")
        assert table is not None
        table.delete("true")
    with pytest.raises(AccessCheckFailed, match="nothing is shown"):
        shown(released, "group:staff")
    done = released.freshet("search", "spring", "--corpus", "docs", "--mode", "text", "--json", code=1)
    assert (done.stdout, "Traceback" in done.stderr) == ("", False)


def test_a_source_that_the_settings_leave_keeps_its_access_until_its_documents_are_withdrawn(
    released: Project,
) -> None:
    released.settings["corpora"]["docs"]["sources"] = [
        {"folder": "other", "name": "other", "owner": "me", "acl": ["everyone"]}
    ]
    (released.folder / "other").mkdir()
    (released.folder / "other" / "page.md").write_text("# Other\n\nAnother spring.\n")
    released.save()
    report = released.refresh()
    assert (report["documents"]["withheld"], report["outcome"]) == (PAGES, "released")
    assert (shown(released), shown(released, "group:press")) == ({"other/page.md"}, ALL | {"other/page.md"})


def test_groups_come_from_the_roster(released: Project) -> None:
    released.settings["roster"] = {"file": "groups.yaml", "max_age": "7d"}
    _allow(released, {"all": [["group:staff"]], "none": ["group:leavers"]})
    file = released.folder / "groups.yaml"
    file.write_text(
        "groups:\n  group:staff: [user:ada, group:site]\n  group:site: [user:eve, user:bob]\n"
        "  group:leavers: [user:eve]\n"
    )
    assert released.refresh()["outcome"] == "released"
    assert (shown(released, "user:ada"), shown(released, "user:bob")) == (ALL, ALL)
    assert (shown(released, "user:eve"), shown(released, "user:zoe")) == (set(), set())
    file.write_text("as_of: 2026-01-01T00:00:00Z\n" + file.read_text())
    assert shown(released, "user:ada") == shown(released, "group:staff") == set(), "nobody knows who has left"
    done = released.freshet("search", "spring", "--corpus", "docs", "--as", "user:ada", "--mode", "text")
    assert "the roster is of 2026-01-01 00:00 UTC and is not believed any more" in done.stderr
    file.unlink()
    assert "groups.yaml does not exist" in released.freshet("search", "spring", "--corpus", "docs", code=1).stderr


def test_access_is_explained_as_it_is(released: Project) -> None:
    _allow(released, {"all": [["group:staff"], ["group:site"]], "none": ["user:eve"]}, ("01.md", ["group:press"]))
    released.refresh()
    classes = released.freshet_json("access", "list", "docs")["classes"]
    assert [(row["rule"], row["acl"], row["documents"], row["following"]) for row in classes] == [
        ("01.md", ["group:press"], 1, 0),
        (None, {"all": [["group:site"], ["group:staff"]], "none": ["user:eve"]}, PAGES - 1, 0),
    ]
    found = released.freshet_json("access", "explain", "group:staff", "02.md")
    assert (found["may_see"], found["reasons"]) == (False, ["its class: whoever asks is none of group:site"])
    found = released.freshet_json("access", "explain", "group:press", "docs/01.md", "--corpus", "docs")
    assert (found["may_see"], found["reasons"]) == (True, ["its class lets in group:press"])
    _allow(released, {"all": [["group:staff"], ["group:site"]]}, ("01.md", ["group:press", "group:board"]))
    with pytest.MonkeyPatch.context() as patch:
        _reject(patch)
        released.refresh()
    found = released.freshet_json("access", "explain", "group:board", "01.md")
    assert (found["may_see"], found["now"]["next"]) == (False, ["group:board", "group:press"])
    told = released.freshet("access", "explain", "group:board", "01.md").stdout
    assert "once a release is published: group:board, group:press" in told
    assert "holds no document" in released.freshet("access", "explain", "user:a", "nothing.md", code=1).stderr
    assert "is no principal" in released.freshet("access", "explain", "ada", "01.md", code=1).stderr


def test_what_was_withdrawn_stays_withdrawn_beside_a_copy_after_a_rollback(released: Project) -> None:
    """Two files of the same text, each for a group of its own, so that neither answers for the other."""
    text = (released.folder / "docs" / "00.md").read_text()
    released.write("press.md", text)
    _allow(released, ["group:staff"], ("press.md", ["group:press"]))
    released.refresh()
    both = ("group:staff", "group:press")
    assert shown(released, *both) == ALL | {"press.md"}
    (released.folder / "docs" / "00.md").unlink()
    released.refresh()
    released.freshet_json("rollback", "docs", "2")
    assert shown(released, *both) == (ALL - {"00.md"}) | {"press.md"}


def test_of_two_documents_with_one_text_it_is_explained_as_which_it_is_shown(released: Project) -> None:
    """One answers for the other; then it is closed, and no release has brought the other one back yet."""
    released.write("copy.md", (released.folder / "docs" / "00.md").read_text())
    released.refresh()
    explain = ("access", "explain", "group:press")
    hidden, kept = sorted(
        ("00.md", "copy.md"), key=lambda path: released.freshet_json(*explain, path)["document"]["shown_as"] is None
    )
    found = released.freshet_json(*explain, hidden)
    assert (found["may_see"], found["document"]["shown_as"]) == (True, kept)
    _allow(released, ["group:staff", "group:press"], (kept, ["group:staff"]))
    with pytest.MonkeyPatch.context() as patch:
        _reject(patch)
        released.refresh()
    assert shown(released, "group:press") == ALL - {"00.md"}
    found = released.freshet_json(*explain, hidden)
    why = f"its text is in the release as that of {kept}: its class now: whoever asks is none of group:staff"
    assert (found["may_see"], found["reasons"]) == (False, [why])
    assert released.refresh()["outcome"] == "released"
    assert shown(released, "group:press") == ALL - {"00.md"} | {hidden}
    assert released.freshet_json(*explain, hidden)["may_see"]


def test_what_another_machine_widened_while_the_gate_examined_is_not_published_by_it(released: Project) -> None:
    """Its settings open everything; only the meaning of a class changes by that, and no table of the corpus."""
    from freshet.tasks.documents.begin import begin_run
    from freshet.tasks.index.access import apply_access
    from freshet.tasks.index.release import read_head, record_decision

    run = begin_run(released.config, "docs", None, "run", "refresh-docs")
    head = read_head(run)
    assert head is not None
    _allow(released, ["everyone"])
    apply_access(begin_run(released.config, "docs", None, "other", "refresh-docs"))
    with pytest.raises(ConcurrentWriter, match=r"change 1 of access became .*change 2 of access"):
        record_decision(run, head, "published", [])
    assert shown(released) == set()


def test_classes_whose_meaning_was_lost_let_nobody_in_until_a_release_says_what_they_mean(released: Project) -> None:
    shutil.rmtree(released.folder / "store" / "ledger" / "access_classes.lance")
    _allow(released, ["everyone"])
    with pytest.MonkeyPatch.context() as patch:
        _reject(patch)
        assert released.refresh()["outcome"] == "rejected"
    assert shown(released, "group:staff") == set()
    assert released.refresh()["outcome"] == "released"
    assert shown(released) == ALL
