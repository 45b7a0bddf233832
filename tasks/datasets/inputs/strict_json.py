"""JSON as RFC 8259 has it and nothing beyond: no NaN, no key twice, no half characters, no numbers that lose digits.

Python's own decoder does the reading. Most rows go through it once; of one in which something may be wrong, each value
is looked at, so that the error can name the field.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from freshet.tasks.datasets.inputs.rows import Unsound, shown

MOST_NESTED = 100
"""Levels of lists and objects: nothing that trains goes deeper, and writing it again recurses."""

_LONGEST_PATH = 200
_CONSTANT = re.compile(r'"(?:[^"\\]|\\.)*+"|(?P<constant>-?Infinity|NaN)', re.DOTALL)
_PLAIN_KEY = re.compile(r"[^\W\d][\w-]*")
_BOM = b"\xef\xbb\xbf"
_Path = tuple[str | int, ...]


class _Odd(ValueError):
    """The quick decoder met something that JSON has not, and cannot tell in which field."""


class _Fault:
    """What stands in place of a value that JSON has not: a code, what is wrong, and the key that is named twice."""

    def __init__(self, why: str, code: str = "ROW-UNREADABLE", key: str | None = None) -> None:
        """Takes what an `Unsound` will say."""
        self.why = why
        self.code = code
        self.key = key


def parse(data: bytes) -> Any:
    """Returns the one JSON value that `data` holds.

    Raises:
        Unsound: ROW-UNREADABLE with `line`, `column` and `why`; ROW-ENCODING with the field or `byte`, from 1;
            ROW-REPEATED-KEY with the path of the key.
    """
    data = data.removeprefix(_BOM)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse_bytes(data, error)
    try:
        value = _QUICK.decode(text)
        # Half characters come of escapes, and depth comes of brackets.
        if "\\ud" not in text and "\\uD" not in text and text.count("[") + text.count("{") <= MOST_NESTED:
            return value
    except (ValueError, RecursionError):
        value = _load(text)
    found = _find_fault(value, (), 1)
    if found is None:
        return value
    path, fault = found
    where: dict[str, Any] = {"field": path_of(path)}
    if fault.code == "ROW-UNREADABLE":
        where["line"], where["column"] = _constant_place(text)
    raise Unsound(fault.code, why=fault.why, **where)


def _load(text: str) -> Any:
    """Decodes a text with a fault in place of whatever JSON has not."""
    try:
        return _SLOW.decode(text)
    except json.JSONDecodeError as error:
        message = error.msg.removesuffix(" at").removesuffix(" starting")
        why = "something follows the value" if message == "Extra data" else message
        raise Unsound("ROW-UNREADABLE", line=error.lineno, column=error.colno, why=why) from None
    except RecursionError:
        raise Unsound("ROW-UNREADABLE", line=1, column=1, why=_TOO_DEEP.why) from None


_TOO_DEEP = _Fault(f"nested more than {MOST_NESTED} levels deep")
_HALF = _Fault("half a character (a lone surrogate)", "ROW-ENCODING")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Fault:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    keys = [key for key, _ in pairs]
    repeated = next(key for at, key in enumerate(keys) if key in keys[:at])
    return _Fault("the key stands there twice", "ROW-REPEATED-KEY", repeated)


def _float(literal: str) -> float | _Fault:
    number = float(literal)
    return number if abs(number) != math.inf else _Fault("the number is larger than any computer's")


def _int(literal: str) -> int | _Fault:
    try:
        return int(literal)
    except ValueError:
        return _Fault("the number has more digits than Python reads, which are 4300")


def _constant(name: str) -> _Fault:
    return _Fault(f"JSON has no {name}")


def _sound_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Odd
    return found


def _sound_float(literal: str) -> float:
    number = float(literal)
    if number in (math.inf, -math.inf):
        raise _Odd
    return number


def _no_constant(name: str) -> NoReturn:
    raise _Odd(name)


_QUICK = json.JSONDecoder(object_pairs_hook=_sound_object, parse_constant=_no_constant, parse_float=_sound_float)
_SLOW = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_int)


def _refuse_bytes(data: bytes, error: UnicodeDecodeError) -> NoReturn:
    """Says which bytes are no UTF-8, and in which field where that can be known."""
    at = error.start
    surrogate = data[at] == 0xED and at + 1 < len(data) and 0xA0 <= data[at + 1] <= 0xBF
    why = "bytes of half a character (a lone surrogate)" if surrogate else "bytes that are no UTF-8"
    try:
        found = _find_fault(_load(data.decode("utf-8", "surrogateescape")), (), 1)
    except Unsound:
        found = None
    field = path_of(found[0]) if found and found[1] is _HALF else None
    raise Unsound("ROW-ENCODING", field=field, byte=at + 1, why=why) from None


def _find_fault(value: Any, path: _Path, depth: int) -> tuple[_Path, _Fault] | None:
    """Finds the first value that is not sound, and returns its path and what is wrong."""
    if isinstance(value, _Fault):
        return (path if value.key is None else (*path, value.key)), value
    if isinstance(value, str):
        return (path, _HALF) if _is_half(value) else None
    if not isinstance(value, dict | list):
        return None
    if depth > MOST_NESTED:
        return path, _TOO_DEEP
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(key, str) and _is_half(key):
            return (*path, key), _HALF
        found = _find_fault(item, (*path, key), depth + 1)
        if found is not None:
            return found
    return None


def _is_half(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)


def _constant_place(text: str) -> tuple[int, int]:
    """Returns line and column of the first NaN or Infinity, from 1; of the text where it has none."""
    for match in _CONSTANT.finditer(text):
        if match["constant"]:
            start = match.start()
            return text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
    return 1, 1


def path_of(path: _Path) -> str | None:
    """Writes a path as people do, like `messages[2].content`; None for the whole."""
    out = ""
    for step in path:
        if isinstance(step, int):
            out += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            out += f".{step}" if out else step
        else:
            out += f"[{json.dumps(shown(step), ensure_ascii=False)}]"
    return out[:_LONGEST_PATH] or None
