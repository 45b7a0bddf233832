"""A model is said not to know a question's language only where that is certain."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.tasks.search.languages import known_languages, knows

ENGLISH = frozenset({"en"})


@pytest.mark.parametrize(
    ("question", "languages"),
    [
        ("产假有多长时间？", "zh ja"),
        ("育児休暇はどのくらいですか", "ja"),
        ("육아 휴직은 얼마나 되나요?", "ko"),
        ("Сколько длится отпуск по уходу?", "ru uk bg"),
        ("كم مدة إجازة الأبوة؟", "ar fa"),
        ("Πόσο διαρκεί η γονική άδεια;", "el"),
        ("การลาเลี้ยงดูบุตรนานเท่าไร", "th"),
        ("माता-पिता की छुट्टी कितनी लंबी है?", "hi mr"),
        ("כמה זמן נמשכת חופשת הורות?", "he"),
        ("Wie lange dauert die Elternzeit für neue Mitarbeiter?", "de"),
        ("¿Cuánto tiempo tengo para presentar los gastos de viaje?", "es"),
        ("Combien de temps dure le congé parental dans cette entreprise ?", "fr"),
    ],
)
def test_a_language_is_told_by_letters_or_by_words(question: str, languages: str) -> None:
    assert not knows(ENGLISH, question)
    for language in languages.split():
        assert knows({"en", language}, question), language
    assert knows(None, question)


@pytest.mark.parametrize(
    "question",
    [
        "How long is parental leave?", "reset password", "ERR-4042", "getUserName", "§ 17(3)", "7", "?", "C#",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "µ and α in the α-helix", "Σ 10",
        "What does 产假 mean in the handbook?", "What are malum prohibitum considerations?", "café résumé",
    ],
)  # fmt: skip
def test_what_may_be_english_is_taken_for_english(question: str) -> None:
    assert knows(ENGLISH, question)


@given(st.text(max_size=200), st.sets(st.sampled_from(["de", "en", "ja", "zh"])))
def test_a_model_that_knows_more_knows_no_question_less(question: str, known: set[str]) -> None:
    assert not knows(known, question) or knows({*known, "fr"}, question)
    assert knows(None, question)


@given(st.text(alphabet="产假有多长时间员工报销", min_size=1, max_size=50))
def test_chinese_is_never_taken_for_english(question: str) -> None:
    assert not knows(ENGLISH, question)


def test_a_folder_says_which_languages_its_model_knows(tmp_path: Path) -> None:
    def said(card: str | None) -> frozenset[str] | None:
        known_languages.cache_clear()
        if card is None:
            (tmp_path / "README.md").unlink(missing_ok=True)
        else:
            (tmp_path / "README.md").write_text(card, "utf-8")
        return known_languages(".", tmp_path)

    assert said("---\nlanguage: en\nlicense: mit\n---\n# A model") == {"en"}
    assert said("---\nlanguage:\n- de\n- no\n- zh-Hans\n---\n") == {"de", "no", "zh"}
    for nothing in (None, "", "# A model", "---\nlanguage: multilingual\n---\n", "---\n: [\n---\n", "---\n- en\n---\n",
                    "---\nlanguage: 5\n---\n", "---\nlicense: mit\n---\nlanguage: en"):  # fmt: skip
        assert said(nothing) is None, nothing


def test_models_that_are_named_are_known(tmp_path: Path) -> None:
    assert known_languages("bundled", tmp_path) == ENGLISH
    assert known_languages("multilingual-e5-small", tmp_path) is None
    assert known_languages("no-such-team/no-such-model", tmp_path) is None
