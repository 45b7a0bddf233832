"""Exports: what trainers load is what the rows say, by the rules that those who train publish."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freshet.tasks.datasets.export import check_kinds, export, write_exports
from freshet.tasks.datasets.export.manifest import check_manifest, write_manifest
from freshet.tasks.datasets.export.openai import openai_line
from freshet.tasks.datasets.shapes.example import canonical_json
from freshet.tasks.errors import SettingsError
from freshet.tasks.rules.verdicts import verdict
from tests.openai_rules import faults_of_file
from tests.unit.built_dataset import Rows, all_rows, assembled, declared, lines, pairs

THIRDS = {"train": 0.4, "validation": 0.3, "test": 0.3}
ALL_TRAIN = {"train": 1.0, "validation": 0.0, "test": 0.0}

CALL: dict[str, Any] = {"type": "function", "function": {"name": "add", "arguments": {"b": 2, "a": [1, None]}}}
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "add", "description": "Adds.", "parameters": {"type": "object"}},
}
CHAT: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "1 + 2?"},
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "name": "add", "content": "3"},
        {"role": "assistant", "content": "3", "weight": 1},
    ],
    "tools": [TOOL],
}
PLAIN: dict[str, Any] = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
CONTENTS: dict[str, list[dict[str, Any]]] = {
    "language_modeling": [{"text": f"Text {i}."} for i in range(30)],
    "prompt_completion": pairs(30),
    "conversational": [{"messages": [{"role": "user", "content": f"{i}?"}, *CHAT["messages"][2:]], "tools": [TOOL]}
                       if i % 3 == 0 else {"messages": [{"role": "user", "content": f"{i}?"}, *PLAIN["messages"]]}
                       for i in range(30)],
    "preference": [{"prompt": f"{i}?", "chosen": "Yes.", "rejected": "No."} for i in range(30)],
    "unpaired_preference": [{"prompt": f"{i}?", "completion": "Yes.", "label": i % 2 == 0} for i in range(30)],
}  # fmt: skip


def exported(folder: Path, kind: Any, format: Any, contents: list[Any], split: Any = ALL_TRAIN, batch: int = 4) -> Path:
    done = assembled(folder / "stage", Rows(contents, format=format, batch=batch), declared(format, split=split))
    export(kind, format, done.kept, folder)
    return folder / str(kind)


def kept(folder: Path) -> list[dict[str, Any]]:
    from freshet.tasks.datasets.assembly.assembled import Assembled

    return all_rows(Assembled.load(folder / "stage" / "assembled").kept())


# ---- TRL


@pytest.mark.parametrize("format", CONTENTS)
def test_trl_gets_each_row_as_it_is_a_file_for_each_split(format: str, tmp_path: Path) -> None:
    folder = exported(tmp_path, "trl", format, CONTENTS[format], THIRDS)
    written = {file.stem: lines(file) for file in folder.iterdir()}
    rows = kept(tmp_path)
    for side in ("train", "validation", "test"):
        assert written[side] == [json.loads(row["content"]) for row in rows if row["split"] == side]
    assert sum(map(len, written.values())) == 30


def test_no_message_gets_fields_that_it_does_not_have(tmp_path: Path) -> None:
    folder = exported(tmp_path, "trl", "conversational", [CHAT, PLAIN])
    assert lines(folder / "train.jsonl") == [CHAT, PLAIN]
    assert "tools" not in lines(folder / "train.jsonl")[1]


@settings(max_examples=50, deadline=None)
@given(texts=st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, max_size=5))
def test_any_text_comes_back_from_a_line_of_its_own(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    contents = [{"text": f"{text}\u2028\x85\u2029\n"} for text in texts]
    file = exported(tmp_path_factory.mktemp("x"), "trl", "language_modeling", contents) / "train.jsonl"
    assert [json.loads(line) for line in file.read_text("utf-8").splitlines()] == contents
    assert len(file.read_bytes().splitlines()) == len(contents)


# ---- OpenAI


def test_openai_chats_obey_its_rules(tmp_path: Path) -> None:
    folder = exported(tmp_path, "openai", "conversational", [*[CHAT] * 5, *CONTENTS["conversational"]])
    assert len(lines(folder / "train.jsonl")) == 35
    assert faults_of_file(folder / "train.jsonl", "sft") == []


def test_a_call_of_a_tool_becomes_a_string_and_gets_an_id_by_its_place() -> None:
    messages = openai_line("conversational", CHAT)["messages"]
    [call] = messages[2]["tool_calls"]
    assert call["id"] == messages[3]["tool_call_id"] == "call_2_0"
    assert json.loads(call["function"]["arguments"]) == {"a": [1, None], "b": 2}
    assert messages[2]["content"] is None
    named = {**CALL, "id": "mine", "function": {"name": "add", "arguments": '{"a": 1}'}}
    answered = {"role": "tool", "content": "1", "tool_call_id": "mine"}
    line = openai_line("conversational", {"messages": [{"role": "assistant", "tool_calls": [named]}, answered]})
    assert line["messages"][0]["tool_calls"] == [named]
    assert line["messages"][1] == answered


def test_prompts_and_completions_become_turns() -> None:
    text = openai_line("prompt_completion", {"prompt": "Hi", "completion": "Hello."})
    turns = openai_line("prompt_completion", {"prompt": PLAIN["messages"][:1], "completion": PLAIN["messages"][1:]})
    assert text == turns == PLAIN


def test_preferences_become_pairs(tmp_path: Path) -> None:
    folder = exported(tmp_path, "openai", "preference", CONTENTS["preference"])
    assert faults_of_file(folder / "train.jsonl", "dpo") == []
    assert lines(folder / "train.jsonl")[0]["preferred_output"][0]["content"] == "Yes."


@pytest.mark.parametrize(
    ("format", "content", "said"),
    [
        ("conversational", {"messages": [{"role": "user", "content": "x"}]}, "no message is the assistant's"),
        ("conversational", {"messages": [{"role": "robot", "content": "x"}]}, "message 1 has the role robot"),
        ("conversational", {"messages": [{"role": "assistant"}]}, "message 1 has neither content nor calls"),
        ("conversational", {"messages": [{"role": "tool", "content": "x"}]}, "answers no call"),
        (
            "conversational",
            {"messages": [CHAT["messages"][2], {"role": "tool", "content": "x", "tool_call_id": "y"}]},
            "message 2 answers a call that nobody made",
        ),
        ("conversational", {"messages": [{"role": "assistant", "content": "x", "weight": 0.5}]}, "weight"),
        ("conversational", {"messages": [{"role": "user", "content": "x", "weight": 1}]}, "weight"),
        (
            "conversational",
            {"messages": [{"role": "assistant", "content": "x", "weight": 0}]},
            "nothing would be learnt",
        ),
        (
            "conversational",
            {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "a b"}}]}]},
            "the name of a function",
        ),
        (
            "conversational",
            {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "a", "arguments": "[1"}}]}]},
            "the arguments of a call are no JSON object",
        ),
        (
            "conversational",
            {**PLAIN, "tools": [{"type": "function", "function": {"name": "a", "parameters": "none"}}]},
            "no JSON Schema",
        ),
        (
            "preference",
            {"prompt": "x", "chosen": [{"role": "user", "content": "y"}], "rejected": "z"},
            "chosen must hold messages of the assistant",
        ),
    ],
)
def test_what_openai_would_refuse_is_refused_with_the_row(format: str, content: Any, said: str, tmp_path: Path) -> None:
    done = assembled(tmp_path / "stage", Rows(pairs(1)), declared(split=ALL_TRAIN))
    row = all_rows(done.kept())[0]
    table = next(done.kept())
    index = table.column_names.index("content")
    table = table.set_column(index, "content", pa.array([canonical_json(content)]))
    with pytest.raises(SettingsError, match=f"example {row['example_id']}: .*{said}"):
        export("openai", format, lambda: iter([table]), tmp_path)  # type: ignore[arg-type]


@pytest.mark.parametrize("format", ["language_modeling", "unpaired_preference"])
def test_a_format_that_openai_does_not_know_is_refused_with_those_that_it_does(format: Any) -> None:
    with pytest.raises(SettingsError, match=f"takes conversational, prompt_completion or preference, not {format}"):
        check_kinds(["trl", "openai"], format)
    check_kinds(["trl", "parquet"], format)


# ---- Parquet


@pytest.mark.parametrize("format", CONTENTS)
def test_parquet_says_what_the_rows_say(format: str, tmp_path: Path) -> None:
    folder = exported(tmp_path, "parquet", format, CONTENTS[format], THIRDS)
    rows = kept(tmp_path)
    for side in ("train", "validation", "test"):
        written = pq.read_table(folder / f"{side}.parquet").to_pylist()
        wanted = [json.loads(row["content"]) for row in rows if row["split"] == side]
        assert [_plain(row) for row in written] == wanted


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row of Parquet without what columns add: nulls, and calls and tools in strings."""
    plain = {name: value for name, value in row.items() if value is not None}
    if "tools" in plain:
        plain["tools"] = json.loads(plain["tools"])
    if "messages" in plain:
        plain["messages"] = [
            {k: json.loads(v) if k == "tool_calls" else v for k, v in one.items() if v is not None}
            for one in plain["messages"]
        ]
    return plain


def test_parquet_has_the_fields_of_messages_that_the_version_has_and_no_others(tmp_path: Path) -> None:
    plain = exported(tmp_path / "1", "parquet", "conversational", [PLAIN])
    schema = pq.read_schema(plain / "train.parquet")
    assert schema.names == ["messages"]
    assert [one.name for one in schema.field("messages").type.value_type] == ["role", "content"]
    full = exported(tmp_path / "2", "parquet", "conversational", [PLAIN, CHAT])
    schema = pq.read_schema(full / "train.parquet")
    assert schema.names == ["messages", "tools"]
    turns = [one.name for one in schema.field("messages").type.value_type]
    assert turns == ["role", "content", "name", "tool_calls", "weight"]


def test_texts_and_messages_in_one_column_become_messages(tmp_path: Path) -> None:
    spoken = {"prompt": PLAIN["messages"][:1], "completion": [{"role": "assistant", "content": "Hey."}]}
    contents = [{"prompt": "Hi", "completion": "Hello."}, spoken]
    folder = exported(tmp_path, "parquet", "prompt_completion", contents)
    rows = pq.read_table(folder / "train.parquet").to_pylist()
    assert [row["prompt"] for row in rows] == [PLAIN["messages"][:1]] * 2
    assert [row["completion"][0]["content"] for row in rows] == ["Hello.", "Hey."]


def test_row_groups_are_of_one_size_whatever_the_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freshet.tasks.datasets.export.parquet.GROUP_ROWS", 7)
    files = [
        exported(tmp_path / str(batch), "parquet", "conversational", CONTENTS["conversational"], batch=batch)
        for batch in (1, 5, 30)
    ]
    first = pq.ParquetFile(files[0] / "train.parquet").metadata
    assert [first.row_group(i).num_rows for i in range(first.num_row_groups)] == [7, 7, 7, 7, 2]
    assert len({(folder / "train.parquet").read_bytes() for folder in files}) == 1


# ---- beside them


def test_lineage_says_of_each_line_where_it_comes_from(tmp_path: Path) -> None:
    found = [(2, verdict("COPY-EXACT", of=1)), (3, verdict("ROW-SECRET"))]
    rows = Rows([*pairs(40), None], found=[*found, (40, verdict("ROW-UNREADABLE"))])
    done = assembled(tmp_path / "stage", rows, declared(split=THIRDS))
    files = write_exports(["trl", "parquet"], "prompt_completion", done.kept, done.rejected, tmp_path / "out")
    assert all(file.is_file() for file in files)
    lineage = pq.read_table(tmp_path / "out" / "lineage.parquet").to_pylist()
    assert len(lineage) == 38
    texts = {side: lines(tmp_path / "out" / "trl" / f"{side}.jsonl") for side in THIRDS}
    for row in lineage:
        place = row["origins"][0]["place"]
        assert texts[row["split"]][row["line"] - 1] == pairs(1, place - 1)[0]
    assert {len(row["origins"]) for row in lineage} == {1, 2}
    rejected = lines(tmp_path / "out" / "rejected.jsonl")
    assert [(row["place"], row["codes"]) for row in rejected] == [
        (3, ["COPY-EXACT"]), (4, ["ROW-SECRET"]), (41, ["ROW-UNREADABLE"]),
    ]  # fmt: skip
    assert "How much" not in (tmp_path / "out" / "rejected.jsonl").read_text()
    assert "{torn" not in (tmp_path / "out" / "rejected.jsonl").read_text()


def test_the_manifest_finds_what_was_altered_lost_or_added(tmp_path: Path) -> None:
    (tmp_path / "trl").mkdir()
    for name in ("trl/train.jsonl", "trl-card.md", "b"):
        (tmp_path / name).write_text(name)
    digest = write_manifest(tmp_path)
    assert check_manifest(tmp_path) == []
    assert write_manifest(tmp_path) == digest
    (tmp_path / "b").unlink()
    (tmp_path / "trl" / "train.jsonl").write_text("other")
    (tmp_path / "new").touch()
    assert check_manifest(tmp_path) == ["b is missing", "new is not in the manifest", "trl/train.jsonl was altered"]
    (tmp_path / "MANIFEST.sha256").unlink()
    assert check_manifest(tmp_path) == ["MANIFEST.sha256 is missing"]


def test_texts_among_messages_are_written_as_messages_since_trainers_go_by_the_first_row(tmp_path: Path) -> None:
    import pyarrow as pa

    from freshet.tasks.datasets.export.trl import write_trl

    rows = [{"prompt": "a", "completion": "b"}, {"prompt": [{"role": "user", "content": "c"}], "completion": []}]
    table = pa.table({"split": ["train"] * 2, "content": [canonical_json(row) for row in rows]})
    (file,) = write_trl("prompt_completion", lambda: iter([table]), tmp_path)
    written = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert written[0]["prompt"] == [{"role": "user", "content": "a"}]
    assert written[0]["completion"] == [{"role": "assistant", "content": "b"}]
    assert written[1] == rows[1]
    (alike,) = write_trl("prompt_completion", lambda: iter([table.slice(0, 1)]), tmp_path / "alike")
    assert json.loads(alike.read_text("utf-8")) == rows[0]
