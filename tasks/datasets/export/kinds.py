"""What every kind of export is made from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


Rows = Callable[[], Iterator["pa.Table"]]
"""Gives the rows anew each time it is called: some kinds look at them twice."""
