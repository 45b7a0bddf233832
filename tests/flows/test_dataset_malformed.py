"""What is wrong with input files is named with its place; the rest goes on, and nothing is half published."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.flows.dataset_project import DatasetProject, questions

GOOD = 12

LINES = {
    "torn JSON": ('{"prompt": "torn", "completion": "ro', "ROW-UNREADABLE", None),
    "a wrong type": ('{"prompt": 7, "completion": "seven"}', "ROW-SCHEMA", "prompt"),
    "a missing field": ('{"prompt": "without"}', "ROW-SCHEMA", "completion"),
    "a list": ("[1, 2]", "ROW-SCHEMA", None),
    "null": ("null", "ROW-SCHEMA", None),
    "NaN": ('{"prompt": "a", "completion": "b", "score": NaN}', "ROW-UNREADABLE", "score"),
    "a number that no computer has": ('{"prompt": "a", "completion": 1e999}', "ROW-UNREADABLE", "completion"),
    "a number of 5,000 digits": (f'{{"prompt": "a", "completion": {"9" * 5000}}}', "ROW-UNREADABLE", "completion"),
    "a lone surrogate": ('{"prompt": "\\ud800", "completion": "b"}', "ROW-ENCODING", "prompt"),
    "a repeated key": ('{"prompt": "a", "prompt": "b", "completion": "c"}', "ROW-REPEATED-KEY", "prompt"),
    "two values": ('{"prompt": "a", "completion": "b"} {"prompt": "c"}', "ROW-UNREADABLE", None),
    "5,000 levels": (f'{{"prompt": {"[" * 5000}{"]" * 5000}, "completion": "b"}}', "ROW-UNREADABLE", None),
    "an empty prompt": ('{"prompt": "", "completion": "b"}', "ROW-EMPTY", None),
    "a placeholder": ('{"prompt": "a", "completion": "<noinput>"}', "ROW-PLACEHOLDER", None),
}


def _good(start: int = 0) -> str:
    return "".join(json.dumps(row) + "\n" for row in questions(GOOD, start))


def _verdicts(project: DatasetProject) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    rows = project.store.dataset("answers").find("rejected").to_arrow().to_pylist()
    return [(row, one) for row in rows for one in json.loads(row["verdicts"])]


def test_each_bad_line_is_named_with_its_file_line_and_field(tmp_path: Path) -> None:
    project = DatasetProject(tmp_path)
    project.set(gate={"min_kept": 0.1})
    project.lay("rows/a.jsonl", _good() + "".join(line + "\n" for line, _, _ in LINES.values()))
    done = project.freshet("dataset", "build", "answers")
    assert "Traceback" not in done.stderr + done.stdout
    assert len(project.exported("1.0.0")) == GOOD
    listed = {row["place"]: row for row in project.rejected("1.0.0")}
    assert {place: row["codes"] for place, row in listed.items()} == {
        place: [code] for place, (_, code, _) in enumerate(LINES.values(), GOOD + 1)
    }
    assert {row["uri"] for row in listed.values()} == {"rows/a.jsonl"}
    for row, verdict in _verdicts(project):
        name, (_, _, field) = list(LINES.items())[row["place"] - GOOD - 1]
        said = verdict["evidence"]
        if verdict["code"] not in ("ROW-EMPTY", "ROW-PLACEHOLDER"):
            assert (said["file"], said["line"]) == ("rows/a.jsonl", row["place"]), name
        assert said.get("field") == field, name
    shown = project.freshet("dataset", "show", "answers").stdout
    for _, code, _ in LINES.values():
        assert code in shown


def _parquet(folder: Path) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = folder / "whole.parquet"
    pq.write_table(pa.Table.from_pylist(questions(2_000, 50)), file, compression="zstd")
    return file.read_bytes()


def _damaged(folder: Path) -> bytes:
    data = _parquet(folder)
    middle = len(data) // 2
    return data[:middle] + bytes(200) + data[middle + 200 :]


FILES: dict[str, tuple[str, Callable[[Path], bytes], str]] = {
    "an empty file": ("b.jsonl", lambda _: b"", "ROW-UNREADABLE"),
    "UTF-16": ("b.jsonl", lambda _: _good(50).encode("utf-16"), "ROW-ENCODING"),
    "Latin-1": ("b.jsonl", lambda _: '{"prompt": "caf\xe9", "completion": "b"}\n'.encode("latin-1"), "ROW-ENCODING"),
    "a line of 100 MB": ("b.jsonl", lambda _: b'{"prompt": "' + b"x" * 100_000_000 + b'"}\n', "ROW-LONG"),
    "a torn archive": ("b.jsonl.gz", lambda _: gzip.compress(_good(50).encode() * 50)[:-400], "ROW-UNREADABLE"),
    "no Parquet": ("b.parquet", lambda _: b"PAR1 this is none PAR1", "ROW-UNREADABLE"),
    "a Parquet file without its end": ("b.parquet", lambda folder: _parquet(folder)[:-9], "ROW-UNREADABLE"),
    "a Parquet file with damaged pages": ("b.parquet", _damaged, "ROW-UNREADABLE"),
    "a torn array": ("b.json", lambda _: b'[{"prompt": "a", "completion', "ROW-UNREADABLE"),
    "100,000 open brackets": ("b.json", lambda _: b"[" * 100_000, "ROW-UNREADABLE"),
    "a page of the web": ("b.json", lambda _: b"<!doctype html><p>Sign in", "ROW-UNREADABLE"),
    "an open quote": ("b.csv", lambda _: b'prompt,completion\n"a,b\n', "ROW-UNREADABLE"),
    "a field too many": ("b.csv", lambda _: b"prompt,completion\na,b,c\n", "ROW-SCHEMA"),
    "a column twice": ("b.csv", lambda _: b"prompt,completion,prompt\na,b,c\n", "ROW-REPEATED-KEY"),
    "other columns": ("b.csv", lambda _: b"prompt;completion\na;b\n", "ROW-SCHEMA"),
}


def test_every_bad_file_is_named_and_the_sound_one_is_published(tmp_path: Path) -> None:
    """All bad files one after another in one project: each is one rejected row of the next version."""
    project = DatasetProject(tmp_path)
    project.lay("rows/a.jsonl", _good())
    project.set(inputs=[project.rows_input("rows/*")], gate={"max_change": 0.0})
    for number, (what, (name, made, code)) in enumerate(FILES.items()):
        file = project.lay(f"rows/{name}", made(tmp_path))
        report = project.published()
        assert (report["rows"]["kept"], report["rows"]["rejected"]) == (GOOD, 1), what
        (row,) = project.rejected(report["version"])
        assert (row["uri"], row["codes"]) == (f"rows/{name}", [code]), what
        ((_, verdict),) = _verdicts(project)
        assert verdict["evidence"]["file"] == f"rows/{name}", what
        assert report["version"] == ("1.0.0" if not number else f"1.0.{number}"), what
        file.unlink()


def test_files_of_other_shapes_side_by_side_are_each_read_as_what_they_are(tmp_path: Path) -> None:
    project = DatasetProject(tmp_path)
    project.set(format="conversational", inputs=[project.rows_input("rows/*")])
    turns = [{"role": "user", "content": "What is open?"}, {"role": "assistant", "content": "The harbour is."}]
    project.put("rows/trl.jsonl", [{"messages": turns}])
    said = [{"from": "human", "value": "What is shut?"}, {"from": "gpt", "value": "The kitchen is, until ten."}]
    project.lay("rows/sharegpt.json", json.dumps([{"conversations": said}]))
    project.lay("rows/alpaca.csv", "instruction,input,output\nName the colour,of the sky,It is blue all day.\n")
    project.put("rows/robot.jsonl", [{"messages": [turns[0], {"role": "robot", "content": "Bzz."}]}])
    project.published()
    assert len(project.exported("1.0.0")) == 3
    ((row, verdict),) = _verdicts(project)
    assert (row["uri"], verdict["code"]) == ("rows/robot.jsonl", "ROW-ROLE")
    assert verdict["evidence"]["field"] == "messages[1].role"
    assert verdict["evidence"]["valid"] == "one of system, user, assistant, tool"


NOTHING_STARTED = {
    "no file": ([], "rows/*.jsonl", "names no file"),
    "only a folder": (["rows/dir.jsonl/"], "rows/*.jsonl", "names no file"),
    "a folder": (["rows/a.jsonl"], "rows", "name its files, like rows/*.jsonl"),
    "an unknown protocol": ([], "zzz://host/a.jsonl", "Protocol not known"),
    "an unknown suffix": (["rows/a.txt"], "rows/a.txt", "kind"),
}


@pytest.mark.parametrize("what", NOTHING_STARTED)
def test_an_address_that_names_no_rows_is_told(what: str, tmp_path: Path) -> None:
    project = DatasetProject(tmp_path)
    files, rows, told = NOTHING_STARTED[what]
    for name in files:
        if name.endswith("/"):
            (tmp_path / name).mkdir()
        else:
            project.lay(name, _good())
    project.set(inputs=[project.rows_input(rows)])
    report = project.build()
    assert report["outcome"] == "failed"
    assert told in report["error"]
    assert rows in report["error"]
    assert project.decisions_on_record() == []
    assert not project.exports.exists()


def test_a_file_that_changes_under_the_build_fails_it_and_alters_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import freshet.tasks.datasets.loading.load

    project = DatasetProject(tmp_path)
    project.lay("rows/a.jsonl", _good())
    project.published()
    late = project.lay("rows/b.jsonl", _good(50))
    load_part = freshet.tasks.datasets.loading.load.load_part
    changes: list[Callable[[], object]] = [late.unlink, lambda: project.lay("rows/b.jsonl", _good(90))]

    def disturbed(*args: Any, **kwargs: Any) -> Any:
        if changes:
            changes.pop(0)()
        return load_part(*args, **kwargs)

    monkeypatch.setattr(freshet.tasks.datasets.loading.load, "load_part", disturbed)
    gone = project.build()
    assert gone["outcome"] == "failed"
    assert "rows/b.jsonl cannot be read" in gone["error"]
    project.lay("rows/b.jsonl", _good(50))
    changed = project.build()
    assert changed["outcome"] == "failed"
    assert "rows/b.jsonl was changed while it was read" in changed["error"]
    assert [row["version"] for row in project.decisions_on_record()] == ["1.0.0"]
    assert [one.name for one in project.exports.iterdir()] == ["1.0.0"]
    assert project.published()["version"] == "1.1.0"


def test_odd_characters_and_names_come_through_whole(tmp_path: Path) -> None:
    odd = [
        "a\u2028b",
        "x\x85y",
        "form\x0cfeed",
        "\u202eabc",
        "cafe\u0301",
        "👩‍👩‍👧",
        "tab\tnew\nline",
        "\ufffe",
        "\U0010ffff",
    ]
    project = DatasetProject(tmp_path)
    project.put(
        "rows/a b é.jsonl",
        [{"prompt": f"What is {o}, number {n}?", "completion": f"It is {o} indeed."} for n, o in enumerate(odd)],
    )
    project.put("rows/[x]\n.jsonl", questions(GOOD))
    report = project.published()
    assert report["rows"]["kept"] == len(odd) + GOOD
    files = list((project.exports / "1.0.0" / "trl").glob("*.jsonl"))
    # A line is a line to whoever splits by Unicode's idea of one, too.
    assert sum(len(file.read_text("utf-8").splitlines()) for file in files) == len(odd) + GOOD
    assert {row["origins"][0]["uri"] for row in project.lineage("1.0.0")} == {"rows/a b é.jsonl", "rows/[x]\n.jsonl"}
    assert "What is caf\u00e9, number 4?" in {row["prompt"] for row in project.exported("1.0.0")}


def test_a_file_of_5000_columns_and_one_that_two_inputs_name_are_read(tmp_path: Path) -> None:
    project = DatasetProject(tmp_path)
    names = ",".join(["prompt", "completion", *(f"c{n}" for n in range(5_000))])
    rows = [",".join([row["prompt"].replace(",", " "), row["completion"], *["v"] * 5_000]) for row in questions(GOOD)]
    project.lay("rows/wide.csv", "\n".join([names, *rows]) + "\n")
    project.set(inputs=[project.rows_input("rows/wide.csv"), project.rows_input("rows/*.csv", name="again")])
    report = project.published()
    assert report["rows"] == {"read": 2 * GOOD, "kept": GOOD, "rejected": GOOD, "by_code": {"COPY-EXACT": GOOD}}
    assert {len(row["origins"]) for row in project.lineage("1.0.0")} == {2}


def test_a_file_that_was_damaged_takes_no_rows_out_of_a_version_unasked(tmp_path: Path) -> None:
    project = DatasetProject(tmp_path)
    project.put("rows/a.jsonl", questions(20))
    project.put("rows/b.jsonl", questions(5, start=20))
    assert project.published()["rows"]["kept"] == 25
    project.lay("rows/b.jsonl", "")
    report = project.build()
    assert (report["outcome"], report["version"]) == ("rejected", "1.0.0")
    assert any("VERSION-FILE" in reason and "rows/b.jsonl" in reason for reason in report["reasons"])
