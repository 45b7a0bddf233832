"""Collects the text of one paragraph from the pieces that its elements give."""

from __future__ import annotations

import re

_SPACES = re.compile(r"\s+")
_SIMPLE = re.compile(r"[-−+]?[\w.,/′*+−]+")
_ENDS = ".,;:!?…)]}%”»’"
_BEGINS = "([{„“«$€£¥#@"
_NOTE_MARKS = "([{*†‡§¶#®©™℠°ºª′″'’\"“”,.;:"
_ORDINAL = re.compile(r"st|nd|rd|th|e|es|er|ers|re|res|ère|ères|eme|ème|èmes|ième|d|de|o|os|a|as", re.I)
_ROMAN = "IVXLC"
_TITLES = {"M": ("me", "mes", "lle", "lles", "r", "rs", "gr"), "D": ("r", "rs"), "N": ("o", "os"), "n": ("o", "os")}
"""Abbreviations that are written with a raised end: Mme, Dr, No."""


class Line:
    """The text of a paragraph, a heading or a code listing that is being read.

    Attributes:
        is_code: whether white space counts.
    """

    def __init__(self, is_code: bool = False) -> None:
        """Begins an empty one."""
        self.is_code = is_code
        self._parts: list[str] = []
        self._is_apart = self._is_raised = self._is_ended = False
        self._has_words = False

    def add(self, text: str) -> None:
        """Adds text; runs of white space count as one space, except in code."""
        text = text if self.is_code else _SPACES.sub(" ", text)
        if not text:
            return
        before = self._last()
        if self._is_ended and before not in ("", "\n") and text[0] != "\n":
            self._parts.append("\n")
        elif (self._is_apart and _would_run_together(before, text[0])) or (
            self._is_raised and before.isalnum() and text[0].isdigit()
        ):
            self._parts.append(" ")
        self._is_apart = self._is_raised = self._is_ended = False
        self._has_words = self._has_words or not text.isspace()
        self._parts.append(text)

    def add_picture(self, text: str) -> None:
        """Adds the text that stands for a picture."""
        had_words = self._has_words
        self.add_apart(text)
        self._has_words = had_words

    def add_apart(self, text: str) -> None:
        """Adds text that is no part of the words beside it, such as the value of a field."""
        self.part()
        self.add(text.strip())
        self.part()

    def part(self) -> None:
        """Keeps the words before and after from running together."""
        self._is_apart = True

    def end_line(self) -> None:
        """Begins a new line."""
        self._parts.append("\n")

    def begin_lines(self) -> None:
        """Begins a new line unless one has just begun."""
        if self._parts and self._last() != "\n":
            self._parts.append("\n")

    def end_block(self) -> None:
        """Begins a new line before the next text, if there is any."""
        self._is_ended = True

    def place(self) -> int:
        """Returns where the next piece comes, for `shift`."""
        return len(self._parts)

    def shift(self, place: int, up: bool) -> None:
        """Writes what was added since a place as a superscript or subscript."""
        content = "".join(self._parts[place:]).strip()
        del self._parts[place:]
        if content:
            shifted = (_raised if up else _lowered)(self._last(), content)
            self._parts.append(shifted)
            self._is_raised = True

    def take(self) -> tuple[str, bool]:
        """Returns (the text, whether it is all of pictures), and begins anew. Blank lines part paragraphs."""
        text, is_picture = "".join(self._parts), not self._has_words
        self._parts.clear()
        self._is_apart = self._is_raised = self._is_ended = self._has_words = False
        if self.is_code:
            return text.strip("\n") if text.strip() else "", False
        return "\n".join(" ".join(line.split()) for line in text.split("\n")).strip("\n"), is_picture

    def _last(self) -> str:
        return self._parts[-1][-1] if self._parts else ""


def _would_run_together(before: str, after: str) -> bool:
    return (before.isalnum() or (bool(before) and before in _ENDS)) and (after.isalnum() or after in _BEGINS)


def _raised(before: str, content: str) -> str:
    """Writes a superscript: `10^6`, but `1st`, `Acme™` and `word[1]`."""
    lower = content.lower()
    if not before or before.isspace() or before in _BEGINS or content[0] in _NOTE_MARKS or lower in ("tm", "sm"):
        return content
    if _ORDINAL.fullmatch(content) and (before.isdigit() or before in _ROMAN):
        return content
    if lower in _TITLES.get(before, ()):
        return content
    return f"^{content}" if _SIMPLE.fullmatch(content) else f"^({content})"


def _lowered(before: str, content: str) -> str:
    """Writes a subscript: `H2O`, but `x_i` and `101_2`."""
    if not before.isalnum() or not content[0].isalnum() or (before.isalpha() and content[0].isdigit()):
        return content
    return f"_{content}" if _SIMPLE.fullmatch(content) else f"_({content})"
