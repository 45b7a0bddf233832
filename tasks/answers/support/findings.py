"""What of a sentence its passages do not have: numbers, dates, names and quotes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from freshet.tasks.answers.support.aligned import around, gaps_like
from freshet.tasks.answers.support.facts import Date, Number
from freshet.tasks.answers.support.held import Held
from freshet.tasks.answers.support.names import identifiers, is_acronym, is_german, name_stem, runs_of
from freshet.tasks.answers.support.reading import WORD, Reading, read
from freshet.tasks.answers.support.vocabulary import EMPTY
from freshet.tasks.text.stems import stem

SURE = 3
"""As many words around a place must agree, for what stands there to be held against the sentence."""

_QUOTED = re.compile(r"(?<![\w\"])\"(?=[^\s\"])([^\"\n]{1,400})\"|[“„]([^“”„\n]{1,400})[”“]|«([^«»\n]{1,400})»")
_LEFT_OUT = re.compile(r"\[?(?:\.\.\.|…)\]?")


def unsupported_numbers(sentence: Held, passages: Sequence[Held]) -> int:
    """Returns how many numbers of a sentence the passages do not have, or have another one instead of at that place."""
    years = {value for held in passages for date in held.facts.dates for value in dict(date.parts).get("y", ())}
    return sum(
        _has_strange_unit(sentence, one, passages)
        or (
            not any(_same_number(one, other) for held in passages for other in held.facts.numbers)
            and not (one.unit is None and one.values & years)
        )
        or _is_other_there(sentence, one, [(held, held.facts.numbers) for held in passages], _same_number)
        for one in sentence.facts.numbers
    )


def _has_strange_unit(sentence: Held, one: Number, passages: Sequence[Held]) -> bool:
    """Whether a number counts what the passages do not name, while they have it with a unit only: 5 fortnights."""
    reading = sentence.reading
    if one.unit or one.end >= len(reading.words) or reading.kinds[one.end] != WORD or one.end in reading.clauses:
        return False
    word = reading.words[one.end]
    if word in EMPTY or any(word in held.words or stem(word, 3) in held.words for held in passages):
        return False
    units = [other.unit for held in passages for other in held.facts.numbers if other.values & one.values]
    return bool(units) and all(units)


def _same_number(one: Number, other: Number) -> bool:
    if not one.values & other.values:
        return False
    return one.unit is None or one.unit == other.unit or (other.unit is None) or {one.unit, other.unit} == {"th", None}


def unsupported_dates(sentence: Held, passages: Sequence[Held]) -> int:
    """Returns how many dates and times of a sentence the passages do not have, or have another one instead of."""
    dates = [other for held in passages for other in held.facts.dates]
    years = {value for held in passages for number in held.facts.numbers for value in number.values}
    years |= {value for date in dates for name, values in date.parts if name == "y" for value in values}
    return sum(
        (
            not any(_same_date(one, other) for other in dates)
            and not (
                (bare := _without_year(one))
                and any(_same_date(bare, other) for other in dates)
                and dict(one.parts)["y"] & years
            )
        )
        or _is_other_there(sentence, one, [(held, held.facts.dates) for held in passages], _same_date)
        for one in sentence.facts.dates
    )


def _same_date(one: Date, other: Date) -> bool:
    parts = dict(other.parts)
    return all(values & parts.get(name, frozenset()) for name, values in one.parts)


def _without_year(date: Date) -> Date | None:
    parts = tuple(part for part in date.parts if part[0] != "y")
    return Date(date.start, date.end, parts) if 0 < len(parts) < len(date.parts) else None


def _is_other_there(
    sentence: Held,
    one: Number | Date,
    passages: Iterable[tuple[Held, Sequence[Number | Date]]],
    same: Callable[[Any, Any], bool],
) -> bool:
    reading = sentence.reading
    span = reading.span(one.start, one.end)
    best = {True: 0, False: 0}
    for held, facts in passages:
        other = held.reading
        starts = {other.at[fact.start]: fact for fact in facts}
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


def _is_known(reading: Reading, at: int, passages: Sequence[Held]) -> bool:
    word = reading.words[at]
    short = name_stem(word)
    return any(
        word in held.words or stem(word, 3) in held.words or short in held.name_stems or word in held.initials
        for held in passages
    ) or (len(word) == 1)


def _is_other_name(reading: Reading, run: tuple[int, int], passages: Sequence[Held], missing: bool) -> bool:
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
