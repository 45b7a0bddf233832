"""A process that was started to do a part of a run ends when the process that started it is gone."""

from __future__ import annotations

import multiprocessing
import os
import threading
from multiprocessing.connection import wait


def die_with_parent() -> None:
    """Ends this process when the one that started it is gone, however that ended.

    Nobody would read what comes of it, and a worker of a pool waits for its next task for good. Ending at any moment
    is safe: the locks go with the process, and the same run goes on where this one stopped.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    sentinel = parent.sentinel

    def watch() -> None:
        wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()
