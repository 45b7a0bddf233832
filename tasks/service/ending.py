"""Ends what a language model writes, from any thread and wherever it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from freshet.tasks.answers.models.model import Finish, Generation, Message, Model, Usage

if TYPE_CHECKING:
    from freshet.tasks.answers.compose import Writer


class Ending:
    """Ends an answer from any thread."""

    def __init__(self) -> None:
        """Nothing has ended."""
        self._lock = threading.Lock()
        self._ended = False
        self._closes: list[Callable[[], None]] = []

    def is_ended(self) -> bool:
        """Whether it has ended."""
        return self._ended

    def end(self) -> None:
        """Ends it: what was given to `calls` is called, in this thread."""
        with self._lock:
            self._ended = True
            closes, self._closes = self._closes, []
        for close in closes:
            close()

    def calls(self, close: Callable[[], None]) -> None:
        """Has `close` called at the end; at once, where it has ended already."""
        with self._lock:
            if not self._ended:
                self._closes.append(close)
                return
        close()


def endable(writer: Writer, ending: Ending) -> Writer:
    """A writer whose model stops as soon as `ending` says so, also while it waits for the model's next word."""
    return writer if writer.model is None else replace(writer, model=_Endable(writer.model, ending))


@dataclass(frozen=True)
class _Endable:
    """A model whose answers can be ended from outside."""

    model: Model
    ending: Ending

    @property
    def name(self) -> str:
        return self.model.name

    def count_tokens(self, text: str) -> int:
        return self.model.count_tokens(text)

    def generate(self, messages: Sequence[Message], max_tokens: int) -> Generation:
        return _Ended() if self.ending.is_ended() else _Passed(self.model.generate(messages, max_tokens), self.ending)


class _Ended:
    """An answer that was ended before the model was asked."""

    def __init__(self) -> None:
        self.finish: Finish | None = "time"
        self.usage = Usage()

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def close(self) -> None:
        pass


class _Passed:
    """An answer of a model, passed on until it is ended; its `finish` then is `time`."""

    def __init__(self, inner: Generation, ending: Ending) -> None:
        self.finish: Finish | None = None
        self.usage = Usage()
        self._inner, self._ending = inner, ending
        ending.calls(inner.close)

    def __iter__(self) -> Iterator[str]:
        try:
            for piece in self._inner:
                if self._ending.is_ended():
                    break
                yield piece
        finally:
            self.finish, self.usage = self._inner.finish, self._inner.usage
            if self._ending.is_ended():
                self.finish = self.finish or "time"

    def close(self) -> None:
        self._inner.close()
