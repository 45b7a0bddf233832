"""Takes a plain English statement apart: whom it speaks of, what is done, and the rest of the clause."""

# A pattern in one line is easier to read than in pieces.
# ruff: noqa: E501

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from freshet.tasks.golden.questions.words import (
    AUXILIARIES,
    DETERMINERS,
    JOINTS,
    MODALS,
    PLURAL_PRONOUNS,
    POINTING,
    PREPOSITIONS,
    PRONOUNS,
    QUESTION_WORDS,
    base_of,
)

_MOST_SUBJECT = 8
_END = re.compile(
    r"[;()\[\]–—|\"“”]|[,:](?!\d| (?:19|20)\d\d)|\s(?:and|but|so|which|who|that|because|unless|or else|however|e\.g\.|i\.e\.)\s|\s-\s"
)


@dataclass(frozen=True)
class Clause:
    """The beginning of a statement.

    Attributes:
        subject: as it stands.
        auxiliary: what comes first in a question: `must`, `is`, `do`, `does` or `did`.
        verb: what comes behind the subject in a question; '' where that is the auxiliary alone.
        rest: what follows the verb, to the end of the clause.
        at: where `rest` begins in the statement.
    """

    subject: str
    auxiliary: str
    verb: str
    rest: str
    at: int


def clause_of(statement: str, known_small: Collection[str] = ()) -> Clause | None:
    """The clause that a statement begins with; None where it is not plain enough to be turned around.

    Args:
        known_small: words that the text writes with a small letter elsewhere: at the beginning of a statement they
            are no names.
    """
    places = list(re.finditer(r"\S+", statement))
    words = [one.group().lower().strip("*_“”\"'") for one in places]
    at = _verb_at(words)
    if at is None or not _is_subject([one.group() for one in places[:at]], known_small):
        return None
    subject = _small_start(statement[places[0].start() : places[at - 1].end()], known_small)
    word = words[at]
    if word in AUXILIARIES and not (word in {"has", "have", "had"} and not _is_participle(words, at)):
        auxiliary, verb, last = word, "", at
        if at + 1 < len(words) and words[at + 1] == "not":
            return None
        if word in MODALS and at + 1 < len(words):
            verb, last = places[at + 1].group(), at + 1
            if base_of(verb, "past") and not base_of(verb, "base"):
                return None
    else:
        found = _main_verb(word, subject)
        if found is None:
            return None
        (auxiliary, verb), last = found, at
    if last + 1 >= len(places):
        return None
    begin = places[last + 1].start()
    rest = statement[begin:]
    end = _END.search(rest)
    if end and end.group().strip() == "and" and re.search(r"\b(?:between|both|either)\b", rest[: end.start()]):
        return None
    rest = rest[: end.start()] if end else rest
    return Clause(subject, auxiliary, verb, rest.rstrip(" .!?*_"), begin)


def _verb_at(words: list[str]) -> int | None:
    """The place of the first word that can be the verb of the statement."""
    for place, word in enumerate(words[1 : _MOST_SUBJECT + 1], 1):
        if word in AUXILIARIES:
            return place
        if word in JOINTS or word in {"do", "does", "did", "don't", "cannot", "can't", "won't"}:
            return None
    for place, word in enumerate(words[1 : _MOST_SUBJECT + 1], 1):
        before = words[place - 1]
        if before in DETERMINERS | PREPOSITIONS or word in PREPOSITIONS:
            continue
        if before in PLURAL_PRONOUNS and base_of(word, "base"):
            return place
        if before not in PLURAL_PRONOUNS and (base_of(word, "third") or base_of(word, "past")):
            return place
    return None


def _is_subject(words: list[str], known_small: Collection[str]) -> bool:
    lower = [word.lower() for word in words]
    joined = " ".join(words)
    if any(mark in joined for mark in ',;:?!|()[]/<>#*=–—`"“”') or joined.endswith((".", "-")):
        return False
    if any(word in JOINTS or (word in POINTING and place == 0) for place, word in enumerate(lower)):
        return False
    if (
        QUESTION_WORDS & set(lower)
        or PRONOUNS & set(lower[1:])
        or POINTING & set(lower) - {"same", "one"}
        or lower[0] in PREPOSITIONS | {"to", "please", "not", "there", "and", "or"}
    ):
        return False
    if any(
        word[:1].isupper() and word[1:].islower() and word.lower() in known_small and words[place][-1:].islower()
        and words[place].islower() and lower[place] not in DETERMINERS | PREPOSITIONS
        for place, word in enumerate(words[1:])
    ):  # fmt: skip
        return False  # the heading of a paragraph, and its first word
    first = words[0]
    if (
        lower[0].endswith("ly")
        or base_of(lower[0], "gerund")
        or lower[-1] in PREPOSITIONS | DETERMINERS | {"and", "or"}
    ):
        return False
    if base_of(lower[0], "base") and len(words) > 1 and lower[1] in DETERMINERS | PREPOSITIONS:
        return False  # it says what to do
    return lower[0] in DETERMINERS | PRONOUNS or first[0].isupper() or first[0].isdigit()


def _is_participle(words: list[str], at: int) -> bool:
    following = words[at + 1] if at + 1 < len(words) else ""
    return following in {"been", "to"} or base_of(following, "past") is not None


def _main_verb(word: str, subject: str) -> tuple[str, str] | None:
    if word in {"has", "have", "had"}:
        return {"has": "does", "have": "do", "had": "did"}[word], "have"
    if subject.lower() in PLURAL_PRONOUNS and (base := base_of(word, "base")):
        return "do", base
    if base := base_of(word, "third"):
        return "does", base
    if base := base_of(word, "past"):
        return "did", base
    return None


def _small_start(subject: str, known_small: Collection[str]) -> str:
    first, *others = subject.split()
    is_common = first.lower() in DETERMINERS | PRONOUNS
    # Before another capital it is the beginning of a name: `Google Drive`.
    is_common = is_common or (first.lower() in known_small and not (others and others[0][0].isupper()))
    return subject[0].lower() + subject[1:] if is_common and (first[1:].islower() or first == "A") else subject
