"""Questions of who does something: the statement with `who` in place of the role that it names."""

from __future__ import annotations

from collections.abc import Iterator

from freshet.tasks.golden.questions.asked import Asked
from freshet.tasks.golden.questions.clauses import Clause
from freshet.tasks.golden.questions.words import MODALS, PREPOSITIONS, base_of, words_in

_ROLES = words_in(
    "manager managers lead leads officer director supervisor supervisors board council approver approvers "
    "administrator admin coordinator owner counsel physician team office desk department division group committee "
    "lawyer engineer engineers secretary analyst contractor crew crews finance hr legal agency assessor auditor "
    "specialist president chair editor facilitator liaison services operations"
)
_DUTIES = words_in(
    "administer appoint approve assess assign authorize award calculate certify collect conduct coordinate decide "
    "define delegate determine evaluate grant handle implement inspect investigate issue lead maintain make "
    "manage monitor negotiate nominate operate oversee own pay plan prepare process publish review run schedule "
    "select sign supply track update validate verify"
)
_SHOWN = 40
"""Characters of the statement that show its answer, the subject not counted."""


def asked_of_subject(sentence: str, clause: Clause) -> Iterator[Asked]:
    """Who does what a sentence says, if its subject is a role and what it says is a duty."""
    start = sentence.lower().find(clause.subject.lower())
    if start < 0 or not _is_role(clause.subject):
        return
    said = sentence[start + len(clause.subject) : clause.at].split()
    words = [*said, *clause.rest.split()]
    if 5 <= len(words) <= 20 and not {"not", "no"} & set(words) and _is_duty(said, clause):
        end = clause.at + min(len(clause.rest), _SHOWN)
        while end < clause.at + len(clause.rest) and not sentence[end].isspace():
            end += 1
        yield Asked(f"who {' '.join(words)}", (start, end), "who")


def _is_role(subject: str) -> bool:
    words = subject.lower().split()
    head = next((place for place, word in enumerate(words) if word in PREPOSITIONS), len(words))
    return bool(head) and words[head - 1] in _ROLES and words[0] not in {"you", "being", "no", "many", "some", "most"}


def _is_duty(said: list[str], clause: Clause) -> bool:
    verb = said[-1].lower()
    if clause.rest.startswith(("responsible for ", "in charge of ")) or " point of contact" in clause.rest:
        return True
    if said[0].lower() in MODALS:
        return verb in _DUTIES
    return len(said) == 1 and (base_of(verb, "third") or base_of(verb, "base")) in _DUTIES
