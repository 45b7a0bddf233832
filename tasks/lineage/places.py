"""How the place of a row is written, wherever a person or a file meets it."""

from __future__ import annotations


def row_place(uri: str, place: int, field: str | None = None) -> str:
    """The file, and where in it the row stands, like `rows/a.jsonl:12`.

    Args:
        place: the line or the row in the file, from 1; 0 means the whole file.
        field: where in that row, for files that nest, like `data[3].paragraphs[0].qas[2]`.
    """
    return (f"{uri}:{place}" if place else uri) + (f" {field}" if field else "")
