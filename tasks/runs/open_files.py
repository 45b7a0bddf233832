"""Sees that a run may have as many files open at once as it needs, before it starts anything."""

from __future__ import annotations

import resource

from freshet.tasks.errors import StoreError
from freshet.tasks.store.trouble import AGAIN

ENOUGH, LEAST = 4096, 128
"""Files that a run asks for, and without which it does not begin: LanceDB, Prefect and the parsers together have some
sixty open. Where they run out in the middle, threads of Prefect die, and whoever waits for them waits for ever."""


def ask_for_files() -> None:
    """Raises the soft limit of this process, and of those that it starts, as far as it is needed and allowed.

    Raises:
        StoreError: fewer are allowed than a run needs.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = ENOUGH if hard == resource.RLIM_INFINITY else min(ENOUGH, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        soft = allowed
    if soft != resource.RLIM_INFINITY and soft < LEAST:
        raise StoreError(
            f"only {soft} files may be open at once here, and a run needs {LEAST}",
            f"Raise the limit (ulimit -n {ENOUGH}), {AGAIN}",
        )
