"""Keys that a language model cites passages by: opaque, so that no number or word of a text is taken for one."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable

_SIGNS = "23456789abcdefghjkmnpqrstuvwxyz"
"""Digits and letters without those that are taken for one another."""

_LENGTH = 3
_DRAWS = 1_000
"""After so many draws keys grow by a sign, so that a text which holds all short ones does not keep anybody waiting."""

_WORD = re.compile(r"[a-z0-9]+")


def fresh_keys(count: int, texts: Iterable[str]) -> list[str]:
    """Draws keys like `k3fa`: k, and three random signs of which one at least is a digit.

    Args:
        count: how many; they are distinct.
        texts: what the keys must not stand in as words, in whatever case.
    """
    taken = {word for text in texts for word in _WORD.findall(text.lower())}
    keys: list[str] = []
    draws = 0
    while len(keys) < count:
        key = "k" + "".join(secrets.choice(_SIGNS) for _ in range(_LENGTH + draws // _DRAWS))
        draws += 1
        if key not in taken and any(sign.isdigit() for sign in key):
            taken.add(key)
            keys.append(key)
    return keys


def fresh_nonce(texts: Iterable[str]) -> str:
    """Draws six hex digits that stand in none of the texts, for the delimiters of one question's sources."""
    joined = "\n".join(texts).lower()
    size = 3
    while (nonce := secrets.token_hex(size)) in joined:
        size += 1
    return nonce
