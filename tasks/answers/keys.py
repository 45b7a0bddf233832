"""Keys that a language model cites passages by: opaque, so that no number or word of a text is taken for one.

They are drawn from a secret and the texts of one question, so that whoever writes a document cannot foresee them, and
the same question, asked of the same passages again, gives the same prompt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256
from random import Random

_SIGNS = "23456789abcdefghjkmnpqrstuvwxyz"
"""Digits and letters without those that are taken for one another."""

_LENGTH = 3
_DRAWS = 1_000
"""After so many draws keys grow by a sign, so that a text which holds all short ones does not keep anybody waiting."""

_WORD = re.compile(r"[a-z0-9]+")


def fresh_keys(count: int, texts: Iterable[str], secret: bytes) -> list[str]:
    """Draws keys like `k3fa`: k, and three random signs of which one at least is a digit.

    Args:
        count: how many; they are distinct.
        texts: what the keys must not stand in as words, in whatever case.
        secret: what nobody who writes documents knows.
    """
    texts = list(texts)
    draw = _drawing(b"keys", texts, secret)
    taken = {word for text in texts for word in _WORD.findall(text.lower())}
    keys: list[str] = []
    draws = 0
    while len(keys) < count:
        key = "k" + "".join(draw.choice(_SIGNS) for _ in range(_LENGTH + draws // _DRAWS))
        draws += 1
        if key not in taken and any(sign.isdigit() for sign in key):
            taken.add(key)
            keys.append(key)
    return keys


def fresh_nonce(texts: Iterable[str], secret: bytes) -> str:
    """Draws six hex digits that stand in none of the texts, for the delimiters of one question's sources."""
    texts = list(texts)
    draw = _drawing(b"nonce", texts, secret)
    joined = "\n".join(texts).lower()
    size = 3
    while (nonce := draw.randbytes(size).hex()) in joined:
        size += 1
    return nonce


def _drawing(what: bytes, texts: Iterable[str], secret: bytes) -> Random:
    digest = sha256(what + b"\0" + secret)
    for text in texts:
        digest.update(sha256(text.encode("utf-8", "surrogatepass")).digest())
    return Random(digest.digest())
