"""Scripts that put no spaces between words, so that a run of their letters is no word to look for."""

from __future__ import annotations

import re

LETTERS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Thai, Lao, Burmese, Khmer, kana and ideographs, as a class of characters in a regular expression has them."""

UNSPACED = re.compile(f"[{LETTERS}]")
"""A letter of such a script."""
