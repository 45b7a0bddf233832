"""CSV and TSV: every row a line, every cell as it stands in the file.

unstructured reads these through pandas, which turns 007 into 7, fails on rows of unequal length, and
loses where one cell ends and the next begins.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from freshet.tasks.documents.elements import ParsedDocument
from freshet.tasks.documents.parse.active.found import with_active
from freshet.tasks.documents.parse.active.texts import active_in_table
from freshet.tasks.documents.parse.build import Block, build, rows_text
from freshet.tasks.documents.parse.decode import decoded

_DELIMITERS = ",;\t|"
_SAMPLE_LINES = 50
_FIELD_LIMIT = 10_000_000


def parse_csv(path: str) -> ParsedDocument:
    """Parses a CSV file whose delimiter is a comma, semicolon, tab or bar."""
    return _parse(path, None)


def parse_tsv(path: str) -> ParsedDocument:
    """Parses a file of tab-separated values."""
    return _parse(path, "\t")


def _parse(path: str, delimiter: str | None) -> ParsedDocument:
    read = decoded(Path(path).read_bytes())
    text = read.text.replace("\0", "")
    csv.field_size_limit(_FIELD_LIMIT)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter or _delimiter(text))
    table = Block("Table", rows_text([" ".join(cell.split()) for cell in row] for row in rows))
    return with_active(build([table], guessed=read.guessed), active_in_table(text))


def _delimiter(text: str) -> str:
    """Returns the delimiter that makes most cells of the first lines; equal numbers in all lines count double."""
    lines = [line for line in text[:200_000].splitlines() if line.strip()][:_SAMPLE_LINES]

    def score(delimiter: str) -> float:
        counts = [len(row) for row in csv.reader(lines, delimiter=delimiter)]
        mean = sum(counts) / len(counts) - 1 if counts else 0.0
        return mean * (2 if len(set(counts)) == 1 else 1)

    return max(_DELIMITERS, key=score)
