"""What of a model's text is a citation, in every way that models write one.

A citation of ours is a key like `k3f`. What models cite with out of habit, `[1]` or `(Source 2)`, is a citation of
something unknown. Numbers and words in brackets that documents have, `[sic]`, `[1996]`, `arr[0]`, are text.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

CITED = "\x00"
"""Stands in a text for a citation that was taken out; control characters of a model's own are taken out before."""

OPENING = "[(【<{［〔（"
CLOSING = "])】>}］〕）"
_SQUARE = "[【［〔"

_LABEL = (
    r"(?:sources?|doc(?:ument)?s?|ref(?:erence)?s?|passages?|citations?|cited?|keys?|chunks?|quellen?|fuentes?|fontes?|"
    r"see|cf|siehe|vgl|voir|pages?|pp?|s)"
)
_LABELS = re.compile(_LABEL, re.IGNORECASE)
_AFTER_LABEL = re.compile(rf"\b({_LABEL})\b\.?\s{{0,2}}[:#]?\s{{0,2}}", re.IGNORECASE)
_ALONE = frozenset({"source", "sources", "citation", "citations", "key", "keys"})
_JOINING = frozenset({"and", "und", "et", "y", "e", "or"})
_PLACE = re.compile("†[^,;]*")
_MARKS = re.compile(r"[\[\](){}【】<>［］〔〕（）^\\`*_\"'“”‘’]")
_FOREIGN = re.compile(r"[^\w\s,;&|/#–-]")
_PART = re.compile(r"\w+")
_LOOKS_LIKE_A_KEY = re.compile(r"k(?=[a-z]*\d)[a-z0-9]{1,5}", re.ASCII)
_NUMBER = re.compile(r"[1-9]\d{0,2}", re.ASCII)
_FROM_ZERO = re.compile(r"[\d:†\sa-z-]{1,24}", re.ASCII | re.IGNORECASE)
_VARIABLE = re.compile(r"(?<![A-Za-z0-9_])(?:[A-Za-z]{1,3}|[A-Za-z_](?=\w*[\d_])\w*)$")
"""The name of a variable, of which a number in brackets is an index: short, or with a digit or `_`."""


@dataclass(frozen=True)
class Citing:
    """What a citation cites: keys of passages, and how much that is none."""

    keys: tuple[str, ...]
    unknown: int


def citing(written: str, keys: Collection[str], *, before: str = "", in_code: bool = False) -> Citing | None:
    """What a text in brackets cites; None where it is no citation but text.

    Args:
        written: the text, brackets included.
        keys: those that passages have, in small letters.
        before: the end of the text before it, which tells an index of a variable from a citation.
        in_code: whether it stands in code, where numbers in brackets are code.
    """
    inner = _MARKS.sub(" ", _PLACE.sub("", written.lower()))
    labelled = bool(_AFTER_LABEL.search(inner))
    inner = _AFTER_LABEL.sub(r"\1 ", inner)
    foreign = _FOREIGN.search(inner) is not None
    parts = [] if foreign else [part for part in _PART.findall(inner) if part not in _JOINING]
    known = tuple(dict.fromkeys(part for part in parts if part in keys))
    rest = [part for part in parts if part not in keys and not _LABELS.fullmatch(part)]
    alike = [part for part in rest if _LOOKS_LIKE_A_KEY.fullmatch(part)]
    numbers = [part for part in rest if _NUMBER.fullmatch(part)]
    square = written[0] in _SQUARE
    if known:
        return Citing(known, len(alike)) if len(alike) + len(numbers) == len(rest) else None
    if in_code:
        return None
    if written[0] == "【" and ("†" in written or _FROM_ZERO.fullmatch(written[1:-1])):
        return Citing((), 1)
    if foreign or len(alike) + len(numbers) != len(rest):
        return None
    if alike:
        lengths = set(map(len, keys))
        return Citing((), len(rest)) if square or labelled or all(len(part) in lengths for part in alike) else None
    if numbers:
        as_number = square and "/" not in inner and not _VARIABLE.search(before) and not before.rstrip().endswith("§")
        return Citing((), len(numbers)) if labelled or as_number else None
    return Citing((), 1) if square and len(parts) == 1 and parts[0] in _ALONE else None


_WRAPPED = re.compile(r"(\*\*|__|[*_`^\\])\x00\1")
_ESCAPED = re.compile(r"\\\x00")
_LINKED = re.compile(r"\x00\([^\s()]{0,2000}\)")
_BETWEEN = re.compile(r"\x00(?:\s{0,3}(?:[,;&/]|and|und|et)?\s{0,3}\x00)+")
_IN_BRACKETS = re.compile(
    r"[\[(【{]\s?(?:(?:see|cf\.?|siehe|vgl\.?|voir|sources?|from)[\s:]{0,2})?\x00\s?[\])】}]", re.I
)
_LEAD = re.compile(
    r"\b(?:according to|based on|as (?:stated|mentioned|described|noted|given) in|laut|gemäß|selon|según)\s{1,3}"
    r"(?:the\s)?(?:sources?\s|documents?\s)?\x00,?\s?",
    re.IGNORECASE,
)
_AT_START = re.compile(r"^\s{0,3}\x00\s{0,3}[:,.]?\s{0,3}")
_LABEL_AT_END = re.compile(
    r"(?:[,;]\s{1,3}|(?<=\s)|^)[(\[]?(?:sources?|quellen?|refs?\.?)\s?(?::\s?\x00|\x00(?=[\s.!?]{0,3}$))", re.IGNORECASE
)
_LAST_IN_BRACKETS = re.compile(r"[,;:]\s?\x00(?=[)\]】])")
_COMMENT = re.compile(r"(?:#|//|--)\s{0,2}\x00\s{0,3}$")
_TAKEN_OUT = re.compile(r"(?<![\s\x00])\s*\x00[\s\x00]*|^\s*\x00[\s\x00]*")
_BROKEN_OFF = re.compile(r"\s?[\[【]\s?\^?(?:k[a-z0-9]{0,4})?\s{0,3}$", re.IGNORECASE)
_CLOSES = frozenset(".,;:!?)]}…。，、！？」")


def without_citations(text: str, in_code: bool = False) -> str:
    """A sentence without the marks of its citations, and without what stood around them for their sake alone."""
    if CITED in text:
        for _ in range(2):
            text = _ESCAPED.sub(CITED, _LINKED.sub(CITED, _WRAPPED.sub(CITED, text)))
            text = _LAST_IN_BRACKETS.sub(CITED, _IN_BRACKETS.sub(CITED, _BETWEEN.sub(CITED, text)))
        text = _COMMENT.sub(CITED, text) if in_code else _LABEL_AT_END.sub(CITED, text)
        led = _LEAD.sub("", text)
        text = led[:1].upper() + led[1:] if led != text and not text.startswith(led[:1]) else led
        text = _TAKEN_OUT.sub(_gap, text if in_code else _AT_START.sub("", text))
    return text if in_code else _BROKEN_OFF.sub("", text)


def _gap(found: re.Match[str]) -> str:
    after = found.string[found.end() : found.end() + 1]
    return " " if found.start() and after and after not in _CLOSES else ""
