"""Users and passwords are found where regular expressions find them, which say it plainly and are slow on hostile text.

The names of sources come from these results, so that none of them may change.
"""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from freshet.tasks.settings import logins

_NO_PORT = r"(?!\d{0,5}(?:[/?#\s]|$))"
_IN_URLS = re.compile(
    rf"(?P<prefix>{logins.SCHEME})(?![^/?#\s:@]*:\*\*\*@)(?:"
    rf"(?P<run>[^/?#\s:@]*:{_NO_PORT}[^\s'\"]*|[^/?#\s]*)@"
    rf"|(?P<odd>[^/?#\s:@\[]+:{_NO_PORT}(?![:\\])(?:[^\s@]+|[^\s/@]+\s[^@]{{0,100}}?))@(?=[\w.\[])"
    rf"|(?P<escaped>[^/?#\s:@\[]+:{_NO_PORT}(?![:\\])[^\s/@]+)%40)"
)
_IN_SHELLS = re.compile(
    r"(?<![\w@.+:/\\-])(?!mailto:|jdbc:|[A-Za-z]:[\\/])(?P<prefix>(?![\d.+-]+:)[\w.+-]{1,64}):"
    r"(?!//|\*\*\*@)(?:(?P<run>(?:(?!://)[^\s'\"])+)@(?=(?:[\w.-]+|\[[\w.:%]+\]):[^\s:])"
    r"|(?P<plain>[^\s'\"/]+)@(?=(?:[\w-]+\.)+[A-Za-z]{2,}/))"
)
_PIECES = st.sampled_from(
    ["https://", "s3://", "zip://", "::", "host", "[::1]", "[", "]", ":8443", ":", "/", "b@c", "@", "?", "#", ";", "a",
     "***", "u:pw", "'", '"', " ", "\n", "%40", ".com/", "\\", "C:\\", "mailto:", "jdbc:", "12:30", "é", "@h:p",
     "@h.de/", "x" * 70, "x" * 45, "y" * 101, "-", "_"]
)  # fmt: skip


def _found(pattern: re.Pattern[str], text: str) -> list[logins.Login]:
    kinds = pattern.groupindex.keys() - {"prefix"}
    return [
        logins.Login(*one.span(), one["prefix"], next(one[kind] for kind in sorted(kinds) if one[kind] is not None))
        for one in pattern.finditer(text)
    ]


@settings(max_examples=1500, deadline=None)
@given(st.lists(_PIECES, max_size=12).map("".join))
def test_logins_are_found_where_the_expressions_find_them(text: str) -> None:
    assert list(logins.in_urls(text)) == _found(_IN_URLS, text)
    assert list(logins.in_shells(text)) == _found(_IN_SHELLS, text)
