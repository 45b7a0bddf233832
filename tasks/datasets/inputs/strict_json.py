"""JSON as RFC 8259 has it and nothing beyond: no NaN, no key twice, no half characters, no numbers that lose digits."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import orjson

from freshet.tasks.datasets.inputs.rows import Unsound, shown

MOST_NESTED = 100
"""Levels of lists and objects: nothing that trains goes deeper, and writing it again recurses."""

MOST_DIGITS = 1_000
_LONGEST_PATH = 200
_EXACT = 2.0**63
"""From here on orjson gives a float where the file may have an integer."""

_COLON = re.compile(rb'"[ \t\r\n]*+:')
_ESCAPED_COLON = re.compile(rb'\\"[ \t\r\n]*+:')
_CONSTANT = re.compile(r'"(?:[^"\\]|\\.)*+"|(?P<constant>-?Infinity|NaN)', re.DOTALL)
_PLAIN_KEY = re.compile(r"[^\W\d][\w-]*")
_BOM = b"\xef\xbb\xbf"


class _Odd(Exception):
    """The quick way cannot judge this row."""


class _Repeated(dict[str, Any]):
    """An object that names a key twice, until it is known where it stands."""

    key = ""


class _Fault:
    """What stands in place of a number that JSON has not."""

    def __init__(self, why: str) -> None:
        self.why = why


def parse(data: bytes) -> Any:
    """The one JSON value that `data` holds.

    Raises:
        Unsound: ROW-UNREADABLE with `line`, `column` and `why`; ROW-ENCODING with the field or `byte`, from 1;
            ROW-REPEATED-KEY with the path of the key.
    """
    try:
        value = orjson.loads(data)
        if _no_key_twice(data, _keys(value, 1)):
            return value
    except (orjson.JSONDecodeError, _Odd):
        pass
    return _parse_slowly(data)


def _keys(value: Any, depth: int) -> int:
    """How many keys all objects of the value have."""
    if depth > MOST_NESTED:
        raise _Odd
    count = len(value) if type(value) is dict else 0
    items = value.values() if type(value) is dict else value if type(value) is list else (value,)
    for item in items:
        kind = type(item)
        if kind is dict or kind is list:
            count += _keys(item, depth + 1)
        elif kind is float and not -_EXACT < item < _EXACT:
            raise _Odd
    return count


def _no_key_twice(data: bytes, keys: int) -> bool:
    """Whether as many keys were read as the text has. Within a string, a quote has a backslash before it."""
    spaced = b" :" in data or b"\n:" in data or b"\t:" in data or b"\r:" in data
    colons = len(_COLON.findall(data)) if spaced else data.count(b'":')
    if colons == keys:
        return True
    if b'\\\\"' in data:
        return False
    return colons - (len(_ESCAPED_COLON.findall(data)) if spaced else data.count(b'\\":')) == keys


def _parse_slowly(data: bytes) -> Any:
    """The same value as a quick parse, or what is wrong and where."""
    data = data.removeprefix(_BOM)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse_bytes(data, error)
    value = _load(text)
    _refuse_faults(value, text)
    return value


def _load(text: str) -> Any:
    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=lambda name: _Fault(f"JSON has no {name}"),
            parse_float=_float,
            parse_int=_int,
        )
    except json.JSONDecodeError as error:
        said = error.msg.removesuffix(" at").removesuffix(" starting")
        why = "something follows the value" if said == "Extra data" else said
        raise Unsound("ROW-UNREADABLE", line=error.lineno, column=error.colno, why=why) from None
    except RecursionError:
        raise _too_deep() from None


def _too_deep() -> Unsound:
    return Unsound("ROW-UNREADABLE", line=1, column=1, why=f"nested more than {MOST_NESTED} levels deep")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    repeated = _Repeated(found)
    for key, _ in pairs:
        if key in seen:
            repeated.key = key
            break
        seen.add(key)
    return repeated


def _float(literal: str) -> float | _Fault:
    number = float(literal)
    return number if abs(number) != float("inf") else _Fault("the number is larger than any computer's")


def _int(literal: str) -> int | _Fault:
    return int(literal) if len(literal) <= MOST_DIGITS else _Fault(f"the number has more than {MOST_DIGITS} digits")


def _refuse_bytes(data: bytes, error: UnicodeDecodeError) -> NoReturn:
    """Says which bytes are no UTF-8, and in which field where that can be known."""
    at = error.start
    surrogate = data[at] == 0xED and at + 1 < len(data) and 0xA0 <= data[at + 1] <= 0xBF
    why = "bytes of half a character (a lone surrogate)" if surrogate else "bytes that are no UTF-8"
    try:
        found = _half_character(_load(data.decode("utf-8", "surrogateescape")), ())
    except Unsound:
        found = None
    field = path_of(found) if found else None
    raise Unsound("ROW-ENCODING", field=field, byte=at + 1, why=why) from None


def _refuse_faults(value: Any, text: str) -> None:
    fault = _fault(value, (), 1)
    if fault is not None:
        path, what = fault
        if isinstance(what, _Repeated):
            raise Unsound("ROW-REPEATED-KEY", field=path_of((*path, what.key)), why="the key stands there twice")
        if what is None:
            raise _too_deep()
        line, column = _constant_place(text)
        raise Unsound("ROW-UNREADABLE", field=path_of(path), line=line, column=column, why=what.why)
    half = _half_character(value, ())
    if half is not None:
        raise Unsound("ROW-ENCODING", field=path_of(half), why="half a character (a lone surrogate)")


_Path = tuple[str | int, ...]


def _fault(value: Any, path: _Path, depth: int) -> tuple[_Path, Any] | None:
    """The first thing that JSON has not, and where; None for its kind where it is too deep."""
    if isinstance(value, _Fault):
        return path, value
    if not isinstance(value, dict | list):
        return None
    if depth > MOST_NESTED:
        return path, None
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        found = _fault(item, (*path, key), depth + 1)
        if found is not None:
            return found
    return (path, value) if isinstance(value, _Repeated) else None


def _half_character(value: Any, path: _Path) -> _Path | None:
    """Where the first text stands that no encoding can write."""
    if isinstance(value, str):
        return path if _is_half(value) else None
    if not isinstance(value, dict | list) or len(path) > MOST_NESTED:
        return None
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(key, str) and _is_half(key):
            return (*path, key)
        found = _half_character(item, (*path, key))
        if found is not None:
            return found
    return None


def _is_half(text: str) -> bool:
    if text.isascii():
        return False
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _constant_place(text: str) -> tuple[int, int]:
    """Line and column of the first NaN or Infinity, from 1; of the text where it has none."""
    for match in _CONSTANT.finditer(text):
        if match["constant"]:
            start = match.start()
            return text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
    return 1, 1


def path_of(path: _Path) -> str | None:
    """A path as it is written, like `messages[2].content`; None for the whole."""
    out = ""
    for step in path:
        if isinstance(step, int):
            out += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            out += f".{step}" if out else step
        else:
            out += f"[{json.dumps(shown(step), ensure_ascii=False)}]"
    return out[:_LONGEST_PATH] or None
