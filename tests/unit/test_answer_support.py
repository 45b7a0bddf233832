"""A sentence of an answer is held against its passages: what is found, and what is let through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from freshet.expectations.rules import RULES
from freshet.tasks.answers.support.judge import Judgement, judge
from freshet.tasks.answers.support.quoting import supporting_span

POLICY = (
    "Travel policy Booking Employees may book flights up to 1,200 euros without approval. Trips that last longer than"
    " 10 days need the written consent of the department head. Requests are submitted between two and four weeks "
    "before departure to travel@example.org, Monday at 14:30 at the latest. The policy has been in force since 3 "
    "March 2021 and was written by Anna Schmidt of the General Services Administration, who called it “a plain and "
    "simple rule”. Contractors are not eligible for reimbursement. Canada has 2.5 million travellers, and 20 % of "
    "them use form S-12. Set max_tokens to 400 where the file takes 10 MB. It is not true that receipts are optional."
    " Smoking is always forbidden. Reports are unavailable on weekends."
)
GERMAN = (
    "Die Reisekosten werden innerhalb von 14 Tagen erstattet. Hunde dürfen nicht in das Büro mitgebracht werden. Der "
    "Antrag ist bei Frau Müller in Köln einzureichen. Der Beitrag beträgt 1.200,50 Euro."
)
TABLE = "| Plan | Price | Storage |\n|---|---|---|\n| Basic | 5 € | 10 GB |\n| Pro | 12.50 € | 1 TB |\n"
CODE = (
    "Run it:\n\n```\nfreshet refresh handbook --full\n```\n\n"
    "- Open the *file*.\n- Choose [Save](https://example.org/a) now.\n"
)
JAPANESE = "新しい規則は2024年4月1日から適用されます。社員は事前に申請する必要があります。"


def codes(sentence: str, *passages: str, cited: Sequence[int] = (0,)) -> list[str]:
    return [finding.code for finding in judge(sentence, passages or (POLICY,), cited).findings]


@pytest.mark.parametrize(
    ("sentence", "code"),
    [
        ("Employees may book flights up to 1,300 euros without approval.", "NUMBER-UNSUPPORTED"),
        ("Employees may book flights up to 12,000 euros without approval.", "NUMBER-UNSUPPORTED"),
        ("Employees may book flights up to 1,200 dollars without approval.", "NUMBER-UNSUPPORTED"),
        ("Employees may book flights up to 10 euros without approval.", "NUMBER-UNSUPPORTED"),
        ("Trips that last longer than 10 weeks need the written consent of the department head.", "NUMBER-UNSUPPORTED"),
        ("Trips that last longer than eleven days need the written consent of the head.", "NUMBER-UNSUPPORTED"),
        ("Trips that last longer than 10 fortnights need the consent of the head.", "NUMBER-UNSUPPORTED"),
        ("Requests are submitted between four and two weeks before departure.", "NUMBER-UNSUPPORTED"),
        ("The file takes 10 GB.", "NUMBER-UNSUPPORTED"),
        ("Canada has 2.5 billion travellers.", "NUMBER-UNSUPPORTED"),
        ("Of the travellers, 25 % use the form.", "NUMBER-UNSUPPORTED"),
        ("The policy has been in force since 4 March 2021.", "DATE-UNSUPPORTED"),
        ("The policy has been in force since 3 May 2021.", "DATE-UNSUPPORTED"),
        ("The policy has been in force since 2022-03-03.", "DATE-UNSUPPORTED"),
        ("Requests are submitted Tuesday at 14:30 at the latest.", "DATE-UNSUPPORTED"),
        ("Requests are submitted Monday at 15:30 at the latest.", "DATE-UNSUPPORTED"),
        ("The policy was written by Anna Meier.", "NAME-UNSUPPORTED"),
        ("The policy was written by Peter Schmidt of the General Services Administration.", "NAME-UNSUPPORTED"),
        ("Brazil has 2.5 million travellers, and 20 % of them use form S-12.", "NAME-UNSUPPORTED"),
        ("The travellers in Canada use form S-13.", "NAME-UNSUPPORTED"),
        ("Set min_tokens to 400 where the file takes 10 MB.", "NAME-UNSUPPORTED"),
        ("Requests are submitted to office@example.org.", "NAME-UNSUPPORTED"),
        ("Anna Schmidt called it “a plain and easy rule”.", "QUOTE-UNSUPPORTED"),
        ("Anna Schmidt called it “a plain rule”.", "QUOTE-UNSUPPORTED"),
        ('The head gives "consent written" to trips.', "QUOTE-UNSUPPORTED"),
        ("Contractors are eligible for reimbursement.", "NEGATION-UNSUPPORTED"),
        ("Employees may not book flights up to 1,200 euros without approval.", "NEGATION-UNSUPPORTED"),
        ("Employees may book flights up to 1,200 euros with approval.", "NEGATION-UNSUPPORTED"),
        ("Employees may only book flights up to 1,200 euros without approval.", "NEGATION-UNSUPPORTED"),
        ("Smoking is never forbidden.", "NEGATION-UNSUPPORTED"),
        ("Reports are available on weekends.", "NEGATION-UNSUPPORTED"),
        ("Receipts are optional.", "NEGATION-UNSUPPORTED"),
        (
            "The policy has been in force since 3 March 2021 and caused heavy protests among farmers.",
            "WORDS-UNSUPPORTED",
        ),
        ("Bananas grow in warm countries.", "WORDS-UNSUPPORTED"),
    ],
)
def test_what_the_passage_does_not_say_is_found(sentence: str, code: str) -> None:
    judged = judge(sentence, [POLICY], [0])
    assert code in [finding.code for finding in judged.findings if finding.severity == "block"]
    assert judged.score < 1


@pytest.mark.parametrize(
    "sentence",
    [
        "Employees may book flights up to €1200 without approval.",
        "Employees may book flights up to 1 200 EUR without approval.",
        "Employees may book flights up to twelve hundred euros without approval.",
        "Trips that last longer than ten days need the written consent of the department head.",
        "Requests are submitted 2 to 4 weeks before departure.",
        "The policy has been in force since March 3, 2021.",
        "The policy has been in force since 2021-03-03.",
        "The policy has been in force since March 2021.",
        "The policy has been in force since 2021.",
        "Requests are submitted Monday at 2:30 pm at the latest.",
        "Anna Schmidt of the GSA wrote the policy.",
        "Of the Canadian travellers, 20 percent use form S-12.",
        "Canada has 2,500,000 travellers.",
        'She called it "a plain and simple rule".',
        "It is “a plain … rule”.",
        "Contractors aren't eligible for reimbursement.",
        "Employees can book flights up to 1,200 euros and need no approval.",
        "On weekends reports are not available.",
        "According to the travel policy, employees may book flights up to 1,200 euros.",
        "The department head must consent in writing to trips longer than ten days.",
    ],
)
def test_what_the_passage_says_in_other_words_is_not_accused(sentence: str) -> None:
    assert set(codes(sentence)) <= {"SUPPORT-UNJUDGED"}


@pytest.mark.parametrize(
    ("sentence", "passage", "found"),
    [
        ("Reisekosten werden in 14 Tagen erstattet.", GERMAN, None),
        ("Der Beitrag beträgt 1200,50 €.", GERMAN, None),
        ("Reisekosten werden in 14 Wochen erstattet.", GERMAN, "NUMBER-UNSUPPORTED"),
        ("Hunde dürfen in das Büro mitgebracht werden.", GERMAN, "NEGATION-UNSUPPORTED"),
        ("Der Antrag ist bei Frau Meier in Köln einzureichen.", GERMAN, "NAME-UNSUPPORTED"),
        ("Ce droit est accordé aux salariés.", "Ce droit n'est pas accordé aux salariés.", "NEGATION-UNSUPPORTED"),
        ("El permiso siempre es necesario aquí.", "El permiso nunca es necesario aquí.", "NEGATION-UNSUPPORTED"),
        ("新しい規則は2024年4月1日から適用されます。", JAPANESE, None),
        ("新しい規則は2024年4月2日から適用されます。", JAPANESE, "NUMBER-UNSUPPORTED"),
        ("Basic | 5 € | 10 GB", TABLE, None),
        ("| Pro | 12.50 € | 1 TB |", TABLE, None),
        ("Pro | 13.50 € | 1 TB", TABLE, "NUMBER-UNSUPPORTED"),
        ("freshet refresh handbook --full", CODE, None),
        ("Choose Save now. Open the file.", CODE, None),
        ("Choose [Save](https://example.org/a) now.", CODE, None),
    ],
)
def test_other_languages_tables_lists_and_code(sentence: str, passage: str, found: str | None) -> None:
    accused = codes(sentence, passage)
    assert found in accused if found else accused == []


def test_rare_ideographs_are_read_one_by_one_as_others_are() -> None:
    from freshet.tasks.answers.support.tokenized import read

    assert read("\U00020bb7野家").words == ["\U00020bb7", "野", "家"]


def test_a_sentence_that_says_it_freely_is_marked_as_unjudged_and_let_through() -> None:
    judged = judge("Reimbursement is not for those who contract, a plain rule.", [POLICY], [0])
    assert [(one.code, one.severity) for one in judged.findings] == [("SUPPORT-UNJUDGED", "warn")]


def test_a_sentence_in_another_passage_than_it_cites_cites_that_one() -> None:
    judged = judge("Die Reisekosten werden innerhalb von 14 Tagen erstattet.", [POLICY, TABLE, GERMAN], [0, 1])
    assert (judged.score, judged.cited) == (1.0, (2,))
    assert [(one.code, one.severity) for one in judged.findings] == [("CITATION-ELSEWHERE", "warn")]
    kept = judge("Die Reisekosten werden innerhalb von 14 Tagen erstattet.", [POLICY, GERMAN], [1])
    assert kept == Judgement(1.0, (), (1,))


def test_a_sentence_that_cites_nothing_cites_what_says_it() -> None:
    judged = judge("Hunde dürfen nicht in das Büro mitgebracht werden.", [POLICY, GERMAN], [])
    assert (judged.cited, [one.code for one in judged.findings]) == ((1,), ["CITATION-MISSING"])
    nowhere = judge("Bananas grow in warm countries.", [POLICY, GERMAN], [])
    assert nowhere.cited == ()
    assert {one.severity for one in nowhere.findings} == {"block"}
    assert judge("Bananas grow in warm countries.", [], []).findings != ()


def test_what_no_passage_says_is_held_against_the_cited_ones() -> None:
    judged = judge("Employees may book flights up to 1,300 euros without approval.", [POLICY, GERMAN], [0])
    assert judged.cited == (0,)
    assert [one.code for one in judged.findings] == ["NUMBER-UNSUPPORTED"]


def test_two_cited_passages_support_a_sentence_together() -> None:
    sentence = "Canada has 2.5 million travellers, and the Pro plan has 1 TB of storage."
    assert codes(sentence, POLICY, TABLE, cited=[0, 1]) == []


def test_a_rule_that_is_off_finds_nothing_and_severity_and_threshold_are_those_of_the_rules() -> None:
    wrong = "Employees may book flights up to 1,300 euros without approval."
    without = {code: rule for code, rule in RULES.items() if code != "NUMBER-UNSUPPORTED"}
    assert judge(wrong, [POLICY], [0], without).findings == ()
    warned = {**RULES, "NUMBER-UNSUPPORTED": replace(RULES["NUMBER-UNSUPPORTED"], severity="warn")}
    assert [one.severity for one in judge(wrong, [POLICY], [0], warned).findings] == ["warn"]
    lenient = {**RULES, "WORDS-UNSUPPORTED": replace(RULES["WORDS-UNSUPPORTED"], threshold=0.0)}
    assert "WORDS-UNSUPPORTED" not in [
        one.code for one in judge("Bananas grow in warm countries.", [POLICY], [0], lenient).findings
    ]
    quiet = {code: rule for code, rule in RULES.items() if not code.startswith("CITATION")}
    assert judge("Hunde dürfen nicht in das Büro mitgebracht werden.", [POLICY, GERMAN], [0], quiet) == Judgement(
        1.0, (), (1,)
    )


def test_evidence_tells_numbers_and_no_words() -> None:
    for sentence in ("Anna Meier may not book 1,300 euros on 4 May 2021.", "Bananas grow in warm countries."):
        for finding in judge(sentence, [POLICY], [0]).findings:
            assert all(isinstance(value, int | float) for value in finding.evidence.values())
            assert finding.evidence


def test_swapped_roles_are_the_limit() -> None:
    assert codes("the city pays the county", "By law the county pays the city every year.") == []


@pytest.mark.parametrize(
    ("sentence", "wanted"),
    [
        ("Contractors get no reimbursement.", "Contractors are not eligible for reimbursement."),
        ("Trips longer than ten days need consent.", "Trips that last longer than 10 days need the written consent"),
        ("", "Travel policy"),
    ],
)
def test_the_span_that_supports_a_sentence_is_whole_sentences(sentence: str, wanted: str) -> None:
    start, end = supporting_span(sentence, POLICY)
    assert wanted in POLICY[start:end]
    assert len(POLICY[start:end]) < len(POLICY) / 2


def test_a_sentence_of_two_sentences_is_supported_by_both() -> None:
    text = "Cats sleep a lot. Dogs bark at night. Birds sing songs in the morning."
    start, end = supporting_span("Cats sleep a lot and dogs bark at night.", text)
    assert text[start:end] == "Cats sleep a lot. Dogs bark at night."
    assert supporting_span("Cats", "") == (0, 0)
