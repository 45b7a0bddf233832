"""Decodes the bytes of a text file by the encoding that they are in, not by the first guess."""

from __future__ import annotations

import codecs
import re
import unicodedata
from typing import NamedTuple

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NAME = rb"""(?:charset|encoding)\s*=\s*+(?:["']\s*+)?([A-Za-z0-9_:.\-]{2,40})"""
_DECLARED = re.compile(_NAME, re.I)
_DECLARED_IN_META = re.compile(rb"<meta\b[^>]{0,400}?charset\s*=\s*+[\"']?([A-Za-z0-9_:.\-]{2,40})", re.I)
_DECLARATION_WITHIN, _META_WITHIN = 2048, 1 << 20
"""Bytes: styles and scripts may stand before the element that states the encoding, but then only that is believed."""
_SEVEN_BITS = re.compile(rb"\x1b\$|\x1b\(J|~\{")
"""What begins a foreign letter in encodings that use ASCII bytes alone, so that they would pass as UTF-8."""
_NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_MOST_CONTROLS = 0.02
_FEW_DAMAGED = 10
"""UTF-8 in which a few bytes are damaged has more good characters beyond ASCII than this times the damaged ones."""

_WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
_HIGH = re.compile(rb"[\x80-\xff]")
_WORD = re.compile(rb"(?<![^\s<>])[^\s<>\x80-\xff]*+[\x80-\xff][^\s<>]*+")
_LATIN_SHARE = 0.5
"""Of the bytes of words that are not ASCII, at most so many are outside ASCII where the alphabet is Latin."""
_NEAR = 0.98
_MIXED = 0.1
_LETTERS = re.compile(r"[^\W\d_]+")
_SAMPLE = 200_000
_WIDE_SAMPLE = 8192


class Decoded(NamedTuple):
    """A text, and the encoding that was guessed, where its file does not say in which one it is."""

    text: str
    guessed: str | None = None


def decode(data: bytes, charset: str | None = None, markup: bool = False) -> str:
    """The text of `decoded`."""
    return decoded(data, charset, markup).text


def decoded(data: bytes, charset: str | None = None, markup: bool = False) -> Decoded:
    """Decodes `data`.

    A byte order mark is believed first; then valid UTF-8; then `charset`, what the container (a mail part)
    states, or with `markup` what an HTML or XML file states about itself; the rest is guessed. Never fails: what no
    encoding explains is replaced.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return Decoded(data.decode(encoding, errors="replace"))
    stated: str | None = _known(charset) or (_stated(data) if markup else None)
    if stated and stated.startswith(("iso2022", "utf-7", "hz")):
        return Decoded(data.decode(stated, errors="replace"))
    if _NO_TEXT.search(data[:_SAMPLE]) and (wide := _wide(data)):
        return Decoded(data.decode(wide, errors="replace"), wide)
    is_seven_bits = data.isascii() and _SEVEN_BITS.search(data[:_SAMPLE]) is not None
    for candidate in ("utf-8", stated):
        if candidate and not is_seven_bits:
            try:
                return Decoded(data.decode(candidate))
            except (UnicodeDecodeError, ValueError):
                continue
    return _guessed(data)


def _known(charset: str | None) -> str | None:
    """Returns Python's name of a charset; 'iso-8859-1' and 'ascii' are read as cp1252, as browsers do."""
    try:
        info = codecs.lookup((charset or "").strip())
    except (LookupError, ValueError):
        return None
    if not info._is_text_encoding:  # 'rot13' and 'zlib' are codecs too, but no encodings of text
        return None
    return "cp1252" if info.name in {"iso8859-1", "ascii"} else info.name


def _stated(data: bytes) -> str | None:
    match = _DECLARED.search(data[:_DECLARATION_WITHIN]) or _DECLARED_IN_META.search(data[:_META_WITHIN])
    name = _known(match[1].decode("ascii")) if match else None
    # A file that could be read this far as bytes is not in UTF-16, whatever it says.
    return None if name and name.startswith(("utf-16", "utf-32")) else name


def _guessed(data: bytes) -> Decoded:
    sample = data[:_SAMPLE]
    if len(_CONTROL.findall(sample)) > _MOST_CONTROLS * len(sample) and not _wide(data):
        # No text has so many: what no encoding explains is replaced, and counts as garbled.
        return Decoded(data.decode("ascii", errors="replace"), "unknown")
    text = data.decode("utf-8", errors="replace")
    if text.count("\ufffd") * _FEW_DAMAGED < sum(not one.isascii() for one in text):
        return Decoded(text, "utf-8")
    name = _likeliest(data) or _wide(data) or "cp1252"
    return Decoded(data.decode(name, errors="replace"), name)


def _likeliest(data: bytes) -> str | None:
    """What chardet says of the words that decide; cp1252, in which most such texts are, where it comes as near."""
    from chardet import detect_all

    sample = data[:_SAMPLE]
    if _HIGH.search(sample) is None:
        sample = b" ".join(_WORD.findall(data))[:_SAMPLE] or sample
    words = b" ".join(_WORD.findall(sample))
    # Of a page in another alphabet that is mostly mark-up, only what is in that alphabet says anything.
    is_latin = len(_HIGH.findall(words)) <= _LATIN_SHARE * len(words)
    told = [(one["confidence"], _known(one["encoding"])) for one in detect_all(sample if is_latin else words)]
    found = [(sureness, name) for sureness, name in told if name and _explains(name, data)]
    found = [one for one in found if not _mixes_scripts(words[:_WIDE_SAMPLE].decode(one[1], "replace"))] or found
    best = max((sureness for sureness, _ in found), default=0)
    near = [name for sureness, name in found if sureness >= _NEAR * best]
    return "cp1252" if "cp1252" in near else near[0] if near else None


def _mixes_scripts(text: str) -> bool:
    """Whether more than a tenth of the words beyond ASCII have letters of two scripts: nobody writes such words."""
    words = [word for word in _LETTERS.findall(text) if not word.isascii()]
    mixed = sum(len({unicodedata.name(letter, "").partition(" ")[0] for letter in word}) > 1 for word in words)
    return mixed > _MIXED * len(words)


def _explains(encoding: str, data: bytes) -> bool:
    try:
        data.decode(encoding)
    except (UnicodeDecodeError, ValueError):
        return False
    return True


def _wide(data: bytes) -> str | None:
    """Recognises UTF-16 and UTF-32 without a mark: by what they make letters of, and how alike the letters are."""
    sample = data[:_WIDE_SAMPLE]
    found = []
    for encoding in _WIDE:
        width = int(encoding[4:6]) // 8
        if len(data) % width or len(sample) < 2 * width:
            continue
        try:
            text = sample[: len(sample) // width * width].decode(encoding)
        except UnicodeDecodeError as error:
            # A character of two units may be cut in two where the sample ends.
            if error.start < len(sample) - 4 or len(sample) == len(data):
                continue
            text = sample[: error.start].decode(encoding)
        if text and not _is_odd(text):
            found.append((len({ord(one) >> 8 for one in text}), -width, encoding))
    return min(found)[2] if found else None


def _is_odd(text: str) -> bool:
    """Whether a text has characters that nobody writes: unassigned, private, half or control characters."""
    return any(one not in "\t\n\r\f\x1a" and unicodedata.category(one) in ("Cn", "Co", "Cs", "Cc") for one in set(text))
