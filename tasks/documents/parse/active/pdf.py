"""Finds active content in a PDF by looking through its objects, also compressed ones; nothing is interpreted.

PDFium tells of no opening action and of few actions beside those of links. So the file's own bytes are looked through:
what stands outside of streams, and the streams that hold objects (ISO 32000-1, 7.5.7). What cannot be told: names that
an encrypted file holds in such streams, streams that are compressed in another way than Flate, and what lies beyond
the bounds. Places are numbers of objects, which tools for PDF find.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from freshet.tasks.documents.parse.active.found import ActiveTally, Entry

_MOST_BYTES = 256_000_000
_MOST_UNFOLDED = 64_000_000
_MOST_STREAM = 16_000_000
_MOST_SCRIPTS = 50
"""Of one object. A field has a few; where there are more, the object is told."""

_MARK = re.compile(rb"(?<!\d)(\d{1,10})[ \t\r\n]+\d{1,5}[ \t\r\n]+obj\b|\bstream\r?\n")
_FIRST = re.compile(rb"/First\s+(\d{1,9})")
_OBJECT_STREAM = re.compile(rb"/Type\s*/ObjStm\b")
_ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")
_ACTION = re.compile(
    rb"/S\s*/(JavaScript|Launch|SubmitForm|ImportData|GoToR|GoToE|Rendition|Movie|Sound|RichMediaExecute)\b"
)
_CARRIED = re.compile(rb"/Type\s*/(EmbeddedFile)\b|/Subtype\s*/(RichMedia|3D|Screen|Movie)\b|/(XFA)(?![A-Za-z])")
_SCRIPT = re.compile(rb"/JS\s*(?:\(((?:[^()\\]|\\.){0,4000})|<([0-9A-Fa-f\s]{0,8000})>)", re.S)
_FORMATTING = re.compile(
    rb"[\s\0]*(?:AF(?:Number|Date|Time|Percent|Special|Range|Simple)\w{0,40}\s*\([^)]*\)[;\s\0]*)+"
)
_FILE = re.compile(rb"/(?:U?F|Win)\s*\(((?:[^()\\]|\\.){1,500})")
_KINDS = {
    b"JavaScript": "script", b"Launch": "program", b"SubmitForm": "form", b"ImportData": "form data",
    b"GoToR": "link to a file", b"GoToE": "link to a file", b"Rendition": "media", b"Movie": "media",
    b"Sound": "media", b"RichMediaExecute": "media", b"EmbeddedFile": "embedded file", b"RichMedia": "media",
    b"3D": "media", b"Screen": "media", b"XFA": "XFA form",
}  # fmt: skip
_WITH_FILES = frozenset({"program", "link to a file", "form"})


def active_in_pdf(path: str) -> list[Entry]:
    """Finds scripts, programs, forms that are sent, media and files that a PDF carries.

    Ordinary links and jumps within the file are not told, nor the calls of Acrobat's own library by which fields of
    forms show dates and numbers.
    """
    tally = ActiveTally()
    try:
        with open(path, "rb") as file:
            data = file.read(_MOST_BYTES)
    except OSError:
        return []
    for number, body in _objects(data):
        _tally_object(number, body, tally)
    return tally.entries()


def _objects(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yields (number, what stands before the object's stream); objects within streams come with them."""
    unfolded, at = 0, 0
    number, begun = -1, 0
    while match := _MARK.search(data, at):
        body = data[begun : match.start()]
        if number >= 0:
            yield number, body
        at = match.end()
        if match[1]:
            number, begun = int(match[1]), at
            continue
        # What a stream holds may look like an object, and is none.
        end = data.find(b"endstream", at)
        end = end if end >= 0 else len(data)
        if number >= 0 and unfolded < _MOST_UNFOLDED and _OBJECT_STREAM.search(_plain_names(body)):
            inner = _unfold(data[at:end])
            unfolded += len(inner)
            yield from _within(inner, body)
        number, at = -1, end
    if number >= 0:
        yield number, data[begun:]


def _unfold(data: bytes) -> bytes:
    inflate = zlib.decompressobj()
    try:
        return inflate.decompress(data, _MOST_STREAM)
    except zlib.error:
        return b""


def _within(inner: bytes, body: bytes) -> Iterator[tuple[int, bytes]]:
    """Yields the objects of an object stream, which begins with pairs of a number and an offset (7.5.7)."""
    first = _FIRST.search(body)
    start = min(int(first[1]), len(inner)) if first else 0
    numbers = [int(word) for word in inner[:start].split() if word.isdigit() and len(word) < 12]
    pairs = list(zip(numbers[::2], numbers[1::2], strict=False)) or [(0, 0)]
    for (number, offset), (_, end) in zip(pairs, [*pairs[1:], (0, len(inner))], strict=True):
        yield number, inner[start + offset : start + max(end, offset)]


def _plain_names(body: bytes) -> bytes:
    return _ESCAPED.sub(lambda match: bytes.fromhex(match[1].decode()), body) if b"#" in body else body


def _tally_object(number: int, body: bytes, tally: ActiveTally) -> None:
    if b"/" not in body:
        return
    plain = _plain_names(body)
    place = f"object {number}"
    matches = (*_ACTION.finditer(plain), *_CARRIED.finditer(plain))
    kinds = Counter(_KINDS[next(word for word in match.groups() if word)] for match in matches)
    file = _FILE.search(plain) if not kinds.keys().isdisjoint(_WITH_FILES) else None
    for kind, count in kinds.items():
        if kind != "script" or not _is_formatting(plain):
            target = file[1].decode("latin-1") if file and kind in _WITH_FILES else ""
            tally.add(kind, place, target, count)


def _is_formatting(body: bytes) -> bool:
    """Whether the scripts of an object call Acrobat's library for showing and checking fields, and nothing else."""
    scripts = [
        match[1] or bytes.fromhex(_even(match[2] or b"")) for match in islice(_SCRIPT.finditer(body), _MOST_SCRIPTS)
    ]
    plain = [script.replace(rb"\(", b"(").replace(rb"\)", b")").replace(b"\0", b"") for script in scripts]
    return 0 < len(plain) < _MOST_SCRIPTS and all(
        _FORMATTING.fullmatch(script.removeprefix(b"\xfe\xff")) for script in plain
    )


def _even(digits: bytes) -> str:
    text = b"".join(digits.split()).decode()
    return text + "0" * (len(text) % 2)
