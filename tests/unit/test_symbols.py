"""Which symbols tell texts apart, and which are punctuation."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freshet.tasks.text.normal_forms import normal_forms
from freshet.tasks.text.normalise import tokens
from freshet.tasks.text.symbols import normalise_with_symbols


@pytest.mark.parametrize(
    "texts",
    [
        ["Is 3 > 2?", "Is 3 < 2?", "Is 3 = 2?", "Is 3 ≥ 2?", "Is 3 2?"],
        ["5 + 3", "5 * 3", "5 - 3", "5 / 3", "5 % 3", "5 ^ 3", "5 × 3", "5 ÷ 3", "5 ** 3", "5, 3"],
        ["$5", "€5", "£5", "5", "5%", "5‰", "5°", "-5", "~5", "±5", "#5", "5!"],
        ["a == b", "a != b", "a = b", "a === b", "a !== b", "a <= b", "a -= b", "a += b"],
        ["x^2", "x*2", "x-2", "x/2", "x2", "x 2"],
        ["C++", "C#", "C"],
        ["C++ is old", "C# is old", "C is old"],
        ["What is -x?", "What is x?", "What is !x?"],
        ["What is -$5?", "What is $5?", "What is -€5?", "What is €5?"],
        ["(5 + 3) * 2", "5 + (3 * 2)", "5 + 3 * 2"],
        ["5(3 + 2)", "5 - (3 + 2)", "-5(3 + 2)"],
        ["if (!done) stop", "if (done) stop"],
        ["a && b", "a || b", "a & b", "a | b", "a b"],
        ["3.5", "35", "3 5", ".35"],
        ["1.000", "1,000", "1000"],
        ["10²", "102", "10³"],
        ["x - y", "x + y", "x, y"],
        ["A -> B", "A > B", "A B", "A → B"],
        ["5*-3", "5-3", "5+-3"],
        ["A ∪ B", "A ∩ B", "A B"],
        ["A ∪ B – C", "A ∩ B – C"],
    ],
)
def test_symbols_with_a_meaning_tell_texts_apart(texts: list[str]) -> None:
    for forms in ([normalise_with_symbols(text) for text in texts], _many(texts)):
        assert len(set(forms)) == len(texts), forms


@pytest.mark.parametrize(
    "texts",
    [
        ["5+3", "5 + 3", " 5  +  3. "],
        ["5-3", "5 - 3", "5 – 3", "5−3", "(5 - 3)"],
        ["5*3", "5 * 3", "5·3"],
        ["2**3", "2 ** 3"],
        ["x=-5", "x = -5", "x = −5?"],
        ["10²", "10^2", "10 ^ 2"],
        ["1,000", "1 000"],
        ["“Who” — she asked…", '"Who" - she asked...', "Who she asked", "‘Who’, she asked!", "who -- she asked"],
        ["It's a well-known (old) book.", "it’s a well–known [old] book", "it s a well known old book"],
        ["**Note:** read *this* `now`", "Note: read this now", "*Note*: (read *this*) now!"],
        ["- one\n- two", "* one\n* two", "+ one\n  + two", "• one\n• two", "one two"],
        ["# Title\n\nText", "## Title\r\nText", "Title\n---\nText", "> - Title\n> > Text", "Title Text"],
        ["COVID-19 in the mid-1990s", "COVID 19 in the mid 1990s", "COVID–19, in the mid–1990s"],
        ["End of No.5", "End of No. 5"],
        ["Really?!", "really", "REALLY!!!", "“really”"],
        ["ﬁle — one", "file: one"],
    ],
)  # fmt: skip
def test_punctuation_typography_and_markdown_do_not(texts: list[str]) -> None:
    for forms in ([normalise_with_symbols(text) for text in texts], _many(texts)):
        assert len(set(forms)) == 1, forms


def test_a_symbol_is_part_of_the_word_behind_it_and_a_text_without_a_word_has_no_form() -> None:
    assert normalise_with_symbols("Is 3 > 2 in C#?") == "is 3 >2 in c #"
    assert [normalise_with_symbols(text) for text in ("", "?!", "+", "<=>", ">:(", "€", "- *")] == [""] * 7
    assert _many(["", "?!", "+", "<=>", ">:(", "€", "- *"]) == [""] * 7


def _many(texts: list[str]) -> list[str]:
    forms = normal_forms(pa.array(texts, pa.string()), symbols=True)
    return [" ".join(forms.words_of(number)) for number in range(len(texts))]


_PIECES = [*"$+<=>|~%&/@#^*-.!()*-.!()  \t\n\r_aBcxy0123,:'\"[]\\`?\x00", "ab", "12", "word", *"é€×−–²·漢ﬁ½∞\u00a0"]
_ASCII = [piece for piece in _PIECES if piece.isascii()]
_DENSE = st.lists(st.sampled_from(_PIECES), max_size=15) | st.lists(st.sampled_from(_ASCII), max_size=15)
_ANY_TEXT = _DENSE.map("".join) | st.text().map(lambda text: text.encode("utf-8", "ignore").decode())


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(_ANY_TEXT, st.none() | _ANY_TEXT), max_size=12), st.integers(0, 3))
def test_forms_of_many_texts_are_those_of_each(rows: list[tuple[str, str | None]], skipped: int) -> None:
    columns = [pa.array([row[side] for row in rows], pa.string()).slice(skipped) for side in (0, 1)]
    forms = normal_forms(*columns, symbols=True)
    texts = [text or "" for row in rows[skipped:] for text in row]
    assert len(forms.bounds) == len(texts) + 1
    assert len(forms.data) == forms.bounds[-1]
    for number, text in enumerate(texts):
        expected = "".join(f"{word} " for word in normalise_with_symbols(text).split(" ") if word)
        assert forms.form(number).decode() == expected
        assert forms.word_counts()[number] == expected.count(" ")


@settings(max_examples=300, deadline=None)
@given(_DENSE.map("".join))
def test_no_word_is_lost_or_moved(text: str) -> None:
    text = text.replace("²", "2")  # a raised digit is a word of its own
    assert re.findall(r"\w+", normalise_with_symbols(text)) == tokens(text)


_OPERATORS = ["+", "-", "*", "**", "/", "%", "^", "<", ">", "<=", ">=", "==", "!=", "|", "&", "×", "÷", "≠", "→"]


@given(st.integers(0, 10**6), st.sampled_from(_OPERATORS), st.sampled_from(_OPERATORS), st.integers(0, 10**6))
def test_operators_tell_apart_and_blanks_around_them_do_not(one: int, first: str, second: str, other: int) -> None:
    tight, apart = (normalise_with_symbols(f"{one}{blank}{first}{blank}{other}") for blank in ("", " "))
    assert tight == apart
    assert (tight == normalise_with_symbols(f"{one} {second} {other}")) == (first == second)


_WRAPS = ["{}", '"{}"', "“{}”", "*{}*", "**{}**", "({})", "`{}`", "{},", "{}.", "{}?", "— {}", "{}!", "[{}]", "\n- {}"]
_NOUNS = st.sampled_from(["apple", "Birne", "größe", "don't", "no one"])


@given(st.lists(st.tuples(st.sampled_from(_WRAPS), _NOUNS), min_size=1, max_size=8))
def test_decorated_words_are_the_words(wrapped: list[tuple[str, str]]) -> None:
    decorated, plain = (" ".join(wrap.format(word) for wrap, word in wrapped), " ".join(word for _, word in wrapped))
    assert normalise_with_symbols(decorated) == normalise_with_symbols(plain)
    assert _many([decorated]) == _many([plain])


@pytest.mark.parametrize("text", ["  *", " " * 20 + "-", "*", "- ", "> -", "(", "1)+", "\n\n", "!", "+ ", "-- "])
def test_a_text_of_nothing_but_symbols_does_not_hang(text: str) -> None:
    long = f"{text * (200_000 // len(text))} x"
    assert normal_forms(pa.array([long]), symbols=True).word_counts()[0] >= 1
    assert normalise_with_symbols(f"{long} é")
