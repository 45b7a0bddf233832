"""Files of rows with faults: each is named with its file, line and field, and the sound rows are read."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freshet.tasks.datasets.inputs.files import list_files
from freshet.tasks.datasets.inputs.read import read_rows
from freshet.tasks.datasets.inputs.rows import BadRow, RawRow
from freshet.tasks.settings.datasets import RowsInput, Shape

GOOD = b'{"a": 1}\n'


def read(path: Path, max_line: int = 10_000_000, shape: Shape | None = None) -> list[RawRow | BadRow]:
    asked = RowsInput(rows=path.name, owner="ada", licence="CC0-1.0", uses=["training"])
    (file,) = list_files(asked, path.parent)
    return list(read_rows(file, max_line, shape))


def bad(rows: list[RawRow | BadRow]) -> list[tuple[str, int, str | None]]:
    """Code, place and field of each row that is not taken, all of which name the file."""
    found = [row for row in rows if isinstance(row, BadRow)]
    for row in found:
        assert row.verdict.evidence["file"].startswith("a.")
        assert row.verdict.evidence.get("field") == row.field
        assert row.raw is None or (len(row.raw) <= 2000 and row.raw.encode("utf-8"))
        json.dumps(row.verdict.evidence, allow_nan=False).encode("utf-8")
    return [(row.verdict.code, row.place, row.field) for row in found]


def sound(rows: list[RawRow | BadRow]) -> list[Any]:
    return [row.value for row in rows if isinstance(row, RawRow)]


def evidence(rows: list[RawRow | BadRow]) -> dict[str, Any]:
    (row,) = [row for row in rows if isinstance(row, BadRow)]
    return row.verdict.evidence


DEEP = b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"

LINES: dict[str, tuple[bytes, str, str | None, dict[str, Any]]] = {
    "torn": (b'{"a": 1, "b": "x', "ROW-UNREADABLE", None, {"column": 15}),
    "no comma": (b'{"a": 1 "b": 2}', "ROW-UNREADABLE", None, {"column": 9}),
    "two values": (b'{"a": 1}{"a": 2}', "ROW-UNREADABLE", None, {"column": 9, "why": "something follows the value"}),
    "single quotes": (b"{'a': 1}", "ROW-UNREADABLE", None, {"column": 2}),
    "raw control character": (b'{"a": "\x00"}', "ROW-UNREADABLE", None, {"column": 8}),
    "not a number": (b'{"a": {"b": [1, NaN]}}', "ROW-UNREADABLE", "a.b[1]", {"column": 17, "why": "JSON has no NaN"}),
    "infinity": (b'{"x": "NaN", "a": -Infinity}', "ROW-UNREADABLE", "a", {"column": 19}),
    "too large a number": (b'{"a": 1e999}', "ROW-UNREADABLE", "a", {}),
    "too many digits": (b'{"a": ' + b"9" * 5000 + b"}", "ROW-UNREADABLE", "a", {}),
    "nested too deep": (DEEP, "ROW-UNREADABLE", None, {"why": "nested more than 100 levels deep"}),
    "surrogate as an escape": (b'{"a": [{"b c": "x\\ud800y"}]}', "ROW-ENCODING", 'a[0]["b c"]', {}),
    "surrogate in a key": (b'{"a": {"\\udc00": 1}}', "ROW-ENCODING", 'a["\ufffd"]', {}),
    "surrogate as bytes": (b'{"a": {"b": "\xed\xa0\x80"}}', "ROW-ENCODING", "a.b", {"byte": 14}),
    "no utf-8": (b'{"ok": "\xc3\xa9", "b": "caf\xe9"}', "ROW-ENCODING", "b", {"byte": 23}),
    "no utf-8, and torn": (b'{"b": "caf\xe9', "ROW-ENCODING", None, {"byte": 11}),
    "key twice": (b'{"a": 1, "a": 2}', "ROW-REPEATED-KEY", "a", {}),
    "key twice, spaced": (b'{"a" : 1, "b" :2, "a" : 2, "c": "\\": "}', "ROW-REPEATED-KEY", "a", {}),
    "key twice, escaped": (b'{"a": "\\":", "\\u0061": "\\":"}', "ROW-REPEATED-KEY", "a", {}),
    "key twice, deep": (b'{"m": [{"r": 1}, {"r": {"c": 1, "c": 2}}]}', "ROW-REPEATED-KEY", "m[1].r.c", {}),
    "key twice, one with a backslash": (b'{"b": "\\":", "a\\\\":1, "a\\\\":2}', "ROW-REPEATED-KEY", '["a\\\\"]', {}),
    "a list": (b"[1, 2]", "ROW-SCHEMA", None, {"expected": "an object", "found": "a list"}),
    "a text": (b'"x"', "ROW-SCHEMA", None, {"found": "a text"}),
    "nothing": (b"null", "ROW-SCHEMA", None, {"found": "nothing"}),
}


TO_THE_END = ("torn", "no utf-8, and torn", "two values")
"""Faults that leave no telling where the next element of a list begins."""


@pytest.mark.parametrize("name", LINES)
def test_a_bad_line_is_named_and_those_around_it_are_read(tmp_path: Path, name: str) -> None:
    line, code, field, more = LINES[name]
    (tmp_path / "a.jsonl").write_bytes(GOOD + b"\n" + line + b"\r\n" + GOOD)
    rows = read(tmp_path / "a.jsonl")
    assert bad(rows) == [(code, 3, field)]
    assert sound(rows) == [{"a": 1}, {"a": 1}]
    assert evidence(rows).items() >= {"line": 3, **more}.items()


@pytest.mark.parametrize("name", [name for name in LINES if name not in TO_THE_END])
def test_a_bad_element_is_named_and_those_around_it_are_read(tmp_path: Path, name: str) -> None:
    line, code, field, more = LINES[name]
    data = b'[{"a": 1},\n' + line + b',\n{"a": 1}]'
    (tmp_path / "a.json").write_bytes(data)
    (tmp_path / "a.wrapped.json").write_bytes(b'{"data": ' + data + b"}")
    rows = read(tmp_path / "a.json")
    assert bad(rows) == [(code, 2, field)]
    assert sound(rows) == [{"a": 1}, {"a": 1}]
    assert evidence(rows).items() >= {"row": 2, "line": 2, **more}.items()
    inner = f".{field}" if field and not field.startswith("[") else field or ""
    wrapped = read(tmp_path / "a.wrapped.json")
    assert bad(wrapped) == [(code, 2, f"data[1]{inner}")]
    assert len(sound(wrapped)) == 2


def test_what_cannot_be_read_is_kept_in_part_and_in_characters_that_any_store_takes(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"a": "\xed\xa0\x80\x1b[31m' + b"x" * 9000 + b'"}')
    (row,) = read(tmp_path / "a.jsonl")
    assert isinstance(row, BadRow)
    assert row.raw is not None
    assert row.raw.startswith('{"a": "\ufffd')
    assert "\x1b" not in row.raw
    assert len(row.raw) == 2000


@pytest.mark.parametrize(
    ("data", "place", "line"),
    [
        (b'[\n{"a": 1},\n{"a": 1},\n{"a": "b', 3, 4),
        (b'[\n{"a": 1},\n{"a": 1}\n', 3, 4),
        (b'[\n{"a": 1},\n{"a": 1},', 3, 3),
        (b'[\n{"a": 1},\n{"a": 1},\n]', 3, 4),
        (b'[{"a": 1},\n{"a": 1}\n{"a": 1}]', 3, 3),
        (b'[{"a": 1},\n{"a": 1}]\n]', 3, 3),
        (b'{"data": [{"a": 1},\n{"a": 1}]\n', 3, 3),
        (b'{"data": [{"a": 1},\n{"a": 1}], 7', 3, 2),
        (b'{"data": [{"a": 1},\n{"a": 1}], "x" 1}', 3, 2),
        (b'{"data": [{"a": 1},\n{"a": 1},\n{"a": [}', 3, 3),
    ],
)
def test_a_torn_file_gives_what_stands_before_the_tear(tmp_path: Path, data: bytes, place: int, line: int) -> None:
    (tmp_path / "a.json").write_bytes(data)
    rows = read(tmp_path / "a.json")
    assert sound(rows) == [{"a": 1}, {"a": 1}]
    assert [(code, at) for code, at, _ in bad(rows)] == [("ROW-UNREADABLE", place)]
    assert evidence(rows)["line"] == line
    assert evidence(rows)["column"] >= 1


@pytest.mark.parametrize(
    "data",
    [
        b'{"text": ["a", "b"], "label": [0, 1]}',
        b'{"text": ["a", "b"]}',
        b'{"prompt": ["a"], "completion": ["b"]}',
        b'{"meta": [{"a": 1}], "other": [{"a": 2}]}',
    ],
)
def test_a_mapping_of_columns_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.json").write_bytes(data)
    rows = read(tmp_path / "a.json")
    assert bad(rows) == [("ROW-SCHEMA", 0, None)]
    assert "mapping of columns" in evidence(rows)["found"]
    assert evidence(rows)["columns"]


def test_two_lists_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'{"data": [{"a": 1}], "data": [{"a": 2}]}')
    assert bad(read(tmp_path / "a.json")) == [("ROW-REPEATED-KEY", 0, "data")]


@pytest.mark.parametrize("data", [b"7", b'"x"', b"garbage\n" + GOOD])
def test_json_that_is_neither_list_nor_object_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.json").write_bytes(data)
    assert bad(read(tmp_path / "a.json")) == [("ROW-UNREADABLE", 1, None)]


def test_lines_in_a_json_file_are_read_though_the_first_is_torn(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'{"a": "x\n' + GOOD + b'{"a": \n' + GOOD)
    rows = read(tmp_path / "a.json")
    assert bad(rows) == [("ROW-UNREADABLE", 1, None), ("ROW-UNREADABLE", 3, None)]
    assert sound(rows) == [{"a": 1}, {"a": 1}]


@pytest.mark.parametrize(
    ("document", "field", "expected"),
    [
        ({"paragraphs": "x"}, "data[1].paragraphs", "a list"),
        ({"paragraphs": [1]}, "data[1].paragraphs[0]", "an object"),
        ({"paragraphs": [{"context": "c"}]}, "data[1].paragraphs[0].qas", "a list"),
        ({"paragraphs": [{"qas": ["x"]}]}, "data[1].paragraphs[0].qas[0]", "an object"),
    ],
)
def test_a_fault_in_squad_is_named_where_it_stands(
    tmp_path: Path, document: dict[str, Any], field: str, expected: str
) -> None:
    good = {"paragraphs": [{"context": "c", "qas": [{"question": "q"}]}]}
    (tmp_path / "a.json").write_text(json.dumps({"data": [good, document, good]}))
    rows = read(tmp_path / "a.json", shape="squad")
    assert bad(rows) == [("ROW-SCHEMA", 2, field)]
    assert evidence(rows)["expected"] == expected
    assert [row.place for row in rows] == [1, 2, 3]


CSV: dict[str, tuple[bytes, str, int, str | None, dict[str, Any]]] = {
    "too few": (b"x\n", "ROW-SCHEMA", 4, None, {"line": 4, "expected": "2 fields", "found": "1 fields"}),
    "too many": (b"x,y,z\n", "ROW-SCHEMA", 4, None, {"found": "3 fields"}),
    "quote never doubled": (b'"he said "no" twice",y\n', "ROW-UNREADABLE", 4, None, {"line": 4}),
    "lone return": (b"x\ry,z\n", "ROW-UNREADABLE", 4, None, {}),
    "no utf-8": (b'"x\ny",caf\xe9\n', "ROW-ENCODING", 4, "b", {"line": 5, "byte": 7}),
    "surrogate": (b"\xed\xa0\x80,y\n", "ROW-ENCODING", 4, "a", {"line": 4, "byte": 1}),
    "long field": (b"x," + b"y" * 300 + b"\n", "ROW-LONG", 4, None, {"bytes": 302, "max_line": 200}),
    "long record": (b'x,"' + b"y\n" * 150 + b'"\n', "ROW-LONG", 4, None, {"bytes": 305}),
    "long line in quotes": (b'"x\n' + b"y" * 300 + b'\n",z\n', "ROW-LONG", 4, None, {}),
}


@pytest.mark.parametrize("name", CSV)
def test_a_bad_record_of_csv_is_named_and_those_around_it_are_read(tmp_path: Path, name: str) -> None:
    record, code, place, field, more = CSV[name]
    (tmp_path / "a.csv").write_bytes(b'a,b\n"1\n2",3\n' + record + b"4,5\n")
    rows = read(tmp_path / "a.csv", max_line=200)
    assert bad(rows) == [(code, place, field)]
    assert sound(rows) == [{"a": "1\n2", "b": "3"}, {"a": "4", "b": "5"}]
    assert evidence(rows).items() >= more.items()


def test_a_quote_that_is_never_closed_is_named_where_it_opens(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'a,b\n1,2\n3,"4\n5,6\n7,8\n')
    rows = read(tmp_path / "a.csv")
    assert bad(rows) == [("ROW-UNREADABLE", 3, None)]
    assert "never closed" in evidence(rows)["why"]
    assert sound(rows) == [{"a": "1", "b": "2"}]


def test_a_nul_character_and_a_huge_field_of_csv_are_left_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"a,b\nx\x00y," + b"z" * 1_000_000 + b"\n")
    assert sound(read(tmp_path / "a.csv")) == [{"a": "x\x00y", "b": "z" * 1_000_000}]


def test_a_header_that_names_a_column_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"a,b,a\n1,2,3\n")
    assert bad(read(tmp_path / "a.csv")) == [("ROW-REPEATED-KEY", 1, "a")]


def test_tabs_divide_tsv_and_nothing_else_does(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_bytes(b"a\tb\n1,2\t3\n4,5\n")
    rows = read(tmp_path / "a.tsv")
    assert sound(rows) == [{"a": "1,2", "b": "3"}]
    assert bad(rows) == [("ROW-SCHEMA", 3, None)]


@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv", "tsv", "parquet"])
@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b" \n\r\n\t"])
def test_an_empty_file_is_one_bad_row(tmp_path: Path, suffix: str, data: bytes) -> None:
    (tmp_path / f"a.{suffix}").write_bytes(b"" if suffix == "parquet" else data)
    rows = read(tmp_path / f"a.{suffix}")
    assert bad(rows) == [("ROW-UNREADABLE", 0, None)]
    assert evidence(rows)["why"] == "the file is empty"


@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings_of_a_file_are_named(tmp_path: Path, suffix: str, encoding: str) -> None:
    (tmp_path / f"a.{suffix}").write_bytes('{"a": "é"}\n'.encode(encoding))
    rows = read(tmp_path / f"a.{suffix}")
    assert bad(rows) == [("ROW-ENCODING", 0, None)]
    assert encoding[:6].upper() in evidence(rows)["why"]


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("a.csv", GOOD * 2, "JSON"),
        ("a.jsonl", gzip.compress(GOOD, mtime=0), "compressed by gzip"),
        ("a.json", b"PAR1\x15\x00", "Parquet"),
        ("a.csv", b"PK\x03\x04\x14", "a zip archive"),
    ],
)
def test_a_file_that_is_something_else_is_named_as_what_it_is(
    tmp_path: Path, name: str, data: bytes, what: str
) -> None:
    (tmp_path / name).write_bytes(data)
    rows = read(tmp_path / name)
    assert bad(rows) == [("ROW-UNREADABLE", 0, None)]
    assert what in evidence(rows)["why"]


@pytest.mark.parametrize("keep", [5, -9, -1])
def test_a_compressed_file_that_breaks_off_gives_what_stands_before(tmp_path: Path, keep: int) -> None:
    lines = b"".join(b'{"a": %d}\n' % i for i in range(1000))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines, mtime=0)[:keep])
    rows = read(tmp_path / "a.jsonl.gz")
    assert [code for code, _, _ in bad(rows)] == ["ROW-UNREADABLE"]
    assert isinstance(rows[-1], BadRow)
    assert sound(rows) == [{"a": i} for i in range(len(rows) - 1)]


# Parquet.


def test_cells_that_json_cannot_say_are_named_with_row_and_column(tmp_path: Path) -> None:
    nan = float("nan")
    columns = {
        "score": pa.array([1.0, nan, 2.0, 3.0, 4.0, 5.0]),
        "inner": pa.array([[{"x": 1.0}], [], [{"x": 1.0}, {"x": float("inf")}], [], [], []]),
        "picture": pa.array([None, None, None, b"\x89PNG", None, None], pa.binary()),
        "tags": pa.array([[], [], [], [], [("k", 1), ("k", 2)], []], pa.map_(pa.string(), pa.int64())),
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    rows = read(tmp_path / "a.parquet")
    assert bad(rows) == [
        ("ROW-SCHEMA", 2, "score"),
        ("ROW-SCHEMA", 3, "inner[1].x"),
        ("ROW-SCHEMA", 4, "picture"),
        ("ROW-SCHEMA", 5, "tags"),
    ]
    assert [row.place for row in rows if isinstance(row, RawRow)] == [1, 6]


def test_a_text_of_parquet_that_is_no_utf8_is_named(tmp_path: Path) -> None:
    broken = pa.array([b"fine", b"\xff\xfe", b"\xed\xa0\x80", b"good"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"n": [1, 2, 3, 4], "text": broken}), tmp_path / "a.parquet")
    rows = read(tmp_path / "a.parquet")
    assert bad(rows) == [("ROW-ENCODING", 2, "text"), ("ROW-ENCODING", 3, "text")]
    assert sound(rows) == [{"n": 1, "text": "fine"}, {"n": 4, "text": "good"}]


def test_a_long_row_of_parquet_is_passed_over(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a", "b" * 5000, "c"]}), tmp_path / "a.parquet")
    rows = read(tmp_path / "a.parquet", max_line=1000)
    assert bad(rows) == [("ROW-LONG", 2, None)]
    assert evidence(rows)["bytes"] >= 5000
    assert sound(rows) == [{"text": "a"}, {"text": "c"}]


def test_parquet_that_is_none_is_one_bad_row(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a", "b"]}), tmp_path / "whole.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()
    for data in (b"PAR1", b"no parquet at all", whole[:-1], whole[: len(whole) // 2], whole[4:], b"\0" * 100):
        (tmp_path / "a.parquet").write_bytes(data)
        rows = read(tmp_path / "a.parquet")
        assert bad(rows) == [("ROW-UNREADABLE", 0, None)]


def test_damage_within_parquet_is_named_after_the_rows_before_it(tmp_path: Path) -> None:
    table = pa.table({"text": [f"{i:05} {'x' * 100}" for i in range(20_000)]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=5000, compression="zstd", write_page_checksum=True)
    data = bytearray((tmp_path / "a.parquet").read_bytes())
    start = pq.ParquetFile(tmp_path / "a.parquet").metadata.row_group(3).column(0).data_page_offset
    data[start + 100 : start + 200] = b"\xff" * 100
    (tmp_path / "a.parquet").write_bytes(data)
    rows = read(tmp_path / "a.parquet")
    assert [row.place for row in rows] == list(range(1, len(rows) + 1))
    assert bad(rows) == [("ROW-UNREADABLE", len(rows), None)]
    assert sound(rows) == table.slice(0, len(rows) - 1).to_pylist()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(cut=st.integers(0, 4000), flips=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=3))
def test_no_damage_to_parquet_raises(tmp_path: Path, cut: int, flips: list[tuple[int, int]]) -> None:
    table = pa.table({"text": [f"row {i}" for i in range(200)], "turns": [[{"role": "a"}]] * 200})
    pq.write_table(table, tmp_path / "a.parquet")
    data = bytearray((tmp_path / "a.parquet").read_bytes())
    for at, value in flips:
        data[at % len(data)] = value
    (tmp_path / "a.parquet").write_bytes(data[: len(data) - cut % 50])
    for row in read(tmp_path / "a.parquet"):
        assert isinstance(row, RawRow | BadRow)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(
    data=st.text('{}[]":,\\ a1\n\r\t-NnuI\x00é', max_size=40).map(str.encode) | st.binary(max_size=40),
    suffix=st.sampled_from(["jsonl", "json", "csv", "tsv", "json.gz"]),
    shape=st.sampled_from([None, "squad"]),
    longest=st.sampled_from([10, 10_000]),
)
def test_no_bytes_raise_and_every_row_can_be_written(
    tmp_path: Path, data: bytes, suffix: str, shape: Shape | None, longest: int
) -> None:
    (tmp_path / f"a.{suffix}").write_bytes(data)
    rows = read(tmp_path / f"a.{suffix}", longest, shape)
    bad(rows)
    json.dumps(sound(rows), allow_nan=False, ensure_ascii=False).encode("utf-8")
    places = [row.place for row in rows]
    assert places == sorted(places)
    assert rows or data.strip()


# A line of 100 MB.

HUGE = 100_000_000


def write_huge(path: Path, before: bytes, after: bytes) -> None:
    with path.open("wb") as file:
        file.write(before)
        for _ in range(HUGE // 1_000_000):
            file.write(b"x" * 1_000_000)
        file.write(after)


@pytest.mark.parametrize(
    ("name", "before", "after", "place"),
    [
        ("a.jsonl", GOOD + b'{"a": "', b'"}\n' + GOOD, 2),
        ("a.json", b'[{"a": 1}, {"a": "', b'"}, {"a": 1}]', 2),
        ("a.data.json", b'{"data": [{"a": 1}, {"a": "', b'"}, {"a": 1}]}', 2),
        ("a.csv", b'a\n1\n"', b'"\n1\n', 3),
        ("a.torn.json", b'[{"a": 1}, {"a": 1}, {"a": "', b"", 3),
    ],
)
def test_a_line_of_100_mb_is_passed_over_in_little_memory(
    tmp_path: Path, name: str, before: bytes, after: bytes, place: int
) -> None:
    path = tmp_path / name
    write_huge(path, before, after)
    tracemalloc.start()
    rows = read(path, max_line=10_000_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    path.unlink()
    torn = "torn" in name
    assert [(code, at) for code, at, _ in bad(rows)] == [("ROW-UNREADABLE" if torn else "ROW-LONG", place)]
    assert torn or evidence(rows)["bytes"] >= HUGE
    assert len(sound(rows)) == 2
    assert peak < 30_000_000
