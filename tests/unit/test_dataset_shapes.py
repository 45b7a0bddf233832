"""Rows as files hold them → examples: every shape, every format, and what cannot be shaped."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.tasks.datasets.origins.spans import AMBIGUOUS, MISSING, locate
from freshet.tasks.datasets.shapes.example import COLUMNS, FORMATS, canonical_json, parts_of
from freshet.tasks.datasets.shapes.recognise import SHAPES, recognise
from freshet.tasks.datasets.shapes.shaping import Shaped, to_content
from freshet.tasks.rules.verdicts import Verdict
from freshet.tasks.settings.datasets import Format, RowsInput

ASKED, SAID = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}
CALL = {"type": "function", "function": {"name": "f", "arguments": {"x": 1}}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}


def rows(**settings: Any) -> RowsInput:
    return RowsInput(rows="x.jsonl", owner="me", licence="MIT", uses=["training"], **settings)


def shaped(value: dict[str, Any], format: Format, **settings: Any) -> Shaped:
    found = to_content(value, format, rows(**settings))
    assert isinstance(found, Shaped), found
    return found


def refused(value: dict[str, Any], format: Format, **settings: Any) -> Verdict:
    found = to_content(value, format, rows(**settings))
    assert isinstance(found, Verdict), found
    return found


@pytest.mark.parametrize(
    ("keys", "shape"),
    [
        (["messages"], "trl"),
        (["messages", "label"], "trl"),
        (["text", "category"], "trl"),
        (["prompt", "chosen", "rejected"], "trl"),
        (["input", "preferred_output", "non_preferred_output"], "openai"),
        (["conversations", "tools"], "sharegpt"),
        (["instruction", "input", "output"], "alpaca"),
        (["instruction", "input", "output", "chosen", "rejected"], "alpaca"),
        (["id", "title", "context", "question", "answers"], "squad"),
        (["question", "answer"], None),
        ([], None),
    ],
)
def test_a_shape_is_recognised_by_its_columns(keys: list[str], shape: str | None) -> None:
    assert recognise(keys) == shape
    assert recognise(list(reversed(keys))) == shape


def test_columns_of_no_shape_are_refused_with_the_shapes_and_the_settings_to_write() -> None:
    found = refused({"question": "q", "answer": "a"}, "prompt_completion")
    assert found.code == "ROW-SCHEMA"
    assert "answer, question" in found.evidence["found"]
    assert all(shape in found.evidence["valid"] for shape in SHAPES)
    assert "columns of the input" in found.evidence["valid"]


def test_alpaca_becomes_a_prompt_or_turns() -> None:
    value = {"instruction": "Sort.", "input": "b a", "output": "a b"}
    assert shaped(value, "prompt_completion").content == {"prompt": "Sort.\n\nb a", "completion": "a b"}
    turns = [{"role": "user", "content": "Sort.\n\nb a"}, {"role": "assistant", "content": "a b"}]
    assert shaped(value, "conversational").content == {"messages": turns}
    with_past = {**value, "system": "Be brief.", "history": [["hi", "hello"]]}
    found = shaped(with_past, "conversational").content["messages"]
    assert [one["role"] for one in found] == ["system", "user", "assistant", "user", "assistant"]


def test_a_filler_in_place_of_an_optional_text_is_dropped_on_record() -> None:
    found = shaped({"instruction": "Sing.", "input": " <NoInput> ", "output": "la"}, "prompt_completion")
    assert found.content["prompt"] == "Sing."
    assert "filler" in found.transforms


def test_sharegpt_becomes_turns_calls_and_tools() -> None:
    value = {
        "conversations": [
            {"from": "human", "value": "q"},
            {"from": "function_call", "value": '{"name": "f", "arguments": {"x": 1}}'},
            {"from": "observation", "value": "1"},
            {"from": "gpt", "value": "a"},
        ],
        "system": "Be brief.",
        "tools": '[{"name": "f", "parameters": {}}]',
    }
    found = shaped(value, "conversational")
    assert found.content == {
        "messages": [
            {"role": "system", "content": "Be brief."},
            ASKED,
            {"role": "assistant", "content": "", "tool_calls": [CALL]},
            {"role": "tool", "content": "1"},
            SAID,
        ],
        "tools": [TOOL],
    }
    assert {"shape:sharegpt", "role:human→user", "role:function_call→assistant", "tools"} <= set(found.transforms)


def test_openai_calls_keep_their_ids_and_weights_and_their_arguments_become_an_object() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
    messages = [
        ASKED,
        {"role": "assistant", "content": None, "tool_calls": [call], "weight": 0},
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
        {**SAID, "weight": 1},
    ]
    found = shaped({"messages": messages, "tools": [TOOL]}, "conversational", shape="openai")
    assert found.content["messages"][1] == {
        "role": "assistant", "content": "", "tool_calls": [{**CALL, "id": "c1"}], "weight": 0,
    }  # fmt: skip
    assert found.content["messages"][3]["weight"] == 1
    assert "tool-arguments" in found.transforms


def test_openai_pairs_become_preferences() -> None:
    value = {
        "input": {"messages": [ASKED], "tools": [], "parallel_tool_calls": True},
        "preferred_output": [SAID],
        "non_preferred_output": [{**SAID, "content": "b"}],
    }
    found = shaped(value, "preference")
    assert found.content == {"prompt": [ASKED], "chosen": [SAID], "rejected": [{**SAID, "content": "b"}]}


def test_a_passage_stands_before_the_prompt_and_the_answer_is_its_quotation() -> None:
    value = {
        "context": "The sky is blue.", "question": "Which colour?", "document": 7,
        "answers": [{"text": "blue", "answer_start": 11}, {"text": "the blue", "answer_start": 9}],
    }  # fmt: skip
    found = shaped(value, "prompt_completion")
    assert found.content == {"prompt": "The sky is blue.\n\nWhich colour?", "completion": "blue"}
    assert (found.document, found.start, found.answer_text) == ("7", 11, "blue")
    assert "first-answer" in found.transforms
    as_lists = {**value, "answers": {"text": ["blue"], "answer_start": [11]}}
    assert shaped(as_lists, "prompt_completion").content == found.content
    turns = shaped(value, "conversational").content["messages"]
    assert turns[0]["content"] == "The sky is blue.\n\nWhich colour?"


def test_declared_columns_reach_into_objects_and_keep_texts_as_they_are() -> None:
    value = {"meta": {"id": 12, "at": "3"}, "q": "why? ", "a": " so", "who": "x"}
    columns = {"prompt": "q", "completion": "a", "document": "meta.id", "start": "meta.at"}
    found = shaped(value, "prompt_completion", columns=columns)
    assert found.content == {"prompt": "why? ", "completion": " so"}
    assert (found.document, found.start, found.answer_text) == ("12", 3, " so")
    grouped = to_content(value, "prompt_completion", rows(columns=columns), group_by="column:who")
    assert isinstance(grouped, Shaped)
    assert grouped.group == "x"
    missing = to_content(value, "prompt_completion", rows(columns=columns), group_by="column:when")
    assert isinstance(missing, Verdict)
    assert (missing.code, missing.evidence["field"]) == ("ROW-SCHEMA", "when")


def test_pairs_that_repeat_their_prompt_are_cut() -> None:
    found = shaped({"chosen": [ASKED, SAID], "rejected": [ASKED, {**SAID, "content": "b"}]}, "preference")
    assert found.content["prompt"] == [ASKED]
    again = {"prompt": "q", "chosen": [ASKED, SAID], "rejected": [ASKED, {**SAID, "content": "b"}]}
    assert shaped(again, "preference").content == found.content


@pytest.mark.parametrize("label", [True, "true", "TRUE", 1, "1"])
def test_a_label_may_be_spelt_as_csv_spells_it(label: object) -> None:
    found = shaped({"prompt": "q", "completion": "a", "label": label}, "unpaired_preference")
    assert found.content["label"] is True


def test_columns_that_the_format_has_no_use_for_may_hold_anything() -> None:
    assert shaped({"messages": [ASKED, SAID], "label": 37, "chosen": 1}, "conversational").content == {
        "messages": [ASKED, SAID]
    }


@pytest.mark.parametrize(
    ("value", "format", "code", "field", "found"),
    [
        ({"messages": [{"role": "robot", "content": "a"}]}, "conversational", "ROW-ROLE", "messages[0].role", "robot"),
        ({"messages": [ASKED]}, "conversational", "ROW-ROLE", "messages", "no message of assistant"),
        ({"messages": [SAID, {"role": "system", "content": "s"}]}, "conversational", "ROW-ROLE",
         "messages[1].role", "2"),
        ({"messages": [ASKED, {"role": "tool", "content": "1"}, SAID]}, "conversational", "ROW-ROLE",
         "messages[1].role", "without a call"),
        ({"messages": [{**ASKED, "tool_calls": [CALL]}, SAID]}, "conversational", "ROW-ROLE", "messages[0].tool_calls",
         "user"),
        ({"messages": "hi"}, "conversational", "ROW-SCHEMA", "messages", "a text"),
        ({"messages": []}, "conversational", "ROW-SCHEMA", "messages", "an empty list"),
        ({"messages": [ASKED, {"role": "assistant"}]}, "conversational", "ROW-SCHEMA", "messages[1].content", "null"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "conversational", "ROW-SCHEMA",
         "messages[0].content[0]", "no text"),
        ({"messages": [{**SAID, "tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}]}, "conversational",
         "ROW-SCHEMA", "messages[0].tool_calls[0].arguments", "no sound JSON"),
        ({"messages": [{**SAID, "weight": 0.5}]}, "conversational", "ROW-SCHEMA", "messages[0].weight", "a number"),
        ({"conversations": [{"from": "human", "value": "q"}, {"from": "function_call", "value": "f(1)"}]},
         "conversational", "ROW-SCHEMA", "conversations[1].value", "no sound JSON"),
        ({"messages": [ASKED, SAID], "tools": "[{"}, "conversational", "ROW-SCHEMA", "tools", "no sound JSON"),
        ({"messages": [ASKED, SAID], "tools": [TOOL]}, "prompt_completion", "ROW-SCHEMA", "tools", "no column"),
        ({"messages": [SAID, ASKED]}, "prompt_completion", "ROW-SCHEMA", "messages", "no answer"),
        ({"text": 5}, "language_modeling", "ROW-SCHEMA", "text", "a number"),
        ({"text": "t"}, "prompt_completion", "ROW-SCHEMA", "prompt", "nothing"),
        ({"prompt": "q", "completion": "a"}, "language_modeling", "ROW-SCHEMA", "text", "nothing"),
        ({"prompt": "q", "completion": "a"}, "unpaired_preference", "ROW-SCHEMA", "label", "nothing"),
        ({"prompt": "q", "completion": "a", "label": "maybe"}, "unpaired_preference", "ROW-SCHEMA", "label", "a text"),
        ({"chosen": "a", "rejected": "b"}, "preference", "ROW-SCHEMA", "prompt", "nothing"),
        ({"instruction": None, "output": "a"}, "prompt_completion", "ROW-SCHEMA", "instruction", "null"),
        ({"instruction": "i", "output": "a", "system": "s"}, "prompt_completion", "ROW-SCHEMA", "system", "system"),
        ({"context": "c", "question": "q", "answers": [{"text": "c", "answer_start": -1}]}, "prompt_completion",
         "ROW-SCHEMA", "answers[0].answer_start", "a number"),
    ],
)  # fmt: skip
def test_what_cannot_be_shaped_is_named_by_field_kind_and_what_is_valid(
    value: dict[str, Any], format: Format, code: str, field: str, found: str
) -> None:
    verdict = refused(value, format)
    assert (verdict.code, verdict.evidence["field"]) == (code, field)
    assert found in verdict.evidence["found"]
    assert verdict.evidence["valid"]


MARK = "a long text that must never be quoted"
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 9),
    st.sampled_from([MARK, "", "user", "gpt", "tool", '{"name": "f"}', "[]"]),
)
WORDS = """
    role content from value text prompt completion messages conversations chosen rejected label tools tool_calls
    function name arguments weight instruction input output system history context question answers answer_start
    preferred_output non_preferred_output document type
"""
KEYS = st.sampled_from(WORDS.split())
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5))


@given(st.dictionaries(KEYS, VALUES, max_size=7), st.sampled_from(FORMATS), st.sampled_from([None, *SHAPES]))
def test_any_row_is_shaped_or_refused_without_being_quoted(
    value: dict[str, Any], format: Format, shape: str | None
) -> None:
    found = to_content(value, format, rows(shape=shape))
    if isinstance(found, Verdict):
        assert found.code in ("ROW-SCHEMA", "ROW-ROLE")
        assert MARK not in json.dumps(found.evidence)
    else:
        assert set(COLUMNS[format]) <= found.content.keys() <= {*COLUMNS[format], "tools"}
        canonical_json(found.content)
        parts_of(format, found.content, found.passage)


@given(st.text("ab", min_size=1, max_size=3), st.text("ab", max_size=40), st.integers(0, 45))
def test_the_occurrence_nearest_to_the_stated_place_is_taken(quotation: str, text: str, stated: int) -> None:
    places = [at for at in range(len(text)) if text.startswith(quotation, at)]
    near = sorted(places, key=lambda at: abs(at - stated))
    found = locate(quotation, text, stated)
    if not places:
        assert found.fault == MISSING
    elif len(near) > 1 and near[0] != stated and abs(near[0] - stated) == abs(near[1] - stated):
        assert (found.fault, found.start) == (AMBIGUOUS, None)
    else:
        assert found.start == near[0]
        assert found.transform == (None if near[0] == stated else f"span-moved:{near[0] - stated:+d}")
    alone = locate(quotation, text, None)
    assert alone.start == (places[0] if len(places) == 1 else None)


def _read(file: Path) -> list[dict[str, Any]]:
    if file.suffix == ".csv":
        with file.open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))
    text = file.read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()] if file.suffix == ".jsonl" else json.loads(text)


@pytest.mark.parametrize(
    ("name", "format", "settings", "count"),
    [
        ("alpaca_en_demo.json", "prompt_completion", {}, 999),
        ("alpaca_en_demo.json", "conversational", {}, 999),
        ("kto_en_demo.json", "unpaired_preference", {}, 300),
        ("glaive_toolcall_en_demo.json", "conversational", {}, 300),
        ("v1_sft_demo.jsonl", "conversational", {}, 500),
        ("preference_pairs.json", "preference", {}, 1100),
        ("gsm8k_train.jsonl", "prompt_completion", {"columns": {"prompt": "question", "completion": "answer"}}, 7473),
        ("gsm8k_test.jsonl", "conversational", {"columns": {"prompt": "question", "completion": "answer"}}, 1319),
        ("banking77_train.csv", "prompt_completion", {"columns": {"prompt": "text", "completion": "category"}}, 10003),
    ],
)
def test_public_rows_all_fit_their_natural_format(
    public_data: Path, name: str, format: Format, settings: dict[str, Any], count: int
) -> None:
    declared = rows(**settings)
    found = [to_content(value, format, declared) for value in _read(public_data / "finetune" / name)]
    assert Counter(type(one).__name__ for one in found) == {"Shaped": count}


def test_of_the_public_passages_1146_places_are_exact_and_234_are_mended(public_data: Path) -> None:
    documents = _read(public_data / "finetune" / "covid_qa.json")["data"]  # type: ignore[call-overload]
    values = [
        {"document": passage["document_id"], "context": passage["context"], **question}
        for document in documents
        for passage in document["paragraphs"]
        for question in passage["qas"]
    ]
    moved: Counter[str] = Counter()
    for value in values:
        one = shaped(value, "prompt_completion")
        assert one.answer_text is not None
        assert one.passage is not None
        located = locate(one.answer_text, one.passage, one.start)
        assert located.fault is None
        moved[located.transform or "exact"] += 1
    assert moved == {"exact": 1146, "span-moved:-1": 196, "span-moved:+3": 28, "span-moved:+2": 10}
