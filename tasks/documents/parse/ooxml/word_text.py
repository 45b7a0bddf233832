"""The text of a Word paragraph, whatever wraps its runs, and what hangs on it: boxes, notes, charts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from freshet.tasks.documents.parse.ooxml.drawing import drawn_text
from freshet.tasks.documents.parse.ooxml.equations import M, equation
from freshet.tasks.documents.parse.ooxml.package import MC, A, R, W, branches_of
from freshet.tasks.documents.parse.ooxml.symbols import symbol
from freshet.tasks.documents.parse.ooxml.word_styles import value, whole

_VML = "{urn:schemas-microsoft-com:vml}"
_CHARTS = frozenset(
    {
        "{http://schemas.openxmlformats.org/drawingml/2006/chart}chart",
        "{http://schemas.microsoft.com/office/drawing/2014/chartex}chart",
    }
)
_DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}relIds"
DELETED = frozenset({f"{W}del", f"{W}moveFrom"})
"""What somebody took out while changes were tracked."""

UNREAD = DELETED | {
    f"{W}{name}"
    for name in (
        "pPr", "rPr", "sdtPr", "sdtEndPr", "smartTagPr", "customXmlPr", "rubyPr", "tblPr", "tblPrEx", "tblGrid", "trPr",
        "tcPr", "sectPr", "delText", "instrText", "delInstrText", "fldData",
    )
}  # fmt: skip
"""Properties, field codes and deletions. What else is not known is looked into."""


@dataclass
class Inline:
    """What a paragraph holds: the parts of its text, and what is read after it, in order, as (kind, what)."""

    parts: list[str] = field(default_factory=list)
    after: list[tuple[str, Any]] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether there is anything to read."""
        return bool(self.after) or any(part.strip() for part in self.parts)


class Fields:
    """Which part of a complex field a run belongs to: its code, which nobody sees, or its result.

    A field may span paragraphs. Where a text begins and ends fields unequally often, none is told apart, so that no
    text is taken for the code of a field that never ends.
    """

    def __init__(self, root: Any) -> None:
        """Counts the fields of a part."""
        kinds = [str(node.get(f"{W}fldCharType")) for node in root.iter(f"{W}fldChar")]
        self._balanced = kinds.count("begin") == kinds.count("end")
        self._open: list[bool] = []
        self._codes = 0

    @property
    def shown(self) -> bool:
        """Whether what stands here is seen."""
        return not self._codes

    def step(self, kind: str) -> None:
        """Takes the mark at which a field begins, comes to its result, or ends."""
        if not self._balanced:
            return
        if kind == "begin":
            self._open.append(True)
            self._codes += 1
        elif self._open and kind in ("separate", "end"):
            self._codes -= self._open.pop()
            if kind == "separate":
                self._open.append(False)


def read_inline(node: Any, fields: Fields, into: Inline) -> None:
    """Reads what a paragraph or anything within it holds."""
    for child in node:
        tag = child.tag
        act = _ACTS.get(tag)
        if act is not None:
            act(child, fields, into)
        elif tag in _CHARACTERS:
            if fields.shown:
                into.parts.append(_CHARACTERS[tag])
        elif isinstance(tag, str) and tag not in UNREAD:
            read_inline(child, fields, into)


def _text(node: Any, fields: Fields, into: Inline) -> None:
    if fields.shown:
        into.parts.append(node.text or "")


def _symbol(node: Any, fields: Fields, into: Inline) -> None:
    if fields.shown:
        into.parts.append(symbol(node.get(f"{W}font") or "", node.get(f"{W}char") or ""))


def _field(node: Any, fields: Fields, into: Inline) -> None:
    fields.step(str(node.get(f"{W}fldCharType")))
    form = node.find(f"{W}ffData")
    if form is not None:
        into.parts.append(_filled_in(form))


def _filled_in(form: Any) -> str:
    """Returns what a form's field shows that has no text of its own: a tick, or the entry that was chosen."""
    box, choice = form.find(f"{W}checkBox"), form.find(f"{W}ddList")
    if box is not None:
        ticks = [box.find(f"{W}{name}") for name in ("checked", "default")]
        tick = next((tick for tick in ticks if tick is not None), None)
        return "☒" if tick is not None and tick.get(f"{W}val", "1") not in ("0", "false", "off") else "☐"
    if choice is not None:
        entries = [str(entry.get(f"{W}val") or "") for entry in choice.iterchildren(f"{W}listEntry")]
        chosen = whole(value(choice, "result")) or whole(value(choice, "default")) or 0
        return entries[chosen] if 0 <= chosen < len(entries) else ""
    return ""


def _alternatives(node: Any, fields: Fields, into: Inline) -> None:
    for branch in branches_of(node):
        inner = Inline()
        read_inline(branch, fields, inner)
        if inner:
            into.parts += inner.parts
            into.after += inner.after
            return


def _ruby(node: Any, fields: Fields, into: Inline) -> None:
    """Puts the reading of characters after them, in brackets."""
    base, reading = Inline(), Inline()
    for part, one in (("rubyBase", base), ("rt", reading)):
        found = node.find(f"{W}{part}")
        if found is not None:
            read_inline(found, fields, one)
    into.parts += base.parts
    into.parts += ["(", *reading.parts, ")"] if reading else []
    into.after += base.after + reading.after


def _equation(node: Any, fields: Fields, into: Inline) -> None:
    if fields.shown:
        into.parts.append(equation(node))


def _note(kind: str) -> Callable[[Any, Fields, Inline], None]:
    def act(node: Any, fields: Fields, into: Inline) -> None:
        into.after.append((kind, str(node.get(f"{W}id"))))

    return act


def _box(node: Any, fields: Fields, into: Inline) -> None:
    into.after.append(("box", node))


def _line(node: Any, fields: Fields, into: Inline) -> None:
    """Takes a paragraph of a drawing (a:p), or the words of WordArt."""
    into.after.append(("line", str(node.get("string") or "") if node.tag.startswith(_VML) else drawn_text(node)))


def _part(attribute: str, kind: str) -> Callable[[Any, Fields, Inline], None]:
    def act(node: Any, fields: Fields, into: Inline) -> None:
        into.after.append((kind, str(node.get(f"{R}{attribute}"))))

    return act


_CHARACTERS = {f"{W}{name}": text for name, text in (
    ("tab", "\t"), ("ptab", "\t"), ("br", "\n"), ("cr", "\n"), ("noBreakHyphen", "-"),
)}  # fmt: skip
_ACTS: dict[Any, Callable[[Any, Fields, Inline], None]] = {
    f"{W}t": _text,
    f"{W}sym": _symbol,
    f"{W}fldChar": _field,
    f"{W}ruby": _ruby,
    f"{W}footnoteReference": _note("footnotes"),
    f"{W}endnoteReference": _note("endnotes"),
    f"{W}txbxContent": _box,
    f"{W}p": _box,
    f"{W}tbl": _box,
    f"{_VML}textpath": _line,
    f"{A}p": _line,
    f"{M}oMath": _equation,
    f"{MC}AlternateContent": _alternatives,
    **dict.fromkeys(_CHARTS, _part("id", "chart")),
    _DIAGRAM: _part("dm", "diagram"),
    f"{W}subDoc": _part("id", "subdocument"),
}
