"""Sentences out of a model's text, wherever that is cut into pieces and whatever it holds."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from freshet.tasks.answers.stream import Drafted, SentenceStream

KEYS = ("k3f", "k9q")

PARTS = (
    "It is 5", ". ", ".", "\n", "\n\n", " ", "  ", "[k3f]", "[k9q, k3f]", "[", "]", "(", ")", "【k3f†source】",
    "<k3f>", "k3f",
    "K3F", "k", "[1]", "[k0x]", "[sic]", "Dr. Ames", "e.g. ", "No. 5", "Source: ", "source", "S", "Sources:\n", "- ",
    "1. ", "12",
    "# ", "| a | b |", "|---|", "```", "```py\n", "~~~", "`", "**", "*", "> ", "<b>", "<!--", "![a](http://x/?q)",
    "](", "。",
    "下", "」", "!", "?\"", "…", "NO ANSWER", "\r\n", "\x1b[2J", "\x00", "\u200b", "\u202e", "\\[k3f\\]",
    "[[k3f]](http://x)",
    "é", "\ud800", "According to [k3f], ", "\t", "    x = y[1]",
)  # fmt: skip


def read(pieces: list[str]) -> tuple[list[Drafted], bool]:
    stream = SentenceStream(KEYS)
    found = [one for piece in pieces for one in stream.feed(piece)]
    return found + stream.close(), stream.declined


def texts(text: str) -> list[str]:
    return [one.text for one in read([text])[0]]


@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(PARTS) | st.text(max_size=3), max_size=25), st.lists(st.integers(0, 200), max_size=12))
def test_where_a_text_is_cut_into_pieces_changes_nothing(parts: list[str], cuts: list[int]) -> None:
    text = "".join(parts)
    edges = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    whole = read([text])
    assert read([text[start:end] for start, end in pairwise(edges)]) == whole
    assert read(list(text)) == whole


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PARTS) | st.text(max_size=3), max_size=25))
@example(["!", "!", "[", "It is 5"])
@example(["!", "**", "[", "It is 5"])
@example(["<", "**", "b", ">", " is 5"])
def test_nothing_that_is_given_out_can_be_rendered_or_steers_a_terminal(parts: list[str]) -> None:
    drafted, _ = read(["".join(parts)])
    for one in drafted:
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]|!\[|\]\(|<[A-Za-z/!?]", one.text)
        assert "\n" not in one.text
        assert set(one.keys) <= set(KEYS)
        assert len(one.text) < 1_400
    joined = " ".join(one.text for one in drafted)
    assert not re.search(r"!\[|\]\(|<[A-Za-z/!?]", joined)


def test_a_sentence_is_given_out_once_the_next_has_begun() -> None:
    stream = SentenceStream(KEYS)
    assert stream.feed("It is 5.") == []
    assert stream.feed(" [k") == []
    assert stream.feed("3f]") == []
    assert stream.feed(" N") == [Drafted("It is 5.", ("k3f",), 0)]
    assert stream.feed("ext") == []
    assert stream.close() == [Drafted("Next", (), 0)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Dr. Ames came. He left. See No. 5 there.", ["Dr. Ames came.", "He left.", "See No. 5 there."]),
        ("It is 1.5 m. e.g. a pump. Next", ["It is 1.5 m. e.g. a pump.", "Next"]),
        ("One line\nand its rest. Two.", ["One line and its rest.", "Two."]),
        ("One\n\nTwo", ["One", "Two"]),
        ("- one. And more\n- two\n* three\n1. four\n2) five", ["- one.", "And more", "- two", "* three", "1. four",
        "2) five"]),
        ("  - deep\n    goes on\n", ["- deep goes on"]),
        ("# Leave\nIt is 5.\n## Sick leave\n", ["Leave", "It is 5.", "Sick leave"]),
        ("**Leave**\nIt is **5** days.", ["Leave", "It is 5 days."]),
        ("| a | b. C |\n|:--|--:|\n| 1 | 2 |", ["a | b. C", "1 | 2"]),
        ("See:\n```py\nif a:\n    b = 1. \n\n```\nDone", ["See:", "if a:", "    b = 1.", "Done"]),
        ("> one\n> two. Three", ["one two.", "Three"]),
        ("One.\n---\nTwo.", ["One.", "Two."]),
        ("One\n===\nTwo. Three", ["One", "Two.", "Three"]),
        ("2026 was dry. 5 days", ["2026 was dry.", "5 days"]),
        ("今天。明天！「后天。」好", ["今天。", "明天！", "「后天。」", "好"]),
        ("Say (it. And so) on. Yes", ["Say (it.", "And so) on.", "Yes"]),
        ("Some sense. So it is. S", ["Some sense.", "So it is.", "S"]),
        ("It is. Source water is clean.", ["It is.", "Source water is clean."]),
        ("", []),
        (" \n\n . - \n", []),
    ],
)  # fmt: skip
def test_sentences_lines_and_items_are_told_apart(text: str, found: list[str]) -> None:
    assert texts(text) == found


@pytest.mark.parametrize(
    ("text", "declined"),
    [
        ("NO ANSWER", True), ("NO ANSWER.", True), (" **NO ANSWER**\n", True), ("`NO ANSWER`", True),
        ("No answer.", True),
        ("NO ANSWER [k3f]", True), ("NO ANSWER\n\nNO ANSWER", True), ("", False), ("NO ANSWER. It is 5.", False),
        ("It is 5. NO ANSWER", False), ("There is NO ANSWER to it.", False),
    ],
)  # fmt: skip
def test_the_marker_alone_declines_and_is_never_a_sentence(text: str, declined: bool) -> None:
    found, said = read([text])
    assert said is declined
    assert all(one.text != "NO ANSWER" for one in found)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("See ![a chart](http://evil/?q=secret) there", "See a chart there"),
        ("See [the page](http://evil 'title') there", "See the page there"),
        ("See [the page](http://evil/a(b)) there", "See the page there"),
        ("See <https://a.example/x> there", "See https://a.example/x there"),
        ("a <b>bold</b><br/> <img src=x onerror=alert(1)> b", "a bold b"),
        ("a <script>alert(1)</script> b", "a alert(1) b"),
        ("a <scr<b>ipt> b", "a < script> b"),
        ("a <!-- hidden --> b", "a b"),
        ("a List<String> and 1 < 2", "a List< String> and 1 < 2"),
        ("red \x1b[31mred\x07 x\u200by \u202eabc", "red [31mred xy abc"),
        ("![a][ref] b", "[a][ref] b"),
        ("[ref]: http://evil/x.png", "[ref] : http://evil/x.png"),
    ],
)
def test_markup_is_taken_out_or_broken(text: str, found: str) -> None:
    assert texts(text) == [found]


def test_markup_does_not_come_together_again_out_of_two_sentences() -> None:
    assert texts("[See this. And that](http://evil)") == ["[See this.", "And that] (http://evil)"]
    assert texts('<img alt="a. B" src=x>') == ['< img alt="a.', 'B" src=x>']


def test_a_text_without_an_end_is_cut_between_words() -> None:
    found = texts("word " * 2_000)
    assert len(found) > 5
    assert all(set(one.split()) == {"word"} and len(one) <= 1_200 for one in found)
    assert sum(len(one.split()) for one in found) == 2_000
    assert "".join(texts("x" * 5_000)) == "x" * 5_000


@pytest.mark.parametrize("piece", ["word ", "[k3f] ", "(", "x", "\n", "[a ", "k3f"])
def test_little_is_held_of_a_long_text_without_an_end(piece: str) -> None:
    stream = SentenceStream(KEYS)
    for _ in range(30):
        stream.feed(piece * 1_000)
        state = [*vars(stream).values(), *vars(vars(stream)["_scanner"]).values()]
        held = sum(len(value) for value in state if isinstance(value, str | list | dict))
        assert held < 2_000
