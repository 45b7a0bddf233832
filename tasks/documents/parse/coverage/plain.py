"""The text of files that are text: as it stands, without what their syntax does not show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from freshet.tasks.documents.parse.coverage.compare import Passage
from freshet.tasks.documents.parse.decode import decode

_FRONT = re.compile(r"\A\ufeff?---[ \t]*\n.{0,20000}?\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S)
_TOML = re.compile(r"\A\ufeff?\+\+\+[ \t]*\n.{0,20000}?\n\+\+\+[ \t]*(?:\n|\Z)", re.S)
_CODE = re.compile(r"<(script|style)\b(?:(?!</(?:script|style)).)*+(?:</(?:script|style)|\Z)", re.S | re.I)
_COMMENT = re.compile(r"<!--(?:(?!-->).)*+(?:-->|\Z)", re.S)
_TEMPLATE_TAG = re.compile(r"\{%[^%\n]{0,500}%\}|\{\{[^{}\n]{0,500}\}\}")
_TARGET = re.compile(r"\]\([^()\n]{0,2000}(?:\([^()\n]{0,500}\)[^()\n]{0,500})?\)|\]\[[^\[\]\n]{0,500}\]")
_DEFINITION = re.compile(r"^ {0,3}\[[^\]\n]{1,500}\]:(?:[ \t]*\n[ \t]+)?.{0,2000}$", re.M)
_AUTOLINK_OR_TAG = re.compile(r"<[A-Za-z/!][^<>]{0,5000}>")
_FENCE = re.compile(r"^([ \t>*+-]{0,20}(?:```|~~~)).{0,200}$", re.M)
_NUMBER = re.compile(r"^[ \t>*+-]{0,40}\d{1,9}[.)](?=[ \t])", re.M)
"""The number of a list's item, which Markdown counts anew."""

_ENTITY = re.compile(r"&#?\w{1,30};")


def lines_passages(path: str) -> Iterator[Passage]:
    """Yields the lines of a text file."""
    return lines_of(decode(Path(path).read_bytes()))


def markdown_passages(path: str) -> Iterator[Passage]:
    """Yields the lines of Markdown without front matter, comments, mark-up and targets of links."""
    return markdown_lines(decode(Path(path).read_bytes()).replace("\r\n", "\n").replace("\r", "\n"))


def markdown_lines(text: str) -> Iterator[Passage]:
    """Yields the lines of Markdown that is already text."""
    text = _TOML.sub("", _FRONT.sub("", text, count=1), count=1)
    for pattern, instead in (
        (_COMMENT, " "), (_CODE, " <"), (_TEMPLATE_TAG, " "), (_FENCE, r"\1"), (_DEFINITION, ""), (_NUMBER, ""),
        (_TARGET, "] "), (_AUTOLINK_OR_TAG, " "), (_ENTITY, " "),
    ):  # fmt: skip
        text = pattern.sub(instead, text)
    return lines_of(text.replace("\\", ""))


def lines_of(text: str) -> Iterator[Passage]:
    """Yields each line as a passage, with its number."""
    return (Passage(f"line {number}", line) for number, line in enumerate(text.splitlines(), start=1))
