"""Takes out of an answer what a model thinks before it says something, as some servers send it in the answer's text."""

from __future__ import annotations

from freshet.tasks.errors import ModelFailed

_BEGIN, _END = "<think>", "</think>"


class Thoughts:
    """Lets through the text outside `<think>…</think>`, however the marks are split over pieces."""

    def __init__(self, who: str) -> None:
        """Has seen nothing yet.

        Args:
            who: the model, in the words of an error.
        """
        self._who = who
        self._held = ""
        self._thinks = False

    def let_through(self, piece: str) -> str:
        """Takes the next piece; gives what may be read, which may come with a later piece.

        Raises:
            ModelFailed: a thought ends that never began, so that what was let through was one.
        """
        self._held += piece
        said = ""
        while True:
            mark = _END if self._thinks else _BEGIN
            before, found, after = self._held.partition(mark)
            if not self._thinks:
                if _END in before:
                    raise ModelFailed(
                        f"{self._who} sends what it thinks as its answer",
                        "Start its server with a parser for reasoning, or choose a model that does not reason.",
                    )
                said += before if found else self._held[: len(self._held) - self._half()]
            if not found:
                self._held = self._held[len(self._held) - self._half() :]
                return said
            self._held, self._thinks = after, not self._thinks

    def rest(self) -> str:
        """Gives what was held back for a mark that never came."""
        return "" if self._thinks else self._held

    def _half(self) -> int:
        """Length of the beginning of a mark that the text ends with."""
        text = self._held
        return max(
            (size for mark in (_BEGIN, _END) for size in range(1, len(mark)) if text.endswith(mark[:size])), default=0
        )
