"""Where documents come from: each rule with a case that trips it and one that does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from freshet.expectations.document_rules import DOCUMENT_RULES
from freshet.expectations.provenance_rules import PROVENANCE_RULES
from freshet.tasks.documents.checks.provenance import check_provenance
from freshet.tasks.documents.checks.subject import Origin, Subject
from freshet.tasks.documents.elements import Element, ParsedDocument
from freshet.tasks.documents.planning.altered import altered_in_secret

GOOD = Origin("people-operations", "CC0-1.0", "b" * 64, "a" * 40, versioned=True)
RULES = {rule.code: rule for rule in DOCUMENT_RULES if rule.code.startswith("PROV-")}


def codes(origin: Origin | None, **stated: Any) -> list[str]:
    document = ParsedDocument("Text.", [Element("NarrativeText", 0, 5)], properties=stated)
    subject = Subject("a.md", document, datetime(2026, 11, 22, tzinfo=UTC), origin=origin)
    verdicts = check_provenance(subject, RULES)
    assert "annex" not in str(verdicts)
    return [v.code for v in verdicts]


def test_a_document_of_known_origin_has_no_verdict() -> None:
    assert codes(GOOD, title="Leave") == []
    assert codes(None) == []


@pytest.mark.parametrize("owner", [None, "", "  ", "TODO", "tbd", "unknown", "N/A", "<owner>"])
def test_a_placeholder_is_no_owner(owner: str | None) -> None:
    assert codes(replace(GOOD, owner=owner)) == ["PROV-OWNER"]


@pytest.mark.parametrize("owner", ["legal", "none-of-your-business@example.org", "Todor Ivanov"])
def test_a_name_is_an_owner(owner: str) -> None:
    assert codes(replace(GOOD, owner=owner)) == []


@pytest.mark.parametrize("licence", [None, "", "unknown", "NOASSERTION"])
def test_a_missing_licence_is_told_where_the_corpus_has_the_rule(licence: str | None) -> None:
    assert codes(replace(GOOD, licence=licence)) == ["PROV-LICENCE"]


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"license": "CC0-1.0"}, []),
        ({"License": "cc0 1.0"}, []),
        ({"licence": "Public domain"}, []),
        ({"license": ["GPL-3.0"]}, []),
        ({"license": "TBD"}, []),
        ({"license": "GPL-3.0-only"}, ["PROV-LICENCE"]),
        ({"SPDX-License-Identifier": "MIT"}, ["PROV-LICENCE"]),
        ({"license": "see the confidential annex"}, ["PROV-LICENCE"]),
    ],
)
def test_a_document_that_states_another_licence_than_its_source_is_told(
    stated: dict[str, Any], expected: list[str]
) -> None:
    assert codes(GOOD, **stated) == expected


@pytest.mark.parametrize("content_hash", [None, "", "unread:x", "B" * 64])
def test_a_hash_that_is_none_is_told(content_hash: str | None) -> None:
    assert codes(replace(GOOD, content_hash=content_hash)) == ["PROV-HASH"]


def test_a_source_with_versions_must_give_one() -> None:
    assert codes(replace(GOOD, source_version=None)) == ["PROV-VERSION"]
    assert codes(replace(GOOD, source_version=None, versioned=False)) == []


@pytest.mark.parametrize(
    ("now", "seen", "known", "found", "told"),
    [
        ("h", "h", "a" * 64, "c" * 64, True),
        ("9-5 ctime:7", "9-5 ctime:6", "a" * 64, "c" * 64, True),
        ("9-5 ctime:7", "9-5", "a" * 64, "c" * 64, True),
        ("9-6 ctime:7", "9-5 ctime:6", "a" * 64, "c" * 64, False),
        ("h", "h", "a" * 64, "a" * 64, False),
        ("h2", "h", "a" * 64, "c" * 64, False),
        ("h", "h", "unread:h", "c" * 64, False),
        ("h", "", "a" * 64, "c" * 64, False),
        ("h", None, None, "c" * 64, False),
    ],
)  # fmt: skip
def test_bytes_that_changed_while_their_source_says_the_same_were_altered_in_secret(
    now: str, seen: str | None, known: str | None, found: str, told: bool
) -> None:
    altered = altered_in_secret({"hint": now, "old_seen_hint": seen, "old_seen_hash": known}, found)
    assert (altered is not None) == told
    if altered:
        assert (altered.code, altered.evidence) == ("PROV-ALTERED", {"ledger": "a" * 12, "found": "c" * 12})


def test_every_rule_stands_once() -> None:
    every = [rule.code for rule in (*PROVENANCE_RULES, *DOCUMENT_RULES)]
    assert len(set(every)) == len(every)
