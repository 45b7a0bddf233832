"""Parses many documents at once in processes that none of them can harm."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from freshet.tasks.documents.parse.child import DEFAULT_WORKER, ParseFile, ParseOutcome, ParserProcess
from freshet.tasks.settings.project import Parsing

__all__ = ["ParseFile", "ParseOutcome", "ParserPool"]


class ParserPool:
    """A set of parser processes, to be used in a `with` block and shared between threads at will.

    Processes are spawned, never forked, when the first document needs them; replaced when a document brings
    one down, when it has grown, and after some hundreds of documents; and they die with this process,
    however it dies.

    Args:
        limits: how many processes, and what one document may take.
        worker_module: the module that a process runs; another one than the default only to test with faults.
    """

    def __init__(self, limits: Parsing, *, worker_module: str = DEFAULT_WORKER) -> None:
        """Makes a pool that starts its processes later."""
        self._processes = [ParserProcess(limits, worker_module) for _ in range(limits.workers)]
        self._idle: queue.LifoQueue[ParserProcess] = queue.LifoQueue()
        for process in self._processes:
            self._idle.put(process)
        # One thread each: the kernel ends a process when the thread that started it does, and these stay.
        self._threads = ThreadPoolExecutor(limits.workers, thread_name_prefix="parser")
        self._closing = threading.Lock()

    def __enter__(self) -> ParserPool:
        """Returns the pool itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends all processes."""
        self.close()

    def close(self) -> None:
        """Ends all processes; what is still being parsed raises `FreshetError`. It may be called again."""
        with self._closing:
            self._threads.shutdown(wait=False, cancel_futures=True)
            for process in self._processes:
                process.close()
            self._threads.shutdown(wait=True)

    def parse_many(self, files: Sequence[ParseFile]) -> Iterator[ParseOutcome]:
        """Yields one outcome for each file, in their order, as soon as it and all before it are known.

        Work starts with the call, not with the first outcome taken. Memory is that of the outcomes not
        yet taken: pass a batch, not a corpus.

        Raises (from the iterator):
            FreshetError: a process does not start, or the pool was closed meanwhile.
            MissingExtra: a library of the default install cannot be imported.
        """
        futures = [self._threads.submit(self._parse, file) for file in files]
        return self._in_order(futures)

    def pids(self) -> list[int]:
        """Returns the ids of the processes that run at this moment."""
        return [pid for process in self._processes if (pid := process.pid) is not None]

    def _parse(self, file: ParseFile) -> ParseOutcome:
        process = self._idle.get()
        try:
            return process.parse(file)
        finally:
            self._idle.put(process)

    @staticmethod
    def _in_order(futures: list[Future[ParseOutcome]]) -> Iterator[ParseOutcome]:
        try:
            for at, future in enumerate(futures):
                yield future.result()
                futures[at] = Future()  # lets go of the outcome
        finally:
            for future in futures:
                future.cancel()
