"""Normal form, personal data and secrets, over every text of an example."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freshet.tasks.datasets.shapes.normalise import normal_text, normalise_content
from freshet.tasks.datasets.shapes.redaction import clear, personal_data
from freshet.tasks.datasets.shapes.texts import TextKind, all_texts
from freshet.tasks.settings.datasets import Checks
from freshet.tasks.text.invisible import find_invisible
from freshet.tasks.text.personal_data import find_personal_data

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
EMAIL = "ada@gov.uk"
PASSWORD = 'password = "Xk7!qP2z9#Lm"'


@pytest.mark.parametrize(
    ("text", "normal", "names"),
    [
        ("plain\ttext\nof two lines", "plain\ttext\nof two lines", []),
        ("cafe\u0301", "café", ["nfc"]),
        ("a\r\nb\rc\u2028d\x85e", "a\nb\nc\nd\ne", ["line-ends"]),
        ("a\x00b\x07\x7fc\x9b", "abc", ["control-characters"]),
        ("\ufeffa\u200bb\u2060c", "abc", ["zero-width"]),
        ("a \t\n ", "a", ["trailing-space"]),
        (f"a {FAMILY} b", f"a {FAMILY} b", []),
        ("می\u200cخواهم", "می\u200cخواهم", []),
        ("a \u200b", "a", ["trailing-space", "zero-width"]),
        ("e\u200b\u0301", "é", ["nfc", "zero-width"]),
        ("admin\u202etxt", "admintxt", ["control-characters"]),
        ("e\x00\u0301", "é", ["control-characters", "nfc"]),
        (" \r\n", "", ["line-ends", "trailing-space"]),
    ],
)
def test_each_transform_is_named(text: str, normal: str, names: list[str]) -> None:
    done: set[str] = set()
    assert normal_text(text, "text", done) == normal
    assert sorted(done) == names


ODD = st.text(
    st.one_of(
        st.sampled_from(
            "a e\u0301\r\n\t\x00\x0b\x85\u200b\u200c\u200d\u2060\ufeff\u202e\u2028\u3164\U0001f468\u0645\u0915"
        ),
        st.characters(codec="utf-8"),
    )
)


@given(ODD, st.sampled_from(["text", "border", "data"]))
def test_the_normal_form_is_stable_and_holds_nothing_that_it_removes(text: str, kind: TextKind) -> None:
    done: set[str] = set()
    normal = normal_text(text, kind, done)
    again: set[str] = set()
    assert normal_text(normal, kind, again) == normal
    assert again == set()
    assert (normal == text) == (done == set())
    assert unicodedata.is_normalized("NFC", normal)
    assert find_invisible(normal) == []
    allowed = "\t\n\r\x85" if kind == "data" else "\t\n"
    assert [char for char in normal if unicodedata.category(char) == "Cc" and char not in allowed] == []
    assert kind != "text" or normal == normal.rstrip()


@given(ODD.filter(bool), ODD, ODD)
def test_a_prompt_that_begins_with_its_passage_still_does(passage: str, asked: str, answer: str) -> None:
    content = {"prompt": f"{passage}\n\n{asked}", "completion": answer}
    normal, new_passage, _ = normalise_content(content, passage)
    if new_passage is not None:
        assert normal["prompt"].startswith(new_passage)
    assert normalise_content(normal, new_passage) == (normal, new_passage, set())


def test_texts_are_reached_at_every_depth_and_names_and_values_of_programs_stay() -> None:
    call = {"type": "function", "function": {"name": "split", "arguments": {"by \r": ", ", "of": "a\u200bb"}}}
    content = {
        "messages": [
            {"role": "user", "content": "q ", "name": "ada"},
            {"role": "assistant", "content": "", "tool_calls": [call]},
        ]
    }
    normal, _, names = normalise_content(content, None)
    assert normal["messages"][0] == {"role": "user", "content": "q", "name": "ada"}
    assert normal["messages"][1]["tool_calls"][0]["function"]["arguments"] == {"by \r": ", ", "of": "ab"}
    assert names == {"trailing-space", "zero-width"}


def test_a_plain_prompt_keeps_the_space_before_its_answer() -> None:
    normal, _, names = normalise_content({"prompt": "The sky is ", "completion": "blue "}, None)
    assert normal == {"prompt": "The sky is ", "completion": "blue"}
    assert names == {"trailing-space"}


def test_rows_with_personal_data_and_secrets_are_rejected_by_kind_and_field() -> None:
    cleared = clear({"prompt": f"Write to {EMAIL}", "completion": PASSWORD}, None, Checks())
    assert {one.code: one.evidence for one in cleared.verdicts} == {
        "ROW-SECRET": {"kinds": ["password"], "fields": ["completion"], "places": 1},
        "ROW-PERSONAL": {"kinds": ["email"], "fields": ["prompt"], "places": 1},
    }


def test_redacting_marks_every_place_out_by_its_kind() -> None:
    call = {"type": "function", "function": {"name": "mail", "arguments": {"to": [EMAIL]}}}
    content = {"messages": [{"role": "assistant", "content": f"{EMAIL}, {PASSWORD}", "tool_calls": [call]}]}
    cleared = clear(content, None, Checks(personal_data="redact", secrets="redact"))
    assert cleared.verdicts == []
    assert cleared.transforms == {"redacted:email", "redacted:password"}
    message = cleared.content["messages"][0]
    assert message["content"] == '[EMAIL], password = "[PASSWORD]"'
    assert message["tool_calls"][0]["function"]["arguments"] == {"to": ["[EMAIL]"]}


def test_redacting_reaches_the_passage_and_keeps_it_before_the_prompt() -> None:
    passage = f"Ask {EMAIL}."
    cleared = clear({"prompt": f"{passage}\n\nWho?", "completion": EMAIL}, passage, Checks(personal_data="redact"))
    assert cleared.content == {"prompt": "Ask [EMAIL].\n\nWho?", "completion": "[EMAIL]"}
    assert cleared.passage == "Ask [EMAIL]."


def test_what_stands_in_a_name_cannot_be_marked_out_and_is_rejected() -> None:
    call = {"type": "function", "function": {"name": "mail", "arguments": {EMAIL: 1}}}
    content = {"messages": [{"role": "assistant", "content": "", "tool_calls": [call]}]}
    cleared = clear(content, None, Checks(personal_data="redact"))
    assert [one.code for one in cleared.verdicts] == ["ROW-PERSONAL"]
    assert EMAIL not in json.dumps(cleared.verdicts[0].evidence)


def test_what_is_allowed_is_not_looked_for() -> None:
    content = {"prompt": EMAIL, "completion": PASSWORD}
    cleared = clear(content, None, Checks(personal_data="allow", secrets="allow"))
    assert (cleared.content, cleared.verdicts, cleared.transforms) == (content, [], set())


@pytest.mark.parametrize(
    "text",
    [
        "Call 202-555-0143 or +44 20 7946 0958", "SSN 536-90-4399", "card 4539 1488 0343 6467",
        "DE44 5001 0517 5407 3249 31",
        "MT84MALT011000012345MTLCAST001S", "RSSMRA85T10A562S", "HETU 131052-308T", "131052A308T", "BOXW310820HNERXN09",
        "2 55 08 14 168 025 38", "2A5081416802538", "12345678Z", "X1234567L", "756.9217.0769.85", "71.03.03/0009",
        "93.05.18-223.61", "920521-8127", "٣٤٥-٦٧٨-٩٠١٢ tel",
    ],
)  # fmt: skip
def test_the_quick_look_lets_every_kind_of_number_through(text: str) -> None:
    for written in (text, f"x\n{text}\ny", f"see https://e.org/1 {text}"):
        assert list(personal_data(written, ("US", "GB"))) == find_personal_data(written, ("US", "GB"))


NUMBERS = st.text("0123456789 -./()+ABRTXZ@\n", max_size=60)


@settings(max_examples=300)
@given(NUMBERS)
def test_the_quick_look_finds_all_that_the_long_one_finds(text: str) -> None:
    assert list(personal_data(text, ("US",))) == find_personal_data(text, ("US",))


@pytest.mark.parametrize("name", ["alpaca_en_demo.json", "glaive_toolcall_en_demo.json", "kto_en_demo.json"])
def test_the_quick_look_loses_nothing_on_public_rows(public_data: Path, name: str) -> None:
    found = 0
    for value in json.loads((public_data / "finetune" / name).read_text("utf-8")):
        for _, text, _ in all_texts(value):
            findings = find_personal_data(text)
            assert list(personal_data(text, ("US",))) == findings
            found += len(findings)
    assert found or name == "kto_en_demo.json"
