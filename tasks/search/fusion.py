"""Hybrid search's fusion: one score out of how near a passage is and how well its words match.

Why this one, and what else was measured: docs/decisions/0003-hybrid-fusion.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

VECTOR_WEIGHT = 0.5
"""Share of the vector half; the text half has the rest. From 0.2 to 0.5 it beat both halves wherever measured."""


def fuse(candidates: pa.Table, vector_weight: float | None = None) -> NDArray[np.float32]:
    """Scores of one question's candidates: cosine and BM25, each as a share of the best candidate's.

    A row's score depends on the best candidates and on nothing below, so it stays the same when more are fetched.

    Args:
        candidates: `cosine`, filled for all, also for those that only the text half found; `bm25`, 0 or null where
            the text half did not return the row.
        vector_weight: share of the vector half, in place of the usual one.

    Returns:
        shape (rows,), float32 in [0, 1], in the order given. Equal ones are for the caller to order, by `chunk_id`.
    """
    return np.asarray(sum(parts(candidates, vector_weight).values()), dtype=np.float32)


def parts(candidates: pa.Table, vector_weight: float | None = None) -> dict[str, NDArray[np.float64]]:
    """What each measure adds to the scores that `fuse` gives, by the measure's column, each of shape (rows,)."""
    weight = VECTOR_WEIGHT if vector_weight is None else vector_weight
    weights = {"cosine": weight, "bm25": 1 - weight}
    return {name: share * _share_of_best(candidates, name) for name, share in weights.items()}


def _share_of_best(candidates: pa.Table, name: str) -> NDArray[np.float64]:
    """A column over its greatest value; null and what is below 0 count as 0."""
    import pyarrow.compute as pc

    values = pc.fill_null(pc.cast(candidates[name], "double"), 0.0).to_numpy()
    found = np.maximum(np.asarray(values, dtype=np.float64), 0.0)
    best = float(found.max(initial=0.0))
    return found / best if best > 0 else np.zeros_like(found)
