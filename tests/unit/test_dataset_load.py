"""Files of rows → staged rows: each has a number, a place, an origin, and a reason where it is kept out."""

from __future__ import annotations

import json
import re
import tracemalloc
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from freshet.tasks.datasets.inputs.files import list_files
from freshet.tasks.datasets.loading.load import LoadedPart, load_part, loaded_verdicts, unread_file
from freshet.tasks.datasets.shapes.example import example_digest
from freshet.tasks.datasets.stage import Stage
from freshet.tasks.rules.verdicts import Verdict
from freshet.tasks.settings.datasets import Dataset
from freshet.tasks.settings.file import Project
from freshet.tasks.settings.project import Settings
from tests.conftest import ROOT
from tests.unit.small_corpus import Document, build, document_id

SECRET_TEXT = "what nobody may read here"
QA = {"columns": {"prompt": "q", "completion": "a"}}


@dataclass
class Loaded:
    part: LoadedPart
    rows: list[dict[str, Any]]
    unread: list[dict[str, Any]]
    verdicts: list[tuple[int, Verdict]]
    folder: Path

    @property
    def codes(self) -> list[tuple[int, str]]:
        return [(row, one.code) for row, one in self.verdicts]


def load(root: Path, format: str, inputs: list[dict[str, Any]], batch: int = 2000, **settings: Any) -> Loaded:
    said = {"owner": "me", "licence": "MIT", "uses": ["training"]}
    dataset = Dataset.model_validate({"format": format, "inputs": [said | one for one in inputs], **settings})
    project = Project(Settings(store=str(root / "store")), root, root / "freshet.yaml")
    files = [file for given in sorted(dataset.inputs, key=lambda one: one.called) for file in list_files(given, root)]
    folder = root / f"stage-{batch}"
    stage = Stage(folder)
    part = load_part(files, dataset, project, 0, stage, 0, batch=batch)
    with pa.ipc.open_file(str(unread_file(stage, 0))) as reader:
        unread = reader.read_all().to_pylist()
    rows = [row for table in stage.batches() for row in table.to_pylist()]
    return Loaded(part, rows, unread, list(loaded_verdicts(stage, 0)), folder)


def write(root: Path, rows: list[Any], name: str = "rows.jsonl") -> str:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (root / name).write_text("\n".join(lines) + "\n", "utf-8")
    return name


MIXED = [
    {"q": "one ", "a": "a\u200b "},
    "{torn",
    {"q": "two", "a": 5},
    {"q": "three", "a": "mail ada@gov.uk"},
    {"q": "four"},
    {"q": "five", "a": "e"},
]


def test_every_row_has_a_number_and_is_staged_or_put_aside(tmp_path: Path) -> None:
    loaded = load(tmp_path, "prompt_completion", [{"rows": write(tmp_path, MIXED), **QA}])
    assert (loaded.part.rows_read, loaded.part.rows_written, loaded.part.next_row) == (6, 3, 6)
    assert [(row["row"], row["place"]) for row in loaded.rows] == [(0, 1), (3, 4), (5, 6)]
    assert [(row["row"], row["place"]) for row in loaded.unread] == [(1, 2), (2, 3), (4, 5)]
    assert loaded.codes == [(1, "ROW-UNREADABLE"), (2, "ROW-SCHEMA"), (3, "ROW-PERSONAL"), (4, "ROW-SCHEMA")]
    assert loaded.part.counts == {"ROW-PERSONAL": 1, "ROW-SCHEMA": 2, "ROW-UNREADABLE": 1}
    said = {row: one.evidence for row, one in loaded.verdicts}
    assert [(said[row]["file"], said[row]["line"]) for row in said] == [("rows.jsonl", row + 1) for row in said]
    assert (said[2]["field"], said[2]["found"], said[4]["found"]) == ("a", "a number", "null")
    assert loaded.unread[1]["raw"] == '{"q": "two", "a": 5}'


def test_a_staged_row_says_where_it_comes_from_and_what_was_changed(tmp_path: Path) -> None:
    loaded = load(tmp_path, "prompt_completion", [{"rows": write(tmp_path, MIXED), "name": "mine", **QA}])
    row = loaded.rows[0]
    assert json.loads(row["content"]) == {"prompt": "one ", "completion": "a"}
    assert row["digest"] == example_digest("prompt_completion", row["content"])
    assert (row["prompt"], row["answer"], row["label"]) == ("one ", "a", None)
    assert (row["input"], row["uri"], len(row["source_version"])) == ("mine", "rows.jsonl", 64)
    assert row["transforms"] == ["shape:columns", "trailing-space", "zero-width"]
    assert (row["uses"], row["access"], row["licence"], row["owner"]) == (["training"], '["everyone"]', "MIT", "me")


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_what_is_staged_does_not_depend_on_the_size_of_a_batch(tmp_path: Path, batch: int) -> None:
    inputs = [{"rows": write(tmp_path, MIXED * 3), **QA}]
    whole, pieces = load(tmp_path, "prompt_completion", inputs), load(tmp_path, "prompt_completion", inputs, batch)
    assert (pieces.part, pieces.rows, pieces.unread) == (whole.part, whole.rows, whole.unread)
    assert pieces.verdicts == whole.verdicts


def test_parts_follow_one_another(tmp_path: Path) -> None:
    dataset = Dataset.model_validate(
        {
            "format": "language_modeling",
            "inputs": [{"rows": "*.jsonl", "owner": "me", "licence": "MIT", "uses": ["training"]}],
        }
    )
    write(tmp_path, [{"text": "a"}, {"text": "b"}], "1.jsonl")
    write(tmp_path, [{"text": "c"}], "2.jsonl")
    project, stage = Project(Settings(), tmp_path, tmp_path / "freshet.yaml"), Stage(tmp_path / "stage")
    row = 0
    for number, file in enumerate(list_files(dataset.inputs[0], tmp_path)):
        row = load_part([file], dataset, project, row, stage, number).next_row
    found = [(row["row"], row["answer"]) for table in stage.batches() for row in table.to_pylist()]
    assert found == [(0, "a"), (1, "b"), (2, "c")]
    again = load_part(list_files(dataset.inputs[0], tmp_path)[1:], dataset, project, 2, stage, 1)
    assert (again.next_row, [table.num_rows for table in stage.batches()]) == (3, [2, 1])


@pytest.mark.parametrize(
    "denied",
    [
        {"uses": ["retrieval"]},
        {"acl": ["group:legal"]},
        {"acl": {"all": [["everyone"]], "none": ["user:eve"]}},
        {"permissions": [{"document": "*.md", "uses": []}], "columns": {**QA["columns"], "document": "d"}},
    ],
)
def test_of_rows_that_are_not_permitted_no_text_is_written(tmp_path: Path, denied: dict[str, Any]) -> None:
    rows = [
        {"q": SECRET_TEXT, "a": SECRET_TEXT, "d": "a.md"},
        {"q": SECRET_TEXT, "d": "a.md"},
        f'{{"q": "{SECRET_TEXT}"',
    ]
    loaded = load(tmp_path, "prompt_completion", [{"rows": write(tmp_path, rows), **QA, **denied}])
    (row,) = loaded.rows
    assert (row["content"], row["prompt"], row["answer"]) == ("{}", "", "")
    assert loaded.codes[0][1].startswith("USE-")
    assert [row["raw"] for row in loaded.unread] == [None, None]
    permitted = load(tmp_path, "prompt_completion", [{"rows": "rows.jsonl", **QA}], 3)
    assert row["digest"] == permitted.rows[0]["digest"], "a diff must tell which row of an earlier version went"
    assert all(SECRET_TEXT.encode() not in file.read_bytes() for file in loaded.folder.iterdir())


def test_the_first_row_of_a_known_shape_decides_for_its_file(tmp_path: Path) -> None:
    rows = [{"odd": 1}, {"instruction": "i", "output": "o"}, {"messages": [{"role": "assistant", "content": "a"}]}]
    loaded = load(tmp_path, "conversational", [{"rows": write(tmp_path, rows)}])
    assert loaded.codes == [(0, "ROW-SCHEMA"), (2, "ROW-SCHEMA")]
    assert loaded.verdicts[1][1].evidence["field"] == "instruction"


def test_the_completion_is_the_class_where_the_dataset_says_so(tmp_path: Path) -> None:
    given = [{"rows": write(tmp_path, [{"q": "one", "a": "yes"}]), **QA}]
    for settings in ({"checks": {"labels": {}}}, {"split": {"stratify": True}}, {"gate": {"max_class": 0.5}}):
        assert load(tmp_path, "prompt_completion", given, **settings).rows[0]["label"] == "yes"


def test_spans_that_cannot_be_placed_are_said_to_be(tmp_path: Path) -> None:
    columns = {"prompt": "q", "completion": "a", "passage": "p", "start": "s"}
    rows = [
        {"q": "?", "a": "is", "p": "it is as it is", "s": 3},
        {"q": "?", "a": "is", "p": "it is as it is", "s": 4},
        {"q": "?", "a": "it", "p": "it is as it is", "s": 5},
        {"q": "?", "a": "x", "p": "it is", "s": 0},
        {"q": "?", "a": "as", "p": "it is as it is"},
        {"q": "?", "a": "is", "p": "it is as it is"},
    ]
    write(tmp_path, rows)
    loaded = load(tmp_path, "prompt_completion", [{"rows": "rows.jsonl", "columns": columns}])
    assert [(row["start"], row["end"]) for row in loaded.rows] == [
        (3, 5),
        (3, 5),
        (9, 11),
        (None, None),
        (6, 8),
        (None, None),
    ]
    moved = [[name for name in row["transforms"] if name.startswith("span")] for row in loaded.rows]
    assert moved == [[], ["span-moved:-1"], ["span-moved:+4"], [], ["span-found"], []]
    assert loaded.codes == [(3, "SPAN-MISSING")]
    assert loaded.rows[0]["prompt"] == "?"
    write(tmp_path, [{"q": "?", "a": "b", "p": "b-b", "s": 1}])
    ((row, verdict),) = load(tmp_path, "prompt_completion", [{"rows": "rows.jsonl", "columns": columns}], 9).verdicts
    assert (row, verdict.code, verdict.evidence["distance"]) == (0, "SPAN-AMBIGUOUS", 1)


def test_rows_of_a_corpus_name_their_document_its_characters_and_its_chunks(tmp_path: Path) -> None:
    both = {"uses": ["retrieval", "training"], "licence": "CC0-1.0"}
    corpus = build(
        tmp_path / "store",
        {
            "king.md": Document(["Once upon a time.", "There was a king."], changes=both),
            "queen.md": Document(["There was a queen."], changes={**both, "uses": ["retrieval"]}),
        },
        indexed=False,
    )
    columns = {"prompt": "q", "completion": "a", "document": "d", "passage": "p", "start": "s"}
    rows = [
        {"q": "who?", "a": "a king", "d": "king.md", "p": "There was a king.", "s": 10},
        {"q": "when?", "a": "long ago", "d": "king.md", "p": "Once upon\n\na time. There was"},
        {"q": "who?", "a": "a king", "d": "king.md", "s": 27},
        {"q": "who?", "a": "a knight", "d": "king.md", "s": 27},
        {"q": "who?", "a": "a queen", "d": "queen.md", "s": 10},
        {"q": "who?", "a": "a fool", "d": "fool.md"},
    ]
    loaded = load(
        tmp_path, "prompt_completion", [{"rows": write(tmp_path, rows), "corpus": "docs", "columns": columns}]
    )
    assert [(row["start"], row["end"]) for row in loaded.rows[:3]] == [(28, 34), (0, 27), (28, 34)]
    ids = [row["chunk_id"] for row in corpus.chunks.search().to_list() if row["doc_id"] == document_id("king.md")]
    assert [len(row["chunk_ids"]) for row in loaded.rows] == [1, 2, 1, 0, 0, 0]
    assert sorted(loaded.rows[1]["chunk_ids"]) == sorted(ids)
    assert loaded.rows[2]["transforms"] == ["shape:columns", "span-moved:+1"]
    assert loaded.codes == [(3, "SPAN-MISSING"), (4, "USE-TRAINING"), (5, "USE-DOCUMENT")]
    assert [row["doc_id"] for row in loaded.rows] == [
        *[document_id("king.md")] * 4, document_id("queen.md"), None,
    ]  # fmt: skip
    assert loaded.rows[0]["licence"] == "CC0-1.0"
    assert loaded.part.ledgers == {"docs": corpus.ledger.version}


def test_nulls_that_a_parquet_file_puts_into_calls_are_taken_out_again(tmp_path: Path) -> None:
    calls = [{"type": "function", "function": {"name": "f", "arguments": given}} for given in ({"x": 1}, {"y": "2"})]
    messages = [{"role": "assistant", "content": "", "tool_calls": [call]} for call in calls]
    pq.write_table(pa.Table.from_pylist([{"messages": messages}]), tmp_path / "rows.parquet")
    loaded = load(tmp_path, "conversational", [{"rows": "rows.parquet"}])
    (row,) = loaded.rows
    assert json.loads(row["content"]) == {"messages": messages}
    assert row["transforms"] == ["nulls"]


def test_memory_depends_on_the_batch_and_not_on_the_rows(tmp_path: Path) -> None:
    peaks = []
    for count in (500, 2_000):
        write(tmp_path, [{"q": f"what is {n}?", "a": f"number {n} " * 300} for n in range(count)])
        load_once = {"rows": "rows.jsonl", **QA}
        said = {"owner": "me", "licence": "MIT", "uses": ["training"]}
        dataset = Dataset.model_validate({"format": "prompt_completion", "inputs": [said | load_once]})
        project, files = Project(Settings(), tmp_path, tmp_path / "f"), list_files(dataset.inputs[0], tmp_path)
        load_part(files, dataset, project, 0, Stage(tmp_path / "warm"), 0, batch=50)
        tracemalloc.start()
        load_part(files, dataset, project, 0, Stage(tmp_path / "cold"), 0, batch=50)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.2


# Where passages are, how many rows and documents they have, how answers moved, and a document to be forbidden.
PASSAGES: dict[str, tuple[int, int, dict[str, int], str]] = {
    "bundled": (6, 3, {"span-moved:-2": 1}, "leave/annual-leave.md"),
    "public": (1380, 98, {"span-moved:-1": 196, "span-moved:+3": 28, "span-moved:+2": 10}, "630"),
}


@pytest.fixture(params=PASSAGES)
def passages(request: pytest.FixtureRequest) -> tuple[Path, int, int, dict[str, int], str]:
    if request.param == "bundled":
        file = ROOT / "examples" / "training" / "reading.json"
    else:
        file = request.getfixturevalue("public_data") / "finetune" / "covid_qa.json"
    return (file, *PASSAGES[request.param])


def test_passages_are_traced_and_one_forbidden_document_takes_its_rows_out(
    passages: tuple[Path, int, int, dict[str, int], str], tmp_path: Path
) -> None:
    file, count, documents, moved, one = passages
    text = file.read_text("utf-8")
    (tmp_path / "passages.json").write_text(text, "utf-8")
    given = {"rows": "passages.json", "shape": "squad"}
    loaded = load(tmp_path, "prompt_completion", [given], checks={"personal_data": "allow", "secrets": "allow"})
    found = (loaded.part.rows_written, len({row["document"] for row in loaded.rows}), loaded.verdicts)
    assert found == (count, documents, [])
    assert Counter(name for row in loaded.rows for name in row["transforms"] if name.startswith("span")) == moved
    data = json.loads(text)["data"]
    for row in loaded.rows:
        document, paragraph, _ = map(int, re.findall(r"\[(\d+)\]", row["field"]))
        context = data[document]["paragraphs"][paragraph]["context"]
        assert context[row["start"] : row["end"]].rstrip() == row["answer"]
    forbidden = {**given, "permissions": [{"document": one, "uses": ["retrieval"]}]}
    again = load(tmp_path, "prompt_completion", [forbidden], 7, checks={"personal_data": "allow", "secrets": "allow"})
    gone = [row["row"] for row in loaded.rows if row["document"] == one]
    assert again.codes == [(row, "USE-TRAINING") for row in gone]
    assert gone
    assert all(verdict.evidence["document"] == one for _, verdict in again.verdicts)
