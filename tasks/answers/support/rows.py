"""Finds numbers of a sentence that its passages give to another row of a table, or to another part of a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from freshet.tasks.answers.support.facts import Number
from freshet.tasks.answers.support.held import Held
from freshet.tasks.answers.support.tokenized import WORD, TokenizedText, read
from freshet.tasks.answers.support.vocabulary import EMPTY
from freshet.tasks.text.stems import stem

_CELL = re.compile(r"[|\t]")
_RULE = re.compile(r"[\s|:+=-]+")
_PART = re.compile(r"[,;]\s|\sand\s|\sund\s|(?<=[.!?])\s|\n")
_PLAIN = re.compile(r"\+?[0-9]+(?:(?:\) | \(|[ /.()-])[0-9]+)*")
_LEAST_DIGITS = 7
_SAME = 3


@dataclass(frozen=True)
class Row:
    """A part of a passage that speaks of one thing.

    Attributes:
        name: what it is called, as stems or words.
        values: its numbers.
        cells: those of a row of a table, cell by cell.
        columns: what the columns of its table are called, as stems.
    """

    name: frozenset[str]
    values: frozenset[str]
    cells: tuple[frozenset[str], ...] = ()
    columns: tuple[frozenset[str], ...] = ()


def misplaced(sentence: Held, passages: Sequence[Held]) -> int:
    """Returns how many numbers of a sentence stand in the passages only with what it does not speak of."""
    numbers = sentence.facts.numbers
    if not numbers:
        return 0
    said = _stems(sentence.reading).union(sentence.reading.words)
    free: set[str] = set()
    groups: list[list[Row]] = []
    for passage in passages:
        found, rest = _rows(passage.raw)
        groups += found
        free |= rest
    wrong: set[int] = set()
    right: set[int] = set()
    for rows in groups:
        named = [row for row in rows if row.name and row.name <= said]
        names = {row.name for row in named}
        longest = {name for name in names if not any(name < other for other in names)}
        named = [row for row in named if row.name in longest]
        if named:
            values = frozenset[str]().union(*(row.values for row in rows))
            chosen = [one for one in numbers if one.values & values]
            fitting = {one.start for one, row in _assigned(sentence.reading, chosen, named) if one.values & row.values}
            if len(named) == 1 and len(chosen) == 1 and _is_of_another_column(chosen[0], named[0], said):
                fitting = set()
            right |= fitting
            others = [one for one in chosen if one.start not in fitting and not one.values & free]
            wrong |= {one.start for one in others if not _may_be_named(one, rows, named, said)}
    return len(wrong - right)


def _assigned(reading: TokenizedText, numbers: Sequence[Number], rows: Sequence[Row]) -> Iterator[tuple[Number, Row]]:
    """Yields each number with the rows that it may belong to: the one it alternates with, or else all."""
    places = {}
    for row in rows:
        at = next((at for at, word in enumerate(reading.words) if {word, stem(word, 3)} & row.name), -1)
        places[at] = row
    order = sorted([*places, *(one.start for one in numbers)])
    alternates = len(places) == len(rows) == len(numbers) and all(
        (one in places) != (other in places) for one, other in pairwise(order)
    )
    for one in numbers:
        if alternates and len(order) == len(set(order)):
            at = order.index(one.start)
            yield one, places[order[at - 1 if order[0] in places else at + 1]]
        else:
            yield from ((one, row) for row in rows)


def _may_be_named(one: Number, rows: Sequence[Row], named: Sequence[Row], said: frozenset[str]) -> bool:
    """Whether a row with the number is named in a shorter or longer form: the maximum size, Max size."""
    known = frozenset[str]().union(*(row.name for row in named))
    parts = {word[:_SAME] for row in rows if row.cells and one.values & row.values for word in row.name - known}
    return any(word[:_SAME] in parts for word in said - known)


def _is_of_another_column(one: Number, row: Row, said: frozenset[str]) -> bool:
    """Whether a sentence names one column of a table, and has a number that stands in the row in another one only."""
    named = [at for at, name in enumerate(row.columns) if at and name and name <= said]
    here = [at for at, values in enumerate(row.cells) if at and one.values & values]
    return len(named) == 1 and bool(here) and named[0] not in here


def _fresh(text: str) -> Held:
    """Reads a part of a passage, and leaves the cache to whole ones."""
    return Held(text, read(text))


def _stems(reading: TokenizedText) -> frozenset[str]:
    words = zip(reading.words, reading.kinds, strict=True)
    return frozenset(stem(word, 3) if kind == WORD else word for word, kind in words if word not in EMPTY)


def _values(text: Held) -> frozenset[str]:
    numbers = frozenset(value for number in text.facts.numbers for value in number.values)
    return numbers.union(value for date in text.facts.dates for _, values in date.parts for value in values)


@lru_cache(maxsize=256)
def _rows(text: str) -> tuple[list[list[Row]], set[str]]:
    """Returns the tables and lists of a passage, and the values that stand outside of them."""
    tables, prose = _tables(text)
    lists, rest = _parallel(prose, is_behind=False)
    others, kept = _parallel(prose, is_behind=True)
    # The first row of a table is its head.
    return [*(rows[1:] for rows in tables), *lists, *others], rest & kept


def _tables(text: str) -> tuple[list[list[Row]], str]:
    """Returns the rows of a passage's tables, and the lines that are no rows."""
    tables: list[list[Row]] = [[]]
    prose: list[str] = []
    columns: tuple[frozenset[str], ...] = ()
    for line in text.splitlines():
        cells = [_fresh(cell) for cell in _CELL.split(line.strip().strip("|"))]
        if len(cells) == 1:
            prose.append(line)
            if tables[-1]:
                tables.append([])
        elif not _RULE.fullmatch(line):
            names = tuple(_stems(cell.reading) for cell in cells)
            columns = columns if tables[-1] else names
            values = tuple(_values(cell) for cell in cells)
            known = columns if len(columns) == len(cells) else ()
            tables[-1].append(Row(names[0], frozenset[str]().union(*values), values, known))
    return tables, "\n".join(prose)


def _parallel(prose: str, *, is_behind: bool) -> tuple[list[list[Row]], set[str]]:
    """Finds neighbouring parts that have one number each, beside the same word: daily for 35 days, yearly for 7.

    Args:
        is_behind: whether the names are looked for behind the numbers: 35 days for daily ones, 7 for yearly.

    Returns:
        the runs of them, and the values of all other parts.
    """
    runs: list[list[tuple[str, Held, Row]]] = []
    rest: set[str] = set()
    for part in _PART.split(prose):
        said = _fresh(part)
        numbers = said.facts.numbers
        one = _named_part(said, is_behind=is_behind) if len(numbers) == 1 and not said.facts.dates else None
        if one is None:
            rest |= _values(said)
            runs.append([])
            continue
        if not runs or not runs[-1] or not _is_parallel(runs[-1][-1], one):
            runs.append([])
        runs[-1].append(one)
    for run in runs:
        rest.update(*(row.values for _, _, row in run if len(run) == 1))
    return [[row for _, _, row in run] for run in runs if len(run) > 1], rest


def _named_part(part: Held, *, is_behind: bool) -> tuple[str, Held, Row] | None:
    """Returns the word beside the number of a part, and its name: its first word of meaning, or its last one."""
    words, number = part.reading.words, part.facts.numbers[0]
    names = [word for word in (words[number.end :] if is_behind else words[: number.start]) if word not in EMPTY]
    if not names:
        return None
    name = names[-1 if is_behind else 0]
    beside = words[number.end if is_behind else number.start - 1]
    if is_behind and beside not in EMPTY:
        return None
    return "" if beside == name else beside, part, Row(frozenset({name}), number.values)


def _is_parallel(one: tuple[str, Held, Row], other: tuple[str, Held, Row]) -> bool:
    """Whether two parts tell the number of two things: neither names the other's."""
    names = (one[2].name & set(other[1].reading.words)) | (other[2].name & set(one[1].reading.words))
    return one[0] == other[0] and not names


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
