"""Finds text of a Word document that nobody sees: hidden runs, white or tiny ones, and comments."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from freshet.tasks.documents.parse.hidden import Entry, Tally

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_PARTS = ("word/document.xml", "word/header", "word/footer", "word/footnotes.xml", "word/endnotes.xml")
_OFF = frozenset({"0", "false", "off", "none"})
_TINY_HALF_POINTS = 2
_NO_FILL = frozenset({"", "auto", "ffffff"})
_UNREADABLE = (zipfile.BadZipFile, zlib.error, SyntaxError, KeyError, OSError, EOFError, ValueError, RuntimeError)
"""What a damaged part raises; lxml's errors are SyntaxErrors, an unknown compression is a RuntimeError."""


def hidden_in_docx(path: str) -> list[Entry]:
    """Finds the hidden text of the Word document at `path`, whose container has been checked.

    The kinds are `hidden run` (also by its style), `same colour` (white on no shade of its own), `too small`
    (one point or less) and `comment`.
    """
    tally = Tally()
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            vanishing = (
                _vanishing_styles(_tree(archive, "word/styles.xml")) if "word/styles.xml" in names else frozenset()
            )
            for name in sorted(names):
                if name.startswith(_PARTS) and name.endswith(".xml"):
                    _tally_part(_tree(archive, name), vanishing, tally)
            if "word/comments.xml" in names:
                for comment in _tree(archive, "word/comments.xml").iter(f"{_W}comment"):
                    tally.add("comment", " ".join(_texts(comment)))
    except _UNREADABLE:
        return tally.entries()
    return tally.entries()


def _tree(archive: zipfile.ZipFile, name: str) -> Any:
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    return etree.fromstring(archive.read(name), parser)


def _vanishing_styles(styles: Any) -> frozenset[str]:
    """Returns the ids of the styles that hide their text."""
    return frozenset(
        str(style.get(f"{_W}styleId"))
        for style in styles.iter(f"{_W}style")
        if _is_on(style.find(f"{_W}rPr/{_W}vanish"))
    )


def _tally_part(root: Any, vanishing: frozenset[str], tally: Tally) -> None:
    """Counts the hidden runs of each paragraph; those that are hidden in one way are one text."""
    for paragraph in root.iter(f"{_W}p"):
        style = paragraph.find(f"{_W}pPr/{_W}pStyle")
        hidden_style = style is not None and style.get(f"{_W}val") in vanishing
        shaded = _is_shaded(paragraph) or any(
            _is_shaded(above) for above in paragraph.iterancestors(f"{_W}tc", f"{_W}tbl")
        )
        kinds: dict[str, list[str]] = {}
        for run in paragraph.iter(f"{_W}r"):
            kind = (
                "hidden run"
                if hidden_style and run.find(f"{_W}rPr/{_W}vanish") is None
                else _kind(run, vanishing, shaded)
            )
            if kind:
                kinds.setdefault(kind, []).extend(_texts(run))
        for kind, texts in kinds.items():
            tally.add(kind, "".join(texts))


def _kind(run: Any, vanishing: frozenset[str], shaded: bool) -> str | None:
    properties = run.find(f"{_W}rPr")
    if properties is None:
        return None
    style = properties.find(f"{_W}rStyle")
    vanish = properties.find(f"{_W}vanish")
    if _is_on(vanish) or (vanish is None and style is not None and style.get(f"{_W}val") in vanishing):
        return "hidden run"
    size = properties.find(f"{_W}sz")
    if size is not None and (size.get(f"{_W}val") or "").isdigit() and int(size.get(f"{_W}val")) <= _TINY_HALF_POINTS:
        return "too small"
    colour = properties.find(f"{_W}color")
    is_white = colour is not None and (colour.get(f"{_W}val") or "").lower() == "ffffff"
    if is_white and not shaded and not _is_shaded(run) and properties.find(f"{_W}highlight") is None:
        return "same colour"
    return None


def _is_shaded(node: Any) -> bool:
    """Whether a run, paragraph, cell or table has a fill of its own, on which white can be read."""
    for holder in ("rPr", "pPr", "tcPr", "tblPr"):
        shade = node.find(f"{_W}{holder}/{_W}shd")
        if shade is not None:
            return (shade.get(f"{_W}fill") or "").lower() not in _NO_FILL or shade.get(f"{_W}themeFill") is not None
        if holder in ("tblPr", "tcPr") and node.find(f"{_W}{holder}/{_W}tblStyle") is not None:
            return True  # a table's style may shade its cells: what it does is not looked up
    return False


def _is_on(switch: Any) -> bool:
    return switch is not None and (switch.get(f"{_W}val") or "true").lower() not in _OFF


def _texts(node: Any) -> Iterator[str]:
    return (text.text or "" for text in node.iter(f"{_W}t"))
