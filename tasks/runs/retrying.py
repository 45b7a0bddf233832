"""Which failures of a task are worth another attempt, and how many."""

from __future__ import annotations

from typing import Any, Final


def is_retryable(task: Any, run: Any, state: Any) -> bool:
    """Whether a task failed on input or output (a disk, a network, a bucket), which may pass.

    Prefect asks this before it retries. Everything else is a mistake of a person or of ours, and would
    only fail again.
    """
    error = state.result(raise_on_failure=False)
    return isinstance(error, OSError) and not isinstance(error, FileNotFoundError | PermissionError)


RETRIES: Final[dict[str, Any]] = {"retries": 2, "retry_delay_seconds": [2, 10], "retry_condition_fn": is_retryable}
"""Arguments of `@task` for a task that may be repeated as it is: two more attempts, after 2 and after 10 seconds."""
