"""What a store consists of: every table's schema in one place, its readers in another, and nothing made by reading."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lance
import pyarrow as pa
import pytest

from freshet.tasks.errors import StoreError
from freshet.tasks.ledger import decisions, looks, query_log, windows
from freshet.tasks.lineage.events import RunEvents
from freshet.tasks.lineage.openlineage import refresh_job
from freshet.tasks.lineage.release_contents import record_releases
from freshet.tasks.store import schemas
from freshet.tasks.store.tables import Store
from freshet.tasks.text import minhash
from tests.stores.small_store import SmallStore, make_store

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
TOPS = ("expectations", "tasks", "flows", "freshet", "deploy")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SmallStore:
    """A store in which people have decided, a backfill has worked, the monitor has looked, a question was asked."""
    made = make_store(tmp_path_factory.mktemp("made") / "project")
    held = made.store
    decisions.retry(held, "docs", "empty.md", who="ada", now=NOW)
    row = windows.WindowRow("b", "corpus", "docs", NOW, NOW.replace(day=23), "planned", 1, "all", "f", NOW)
    windows.record_windows(held, [row])
    looks.record_look(held, looks.look_at(held, "corpus", "docs", NOW), NOW)
    query_log.QueryLog(made.project, held).asked("docs", "When is the library open?", ["user:ada"], "extractive", 2)
    assert query_log.fold(held).events == 1
    record_releases(held, "docs", run="run", now=NOW)
    with RunEvents(held, refresh_job("docs"), "run"):
        pass
    return made


def _plain(schema: pa.Schema) -> list[tuple[str, pa.DataType, bool]]:
    return [(one.name, one.type, one.nullable) for one in schema]


def test_every_table_of_a_store_has_the_schema_that_the_package_says(store: SmallStore) -> None:
    known = {f"ledger/{name}": made() for name, made in schemas.LEDGER_TABLES.items()}
    known |= {f"datasets/sums/{name}": made() for name, made in schemas.DATASET_TABLES.items()}
    known |= {f"corpora/docs/{name}": made() for name, made in schemas.CORPUS_TABLES.items()}
    known |= {
        f"corpora/docs/{schemas.SIGNATURES}": schemas.signatures(minhash.BANDS),
        f"corpora/docs/{store.chunks_name()}": schemas.chunks(384),
    }
    tables = {
        str(one.relative_to(store.at()).with_suffix("")): one for one in store.at().rglob("*.lance") if one.is_dir()
    }
    assert len(tables) >= 15
    for name, folder in tables.items():
        assert _plain(lance.dataset(folder).schema) == _plain(known[name]), name


def test_a_file_that_makes_an_arrow_schema_of_its_own_writes_no_table_of_the_store() -> None:
    """Staging and export files have schemas of their own; what the store holds has its schema in one package."""
    package = ROOT / "tasks" / "store" / "schemas"
    made = re.compile(r"pa\.schema\((?!.*empty_table)")
    writes = re.compile(r"(?:ledger|[Tt]ables)\.(?:open|append)\(|insert_new\(|merge_rows\(")
    files = [one for top in TOPS for one in (ROOT / top).rglob("*.py") if package not in one.parents]
    own = [one for one in files if made.search(_code(one))]
    assert own
    assert [one for one in own if writes.search(_code(one))] == []
    assert [one for one in files if "unenforced-primary-key" in _code(one)] == []


def test_the_shared_tables_are_read_and_written_in_the_room_of_the_ledger() -> None:
    """Which release or version is live is decided there alone. Lineage and its events have a room of their own."""
    own = {"lineage", "lineage_events", "lineage_deliveries"}
    names = "|".join(name.upper() for name in schemas.LEDGER_TABLES.keys() - own)
    named = re.compile(rf"schemas\.(?:{names})\b")
    files = [one for top in TOPS for one in (ROOT / top).rglob("*.py")]
    using = {str(one.parent.relative_to(ROOT)) for one in files if named.search(_code(one))}
    assert using == {"tasks/ledger"}


def test_reading_makes_nothing(tmp_path: Path) -> None:
    held = Store(str(tmp_path / "store"))
    for tables in (held.ledger, held.corpus("docs"), held.dataset("sums")):
        assert tables.names() == []
        assert tables.find("documents") is None
        assert tables.rows("documents", "a = 1", ["a"]) == []
    assert not (tmp_path / "store").exists()


def test_rows_are_those_that_meet_a_predicate_in_the_columns_asked_for(tmp_path: Path) -> None:
    tables = Store(str(tmp_path / "store")).ledger
    schema = pa.schema([("a", pa.int64()), ("b", pa.string())])
    tables.append("some", schema, [{"a": number, "b": str(number)} for number in range(30)])
    assert tables.names() == ["some"]
    assert len(tables.rows("some")) == 30
    assert tables.rows("some", "a > 28") == [{"a": 29, "b": "29"}]
    assert tables.rows("some", "a > 28", ["b"]) == [{"b": "29"}]


def _code(file: Path) -> str:
    return file.read_text("utf-8")


@pytest.mark.parametrize("table", sorted(schemas.KNOWN_TABLES))
def test_a_table_with_another_column_is_told_by_its_name_and_not_read(table: str, tmp_path: Path) -> None:
    known = schemas.KNOWN_TABLES[table]()
    required = next(field.name for field in known if not field.nullable)
    for folder, schema, told in (
        ("more", known.append(pa.field("mood", pa.string())), "does not know: mood"),
        ("fewer", known.remove(known.get_field_index(required)), f"lacks columns: {required}"),
    ):
        ledger = Store(str(tmp_path / folder)).ledger
        lance.write_dataset(schema.empty_table(), str(tmp_path / folder / "ledger" / f"{table}.lance"))
        with pytest.raises(StoreError, match=f"table {table} of the store .*{told}"):
            ledger.rows(table)


@pytest.mark.parametrize("lost", [(1,), (4,), (1, 2), (2, 3), (3, 4), (1, 2, 3, 4)])
@pytest.mark.parametrize("is_compacted", [False, True])
@pytest.mark.parametrize("goes_on", [False, True])
def test_where_a_corpus_stands_is_found_by_the_newest_decisions_also_among_restored_ones(
    lost: tuple[int, ...], is_compacted: bool, goes_on: bool, tmp_path: Path
) -> None:
    from freshet.tasks.ledger.releases import (
        RESTORED,
        Release,
        find_standing,
        insert_release,
        list_releases,
        standing_of,
    )

    store = Store(str(tmp_path))

    def decide(number: int, run_id: str = "run", corpus: str = "docs") -> None:
        outcome = "rejected" if number == 3 else "published"
        row = Release(corpus, number, outcome, None, "m", "s", number, number, 1, 1, [], run_id, NOW, NOW)  # type: ignore[arg-type]
        assert insert_release(store, row)

    for number in range(1, 5):
        decide(number)
        decide(number, corpus="other")
    table = store.ledger.find(schemas.RELEASES)
    assert table is not None
    table.delete(f"corpus = 'docs' AND release IN ({', '.join(map(str, lost))})")
    if is_compacted:
        table.to_lance().optimize.compact_files()
    for number in lost:
        decide(number, RESTORED)
    if goes_on:
        decide(5)
    standing = find_standing(store, "docs")
    assert standing == standing_of(list_releases(store, "docs"))
    assert standing is not None
    assert standing.live.release == (5 if goes_on else 4)


def test_the_newest_decision_is_seen_at_once_and_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from freshet.tasks.ledger.releases import Release, find_standing, insert_release
    from freshet.tasks.store.tables import Tables

    read: list[int] = []
    newest_rows = Tables.newest_rows

    def counted(self: Tables, *given: Any) -> Any:
        read.append(given[-1])
        return newest_rows(self, *given)

    monkeypatch.setattr(Tables, "newest_rows", counted)
    reader, writer = Store(str(tmp_path)), Store(str(tmp_path))
    assert find_standing(reader, "docs") is None
    for number in range(1, 4):
        row = Release("docs", number, "published", None, "m", "s", number, number, 1, 1, [], "run", NOW, NOW)
        assert insert_release(writer, row)
        seen = [find_standing(reader, "docs") for _ in range(3)]
        assert {one.live.release for one in seen if one} == {number}
        assert len(seen) == 3
        assert len(read) == number


def test_a_commit_whose_file_was_cut_short_for_want_of_room_is_told_and_undone(tmp_path: Path) -> None:
    """Lance commits a file whose last bytes found no room, and nobody could read the table then."""
    program = """
import resource, sys
import lancedb, pyarrow as pa
from freshet.tasks.store.commits import merge_rows

def rows(number):
    return pa.table({"id": [f"{number}-{at}" for at in range(30)], "text": [f"{number} {at}" * 40 for at in range(30)]})

table = lancedb.connect(sys.argv[1]).create_table("t", rows(0))
most = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
try:
    merge_rows(table, "id", rows(1))
    print("written")
except (OSError, RuntimeError):
    print("told")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
again = lancedb.connect(sys.argv[1]).open_table("t")
held = len(again.to_arrow())
merge_rows(again, "id", rows(1))
print(held, len(again.to_arrow()))
"""
    whole = _size_of_the_newest_file(tmp_path / "whole", program)
    said = {
        missing: subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / str(missing)), str(whole - missing)],
            capture_output=True, text=True, check=True,
        ).stdout.split("\n")[:2]
        for missing in (-100, 1, 60, 300, whole // 2)
    }  # fmt: skip
    assert said.pop(-100) == ["written", "60 60"]
    assert set(map(tuple, said.values())) == {("told", "30 60")}


def _size_of_the_newest_file(folder: Path, program: str) -> int:
    subprocess.run([sys.executable, "-c", program, str(folder), str(10**6)], check=True, capture_output=True)
    return max(file.stat().st_size for file in (folder / "t.lance" / "data").iterdir())
