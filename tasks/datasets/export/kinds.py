"""What every kind of export is made from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


Batches = Callable[[], Iterator["pa.Table"]]
"""Yields the rows of a version batch by batch, anew each time it is called: some kinds read them twice."""
