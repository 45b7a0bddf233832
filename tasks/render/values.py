"""Values of others and numbers, as every page, table and chart shows them."""

from __future__ import annotations

import unicodedata
from html import escape

_JOINERS = "\u200c\u200d"
"""Persian, Hindi and emoji are written with these two characters, which are invisible by themselves."""

_SPACES = "\t\n\r"


def visible(value: object) -> str:
    """Writes any value as text in which each character that could hide or turn what stands beside it is a �."""
    return "".join("\ufffd" if _misleads(character) else character for character in str(value))


def _misleads(character: str) -> bool:
    return unicodedata.category(character)[0] == "C" and character not in _JOINERS + _SPACES


def number(value: float) -> str:
    """Writes a count for people: 12345 as 12 345, with a thin space that does not break."""
    return f"{value:,.0f}".replace(",", "\u202f")


def measure(value: float) -> str:
    """Writes a measured number with the digits that matter: four below a hundred, and no fraction above it."""
    return number(value) if abs(value) >= 100 else f"{value:.4g}"


def html_text(value: object) -> str:
    """Writes any value as text of HTML or SVG, within elements and within attributes."""
    return escape(visible(value), quote=True)
