"""A JSON file of rows: a list of objects, an object with one such list, or one row alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from freshet.tasks.datasets.inputs.json_scan import Broken, Piece, Scanner, elements, members
from freshet.tasks.datasets.inputs.opening import Unpacked
from freshet.tasks.datasets.inputs.rows import BadRow, RawRow, Unsound, bad_row, joined
from freshet.tasks.datasets.inputs.squad import rows_in
from freshet.tasks.datasets.inputs.strict_json import path_of
from freshet.tasks.settings.datasets import Shape

WRAPPERS = ("data", "rows", "examples", "items", "records", "instances", "samples", "train", "validation", "test")
"""Names under which a list of rows stands, in files that hold other lists as well."""

ROW_LISTS = ("messages", "conversations", "conversation", "prompt", "completion", "chosen", "rejected", "tools")
"""Names of lists that belong to one row."""


@dataclass
class Outline:
    """What is known of the object at the top of a file, before its rows are read.

    Attributes:
        lists: by key, the first byte of the list's first element; empty where the list is.
        repeated: a key that is named twice.
        ended: the object is whole.
        followed: something follows it.
    """

    lists: dict[str, bytes] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    repeated: str | None = None
    ended: bool = False
    followed: bool = False


def outline(source: Unpacked) -> Outline:
    """Looks through the object that a file begins with, and through a torn one as far as it goes."""
    scan = Scanner(source)
    found = Outline()
    try:
        for key in members(scan):
            if key in found.keys:
                found.repeated = key
            found.keys.add(key)
            if scan.peek() != b"[":
                scan.value(0)
                continue
            scan.take(b"[")
            first = scan.peek()
            found.lists[key] = b"" if first == b"]" else first
            scan.value(0, depth=1)
        found.ended = True
        found.followed = bool(scan.peek())
    except (Broken, Unsound):
        pass  # reading it for its rows will say what is wrong
    return found


def row_list(found: Outline) -> str | None:
    """Returns the key of the list that holds the rows; None where the object is one row.

    Raises:
        Unsound: it is neither, but a mapping of columns, say.
    """
    if found.repeated is not None:
        raise Unsound("ROW-REPEATED-KEY", field=path_of((found.repeated,)), why="the key stands there twice")
    objects = [key for key, first in found.lists.items() if first == b"{"]
    others = [key for key, first in found.lists.items() if first not in (b"{", b"")]
    wrapped = [key for key in objects if key in WRAPPERS]
    if len(wrapped) == 1:
        return wrapped[0]
    if all(key in ROW_LISTS or key == "paragraphs" for key in objects) and not others:
        empty = [key for key in found.lists if key in WRAPPERS]
        return empty[0] if len(empty) == 1 and not objects else None
    if len(objects) == 1 and not others:
        return objects[0]
    raise Unsound(
        "ROW-SCHEMA",
        expected="a list of rows, or an object with one list of rows",
        found=f"an object with {len(found.lists)} lists, like a mapping of columns",
        columns=[path_of((key,)) for key in list(found.lists)[:10]],
    )


class _Rows:
    """Makes rows of the pieces of a file, and numbers them."""

    def __init__(self, uri: str, max_line: int, shape: Shape | None) -> None:
        """Takes what `read_json` is given, and begins to number at 1."""
        self._uri = uri
        self._max_line = max_line
        self._shape = shape
        self._place = 0

    def of(self, piece: Piece, at: str | None) -> Iterator[RawRow | BadRow]:
        """Yields the row that stands in a field of the file, or those of a document of SQuAD."""
        if piece.data is None:
            yield self.bad("ROW-LONG", at, line=piece.line, bytes=piece.length, max_line=self._max_line)
            return
        for inner, row, raw in rows_in(piece.data, self._shape):
            if isinstance(row, Unsound):
                evidence = dict(row.evidence)
                line, column = evidence.pop("line", 1), evidence.pop("column", None)
                if column is not None:
                    evidence["column"] = column + piece.column - 1 if line == 1 else column
                yield self.bad(row.code, joined(at, inner), raw, line=piece.line + line - 1, **evidence)
            else:
                self._place += 1
                yield RawRow(self._place, joined(at, inner), row)

    def bad(self, code: str, at: str | None = None, raw: bytes | None = None, **evidence: object) -> BadRow:
        """Numbers a row that cannot be taken."""
        self._place += 1
        return bad_row(self._uri, code, self._place, at, raw, row=self._place, **evidence)


def read_json(
    uri: str, source: Unpacked, max_line: int, shape: Shape | None, found: Outline | None
) -> Iterator[RawRow | BadRow]:
    """Yields the rows of a JSON file, element by element; `place` numbers them, from 1.

    Args:
        found: the outline of the object that the file begins with; None where it begins with no object.
    """
    scan = Scanner(source)
    rows = _Rows(uri, max_line, shape)
    try:
        if found is None:
            yield from _listed(scan, rows, max_line, None)
        else:
            yield from _in_object(uri, scan, rows, max_line, found)
            return
        if scan.peek():
            raise scan.broken("something follows the list")
    except Broken as fault:
        yield rows.bad("ROW-UNREADABLE", None, fault.raw, line=fault.line, column=fault.column, why=fault.why)


def _listed(scan: Scanner, rows: _Rows, max_line: int, key: str | None) -> Iterator[RawRow | BadRow]:
    if scan.peek() != b"[":
        raise scan.broken("a file of rows begins with [ or {")
    for number, piece in enumerate(elements(scan, max_line)):
        yield from rows.of(piece, f"{key}[{number}]" if key is not None else None)


def _in_object(uri: str, scan: Scanner, rows: _Rows, max_line: int, found: Outline) -> Iterator[RawRow | BadRow]:
    try:
        key = row_list(found)
    except Unsound as fault:
        yield bad_row(uri, fault.code, 0, fault.field, **fault.evidence)
        return
    if key is None:
        scan.peek()
        yield from rows.of(scan.value(max_line), None)
    else:
        try:
            for name in members(scan):
                if name == key:
                    yield from _listed(scan, rows, max_line, path_of((key,)))
                else:
                    scan.value(0)
        except Unsound as fault:  # of a key of the outer object
            raise scan.broken("a key is no sound text") from fault
    if scan.peek():
        raise scan.broken("something follows the object")
