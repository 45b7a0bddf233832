"""Sound files of rows: found, and read as they were written."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freshet.tasks.datasets.inputs.files import list_files
from freshet.tasks.datasets.inputs.opening import InputFile
from freshet.tasks.datasets.inputs.read import read_rows
from freshet.tasks.datasets.inputs.rows import RawRow, Unsound
from freshet.tasks.datasets.inputs.strict_json import parse
from freshet.tasks.errors import MissingExtra, SourceError
from freshet.tasks.settings.datasets import RowsInput, Shape


def given_rows(rows: str, **more: Any) -> RowsInput:
    return RowsInput(rows=rows, owner="ada", licence="CC0-1.0", uses=["training"], **more)


def only(path: Path, **more: Any) -> InputFile:
    (file,) = list_files(given_rows(path.name, **more), path.parent)
    return file


def values(path: Path, max_line: int = 10_000_000, shape: Shape | None = None, **more: Any) -> list[dict[str, Any]]:
    rows = list(read_rows(only(path, **more), max_line, shape))
    assert [row for row in rows if not isinstance(row, RawRow)] == []
    return [row.value for row in rows if isinstance(row, RawRow)]


@pytest.fixture
def memory() -> Iterator[Callable[[str, bytes], None]]:
    """Writes into fsspec's memory, and leaves none of it."""
    fs = fsspec.filesystem("memory")

    def write(path: str, data: bytes) -> None:
        fs.pipe_file(path, data)

    yield write
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]


# Which files there are.


def test_a_glob_names_files_by_their_path_in_the_project_in_order_and_with_the_hash_of_their_bytes(
    tmp_path: Path,
) -> None:
    for name in ("b.jsonl", "a.csv", "deep/er/c.parquet", "deep/d.ndjson.gz", "deep/e.tsv"):
        (tmp_path / "rows" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "rows" / name).write_bytes(name.encode())
    files = list_files(given_rows("rows/**/*.*", name="all of it"), tmp_path)
    assert [(file.uri, file.kind) for file in files] == [
        ("rows/a.csv", "csv"),
        ("rows/b.jsonl", "jsonl"),
        ("rows/deep/d.ndjson.gz", "jsonl"),
        ("rows/deep/e.tsv", "csv"),
        ("rows/deep/er/c.parquet", "parquet"),
    ]
    assert {file.input for file in files} == {"all of it"}
    assert files[1].version == sha256(b"b.jsonl").hexdigest()


def test_a_path_out_of_the_project_is_shown_as_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "a.json").write_text("[]")
    (relative,) = list_files(given_rows("../*.json"), tmp_path / "project")
    (absolute,) = list_files(given_rows(str(tmp_path / "a.json")), tmp_path / "project")
    (inside,) = list_files(given_rows(str(tmp_path / "a.json")), tmp_path)
    assert (relative.uri, absolute.uri, inside.uri) == ("../a.json", f"{tmp_path}/a.json", "a.json")


def test_a_name_with_brackets_is_a_file_before_it_is_a_glob(tmp_path: Path) -> None:
    (tmp_path / "rows[1].jsonl").write_text('{"a": 1}')
    assert values(tmp_path / "rows[1].jsonl") == [{"a": 1}]


def test_kind_says_what_a_file_is_whose_name_does_not(tmp_path: Path) -> None:
    (tmp_path / "rows.txt").write_text("a,b\n1,2\n")
    with pytest.raises(SourceError, match=r"suffix of rows\.txt does not say") as error:
        list_files(given_rows("rows.txt"), tmp_path)
    assert "kind: jsonl" in error.value.mend
    assert values(tmp_path / "rows.txt", kind="csv") == [{"a": "1", "b": "2"}]


@pytest.mark.parametrize(
    ("rows", "what", "mend"),
    [
        ("data/answer.jsonl", "data holds answers.jsonl, other.csv, raw/", "did you mean answers.jsonl?"),
        ("data/*.parquet", "data holds answers.jsonl", "correct rows"),
        ("data", "data holds answers.jsonl", "data/*.jsonl"),
        ("dta/answers.jsonl", "the project's folder holds data/", "correct rows"),
    ],
)
def test_where_nothing_matches_the_error_says_what_is_near(tmp_path: Path, rows: str, what: str, mend: str) -> None:
    (tmp_path / "data" / "raw").mkdir(parents=True)
    (tmp_path / "data" / "answers.jsonl").write_text("{}")
    (tmp_path / "data" / "other.csv").write_text("a\n")
    with pytest.raises(SourceError) as error:
        list_files(given_rows(rows, name="answers"), tmp_path)
    assert f"input answers: rows names no file: {rows}" in error.value.what
    assert what in error.value.what
    assert mend in error.value.mend
    assert str(tmp_path) not in str(error.value)


def test_urls_and_their_globs_are_listed_as_they_are_written(memory: Callable[[str, bytes], None]) -> None:
    memory("/bucket/b.jsonl", b'{"n": 2}\n')
    memory("/bucket/deep/a.jsonl", b'{"n": 1}\n')
    (one,) = list_files(given_rows("memory://bucket/b.jsonl"), Path())
    several = list_files(given_rows("memory://bucket/**/*.jsonl"), Path())
    assert one.uri == "memory://bucket/b.jsonl"
    assert [file.uri for file in several] == ["memory://bucket/b.jsonl", "memory://bucket/deep/a.jsonl"]
    assert [row.value for file in several for row in read_rows(file, 1000) if isinstance(row, RawRow)] == [
        {"n": 2},
        {"n": 1},
    ]
    with pytest.raises(SourceError, match=r"memory://bucket holds b\.jsonl, deep/"):
        list_files(given_rows("memory://bucket/c*.jsonl"), Path())


def test_parquet_is_read_from_a_url(memory: Callable[[str, bytes], None]) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": [1, 2]}), sink)
    memory("/bucket/rows.parquet", sink.getvalue())
    (file,) = list_files(given_rows("memory://bucket/rows.parquet"), Path())
    assert [row.value for row in read_rows(file, 1000) if isinstance(row, RawRow)] == [{"a": 1}, {"a": 2}]


class Guarded(MemoryFileSystem):
    """Memory behind a name and a password."""

    protocol = "guarded"

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        host_and_path = path.removeprefix("guarded://").rpartition("@")[2]
        return "/" + host_and_path.strip("/")


def test_credentials_of_a_url_are_used_and_never_shown(memory: Callable[[str, bytes], None]) -> None:
    fsspec.register_implementation("guarded", Guarded, clobber=True)
    memory("/host/a.jsonl", b'{"n": 1}\n')
    (file,) = list_files(given_rows("guarded://ada:hunter2@host/*.jsonl", name="rows"), Path())
    assert file.uri == "guarded://host/a.jsonl"
    assert list(read_rows(file, 1000)) == [RawRow(1, None, {"n": 1})]
    with pytest.raises(SourceError) as error:
        list_files(given_rows("guarded://ada:hunter2@host/b.jsonl", name="rows"), Path())
    assert "hunter2" not in str(error.value)
    with pytest.raises(SourceError) as error:
        list_files(given_rows("guarded://ada:hunt/er2@host/b.jsonl"), Path())
    assert "er2" not in str(error.value)
    fsspec.filesystem("memory").rm("/host/a.jsonl")
    with pytest.raises(SourceError) as error:
        list(read_rows(file, 1000))
    assert "hunter2" not in str(error.value)


def test_a_url_whose_package_is_missing_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    from fsspec.registry import _registry

    monkeypatch.delitem(_registry, "s3", raising=False)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(MissingExtra, match="s3://bucket/") as error:
        list_files(given_rows("s3://bucket/a.jsonl"), Path())
    assert error.value.mend == 'pip install "freshet[s3]"'


def test_a_url_of_no_known_kind_is_refused() -> None:
    with pytest.raises(SourceError, match="nowhere://a"):
        list_files(given_rows("nowhere://a/b.jsonl"), Path())


@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv", "parquet"])
def test_a_file_that_changes_between_listing_and_reading_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"rows.{suffix}"
    write(path, [{"a": "1"}])
    file = only(path)
    write(path, [{"a": "2"}])
    with pytest.raises(SourceError, match=rf"rows\.{suffix} was changed while it was read"):
        list(read_rows(file, 10_000_000))


# What stands in them.


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows), "utf-8")
    elif path.suffix == ".jsonl":
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0], delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writeheader()
            writer.writerows(rows)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBER = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
VALUE = st.recursive(
    TEXT | NUMBER | st.booleans() | st.none() | st.sampled_from(['"a": 1', '\\": ', "\\", '{"a":"\\"b\\":"}']),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
ROWS = st.lists(st.dictionaries(TEXT, VALUE, max_size=4), min_size=1, max_size=5)
FREELY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)


def same(left: object, right: object) -> bool:
    """Equal, and of the same kinds: 1, 1.0 and True are three values."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


@FREELY
@given(rows=ROWS, ascii_only=st.booleans(), spaced=st.booleans(), end=st.sampled_from(["\n", "\r\n", "\n\n \n"]))
def test_json_lines_read_as_they_were_written(
    tmp_path: Path, rows: list[dict[str, Any]], ascii_only: bool, spaced: bool, end: str
) -> None:
    separators = (" , ", " : ") if spaced else (",", ":")
    lines = [json.dumps(row, ensure_ascii=ascii_only, separators=separators) for row in rows]
    (tmp_path / "a.jsonl").write_bytes(end.join(lines).encode())
    assert same(values(tmp_path / "a.jsonl"), rows)


@FREELY
@given(rows=ROWS, indent=st.sampled_from([None, 1, 4]), wrapped=st.booleans(), lines=st.booleans())
def test_json_reads_as_it_was_written(
    tmp_path: Path, rows: list[dict[str, Any]], indent: int | None, wrapped: bool, lines: bool
) -> None:
    path = tmp_path / ("a.jsonl" if lines and not wrapped else "a.json")
    whole = {"version": "1 [", "about": {"names": ["{", "b"]}, "data": rows, "more": None} if wrapped else rows
    path.write_text(json.dumps(whole, indent=indent), "utf-8")
    read = list(read_rows(only(path), 10_000_000))
    fields = [f"data[{i}]" if wrapped else None for i in range(len(rows))]
    assert same([(row.place, row.field) for row in read], [(i + 1, field) for i, field in enumerate(fields)])
    assert same([row.value for row in read if isinstance(row, RawRow)], rows)


@FREELY
@given(
    cells=st.lists(st.lists(TEXT, min_size=3, max_size=3), max_size=5),
    suffix=st.sampled_from(["csv", "tsv"]),
    end=st.sampled_from(["\n", "\r\n"]),
    mark=st.booleans(),
)
def test_csv_reads_as_it_was_written(tmp_path: Path, cells: list[list[str]], suffix: str, end: str, mark: bool) -> None:
    text = io.StringIO()
    # Python's writer leaves a lone carriage return without the quotes that every reader asks for.
    quoting = csv.QUOTE_ALL if "\r" in "".join(map("".join, cells)) else csv.QUOTE_MINIMAL
    writer = csv.writer(text, lineterminator=end, delimiter="\t" if suffix == "tsv" else ",", quoting=quoting)
    writer.writerows([["text", "a label", "é"], *cells])
    (tmp_path / f"a.{suffix}").write_text(text.getvalue(), "utf-8-sig" if mark else "utf-8", newline="")
    expected = [dict(zip(["text", "a label", "é"], row, strict=True)) for row in cells]
    assert values(tmp_path / f"a.{suffix}") == expected


@FREELY
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "text": TEXT,
                "count": st.none() | st.integers(-(2**63), 2**63 - 1),
                "share": st.none() | st.floats(allow_nan=False, allow_infinity=False),
                "turns": st.lists(st.fixed_dictionaries({"role": TEXT, "good": st.none() | st.booleans()}), max_size=3),
            }
        ),
        min_size=1,
        max_size=6,
    ),
    group=st.integers(1, 3),
    most=st.sampled_from([60, 1_000_000]),
)
def test_parquet_reads_as_it_was_written(tmp_path: Path, rows: list[dict[str, Any]], group: int, most: int) -> None:
    turn = pa.struct([("role", pa.string()), ("good", pa.bool_())])
    fields = [("text", pa.string()), ("count", pa.int64()), ("share", pa.float64()), ("turns", pa.list_(turn))]
    table = pa.Table.from_pylist(rows, pa.schema(fields))
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=group)
    read = list(read_rows(only(tmp_path / "a.parquet"), most))
    assert [row.place for row in read] == list(range(1, len(rows) + 1))
    sound = [(row.place, row.value) for row in read if isinstance(row, RawRow)]
    assert same(sound, [(place, rows[place - 1]) for place, _ in sound])
    assert most == 60 or len(sound) == len(rows)


def test_parquet_says_dates_decimals_categories_and_maps_as_json_can(tmp_path: Path) -> None:
    when = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    columns = {
        "day": pa.array([date(2026, 3, 1), None]),
        "at": pa.array([when, None], pa.timestamp("us", "UTC")),
        "price": pa.array([Decimal("1.50"), None], pa.decimal128(10, 2)),
        "kind": pa.array(["a", "b"]).dictionary_encode(),
        "tags": pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int64())),
        "days": pa.array([[date(2026, 3, 1)], []], pa.list_(pa.date32())),
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    first, second = values(tmp_path / "a.parquet")
    assert first == {
        "day": "2026-03-01",
        "at": "2026-03-01 12:30:00.000000Z",
        "price": "1.50",
        "kind": "a",
        "tags": {"k": 1},
        "days": ["2026-03-01"],
    }
    assert second == {"day": None, "at": None, "price": None, "kind": "b", "tags": {}, "days": []}
    json.dumps([first, second], allow_nan=False)


@pytest.mark.parametrize(("suffix", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)])
@pytest.mark.parametrize("kind", ["jsonl", "json", "csv", "tsv"])
def test_compressed_texts_are_unpacked(tmp_path: Path, kind: str, suffix: str, pack: Callable[[bytes], bytes]) -> None:
    rows = [{"a": "1", "b": "x\ny"}, {"a": "2", "b": ""}]
    write(tmp_path / f"a.{kind}", rows)
    (tmp_path / f"a.{kind}.{suffix}").write_bytes(pack((tmp_path / f"a.{kind}").read_bytes()))
    assert values(tmp_path / f"a.{kind}.{suffix}") == rows


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '{"a": 1}\n{"a": 2}\n'),
        ("a.json", '\n {"data": [{"b": 1}], "a": 1}\n{"a": 2}'),
        ("a.jsonl", '[{"a": 1},\n {"a": 2}]'),
        ("a.jsonl", '{\n "data": [\n {"a": 1}, {"a": 2}]}'),
        ("a.json", '{"a": 1}\r\n\r\n{"a": 2}'),
        ("a.json", '{"train": [{"a": 1}, {"a": 2}], "names": ["x"]}'),
    ],
)
def test_a_file_is_read_by_what_it_holds_whatever_its_suffix(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert [value["a"] for value in values(tmp_path / name)] == [1, 2]


def test_one_row_alone_is_a_row_though_it_holds_lists(tmp_path: Path) -> None:
    row = {"messages": [{"role": "user", "content": "Hi"}], "tools": [{"name": "f"}], "id": 3}
    (tmp_path / "a.json").write_text(json.dumps(row, indent=2))
    assert values(tmp_path / "a.json") == [row]


@pytest.mark.parametrize("text", ["[]", ' {"data": [ ]} ', '{"data": []}'])
def test_an_empty_list_holds_no_rows(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    assert values(tmp_path / "a.json") == []


def test_places_are_lines_though_some_are_blank_or_belong_to_one_record(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('\ufeff\n{"a": 1}\n\n  \n{"a": 2}')
    (tmp_path / "a.csv").write_text('\ufeffa,b\n"x\n\ny",1\n\nz,2\n')
    assert list(read_rows(only(tmp_path / "a.jsonl"), 100)) == [RawRow(2, None, {"a": 1}), RawRow(5, None, {"a": 2})]
    assert list(read_rows(only(tmp_path / "a.csv"), 100)) == [
        RawRow(2, None, {"a": "x\n\ny", "b": "1"}),
        RawRow(6, None, {"a": "z", "b": "2"}),
    ]


def test_squad_becomes_a_row_for_each_question(tmp_path: Path) -> None:
    answers = [{"text": "Ada", "answer_start": 0}]
    asked = [{"question": "Who?", "id": "q1", "answers": answers}, {"question": "Why?", "id": 2, "is_impossible": True}]
    passages = [{"context": "Ada wrote.", "document_id": 630, "qas": asked}]
    whole = {"version": "2", "data": [{"title": "T", "paragraphs": passages}, {"paragraphs": []}]}
    first = {"title": "T", "document": 630, "context": "Ada wrote.", "question": "Who?", "id": "q1"}
    second = {**first, "question": "Why?", "id": 2}
    expected = [
        {**first, "answers": answers, "is_impossible": False},
        {**second, "answers": None, "is_impossible": True},
    ]
    (tmp_path / "a.json").write_text(json.dumps(whole))
    (tmp_path / "a.jsonl").write_text("".join(f"{json.dumps(document)}\n" for document in whole["data"]))
    rows = list(read_rows(only(tmp_path / "a.json"), 10_000, "squad"))
    fields = [f"data[0].paragraphs[0].qas[{i}]" for i in (0, 1)]
    assert rows == [RawRow(i + 1, fields[i], expected[i]) for i in (0, 1)]
    lines = list(read_rows(only(tmp_path / "a.jsonl"), 10_000, "squad"))
    assert lines == [RawRow(1, f"paragraphs[0].qas[{i}]", expected[i]) for i in (0, 1)]


@pytest.mark.parametrize(
    ("name", "rows", "columns"),
    [
        ("alpaca_en_demo.json", 999, ["input", "instruction", "output"]),
        ("kto_en_demo.json", 300, ["label", "messages"]),
        ("glaive_toolcall_en_demo.json", 300, ["conversations", "tools"]),
        ("v1_sft_demo.jsonl", 500, ["messages"]),
        ("preference_pairs.json", 1100, ["chosen", "input", "instruction", "output", "rejected"]),
        ("gsm8k_train.jsonl", 7473, ["answer", "question"]),
        ("gsm8k_test.jsonl", 1319, ["answer", "question"]),
        ("banking77_train.csv", 10_003, ["category", "text"]),
        ("banking77_test.csv", 3080, ["category", "text"]),
        ("covid_qa.json", 1380, ["answers", "context", "document", "id", "is_impossible", "question", "title"]),
    ],
)
def test_public_datasets_are_read_whole(public_data: Path, name: str, rows: int, columns: list[str]) -> None:
    read = values(public_data / "finetune" / name, shape="squad" if name.startswith("covid") else None)
    assert len(read) == rows
    assert {tuple(sorted(row)) for row in read} == {tuple(columns)}


def test_public_json_reads_as_pythons_own_reader_has_it(public_data: Path) -> None:
    for name in ("alpaca_en_demo.json", "glaive_toolcall_en_demo.json", "kto_en_demo.json"):
        path = public_data / "finetune" / name
        assert values(path) == json.loads(path.read_text("utf-8"))


@FREELY
@given(value=VALUE, ascii_only=st.booleans())
def test_strict_json_has_the_values_of_pythons_own_reader(value: object, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert same(parse(text.encode()), json.loads(text))


@FREELY
@given(text=st.text('{}[]":,\\ aé1-.eE0tru\nNaIfiy\ud800', max_size=24) | st.binary(max_size=24))
def test_strict_json_never_takes_what_pythons_own_reader_refuses(text: str | bytes) -> None:
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    try:
        value = parse(data)
    except Unsound:
        return
    assert same(value, json.loads(data.decode("utf-8-sig")))


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.jsonl.gz"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, name: str) -> None:
    def peak(rows: int) -> int:
        path = tmp_path / name
        plain = tmp_path / name.removesuffix(".gz")
        write(plain, [{"prompt": f"What is {i}? " * 10, "completion": f"It is {i}."} for i in range(rows)])
        if path != plain:
            path.write_bytes(gzip.compress(plain.read_bytes(), 1))
        file = only(path)
        tracemalloc.start()
        count = sum(1 for _ in read_rows(file, 10_000_000))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert count == rows
        return most

    peak(10)
    assert peak(40_000) < peak(10_000) * 1.3 + 1_000_000
