"""What is wrong with a document: its verdicts. Each check is a small pure function of a `Subject` and the rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from freshet.expectations.rules import Rule
from freshet.tasks.documents.checks.content import (
    check_boilerplate,
    check_coverage,
    check_encoding,
    check_guess,
    check_language,
    check_left_out,
    check_length,
    check_what_was_read,
)
from freshet.tasks.documents.checks.dates import check_age, check_review_and_end, check_status
from freshet.tasks.documents.checks.provenance import check_provenance
from freshet.tasks.documents.checks.safety import (
    check_active,
    check_hidden,
    check_instructions,
    check_invisible,
    check_personal_data,
    check_secrets,
)
from freshet.tasks.documents.checks.subject import Origin, Subject
from freshet.tasks.rules.verdicts import Verdict

Check = Callable[[Subject, Mapping[str, Rule]], list[Verdict]]

CHECKS: tuple[Check, ...] = (
    check_age,
    check_review_and_end,
    check_status,
    check_encoding,
    check_guess,
    check_boilerplate,
    check_length,
    check_language,
    check_coverage,
    check_left_out,
    check_what_was_read,
    check_hidden,
    check_active,
    check_invisible,
    check_instructions,
    check_personal_data,
    check_secrets,
    check_provenance,
)

__all__ = ["CHECKS", "Check", "Origin", "Subject", "check_document"]


def check_document(subject: Subject, rules: Mapping[str, Rule]) -> list[Verdict]:
    """All verdicts on a document, in the order of `CHECKS`: at most one under each rule.

    Args:
        rules: code → rule, as the corpus has tuned them. A rule that is not among them gives no verdict.
    """
    return [verdict for check in CHECKS for verdict in check(subject, rules)]
