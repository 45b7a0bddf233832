"""An answer in the making: a thread works at it, and whoever reads waits no longer than the time that it has."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from freshet.tasks.answers.models.model import Finish, Usage
from freshet.tasks.errors import ModelFailed


@dataclass(frozen=True)
class End:
    """How an answer ended, as whoever works at it saw it."""

    finish: Finish
    usage: Usage = field(default_factory=Usage)


class Running:
    """A `Generation` that a thread of its own works at, so that reading it can always be ended.

    Attributes:
        finish: why it ended; None before.
        usage: what it took; complete once it has ended.
    """

    def __init__(
        self,
        work: Callable[[Running], End],
        seconds: float,
        late: ModelFailed,
        release: Callable[[], None] = lambda: None,
        *,
        daemon: bool,
    ) -> None:
        """Starts the work.

        Args:
            work: makes the answer; gives its pieces to `put`, and ends soon after `is_over`.
            seconds: time for all of it. What has come by then is the answer.
            late: what is raised where nothing has come by then.
            release: has the work end at once, from whichever thread; called once it is over, too.
            daemon: whether the process may end while the work goes on. It may not where a library's own code calls
                back into Python: there `is_over` turns true as the process ends.
        """
        self.finish: Finish | None = None
        self.usage = Usage()
        self._late = late
        self._release = release
        self._deadline = time.monotonic() + seconds
        self._closed = threading.Event()
        self._queue: queue.SimpleQueue[str | End | BaseException] = queue.SimpleQueue()
        threading.Thread(target=self._run, args=(work,), name="freshet-answer", daemon=daemon).start()

    @property
    def seconds_left(self) -> float:
        """Time until the answer must be there; never less than 0."""
        return max(0.0, self._deadline - time.monotonic())

    def is_over(self) -> bool:
        """Whether nobody waits for more of it."""
        return self._closed.is_set() or not self.seconds_left or not threading.main_thread().is_alive()

    def put(self, piece: str) -> None:
        """Hands a piece over."""
        if piece:
            self._queue.put(piece)

    def wait(self, seconds: float) -> bool:
        """Waits, before something is tried again, and returns early where it is closed; says whether to go on."""
        return not self._closed.wait(min(seconds, self.seconds_left)) and not self.is_over()

    def __iter__(self) -> Iterator[str]:
        """Gives the pieces as they come.

        Raises:
            ModelFailed: the model cannot be reached, refuses, or answers what is no answer.
        """
        begun = False
        try:
            while not self._closed.is_set():
                try:
                    item = self._queue.get(timeout=self.seconds_left)
                except queue.Empty:
                    item = self._late if not begun else End("time")
                if self._closed.is_set():
                    return
                if isinstance(item, BaseException):
                    raise item
                if isinstance(item, End):
                    self.finish, self.usage = item.finish, item.usage
                    return
                begun = True
                yield item
        finally:
            self.close()

    def close(self) -> None:
        """Ends it at once, wherever it is; calling it twice does nothing."""
        if not self._closed.is_set():
            self._closed.set()
            self._release()
            self._queue.put(End("stop"))  # for whoever waits in another thread

    def _run(self, work: Callable[[Running], End]) -> None:
        try:
            end: End | BaseException = work(self)
        except BaseException as error:  # whoever reads is to have it
            end = error
        # Whatever comes of work that was too late comes of its being cut off.
        if self.seconds_left:
            self._queue.put(end)
