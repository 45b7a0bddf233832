"""The normal form in which texts are compared: what stays of one once typography, case and punctuation are gone."""

from __future__ import annotations

import re
import unicodedata
from hashlib import blake2b

_WORD = re.compile(r"\w+")


def tokens(text: str) -> list[str]:
    r"""Returns the words of a text in normal form: NFKC, casefold, `\w+` (with symbols: `text/symbols.py`)."""
    if not text.isascii():  # ASCII is in NFKC as it stands
        text = unicodedata.normalize("NFKC", text)
    return _WORD.findall(text.casefold())


def normalise(text: str) -> str:
    """Returns the normal form: the words of the text, joined by one space; empty for a text without a word."""
    return " ".join(tokens(text))


def exact_hash(text: str, normal: str) -> str:
    """Returns what exact copies share: 32 hexadecimal digits of the normal form, the same on every machine.

    Args:
        text: the text as it is. Texts without any word (tables of symbols, emoji) have no normal form to
            share, and are copies only where they agree in every character.
        normal: `normalise(text)`.
    """
    return blake2b((normal or "\0" + text).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
