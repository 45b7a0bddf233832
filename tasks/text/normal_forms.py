"""The normal forms of very many texts at once, those of `tasks.text.normalise`, without an object for each text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.text.normalise import normalise

if TYPE_CHECKING:
    import pyarrow as pa

SPACE = 32


@dataclass(frozen=True)
class NormalForms:
    """Texts in normal form, one after the other.

    Attributes:
        data: UTF-8; every word is followed by one space, the last one of a text too.
        bounds: int64 (texts + 1,), where each text begins and the last one ends. A text without a word is empty.
    """

    data: NDArray[np.uint8]
    bounds: NDArray[np.int64]

    def words(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """First byte and end of every word; and for each bound, the number of words before it."""
        ends = np.flatnonzero(self.data == SPACE)
        starts = np.zeros(len(ends), np.int64)
        starts[1:] = ends[:-1] + 1
        return starts, ends, np.searchsorted(ends, self.bounds)

    def every(self, step: int) -> NormalForms:
        """So many neighbours taken for one text."""
        return NormalForms(self.data, self.bounds[::step])


def normal_forms(*columns: pa.Array | pa.ChunkedArray) -> NormalForms:
    """The normal forms of texts, row by row, and within a row column by column.

    Args:
        columns: strings, all of one length; null is an empty text.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = [_without_letters_to_fold(column) for column in columns]
    if not len(texts[0]):
        return NormalForms(np.zeros(0, np.uint8), np.zeros(1, np.int64))
    # A separator that is no word ends every text, so that neighbours cannot grow together.
    joined = pc.binary_join_element_wise(*texts, pa.scalar("", pa.large_string()), pa.scalar(" ", pa.large_string()))
    raw_bounds = np.zeros(len(texts[0]) * len(texts) + 1, np.int64)
    sizes = np.stack([np.diff(_offsets(text)) + 1 for text in texts], axis=1)
    np.cumsum(sizes.ravel(), out=raw_bounds[1:])
    start, end = _offsets(joined)[[0, -1]]
    folded = np.frombuffer(memoryview(joined.buffers()[2])[start:end].tobytes().translate(_folding()), np.uint8)
    letters = folded != SPACE
    keep = letters.copy()
    keep[1:] |= letters[:-1]
    bounds = np.zeros(len(raw_bounds), np.int64)
    np.cumsum(np.add.reduceat(keep.view(np.uint8), raw_bounds[:-1], dtype=np.int64), out=bounds[1:])
    return NormalForms(folded[keep], bounds)


def _without_letters_to_fold(column: pa.Array | pa.ChunkedArray) -> Any:
    """The texts as one array, those that are not ASCII in normal form already."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.fill_null(column, "").cast(pa.large_string())
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    others = pc.invert(pc.string_is_ascii(texts))
    if pc.any(others).as_py():
        normal = [normalise(text) for text in texts.filter(others).to_pylist()]
        texts = pc.replace_with_mask(texts, others, pa.array(normal, pa.large_string()))
    return texts


def _offsets(texts: Any) -> NDArray[np.int64]:
    return np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]


@lru_cache(maxsize=1)
def _folding() -> bytes:
    r"""For every byte of ASCII what it is in normal form, a space for what is not in `\w`; others stay."""
    ascii_part = (chr(code) for code in range(128))
    folded = (char.casefold() if char.isalnum() or char == "_" else " " for char in ascii_part)
    return "".join(folded).encode("ascii") + bytes(range(128, 256))
