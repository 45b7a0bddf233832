"""Writes small PDF files, object by object."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"


def stream(content: bytes, head: bytes = b"") -> bytes:
    return b"<<%s/Length %d>>stream\n%s\nendstream" % (head, len(content), content)


def write_objects(path: Path, objects: Sequence[bytes], info: bytes = b"") -> str:
    """Writes the objects, which are numbered from 1 and begin with the catalog."""
    file, places = bytearray(b"%PDF-1.7\n"), []
    for number, one in enumerate(objects, start=1):
        places.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    start = len(file)
    file += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    file += b"".join(b"%010d 00000 n \n" % at for at in places)
    file += b"trailer<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, info, start)
    path.write_bytes(file)
    return str(path)


def write_pages(path: Path, contents: Sequence[bytes], *more: bytes, page: bytes = b"", font: bytes = FONT) -> str:
    """Writes a page for each content. They know the font F1 and the object X, which is the first of `more` (5 0 R)."""
    drawn = b"/Resources<</Font<</F1 3 0 R>>%s>>" % (b"/XObject<</X 5 0 R>>" if more else b"")
    first = 5 + len(more)
    kids = b" ".join(b"%d 0 R" % (first + 2 * at) for at in range(len(contents)))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d/MediaBox[0 0 600 800]%s>>" % (kids, len(contents), drawn),
        font,
        b"null",
        *more,
    ]
    for at, content in enumerate(contents):
        objects.append(b"<</Type/Page/Parent 2 0 R/Contents %d 0 R%s>>" % (first + 2 * at + 1, page))
        objects.append(stream(content))
    return write_objects(path, objects)
