"""Decodes the bytes of a text file by the encoding that they are in, not by the first guess."""

from __future__ import annotations

import codecs
import re

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*+(?:["']\s*+)?([A-Za-z0-9_:.\-]{2,40})""", re.I)
_HIGH = re.compile(rb"[\x80-\xff]")
_ASCII_LETTER = re.compile(rb"[A-Za-z]")
_DECLARATION_WITHIN = 2048


def decode(data: bytes, charset: str | None = None, markup: bool = False) -> str:
    """Decodes `data`.

    A byte order mark is believed first; then valid UTF-8; then `charset`, what the container (a mail part)
    states, or with `markup` what an HTML or XML file states about itself; then UTF-16 without a mark, cp1252
    for mostly Latin bytes, and a statistical guess. Never fails: what no encoding explains is replaced.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    stated: str | None = _known(charset) or (_stated(data) if markup else None)
    if stated and stated.startswith(("iso2022", "utf-7", "hz")):
        # These are written in ASCII bytes alone, so that they would pass as UTF-8.
        return data.decode(stated, errors="replace")
    unmarked = _utf16_without_mark(data)
    if unmarked:
        return data.decode(unmarked, errors="replace")
    for candidate in ("utf-8", stated):
        if candidate:
            try:
                return data.decode(candidate)
            except (UnicodeDecodeError, ValueError):
                continue
    return _undeclared(data)


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
    match = _DECLARED.search(data[:_DECLARATION_WITHIN])
    name = _known(match[1].decode("ascii")) if match else None
    # A file that could be read this far as bytes is not in UTF-16, whatever it says.
    return None if name and name.startswith(("utf-16", "utf-32")) else name


def _utf16_without_mark(data: bytes) -> str | None:
    """Recognises UTF-16 without a mark: its Western texts have a NUL in every other byte, and nothing else has."""
    sample = data[:4096]
    if len(sample) < 8 or len(data) % 2:
        return None
    half = len(sample) // 2
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if odd > 0.7 * half and even < 0.05 * half:
        return "utf-16-le"
    if even > 0.7 * half and odd < 0.05 * half:
        return "utf-16-be"
    return None


def _undeclared(data: bytes) -> str:
    high, letters = len(_HIGH.findall(data)), len(_ASCII_LETTER.findall(data))
    if high <= letters:
        try:
            return data.decode("cp1252")
        except UnicodeDecodeError:
            pass
    from charset_normalizer import from_bytes

    best = from_bytes(data[:200_000]).best()
    return data.decode(best.encoding if best else "cp1252", errors="replace")
