"""Vectors as arrays: read from a table's column, and told fit for use or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""Vectors of one embedding space, shape (rows, dimension)."""

LENGTH_TOLERANCE = 1e-3
"""How far a vector's length may be from 1: rounding stays far below it, a vector that nobody normalised seldom does."""


class Embeds(Protocol):
    """Turns texts into vectors of unit length, float32, shape (len(texts), dimension), in the order of the texts."""

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """Embeds the texts."""
        ...


def as_vectors(column: Any) -> Vectors:
    """Returns an Arrow column of fixed-size lists of floats, whole or in pieces, as shape (rows, dimension)."""
    import pyarrow as pa

    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return np.asarray(whole.flatten(), dtype=np.float32).reshape(len(column), column.type.list_size)


def has_unit_length(vectors: Vectors) -> NDArray[np.bool_]:
    """Tells of each vector, shape (rows, dimension), whether it is finite and of unit length; shape (rows,)."""
    mask: NDArray[np.bool_] = np.abs(np.linalg.norm(vectors, axis=1) - 1) <= LENGTH_TOLERANCE
    return mask
