"""Texts that make a careless regular expression or loop quadratic, and what tells from its growth that one is."""

from __future__ import annotations

import gc
import importlib
import re
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from typing import Any

PARSER: Any = importlib.import_module("re._parser")
"""Python's own parser of regular expressions: it alone knows what a pattern repeats, and after what."""

LENGTHS = (400, 6_400, 25_600, 102_400)
"""Lengths of texts. All are tried to the second, sixteen times the first, since what reads a text window by window
costs more than in proportion until the text is longer than a window; those that cost most are tried to the last."""

_COSTLIEST = 3
"""How many texts are tried long."""

_TOO_MUCH = 1.5
"""The power of the length from which a cost counts as quadratic. What is so has the power 2, what is linear 1."""

_TICK = 0.002
"""Seconds below which the cost of a text is not compared: there the clock and the machine's other work decide."""

_HANGS = 120
"""Seconds after which what should take a moment counts as hanging. Nothing that ends is judged by it."""

PIECES = (
    ".", " ", "\t", "\n", "0", "a", "A", "_", "-", "=", "*", "#", "`", "~", "'", '"', "\\", "(", "[", "{",
    "<", ">", ")", "|", ":", "/", "@", "%", "$", "&", "!", "?", ",", ";", "+", "é", "。", "ß", "\u200b", "́",
    "\U000e0041", "�", "\xa0", "\u3000", "\r\n", "a@", "a.", "a-", "a_", "a ", "0 ", "0-", "0,", "0.", ". ",
    ".\n", " \n", "\n\n", "! \n", "://", "a:", "a=", "<a ", "<!--", "{{", "](", "[a](", "&lt;", "a.b@",
    "http://", "1,000", "(a", "a)", '"a', "Mr. ", "No. 1 ", "a'b", "a’", "* a\n", "# a\n", "> ", "| a ",
    "```\n", "---\n",
)  # fmt: skip
"""Each is repeated; alone, and after and before something else."""


def texts_of_pieces() -> dict[str, Callable[[int], str]]:
    """Texts that are hostile to anything, by name: what makes one of about a length."""
    parts = [(before, piece, after) for piece in PIECES for before, after in (("", ""), ("x", "x"))]
    return texts_of(parts)


def texts_of(parts: Iterable[tuple[str, str, str]]) -> dict[str, Callable[[int], str]]:
    """Texts by name, each of what comes before, what is repeated, and what comes after."""

    def text_of(before: str, piece: str, after: str, length: int) -> str:
        return before + piece * max(1, (length - len(before) - len(after)) // max(1, len(piece))) + after

    return {
        f"{before!r} + {piece!r}… + {after!r}": partial(text_of, before, piece, after) for before, piece, after in parts
    }


def pumps(pattern: re.Pattern[Any]) -> list[tuple[str, str, str]]:
    """What a pattern repeats, for texts that nearly match: (what comes before, what is repeated, what comes after)."""
    text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    found: dict[tuple[str, str, str], None] = {}
    flags = pattern.flags & ~re.LOCALE
    if isinstance(pattern.pattern, bytes):
        flags |= re.ASCII
    whole = _sample(PARSER.parse(text, flags), "", found)
    for cut in range(1, min(len(whole), 24) + 1):
        found["", whole[:cut], ""] = None
    return list(found)


def _sample(tree: Any, before: str, found: dict[tuple[str, str, str], None]) -> str:
    """A text that the tree matches, or nearly, `before` being in front of it; adds what is repeated to `found`."""
    text = ""
    for op, given in tree:
        text += _of(str(op), given, before + text, found)
    return text


def _of(op: str, given: Any, before: str, found: dict[tuple[str, str, str], None]) -> str:
    if op == "LITERAL":
        return chr(given)
    if op in ("NOT_LITERAL", "ANY"):
        return "b" if given == ord("a") else "a"
    if op == "IN":
        return _one_of(given)
    if op == "BRANCH":
        first, *_ = [_sample(branch, before, found) for branch in given[1]]
        return first
    if op == "SUBPATTERN":
        return _sample(given[3], before, found)
    if op == "ATOMIC_GROUP":
        return _sample(given, before, found)
    if op in ("ASSERT", "ASSERT_NOT"):
        _sample(given[1], before, found)
        return ""
    if op.endswith("_REPEAT"):
        least, most, tree = given
        piece = _sample(tree, before, found)
        if most > 1:
            for after in ("", "\x00"):
                found[before, piece, after] = None
            found["", before + piece, ""] = None
            found["", before + piece * 3, "\x00"] = None
        return piece * max(least, 1)
    return ""


def _one_of(items: Any) -> str:
    negated = bool(items) and str(items[0][0]) == "NEGATE"
    if not negated:
        for op, given in items:
            if str(op) == "LITERAL":
                return chr(given)
            if str(op) == "RANGE":
                return chr(given[0])
            kind = str(given)
            return {"CATEGORY_DIGIT": "0", "CATEGORY_SPACE": " ", "CATEGORY_NOT_WORD": "-"}.get(kind, "a")
    taken = {chr(given) for op, given in items if str(op) == "LITERAL"}
    return next(one for one in "a0 -.x" if one not in taken)


def that_grows_too_fast(act: Callable[[Any], object], texts: Mapping[str, Callable[[int], Any]]) -> str | None:
    """The name of a text on which an act costs more than in proportion to its length, if there is one.

    Args:
        texts: by name, what makes the text of a length.
    """
    costs = {}
    for name, text_of in texts.items():
        if _grows(act, text_of, *LENGTHS[:2]):
            return name
        costs[name] = _cost(act, text_of(LENGTHS[1]))
    for name in sorted(costs, key=lambda one: -costs[one])[:_COSTLIEST]:
        if any(_grows(act, texts[name], *two) for two in pairwise(LENGTHS[1:])):
            return name
    return None


def _grows(act: Callable[[Any], object], text_of: Callable[[int], Any], short: int, long: int) -> bool:
    """Whether a long text costs too much beside a short one; what seems so is measured again."""
    most = (long / short) ** _TOO_MUCH
    texts = text_of(short), text_of(long)
    before, cost = (_cost(act, text) for text in texts)
    if cost < _TICK or cost < most * before:
        return False
    before = min(_cost(act, texts[0]) for _ in range(5))
    return min(_cost(act, texts[1]) for _ in range(2)) > most * max(before, _TICK / most)


def _cost(act: Callable[[Any], object], text: Any) -> float:
    gc.disable()  # what it costs depends on all that the process holds
    try:
        with _not_for_ever():
            begun = time.process_time()
            act(text)
            return time.process_time() - begun
    finally:
        gc.enable()


@contextmanager
def _not_for_ever() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise AssertionError(f"it hangs: nothing came of it in {_HANGS} seconds")

    former = signal.signal(signal.SIGALRM, stop)
    signal.alarm(_HANGS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, former)
