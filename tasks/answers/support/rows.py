"""Finds numbers of a sentence that its passages give to another row of a table, or to another part of a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from freshet.tasks.answers.support.held import Held, held
from freshet.tasks.answers.support.tokenized import WORD, TokenizedText
from freshet.tasks.answers.support.vocabulary import EMPTY
from freshet.tasks.text.stems import stem

_CELL = re.compile(r"[|\t]")
_RULE = re.compile(r"[\s|:+=-]+")
_PART = re.compile(r"[,;]\s|\sand\s|\sund\s|(?<=[.!?])\s|\n")
_PLAIN = re.compile(r"\+?[0-9]+(?:(?:\) | \(|[ /.()-])[0-9]+)*")
_LEAST_DIGITS = 7


@dataclass(frozen=True)
class Row:
    """A part of a passage that speaks of one thing: what it is called, as stems or words, and the values it has."""

    name: frozenset[str]
    values: frozenset[str]


def misplaced(sentence: Held, passages: Sequence[Held]) -> int:
    """Returns how many numbers of a sentence stand in the passages only with what it does not speak of."""
    if not sentence.facts.numbers:
        return 0
    said = _stems(sentence.reading).union(sentence.reading.words)
    own: set[str] = set()
    elsewhere: set[str] = set()
    for passage in passages:
        table, prose = _table(passage.raw)
        groups, rest = _parallel(prose)
        own |= rest
        for rows in (table, *groups):
            named = [row for row in rows if row.name and row.name <= said]
            named = [row for row in named if not any(row.name < other.name for other in named)]
            own.update(*(row.values for row in named))
            elsewhere.update(*(row.values for row in rows if named))
    return sum(bool(one.values & elsewhere) and not one.values & own for one in sentence.facts.numbers)


def _stems(reading: TokenizedText) -> frozenset[str]:
    words = zip(reading.words, reading.kinds, strict=True)
    return frozenset(stem(word, 3) if kind == WORD else word for word, kind in words if word not in EMPTY)


def _values(text: Held) -> frozenset[str]:
    numbers = frozenset(value for number in text.facts.numbers for value in number.values)
    return numbers.union(value for date in text.facts.dates for _, values in date.parts for value in values)


def _table(text: str) -> tuple[list[Row], str]:
    """Returns the rows of a passage's tables, and the lines that are no rows."""
    rows, prose = [], []
    for line in text.splitlines():
        if not _CELL.search(line):
            prose.append(line)
            continue
        cells = [cell for cell in _CELL.split(line) if cell.strip()]
        if len(cells) > 1 and not _RULE.fullmatch(line):
            rows.append(Row(_stems(held(cells[0]).reading), _values(held(line))))
    return rows, "\n".join(prose)


def _parallel(prose: str) -> tuple[list[list[Row]], set[str]]:
    """Finds neighbouring parts that have one number each, after the same word: daily for 35 days, yearly for 7.

    Returns:
        the pairs of them, and the values of all other parts.
    """
    pairs: list[list[Row]] = []
    rest: set[str] = set()
    last: tuple[str, str, Row] | None = None
    is_paired = False
    for part in _PART.split(prose):
        read = held(part)
        numbers = read.facts.numbers
        words = [word for word in read.reading.words if word not in EMPTY]
        one: tuple[str, str, Row] | None = None
        if len(numbers) == 1 and not read.facts.dates and numbers[0].start and words and read.reading.kinds[0] == WORD:
            before = read.reading.words[numbers[0].start - 1]
            alike = "" if before == words[0] else before
            one = alike, words[0], Row(frozenset({words[0]}), numbers[0].values)
        if one and last and one[0] == last[0] and one[1] != last[1]:
            pairs.append([last[2], one[2]])
            last, is_paired = one, True
            continue
        rest |= last[2].values if last and not is_paired else set()
        rest |= _values(read) if one is None else set()
        last, is_paired = one, False
    return pairs, rest | (last[2].values if last and not is_paired else set())


def cut_off(sentence: Held, passages: Sequence[Held]) -> int:
    """Returns how many numbers in groups, such as those of telephones, are the beginning of a longer one only."""
    wanted = {digits for digits in _runs(sentence.raw) if len(digits) >= _LEAST_DIGITS}
    if not wanted:
        return 0
    known = {digits for passage in passages for digits in _runs(passage.raw)}
    return sum(one not in known and any(other.startswith(one) for other in known) for one in wanted)


def _runs(text: str) -> Iterator[str]:
    for found in _PLAIN.finditer(text):
        yield "".join(char for char in found.group() if char.isdigit())
