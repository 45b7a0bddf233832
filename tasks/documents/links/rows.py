"""Makes rows of a document's links: what each leads to, in a form that can be looked up in the whole corpus.

A row also holds the addresses by which its document is reached, so that a join brings links and documents together and
nothing has to be parsed again when one of the two changes.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from freshet.tasks.documents.elements import ParsedDocument

PAGE_SUFFIXES = (".md", ".markdown", ".mdown", ".mdx", ".html", ".htm", ".xhtml", ".rst", ".adoc")
"""A page may be linked to with or without these, or as another of them: a site's generator exchanges them."""

FILE_SUFFIXES = (
    *PAGE_SUFFIXES,
    *(".pdf", ".docx", ".docm", ".dotx", ".dotm", ".pptx", ".pptm", ".potx", ".potm", ".ppsx", ".ppsm", ".xlsx"),
    *(".txt", ".csv", ".odt", ".epub", ".org", ".rtf"),
)
_INDEX_NAMES = ("index", "readme", "_index", "home", "default")
_TEMPLATE = re.compile(r"\{\{|\{%|<%|\$\{|\[\[|%7B%7B|%7B%25", re.I)
_FREE_FRAGMENTS = re.compile(r"^(?:top|/.*|!.*|:~:.*|.*=.*|L\d+.*)$", re.S)
_WORDLESS = re.compile(r"[\W_]+")
_LEADING = re.compile(r"^[\W\d_]+")
_ALIASES = ("redirect_from", "permalink", "aliases", "slug", "url")
MOST_SHOWN = 200


def link_row(doc_id: str, source: str, path: str, document: ParsedDocument | None) -> dict[str, Any]:
    """Returns the row of `schemas.links` of a document at `path` in `source`.

    Args:
        document: None for one that was not parsed: it can be linked to, and links to nothing.
    """
    properties = document.properties if document else {}
    own = _own_anchors(document) if document else None
    links: list[dict[str, Any]] = []
    external: dict[str, None] = {}
    for found in properties.get("links") or []:
        target = str(found["target"]).strip()
        if (address := external_address(target)) is not None:
            external[address] = None
        elif (link := read_target(target, path, own)) is not None:
            links.append({"target": shown(target), "start": found["start"], **link})
    return {
        "doc_id": doc_id,
        "source": source,
        "key": address_key(path),
        "aliases": sorted(_aliases(properties)),
        "anchors": None if own is None else sorted(own),
        "links": links,
        "external": list(external),
    }


def external_address(target: str) -> str | None:
    """Returns the web address that a target is, without its fragment; None for any other target."""
    try:
        parts = urlsplit(f"https:{target}" if target.startswith("//") else target)
    except ValueError:
        return target if target.lower().startswith(("http://", "https://")) else None
    if parts.scheme not in ("http", "https") or _TEMPLATE.search(target):
        return None
    return parts._replace(fragment="").geturl()


def read_target(target: str, path: str, anchors: set[str] | None) -> dict[str, Any] | None:
    """Returns what a target that is no web address leads to, from a document at `path`; None where it cannot be known.

    Args:
        anchors: the document's own; None where they are not known.
    """
    try:
        parts = urlsplit(target)
    except ValueError:
        return None
    if parts.scheme or parts.netloc or _TEMPLATE.search(target):
        return None
    fragment = None if _FREE_FRAGMENTS.match(unquote(parts.fragment)) else plain_anchor(parts.fragment) or None
    nowhere = {"site": False, "key": None, "alternative": None, "file": None, "fragment": fragment}
    if not parts.path:
        is_dead = anchors is not None and fragment is not None and fragment not in anchors
        return nowhere if is_dead else None
    to = unicodedata.normalize("NFC", unquote(parts.path)).replace("\\", "/")
    if to.startswith("/"):
        key = address_key(posixpath.normpath(to).lstrip("/"))
        # Which document is a site's home is not known, only that there is one.
        return {**nowhere, "site": True, "key": key} if key else None
    file, pretty = _joined(posixpath.dirname(path), to), _joined(address_key(path, fold=False), to)
    if file is None:
        return None
    named = PurePosixPath(to).suffix.lower() in FILE_SUFFIXES
    return {
        **nowhere,
        "key": address_key(file),
        "alternative": None if pretty is None else address_key(pretty),
        "file": file if named else None,
    }


def _joined(folder: str, to: str) -> str | None:
    """Returns the path inside the source; None where it leads out of it."""
    joined = posixpath.normpath(posixpath.join(folder, to))
    return None if joined == ".." or joined.startswith("../") else joined.removeprefix("./")


def address_key(path: str, fold: bool = True) -> str:
    """Returns the address of a page, whatever its suffix: `a/b.md`, `a/b.html`, `a/b/` and `a/b/index.md` are `a/b`."""
    trimmed = path.strip("/")
    stem, suffix = posixpath.splitext(trimmed)
    if suffix.lower() in PAGE_SUFFIXES:
        trimmed = stem
    folder, _, name = trimmed.rpartition("/")
    if name.lower() in _INDEX_NAMES:
        trimmed = folder
    trimmed = "" if trimmed == "." else trimmed
    return unicodedata.normalize("NFC", trimmed).lower() if fold else trimmed


def plain_anchor(fragment: str) -> str:
    """Returns the letters and digits of an anchor, since generators differ in what they make of all else."""
    text = unicodedata.normalize("NFKD", unquote(fragment)).casefold().removeprefix("user-content-")
    return _WORDLESS.sub("", "".join(c for c in text if not unicodedata.combining(c)))


def _own_anchors(document: ParsedDocument) -> set[str] | None:
    stated = document.properties.get("anchors")
    if not isinstance(stated, list):
        return None
    # A layout may show what front matter states under a heading of its own: `questions:` as #questions.
    anchors = {plain_anchor(str(anchor)) for anchor in (*stated, *document.properties)}
    seen: Counter[str] = Counter()
    for element in document.elements:
        if element.kind != "Title":
            continue
        heading = document.text[element.start : element.end]
        forms = {heading, heading.replace("&", " and "), _LEADING.sub("", heading), _written_id(heading)}
        plain = {plain_anchor(form) for form in forms}
        # Of equal headings, the second is numbered 1 by some generators and 2 by others.
        count = seen[plain_anchor(heading)]
        seen[plain_anchor(heading)] += 1
        anchors |= plain | ({f"{form}{n}" for form in plain for n in (count, count + 1)} if count else set())
    return anchors - {""}


def _written_id(heading: str) -> str:
    """Returns a heading without the `{#id}` that some dialects put behind it."""
    bare = heading.rstrip()
    start = bare.find("{", bare.rfind("}", 0, -1) + 1)
    return heading[:start].rstrip() if bare.endswith("}") and start >= 0 else heading


def _aliases(properties: Mapping[str, Any]) -> Iterable[str]:
    """Yields other addresses that a document states for itself, as the usual site generators read them."""
    for name in _ALIASES:
        stated = properties.get(name)
        for value in stated if isinstance(stated, list) else [stated]:
            if isinstance(value, str) and value.strip() and not _TEMPLATE.search(value) and ":" not in value:
                yield address_key(value.strip())


def shown(target: str) -> str:
    """Returns a target as a verdict names it: its path and fragment, without a query, and never long."""
    path, mark, fragment = target.partition("#")
    return (path.partition("?")[0] + mark + fragment)[:MOST_SHOWN]
