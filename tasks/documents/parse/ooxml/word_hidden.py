"""Finds text of a Word document that nobody sees: hidden runs, white or tiny ones, and comments."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Any

from freshet.tasks.documents.parse.hidden import Entry, Tally
from freshet.tasks.documents.parse.ooxml.package import MC, UNREADABLE, A, Package, branches_of
from freshet.tasks.documents.parse.ooxml.package import W as _W
from freshet.tasks.documents.parse.ooxml.word_parts import is_on

_PARTS = ("header", "footer", "footnotes", "endnotes")
_PLAIN_NAME = re.compile(r"[A-Za-z]{1,20}\d{0,5}(?=\.xml$)")
_TINY_HALF_POINTS = 2
_WHITE = frozenset({"ffffff", "bg1", "lt1"})
_NO_FILL = frozenset({"", "auto", "ffffff"})


def hidden_in_docx(package: Package, *, but_comments: bool = False) -> list[Entry]:
    """Finds the hidden text of a Word document.

    The kinds are `hidden run` (also by its style), `same colour` (white on no shade of its own), `too small`
    (one point or less) and, unless they are text, `comment`.
    """
    tally = Tally()
    vanishing = frozenset(style for _, tree in _trees(package, "styles") for style in _vanishing_styles(tree))
    for name, tree in ((package.main, package.root), *_trees(package, *_PARTS)):
        _tally_part(tree, posixpath.basename(name), vanishing, tally)
    for _, tree in () if but_comments else _trees(package, "comments"):
        for comment in tree.iter(f"{_W}comment"):
            tally.add("comment", " ".join(_texts(comment)))
    return tally.entries()


def _trees(package: Package, *kinds: str) -> Iterator[tuple[str, Any]]:
    """Yields (name, root) of the parts of some kinds; of damaged ones, others may hide something all the same."""
    for name in (name for kind in kinds for name in package.parts(package.main, kind)):
        try:
            yield name, package.tree(name)
        except UNREADABLE:
            continue


def _vanishing_styles(styles: Any) -> Iterator[str]:
    """Yields the ids of the styles that hide their text, by themselves or as the style does that they are based on."""
    by_id = {str(style.get(f"{_W}styleId")): style for style in styles.iter(f"{_W}style")}
    for name in by_id:
        seen: set[str] = set()
        at: str | None = name
        while at in by_id and at not in seen:
            seen.add(at)
            vanish, base = by_id[at].find(f"{_W}rPr/{_W}vanish"), by_id[at].find(f"{_W}basedOn")
            if vanish is not None or base is None:
                if is_on(vanish):
                    yield name
                break
            at = base.get(f"{_W}val")


def _tally_part(root: Any, part: str, vanishing: frozenset[str], tally: Tally) -> None:
    """Counts the hidden runs of each paragraph; those that are hidden in one way are one text."""
    if not vanishing and not any(map(_hides, root.iter(f"{_W}vanish", f"{_W}sz", f"{_W}color"))):
        return  # as of most documents: their runs need not be looked at one by one
    match = _PLAIN_NAME.match(part)
    # Whoever made the file chose this name: evidence shows none that could be a sentence.
    part = match[0] if match else "a part"
    for number, paragraph in enumerate(_below(root, f"{_W}p"), start=1):
        style = paragraph.find(f"{_W}pPr/{_W}pStyle")
        hidden_style = style is not None and style.get(f"{_W}val") in vanishing
        kinds: dict[str, list[str]] = {}
        for run in _below(paragraph, f"{_W}r", but_not_in=f"{_W}p"):
            kind = (
                "hidden run"
                if hidden_style and run.find(f"{_W}rPr/{_W}vanish") is None
                else _kind(run, vanishing, paragraph)
            )
            if kind:
                kinds.setdefault(kind, []).extend(_texts(run))
        for kind, texts in kinds.items():
            tally.add(kind, "".join(texts), place=f"{part}, paragraph {number}")


def _below(node: Any, tag: str, but_not_in: str = "") -> Iterator[Any]:
    """Yields the elements of a kind below a node, without those in elements of another kind.

    What stands there twice, for older programs too, is taken once, as the reader of the document does.
    """
    pending = [*reversed(node)]
    while pending:
        one = pending.pop()
        if one.tag == tag:
            yield one
        if one.tag == f"{MC}AlternateContent":
            pending += [branch for branch in branches_of(one) if next(branch.iter(f"{_W}t"), None) is not None][:1]
        elif one.tag != but_not_in:
            pending += reversed(one)


def _hides(mark: Any) -> bool:
    """Whether a property of a run (vanish, sz, color) may keep its text from being seen."""
    if mark.tag == f"{_W}vanish":
        return is_on(mark)
    stated = (mark.get(f"{_W}val") or "").lower()
    if mark.tag == f"{_W}sz":
        return stated.isdigit() and int(stated) <= _TINY_HALF_POINTS
    return stated == "ffffff"


def _kind(run: Any, vanishing: frozenset[str], paragraph: Any) -> str | None:
    properties = run.find(f"{_W}rPr")
    if properties is None:
        return None
    style = properties.find(f"{_W}rStyle")
    vanish = properties.find(f"{_W}vanish")
    if is_on(vanish) or (vanish is None and style is not None and style.get(f"{_W}val") in vanishing):
        return "hidden run"
    size = properties.find(f"{_W}sz")
    if size is not None and _hides(size):
        return "too small"
    colour = properties.find(f"{_W}color")
    if colour is None or not _hides(colour) or properties.find(f"{_W}highlight") is not None:
        return None
    return None if _is_shaded(run) or _stands_on_shade(paragraph) else "same colour"


def _stands_on_shade(paragraph: Any) -> bool:
    """Whether a paragraph, or a cell, table or box around it, has a fill of its own."""
    return _is_shaded(paragraph) or any(
        _is_filled(above) if above.tag == f"{_W}txbxContent" else _is_shaded(above)
        for above in paragraph.iterancestors(f"{_W}tc", f"{_W}tbl", f"{_W}txbxContent")
    )


def _is_shaded(node: Any) -> bool:
    """Whether a run, paragraph, cell or table has a fill of its own, on which white can be read."""
    for holder in ("rPr", "pPr", "tcPr", "tblPr"):
        shade = node.find(f"{_W}{holder}/{_W}shd")
        if shade is not None:
            return (shade.get(f"{_W}fill") or "").lower() not in _NO_FILL or shade.get(f"{_W}themeFill") is not None
        if holder in ("tblPr", "tcPr") and node.find(f"{_W}{holder}/{_W}tblStyle") is not None:
            return True  # a table's style may shade its cells: what it does is not looked up
    return False


def _is_filled(content: Any) -> bool:
    """Whether the text box around some content has a fill other than white."""
    shape = next(content.iterancestors("{*}wsp", "{*}shape", "{*}rect", "{*}roundrect", "{*}oval"), None)
    if shape is None:
        return False
    properties = shape.find("{*}spPr")
    if properties is None:
        return (shape.get("fillcolor") or "white").lower() not in ("white", "#ffffff", "#fff")
    fills = properties.iterchildren(*(f"{A}{name}" for name in ("solidFill", "gradFill", "blipFill", "pattFill")))
    return any(not _WHITE & {*map(_colour, fill)} for fill in fills)


def _colour(node: Any) -> str:
    return str(node.get("val") or "").lower()


def _texts(node: Any) -> Iterator[str]:
    return (text.text or "" for text in node.iter(f"{_W}t"))
