"""Makes a model's text such that nothing in it is rendered, fetched or run, wherever it is shown.

A model may have been told by a document to write an image whose address carries what it was given. So links and images
are their text, tags are taken out, and what is left of such marks, since it may go on in the next sentence, is broken.
"""

from __future__ import annotations

import re

from freshet.tasks.text.invisible import without_misplaced

_LINK = re.compile(r"!?\[([^\[\]]{0,500})\]\([^()]{0,2000}(?:\([^()]{0,200}\)[^()]{0,2000})?\)")
_AUTOLINK = re.compile(r"<((?:https?|ftp|mailto):[^<>\s]{0,2000})>", re.IGNORECASE)
_TAG = re.compile(
    r"</?(?:a|abbr|article|audio|b|base|blockquote|body|br|button|code|dd|del|details|div|dl|dt|em|embed|font|footer|form|"
    r"frame|h[1-6]|head|header|hr|html|i|iframe|img|input|ins|kbd|li|link|mark|math|meta|noscript|object|ol|option|p|"
    r"picture|pre|q|s|script|section|select|small|source|span|strike|strong|style|sub|summary|sup|svg|table|tbody|td|"
    r"textarea|tfoot|th|thead|think|title|tr|u|ul|var|video|wbr)(?:[\s/][^<>]{0,2000})?/?>",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"<!--[^<>]{0,2000}-->")
_BREAKS = (
    (re.compile(r"<(?=[A-Za-z/!?])"), "< "),
    (re.compile(r"(?<!!)!+(?=\[)"), ""),
    (re.compile(r"\](?=[(:])"), "] "),
)
_STRONG = re.compile(r"(?<![\w*])\*\*|\*\*(?![\w*])")


def harmless(text: str, in_code: bool = False) -> str:
    """The text as it may be shown; emphasis is taken out as well, but not in code."""
    text = without_misplaced(text)
    text = _AUTOLINK.sub(r"\1", _LINK.sub(r"\1", text))
    text = _TAG.sub("", _COMMENT.sub("", text))
    text = text if in_code else _STRONG.sub("", text)
    # Last, since what is taken out above may leave such a mark behind.
    for pattern, mended in _BREAKS:
        text = pattern.sub(mended, text)
    return text
