"""The checks of rows: what each row holds and teaches, how its answers compare, and how long it is."""

from freshet.tasks.datasets.checks.batch import Looked, check_batch, look_at
from freshet.tasks.datasets.checks.counts import RowCounts

__all__ = ["Looked", "RowCounts", "check_batch", "look_at"]
