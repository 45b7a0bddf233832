"""The plan of a refresh against a model of it in plain dictionaries, over random ledgers and listings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from freshet.tasks.documents.planning.moves import candidates_for_moves, mark_moves, settle_unpublished
from freshet.tasks.documents.planning.plan import (
    LEDGER_COLUMNS,
    Plan,
    count_good,
    describe_listing,
    document_id,
    make_plan,
    read_anyway,
)
from freshet.tasks.documents.planning.withdrawals import decide_withdrawals
from freshet.tasks.documents.sources.base import LISTING_SCHEMA
from freshet.tasks.governance.policy import class_id
from freshet.tasks.settings.project import FolderSource
from freshet.tasks.store import schemas

Row = dict[str, Any]
Key = tuple[str, str]

CHUNKING, SPACE = "chunking-1", "space-1"
DAY = 86_400_000_000  # microseconds
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

TIME = pa.timestamp("us", tz="UTC")
LISTED = pa.schema(
    {
        "path": pa.string(), "uri": pa.string(), "size": pa.int64(), "modified_at": TIME, "hint": pa.string(),
        "source_version": pa.string(), "source": pa.string(), "owner": pa.string(), "licence": pa.string(),
        "access": pa.string(), "uses": pa.string(), "warn_after": pa.int64(), "block_after": pa.int64(),
        "max_size": pa.int64(), "parser": pa.string(), "limits": pa.string(),
    }
)  # fmt: skip

keys = st.tuples(st.sampled_from(["s", "t"]), st.sampled_from(["a", "b", "c/d", "é", "it's"]))
moments = st.none() | st.sampled_from([EPOCH, EPOCH + timedelta(days=1)])
days = st.none() | st.sampled_from([DAY, 2 * DAY])
licences = st.none() | st.sampled_from(["MIT", "CC0-1.0"])
classes = st.sampled_from(["class-1", "class-2"])
examined = settings(max_examples=100, deadline=None)


@st.composite
def listings(draw: st.DrawFn) -> dict[Key, Row]:
    listed = {}
    for source, path in draw(st.sets(keys)):
        listed[source, path] = {
            "source": source, "path": path, "uri": draw(st.sampled_from([f"x/{path}", f"y/{path}"])),
            "size": draw(st.none() | st.integers(0, 2)), "modified_at": draw(moments),
            "hint": draw(st.sampled_from(["1", "2"])), "source_version": None,
            "owner": draw(st.sampled_from(["me", "you"])), "licence": draw(licences), "access": draw(classes),
            "uses": draw(st.sampled_from(["retrieval", "retrieval training"])), "warn_after": draw(days),
            "block_after": draw(days), "max_size": 100, "parser": draw(st.sampled_from(["p", "q"])), "limits": "l",
        }  # fmt: skip
    return listed


def _processed(row: Row, content: str | None, seen: str | None) -> Row:
    """The ledger row that processing a listed document leaves: a good one where `seen` is `content`."""
    good = content is not None and seen == content
    return {
        "doc_id": document_id("c", row["source"], row["path"]), "source": row["source"], "path": row["path"],
        "uri": row["uri"], "owner": row["owner"], "licence": row["licence"], "access": row["access"],
        "chunks_access": row["access"],
        "uses": row["uses"].split(), "seen_hint": row["hint"], "seen_hash": seen, "content_hash": content,
        "modified_at": row["modified_at"], "size": row["size"],
        "stale_after": _later(row["modified_at"], row["warn_after"]),
        "blocked_after": _later(row["modified_at"], row["block_after"]),
        "parser": row["parser"] if good else f"{row['parser']}|{row['limits']}", "chunking": CHUNKING, "space": SPACE,
    }  # fmt: skip


def _later(moment: datetime | None, span: int | None) -> datetime | None:
    return None if moment is None or span is None else moment + timedelta(microseconds=span)


@st.composite
def ledgers(draw: st.DrawFn) -> dict[Key, Row]:
    """What a refresh of some other listing left, some of it under other fingerprints."""
    ledger = {}
    for key, row in draw(listings()).items():
        content = draw(st.none() | st.sampled_from(["h1", "h2"]))
        held = _processed(row, content, draw(st.sampled_from([content, content, "bad", None])))
        held["chunking"] = draw(st.sampled_from([CHUNKING, CHUNKING, CHUNKING, "chunking-0"]))
        held["space"] = draw(st.sampled_from([SPACE, SPACE, SPACE, "space-0"]))
        ledger[key] = held
    return ledger


@st.composite
def situations(draw: st.DrawFn) -> tuple[dict[Key, Row], dict[Key, Row], set[str]]:
    """A listing, a ledger of which part is what that listing would leave, and ids of damaged documents."""
    listed, ledger = draw(listings()), draw(ledgers())
    for key in draw(st.sets(st.sampled_from(sorted(listed))) if listed else st.just(set())):
        content = draw(st.none() | st.sampled_from(["h1", "h2"]))
        ledger[key] = _processed(listed[key], content, draw(st.sampled_from([content, "bad"])))
    ids = sorted(row["doc_id"] for row in ledger.values())
    return listed, ledger, draw(st.sets(st.sampled_from(ids), max_size=2)) if ids else set()


def _listed_table(rows: Mapping[Key, Row]) -> pa.Table:
    return pa.Table.from_pylist(list(rows.values()), schema=LISTED)


def _ledger_table(rows: Mapping[Key, Row]) -> pa.Table:
    schema = pa.schema([schemas.documents().field(name) for name in LEDGER_COLUMNS])
    return pa.Table.from_pylist(list(rows.values()), schema=schema)


def _plan(listed: Mapping[Key, Row], ledger: Mapping[Key, Row], damaged: Collection[str] = ()) -> Plan:
    return make_plan("c", _listed_table(listed), _ledger_table(ledger), chunking=CHUNKING, space=SPACE, damaged=damaged)


def _keys(table: pa.Table) -> list[Key]:
    return list(zip(table["source"].to_pylist(), table["path"].to_pylist(), strict=True))


def _fate(row: Row | None, held: Row | None, damaged: Collection[str]) -> str:
    """What the plan should make of a document."""
    if row is None:
        return "vanished"
    if held is None:
        return "added"
    good = held["content_hash"] is not None and held["seen_hash"] == held["content_hash"]
    expected = {
        "seen_hint": row["hint"], "parser": row["parser"] if good else f"{row['parser']}|{row['limits']}",
        "chunking": CHUNKING, "space": SPACE,
    }  # fmt: skip
    if held["doc_id"] in damaged or any(held[name] != value for name, value in expected.items()):
        return "changed"
    said = {name: row[name] for name in ("uri", "owner", "licence", "access")} | {
        "uses": row["uses"].split(),
        "stale_after": _later(held["modified_at"], row["warn_after"]),
        "blocked_after": _later(held["modified_at"], row["block_after"]),
    }
    return "restated" if any(held[name] != value for name, value in said.items()) else "unchanged"


@examined
@given(situations())
@example(({}, {}, set()))
def test_every_document_listed_or_held_has_just_the_fate_that_the_model_gives_it(
    situation: tuple[dict[Key, Row], dict[Key, Row], set[str]],
) -> None:
    listed, ledger, damaged = situation
    plan = _plan(listed, ledger, damaged)
    found = dict(zip(_keys(plan.work), plan.work["change"].to_pylist(), strict=True))
    for fate in ("restated", "unchanged", "vanished"):
        for key in _keys(getattr(plan, fate)):
            assert key not in found, "a document has two fates"
            found[key] = fate
    assert found == {key: _fate(listed.get(key), ledger.get(key), damaged) for key in listed.keys() | ledger.keys()}
    assert sum(getattr(plan, field.name).num_rows for field in fields(plan)) == len(found)


@examined
@given(situations())
def test_each_planned_row_carries_what_is_listed_what_is_held_and_its_id(
    situation: tuple[dict[Key, Row], dict[Key, Row], set[str]],
) -> None:
    listed, ledger, damaged = situation
    plan = _plan(listed, ledger, damaged)
    for row in [*plan.work.to_pylist(), *plan.restated.to_pylist(), *plan.unchanged.to_pylist()]:
        key = row["source"], row["path"]
        assert {name: row[name] for name in LISTED.names} == listed[key]
        assert row["doc_id"] == document_id("c", *key)
        held = ledger.get(key)
        assert row["old_content_hash"] == (held["content_hash"] if held else None)
        assert bool(row["damaged"]) == (held is not None and held["doc_id"] in damaged)
    for table in (plan.work, plan.restated, plan.vanished):
        assert _keys(table) == sorted(_keys(table)), "batches follow the order of the paths"
    good = [ledger[key] for key in _keys(plan.unchanged)]
    assert count_good(plan.unchanged) == sum(
        row["content_hash"] is not None and row["seen_hash"] == row["content_hash"] for row in good
    )


@examined
@given(listings(), st.data())
def test_a_plan_carried_out_leaves_nothing_to_plan(listed: dict[Key, Row], data: st.DataObject) -> None:
    """Good documents and refused ones alike: a refused one is not tried again while nothing has changed."""
    hashes = st.sampled_from([("h1", "h1"), ("h1", "bad"), (None, "bad"), (None, None)])
    ledger = {key: _processed(row, *data.draw(hashes)) for key, row in listed.items()}
    plan = _plan(listed, ledger)
    assert (plan.work.num_rows, plan.restated.num_rows, plan.vanished.num_rows) == (0, 0, 0)
    assert sorted(_keys(plan.unchanged)) == sorted(listed)


@examined
@given(situations(), st.data())
def test_documents_read_anyway_are_changed_and_nothing_else_differs(
    situation: tuple[dict[Key, Row], dict[Key, Row], set[str]], data: st.DataObject
) -> None:
    plan = _plan(*situation)
    quiet = [*plan.unchanged["doc_id"].to_pylist(), *plan.restated["doc_id"].to_pylist()]
    chosen = data.draw(st.sets(st.sampled_from(sorted(quiet)))) if quiet else set()
    read = read_anyway(plan, chosen)
    assert Counter(read.work["doc_id"].to_pylist()) == Counter([*plan.work["doc_id"].to_pylist(), *chosen])
    changes = dict(zip(read.work["doc_id"].to_pylist(), read.work["change"].to_pylist(), strict=True))
    assert all(changes[doc_id] == "changed" for doc_id in chosen)
    assert {*read.unchanged["doc_id"].to_pylist(), *read.restated["doc_id"].to_pylist()} == set(quiet) - chosen
    assert read.vanished.equals(plan.vanished)


@examined
@given(situations(), st.data())
def test_added_documents_pair_with_vanished_ones_of_their_content_each_with_one(
    situation: tuple[dict[Key, Row], dict[Key, Row], set[str]], data: st.DataObject
) -> None:
    plan = _plan(*situation)
    incomplete = data.draw(st.sampled_from([[], ["s"], ["s", "t"]]))
    work = plan.work.to_pylist()
    hashes = {row["doc_id"]: data.draw(st.sampled_from(["h1", "h2", "h3"])) for row in work if row["change"] == "added"}
    marked, left = mark_moves(plan, hashes, incomplete)

    gone = {row["doc_id"]: row for row in plan.vanished.to_pylist()}
    leaving = Counter(row["old_content_hash"] for row in left.to_pylist())
    arrived = Counter(hashes[row["doc_id"]] for row in marked.work.to_pylist() if row["change"] == "moved")
    added = Counter(hashes.values())
    certain = Counter(
        row["old_content_hash"]
        for row in gone.values()
        if row["source"] not in incomplete and row["old_content_hash"] is not None
    )
    assert leaving == arrived == added & certain
    assert {*left["doc_id"].to_pylist(), *marked.vanished["doc_id"].to_pylist()} == set(gone)
    assert left.num_rows + marked.vanished.num_rows == len(gone)
    unmoved = [row for row in marked.work.to_pylist() if row["change"] != "moved"]
    assert [row for row in work if row["doc_id"] in {r["doc_id"] for r in unmoved}] == unmoved
    assert (marked.unchanged, marked.restated) == (plan.unchanged, plan.restated)


@examined
@given(situations(), st.sampled_from([[], ["s"]]))
def test_whatever_may_have_moved_is_a_candidate_and_nothing_held_is(
    situation: tuple[dict[Key, Row], dict[Key, Row], set[str]], incomplete: list[str]
) -> None:
    plan = _plan(*situation)
    candidates = set(candidates_for_moves(plan, incomplete)["doc_id"].to_pylist())
    sizes = {
        row["old_size"]
        for row in plan.vanished.to_pylist()
        if row["old_content_hash"] is not None and row["old_size"] is not None and row["source"] not in incomplete
    }
    added = [row for row in plan.work.to_pylist() if row["change"] == "added"]
    assert {row["doc_id"] for row in added if row["size"] in sizes} <= candidates
    assert candidates <= {row["doc_id"] for row in added if row["size"] is None or row["size"] in sizes}


@examined
@given(situations(), st.data())
def test_what_a_stopped_refresh_had_done_needs_nobodys_word(
    situation: tuple[dict[Key, Row], dict[Key, Row], set[str]], data: st.DataObject
) -> None:
    plan = _plan(*situation)
    ids = sorted(row["doc_id"] for row in situation[1].values())
    published = data.draw(st.sets(st.sampled_from(ids))) if ids else set()
    unsure = data.draw(st.sampled_from([[], ["s"], ["s", "t"]]))
    settled, left = settle_unpublished(plan, published, unsure)
    listed = [*plan.unchanged.to_pylist(), *plan.restated.to_pylist(), *plan.work.to_pylist()]
    landed = Counter(
        row["old_content_hash"] for row in listed if row["old_content_hash"] and row["doc_id"] not in published
    )
    certain = [row for row in plan.vanished.to_pylist() if row["source"] not in unsure]
    released = Counter(row["old_content_hash"] for row in certain if row["doc_id"] in published)
    never = {row["doc_id"] for row in certain if row["doc_id"] not in published}
    found = left.to_pylist()
    assert never <= {row["doc_id"] for row in found}
    del released[None]
    assert Counter(row["old_content_hash"] for row in found if row["doc_id"] not in never) == released & landed
    assert {*left["doc_id"].to_pylist(), *settled.vanished["doc_id"].to_pylist()} == set(
        plan.vanished["doc_id"].to_pylist()
    )
    assert left.num_rows + settled.vanished.num_rows == plan.vanished.num_rows


def _vanished(sources: Sequence[str]) -> pa.Table:
    rows = {"doc_id": [f"{number:04}" for number in range(len(sources))], "source": list(sources)}
    return pa.table(rows, schema=pa.schema({"doc_id": pa.string(), "source": pa.string()}))


@examined
@given(
    st.lists(st.sampled_from(["s", "t", "u"]), max_size=40),
    st.integers(0, 400),
    st.sets(st.sampled_from(["s", "t", "u"]), max_size=2),
    st.sets(st.sampled_from(["s", "t", "u"]), max_size=1),
    st.integers(0, 40),
)
def test_withdrawals_are_withheld_where_the_rule_says_so(
    sources: list[str], others: int, incomplete: set[str], emptied: set[str], allowed: int
) -> None:
    vanished, held = _vanished(sources), len(sources) + others
    fate = decide_withdrawals(vanished, held=held, incomplete=incomplete, emptied=emptied - incomplete, allowed=allowed)
    certain = [source for source in sources if source not in incomplete]
    many = len(certain) > 10 and len(certain) * 10 > held
    lost = any(source in emptied for source in certain)
    expected = 0 if (many or lost) and len(certain) > allowed else len(certain)
    assert fate.missing["source"].to_pylist() == [source for source in sources if source in incomplete]
    assert (fate.withdrawn.num_rows, fate.withheld.num_rows) == (expected, len(certain) - expected)
    parts = [fate.withdrawn, fate.withheld, fate.missing]
    assert sorted(row for part in parts for row in part["doc_id"].to_pylist()) == vanished["doc_id"].to_pylist()


@pytest.mark.parametrize(
    ("vanished", "held", "allowed", "withdrawn"),
    [
        (10, 10, 0, 10),  # ten go without a word, whatever share they are
        (11, 11, 0, 0),
        (11, 110, 0, 11),  # a tenth is not more than a tenth
        (11, 109, 0, 0),
        (11, 109, 10, 0),  # approval for fewer is none
        (11, 109, 11, 11),
        (1000, 100_000, 0, 1000),
    ],
)
def test_more_than_ten_and_more_than_a_tenth_wait_for_a_word(
    vanished: int, held: int, allowed: int, withdrawn: int
) -> None:
    fate = decide_withdrawals(_vanished(["s"] * vanished), held=held, incomplete=[], emptied=[], allowed=allowed)
    assert (fate.withdrawn.num_rows, fate.withheld.num_rows) == (withdrawn, vanished - withdrawn)


def test_a_listing_is_described_by_its_source_and_each_kind_of_file_by_its_parser() -> None:
    source = FolderSource.model_validate(
        {
            "folder": "docs", "name": "docs", "owner": "me", "acl": ["group:b", "group:a", "group:a"],
            "uses": ["training", "retrieval"], "access": [{"path": "open/**", "acl": ["everyone"]}],
            "freshness": {"warn_after": "1d"},
        }
    )  # fmt: skip
    paths = ["a.md", "b.TAR.gz", "c.md", "no suffix", "open/d.x/e.md", "open/.hidden"]
    rows = [{"path": path, "uri": f"docs/{path}", "hint": "1"} for path in paths]
    asked: list[str] = []

    def parser_of(path: str) -> str:
        asked.append(path)
        return f"parser of {path.removeprefix('document')}"

    table = describe_listing(pa.Table.from_pylist(rows, schema=LISTING_SCHEMA), source, "c", "docs", parser_of, "l")
    assert [(field.name, field.type) for field in table.schema] == [(field.name, field.type) for field in LISTED]
    assert table["path"].to_pylist() == paths
    own, ruled = class_id("c", "docs", None), class_id("c", "docs", "open/**")
    assert table["access"].to_pylist() == [own] * 4 + [ruled] * 2
    assert set(table["uses"].to_pylist()) == {"retrieval training"}
    assert set(zip(table["warn_after"].to_pylist(), table["block_after"].to_pylist(), strict=True)) == {(DAY, None)}
    found = dict(zip(paths, table["parser"].to_pylist(), strict=True))
    assert found["a.md"] == found["c.md"] == found["open/d.x/e.md"] == "parser of .md"
    assert (found["b.TAR.gz"], found["no suffix"]) == ("parser of .TAR.gz", "parser of ")
    assert sorted(asked) == sorted(set(asked)), "each suffix is asked for once"
    empty = describe_listing(LISTING_SCHEMA.empty_table(), source, "c", "docs", parser_of, "l")
    assert (empty.num_rows, empty.schema) == (0, table.schema)
