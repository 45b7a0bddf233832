"""Words as the index holds them: what is typed in one way and written in another meets, and what differs does not."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.tasks.text.words.analysis import LONGEST_TERM, MOST_TERMS, index_terms, question_terms
from freshet.tasks.text.words.compounds import split_compound
from freshet.tasks.text.words.language import Spoken, language_of_text, languages_of_question
from freshet.tasks.text.words.stemming import LANGUAGES

TEXTS = st.text(
    st.one_of(st.sampled_from("abcXYZ019 .,-_'/#+§€%()年假출장שлأé\u00ad\u200b\u00a0"), st.characters()), max_size=60
)

MEETING = [
    ("en", "The controller shows ERR-4042.", ["ERR-4042", "ERR4042", "err 4042"]),
    ("en", "The controller shows ERR-4042.", ["ＥＲＲ－４０４２", "ERR‑4042", "\u200bERR-4042"]),
    ("en", "Call getUserName on the session.", ["getUserName", "get user name", "getusername", "get_user_name"]),
    ("en", "The value max_retry_count says how often.", ["max_retry_count", "maxRetryCount"]),
    ("en", "The value max_retry_count says how often.", ["max retry count", "retry\xadcount"]),
    ("en", "It fits AB-1234/5 only.", ["AB-1234/5", "AB1234/5"]),
    ("en", "Release 3.11.7 repairs it.", ["3.11.7", "v3.11.7", "3.11"]),
    ("en", "The limit is €28,000.", ["28000", "28,000", "28.000 €", "28\xa0000", "28'000"]),
    ("en", "In C# we indent.", ["C#", "c#"]),
    ("en", "Ask the IT department.", ["IT"]),
    ("en", "The WHO recommends it.", ["WHO"]),
    ("en", "Under § 17(3)(b) it is granted.", ["§ 17(3)(b)", "section 17", "17(3)(b)"]),
    ("en", "Use --dry-run first.", ["--dry-run", "dry run", "dryrun"]),
    ("en", "A re-entry permit, a lock-out.", ["reentry", "re entry", "lockout"]),
    ("en", "See /var/log/alder/worker.log.", ["/var/log/alder/worker.log", "worker.log", "alder"]),
    ("en", "Runs on .NET and HTTPServer.", [".NET", "http server", "httpserver"]),
    ("en", "The dog's leave.", ["dog", "dogs", "leaves"]),
    (
        "en",
        "Digest 60303ae22b998861bce3b28f33eec1be758a213c.",
        ["60303ae22b99"],
    ),
    ("en", "Digest 60303ae22b998861bce3b28f33eec1be758a213c.", ["60303ae"]),
    ("de", "Der Datenschutzbeauftragte.", ["Datenschutz", "Beauftragter", "datenschutzbeauftragter"]),
    ("de", "In den Mietshäusern.", ["Mietshaus", "Mietshäuser"]),
    ("de", "Die Weißenburger Straße.", ["Weissenburger Strasse"]),
    ("fr", "Des congés payés.", ["conges payes", "congé payé"]),
    ("ru", "Сотрудники имеют право на отпуск.", ["отпуска", "сотрудников"]),
    ("ar", "الإجازات السنوية", ["الإجازة", "إجازة"]),
    ("zh", "员工每年享有带薪年假", ["年假", "带薪年假"]),
    ("ja", "出張の宿泊費は一泊", ["宿泊費"]),
    ("ko", "연차휴가는 매년", ["휴가"]),
    ("th", "พนักงานมีสิทธิลาพักร้อน", ["ลาพักร้อน"]),
]


@pytest.mark.parametrize(
    ("language", "text", "asked"), [(one, text, asked) for one, text, all_asked in MEETING for asked in all_asked]
)
def test_a_question_meets_what_is_written_another_way(language: str, text: str, asked: str) -> None:
    assert set(question_terms(asked, [language])) & set(index_terms(text, language))


@pytest.mark.parametrize(
    ("language", "text", "asked"),
    [
        ("en", "In C++ we indent.", "C#"),
        ("en", "Who is in?", "WHO"),
        ("en", "It was late.", "IT"),
        ("en", "Meter 417.", "00417"),
        ("en", "The limit is 82,000.", "28,000"),
        ("en", "The error is ERR-4043.", "4042"),
        ("en", "Release 3.11.8.", "3.11.7"),
        ("zh", "病假规定", "年假"),
        ("en", "The house.", "the of and"),
        ("en", "The house.", "😀 ? --- \u200b"),
    ],
)
def test_what_differs_does_not_meet_by_what_tells_it_apart(language: str, text: str, asked: str) -> None:
    exact = [term for term in question_terms(asked, [language]) if term not in ("en:c", "c", "3", "11", "3.11", "err")]
    assert not set(exact) & set(index_terms(text, language))


@given(text=TEXTS, language=st.sampled_from([*LANGUAGES, "zh", ""]))
def test_every_passage_that_is_quoted_whole_is_found_by_all_its_terms(text: str, language: str) -> None:
    indexed = list(index_terms(text, language))
    assert set(question_terms(text, [language])) == set(indexed)
    assert all(0 < len(term) <= LONGEST_TERM and not any(char.isspace() for char in term) for term in indexed)


@given(text=TEXTS, language=st.sampled_from([*LANGUAGES, "zh", ""]))
def test_how_characters_are_composed_makes_no_difference(text: str, language: str) -> None:
    forms = [unicodedata.normalize(form, text) for form in ("NFC", "NFD")]
    assert list(index_terms(forms[0], language)) == list(index_terms(forms[1], language))


@given(parts=st.lists(TEXTS, max_size=4), language=st.sampled_from(["en", "de", "zh", ""]))
def test_the_terms_of_a_text_are_those_of_its_parts(parts: list[str], language: str) -> None:
    joined = list(index_terms("\n".join(parts), language))
    assert joined == [term for part in parts for term in index_terms(part, language)]


def test_a_question_has_a_bound() -> None:
    assert len(question_terms(" ".join(f"word{number}" for number in range(5000)), ["en"])) == MOST_TERMS
    assert question_terms("retry " * 3000, ["en"]) == ["retri"]


def test_no_word_of_another_language_is_split_as_german() -> None:
    assert split_compound("datenschutzbeauftragter", "de") == ("datenschutz", "beauftragter")
    assert split_compound("datenschutzbeauftragter", "en") == ()
    assert split_compound("haus", "de") == ()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The seal of the pump has a part number and fits all pumps of the second series made since then.", "en"),
        ("Der Datenschutzbeauftragte der Genossenschaft ist Herr Albers. Er sitzt im zweiten Stock des Altbaus.", "de"),
        (
            "员工每年享有二十五天带薪年假，未使用的年假可以结转到次年三月底之前使用。员工生病时应在上午九点之前通知主管。",
            "zh",
        ),
        ("Отпуск", "ru"),
        ("Meter 417", "en"),
        ("12,5", ""),
    ],
)
def test_a_text_says_which_language_it_is_in_or_its_script_does(text: str, language: str) -> None:
    assert language_of_text(text) == language


def test_a_question_is_looked_for_in_its_own_language_or_in_those_of_most_texts() -> None:
    spoken = Spoken(("de", "en"), ("nl", "ru"))
    assert languages_of_question("How long is the parental leave of the staff?", spoken) == ["en"]
    assert languages_of_question("Wie lange dauert die Elternzeit der Beschäftigten?", spoken) == ["de"]
    assert languages_of_question("Albers 2018", spoken) == ["de", "en"]
    assert languages_of_question("отпуска", spoken) == ["de", "en", "ru"]
    assert languages_of_question("anything at all", Spoken(("en",))) == ["en"]
    assert languages_of_question("anything at all", Spoken(())) == []
