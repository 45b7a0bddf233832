"""A refresh killed anywhere is resumed by running it again, and no reader saw that it was ever half done."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from freshet.tasks.governance.expressions import Asker, Expression
from freshet.tasks.ledger.access_classes import in_force, list_classes
from freshet.tasks.ledger.releases import find_standing
from tests.chaos import some_of
from tests.flows import kill_points, killer
from tests.flows.conftest import Project
from tests.flows.killer import Fault, embed_by_hash, forget_ctime, read_embedded
from tests.flows.reader import Reader
from tests.waiting import PATIENCE

RENAMED = 12  # enough that their withdrawal would need somebody's word, did nobody see that they moved
WITHDRAWN = 3
Passage = tuple[str, int, int]
View = frozenset[Passage]


def _document(name: str, *passages: str) -> str:
    lines = [f"# About {name}"]
    for number, passage in enumerate(passages or ("first", "second")):
        lines += [
            f"## Part {number} of {name}",
            f"In spring the {name} says {passage} and says so in a few more words than two of these could share.",
        ]
    return "\n\n".join(lines) + "\n"


STATE_A = {
    "keep/one.md": _document("one"),
    "keep/two.md": _document("two"),
    "edit/a.md": _document("a", "stays", "is rewritten", "goes"),
    "edit/b.md": _document("b", "goes", "stays"),
    "hr/pay.md": _document("pay"),
    **{f"gone/{n}.md": _document(f"gone {n}") for n in range(WITHDRAWN)},
    **{f"folder/{n:02}.md": _document(f"member {n}") for n in range(RENAMED)},
}
STATE_B = {
    "keep/one.md": STATE_A["keep/one.md"],
    "keep/two.md": STATE_A["keep/two.md"],
    "edit/a.md": _document("a", "stays", "has been rewritten"),
    "edit/b.md": _document("b", "stays", "comes"),
    "hr/pay.md": STATE_A["hr/pay.md"],
    **{f"new/{n}.md": _document(f"new {n}") for n in range(4)},
    **{f"moved/{n:02}.md": STATE_A[f"folder/{n:02}.md"] for n in range(RENAMED)},
}
HR = "group:hr"
ACCESS = {"A": [], "B": [{"path": "hr/**", "acl": [HR]}]}


def _lay(project: Project, state: str) -> None:
    """Lays a state of the sources, to the nanosecond: going back to A is going back to A's very hints."""
    shutil.rmtree(project.folder / "docs")
    for path, text in (STATE_A if state == "A" else STATE_B).items():
        file = project.write(path, text)
        seconds = 1_700_000_000 if STATE_A.get(path) == text else 1_700_100_000
        os.utime(file, (seconds, seconds))
    project.source["access"] = ACCESS[state]
    project.settings["corpora"]["docs"] |= {"chunking": {"max_tokens": 40}, "parsing": {"workers": 1}}
    project.save()


@pytest.fixture(autouse=True)
def embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """The texts that refreshes of this process have embedded so far."""
    notes = tmp_path / "notes-here"
    notes.mkdir()
    embed_by_hash(monkeypatch, notes)
    forget_ctime(monkeypatch)
    return lambda: read_embedded(notes)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, prefect_server: str) -> dict[str, Project]:
    """A project with release 1 of state A; and a copy of it, refreshed to state B without a disturbance."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        embed_by_hash(patch, folder)
        forget_ctime(patch)
        (folder / "a").mkdir()
        before = Project(folder / "a")
        _lay(before, "A")
        report = before.refresh()
        assert (report["outcome"], report["documents"]["added"]) == ("released", len(STATE_A)), report
        after = before.copy(folder / "b")
        _lay(after, "B")
        report = after.refresh()
        counts = {name: n for name, n in report["documents"].items() if n}
        assert report["outcome"] == "released", report
        assert counts == {
            "unchanged": 2, "changed": 2, "access_changed": 1, "added": 4, "moved": RENAMED, "withdrawn": WITHDRAWN,
        }  # fmt: skip
    return {"A": before, "B": after}


def _refresh_and_die(project: Project, fault: Fault) -> None:
    notes = project.folder.parent / "notes-killed"
    notes.mkdir(exist_ok=True)
    fault = replace(fault, config=str(project.config), notes=str(notes), without_ctime=True)
    killer.run_and_die(killer.command(fault))
    _assert_all_die(json.loads((notes / "children").read_text()))


def _assert_all_die(pids: list[int]) -> None:
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=PATIENCE)
    alive = [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]
    for process in alive:
        process.kill()
    assert not alive, "parser processes outlived the refresh that started them"


class Views:
    """What a reader saw: distinct views, in the order in which it saw them."""

    def __init__(self, project: Project) -> None:
        self._store = project.store
        self.tables: list[View] = []
        self.answers: list[View] = []

    def look(self) -> None:
        from freshet.tasks.ledger.releases import list_releases, live_release

        live = live_release(list_releases(self._store, "docs"))
        assert live is not None
        pinned = self._store.corpus("docs").at(live.table, live.table_version)
        _note(self.tables, _passages(pinned.to_arrow()))
        _note(self.answers, _ask(self._store, HR))


def _note(views: list[View], view: View) -> None:
    if not views or views[-1] != view:
        views.append(view)


def _passages(chunks: pa.Table) -> View:
    columns = (chunks[name].to_pylist() for name in ("doc_id", "start", "end"))
    return frozenset(zip(*columns, strict=True))


def _ask(store: Any, *groups: str) -> View:
    """Everything that one of the groups can find; every passage has the word in it."""
    from freshet.tasks.search.retrieve import search

    answer = search(
        store, "docs", "spring", asker=Asker(frozenset({"everyone", *groups})), mode="text", limit=500,
        now=datetime.now(UTC), embed_query=_no_vector,
    )  # fmt: skip
    return frozenset((hit.doc_id, *hit.chars) for hit in answer.hits)


def _no_vector(release: object, text: str) -> Any:
    raise AssertionError("full text needs no vector")


@pytest.fixture(scope="module")
def views(undisturbed: dict[str, Project]) -> dict[str, View]:
    """What release 1 and the release of B hold; and what is left of 1 once the ledger knows what has gone."""
    one, two = (_passages(undisturbed[state].chunks()) for state in "AB")
    before, after = (undisturbed[state].ledger() for state in "AB")
    ids, contents = set(after["doc_id"].to_pylist()), set(after["content_hash"].to_pylist())
    # A document that moved is still shown, under the path that the release knows.
    stay = {row["doc_id"] for row in before.to_pylist() if row["doc_id"] in ids or row["content_hash"] in contents}
    assert one == _ask(undisturbed["A"].store, HR) == _ask(undisturbed["A"].store)
    assert two == _ask(undisturbed["B"].store, HR)
    return {"A": one, "B": two, "A without what has gone": frozenset(p for p in one if p[0] in stay)}


def _in_order(seen: list[View], allowed: list[View]) -> bool:
    """Whether the views are some of those allowed, in their order."""
    rest = iter(allowed)
    return all(any(view == other for other in rest) for view in seen)


def _assert_same(found: Project, expected: Project) -> None:
    """Row for row the same tables, but for times and versions."""
    assert found.chunks().equals(expected.chunks().cast(found.chunks().schema))
    passing = ["verified_at", "table_version"]
    ledgers = [project.ledger().drop_columns(passing) for project in (found, expected)]
    assert ledgers[0].to_pylist() == ledgers[1].to_pylist()
    assert _in_force(found) == _in_force(expected)


def _in_force(project: Project) -> dict[str, Expression]:
    """What the access classes of the project's documents mean."""
    standing = find_standing(project.store, "docs")
    assert standing is not None
    known, used = list_classes(project.store, "docs"), set(project.ledger()["access"].to_pylist())
    return {access: one for access, one in in_force(known, standing.published).items() if access in used}


def _id_of(project: Project, path: str) -> str:
    (doc_id,) = [row["doc_id"] for row in project.ledger().to_pylist() if row["path"] == path]
    return str(doc_id)


def _assert_indexed(project: Project) -> None:
    from freshet.tasks.index.indices import declared_for, indexed_columns, unindexed_rows

    tables = project.store.corpus("docs")
    (name,) = [n for n in tables.names() if n.startswith("chunks-")]
    table = tables.find(name)
    assert indexed_columns(table) == set(declared_for(table))
    assert unindexed_rows(table) == 0


HALF_WITHDRAWN = Fault(at=kill_points.DELETE_ROWS, when="after", armed_by=kill_points.WITHDRAW)
BEFORE_ACCESS = "classes on record"
MOMENTS = {
    BEFORE_ACCESS: Fault(at=kill_points.RECORD_SCOPES, when="after"),
    "access in the ledger": Fault(at=kill_points.RESTATE_ACCESS, when="after"),
    "listing": Fault(at=kill_points.LIST_FILE, call=9),
    "parsing": Fault(at=kill_points.ASK_PARSER, call=2, when="stuck"),
    "parse kept": Fault(at=kill_points.KEEP_PARSED, when="after"),
    "embedding": Fault(at=kill_points.EMBED, when="after", call=2),
    "merged, nothing deleted": Fault(at=kill_points.DELETE_LEFTOVERS),
    "merged, strays at the head": Fault(at=kill_points.WRITE_LEDGER, call=4),
    "deleted, not in the ledger": Fault(at=kill_points.WRITE_LEDGER),
    "first batch in the ledger": Fault(at=kill_points.WRITE_LEDGER, when="after"),
    "before withdrawing": Fault(at=kill_points.WITHDRAW),
    "half withdrawn": HALF_WITHDRAWN,
    "chunks in their class, not in the ledger": Fault(at=kill_points.STAMP_CHUNKS, when="after"),
    "chunks in their class": Fault(at=kill_points.RESTATE_ACCESS, when="after", call=2),
    "before index maintenance": Fault(at=kill_points.MAINTAIN_INDICES),
    "after index maintenance": Fault(at=kill_points.MAINTAIN_INDICES, when="after"),
    "tagged, no release row": Fault(at=kill_points.NOTE_RELEASE),
    "release row written": Fault(at=kill_points.NOTE_RELEASE, when="after"),
}


# One in each part of a refresh: while it says who may see what, while it works, with a batch half written, while it
# withdraws, and around its release.
SOME = (
    "access in the ledger", "parsing", "merged, nothing deleted", "half withdrawn",
    "chunks in their class, not in the ledger", "tagged, no release row", "release row written",
)  # fmt: skip


@pytest.mark.parametrize("moment", some_of(MOMENTS, *SOME))
def test_a_killed_refresh_is_mended_by_the_next_and_readers_see_whole_releases(
    moment: str,
    undisturbed: dict[str, Project],
    views: dict[str, View],
    embedded: Callable[[], list[str]],
    tmp_path: Path,
) -> None:
    project = undisturbed["A"].copy(tmp_path / "killed")
    _lay(project, "B")
    seen = Views(project)
    with Reader(seen.look) as reader:
        _refresh_and_die(project, MOMENTS[moment])
        reader.look_again()
        seen_by_all = {passage[0] for passage in _ask(project.store)}
        committed = set(project.chunks()["text"].to_pylist())
        report = project.refresh()
    expected = "unchanged" if moment == "release row written" else "released"
    assert (report["outcome"], report["release"], report["notes"]) == (expected, 2, [])
    _assert_same(project, undisturbed["B"])
    _assert_indexed(project)
    assert not committed & set(embedded()), "what was committed was embedded again"
    assert (_id_of(project, "hr/pay.md") in seen_by_all) == (moment == BEFORE_ACCESS), (
        "what narrows holds from the start"
    )
    assert _in_order(seen.tables, [views["A"], views["B"]]), "a reader's table was no whole release"
    assert _in_order(seen.answers, [views["A"], views["A without what has gone"], views["B"]])
    assert (seen.tables[0], seen.tables[-1]) == (views["A"], views["B"])
    before = project.versions()
    assert project.refresh()["outcome"] == "unchanged"
    assert project.versions() == before


@pytest.mark.parametrize(
    "moment", some_of(["merged, nothing deleted", "merged, strays at the head", "half withdrawn"], "half withdrawn")
)
def test_sources_that_go_back_after_a_kill_are_found_and_mended(
    moment: str, undisturbed: dict[str, Project], embedded: Callable[[], list[str]], tmp_path: Path
) -> None:
    """Every hint is then as the ledger of release 1 has it: only the tables tell that something was done."""
    project = undisturbed["A"].copy(tmp_path / "killed")
    _lay(project, "B")
    _refresh_and_die(project, MOMENTS[moment])
    _lay(project, "A")
    report = project.refresh()
    assert (report["outcome"], report["documents"]["withheld"], embedded()) == ("released", 0, []), report
    _assert_same(project, undisturbed["A"])


def test_a_first_refresh_killed_before_there_is_a_ledger_leaves_nothing_of_what_is_gone_since(
    undisturbed: dict[str, Project], embedded: Callable[[], list[str]], tmp_path: Path
) -> None:
    (tmp_path / "first").mkdir()
    project = Project(tmp_path / "first")
    _lay(project, "A")
    _refresh_and_die(project, Fault(at=kill_points.WRITE_LEDGER))
    committed = set(project.chunks()["text"].to_pylist())
    (project.folder / "docs" / "edit" / "a.md").unlink()
    report = project.refresh()
    assert (report["outcome"], report["release"], report["documents"]["added"]) == ("released", 1, len(STATE_A) - 1)
    assert committed
    assert not committed & set(embedded())
    expected = undisturbed["A"].ledger()
    (gone,) = expected.filter(pc.equal(expected["path"], "edit/a.md"))["doc_id"].to_pylist()
    rest = undisturbed["A"].chunks()
    assert project.chunks().equals(rest.filter(pc.not_equal(rest["doc_id"], gone)))
    _assert_indexed(project)


def test_withdrawals_once_approved_need_no_second_word_after_a_kill(
    undisturbed: dict[str, Project], tmp_path: Path
) -> None:
    project = undisturbed["A"].copy(tmp_path / "killed")
    shutil.rmtree(project.folder / "docs" / "folder")
    _refresh_and_die(project, replace(HALF_WITHDRAWN, options={"allow_withdrawals": RENAMED}))
    report = project.refresh()
    assert (report["outcome"], report["documents"]["withheld"], report["notes"]) == ("released", 0, [])
    assert project.ledger().num_rows == len(STATE_A) - RENAMED
    assert set(project.chunks()["doc_id"].to_pylist()) == set(project.ledger()["doc_id"].to_pylist())
