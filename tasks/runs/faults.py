"""Faults that a person can mend are told, not traced."""

from __future__ import annotations

import logging

import httpx

from freshet.tasks.errors import FreshetError
from freshet.tasks.settings.addresses import in_lines
from freshet.tasks.store.trouble import is_of_lance, mendable


def announce_faults() -> None:
    """From now on, what a person can mend is logged without a traceback."""
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(_told_not_traced)


def _told_not_traced(record: logging.LogRecord) -> bool:
    """What a person can mend is logged as it is told; a bug keeps its traceback."""
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        error = mendable(error) or error
    if isinstance(error, FreshetError):
        record.msg, record.args, record.exc_info, record.exc_text = in_lines(str(error)), (), None, None
    elif error is not None and record.name == "prefect.task_runs" and is_of_lance(error):
        # The flow that the task belongs to tells which table is damaged, or keeps the traceback.
        record.msg, record.args = in_lines(f"the store could not be read: {error}"), ()
        record.exc_info = record.exc_text = None
    if isinstance(error, httpx.TransportError):
        record.exc_info = record.exc_text = None  # by_hand tells it
    return True
