"""Writes the text of an RTF file in Unicode.

RTF states its text in code pages, by document and by font, and in halves of UTF-16 characters with a substitute behind
each. Pandoc takes every byte for cp1252 and every half for a character, but reads UTF-8 as it stands.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field, replace

TOKEN = re.compile(
    r"\\(?P<word>[A-Za-z]+)(?P<number>-?\d+)? ?|\\'(?P<hex>[0-9A-Fa-f]{2})|\\(?P<symbol>[^A-Za-z])|(?P<brace>[{}])"
    r"|(?P<ends>[\r\n]+)|(?P<text>[^\\{}\r\n]+)|(?P<last>\\)",
    re.S,
)
_OF_CHARSET = {
    0: "cp1252", 77: "mac_roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "gbk", 136: "cp950", 161: "cp1253",
    162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874",
    238: "cp1250", 254: "cp437", 255: "cp850",
}  # fmt: skip
_OF_WORD = {"ansi": "cp1252", "mac": "mac_roman", "pc": "cp437", "pca": "cp850"}
_OF_MAC = {10000: "mac_roman", 10006: "mac_greek", 10007: "mac_cyrillic", 10029: "mac_latin2", 10081: "mac_turkish"}


@dataclass(frozen=True)
class _Group:
    """What holds until the group's end: characters behind `\\uN` that stand for it, the font, whether it is defined."""

    substitutes: int = 1
    font: int | None = None
    is_font_table: bool = False


@dataclass
class _Text:
    """What has been written, and the bytes and halves of characters that are not whole yet."""

    parts: list[str] = field(default_factory=list)
    encoding: str = "cp1252"
    decoder: codecs.IncrementalDecoder | None = None
    high: int = 0

    def end(self) -> None:
        """Writes what is not whole as U+FFFD."""
        if self.decoder is not None:
            self.write(self.decoder.decode(b"", True))
            self.decoder = None
        if self.high:
            self.high = 0
            self.write("\ufffd")

    def add_bytes(self, data: bytes, encoding: str) -> None:
        """Adds bytes of a code page, in which a character may have two."""
        if self.decoder is None or self.encoding != encoding or self.high:
            self.end()
            self.encoding, self.decoder = encoding, codecs.getincrementaldecoder(encoding)("replace")
        self.write(self.decoder.decode(data))

    def needs_byte(self) -> bool:
        """Whether the first byte of two has been added."""
        return self.decoder is not None and bool(self.decoder.getstate()[0])

    def add_unit(self, unit: int) -> None:
        """Adds a unit of UTF-16."""
        if self.high and 0xDC00 <= unit < 0xE000:
            self.write(chr(0x10000 + ((self.high - 0xD800) << 10) + unit - 0xDC00))
            self.high = 0
            return
        self.end()
        if 0xD800 <= unit < 0xDC00:
            self.high = unit
        else:
            self.write("\ufffd" if 0xDC00 <= unit < 0xE000 else chr(unit))

    def write(self, text: str) -> None:
        """Writes plain text."""
        if text:
            self.parts.append(re.sub(r"[\\{}]", r"\\\g<0>", text).replace("\0", ""))


def rtf_in_unicode(data: bytes) -> str:
    """Returns the RTF with all its text as the characters themselves."""
    try:
        source, is_unicode = data.decode("utf-8"), True
    except UnicodeDecodeError:
        source, is_unicode = data.decode("latin-1"), False
    return _Reader(source, is_unicode).read()


class _Reader:
    def __init__(self, source: str, is_unicode: bool) -> None:
        self._source, self._is_unicode = source, is_unicode
        self._text = _Text()
        self._group, self._outer = _Group(), list[_Group]()
        self._default, self._default_font = "cp1252", 0
        self._fonts: dict[int, str] = {}
        self._skipped = 0

    def read(self) -> str:
        at = 0
        while match := TOKEN.match(self._source, at):
            at = match.end()
            if match["word"]:
                at = self._word(match, at)
            elif match["hex"]:
                self._bytes(bytes.fromhex(match["hex"]))
            elif match["text"]:
                self._plain(match["text"])
            elif match["ends"]:
                self._text.parts.append(match[0])
            else:
                self._mark(match)
        self._text.end()
        return "".join(self._text.parts)

    def _mark(self, match: re.Match[str]) -> None:
        if match["symbol"] and self._skipped:
            self._skipped -= 1
            return
        self._text.end()
        if match["brace"]:
            self._skipped = 0
            if match["brace"] == "{":
                self._outer.append(self._group)
            elif self._outer:
                self._group = self._outer.pop()
        self._text.parts.append(match[0])

    def _word(self, match: re.Match[str], at: int) -> int:
        word, number = match["word"], int(match["number"] or 0)
        if word == "u" and match["number"]:
            self._text.add_unit(number & 0xFFFF)
            self._skipped = self._group.substitutes
            return at
        if word == "uc":
            self._group = replace(self._group, substitutes=max(0, number))
            return at
        if self._skipped:
            self._skipped -= 1
            return at
        self._text.end()
        self._set(word, number)
        # What ended the word may be one of the words that are left out here.
        self._text.parts.append(f"\\{word}{match['number'] or ''} ")
        if word == "bin" and number > 0:
            self._text.parts.append(self._source[at : at + number])
            at += number
        return at

    def _set(self, word: str, number: int) -> None:
        if word in _OF_WORD:
            self._default = _OF_WORD[word]
        elif word == "ansicpg":
            self._default = _known(number) or self._default
        elif word == "deff":
            self._default_font = number
        elif word == "fonttbl":
            self._group = replace(self._group, is_font_table=True)
        elif word == "f":
            self._group = replace(self._group, font=number)
        elif word == "plain":
            self._group = replace(self._group, font=None)
        elif self._group.is_font_table and self._group.font is not None:
            encoding = {"fcharset": _OF_CHARSET.get(number), "cpg": _known(number)}.get(word)
            if encoding:
                self._fonts[self._group.font] = encoding

    def _bytes(self, data: bytes) -> None:
        if self._skipped:
            self._skipped -= 1
            return
        font = self._default_font if self._group.font is None else self._group.font
        self._text.add_bytes(data, self._fonts.get(font, self._default))

    def _plain(self, text: str) -> None:
        skipped = min(self._skipped, len(text))
        self._skipped -= skipped
        text = text[skipped:]
        if not text:
            return
        if self._text.needs_byte() and ord(text[0]) < 256:
            self._bytes(text[0].encode("latin-1"))
            text = text[1:]
        if not self._is_unicode and not text.isascii():
            self._bytes(text.encode("latin-1"))
            return
        self._text.end()
        self._text.parts.append(text)


def _known(code_page: int) -> str | None:
    name = _OF_MAC.get(code_page) or ("utf-8" if code_page == 65001 else f"cp{code_page}")
    try:
        return codecs.lookup(name).name
    except LookupError:
        return None
