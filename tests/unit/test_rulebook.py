"""The rule book as a corpus tunes it: what may be tuned, how a mistake is told, and that the page about it is true."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from freshet.expectations.fixed_rules import bounds, choices, is_unread
from freshet.expectations.rules import RULES
from freshet.flows.command.texts.rules import rules_page, rules_text
from freshet.tasks.rules.rulebook import retuned, rule_rows, rules_fingerprint, tuned_rules
from freshet.tasks.rules.verdicts import verdict
from freshet.tasks.settings.file import Problem, find_problems, load_project
from freshet.tasks.settings.project import Corpus
from freshet.tasks.settings.tuning import tuning_faults
from freshet.tasks.settings.types import LANGUAGES
from tests.unit.problems import only_problem_of

ROOT = Path(__file__).parents[2]
SOURCE = {"folder": "docs", "owner": "o", "acl": ["everyone"]}


def _corpus(**settings: Any) -> Corpus:
    return Corpus.model_validate({"sources": [SOURCE], **settings})


def _write(folder: Path, text: str) -> Path:
    (folder / "docs").mkdir(exist_ok=True)
    file = folder / "freshet.yaml"
    head = "corpora:\n  handbook:\n    sources: [{folder: docs, owner: o, acl: [everyone]}]\n"
    file.write_text(head + "".join(f"    {line}\n" for line in text.splitlines()))
    return file


def _only(folder: Path, text: str) -> Problem:
    return only_problem_of(_write(folder, text))


def test_without_tuning_the_rules_are_the_rule_book() -> None:
    assert tuned_rules(_corpus()) == RULES


def test_a_corpus_tunes_severity_and_threshold_and_the_rest_stays() -> None:
    tuned = tuned_rules(
        _corpus(
            rules={
                "CONTENT-SHORT": {"threshold": 3},
                "PROV-OWNER": {"severity": "block"},
                "STALE-DRAFT": {"severity": "off"},
            }
        )
    )
    short, owner = tuned["CONTENT-SHORT"], tuned["PROV-OWNER"]
    assert (short.severity, short.threshold) == (RULES["CONTENT-SHORT"].severity, 3)
    assert (owner.severity, owner.threshold, owner.why) == ("block", None, RULES["PROV-OWNER"].why)
    assert tuned.keys() == RULES.keys() - {"STALE-DRAFT"}
    assert all(tuned[code] == RULES[code] for code in tuned.keys() - {"CONTENT-SHORT", "PROV-OWNER"})


def test_a_threshold_of_nothing_is_a_threshold() -> None:
    assert tuned_rules(_corpus(rules={"SAFETY-HIDDEN": {"threshold": 0}}))["SAFETY-HIDDEN"].threshold == 0


def test_verdicts_given_by_default_take_the_severity_of_the_corpus() -> None:
    rules = tuned_rules(_corpus(rules={"PROV-LINK": {"severity": "note"}, "GATE-LOSS": {"severity": "off"}}))
    given = [verdict("PROV-LINK", links=2), verdict("GATE-LOSS"), verdict("GATE-VECTOR")]
    assert [(v.code, v.severity, v.evidence) for v in retuned(given, rules)] == [
        ("PROV-LINK", "note", {"links": 2}),
        ("GATE-VECTOR", "block", {}),
    ]


@pytest.mark.parametrize(
    "settings",
    [
        {"rules": {"CONTENT-SHORT": {"threshold": 11}}},
        {"rules": {"CONTENT-SHORT": {"severity": "note"}}},
        {"rules": {"CONTENT-SHORT": {"severity": "off"}}},
        {"languages": ["en"]},
        {"regions": ["US", "GB"]},
        {"regions": []},
    ],
    ids=json.dumps,
)
def test_whatever_shapes_document_checks_changes_the_fingerprint(settings: dict[str, Any]) -> None:
    assert rules_fingerprint(_corpus(**settings)) != rules_fingerprint(_corpus())


@pytest.mark.parametrize(
    "settings",
    [
        {"rules": {"GATE-LOSS": {"threshold": 0.5}}},
        {"rules": {"DUP-NEAR": {"threshold": 0.9}}},
        {"rules": {"CONTENT-SHORT": {"threshold": 10.0}}},
        {"regions": ["US", "US"]},
        {"chunking": {"max_tokens": 100}},
    ],
    ids=json.dumps,
)
def test_nothing_else_changes_the_fingerprint(settings: dict[str, Any]) -> None:
    assert rules_fingerprint(_corpus(**settings)) == rules_fingerprint(_corpus())


def test_the_fingerprint_is_the_same_in_another_process_and_order() -> None:
    code = (
        "from freshet.tasks.rules.rulebook import *\n"
        "c = Corpus.model_validate({'sources': [{'folder': 'x', 'owner': 'o', 'acl': ['everyone']}],"
        " 'languages': ['de', 'en']})\nprint(rules_fingerprint(c))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == rules_fingerprint(_corpus(languages=["en", "de"]))


@pytest.mark.parametrize(
    ("line", "where", "what", "mend"),
    [
        ("DUP-NEER: {severity: note}", "DUP-NEER", "there is no rule DUP-NEER", "did you mean DUP-NEAR?"),
        ("dup_near: {severity: note}", "dup_near", "there is no rule dup_near", "did you mean DUP-NEAR?"),
        ("ZZZ: {severity: note}", "ZZZ", "there is no rule ZZZ", "freshet rules lists them all"),
        ("PROV-OWNER: {severity: wran}", "PROV-OWNER.severity", "wran is not one of block, warn", "did you mean warn?"),
        ("PROV-OWNER: {severity: on}", "PROV-OWNER.severity", "on is not one of", "block, warn, note, off"),
        ("PROV-OWNER: {threshold: 1}", "PROV-OWNER.threshold", "PROV-OWNER has no threshold", "remove"),
        ("PROV-OWNER: {}", "PROV-OWNER", "neither its severity nor its threshold", "write severity"),
        ("PROV-OWNER: off", "PROV-OWNER", "off is not a group of keys", "severity, threshold"),
        ("PROV-OWNER: {limit: 1}", "PROV-OWNER.limit", "unknown key limit", "severity, threshold"),
        ("CONTENT-SHORT: {threshold: few}", "CONTENT-SHORT.threshold", "few is not a number from 0 to 1000000", "0 to"),
        ("CONTENT-SHORT: {threshold: yes}", "CONTENT-SHORT.threshold", "yes is not a number", "0 to"),
        ("CONTENT-SHORT: {threshold: .nan}", "CONTENT-SHORT.threshold", ".nan is not a number", "0 to"),
        ("CONTENT-COVERAGE: {threshold: 99}", "CONTENT-COVERAGE.threshold", "99 is no threshold", "from 0 to 1"),
        ("DUP-NEAR: {threshold: 0.4}", "DUP-NEAR.threshold", "0.4 is no threshold of DUP-NEAR", "0.75 to 1"),
        ("DUP-NEAR: {severity: block}", "DUP-NEAR.severity", "cannot be block: a duplicate is hidden", "note or off"),
        ("PARSE-EMPTY: {severity: warn}", "PARSE-EMPTY.severity", "cannot be warn: no text was read", "stays block"),
        ("GATE-ACCESS: {severity: off}", "GATE-ACCESS.severity", "cannot be off: damage, or access", "stays block"),
        ("STALE-BLOCKED: {severity: off}", "STALE-BLOCKED.severity", "freshness of the source decides", "stays block"),
        ("PROV-LINK: {severity: block}", "PROV-LINK.severity", "found out after", "warn or note or off"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_tuning_is_told_at_its_line(tmp_path: Path, line: str, where: str, what: str, mend: str) -> None:
    problem = _only(tmp_path, f"rules:\n  STALE-DRAFT: {{severity: off}}\n  {line}")
    assert (problem.line, problem.where) == (6, f"corpora.handbook.rules.{where}")
    assert what in problem.what
    assert mend in problem.mend


def test_every_mistake_in_the_tunings_is_told_at_once(tmp_path: Path) -> None:
    file = _write(tmp_path, "rules:\n  DUP-NEER: {}\n  PARSE-EMPTY: {severity: note, threshold: 1}\nlanguages: [xx]")
    assert [(one.line, one.where.removeprefix("corpora.handbook.")) for one in find_problems(file)] == [
        (5, "rules.DUP-NEER"),
        (6, "rules.PARSE-EMPTY.severity"),
        (6, "rules.PARSE-EMPTY.threshold"),
        (7, "languages[0]"),
    ]


def test_a_bare_off_of_yaml_switches_a_rule_off(tmp_path: Path) -> None:
    project = load_project(_write(tmp_path, "rules: {STALE-DRAFT: {severity: off}, PROV-OWNER: {severity: 'off'}}"))
    tuned = tuned_rules(project.settings.corpora["handbook"])
    assert RULES.keys() - tuned.keys() == {"STALE-DRAFT", "PROV-OWNER"}


@pytest.mark.parametrize(
    ("text", "what", "mend"),
    [
        ("languages: [english]", "english is not a language like en", "ISO 639-1"),
        ("languages: [EN]", "EN is not a language", "lower-case"),
        ("languages: [no]", "no is not a language", '"no" in quotes'),
        ("languages: en", "en is not a list", "[en]"),
        ("regions: [us]", "us is not a country like US", "ISO 3166"),
        ("regions: [UK]", "UK is not a country", "GB"),
    ],
)
def test_a_language_or_country_that_is_none_is_told(tmp_path: Path, text: str, what: str, mend: str) -> None:
    problem = _only(tmp_path, text)
    assert problem.line == 4
    assert what in problem.what
    assert mend in problem.mend


def test_the_languages_are_those_that_texts_can_be_told_to_be_in() -> None:
    from freshet.tasks.text.words.language import _identifier

    assert {name for name in map(str, _identifier().nb_classes) if len(name) == 2} == LANGUAGES


@pytest.mark.parametrize("code", RULES)
def test_what_a_rule_is_by_default_it_may_be_tuned_to(code: str) -> None:
    rule = RULES[code]
    assert tuning_faults(rule, rule.severity, rule.threshold) == []


@pytest.mark.parametrize(
    "code",
    [
        "GATE-DUPLICATE-CHUNK", "GATE-ORPHAN-CHUNK", "GATE-MISSING-CHUNK", "GATE-VECTOR", "GATE-ACCESS", "GATE-PROBE",
        "GATE-POLICY", "GATE-SUITE", "CHUNK-PRINCIPAL", "DOCUMENT-PRINCIPAL",
        *(code for code in RULES if is_unread(code)),
    ],
)  # fmt: skip
def test_rules_about_damage_and_unread_documents_always_block(code: str) -> None:
    assert [s for s in ("block", "warn", "note", "off") if not tuning_faults(RULES[code], s, None)] == ["block"]


def test_a_rule_whose_severity_is_not_free_says_why() -> None:
    assert [code for code, rule in RULES.items() if len(choices(rule)[0]) < 4 and not choices(rule)[1]] == []
    assert [code for code, rule in RULES.items() if (bounds(rule) is None) is not (rule.threshold is None)] == []


def test_rows_list_every_rule_once_and_as_tuned() -> None:
    rows = rule_rows()
    assert [row["code"] for row in rows] == list(RULES)
    assert all(list(row) == ["code", "severity", "why", "mend", "threshold"] for row in rows)
    tuned = {
        row["code"]: row
        for row in rule_rows(_corpus(rules={"STALE-DRAFT": {"severity": "off"}, "CONTENT-SHORT": {"threshold": 3}}))
    }
    assert tuned["STALE-DRAFT"]["severity"] == "off"
    assert tuned["CONTENT-SHORT"]["threshold"] == 3
    assert "CONTENT-SHORT  warn 3\n" in rules_text(list(tuned.values()))


def test_the_page_about_the_rules_is_the_one_that_is_generated() -> None:
    page = (ROOT / "docs" / "rules.md").read_text("utf-8")
    assert page == rules_page(rule_rows()), "python -m freshet.flows.command.texts.rules > docs/rules.md"
    assert [code for code in RULES if f"| `{code}` |" not in page] == []
