"""Maintenance frees what nobody needs, keeps what is published or can be rolled back to, and says what it did."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import lance
import pytest

from freshet.flows.command.texts.maintenance import maintained_text, size_text
from freshet.tasks.doctor.examine import examine
from freshet.tasks.errors import SettingsError, StoreError
from freshet.tasks.index import release
from freshet.tasks.ledger.releases import release_at
from freshet.tasks.ledger.versions import find_version, insert_version, list_versions, live_version, published_versions
from freshet.tasks.lineage.trace import trace_back
from freshet.tasks.maintenance import cleaning, compaction
from freshet.tasks.maintenance.cleaning import kept_releases
from freshet.tasks.maintenance.expiry import expire_reports
from freshet.tasks.maintenance.freed import Freed, Maintained, Task
from freshet.tasks.maintenance.maintain import LEDGER, Target, find_targets, maintain
from freshet.tasks.maintenance.retention import kept_until
from freshet.tasks.settings.maintenance import Maintenance
from freshet.tasks.store import schemas
from freshet.tasks.store.files import bytes_below
from freshet.tasks.store.locks import hold_corpus
from freshet.tasks.store.tables import Store
from tests.stores.small_store import AS_OF, TEXTS, SmallStore
from tests.unit.decisions import decide

NOW = datetime.now(UTC)
LATER = NOW + timedelta(days=3)
YEARS = timedelta(days=365)
DOCS, SUMS = Target("corpus", "docs"), Target("dataset", "sums")


def run(
    store: SmallStore, target: Target = DOCS, now: datetime = LATER, task: Task | None = None, **settings: Any
) -> Maintained:
    return maintain(
        store.project, store.store, target, Maintenance(**settings), task=task or Task(), run="maintain", now=now,
        wait=timedelta(0), tell=lambda _: None,
    )  # fmt: skip


def freed(found: Maintained) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in found.freed:
        counts[one.kind] = counts.get(one.kind, 0) + one.count
    return counts


def releases(store: SmallStore) -> list[release.Release]:
    return release.list_releases(store.store, "docs")


def change(store: SmallStore, number: int) -> None:
    store.write("garden.md", TEXTS["garden.md"].replace("eight", f"{number} o'clock"))
    store.refresh()


def grow(store: SmallStore, count: int) -> None:
    for number in range(count):
        store.write(f"room-{number}.md", f"# Room {number}\n\nRoom {number} has {number + 1} windows and a door.\n")
        store.refresh()


def _versions(store: SmallStore) -> dict[str, int]:
    folders = [one for part in ("corpora", "datasets") for one in store.at(part).rglob("*.lance") if one.is_dir()]
    return {str(one): lance.dataset(str(one)).version for one in folders}


# ---- corpora


def test_a_dry_run_alters_nothing_and_foretells_what_is_freed(store: SmallStore) -> None:
    before = store.files()
    planned = run(store, task=Task(dry_run=True), keep_releases=1)
    assert (planned.outcome, store.files()) == ("planned", before)
    done = run(store, keep_releases=1)
    assert freed(planned) == freed(done)
    assert freed(done)["table versions"] > 5
    foretold, measured = sum(one.bytes for one in planned.freed), done.before - done.after
    assert foretold == pytest.approx(sum(one.bytes for one in done.freed), rel=0.05)
    assert measured == pytest.approx(foretold, rel=0.05)


def test_a_second_maintenance_has_nothing_to_do_and_writes_nothing(store: SmallStore) -> None:
    for target in (DOCS, SUMS, LEDGER):
        run(store, target)
    before = store.files()
    for target in (DOCS, SUMS, LEDGER):
        assert run(store, target).freed == []
    assert store.files() == before


def test_the_last_releases_can_be_rolled_back_to_and_earlier_ones_are_gone(store: SmallStore) -> None:
    for number in range(3):
        change(store, number)
    seen = store.published()
    assert run(store, keep_releases=3).outcome == "done"
    assert store.published() == seen
    for number in (4, 3):
        release.roll_back(store.store, "docs", number, now=NOW)
    with pytest.raises(StoreError, match="is gone from the store"):
        release.roll_back(store.store, "docs", 2, now=NOW)
    assert [one.code for one in examine(store.project)] == []


def test_readers_of_a_release_that_was_live_until_now_are_given_time(store: SmallStore) -> None:
    old = store.store.corpus("docs").at(store.chunks_name(), releases(store)[1].table_version)
    rows = old.count_rows()
    run(store, now=NOW, keep_releases=1)
    assert old.to_arrow().num_rows == rows
    run(store, now=LATER, keep_releases=1)
    with pytest.raises(StoreError):
        store.store.corpus("docs").at(store.chunks_name(), releases(store)[1].table_version)


def test_what_the_gate_rejected_can_still_be_published(store: SmallStore) -> None:
    store.write("garden.md", TEXTS["garden.md"].replace("eight", "ten"))
    store.refresh(outcome="rejected")
    head = store.contents()["chunks"]
    run(store, keep_releases=1)
    release.publish_rejected(store.store, "docs", who="ada", why="it is right", now=NOW)
    assert store.published() == head


def test_a_rollback_is_kept_with_the_release_that_the_next_refresh_compares_with(store: SmallStore) -> None:
    change(store, 1)
    release.roll_back(store.store, "docs", 1, now=NOW)
    seen = store.published()
    run(store, keep_releases=1)
    assert store.published() == seen
    assert [one.release for one in kept_releases(releases(store), Maintenance(keep_releases=1), LATER)] == [4, 3]
    assert store.refresh() == next(one for one in releases(store) if one.release == 3)


def test_a_version_that_a_person_tagged_stays(store: SmallStore) -> None:
    table = store.store.corpus("docs").find(store.chunks_name())
    assert table is not None
    table.tags.create("for-the-audit", 3)
    run(store, keep_releases=1)
    assert store.store.corpus("docs").at(store.chunks_name(), 3).version == 3


def test_files_of_no_version_go(store: SmallStore) -> None:
    orphan = store.at("corpora", "docs", f"{store.chunks_name()}.lance", "data", "orphan.lance")
    orphan.write_bytes(b"left by a kill" * 100)
    run(store)
    assert not orphan.exists()


def test_many_small_files_are_joined_and_readers_move_to_the_same_rows(store: SmallStore) -> None:
    grow(store, 10)
    seen, live = store.published(), releases(store)[0]
    planned = run(store, now=NOW, task=Task(dry_run=True))
    assert freed(planned)["compaction"] > 5
    done = run(store, now=NOW)
    assert freed(done)["compaction"] > 5
    moved = releases(store)[0]
    assert (done.release, moved.release, moved.run_id) == (live.release + 1, live.release + 1, "maintenance")
    assert (moved.as_of, moved.documents, moved.chunks) == (live.as_of, live.documents, live.chunks)
    assert store.published() == seen
    assert len(lance.dataset(str(store.at("corpora", "docs", f"{live.table}.lance"))).get_fragments()) <= 2
    assert store.refresh() == moved, "the next refresh finds nothing to publish"
    assert [one.code for one in examine(store.project)] == []


def test_what_was_compacted_can_be_read_and_gone_back_to_by_its_own_number(store: SmallStore) -> None:
    grow(store, 10)
    seen, live = store.published(), releases(store)[0]
    moved = run(store, now=NOW).release
    change(store, 1)
    run(store, keep_releases=2)
    with pytest.raises(StoreError, match="is gone from the store"):
        store.store.corpus("docs").at(live.table, live.table_version)
    then = release_at(store.store, "docs", live.published_at)
    assert then is not None
    assert then.release == moved
    assert store.store.corpus("docs").at(then.table, then.table_version).count_rows() == len(seen)
    assert release.roll_back(store.store, "docs", live.release, now=NOW).rollback_of == live.release
    assert store.published() == seen


def test_a_table_with_many_deleted_rows_is_compacted(store: SmallStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real one has ten thousand of them; here one is enough."""
    monkeypatch.setattr("freshet.tasks.maintenance.compaction.LEAST_DELETED", 1)
    seen = store.published()
    assert freed(run(store))["compaction"] >= 1
    assert store.published() == seen
    kept = kept_releases(releases(store), Maintenance(keep_releases=2), LATER + timedelta(days=2))
    assert [one.release for one in kept] == [3, 1], "release 3 stands for the second, whose rows it holds"


def test_few_files_are_left_as_they_are(store: SmallStore) -> None:
    before = _versions(store)
    assert "compaction" not in freed(run(store))
    assert _versions(store) == before


def test_after_a_rollback_nothing_is_compacted_and_that_is_said(store: SmallStore) -> None:
    grow(store, 10)
    release.roll_back(store.store, "docs", 5, now=NOW)
    seen, before = store.published(), len(releases(store))
    found = run(store, now=NOW)
    assert "was not compacted: readers see another state" in found.notes[0]
    assert (store.published(), len(releases(store))) == (seen, before)


@pytest.mark.parametrize(
    ("moment", "back"),
    [
        ("compaction.compact_side_tables", True),
        ("compaction.compact_released", True),
        ("cleaning.clean_corpus", False),
        ("cleaning.clean_table", False),
    ],
)
def test_a_rollback_during_maintenance_is_kept_or_refused_and_readers_read_on(
    store: SmallStore, monkeypatch: pytest.MonkeyPatch, moment: str, back: bool
) -> None:
    """Before it is decided what is kept, the rollback decides; from then on, nobody goes back to what is given up."""
    for number in range(3):
        change(store, number)
    module, _, name = moment.partition(".")
    target = {"compaction": compaction, "cleaning": cleaning}[module]
    real, tried = getattr(target, name), []

    def roll_back_first(*args: Any, **named: Any) -> Any:
        if not tried:
            tried.append(True)
            if back:
                release.roll_back(store.store, "docs", 1, now=NOW)
            else:
                with pytest.raises(StoreError, match="no longer kept"):
                    release.roll_back(store.store, "docs", 1, now=NOW)
        return real(*args, **named)

    monkeypatch.setattr(target, name, roll_back_first)
    assert run(store, keep_releases=1).outcome == "done"
    assert tried
    live = releases(store)[0]
    assert (live.rollback_of == 1) == back
    assert len(store.published()) == live.chunks
    assert [one.code for one in examine(store.project)] == []


def test_a_rollback_during_a_compaction_stays_and_maintenance_says_so(
    store: SmallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow(store, 10)
    real = compaction.compact_table

    def roll_back_first(table: Any) -> int:
        if table.name == store.chunks_name():
            release.roll_back(store.store, "docs", 5, now=NOW)
        return real(table)

    monkeypatch.setattr(compaction, "compact_table", roll_back_first)
    found = run(store, now=NOW)
    assert (found.outcome, found.release) == ("done", None)
    assert "got another release during maintenance; readers stay with that one" in found.notes[0]
    live = releases(store)[0]
    assert (live.rollback_of, len(store.published())) == (5, live.chunks)


def test_rollbacks_race_with_maintenance_and_what_is_live_can_always_be_read(store: SmallStore) -> None:
    for number in range(6):
        change(store, number)
    numbers, refused = [one.release for one in releases(store)], []

    def roll_back_and_read() -> None:
        for number in numbers * 3:
            try:
                release.roll_back(store.store, "docs", number, now=NOW)
            except StoreError as error:
                refused.append(str(error))
            live = releases(store)[0]
            assert len(store.published()) == live.chunks

    with ThreadPoolExecutor(1) as pool:
        racing = pool.submit(roll_back_and_read)
        while not racing.done():
            assert run(store, keep_releases=1).outcome == "done"
        racing.result()
    assert all("is gone from the store" in one or "no longer kept" in one for one in refused)
    assert [one.code for one in examine(store.project)] == []


def test_parsed_texts_that_no_document_has_any_more_expire(store: SmallStore) -> None:
    table = store.store.corpus("docs").find(schemas.ELEMENTS)
    assert table is not None
    kept = {row["content_hash"] for row in table.search().select(["content_hash"]).to_list()}
    assert freed(run(store, now=AS_OF + timedelta(days=29))).get("elements", 0) == 0
    found = run(store, now=AS_OF + timedelta(days=31))
    assert freed(found)["elements"] == 1
    left = store.store.corpus("docs").find(schemas.ELEMENTS)
    assert left is not None
    hashes = {row["content_hash"] for row in left.search().select(["content_hash"]).to_list()}
    ledger = store.store.corpus("docs").find(schemas.DOCUMENTS)
    assert ledger is not None
    served = {row["content_hash"] for row in ledger.search().where("content_hash IS NOT NULL").to_list()}
    assert hashes >= served
    assert len(kept - hashes) == 1


def test_parsed_texts_of_refused_documents_have_a_time_of_their_own(store: SmallStore) -> None:
    table, ledger = (store.store.corpus("docs").find(one) for one in (schemas.ELEMENTS, schemas.DOCUMENTS))
    assert table is not None
    assert ledger is not None
    (refused,) = ledger.search().where("content_hash IS NULL").to_list()
    now = AS_OF + timedelta(days=60)
    row = {"element_id": "e" * 32, "content_hash": refused["seen_hash"], "parser": "p", "kept_at": AS_OF}
    store.store.corpus("docs").append(schemas.ELEMENTS, schemas.elements(), [{**row, "payload": b"text"}])
    assert "quarantine" not in freed(run(store, now=now, keep_quarantine="90d"))
    assert freed(run(store, now=now, keep_quarantine="30d"))["quarantine"] == 1
    store.refresh()
    assert ledger.count_rows("content_hash IS NULL") == 1, "it goes on waiting"


def test_report_pages_expire_but_those_on_the_live_release(store: SmallStore) -> None:
    live = releases(store)[0].run_id
    for name in (live, "long-ago", "just-now"):
        page = store.at("reports", "docs", name, "index.html")
        page.parent.mkdir(parents=True)
        page.write_text("a page")
        if name != "just-now":
            os.utime(page, (0, 0))
    found = run(store, now=NOW)
    assert Freed("reports", "reports/docs", 1, 6) in found.freed
    assert sorted(one.name for one in store.at("reports", "docs").iterdir()) == sorted(["just-now", live])


def test_pages_on_what_was_published_anew_stay(tmp_path: Path) -> None:
    """Going back, overruling and maintaining have no pages of their own: those of the run that made it are shown."""
    store = Store(str(tmp_path))
    for number, outcome, changes in (
        (1, "published", {}), (2, "published", {}), (3, "published", {"run_id": "maintenance"}), (4, "published", {}),
        (5, "published", {"run_id": "rollback", "rollback_of": 3}), (6, "rejected", {}),
    ):  # fmt: skip
        decide(store, number, outcome, **changes)
        folder = tmp_path / "reports" / "docs" / f"run-{number}"
        folder.mkdir(parents=True)
        os.utime(folder, (0, 0))
        (folder / "index.html").touch()
        os.utime(folder / "index.html", (0, 0))

    def kept() -> list[str]:
        found, now = Maintained("docs"), datetime.now(UTC)
        expire_reports(store, "docs", release.list_releases(store, "docs"), Maintenance(), found, now, False)
        return sorted(one.name for one in (tmp_path / "reports" / "docs").iterdir())

    assert kept() == ["run-2", "run-6"], "the live release went back to what maintenance made of release 2"
    decide(store, 7, run_id="override")
    assert kept() == ["run-6"], "a person published what run 6 had made"


def test_what_a_killed_run_left_goes_but_not_while_one_is_at_work(store: SmallStore) -> None:
    left = store.at("work", "docs", "work.arrow")
    left.parent.mkdir(parents=True)
    left.write_bytes(b"left")
    with hold_corpus(store.store, "docs", "refresh-docs-2026", timedelta(0), lambda _: None):
        busy = run(store)
        assert busy.outcome == "busy"
        assert "held by refresh-docs-2026" in busy.notes[0]
        assert "leftovers" not in freed(run(store, task=Task(dry_run=True)))
    assert left.exists()
    assert freed(run(store))["leftovers"] == 1
    assert not left.exists()


def test_the_table_of_a_former_embedding_space_goes_with_the_last_release_in_it(store: SmallStore) -> None:
    table = store.store.corpus("docs").open("chunks-former", schemas.chunks(8))
    rows = store.store.ledger.find(schemas.RELEASES)
    assert rows is not None
    rows.update(where="release = 1", values={"space": "former", "table_version": table.version})
    folder = store.at("corpora", "docs", "chunks-former.lance")
    run(store, keep_releases=2)
    assert folder.exists()
    found = run(store, keep_releases=1)
    assert [one.where for one in found.freed if one.kind == "tables"] == ["corpora/docs/chunks-former"]
    assert not folder.exists()
    assert store.published()


# ---- datasets


def _overdue(store: SmallStore, count: int = 2) -> None:
    """Further versions, of which the first ones are past their three years."""
    for number in range(count):
        store.build(40 + number, store.folder / f"overdue-{number}", at=NOW - 4 * YEARS + timedelta(days=number))


def test_a_version_expires_with_its_rows_exports_and_tag_and_stays_on_record(store: SmallStore) -> None:
    _overdue(store)
    store.build(60, store.folder / "newest", at=NOW)
    before = {one.version: one for one in list_versions(store.store, "sums")}
    found = run(store, SUMS)
    assert freed(found)["dataset versions"] == 2
    assert found.before > found.after
    rows = list_versions(store.store, "sums")
    gone = sorted(one.version for one in rows if one.outcome == "expired")
    assert gone == ["1.2.0", "1.3.0"]
    assert {one.version for one in rows if one.outcome == "published"} == before.keys(), "what was is still told"
    for number in gone:
        with pytest.raises(StoreError, match=rf"version {number} of dataset sums expired on {LATER:%Y-%m-%d}"):
            find_version(store.store, "sums", f"v{number}")
        assert not store.at("datasets", "sums", "exports", number).exists()
        with pytest.raises(StoreError):
            store.store.dataset("sums").at(schemas.EXAMPLES, before[number].table_version)
    live = live_version(store.store, "sums")
    assert live is not None
    assert live.version == "1.4.0"
    assert store.store.dataset("sums").at(schemas.EXAMPLES, live.table_version).count_rows() == 60
    assert examine(store.project) == []


def test_a_live_version_past_its_retention_stays_unless_that_is_asked_for(store: SmallStore) -> None:
    _overdue(store, 1)
    kept = run(store, SUMS)
    assert "the retention of its live version 1.2.0 has passed" in kept.notes[0]
    assert [one.code for one in examine(store.project)] == ["DOCTOR-RETENTION"]
    assert freed(run(store, SUMS, task=Task(dry_run=True, expire_live=True)))["dataset versions"] == 1
    run(store, SUMS, task=Task(expire_live=True))
    live = live_version(store.store, "sums")
    assert live is not None
    assert live.version == "1.1.0"
    head = store.store.dataset("sums").find(schemas.EXAMPLES)
    assert head is not None
    assert head.count_rows() == 0, "the rows do not stay at the head either"
    assert examine(store.project) == []


def test_a_version_of_the_past_that_is_left_alone_is_not_live_and_expires(store: SmallStore) -> None:
    """It looks back from before the live version, and takes its place not even when that has expired."""
    (live, first) = published_versions(list_versions(store.store, "sums"))
    past = replace(first, version="0.20260301.0", facts=replace(first.facts, version="0.20260301.0"))
    assert insert_version(store.store, past)
    for one in (live, first):
        insert_version(store.store, replace(one, outcome="expired"))
    assert live_version(store.store, "sums") is None
    traced = trace_back(store.store, "sums@0.20260301.0")
    assert traced is not None
    assert (traced["version"], traced["live"]) == ("0.20260301.0", False)
    found = run(store, SUMS, now=NOW + 4 * YEARS)
    assert (freed(found)["dataset versions"], found.notes) == (1, [])


def test_no_number_is_given_twice_after_all_versions_expired(store: SmallStore) -> None:
    run(store, SUMS, now=NOW + 4 * YEARS, task=Task(expire_live=True))
    assert live_version(store.store, "sums") is None
    assert store.build(33, store.folder / "again", at=NOW).version == "1.2.0"
    assert examine(store.project) == []


def test_the_shortest_retention_of_dataset_and_inputs_counts(store: SmallStore) -> None:
    version = live_version(store.store, "sums")
    assert version is not None
    assert kept_until(version) == version.published_at + 3 * YEARS
    (one,) = version.facts.settings["inputs"]
    one["retain"] = "30d"
    assert kept_until(version) == version.published_at + timedelta(days=30)


def test_half_written_exports_go(store: SmallStore) -> None:
    store.at("datasets", "sums", "exports", ".partial-9.9.9").mkdir()
    assert freed(run(store, SUMS))["leftovers"] == 1
    assert [one.name for one in store.at("datasets", "sums", "exports").iterdir()] != [".partial-9.9.9"]


# ---- the shared tables, targets, words


def test_the_shared_tables_keep_every_row_in_fewer_files(store: SmallStore) -> None:
    from freshet.tasks.lineage.events import RunEvents, list_events
    from freshet.tasks.lineage.openlineage import refresh_job

    for number in range(6):
        with RunEvents(store.store, refresh_job("docs"), f"run-{number}"):
            pass
    told, decided = list_events(store.store), releases(store)
    found = run(store, LEDGER)
    assert freed(found)["compaction"] > 5
    assert freed(found)["table versions"] > 5
    assert (list_events(store.store), releases(store)) == (told, decided)


def test_nothing_is_made_where_there_is_nothing(store: SmallStore) -> None:
    import shutil

    shutil.rmtree(store.at())
    for target in (DOCS, SUMS, LEDGER):
        assert run(store, target).outcome == "empty"
    assert not store.at().exists()


def test_without_names_everything_is_maintained(store: SmallStore) -> None:
    targets = find_targets(store.project, store.store, ())
    assert [str(one) for one in targets] == ["corpus docs", "dataset sums", "ledger"]
    assert find_targets(store.project, store.store, ["sums"]) == [SUMS]
    with pytest.raises(SettingsError, match="no corpus or dataset 'other'; it has: docs, sums"):
        find_targets(store.project, store.store, ["other"])


@pytest.mark.parametrize(("size", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2_500_000, "2.5 MB")])
def test_sizes_are_told_as_people_read_them(size: int, text: str) -> None:
    assert size_text(size) == text


def test_the_answer_tells_what_was_freed_and_what_would_be(store: SmallStore) -> None:
    planned = run(store, task=Task(dry_run=True), keep_releases=1)
    text = maintained_text([planned.as_dict()], dry_run=True)
    assert text.startswith("corpus docs: would free ")
    done = run(store, keep_releases=1)
    assert done.after == bytes_below(str(store.at("corpora", "docs")))
    assert maintained_text([done.as_dict()], dry_run=False).startswith("corpus docs: freed ")
    again = run(store, keep_releases=1)
    assert maintained_text([again.as_dict()], dry_run=False) == "corpus docs: nothing to do\n"
