"""The links that a document holds and the anchors that it offers, as its parser sees them.

They travel in a parsed document's properties: `links`, a list of `{"target", "start"}`, and `anchors`, the
ids that the document gives itself. Which of them lead somewhere is decided for the whole corpus, later.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from freshet.tasks.documents.elements import ParsedDocument
from freshet.tasks.documents.parse.build import clean
from freshet.tasks.documents.parse.html.tree import html_tree
from freshet.tasks.documents.parse.ooxml.package import UNREADABLE, Package, R, W

if TYPE_CHECKING:
    from markdown_it.token import Token

MOST_LINKS = 5000
MOST_TARGET = 2000
"""Of one document, and characters of one target; what is beyond is left out."""

_MOST_SEARCHED = 500_000_000
"""Characters that the words of a document's links are looked for in, all together: well under a second."""

# What these patterns may pass over is bounded, or ends where they could begin anew: no text takes them long.
_TEMPLATE_LINK = re.compile(
    r"\]\((?P<target>(?:[^()\n{]{0,500}\{(?:%[^%\n]{0,500}%|\{[^}\n]{0,500}\})\})++[^)\n]{0,500}+)\)"
)
_PAGE_TAG = re.compile(r"\{%-?\s*(?:page|link|post_url|url)\s*[\"']?(?P<path>[^\"'\s%]+)[\"']?\s*-?%\}")
_PATH_FILTER = re.compile(r"\{\{-?\s*[\"'](?P<path>[^\"'\s]+)[\"']\s*\|\s*(?:relative_url|absolute_url|url)\s*-?\}\}")
_ROOT_VARIABLE = re.compile(r"\{\{-?\s*[\w.]*(?:base_?url|root)\s*-?\}\}(?=/)", re.I)
_PLAIN_TARGET = re.compile(r"""\s*[^\s<>(){}\\]*(?:\s+(?:"[^"{\n]*"|'[^'{\n]*'))?\s*""")
_FILLED_IN = re.compile(
    r"\{%-?\s*(?:include|render|for|block|content_for|extends)\b|\{\{[<%]|^[ \t]*+(?:--8<--|!!!?include)", re.M
)
_HEADING_ID = re.compile(r"\{[^{}#\n]*#(?P<id>[\w:.-]++)[^{}\n]*\}\s*$")
_HTML_ID = re.compile(r"""<[a-z][^<>]*?\s(?:id|name)\s*=\s*["']?(?P<id>[^"'\s>]+)""", re.I)
_HTML_HREF = re.compile(r"""<a\s[^<>]*?href\s*=\s*(?:"(?P<two>[^"]*)"|'(?P<one>[^']*)'|(?P<none>[^\s>]+))""", re.I)
_FIELD = re.compile(r"""HYPERLINK\s+(?:\\[a-z]\s+)*"(?P<target>[^"]+)\"""", re.I)


@dataclass(frozen=True)
class FoundLink:
    """A link: where it leads, as written, and what a reader sees of it."""

    target: str
    text: str = ""


def with_links(
    document: ParsedDocument, links: Iterable[FoundLink], anchors: Iterable[str] | None = None
) -> ParsedDocument:
    """Returns the document with `links` and, where its anchors are known, `anchors` among its properties.

    A link's `start` is where its text begins in the document's text. It is None where that cannot be known:
    where the same words stand elsewhere too, without a link, or where there are too many words to look for.

    Args:
        anchors: ids that the document gives itself, headings aside; None where nobody can tell.
    """
    kept = [FoundLink(clean(link.target), clean(link.text)) for link in links]
    kept = [link for link in kept if link.target and len(link.target) <= MOST_TARGET][:MOST_LINKS]
    starts = _starts(document.text, kept)
    stated: dict[str, Any] = {
        "links": [{"target": link.target, "start": start} for link, start in zip(kept, starts, strict=True)]
    }
    others = {key: value for key, value in document.properties.items() if key not in ("links", "anchors")}
    if anchors is not None:
        stated["anchors"] = sorted({clean(anchor) for anchor in anchors} - {""})[:MOST_LINKS]
    return replace(document, properties={**others, **stated})


def _starts(text: str, links: Sequence[FoundLink]) -> list[int | None]:
    wanted = Counter(link.text for link in links)
    if len(wanted) * len(text) > _MOST_SEARCHED:
        return [None] * len(links)
    places: dict[str, list[int] | None] = {}
    for words, count in wanted.items():
        is_sure = len(words) > 1 and text.count(words) == count
        places[words] = list(_places(text, words)) if is_sure else None
    seen: Counter[str] = Counter()
    starts: list[int | None] = []
    for link in links:
        known = places[link.text]
        starts.append(known[seen[link.text]] if known else None)
        seen[link.text] += 1
    return starts


def _places(text: str, words: str) -> Iterator[int]:
    at = text.find(words)
    while at >= 0:
        yield at
        at = text.find(words, at + len(words))


def fill_in_template_links(text: str) -> str:
    """Puts the paths that template tags stand for into the links of Markdown; tags that are not known become `#`.

    `{% page "/leave/" %}` and `{{ site.baseurl }}/leave/` are `/leave/`, as a site's generator would have it.
    """
    return _TEMPLATE_LINK.sub(_filled_in, text)


def _filled_in(match: re.Match[str]) -> str:
    target = _PAGE_TAG.sub(_from_root, match["target"])
    target = _PATH_FILTER.sub(_from_root, target)
    target = _ROOT_VARIABLE.sub("", target)
    # Text that CommonMark would not take for a target would undo the link.
    return f"]({target})" if _PLAIN_TARGET.fullmatch(target) else "](#)"


def _from_root(match: re.Match[str]) -> str:
    path = match["path"]
    return path if "://" in path or path.startswith(("/", "#")) else f"/{path}"


def markdown_links(tokens: Sequence[Token]) -> list[FoundLink]:
    """Returns the links among the tokens of a CommonMark parser, also those of raw HTML; pictures are no links."""
    links: list[FoundLink] = []
    for token in tokens:
        if token.type == "html_block":
            links += html_text_links(token.content)
        elif token.type == "inline":
            links += _inline_links(token.children or [])
    return links


def _inline_links(children: Sequence[Token]) -> Iterator[FoundLink]:
    target: str | None = None
    parts: list[str] = []
    for child in children:
        if child.type == "link_open":
            target, parts = str(child.attrs.get("href") or ""), []
        elif child.type == "link_close" and target is not None:
            yield FoundLink(target, "".join(parts))
            target = None
        elif child.type == "html_inline":
            yield from html_text_links(child.content)
        elif target is not None:
            parts.append(" " if child.type == "softbreak" else child.content)


def markdown_anchors(tokens: Sequence[Token], text: str) -> list[str] | None:
    """Returns the ids that Markdown gives itself; None where a generator fills in parts with headings of their own."""
    if _FILLED_IN.search(text):
        return None
    anchors: list[str] = []
    for token in tokens:
        if token.type in ("html_block", "inline") and "<" in token.content:
            anchors += [match["id"] for match in _HTML_ID.finditer(token.content)]
        if token.type == "inline" and "#" in token.content and (match := _HEADING_ID.search(token.content)):
            anchors.append(match["id"])
    return anchors


def html_text_links(fragment: str) -> list[FoundLink]:
    """Returns the links of raw HTML inside another format, where an element's start and end are often apart."""
    import html

    found = (match["two"] or match["one"] or match["none"] or "" for match in _HTML_HREF.finditer(fragment))
    return [FoundLink(html.unescape(target).strip()) for target in found]


def html_links(text: str) -> tuple[list[FoundLink], list[str]]:
    """Returns (links, ids) of an HTML page that is already text; both are empty where it cannot be read."""
    root = html_tree(text)
    if root is None:
        return [], []
    base = next((str(node.get("href")).strip() for node in root.iter("base") if node.get("href")), "")
    links = []
    for node in root.iter("a", "area"):
        target = (node.get("href") or "").strip()
        if target:
            links.append(FoundLink(_joined(base, target), " ".join("".join(node.itertext()).split())))
    anchors = [value for node in root.iter() if isinstance(node.tag, str) for value in _ids(node)]
    return links, anchors


def _joined(base: str, target: str) -> str:
    try:
        return urljoin(base, target) if base else target
    except ValueError:
        return target


def _ids(node: Any) -> Iterator[str]:
    if node.get("id"):
        yield str(node.get("id"))
    if node.tag == "a" and node.get("name"):
        yield str(node.get("name"))


def office_links(package: Package) -> list[FoundLink]:
    """Returns the links of a Word, PowerPoint or Excel file; those of Word come with their texts, in order."""
    try:
        links = list(_word_links(package.root, _hyperlinks(package, package.main)))
    except UNREADABLE:
        return []
    others = [name for name in package.parts_with_relationships if name != package.main.lower()]
    return links + [FoundLink(target) for name in others for target in _hyperlinks(package, name).values()]


def _hyperlinks(package: Package, part: str) -> dict[str, str]:
    """Returns targets by relationship id."""
    found = package.targets(part).items()
    return {key: target.name for key, target in found if target.kind == "hyperlink" and target.external}


def _word_links(root: Any, targets: dict[str, str]) -> Iterator[FoundLink]:
    """Yields the links of a Word document; one that is written as a simple or a complex field is named by its code."""
    for node in root.iter(f"{W}hyperlink", f"{W}instrText", f"{W}fldSimple"):
        if node.tag != f"{W}hyperlink":
            code = (node.text if node.tag == f"{W}instrText" else node.get(f"{W}instr")) or ""
            match = _FIELD.search(code)
            if match:
                yield FoundLink(match["target"], _word_text(node) if node.tag == f"{W}fldSimple" else "")
        elif node.get(f"{R}id") in targets:
            anchor = node.get(f"{W}anchor")
            yield FoundLink(targets[str(node.get(f"{R}id"))] + (f"#{anchor}" if anchor else ""), _word_text(node))


def _word_text(node: Any) -> str:
    return "".join(part.text or "" for part in node.iter(f"{W}t"))


def pdf_page_links(pdf: Any, page: Any) -> list[FoundLink]:
    """Returns the links of an open page to web addresses and other files; jumps inside the file are no links."""
    import ctypes

    from pypdfium2 import raw

    position, annotation = ctypes.c_int(0), raw.FPDF_LINK()
    links: list[FoundLink] = []
    while len(links) < MOST_LINKS and raw.FPDFLink_Enumerate(page.raw, position, annotation):
        action = raw.FPDFLink_GetAction(annotation)
        if not action:
            continue
        kind = raw.FPDFAction_GetType(action)
        if kind == raw.PDFACTION_URI:
            target = _pdf_text(
                lambda buffer, size, action=action: raw.FPDFAction_GetURIPath(pdf.raw, action, buffer, size)
            )
        elif kind == raw.PDFACTION_REMOTEGOTO:
            target = _pdf_text(lambda buffer, size, action=action: raw.FPDFAction_GetFilePath(action, buffer, size))
        else:
            continue
        links.append(FoundLink(target))
    return links


def _pdf_text(read: Any) -> str:
    """Returns what PDFium writes into a buffer of the size that it asked for."""
    import ctypes

    size = read(None, 0)
    if not 0 < size <= 4 * MOST_TARGET:
        return ""
    buffer = ctypes.create_string_buffer(size)
    read(buffer, size)
    return buffer.raw.rstrip(b"\0").decode("utf-8", "replace")
