"""The raw words of a file by part, for bench/fidelity.py: read without Freshet, by a few short readers.

DOCX, PPTX and XLSX are read by `raw_office`. HTML: all text nodes but those of elements that no browser shows. Mail:
each text part once, and of alternatives the best. PDF: what the system's `pdftotext` says. RTF, RST, Org, ODT and EPUB:
what the system's `pandoc` says. Other kinds are not read here.
"""

from __future__ import annotations

import email
import email.policy
import re
import shutil
import subprocess
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import accumulate
from pathlib import Path
from typing import Any

from options import leave_out
from raw_office import Segments, read_office

UNCOUNTED = ""
"""The part of text that right readers write in several ways: a word that it touches is not counted."""

_TOKEN = re.compile(r"[^\W_]+")
_HYPHEN = re.compile(r"(?<=\w)[-‐‑][ \t]*\n?\s*(?=\w)")
_LETTER = re.compile(r"(?<!\w)[A-Za-z](?!\w)")
_LEFT_OUT = dict.fromkeys([0xAD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, ord("*"), ord("`")])
"""Soft hyphens, joiners and such, which show nothing, and the marks that Markdown puts into words."""

_INLINE_NAMES = """
a abbr acronym b bdi bdo big cite code data dfn em font i ins kbd mark nobr q ruby s samp small span strike strong
sub sup time tt u var wbr
"""
_INLINE = frozenset(_INLINE_NAMES.split())
_UNSHOWN_NAMES = """
script style template noscript head title iframe object audio video canvas datalist del noembed noframes annotation
annotation-xml rp rt
"""
_UNSHOWN = frozenset(_UNSHOWN_NAMES.split())
_VOID_NAMES = "area base br col embed hr img input link meta param source track wbr"
_VOID = frozenset(_VOID_NAMES.split())
_NOT_DISPLAYED = re.compile(r"display\s*:\s*none", re.I)
_MARKS = (
    (b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)  # fmt: skip
_CHARSET = re.compile(rb"<meta[^>]+charset=[\"']?([\w-]+)", re.I)
_PANDOC = {"rtf": "rtf", "rst": "rst", "org": "org", "odt": "odt", "epub": "epub"}


def words_of(text: str, kind: str) -> Counter[str]:
    """Returns the words of what a tool read: letters and digits in a row, NFKC, without regard to case."""
    return Counter(_TOKEN.findall(_folded(_set_right(text) if kind == "pdf" else text)))


def raw_words(path: Path) -> dict[str, Counter[str]] | None:
    """Returns the words of a file by part, each with the part that it begins in; None for kinds that are not read.

    Raises:
        Exception: the file is damaged or locked, or the tool that reads it says no.
    """
    reader = _reader_of(path)
    if reader is None:
        return None
    segments = [(part, _folded(text)) for part, text in reader(path)]
    starts = [0, *accumulate(len(text) for _, text in segments)]
    found: dict[str, Counter[str]] = {}
    for match in _TOKEN.finditer("".join(text for _, text in segments)):
        first, last = bisect_right(starts, match.start()) - 1, bisect_right(starts, match.end() - 1) - 1
        if UNCOUNTED not in {segments[at][0] for at in range(first, last + 1) if segments[at][1]}:
            found.setdefault(segments[first][0], Counter())[match[0]] += 1
    return found


def _set_right(text: str) -> str:
    """Joins words at hyphens, where lines of a PDF break, and drops the single letters of words that are spaced out."""
    return _LETTER.sub("", _HYPHEN.sub("", text))


def kind_of(path: Path) -> str:
    """Returns the kind that a file's name states, as the tables name it."""
    suffix = path.suffix.lower().removeprefix(".")
    return {"htm": "html", "docm": "docx", "pptm": "pptx", "xlsm": "xlsx"}.get(suffix, suffix)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text.translate(_LEFT_OUT)).casefold()


def _reader_of(path: Path) -> Callable[[Path], Segments] | None:
    kind = kind_of(path)
    if kind in ("docx", "pptx", "xlsx"):
        return read_office
    if kind == "html":
        return lambda file: _html(_decoded(file.read_bytes()))
    if kind == "eml":
        return _mail
    tool = {"pdf": "pdftotext", **dict.fromkeys(_PANDOC, "pandoc")}.get(kind)
    if tool is not None and shutil.which(tool) is None:
        leave_out(f"{kind.upper()}: its raw text comes from {tool}, which is not installed")
        return None
    if kind == "pdf":
        return lambda file: [("body", _set_right(_said("pdftotext", "-enc", "UTF-8", str(file), "-")))]
    if kind in _PANDOC:
        command = ("pandoc", "--sandbox", "--from", _PANDOC[kind], "--to", "plain", "--wrap", "none")
        return lambda file: [("body", _said(*command, str(file)))]
    return None


def _said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, check=True, stdin=subprocess.DEVNULL)
    return done.stdout.decode("utf-8", errors="replace")


def _decoded(data: bytes) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    stated = _CHARSET.search(data)
    for encoding in (stated[1].decode() if stated else "utf-8", "utf-8", "cp1252"):
        try:
            return data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    return data.decode("cp1252", errors="replace")


class _Page(HTMLParser):
    """Collects displayed text. An element that is not shown ends at its own end mark, or a head where a body begins."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.segments: Segments = []
        self._unshown: list[str] = []
        self._shifted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body" and self._unshown[:1] == ["head"]:
            self._unshown.clear()
        if self._unshown:
            self._unshown += [tag] if tag == self._unshown[0] else []
            return
        stated = dict(attrs)
        is_hidden = "hidden" in stated or _NOT_DISPLAYED.search(stated.get("style") or "") is not None
        is_closed = tag == "dialog" and "open" not in stated
        if tag not in _VOID and (tag in _UNSHOWN or is_hidden or is_closed):
            self._unshown = [tag]
        elif tag in ("sup", "sub"):
            self._shifted += 1
        elif tag not in _INLINE:
            self.segments.append(("body", "\n"))

    def handle_endtag(self, tag: str) -> None:
        if self._unshown:
            if tag == self._unshown[0]:
                self._unshown.pop()
        elif tag in ("sup", "sub"):
            self._shifted = max(0, self._shifted - 1)
        elif tag not in _INLINE:
            self.segments.append(("body", "\n"))

    def handle_data(self, data: str) -> None:
        if not self._unshown:
            self.segments.append((UNCOUNTED if self._shifted else "body", data))


def _html(text: str) -> Segments:
    page = _Page()
    page.feed(text)
    page.close()
    return page.segments


def _mail(path: Path) -> Segments:
    data = path.read_bytes()
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        data = data.decode("utf-16").encode()
    message = email.message_from_bytes(data.lstrip(), policy=email.policy.default)
    if any(part.get_content_type() == "multipart/encrypted" for part in message.walk()):
        raise ValueError("the message is encrypted")
    return _parts(message)


def _parts(part: Any) -> Segments:
    """Returns the text of a part: of alternatives the last that holds HTML, or else the last that holds text."""
    if part.is_multipart():
        inner = part.get_payload()
        if part.get_content_type() == "multipart/alternative":
            texts = [one for one in inner if any(two.get_content_type() == "text/html" for two in one.walk())]
            inner = texts[-1:] or [one for one in inner if one.get_content_maintype() in ("text", "multipart")][-1:]
        return [segment for one in inner for segment in _parts(one)]
    kind = part.get_content_type()
    if kind not in ("text/plain", "text/html") or part.get_content_disposition() == "attachment":
        return []
    data = part.get_payload(decode=True)
    try:
        text = data.decode(part.get_content_charset() or "utf-8")
    except (LookupError, UnicodeDecodeError):
        text = _decoded(data)
    return [*(_html(text) if kind == "text/html" else [("body", text)]), ("body", "\n")]
