"""The doctor finds planted damage by its own code, mends what it says it can, and leaves a healthy store alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import lance
import pyarrow as pa
import pytest
import yaml

from freshet.flows.command.texts.doctor import doctor_text
from freshet.tasks.doctor.examine import Repair, examine, repair
from freshet.tasks.doctor.findings import CODES
from freshet.tasks.errors import SettingsError
from freshet.tasks.index import release
from freshet.tasks.index.indices import unindexed_rows
from freshet.tasks.ledger.query_log import QueryLog, fold
from freshet.tasks.lineage.events import RunEvents, open_runs
from freshet.tasks.lineage.openlineage import refresh_job
from freshet.tasks.store import schemas
from freshet.tasks.store.locks import hold_corpus
from freshet.tasks.store.seals import SEALS
from freshet.tasks.store.tables import Store
from tests.stores.small_store import TEXTS, SmallStore

NOW = datetime.now(UTC)
FIVE_YEARS = timedelta(days=5 * 365)


def mend(store: SmallStore) -> Repair:
    return repair(store.project, (), timedelta(0), lambda _: None)


# ---- planting damage


def _chunks(store: SmallStore) -> Path:
    return store.at("corpora", "docs", f"{store.chunks_name()}.lance")


def _documents(store: SmallStore) -> Path:
    return store.at("corpora", "docs", "documents.lance")


def _newest_manifest(table: Path) -> Path:
    return min(table.glob("_versions/*.manifest"))  # names count down


def _table(store: SmallStore, name: str | None = None) -> Any:
    found = store.store.corpus("docs").find(name or store.chunks_name())
    assert found is not None
    return found


def empty_newest_manifest_of_chunks(store: SmallStore) -> None:
    _newest_manifest(_chunks(store)).write_bytes(b"")


def half_newest_manifest_of_ledger(store: SmallStore) -> None:
    file = _newest_manifest(_documents(store))
    file.write_bytes(file.read_bytes()[:200])


def empty_old_manifest(store: SmallStore) -> None:
    max(_chunks(store).glob("_versions/*.manifest")).write_bytes(b"")


def empty_newest_manifest_of_releases(store: SmallStore) -> None:
    _newest_manifest(store.at("ledger", "releases.lance")).write_bytes(b"")


def _lose_fragments(table: Path, *, empty: bool) -> None:
    for fragment in lance.dataset(str(table)).get_fragments():
        file = table / "data" / fragment.metadata.files[0].path
        file.write_bytes(b"") if empty else file.unlink()


def chunk_files_gone(store: SmallStore) -> None:
    _lose_fragments(_chunks(store), empty=False)


def ledger_files_empty(store: SmallStore) -> None:
    _lose_fragments(_documents(store), empty=True)


def deletion_file_gone(store: SmallStore) -> None:
    for file in _chunks(store).glob("_deletions/*"):
        file.unlink()


def old_files_gone(store: SmallStore) -> None:
    old = {one.metadata.files[0].path for one in lance.dataset(str(_chunks(store))).get_fragments()}
    _table(store).to_lance().optimize.compact_files()
    store.refresh()
    for path in old:
        (_chunks(store) / "data" / path).unlink()


def index_files_gone(store: SmallStore) -> None:
    shutil.rmtree(_chunks(store) / "_indices" / _index(store, "words_idx"))


def one_index_file_gone(store: SmallStore) -> None:
    next((_chunks(store) / "_indices" / _index(store, "access_idx")).iterdir()).unlink()


def _index(store: SmallStore, name: str) -> str:
    indices = lance.dataset(str(_chunks(store))).list_indices()
    return str(next(one["uuid"] for one in indices if one["name"] == name))


def index_dropped(store: SmallStore) -> None:
    _table(store).drop_index("words_idx")


def rows_not_indexed(store: SmallStore) -> None:
    table = _table(store)
    rows = table.search().limit(1).to_arrow()
    table.delete(f"chunk_id = '{rows['chunk_id'][0]}'")
    table.add(rows)
    assert unindexed_rows(table)


def released_version_gone(store: SmallStore) -> None:
    _newest_manifest(_chunks(store)).unlink()


def release_forgotten(store: SmallStore) -> None:
    table = store.store.ledger.find(schemas.RELEASES)
    assert table is not None
    table.delete("release = 1")


def tag_gone(store: SmallStore) -> None:
    _table(store).tags.delete("release-2")


def chunk_deleted(store: SmallStore) -> None:
    table = _table(store)
    table.delete(f"chunk_id = '{table.search().limit(1).to_arrow()['chunk_id'][0]}'")


def vector_spoiled(store: SmallStore) -> None:
    table = _table(store)
    row = table.search().limit(1).to_arrow().to_pylist()[0]
    table.delete(f"chunk_id = '{row['chunk_id']}'")
    table.add(pa.Table.from_pylist([{**row, "vector": [0.0] * 384}], schema=schemas.chunks(384)))
    table.to_lance().optimize.optimize_indices()


def chunks_of_nobody(store: SmallStore) -> None:
    table = _table(store)
    row = table.search().limit(1).to_arrow().to_pylist()[0]
    table.add(pa.Table.from_pylist([{**row, "chunk_id": "c" * 32, "doc_id": "d" * 32}], schema=schemas.chunks(384)))
    table.to_lance().optimize.optimize_indices()


def table_of_nobody(store: SmallStore) -> None:
    store.store.corpus("docs").open("chunks-0123456789ab", schemas.chunks(8))


def corpus_of_nobody(store: SmallStore) -> None:
    shutil.copytree(store.at("corpora", "docs"), store.at("corpora", "former"))


def note_of_a_holder(store: SmallStore) -> None:
    store.at("locks").mkdir(exist_ok=True)
    store.at("locks", "docs.holder").write_text('{"run": "refresh", "pid": 1, "host": "gone", "since": "2026"}')


def work_left(store: SmallStore) -> None:
    store.at("work", "docs").mkdir(parents=True)
    store.at("work", "docs", "work.arrow").write_bytes(b"left")


def export_half_written(store: SmallStore) -> None:
    store.at("datasets", "sums", "exports", ".partial-2.0.0").mkdir()


def run_never_ended(store: SmallStore) -> None:
    RunEvents(store.store, refresh_job("docs"), "5f1dd1e8-0000-4000-8000-000000000000").__enter__()


def source_gone(store: SmallStore) -> None:
    (store.folder / "docs").rename(store.folder / "moved")


def source_grew(store: SmallStore) -> None:
    store.write("attic.md", "# Attic\n\nThe attic is closed.\n")


def model_gone(store: SmallStore) -> None:
    file = store.folder / "freshet.yaml"
    (store.folder / "model").mkdir()
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "embedding": {"model": "./model"}}))


def key_gone(store: SmallStore) -> None:
    QueryLog.of(store.project).asked("docs", "When is the library open?", ["user:ada"], "extractive", 2)
    assert fold(store.store).events == 1
    (store.folder / ".freshet.key").unlink()


def key_replaced(store: SmallStore) -> None:
    key_gone(store)
    QueryLog.of(store.project).asked("docs", "When is the kitchen open?", ["user:ada"], "extractive", 2)
    assert fold(store.store).events == 1


def export_gone(store: SmallStore) -> None:
    shutil.rmtree(store.at("datasets", "sums", "exports", "1.0.0"))


def export_altered(store: SmallStore) -> None:
    with store.at("datasets", "sums", "exports", "1.1.0", "trl", "train.jsonl").open("a") as file:
        file.write('{"prompt": "slipped in", "completion": "later"}\n')


def tables_of_a_corpus_gone(store: SmallStore) -> None:
    shutil.rmtree(store.at("corpora"))


def tag_file_damaged(store: SmallStore) -> None:
    file = _chunks(store) / "_refs" / "tags" / "release-2.json"
    file.write_bytes(file.read_bytes()[:20])


def seals_altered(store: SmallStore) -> None:
    file = _chunks(store) / SEALS
    file.write_bytes(file.read_bytes().replace(b"data/", b"date/", 1))


def newest_rows_of_a_dataset_gone(store: SmallStore) -> None:
    _lose_fragments(store.at("datasets", "sums", "examples.lance"), empty=True)


def record_of_a_version_garbled(store: SmallStore) -> None:
    table = store.store.ledger.find(schemas.DATASET_VERSIONS)
    assert table is not None
    table.update(where="version = '1.0.0'", values={"facts": "{"})


def rows_of_a_version_gone(store: SmallStore) -> None:
    table = store.at("datasets", "sums", "examples.lance")
    for fragment in lance.dataset(str(table), version="v1.0.0").get_fragments():
        (table / "data" / fragment.metadata.files[0].path).unlink()


def newer_table(store: SmallStore) -> None:
    lance.dataset(str(store.at("ledger", "releases.lance"))).add_columns({"mood": "'good'"})


def version_overdue(store: SmallStore) -> None:
    store.build(40, store.folder / "work-3", at=NOW - FIVE_YEARS)


def store_is_a_file(store: SmallStore) -> None:
    shutil.rmtree(store.at())
    store.at().write_text("not a folder")


Plant = Callable[[SmallStore], None]


def store_open(store: SmallStore) -> None:
    store.at().chmod(0o755)


MENDED: dict[Plant, str] = {
    empty_newest_manifest_of_chunks: "DOCTOR-TORN-MANIFEST",
    half_newest_manifest_of_ledger: "DOCTOR-TORN-MANIFEST",
    empty_old_manifest: "DOCTOR-TORN-MANIFEST",
    empty_newest_manifest_of_releases: "DOCTOR-TORN-MANIFEST",
    chunk_files_gone: "DOCTOR-MISSING-FILES",
    ledger_files_empty: "DOCTOR-MISSING-FILES",
    deletion_file_gone: "DOCTOR-MISSING-FILES",
    old_files_gone: "DOCTOR-VERSION-BROKEN",
    index_files_gone: "DOCTOR-INDEX-FILES",
    one_index_file_gone: "DOCTOR-INDEX-FILES",
    index_dropped: "DOCTOR-INDEX-MISSING",
    rows_not_indexed: "DOCTOR-INDEX-LAG",
    released_version_gone: "DOCTOR-RELEASE-GONE",
    release_forgotten: "DOCTOR-RELEASE-RECORD",
    tag_gone: "DOCTOR-TAG",
    tag_file_damaged: "DOCTOR-TAG-FILES",
    seals_altered: "DOCTOR-SEALS",
    chunks_of_nobody: "DOCTOR-STRAY-CHUNKS",
    table_of_nobody: "DOCTOR-STRAY-TABLE",
    note_of_a_holder: "DOCTOR-STALE-HOLDER",
    work_left: "DOCTOR-LEFTOVER",
    export_half_written: "DOCTOR-LEFTOVER",
    run_never_ended: "DOCTOR-OPEN-RUN",
    store_open: "DOCTOR-STORE-OPEN",
    key_replaced: "DOCTOR-KEY",
    export_gone: "DOCTOR-EXPORT-MISSING",
    export_altered: "DOCTOR-EXPORT-ALTERED",
}
"""Damage that `--repair` mends, or mends as far as a refresh does the rest."""

TOLD: dict[Plant, str] = {
    chunk_deleted: "DOCTOR-LEDGER-MISMATCH",
    vector_spoiled: "DOCTOR-LEDGER-MISMATCH",
    corpus_of_nobody: "DOCTOR-STRAY-FOLDER",
    source_gone: "DOCTOR-SOURCE-UNREACHABLE",
    source_grew: "DOCTOR-SOURCE-DIFFERS",
    model_gone: "DOCTOR-MODEL",
    tables_of_a_corpus_gone: "DOCTOR-CORPUS-GONE",
    rows_of_a_version_gone: "DOCTOR-VERSION-GONE",
    newest_rows_of_a_dataset_gone: "DOCTOR-ROWS-GONE",
    record_of_a_version_garbled: "DOCTOR-UNREADABLE",
    newer_table: "DOCTOR-SCHEMA",
    version_overdue: "DOCTOR-RETENTION",
    store_is_a_file: "DOCTOR-STORE-ACCESS",
    key_gone: "DOCTOR-KEY",
}
"""Damage that a person or a refresh has to mend."""


def _name(value: object) -> str:
    return getattr(value, "__name__", str(value))


@pytest.mark.parametrize(("plant", "code"), [*MENDED.items(), *TOLD.items()], ids=_name)
def test_planted_damage_is_found_by_its_own_code(store: SmallStore, plant: Plant, code: str) -> None:
    plant(store)
    before = store.files()
    found = examine(store.project)
    assert code in [one.code for one in found]
    for one in found:
        assert set(one.as_dict()) == {"code", "where", "what", "mend"}
        assert all(one.as_dict().values())
    assert (store.files()) == before, "looking alters nothing"


@pytest.mark.parametrize("plant", MENDED, ids=_name)
def test_what_the_doctor_mends_is_healthy_and_equal_after_a_refresh(
    whole: SmallStore, store: SmallStore, plant: Plant
) -> None:
    wanted, seen = whole.contents(), whole.published()
    plant(store)
    done = mend(store)
    assert MENDED[plant] in [one.code for one, _ in done.mended]
    # No release can be read any more where the files of all of them are gone.
    refresh = {"DOCTOR-LEDGER-MISMATCH", "DOCTOR-SOURCE-DIFFERS", "DOCTOR-RELEASE-GONE"}
    assert {one.code for one in done.left} <= refresh, done.as_dict()
    assert done.notes == []
    store.refresh()
    assert store.codes() == []
    assert store.contents() == wanted
    assert store.published() == seen


@pytest.mark.parametrize("plant", TOLD, ids=_name)
def test_what_the_doctor_cannot_mend_stays_a_finding(store: SmallStore, plant: Plant) -> None:
    plant(store)
    done = mend(store)
    assert TOLD[plant] in [one.code for one in done.left]


def test_every_code_is_planted_here() -> None:
    # Deployments are not in the store: tests/stores/test_status.py has a server that holds old ones.
    assert {*MENDED.values(), *TOLD.values(), "DOCTOR-DEPLOYMENTS"} == CODES.keys()


@pytest.mark.parametrize("code", CODES)
def test_a_code_says_what_and_how_to_mend(code: str) -> None:
    assert len(CODES[code].what) > 10
    assert CODES[code].mend.endswith((".", "--repair", "--full", "{name}", "--expire-live"))


# ---- what is lost is said


def test_a_torn_manifest_costs_what_it_held_and_readers_see_the_release_before(store: SmallStore) -> None:
    torn = lance.dataset(str(_chunks(store))).version
    empty_newest_manifest_of_chunks(store)
    lost = [line for _, lines in mend(store).mended for line in lines]
    assert f"corpora/docs/{store.chunks_name()}: version {torn}, and what was written with it" in lost
    assert any("release 2. Readers see what release 1 held, as release 3" in line for line in lost)
    assert any("garden is open from eight" in row["text"] for row in store.published())
    assert lance.dataset(str(_chunks(store))).version > torn, "no other state gets the number of the one that is gone"


def test_files_that_are_gone_cost_their_rows(store: SmallStore) -> None:
    rows = _table(store).count_rows()
    chunk_files_gone(store)
    (lost,) = [lines for one, lines in mend(store).mended if one.code == "DOCTOR-MISSING-FILES"]
    assert lost[0] == f"corpora/docs/{store.chunks_name()}: {rows} rows"


def test_a_release_that_was_forgotten_is_put_back_from_the_tags(store: SmallStore) -> None:
    before = next(one for one in release.list_releases(store.store, "docs") if one.release == 1)
    release_forgotten(store)
    mend(store)
    after = next(one for one in release.list_releases(store.store, "docs") if one.release == 1)
    facts = ("outcome", "space", "table_version", "ledger_version", "documents", "chunks")
    assert [getattr(after, name) for name in facts] == [getattr(before, name) for name in facts]
    assert release.roll_back(store.store, "docs", 1, now=NOW).release == 3


def test_a_run_that_never_ended_is_recorded_as_killed(store: SmallStore) -> None:
    run_never_ended(store)
    mend(store)
    assert open_runs(store.store, refresh_job("docs").name) == []


def test_damage_in_several_places_is_mended_at_once(whole: SmallStore, store: SmallStore) -> None:
    for plant in (empty_newest_manifest_of_chunks, ledger_files_empty, export_gone, note_of_a_holder, table_of_nobody):
        plant(store)
    mend(store)
    store.refresh()
    assert store.codes() == []
    assert store.contents() == whole.contents()


# ---- a healthy store


def test_a_healthy_store_has_no_findings(store: SmallStore) -> None:
    assert store.codes() == []
    assert mend(store).as_dict() == {"findings": [], "notes": []}


def test_nothing_is_made_where_there_is_no_store(store: SmallStore) -> None:
    shutil.rmtree(store.at())
    assert store.codes() == []
    assert mend(store).left == []
    assert not store.at().exists()


def test_a_store_without_its_dataset_or_corpus_yet_is_healthy(store: SmallStore) -> None:
    file = store.folder / "freshet.yaml"
    settings = yaml.safe_load(file.read_text())
    settings["corpora"]["later"] = settings["corpora"]["docs"]
    settings["datasets"]["soon"] = settings["datasets"]["sums"]
    file.write_text(yaml.safe_dump(settings))
    assert store.codes() == []
    assert not store.at("corpora", "later").exists()
    assert not store.at("datasets", "soon").exists()


def test_a_rollback_is_healthy(store: SmallStore) -> None:
    release.roll_back(store.store, "docs", 1, now=NOW)
    assert store.codes() == []


def test_a_rejected_head_is_healthy(store: SmallStore) -> None:
    store.write("garden.md", TEXTS["garden.md"].replace("eight", "ten"))
    decided = store.refresh(outcome="rejected")
    assert decided is not None
    assert decided.outcome == "rejected"
    assert store.codes() == []
    release.publish_rejected(store.store, "docs", who="ada", why="it is right", now=NOW)
    assert store.codes() == []


def test_a_killed_refresh_that_was_resumed_is_healthy(store: SmallStore) -> None:
    for path, text in TEXTS.items():
        store.write(path, text.replace("Rules", "Manners"))
    store.refresh(until="write")
    store.refresh()
    assert store.codes() == []


def test_a_corpus_that_is_being_refreshed_is_not_accused_of_leftovers(store: SmallStore) -> None:
    with hold_corpus(store.store, "docs", "refresh-docs", timedelta(0), lambda _: None):
        work_left(store)
        run_never_ended(store)
        assert store.codes() == []


def test_a_busy_corpus_is_not_mended_and_that_is_said(store: SmallStore) -> None:
    index_dropped(store)
    with hold_corpus(store.store, "docs", "refresh-docs", timedelta(0), lambda _: None):
        done = mend(store)
    assert [one.code for one in done.left] == ["DOCTOR-INDEX-MISSING"]
    assert "held by refresh-docs" in done.notes[0]


# ---- asking


def test_names_narrow_what_is_looked_at(store: SmallStore) -> None:
    index_dropped(store)
    export_gone(store)
    assert store.codes("docs") == ["DOCTOR-INDEX-MISSING"]
    assert store.codes("sums") == ["DOCTOR-EXPORT-MISSING"]
    with pytest.raises(SettingsError, match="no corpus or dataset 'doks'"):
        store.codes("doks")


def test_the_answer_names_what_was_mended_and_what_that_cost(store: SmallStore) -> None:
    chunk_files_gone(store)
    found = mend(store).as_dict()
    text = doctor_text(found, "the store")
    assert json.loads(json.dumps(found)) == found
    assert "DOCTOR-MISSING-FILES (mended)" in text
    assert "lost: corpora/docs" in text
    assert doctor_text({"findings": []}, "the store") == "the store is healthy.\n"


def test_exports_that_would_not_come_out_as_they_were_are_left_as_they_are(
    store: SmallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_altered(store)
    monkeypatch.setattr("freshet.tasks.datasets.card.describe.write_description", lambda *_, **__: None)
    done = mend(store)
    assert [one.code for one in done.left] == ["DOCTOR-EXPORT-ALTERED"]
    assert "would not come out as they were" in done.notes[0]
    assert store.at("datasets", "sums", "exports", "1.1.0", "trl", "train.jsonl").exists()


def test_a_bucket_that_cannot_be_reached_is_a_finding(store: SmallStore) -> None:
    file = store.folder / "freshet.yaml"
    unreachable = {**yaml.safe_load(file.read_text()), "store": "nosuchscheme://bucket/prefix"}
    file.write_text(yaml.safe_dump(unreachable))
    assert Store(store.project.store).is_local is False
    assert store.codes() == ["DOCTOR-STORE-ACCESS"]


def test_a_torn_table_is_told_with_the_next_command(tmp_path: Path) -> None:
    import pyarrow as pa

    from freshet.tasks.errors import DamagedTable
    from freshet.tasks.store.tables import Store

    tables = Store(str(tmp_path)).corpus("c")
    tables.append("documents", pa.schema([("a", pa.int64())]), [{"a": 1}])
    newest = min((tmp_path / "corpora" / "c" / "documents.lance" / "_versions").glob("*.manifest"))
    newest.write_bytes(b"")
    with pytest.raises(DamagedTable, match=r"freshet doctor --repair"):
        Store(str(tmp_path)).corpus("c").find("documents")
