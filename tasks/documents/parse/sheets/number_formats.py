"""Writes the number in a cell as its format shows it (ECMA-376, part 1, 18.8.30 and 18.8.31).

Two things differ from what a screen shows, so that what is written can be searched for: digits stand without separators
of thousands, and a day is written as 2026-03-01 whichever way round its format has it. A negative number has a minus.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

BUILT_IN = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?", 13: "# ??/??",
    14: "yyyy-mm-dd", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm",
    21: "h:mm:ss", 22: "yyyy-mm-dd h:mm", 37: "#,##0;-#,##0", 38: "#,##0;-#,##0", 39: "#,##0.00;-#,##0.00",
    40: "#,##0.00;-#,##0.00", 45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0", 49: "@",
    **dict.fromkeys((*range(27, 32), 34, 35, 36, *range(50, 59)), "yyyy-mm-dd"), 32: "h:mm", 33: "h:mm:ss",
}  # fmt: skip
"""The formats that a file names by number alone."""

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|[_*].|\[\$(?P<currency>[^\]-]{0,32})[^\]]{0,32}\]|\[(?P<elapsed>h{1,9}|m{1,9}|s{1,9})\]'
    r"|\[(?P<condition>[<>=]{1,2}-?[\d.]{1,32})\]|\[[^\]]{0,64}\]|(?P<general>General)|(?P<half>AM/PM|A/P)"
    r"|(?P<exponent>E[+-])|(?P<date>y+|m+|d+|h+|s+|(?<=s)\.0+|e+|g+)|(?P<digit>[0#?])|(?P<mark>[.,%/@])|(?P<other>.)",
    re.I | re.S,
)
_CONDITION = re.compile(r"([<>=]+)(.+)")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December")  # fmt: skip
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MOST_DAYS = 2_958_466
"""The first day that is none: 10000-01-01."""


class _Token(NamedTuple):
    kind: str
    text: str


class _Section(NamedTuple):
    tokens: tuple[_Token, ...]
    condition: tuple[str, float] | None


def general(value: float) -> str:
    """A number without a format: 1998 and not 1998.0, and no digits that the file does not have."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else f"{value:.15g}"


def formatted(value: float, code: str, *, since_1904: bool = False) -> str:
    """A number as the format `code` shows it.

    Args:
        value: the number; of a date, the days since 1899-12-30.
        since_1904: whether days are counted from 1904-01-01.
    """
    sections = _sections(code)
    section, magnitude = _chosen(sections, value)
    if not section.tokens:
        return "" if ";" in code else general(value)
    kinds = {token.kind for token in section.tokens}
    if kinds & {"date", "elapsed", "half"}:
        return _moment(value, section.tokens, since_1904)
    if "general" in kinds or not kinds & {"digit", "mark"}:
        return "".join(general(magnitude) if one.kind == "general" else one.text for one in section.tokens).strip()
    text = _number(abs(magnitude), section.tokens)
    is_negative = value < 0 and re.search("[1-9]", text) is not None
    if is_negative and text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    return f"-{text}" if is_negative and not text.startswith(("-", "\N{MINUS SIGN}")) else text


def formatted_text(text: str, code: str) -> str:
    """A text as a format shows it: formats may put something around texts."""
    if code in ("@", "General") or "@" not in code:
        return text
    tokens = _sections(code)[-1].tokens
    return "".join(text if one == ("mark", "@") else one.text if one.kind == "literal" else "" for one in tokens)


@lru_cache(maxsize=1024)
def _sections(code: str) -> tuple[_Section, ...]:
    sections: list[_Section] = []
    tokens: list[_Token] = []
    condition: tuple[str, float] | None = None

    def end() -> None:
        nonlocal condition
        sections.append(_Section(tuple(tokens), condition))
        tokens.clear()
        condition = None

    for found in _TOKEN.finditer(code):
        kind, text = found.lastgroup, found[found.lastgroup] if found.lastgroup else ""
        if kind == "other" and text == ";":
            end()
        elif kind == "condition" and (stated := _CONDITION.fullmatch(text)):
            try:
                condition = stated[1], float(stated[2])
            except ValueError:
                continue
        elif kind in ("quoted", "escaped", "currency", "other"):
            tokens.append(_Token("literal", text))
        elif kind is not None:
            tokens.append(_Token(kind, text.lower() if kind in ("date", "elapsed") else text))
    end()
    return tuple(sections)


def _chosen(sections: tuple[_Section, ...], value: float) -> tuple[_Section, float]:
    """The section that shows a value, and the value that it shows."""
    stated = [one for one in sections if one.condition is not None]
    if stated:
        rest = [one for one in sections if one.condition is None]
        return next((one for one in stated if _holds(one.condition, value)), (rest or stated)[0]), value
    numbers = [one for one in sections if _Token("mark", "@") not in one.tokens] or list(sections)
    if value < 0 and len(numbers) > 1:
        return numbers[1], -value
    if value == 0 and len(numbers) > 2:
        return numbers[2], value
    return numbers[0], value


def _holds(condition: tuple[str, float] | None, value: float) -> bool:
    if condition is None:
        return True
    sign, bound = condition
    return {
        "<": value < bound, "<=": value <= bound, ">": value > bound, ">=": value >= bound, "=": value == bound,
        "<>": value != bound,
    }.get(sign, True)  # fmt: skip


def _number(value: float, tokens: tuple[_Token, ...]) -> str:
    value = value * 100 ** sum(one == ("mark", "%") for one in tokens)
    if any(one == ("mark", "/") for one in tokens):
        return _fraction(value, tokens)
    places = [number for number, one in enumerate(tokens) if one.kind == "digit"]
    if not places:
        return "".join(one.text for one in tokens if one.text not in ",.").strip()
    exponent = next((number for number, one in enumerate(tokens) if one.kind == "exponent"), len(tokens))
    mantissa = [number for number in places if number < exponent]
    point = next((number for number, one in enumerate(tokens) if one == ("mark", ".")), exponent)
    whole, decimals = [one for one in mantissa if one < point], [one for one in mantissa if one > point]
    last = mantissa[-1] if mantissa else 0
    thousands = 0
    while last + 1 + thousands < len(tokens) and tokens[last + 1 + thousands] == ("mark", ","):
        thousands += 1
    power = 0
    amount = Decimal(repr(value)) / (Decimal(1000) ** thousands)
    if exponent < len(tokens) and amount:
        power = amount.adjusted() // max(1, len(whole)) * max(1, len(whole))
        amount = amount.scaleb(-power)
    digits = f"{amount.quantize(Decimal(1).scaleb(-len(decimals)), ROUND_HALF_UP):f}"
    integer, _, fraction = digits.partition(".")
    shown = _spread(integer.lstrip("0"), [(one, tokens[one].text) for one in whole])
    kept = len(fraction)
    while kept and fraction[kept - 1] == "0" and tokens[decimals[kept - 1]].text != "0":
        kept -= 1
    shown |= {place: fraction[number] if number < kept else "" for number, place in enumerate(decimals)}
    after = [one for one in places if one > exponent]
    shown |= _spread(str(abs(power)), [(one, tokens[one].text) for one in after])
    parts = []
    for number, one in enumerate(tokens):
        if one.kind == "digit":
            parts.append(shown.get(number, ""))
        elif one.kind == "exponent":
            parts.append("E" + ("-" if power < 0 else "+" if one.text.endswith("+") else ""))
        elif one.kind == "mark":
            is_point = number == point and (kept or not decimals)
            parts.append("%" if one.text == "%" else "." if is_point and decimals else "")
        else:
            parts.append(one.text)
    return "".join(parts).strip()


def _spread(digits: str, places: list[tuple[int, str]]) -> dict[int, str]:
    """Gives each place its digit, from the right; the first one takes what is left over."""
    shown: dict[int, str] = {}
    for number, (place, kind) in reversed(list(enumerate(places))):
        if number == 0 and len(digits) > 1:
            shown[place], digits = digits, ""
        else:
            shown[place], digits = digits[-1:] or ("0" if kind == "0" else ""), digits[:-1]
    return shown


def _fraction(value: float, tokens: tuple[_Token, ...]) -> str:
    slash = tokens.index(_Token("mark", "/"))
    below = [one for one in tokens[slash + 1 :] if one.kind == "digit"]
    stated = "".join(one.text for one in tokens[slash + 1 :] if one.kind == "literal" and one.text.isdigit())
    gaps = [number for number, one in enumerate(tokens[:slash]) if one.kind == "literal" and one.text.isspace()]
    whole = int(value) if gaps else 0
    rest = Fraction(value - whole)
    if stated:
        top, bottom = round(rest * int(stated)), int(stated)
    else:
        near = rest.limit_denominator(10 ** max(1, len(below)) - 1)
        top, bottom = near.numerator, near.denominator
    if gaps and top == bottom:
        whole, top = whole + 1, 0
    parts = [str(whole)] if whole or not top else []
    return " ".join([*parts, f"{top}/{bottom}"] if top else parts or ["0"])


def _moment(value: float, tokens: tuple[_Token, ...], since_1904: bool) -> str:
    if not 0 <= value < _MOST_DAYS:
        return general(value)
    units = _units(tokens)
    elapsed = next((one for one in tokens if one.kind == "elapsed"), None)
    seconds = Decimal(repr(value)) * 86400
    decimals = max((len(one.text) - 1 for one in tokens if one.text.startswith(".0")), default=0)
    seconds = seconds.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    # Lotus 1-2-3 took 1900 for a leap year, and so do all since: before March of that year days are one behind.
    start = datetime(1904, 1, 1) if since_1904 else datetime(1899, 12, 31 if value < 60 else 30)  # noqa: DTZ001
    try:
        moment = start + timedelta(seconds=float(seconds))
    except OverflowError:
        return general(value)
    if {"y", "month", "d"} <= units and elapsed is None:
        time = "" if "h" not in units else f" {moment:%H:%M:%S}" if "s" in units else f" {moment:%H:%M}"
        return f"{moment:%Y-%m-%d}{time}"
    return _parts_of(moment, seconds, tokens).strip()


def _units(tokens: tuple[_Token, ...]) -> set[str]:
    kinds = [one for one in tokens if one.kind in ("date", "elapsed")]
    found = set()
    for number, one in enumerate(kinds):
        letter = one.text[0]
        if letter == "m":
            letter = "minute" if _is_minute(kinds, number) else "month"
        found.add("y" if letter in "eg" else letter)
    return found


def _is_minute(kinds: list[_Token], number: int) -> bool:
    before = kinds[number - 1].text[0] if number else ""
    after = kinds[number + 1].text[0] if number + 1 < len(kinds) else ""
    return kinds[number].kind == "elapsed" or before == "h" or after == "s"


def _parts_of(moment: datetime, seconds: Decimal, tokens: tuple[_Token, ...]) -> str:
    kinds = [one for one in tokens if one.kind in ("date", "elapsed")]
    halves, number, parts = any(one.kind == "half" for one in tokens), -1, []
    for one in tokens:
        if one.kind == "half":
            parts.append("AM" if moment.hour < 12 else "PM")
            continue
        if one.kind not in ("date", "elapsed"):
            parts.append(one.text)
            continue
        number += 1
        letter, width = one.text[0], len(one.text)
        if one.kind == "elapsed":
            total = int(seconds) // {"h": 3600, "m": 60, "s": 1}[letter]
            parts.append(f"{total:0{width}}")
        elif letter == "m" and not _is_minute(kinds, number):
            name = _MONTHS[moment.month - 1]
            parts.append({1: str(moment.month), 2: f"{moment.month:02}", 3: name[:3], 5: name[0]}.get(width, name))
        elif letter == "d" and width > 2:
            parts.append(_WEEKDAYS[moment.weekday()][: 3 if width == 3 else None])
        elif letter in "yeg":
            parts.append(f"{moment:%Y}" if width > 2 or letter != "y" else f"{moment:%y}")
        elif letter == ".":
            parts.append(f"{seconds % 1:.{width - 1}f}"[1:])
        else:
            hour = (moment.hour - 1) % 12 + 1 if halves else moment.hour
            shown = {"h": hour, "m": moment.minute, "s": moment.second, "d": moment.day}[letter]
            parts.append(f"{shown:0{min(width, 2)}}")
    return "".join(parts)
