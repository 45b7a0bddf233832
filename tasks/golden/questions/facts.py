"""Questions of stated facts: the sentence turned around, without the number, date or place that answers."""

# A pattern in one line is easier to read than in pieces.
# ruff: noqa: E501

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from functools import lru_cache

from freshet.tasks.golden.questions.asked import Asked
from freshet.tasks.golden.questions.clauses import Clause, clause_of
from freshet.tasks.golden.questions.people import asked_of_subject
from freshet.tasks.golden.questions.words import (
    POINTING,
    QUESTION_WORDS,
    SMALL,
    base_of,
    by_the_reader,
    capitalised,
    content_words,
)

LEAST_CONTENT = 3
"""Words that say what a question is about, without which it asks of nothing."""

_MOST_WORDS = 24
_PASSING = frozenset({"only", "even", "still", "again", "already", "now", "today", "yet"})
"""Words of a moment, or of something said before."""

_MONTH = "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_NUMBER = r"(?:\d[\d.,]{0,12}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|sixty|ninety)"
_UNIT = r"(?:(?:working|business|calendar|full|consecutive|paid|school|weekly) )?(?:minute|hour|day|week|month|year|pay period)s?"
_ABOUT = r"(?:(?:at least|at most|up to|no more than|no later than|more than|less than|about|around|approximately|a minimum of|a maximum of|the next|the first|another) )?"
_MONEY = r"(?:[$€£]\s?\d[\d.,]{0,14}(?: (?:million|billion))?|\d[\d.,]{0,12} (?:euros?|dollars?|francs?|CHF|EUR|USD))"
_DATE = rf"(?:\d{{1,2}}(?:st|nd|rd|th)? (?:of )?{_MONTH}(?: \d{{4}})?|{_MONTH}(?: \d{{1,2}}(?:st|nd|rd|th)?(?:, \d{{4}})?| \d{{4}})?|(?:19|20)\d\d|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?(?: at \d{{1,2}}(?::\d\d)?(?: ?[ap]\.?m\.?))?|\d{{1,2}}(?::\d\d)? ?[ap]\.?m\.?|\d\d:\d\d)"
_RELATION = r"(?: (?:of|after|before|prior to|from|following|since|ahead of|in advance of))"
_PLACE = r"(?:portal|form|system|channel|tool|website|site|page|spreadsheet|app|folder|drive|repository|repo|catalog|dashboard|tracker|queue|wiki|register|console|settings|menu)"


@lru_cache(maxsize=1)
def _patterns() -> list[tuple[re.Pattern[str], Callable[[re.Match[str]], str], str]]:
    """What answers, in the order in which it is looked for; how the question begins; and the kind."""

    def many(found: re.Match[str]) -> str:
        return _plural(found["unit"])

    return [
        (
            re.compile(rf"\b(?P<how>within|in under|in less than) {_ABOUT}{_NUMBER} (?P<unit>{_UNIT})\b", re.I),
            lambda found: f"within how many {many(found)}",
            "time",
        ),
        (
            re.compile(rf"\b{_ABOUT}{_NUMBER} (?P<unit>{_UNIT}) (?P<how>before|after|prior to|in advance of|ahead of)\b", re.I),
            lambda found: f"how many {many(found)} {found['how'].lower()}",
            "time",
        ),
        (
            re.compile(rf"\bfor {_ABOUT}{_NUMBER} (?P<unit>{_UNIT})\b", re.I),
            lambda found: f"for how many {many(found)}",
            "time",
        ),
        (
            re.compile(rf"\b(?:every {_NUMBER} (?P<unit>{_UNIT})|every (?:other )?(?:day|week|month|quarter|year|(?:Mon|Tues|Wednes|Thurs|Fri)day)|(?:once|twice|{_NUMBER} times) (?:a|per|each|every) (?:day|week|month|quarter|year))\b", re.I),
            lambda _: "how often",
            "time",
        ),
        (
            re.compile(rf"\b(?P<how>by|on|before|until|since|in|at|from)(?: or before| about| the)? {_DATE}(?![\w-])"),
            lambda found: {"by": "by when", "before": "before when", "until": "until when", "since": "since when", "from": "from when"}.get(found["how"], "when"),
            "date",
        ),
        (re.compile(rf"^{_ABOUT}(?:of )?{_MONEY}"), lambda _: "how much", "amount"),
        (
            re.compile(rf"^{_ABOUT}{_NUMBER}(?: ?%| per ?cent\b)(?P<of> of (?:the |its |their |your )?[a-z]{{3,20}}(?: [a-z]{{3,20}})?)?", re.I),
            lambda found: f"what share{_of(found)}",
            "amount",
        ),
        (
            re.compile(rf"^{_ABOUT}{_NUMBER} (?P<unit>(?:[a-z][a-z-]{{2,20}} ){{0,2}}[a-z-]{{2,20}}s)\b(?P<of> of (?:the |your )?[a-z]{{3,20}}(?: [a-z]{{3,20}})?)?(?! [A-Z])"),
            lambda found: f"how many {found['unit']}{_of(found)}",
            "amount",
        ),
    ]  # fmt: skip


def _of(found: re.Match[str]) -> str:
    """What the answer is so much of, but for a small word at its end."""
    words = (found["of"] or "").split()
    return " ".join(["", *(words[:-1] if len(words) > 2 and words[-1] in SMALL else words)])


def _plural(unit: str) -> str:
    return unit.lower() if unit.lower().endswith("s") else unit.lower() + "s"


def questions_of_sentence(sentence: str, known_small: Collection[str] = ()) -> Iterator[Asked]:
    """The questions that an English sentence answers by itself, the best first.

    Args:
        known_small: as for `clause_of`.
    """
    if not 6 <= len(sentence.split()) <= 45:
        return
    clause = clause_of(sentence, known_small) or _ordered(sentence)
    if clause is None:
        return
    found = [*_asked_of_rest(clause), *asked_of_subject(sentence, clause)]
    for one in found:
        if made := _as_question(one.question):
            yield Asked(made, one.answer, one.kind)


def _asked_of_rest(clause: Clause) -> Iterator[Asked]:
    for pattern, begins, kind in _patterns():
        if (found := pattern.search(clause.rest)) and (asked := _turned(clause, found, begins(found))):
            yield Asked(asked, (clause.at + found.start(), clause.at + found.end()), kind)
            return
    if found := _place().search(clause.rest):
        before, answer = clause.rest[: found.start()].strip(), found.group().lower().split()
        is_telling = len(content_words(found.group())) >= 2 or "#" in found.group()
        if is_telling and not {"of", *POINTING} & set(answer) and not {"in", "on", "at", "via"} & set(before.split()):
            verb = f"{clause.verb} {before}".strip()
            yield Asked(f"where {clause.auxiliary} {clause.subject} {verb}", _span(clause, found), "place")


def _span(clause: Clause, found: re.Match[str]) -> tuple[int, int]:
    return clause.at + found.start(), clause.at + found.end()


@lru_cache(maxsize=1)
def _place() -> re.Pattern[str]:
    return re.compile(rf"\b(?:in|on|via|through|using|into|from) (?:the |our |your |a )?(?:[\w’'#-]{{1,20}} ){{1,4}}{_PLACE}s?\b(?! of)|\b(?:in|on|via) #[\w-]{{3,40}}")  # fmt: skip


def _turned(clause: Clause, found: re.Match[str], begins: str) -> str | None:
    before, after = clause.rest[: found.start()].strip(), clause.rest[found.end() :].strip()
    groups = found.groupdict()
    if begins.startswith(("how much", "how many", "what share")) and not groups.get("how"):
        if before or (clause.auxiliary in {"is", "are", "was", "were"} and not clause.verb):
            return None  # what is so many is not said in the way of a question
    elif begins.endswith(("before", "after", "prior to", "in advance of", "ahead of")) or (
        begins.startswith("within") and re.match(_RELATION, f" {after}")
    ):
        # What the time counts from belongs to it.
        begins, after = f"{begins} {re.split(r' (?:to|by|in|for|at) ', after)[0]}", ""
        if not begins.split()[-1].isalnum() or re.search(r"\b(?:before|after|to|of|by)$", begins):
            return None
    if begins == "from when" and re.search(r"\b(?:to|through|until)\b", after):
        return None
    if re.match(r"(?:to|through|or|and|[-–])\b", after) and begins.split()[-1] not in ("before", "after"):
        return None  # two answers
    if re.search(r"\b(?:or|and|to|at least|at most|up to|than|about|the|only|even)$", before):
        return None
    return " ".join(f"{begins} {clause.auxiliary} {clause.subject} {clause.verb} {before} {after}".split())


def _ordered(sentence: str) -> Clause | None:
    """What a sentence tells its reader to do, as if it said that he should."""
    first, _, rest = sentence.partition(" ")
    base = base_of(first, "base")
    if (
        base is None
        or not first[0].isupper()
        or rest.split()[0].lower() in SMALL & {"is", "are", "was", "of", "and", "or"}
    ):
        return None
    made = clause_of(f"You should {sentence[0].lower()}{sentence[1:]}")
    shift = len("You should ")
    return made and Clause("you", "should", made.verb, made.rest, made.at - shift)


def _as_question(text: str) -> str | None:
    words = [word.strip(".,;:'’").lower() for word in text.split()]
    if _PASSING & set(words) or (QUESTION_WORDS - {"when", "where"}) & set(words[3:]):
        return None
    if POINTING & set(words[1:]) - {"one", "same"} or not 5 <= len(words) <= _MOST_WORDS:
        return None
    if text.count("(") != text.count(")") or any(mark in text for mark in '"“”*_`|<>[]{}=→'):
        return None
    if (
        words[-1] in SMALL - {"me", "us", "use", "need", "made", "used"}
        or len(set(content_words(text))) < LEAST_CONTENT
    ):
        return None
    return capitalised(by_the_reader(text)) + "?"
