"""What is a question, and what is none: in any script, wherever one is asked."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.tasks.errors import SettingsError
from freshet.tasks.search.questions import LONGEST_QUESTION, check_question

NONE = [
    "", " ", "\n\t", "?", "???", "*", "***", "…", "-", "—", "_", "😀", "😀 🎉!", "👍🏽", "👨‍👩‍👧", "🇩🇪", "ℹ️", "1️⃣", "%",
    "#", "++", "(){}[]", "™", "→", "\u200b", "\u200b\u200d", "\u3164", "¿?", "。", "،", "؟",
]  # fmt: skip
SOME = [
    "C#", "C++", "§", "§ 17(3)", "100 %", "5%", "½", "²", "x", "7", "?a", "leave 😀", "休暇", "ลา", "إجازة", "छुट्टी",
    "отпуск", "٣", "十", "ß", "e\u0301",
]  # fmt: skip


@pytest.mark.parametrize("text", NONE)
def test_what_holds_no_letter_and_no_digit_is_no_question(text: str) -> None:
    with pytest.raises(SettingsError, match=r"empty|no letter and no digit") as raised:
        check_question(text)
    assert raised.value.mend


@pytest.mark.parametrize("text", SOME)
def test_a_letter_a_digit_or_a_paragraph_sign_makes_a_question(text: str) -> None:
    check_question(text)


@given(
    said=st.text(st.characters(categories=["L", "N"], exclude_characters="\u115f\u1160\u3164\uffa0"), min_size=1),
    beside=st.text(st.characters(categories=["P", "S", "Zs"]), max_size=5),
)
def test_letters_and_digits_of_any_script_are_a_question_whatever_stands_beside_them(said: str, beside: str) -> None:
    check_question((beside + said + beside)[:LONGEST_QUESTION])


@given(st.text(st.characters(categories=["P", "Zs", "Cc", "Cf", "So", "Sk", "Sm", "Sc"], exclude_characters="§")))
def test_nothing_but_punctuation_and_symbols_is_no_question(text: str) -> None:
    if any(unicodedata.numeric(one, None) is not None for one in text):  # a number in a circle is a number
        return
    if any(one.isalnum() for one in text):
        return
    with pytest.raises(SettingsError):
        check_question(text)
