"""The normal forms of very many texts at once, those of `text/normalise.py`, without an object for each text.

With symbols, they are those of `text/symbols.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.text.normalise import normalise
from freshet.tasks.text.symbols import code_marks, code_points, decoded, marks_that_count, normalise_with_symbols

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
        """Returns the first byte and the end of every word, and for each bound the number of words before it."""
        ends = np.flatnonzero(self.data == SPACE)
        starts = np.zeros(len(ends), np.int64)
        starts[1:] = ends[:-1] + 1
        return starts, ends, np.searchsorted(ends, self.bounds)

    def word_counts(self) -> NDArray[np.int64]:
        """Returns the number of words of each text."""
        return np.diff(np.searchsorted(np.flatnonzero(self.data == SPACE), self.bounds))

    def form(self, number: int) -> bytes:
        """Returns one text."""
        return self.data[self.bounds[number] : self.bounds[number + 1]].tobytes()

    def words_of(self, number: int) -> list[str]:
        """Returns the words of one text."""
        return self.form(number).decode("utf-8").split()

    def every(self, step: int) -> NormalForms:
        """Returns the forms of so many neighbours, joined to one text each."""
        return NormalForms(self.data, self.bounds[::step])


def normal_forms(*columns: pa.Array | pa.ChunkedArray, symbols: bool = False) -> NormalForms:
    """Returns the normal forms of texts, row by row, and within a row column by column.

    Args:
        columns: strings, all of one length; null is an empty text.
        symbols: whether symbols that carry meaning count too, each as a part of a word.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    made = [_without_letters_to_fold(column, normalise_with_symbols if symbols else normalise) for column in columns]
    texts = [text for text, _ in made]
    if not len(texts[0]):
        return empty_forms(0)
    # Line feeds stand before and behind every text: no word, so that neighbours cannot grow together.
    edge = pa.scalar("", pa.large_string())
    joined = pc.binary_join_element_wise(edge, *texts, edge, pa.scalar("\n", pa.large_string()))
    raw_bounds = np.zeros(len(texts[0]) * len(texts) + 1, np.int64)
    sizes = np.stack([np.diff(_offsets(text)) + 1 for text in texts], axis=1)
    sizes[:, 0] += 1
    np.cumsum(sizes.ravel(), out=raw_bounds[1:])
    start, end = _offsets(joined)[[0, -1]]
    raw = memoryview(joined.buffers()[2])[start:end].tobytes()
    folded = np.frombuffer(bytearray(raw.translate(_folding(symbols))), np.uint8)
    letters = folded > SPACE
    keep = letters.copy()
    keep[1:] |= letters[:-1]
    if symbols:
        done = np.stack([done for _, done in made], axis=1).ravel()
        _keep_symbols(raw, raw_bounds, done, folded, keep)
    bounds = np.zeros(len(raw_bounds), np.int64)
    np.cumsum(np.add.reduceat(keep.view(np.uint8), raw_bounds[:-1], dtype=np.int64), out=bounds[1:])
    forms = NormalForms(folded[keep], bounds)
    return _with_spaces(forms, done) if symbols else forms


def empty_forms(texts: int) -> NormalForms:
    """Returns normal forms of so many texts, none of which has a word."""
    return NormalForms(np.zeros(0, np.uint8), np.zeros(texts + 1, np.int64))


def _keep_symbols(
    raw: bytes,
    bounds: NDArray[np.int64],
    done: NDArray[np.bool_],
    folded: NDArray[np.uint8],
    keep: NDArray[np.bool_],
) -> None:
    """Marks in `keep` the coded symbols of folded texts that count, and makes spaces of the others.

    Args:
        raw: the texts as they are; `bounds` where each begins; `done` which are in normal form already.
    """
    code_points(np.frombuffer(raw, np.uint8), folded)
    places = np.flatnonzero(folded < SPACE)
    if not len(places):
        return
    counts = marks_that_count(raw, places)
    if done.any():
        firsts, lasts = np.searchsorted(places, bounds)[:-1][done], np.searchsorted(places, bounds)[1:][done]
        for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
            counts[first:last] = True
    keep[places[counts]] = True
    folded[places[~counts]] = SPACE


def _with_spaces(forms: NormalForms, done: NDArray[np.bool_]) -> NormalForms:
    """Returns the forms with their symbols decoded, and a space where a symbol follows a word or ends a text.

    Args:
        done: by text whether all spaces but the last are there.
    """
    data, bounds = forms.data, forms.bounds
    marks = data < SPACE
    places = np.flatnonzero(marks)
    if not len(places):
        return forms
    before = np.searchsorted(places, bounds)
    wordless = (np.diff(bounds) == np.diff(before)) & (np.diff(before) > 0)
    if wordless.any():  # symbols alone are no normal form
        sizes = np.diff(bounds)
        left = NormalForms(data[np.repeat(~wordless, sizes)], np.append(0, np.cumsum(np.where(wordless, 0, sizes))))
        return _with_spaces(left, done)
    data[places] = decoded(data[places])
    follows = places[(data[places - 1] != SPACE) & ~marks[places - 1]]
    if done.any():
        follows = follows[~done[np.searchsorted(bounds, follows, "right") - 1]]
    ends = bounds[1:][np.diff(before) > 0]
    spaces = np.sort(np.concatenate([follows, ends[marks[ends - 1]]]))
    return NormalForms(np.insert(data, spaces, SPACE), bounds + np.searchsorted(spaces, bounds, "right"))


def _without_letters_to_fold(
    column: pa.Array | pa.ChunkedArray, normal_form: Callable[[str], str]
) -> tuple[Any, NDArray[np.bool_]]:
    """Returns the texts as one array, in which those that are not ASCII are in normal form, and which those are."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.fill_null(column, "").cast(pa.large_string())
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    others = pc.invert(pc.string_is_ascii(texts))
    if pc.any(others).as_py():
        normal = [normal_form(text) for text in texts.filter(others).to_pylist()]
        texts = pc.replace_with_mask(texts, others, pa.array(normal, pa.large_string()))
    return texts, others.to_numpy(zero_copy_only=False)


def _offsets(texts: Any) -> NDArray[np.int64]:
    return np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]


@lru_cache(maxsize=2)
def _folding(symbols: bool) -> bytes:
    r"""Returns for every byte of ASCII its normal form, a space for what is not in `\w`; other bytes stay.

    Args:
        symbols: whether those that may count are given as codes below a space.
    """
    ascii_part = (chr(code) for code in range(128))
    folded = "".join(char.casefold() if char.isalnum() or char == "_" else " " for char in ascii_part)
    table = folded.encode("ascii") + bytes(range(128, 256))
    return code_marks(table) if symbols else table
