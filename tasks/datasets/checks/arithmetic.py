"""Checks the steps of arithmetic that an answer states, like `<<48/2=24>>`, by working them out in exact rationals.

Floating point would accuse true steps: 0.1 * 3 is not 0.3 there. A result is right within half a unit of the decimals
that it is stated with, so that `<<10/3=3.33>>` is right and `<<10/3=3.3>>` as well, but not `<<10/3=3.34>>`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

ANNOTATION = re.compile(r"<<([^<>]*)>>")

# Bounds beyond which an annotation is no honest step, and working it out could take long.
_MOST_CHARACTERS = 500
_MOST_DIGITS = 40
_DEEPEST = 40
_SIGNS = str.maketrans({"×": "*", "⋅": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "[": "(", "]": ")"})
_CURRENCY = "$€£¥"
_TOKEN = re.compile(r"\s*(?:(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d*)?|\.\d+)|(//|[-+*/()%]|[xX](?=[\s\d.($-])))")
_STATED = re.compile(r"\s*+([-+]?)\s*+(\d{1,3}(?:,\d{3})++|\d++)?+(?:\.(\d*+))?+(?:\s*+/\s*+(\d++))?+\s*+(%?)\s*+")


class Unreadable(ValueError):
    """An annotation that cannot be worked out here. Such an annotation is not checked, and is not called wrong."""


@dataclass(frozen=True)
class Step:
    """One annotation of an answer.

    Attributes:
        number: the number of the annotation in its text, from 1.
        right: whether the result is what the expression comes to; None where the annotation could not be worked out.
    """

    number: int
    right: bool | None


def steps(text: str) -> Iterator[Step]:
    """Yields every annotation of a text, in order, after working it out."""
    for number, found in enumerate(ANNOTATION.finditer(text), 1):
        try:
            yield Step(number, is_right(found[1]))
        except Unreadable:
            yield Step(number, None)


def is_right(annotation: str) -> bool:
    """Returns whether an annotation, `expression=result`, states what its expression comes to.

    Raises:
        Unreadable: expression or result is no arithmetic, is longer or deeper than any honest step, or divides by 0.
    """
    expression, equals, result = annotation.partition("=")
    if not equals or "=" in result or len(annotation) > _MOST_CHARACTERS:
        raise Unreadable(annotation[:_MOST_CHARACTERS])
    stated, tolerance = _stated(result)
    value = evaluate(expression)
    if abs(value - stated) <= tolerance:
        return True
    # `<<20/100=20%>>` means a share in per cent; the sign belongs to the number, so it is a hundredth of it.
    return result.rstrip().endswith("%") and abs(value - stated * 100) <= tolerance * 100


def evaluate(expression: str) -> Fraction:
    """Returns what an expression of numbers, `+ - * / //`, `x × ÷`, per cent, signs and parentheses comes to.

    Thousands separators and currency signs are passed over.

    Raises:
        Unreadable: the text is no such expression, is too large, or divides by 0.
    """
    if len(expression) > _MOST_CHARACTERS:
        raise Unreadable(expression[:_MOST_CHARACTERS])
    reader = _Reader(_tokens(expression))
    value = reader.sum(0)
    if reader.peek() is not None:
        raise Unreadable(expression)
    return value


def _plain(text: str) -> str:
    return text.translate(_SIGNS).translate(dict.fromkeys(map(ord, _CURRENCY)))


def _tokens(expression: str) -> list[str]:
    found, position, text = [], 0, _plain(expression).rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise Unreadable(expression)
        number, sign = match.groups()
        if number and len(number) > _MOST_DIGITS:
            raise Unreadable(expression)
        found.append(number.replace(",", "") if number else "*" if sign in "xX" else sign)
        position = match.end()
    return found


def _stated(result: str) -> tuple[Fraction, Fraction]:
    """Returns the number that is stated, and the tolerance: half a unit of its last decimal.

    The tolerance of a whole number is one half, and that of a fraction is 0.
    """
    match = _STATED.fullmatch(_plain(result))
    if match is None or not (match[2] or match[3]) or len(result) > _MOST_DIGITS:
        raise Unreadable(result[:_MOST_CHARACTERS])
    sign, whole, decimals, below, percent = match.groups()
    digits = (whole or "0").replace(",", "") + (decimals or "")
    value = Fraction(int(digits), 10 ** len(decimals or ""))
    tolerance = Fraction(1, 2 * 10 ** len(decimals or ""))
    if below is not None:
        if int(below) == 0:
            raise Unreadable(result)
        value, tolerance = value / int(below), Fraction(0)
    scale = 100 if percent else 1
    return (-value if sign == "-" else value) / scale, tolerance / scale


class _Reader:
    """Reads tokens from left to right, with one method for each level of precedence."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._next = 0

    def peek(self) -> str | None:
        """Returns the next token without reading it; None at the end."""
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def sum(self, depth: int) -> Fraction:
        """Reads a sum within so many open parentheses, and returns its value."""
        value = self._product(depth)
        while self.peek() in ("+", "-"):
            sign = self._take()
            term = self._product(depth)
            value = value + term if sign == "+" else value - term
        return value

    def _product(self, depth: int) -> Fraction:
        value = self._signed(depth)
        while (sign := self.peek()) is not None and sign not in ("+", "-", ")"):
            if sign in ("*", "/", "//"):
                self._next += 1
            elif sign != "(":  # a number that follows a number; 2(3+4) is a product
                raise Unreadable(sign)
            factor = self._signed(depth)
            if sign in ("/", "//") and not factor:
                raise Unreadable("division by nothing")
            if sign == "/":
                value /= factor
            else:
                value = Fraction(value // factor) if sign == "//" else value * factor
        return value

    def _signed(self, depth: int) -> Fraction:
        negative = False
        while self.peek() in ("+", "-"):
            negative ^= self._take() == "-"
        value = self._atom(depth)
        while self.peek() == "%":
            self._next += 1
            value /= 100
        return -value if negative else value

    def _atom(self, depth: int) -> Fraction:
        token = self._take()
        if token == "(":
            if depth >= _DEEPEST:
                raise Unreadable("too deep")
            value = self.sum(depth + 1)
            if self._take() != ")":
                raise Unreadable("no closing parenthesis")
            return value
        if token[0] in ".0123456789":
            return Fraction(token if token != "." else "0")
        raise Unreadable(token)

    def _take(self) -> str:
        token = self.peek()
        if token is None:
            raise Unreadable("it ends too early")
        self._next += 1
        return token
