"""A reader that looks at something over and over while a test does something to it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tests.waiting import until


class Reader:
    """Calls `look` in a thread of its own until the block ends, and once more then.

    An error of `look` is raised by whatever the test does next with the reader.
    """

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._looks = 0
        self._error: BaseException | None = None

    def __enter__(self) -> Reader:
        self._thread.start()
        self.look_again()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._raise()

    def look_again(self) -> None:
        """Waits until the reader has looked at what stands now."""
        # A look that goes on now may have begun before what is there now.
        enough = self._looks + 2
        until(lambda: self._looks >= enough or self._error, "the reader looks again")
        self._raise()

    def _raise(self) -> None:
        if self._error:
            raise self._error

    def _read(self) -> None:
        try:
            while True:
                # Asked before, so that what stands in the end is always looked at.
                last = self._stop.is_set()
                self._look()
                self._looks += 1
                if last:
                    return
                self._stop.wait(0.02)
        except BaseException as error:
            self._error = error
