"""The numbers, with their units, and the dates and times of a text."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass

from freshet.tasks.answers.support.tokenized import CHAR, NUMBER, SIGN, WORD, TokenizedText, values_of
from freshet.tasks.answers.support.vocabulary import (
    ALSO_WORDS,
    AS_TWO,
    CARDINALS,
    CURRENCIES,
    MONTHS,
    ORDINALS,
    SCALES,
    TENS,
    UNITS,
    WEEKDAYS,
    WEEKDAYS_SHORT,
)

_SUFFIXES = frozenset({"st", "nd", "rd", "th", "s", "er", "ème", "e"})
_LONGEST = 30
_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?!\d)")
_NUMERIC = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{4}|\d{2})(?!\d)")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::\d{2})?")
_FOUR = 4
_MOST_DAY, _MOST_MONTH, _NOON = 31, 12, 12
_HUNDREDTHS = {"cent": "%", "ciento": "%", "mille": "‰", "mil": "‰", "mill": "‰"}
_HALVES = frozenset({"am", "pm", "a", "p"})
_RANGES = frozenset({"to", "or", "and", "bis", "oder", "und", "à", "ou", "et", "a", "y", "o"})


@dataclass(frozen=True, slots=True)
class Number:
    """A number, at the words from `start` to before `end`; what it may be, and its unit."""

    start: int
    end: int
    values: frozenset[str]
    unit: str | None


@dataclass(frozen=True, slots=True)
class Date:
    """A date, a weekday or a time of day: by the name of a part (`y`, `m`, `d`, `weekday`, `time`), what it may be."""

    start: int
    end: int
    parts: tuple[tuple[str, frozenset[str]], ...]


@dataclass(frozen=True)
class Facts:
    """The facts of a text, in its order."""

    numbers: tuple[Number, ...]
    dates: tuple[Date, ...]


def facts_of(reading: TokenizedText) -> Facts:
    """Returns the numbers and dates of a text; a number that is part of a date, or of a name (`S-12`), is none."""
    dates: list[Date] = []
    numbers: list[Number] = []
    at = 0
    while at < len(reading.words):
        date = _date(reading, at)
        if date is not None:
            dates.append(date)
            at = date.end
            continue
        number = _number(reading, at)
        if number is not None:
            numbers.append(number)
            at = number.end
            continue
        at += 1
    return Facts(tuple(_with_units_of_ranges(reading, numbers)), tuple(dates))


def _gap(reading: TokenizedText, at: int) -> str:
    """What stands between a word and the next, without what lies farther off."""
    if at + 1 >= len(reading.words) or at < 0:
        return "\n"
    start, end = reading.spans[at][1], reading.spans[at + 1][0]
    return reading.text[start : min(end, start + 5)]


def _word(reading: TokenizedText, at: int) -> str:
    return reading.words[at] if 0 <= at < len(reading.words) else ""


def _is_joined(reading: TokenizedText, at: int) -> bool:
    """Whether a number is a part of a name, as in S-12, v2, x86_64 or 3D."""
    start, end = reading.spans[at]
    before = reading.text[max(0, start - 2) : start]
    if (at and reading.kinds[at - 1] == CHAR) or reading.kinds[at + 1 : at + 2] == [CHAR]:
        return False
    if before[-1:].isalpha() or before[-1:] == "_" or (before[-1:] in "-/.#" and before[:1].isalpha() and before[1:]):
        return True
    after = reading.text[end : end + 1]
    if after == "_" or (after == "-" and reading.text[end + 1 : end + 2].isalpha() and _is_code(reading, at)):
        return True
    following = _word(reading, at + 1)
    return after.isalpha() and following not in UNITS and following not in SCALES and following not in _SUFFIXES | {"m"}


def _is_code(reading: TokenizedText, at: int) -> bool:
    """Whether what a hyphen joins to a number is part of a name: `4-B`, not `5-day`."""
    following = _word(reading, at + 1)
    return bool(following) and reading.is_capital[at + 1] and following not in UNITS


def _number(reading: TokenizedText, at: int) -> Number | None:
    kind, word = reading.kinds[at], reading.words[at]
    end = at + 1
    ordinal = False
    if kind == NUMBER:
        start, stop = reading.spans[at]
        if _is_joined(reading, at):
            return None
        values = values_of(reading.text[start:stop])
        if _word(reading, end) in _SUFFIXES and not _gap(reading, at):
            ordinal = _word(reading, end) != "s"
            end += 1
    elif kind == WORD and word in CARDINALS:
        values = [CARDINALS[word]]
        following = CARDINALS.get(_word(reading, end), "")
        if values[0] in TENS and len(following) == 1 and _gap(reading, at) in ("-", " "):
            values = [values[0][0] + following]
            end += 1
    elif (
        kind == WORD and word in ORDINALS and not (word == "second" and _word(reading, at - 1) in ("a", "per", "each"))
    ):
        return Number(at, end, frozenset({ORDINALS[word]}), "th")
    elif kind == WORD and word in AS_TWO:
        return Number(at, end, frozenset({"2"}), None)
    else:
        return None
    currency = UNITS.get(_word(reading, at - 1)) if at else None
    currency = currency if currency in CURRENCIES and len(_gap(reading, at - 1)) <= 1 else None
    sign = "-" if reading.kinds[at - 1 : at] == [SIGN] and _word(reading, at - 1) in "-−" and at else ""
    while (scale := SCALES.get(_word(reading, end))) and _gap(reading, end - 1) in ("", " ", "-", "\n"):
        values = [_scaled(value, scale) for value in values]
        end += 1
    if currency and _word(reading, end) == "m" and len(_gap(reading, end - 1)) == 0:
        values, end = [_scaled(value, 6) for value in values], end + 1
    unit, end = ("th", end) if ordinal else _unit(reading, end, currency)
    if unit in CURRENCIES:
        values = [value.rstrip("0").rstrip(".") if "." in value else value for value in values]
    return Number(at, end, frozenset(sign + value for value in values), unit)


def _unit(reading: TokenizedText, end: int, currency: str | None) -> tuple[str | None, int]:
    word = _word(reading, end)
    if _gap(reading, end - 1) not in ("", " ", "-", "\u00a0", "\n"):
        return currency, end
    if word in ("per", "pour", "por") and (hundredth := _HUNDREDTHS.get(_word(reading, end + 1))):
        return hundredth, end + 2
    if word == "°" and _word(reading, end + 1) in ("c", "f"):
        return f"°{_word(reading, end + 1)}", end + 2
    if currency is None and word in UNITS:
        return UNITS[word], end + 1
    return currency, end


def _scaled(value: str, zeros: int) -> str:
    whole, _, rest = value.partition(".")
    if len(value) > _LONGEST or not (whole + rest).isdigit():
        return value
    moved = f"{whole}{rest[:zeros].ljust(zeros, '0')}".lstrip("0") or "0"
    return f"{moved}.{rest[zeros:]}" if rest[zeros:].strip("0") else moved


def _with_units_of_ranges(reading: TokenizedText, numbers: list[Number]) -> list[Number]:
    """Gives the first number of a range the unit of the second: 5 to 10 days."""
    for at in range(len(numbers) - 2, -1, -1):
        one, following = numbers[at], numbers[at + 1]
        between = reading.words[one.end : following.start]
        near = reading.spans[following.start][0] - reading.spans[one.end - 1][1] <= len(" bis ") + 1
        joined = between in ([], ["-"]) or (len(between) == 1 and between[0] in _RANGES)
        if one.unit is None and following.unit and near and joined:
            numbers[at] = Number(one.start, one.end, one.values, following.unit)
    return numbers


def _date(reading: TokenizedText, at: int) -> Date | None:
    kind, word = reading.kinds[at], reading.words[at]
    if kind == NUMBER:
        return _numeric(reading, at) or _clock(reading, at) or _day_first(reading, at)
    if kind != WORD:
        return None
    if word in WEEKDAYS or (word in WEEKDAYS_SHORT and reading.is_capital[at]):
        weekday = WEEKDAYS[word] if word in WEEKDAYS else WEEKDAYS_SHORT[word]
        return Date(at, at + 1, (("weekday", frozenset({weekday})),))
    month = _month(reading, at)
    if month is None:
        return None
    parts, end = {"m": month}, at + 1
    day = _day(reading, end)
    if day is not None and _gap(reading, at).strip(" .\n") == "":
        parts["d"], end = day, end + 1
        end += _word(reading, end) in _SUFFIXES
    return _with_year(reading, at, end, parts)


def _month(reading: TokenizedText, at: int) -> str | None:
    word = _word(reading, at)
    if word not in MONTHS or (word in ALSO_WORDS and not reading.is_capital[at]):
        return None
    return None if word in ALSO_WORDS and at in reading.starts and not _day(reading, at + 1) else MONTHS[word]


def _day(reading: TokenizedText, at: int) -> str | None:
    word = _word(reading, at)
    return str(int(word)) if word.isdecimal() and len(word) <= 2 and 1 <= int(word) <= _MOST_DAY else None


def _day_first(reading: TokenizedText, at: int) -> Date | None:
    day = _day(reading, at)
    end = at + 1
    while end <= at + 2 and (_word(reading, end) in _SUFFIXES or _word(reading, end) in ("of", "de")):
        end += 1
    month = _month(reading, end)
    if day is None or month is None or _gap(reading, end - 1).strip(" .\n"):
        return None
    return _with_year(reading, at, end + 1, {"d": day, "m": month})


def _with_year(reading: TokenizedText, at: int, end: int, parts: dict[str, str]) -> Date:
    then = end + (_word(reading, end) in ("of", "de"))
    word = _word(reading, then)
    if word.isdecimal() and len(word) == _FOUR and _gap(reading, end - 1).strip(" ,\n") in ("", "of"):
        parts, end = {**parts, "y": word}, then + 1
    return Date(at, end, tuple((name, frozenset({value})) for name, value in parts.items()))


def _numeric(reading: TokenizedText, at: int) -> Date | None:
    start = reading.spans[at][0]
    found = _ISO.match(reading.text, start)
    if found:
        y, m, d = found.groups()
        days, months = {str(int(d))}, {str(int(m))}
    else:
        found = _NUMERIC.match(reading.text, start)
        if not found:
            return None
        first, second, y = found.groups()
        if int(first) > _MOST_DAY or int(second) > _MOST_DAY or min(int(first), int(second)) > _MOST_MONTH:
            return None
        both = {str(int(first)), str(int(second))}
        days, months = both, {one for one in both if int(one) <= _MOST_MONTH}
    end = at + 1
    while end < len(reading.words) and reading.spans[end][0] < found.end():
        end += 1
    if reading.spans[end - 1][1] > found.end() or not months:
        return None
    years = frozenset({y}) if len(y) == _FOUR else frozenset({f"19{y}", f"20{y}"})
    return Date(at, end, (("d", frozenset(days)), ("m", frozenset(months)), ("y", years)))


def _clock(reading: TokenizedText, at: int) -> Date | None:
    word, end = reading.words[at], at + 1
    found = _CLOCK.fullmatch(word)
    half = _word(reading, end)
    is_half = half in _HALVES and _gap(reading, at) in ("", " ")
    if half in ("a", "p") and _word(reading, end + 1) != "m":
        is_half = False
    if not found and not is_half and not (half == "uhr" and _gap(reading, at) == " "):
        return None
    with suppress(ValueError):
        hour, minute = (int(found[1]), found[2]) if found else (int(word), "00")
        if is_half:
            end += 1 if len(half) > 1 else 2
            hour = hour % _NOON + (_NOON if half.startswith("p") else 0)
        return Date(at, end + (half == "uhr"), (("time", frozenset({f"{hour}:{minute}"})),))
    return None
