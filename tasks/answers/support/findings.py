"""What of a sentence its passages do not have: numbers, dates, names and quotes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from freshet.tasks.answers.support.aligned import around, gaps_like
from freshet.tasks.answers.support.facts import Date, Number
from freshet.tasks.answers.support.held import Held
from freshet.tasks.answers.support.names import identifiers, is_acronym, is_german, name_stem, runs_of
from freshet.tasks.answers.support.tokenized import WORD, TokenizedText, read
from freshet.tasks.answers.support.vocabulary import EMPTY
from freshet.tasks.text.stems import stem

SURE = 3
"""As many words around a place must agree, for what stands there to be held against the sentence."""

_QUOTED = re.compile(r"(?<![\w\"])\"(?=[^\s\"])([^\"\n]{1,400})\"|[“„]([^“”„\n]{1,400})[”“]|«([^«»\n]{1,400})»")
_LEFT_OUT = re.compile(r"\[?(?:\.\.\.|…)\]?")


def unsupported_numbers(sentence: Held, passages: Sequence[Held]) -> int:
    """Returns how many numbers of a sentence the passages do not have, or have another one instead of at that place."""
    years = {value for held in passages for date in held.facts.dates for value in dict(date.parts).get("y", ())}
    units: dict[str, set[str | None]] = {}
    for held in passages:
        for other in held.facts.numbers:
            for value in other.values:
                units.setdefault(value, set()).add(other.unit)
    places = [(held, {held.reading.at[one.start]: one for one in held.facts.numbers}) for held in passages]
    count = 0
    for one in sentence.facts.numbers:
        known = set[str | None]().union(*(units.get(value, ()) for value in one.values))
        is_there = any(one.unit in (None, unit) or unit is None for unit in known)
        is_year = one.unit is None and bool(one.values & years)
        is_strange = bool(known) and None not in known and _counts_what_is_unknown(sentence.reading, one, passages)
        count += is_strange or not (is_there or is_year) or _is_other_there(sentence, one, places, _same_number)
    return count


def _same_number(one: Number, other: Number) -> bool:
    return bool(one.values & other.values) and (one.unit in (None, other.unit) or other.unit is None)


def _counts_what_is_unknown(reading: TokenizedText, one: Number, passages: Sequence[Held]) -> bool:
    """Whether a number counts what the passages do not name: 5 fortnights."""
    if one.unit or one.end >= len(reading.words) or reading.kinds[one.end] != WORD or one.end in reading.clauses:
        return False
    word = reading.words[one.end]
    return word not in EMPTY and not any(word in held.words or stem(word, 3) in held.words for held in passages)


def unsupported_dates(sentence: Held, passages: Sequence[Held]) -> int:
    """Returns how many dates and times of a sentence the passages do not have, or have another one instead of."""
    dates = {other.parts: other for held in passages for other in held.facts.dates}.values()
    years = {value for held in passages for number in held.facts.numbers for value in number.values}
    years |= {value for date in dates for name, values in date.parts if name == "y" for value in values}
    places = [(held, {held.reading.at[one.start]: one for one in held.facts.dates}) for held in passages]
    return sum(
        (
            not any(_same_date(one, other) for other in dates)
            and not (
                (bare := _without_year(one))
                and any(_same_date(bare, other) for other in dates)
                and dict(one.parts)["y"] & years
            )
        )
        or _is_other_there(sentence, one, places, _same_date)
        for one in sentence.facts.dates
    )


def _same_date(one: Date, other: Date) -> bool:
    parts = dict(other.parts)
    return all(values & parts.get(name, frozenset()) for name, values in one.parts)


def _without_year(date: Date) -> Date | None:
    parts = tuple(part for part in date.parts if part[0] != "y")
    return Date(date.start, date.end, parts) if 0 < len(parts) < len(date.parts) else None


Fact = TypeVar("Fact", Number, Date)


def _is_other_there(
    sentence: Held, one: Fact, passages: Sequence[tuple[Held, Mapping[int, Fact]]], same: Callable[[Fact, Fact], bool]
) -> bool:
    """Whether the passages have another number, or date, at the place at which the sentence has one."""
    reading = sentence.reading
    span = reading.span(one.start, one.end)
    best = {True: 0, False: 0}
    for held, starts in passages:
        other = held.reading
        for gap in gaps_like(reading, span[0], other):
            fact = starts.get(gap)
            if fact is None:
                continue
            before, after = around(reading.stream, span, other.stream, other.span(fact.start, fact.end))
            is_same = same(one, fact)
            if is_same or (before and after):
                best[is_same] = max(best[is_same], before + after)
    return best[False] >= SURE and best[False] > best[True] + 1


def unsupported_names(sentence: Held, passages: Sequence[Held]) -> int:
    """Returns how many names of a sentence the passages do not have, or have another one instead of at that place."""
    reading = sentence.reading
    german = is_german(reading)
    count = 0
    for start, end in runs_of(reading):
        missing = [at for at in range(start, end) if not _is_known(reading, at, passages)]
        acronyms = any(is_acronym(reading, at) for at in missing)
        later = [at for at in missing if at not in reading.starts]
        named = bool(later) and (not german or end - start > 1)
        count += acronyms or named or _is_other_name(reading, (start, end), passages, bool(missing))
    known = [held.compounds for held in passages]
    count += sum(not any(token in one for one in known) for token in set(identifiers(reading.text)))
    return count


def _is_known(reading: TokenizedText, at: int, passages: Sequence[Held]) -> bool:
    word = reading.words[at]
    short = name_stem(word)
    return any(
        word in held.words or stem(word, 3) in held.words or short in held.name_stems or word in held.initials
        for held in passages
    ) or (len(word) == 1)


def _is_other_name(reading: TokenizedText, run: tuple[int, int], passages: Sequence[Held], missing: bool) -> bool:
    span = reading.span(*run)
    name = set(reading.words[run[0] : run[1]])
    best = {True: 0, False: 0}
    for held in passages:
        other = held.reading
        for gap in gaps_like(reading, span[0], other):
            end = held.runs.get(gap)
            if end is None:
                continue
            before, after = around(reading.stream, span, other.stream, (gap, end))
            there = {other.words[other.origin[at]] for at in range(gap, end) if other.origin[at] >= 0}
            is_same = bool(there & name)
            if is_same and there != name and missing:
                is_same = False
            if is_same or (before and after):
                best[is_same] = max(best[is_same], before + after)
    return best[False] >= (SURE if missing else SURE + 1) and best[False] > best[True] + 1


def unsupported_quotes(sentence: Held, passages: Sequence[Held]) -> int:
    """Returns how many quotes of a sentence do not stand so in the passages."""
    count = 0
    for found in _QUOTED.finditer(sentence.reading.text):
        quoted = next(filter(None, found.groups()))
        parts = [" ".join(read(part).words) for part in _LEFT_OUT.split(quoted)]
        count += not all(any(f" {part} " in held.reading.joined for held in passages) for part in parts if part)
    return count
