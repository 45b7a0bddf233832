"""What a content security policy calls a script or style that stands within a page."""

from __future__ import annotations

import base64
from hashlib import sha256


def inline_hash(page: bytes, tag: str) -> str:
    """The source expression of the one element of a page: `'sha256-…'`.

    Args:
        tag: `script` or `style`.

    Raises:
        ValueError: the page has none, or several.
    """
    begin, end = f"<{tag}".encode(), f"</{tag}>".encode()
    if page.count(end) != 1 or page.count(begin) != 1:
        raise ValueError(f"the page has no <{tag}>, or several")
    text = page.partition(begin)[2].partition(b">")[2].partition(end)[0]
    return f"'sha256-{base64.b64encode(sha256(text).digest()).decode()}'"
