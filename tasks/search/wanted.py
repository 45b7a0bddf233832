"""What somebody wants of a search besides passages: which documents and passages count, how many of each, what beside.

Whatever is said here narrows what is found, or tells more of it. It never widens what may be seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Literal, cast, get_args

from freshet.tasks.errors import SettingsError
from freshet.tasks.settings.addresses import shown
from freshet.tasks.settings.spans import in_utc
from freshet.tasks.settings.types import composed
from freshet.tasks.text.globs import taker_of

Kind = Literal["heading", "text", "list", "table", "code", "image"]

KINDS: Mapping[Kind, tuple[str, ...]] = {
    "heading": ("Title",),
    "text": ("NarrativeText", "UncategorizedText", "Address", "EmailAddress", "Header", "Footer"),
    "list": ("ListItem",),
    "table": ("Table",),
    "code": ("CodeSnippet",),
    "image": ("Image", "Picture", "FigureCaption"),
}
"""What may be asked for as kinds of elements, and what the column `kinds` of chunks has for each."""

MOST_NAMED = 20
"""Globs, and sources, of one search."""

LONGEST_NAMED = 500
"""Characters of a glob, a source or a title."""

MOST_PER_DOCUMENT = 1000
MOST_AROUND = 10


@dataclass(frozen=True)
class Filters:
    """Which documents and passages count.

    Attributes:
        path: globs as in .gitignore, of paths below the source; the last one that matches decides.
        source: names of sources.
        kind: of KINDS; a passage counts that holds a part of an element of one of them.
        modified_after, modified_before: the half-open span of time that the document was modified in. One of which
            that is not known lies in none.
        title: what the document's title contains, in any letter case.
    """

    path: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    kind: tuple[Kind, ...] = ()
    modified_after: datetime | None = None
    modified_before: datetime | None = None
    title: str | None = None


@dataclass(frozen=True)
class Wanted:
    """What is wanted of a search; `wanted_of` makes and checks it.

    Attributes:
        per_document: how many hits a document may have; None for any number.
        around: how many passages before and after a hit are given with it.
        explain: whether each hit says how its score came about.
        why_not: a document by its path, URI or id, of which the search says why it is not among the hits.
    """

    filters: Filters = Filters()
    per_document: int | None = None
    around: int = 0
    explain: bool = False
    why_not: str | None = None


NOTHING = Wanted()
"""What a search gives by itself."""


def wanted_of(
    *,
    path: Sequence[str] = (),
    source: Sequence[str] = (),
    kind: Sequence[Kind] = (),
    modified_after: date | None = None,
    modified_before: date | None = None,
    title: str | None = None,
    per_document: int | None = None,
    around: int = 0,
    explain: bool = False,
    why_not: str | None = None,
) -> Wanted:
    """What is wanted, checked. One glob, source or kind need not stand in a list; a day stands for its beginning.

    Raises:
        SettingsError: a glob matches nothing, there is no such kind, no time lies between the moments, a number is
            too great, or a text is too long or none.
    """
    globs = tuple(composed(one) for one in _texts("path", path))
    try:
        taker_of(globs)
    except ValueError as error:
        raise SettingsError(f"path: {error}", "Write globs as in .gitignore, like 'legal/**' or '*.md'.") from None
    kinds = cast("tuple[Kind, ...]", (kind,) if isinstance(kind, str) else tuple(kind))
    if unknown := [one for one in kinds if one not in get_args(Kind)]:
        raise SettingsError(f"there is no kind {shown(str(unknown[0]))}", f"The kinds are: {', '.join(KINDS)}.")
    after, before = _moment(modified_after), _moment(modified_before)
    if after and before and after >= before:
        raise SettingsError(
            f"nothing is modified after {after:%Y-%m-%d %H:%M} and before {before:%Y-%m-%d %H:%M} UTC",
            "Give a later moment as modified-before.",
        )
    if per_document is not None and not 1 <= per_document <= MOST_PER_DOCUMENT:
        raise SettingsError(f"per-document is {per_document}", f"Give a number from 1 to {MOST_PER_DOCUMENT}.")
    if not 0 <= around <= MOST_AROUND:
        raise SettingsError(f"around is {around}", f"Give a number from 0 to {MOST_AROUND}.")
    titles = _texts("title", [] if title is None else [title])
    documents = _texts("why-not", [] if why_not is None else [why_not], longest=4 * LONGEST_NAMED)
    filters = Filters(
        globs, tuple(composed(one) for one in _texts("source", source)), tuple(dict.fromkeys(kinds)), after, before,
        titles[0] if titles else None,
    )  # fmt: skip
    return Wanted(filters, per_document, around, explain, composed(documents[0]) if documents else None)


def _texts(name: str, said: Sequence[str], longest: int = LONGEST_NAMED) -> Sequence[str]:
    texts = [said] if isinstance(said, str) else list(said)
    if len(texts) > MOST_NAMED:
        raise SettingsError(f"{name} is given {len(texts)} times", f"Give it {MOST_NAMED} times at most.")
    for text in texts:
        if not text.strip():
            raise SettingsError(f"{name} is empty", f"Leave {name} out, or say which.")
        if len(text) > longest:
            raise SettingsError(f"{name} has {len(text):,} characters", f"Give {longest:,} at most.")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise SettingsError(f"{name} is no valid UTF-8 text", "Type it anew, in a terminal set to UTF-8.") from None
    return texts


def _moment(said: date | None) -> datetime | None:
    if said is None or isinstance(said, datetime):
        return None if said is None else in_utc(said)
    return datetime.combine(said, time(), UTC)
