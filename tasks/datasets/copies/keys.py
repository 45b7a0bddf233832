"""What rows are compared by: their texts in normal form, and digests of these texts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.text.normal_forms import NormalForms, normal_forms
from freshet.tasks.text.symbols import other_money

if TYPE_CHECKING:
    import pyarrow as pa

Digests = NDArray[np.uint64]
"""Digests of 128 bits each; rows with equal digests are equal. Shape (rows, 2)."""

ROWS_AT_A_TIME = 4096
BYTES_AT_A_TIME = 4_000_000
"""Rows, and bytes of rows, that are brought into normal form at a time."""

_PARTS = ("prompt", "answer", "other")
_NOTHING = bytes(16)
"""The digest of a text that is not there."""


@dataclass(frozen=True)
class Texts:
    """The texts of some rows.

    Attributes:
        rows: the numbers of the rows. Shape (rows,).
        forms: prompt, answer and other answer of each row, one after the other, in normal form with symbols.
        verbatim: by position in `forms`, a digest of each text that has no word and is not empty.
        passages: for each row, 16 bytes of a hash of the passage that the row cites; zeros where it cites none.
        labels: for each row, 16 bytes of a hash of the row's label; zeros where it has none.
    """

    rows: NDArray[np.int64]
    forms: NormalForms
    verbatim: dict[int, bytes]
    passages: list[bytes]
    labels: list[bytes]

    def digests(self, *parts: int, labels: bool = False, one_currency: bool = False) -> Digests:
        """Returns a digest of some parts of each row, of the borders between the parts, and of the cited passage.

        Args:
            parts: the parts by number: 0 is the prompt, 1 the answer, 2 the other answer.
            labels: whether the digest is over the label too.
            one_currency: whether all currencies in a prompt count as one.
        """
        forms = _one_currency(self.forms) if one_currency else self.forms
        data, bounds = forms.data.tobytes(), forms.bounds
        begins = [bounds[part : -1 : len(_PARTS)].tolist() for part in parts]
        ends = [bounds[part + 1 :: len(_PARTS)].tolist() for part in parts]
        sizes = np.diff(bounds).astype("<i8").reshape(-1, len(_PARTS))[:, list(parts)].tobytes()
        width = 8 * len(parts)
        beside = self.contexts() if labels else self.passages
        out = bytearray()
        for n, spans in enumerate(zip(*begins, *ends, strict=True)):
            content = sizes[n * width : (n + 1) * width] + beside[n]
            for begin, end in zip(spans[: len(parts)], spans[len(parts) :], strict=True):
                content += data[begin:end]
            if self.verbatim:
                positions = [n * len(_PARTS) + part for part in parts]
                if any(position in self.verbatim for position in positions):
                    content += b"".join(self.verbatim.get(position, _NOTHING) for position in positions)
            out += blake2b(content, digest_size=16).digest()
        return np.frombuffer(bytes(out), "<u8").reshape(-1, 2)

    def contexts(self) -> list[bytes]:
        """Returns for each row what must be equal for rows to be copies: the hashes of passage and label."""
        return [passage + label for passage, label in zip(self.passages, self.labels, strict=True)]

    def empty(self, part: int) -> NDArray[np.bool_]:
        """Returns for each row whether a part says nothing at all."""
        empty: NDArray[np.bool_] = np.diff(self.forms.bounds).reshape(-1, len(_PARTS))[:, part] == 0
        empty[[position // len(_PARTS) for position in self.verbatim if position % len(_PARTS) == part]] = False
        return empty


def _one_currency(forms: NormalForms) -> NormalForms:
    """Returns the forms with a dollar sign in place of every other currency in a prompt."""
    spans = np.array([one.span() for one in other_money().finditer(forms.data.tobytes())], np.int64).reshape(-1, 2)
    owners = np.searchsorted(forms.bounds, spans[:, 0], "right") - 1
    first, end = spans[owners % len(_PARTS) == 0].T
    if not len(first):
        return forms
    data, sizes = forms.data.copy(), end - first - 1
    data[first] = ord("$")
    surplus = np.repeat(first + 1, sizes) + np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return NormalForms(np.delete(data, surplus), forms.bounds - np.searchsorted(surplus, forms.bounds))


def texts_of(batches: Iterator[pa.Table]) -> Iterator[Texts]:
    """Yields the texts of staged rows, some thousand rows at a time."""
    for table in batches:
        for piece in pieces(table):
            yield _texts(piece)


def pieces(table: pa.Table) -> Iterator[pa.Table]:
    """Yields the table in slices of bounded size, or of one row where a row is larger."""
    rows = max(1, min(ROWS_AT_A_TIME, int(table.num_rows * BYTES_AT_A_TIME / max(table.nbytes, 1))))
    for start in range(0, table.num_rows, rows):
        yield table.slice(start, rows)


def _texts(table: pa.Table) -> Texts:
    forms = normal_forms(*(table[part] for part in _PARTS), symbols=True)
    wordless = np.flatnonzero(np.diff(forms.bounds) == 0)
    verbatim: dict[int, bytes] = {}
    for number, part in enumerate(_PARTS):
        positions = wordless[wordless % len(_PARTS) == number]
        texts = table[part].take(positions // len(_PARTS)).to_pylist()
        for position, text in zip(positions.tolist(), texts, strict=True):
            if text:
                verbatim[position] = blake2b(text.encode("utf-8"), digest_size=16).digest()
    return Texts(table["row"].to_numpy().astype(np.int64), forms, verbatim, _digests(table["passage"]), _labels(table))


def _labels(table: pa.Table) -> list[bytes]:
    return _digests(table["label"]) if "label" in table.column_names else [_NOTHING] * table.num_rows


def _digests(column: Any) -> list[bytes]:
    """Returns a digest of each text as it stands, computed once for each distinct text; zeros for null."""
    coded = column.combine_chunks().dictionary_encode()
    distinct = [blake2b(text.encode("utf-8"), digest_size=16).digest() for text in coded.dictionary.to_pylist()]
    return [_NOTHING if code is None else distinct[code] for code in coded.indices.to_pylist()]
