"""Finds active content in workbooks of Excel 97 (XLS): macros, objects, and links to other programs and files."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from freshet.tasks.documents.parse.active.found import ActiveTally, Entry

_STREAMS = ("Workbook", "Book")
_MOST_READ = 64_000_000
_BOUND_SHEET, _SUP_BOOK = 0x0085, 0x01AE
"""Records of MS-XLS 2.4.28 and 2.4.271: a sheet, and what the workbook takes values from."""

_MACRO_SHEET = 1
_NO_BOOK = (0x0401, 0x3A01)


def active_in_xls(path: str) -> list[Entry]:
    """Finds what a workbook in an OLE container runs, loads or carries. Its links name no file where it is damaged."""
    import olefile

    tally = ActiveTally()
    try:
        with olefile.OleFileIO(path) as container:
            tops = [entry[0] for entry in container.listdir(streams=False, storages=True) if len(entry) == 1]
            if "_VBA_PROJECT_CUR" in tops:
                tally.add("macro")
            if objects := sum(1 for name in tops if name.startswith("MBD")):
                tally.add("embedded object", count=objects)
            if links := sum(1 for name in tops if name.startswith("LNK")):
                tally.add("linked object", count=links)
            for name in _STREAMS:
                if container.exists(name):
                    tally_records(container.openstream(name).read(_MOST_READ), tally)
    except (OSError, ValueError, IndexError, TypeError):
        return tally.entries()
    return tally.entries()


def _records(stream: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, at)
        yield kind, stream[at + 4 : at + 4 + size]
        at += 4 + size


def tally_records(stream: bytes, tally: ActiveTally) -> None:
    """Counts the macro sheets and the links to other programs and files that the records of a workbook state."""
    sheets = 0
    for kind, body in _records(stream):
        if kind == _BOUND_SHEET and len(body) > 5:
            sheets += 1
            if body[5] == _MACRO_SHEET:
                tally.add("macro", f"sheet {sheets}")
        elif kind == _SUP_BOOK and len(body) > 5:
            _tally_book(body, tally)


def _tally_book(body: bytes, tally: ActiveTally) -> None:
    sheets, size = struct.unpack_from("<HH", body)
    if size in _NO_BOOK or not size:
        return
    name = body[5:].decode("utf-16-le" if body[4] & 1 else "latin-1", errors="replace")[:size]
    # Of another program, the name has the program and the topic on both sides of this character.
    if not sheets and "\x03" in name:
        tally.add("DDE", target=name.replace("\x03", " "))
    elif sheets and size > 1:
        tally.add("linked workbook", target="".join(one if one >= " " else "/" for one in name))
