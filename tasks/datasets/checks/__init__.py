"""What rows are looked at for: what they hold, what they teach, how they compare, how long they are."""

from freshet.tasks.datasets.checks.batch import Looked, check_batch, look_at
from freshet.tasks.datasets.checks.facts import RowFacts

__all__ = ["Looked", "RowFacts", "check_batch", "look_at"]
