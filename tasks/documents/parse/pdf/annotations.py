"""What stands on a PDF's pages beside their text: values of forms, text typed onto a page, and comments."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from freshet.tasks.documents.parse.hidden import Tally
from freshet.tasks.documents.parse.pdf.drawn import Box, Place
from freshet.tasks.documents.parse.pdf.lines import Line

_MOST = 20_000
_PASSWORD_FIELD = 1 << 13
_TICK = "☒"
"""Stands for the mark in a box that is ticked, before the name of the box."""


class _Typed(NamedTuple):
    text: str
    box: Box


def with_annotations(
    page: Any,
    form: Any,
    number: int,
    lines: list[Line],
    place: Place,
    tally: Tally,
) -> list[Line]:
    """The lines of a page with what was typed onto it, each where it stands; comments go to `tally`.

    Args:
        page: an open pypdfium2 page; `number` counts from 1.
        form: pypdfium2's form environment of the file; None where it has no form.
        place: gives a box in page space as a reader sees it.
    """
    for typed in _typed(page, form, number, place, tally):
        near = _before(lines, typed.box)
        size = lines[near - 1].size if near else typed.box[3] - typed.box[1]
        # Each line of what was typed is one of its own, and none of them a title.
        made = [
            Line(text, number, typed.box, size, 0, typed.box[3]) for text in typed.text.splitlines() if text.strip()
        ]
        lines = [*lines[:near], *(one._replace(text=one.text.strip()) for one in made), *lines[near:]]
    return lines


def _before(lines: list[Line], box: Box) -> int:
    """How many lines come before what stands in a box: up to the last one left of it, else up to the last above it."""
    middle = (box[1] + box[3]) / 2
    boxes = [line.page_box for line in lines]
    beside = [at for at, one in enumerate(boxes) if one[1] <= middle <= one[3] and one[0] <= box[0]]
    if beside:
        return max(beside, key=lambda at: boxes[at][0]) + 1
    above = [at for at, one in enumerate(boxes) if one[3] <= middle]
    return max(above, key=lambda at: boxes[at][3]) + 1 if above else 0


def _typed(page: Any, form: Any, number: int, place: Place, tally: Tally) -> Iterator[_Typed]:
    from pypdfium2 import raw

    unseen = raw.FPDF_ANNOT_FLAG_HIDDEN | raw.FPDF_ANNOT_FLAG_NOVIEW
    for at in range(min(raw.FPDFPage_GetAnnotCount(page.raw), _MOST)):
        annotation = raw.FPDFPage_GetAnnot(page.raw, at)
        if not annotation:
            continue
        try:
            kind = raw.FPDFAnnot_GetSubtype(annotation)
            is_field = kind == raw.FPDF_ANNOT_WIDGET
            if kind in (raw.FPDF_ANNOT_LINK, raw.FPDF_ANNOT_POPUP):
                continue
            text = _field_value(annotation, form) if is_field else _string(annotation, b"Contents")
            if not text.strip():
                continue
            if raw.FPDFAnnot_GetFlags(annotation) & unseen:
                tally.add("not visible", text, number)
            elif not is_field and kind != raw.FPDF_ANNOT_FREETEXT:
                tally.add_comment(text, _string(annotation, b"T"), number)
            else:
                rect = raw.FS_RECTF()
                raw.FPDFAnnot_GetRect(annotation, rect)
                sides = min(rect.left, rect.right), min(rect.bottom, rect.top)
                yield _Typed(text, place(*sides, max(rect.left, rect.right), max(rect.bottom, rect.top)))
        finally:
            raw.FPDFPage_CloseAnnot(annotation)


def _field_value(annotation: Any, form: Any) -> str:
    """What a field shows: its text, what was chosen from a list, or the name of a box that is ticked."""
    from pypdfium2 import raw

    if form is None:
        return _string(annotation, b"V")
    kind = raw.FPDFAnnot_GetFormFieldType(form, annotation)
    if kind in (raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON):
        if not raw.FPDFAnnot_IsChecked(form, annotation):
            return ""
        names = (
            _field(raw.FPDFAnnot_GetFormFieldAlternateName, form, annotation),
            _field(raw.FPDFAnnot_GetFormFieldName, form, annotation),
        )
        name = next((one for one in names if one.strip()), "")
        chosen = _field(raw.FPDFAnnot_GetFormFieldExportValue, form, annotation)
        is_button = kind == raw.FPDF_FORMFIELD_RADIOBUTTON
        return " ".join(part for part in (_TICK, name, chosen if is_button else "") if part)
    if kind in (raw.FPDF_FORMFIELD_PUSHBUTTON, raw.FPDF_FORMFIELD_SIGNATURE):
        return ""
    if kind == raw.FPDF_FORMFIELD_TEXTFIELD and raw.FPDFAnnot_GetFormFieldFlags(form, annotation) & _PASSWORD_FIELD:
        return ""
    return _field(raw.FPDFAnnot_GetFormFieldValue, form, annotation)


def _field(ask: Callable[..., int], form: Any, annotation: Any) -> str:
    return _read(lambda buffer, size: ask(form, annotation, buffer, size))


def _string(annotation: Any, key: bytes) -> str:
    from pypdfium2 import raw

    return _read(lambda buffer, size: raw.FPDFAnnot_GetStringValue(annotation, key, buffer, size))


def _read(ask: Callable[[Any, int], int]) -> str:
    """A text of PDFium's, which says first how many bytes of UTF-16 it is."""
    size = ask(None, 0)
    if size <= 2:
        return ""
    buffer = ctypes.create_string_buffer(size)
    ask(ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), size)
    return buffer.raw[: size - 2].decode("utf-16-le", errors="replace").replace("\r\n", "\n").replace("\r", "\n")
