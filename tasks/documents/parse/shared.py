"""The parser processes of this process: started for its first batch, shared by the next, ended with the run."""

from __future__ import annotations

import atexit
import threading

from freshet.tasks.documents.parse.pool import ParserPool
from freshet.tasks.settings.project import Parsing

_guard = threading.Lock()
_open: dict[str, ParserPool] = {}


def parser_pool(limits: Parsing) -> ParserPool:
    """Returns this process's pool with these limits, and makes it on the first call.

    A task runner may run a batch in any of its processes, each of which has a pool of its own.
    """
    key = limits.model_dump_json()
    with _guard:
        if key not in _open:
            _open[key] = ParserPool(limits)
        return _open[key]


@atexit.register
def close_parser_pool() -> None:
    """Ends the parser processes that this process started."""
    with _guard:
        while _open:
            _open.popitem()[1].close()
