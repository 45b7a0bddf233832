"""What a project adds to the order of a search: a reranker, and care for languages that a model does not know."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from freshet.tasks.search.languages import known_languages, knows
from freshet.tasks.search.notices import LANGUAGE_NOT_KNOWN, NOT_RERANKED, Notice
from freshet.tasks.search.rerankers import NotJudged, Reranker, reranker_of

if TYPE_CHECKING:
    from freshet.tasks.settings.file import Project

_LOG = logging.getLogger("freshet.service")

UNKNOWN_WEIGHT = 0.3
"""Share of the vector half for a question whose language the model does not know; see decision 0025."""


@dataclass(frozen=True)
class Ordering:
    """How the passages of a search are ordered, beside how well they match.

    Attributes:
        reranker: puts the best candidates in order; None leaves them as they were found.
        candidates: how many it is given.
        seconds: that it may take.
        knows: whether a model, by its name, knows the language of a question.
    """

    reranker: Reranker | None = None
    candidates: int = 0
    seconds: float = 0.0
    knows: Callable[[str, str], bool] = lambda _, __: True

    def vector_weight(self, model: str, question: str) -> float | None:
        """The share of the vector half of a hybrid search; None for the usual one."""
        return None if self.knows(model, question) else UNKNOWN_WEIGHT

    def depth(self, limit: int) -> int:
        """How many passages are looked for, where so many are wanted."""
        return limit if self.reranker is None else max(limit, self.candidates)

    def order(
        self, question: str, passages: Sequence[dict[str, Any]], limit: int, model: str | None
    ) -> tuple[list[dict[str, Any]], list[Notice]]:
        """The best passages in their order, and what is to be said of it.

        Args:
            passages: best first, and only such as whoever asks may see by the newest ledger: they may be sent away.
            limit: how many are wanted.
            model: by which the question's vector was made; None where it has none.
        """
        notices = [Notice(LANGUAGE_NOT_KNOWN)] if model is not None and not self.knows(model, question) else []
        best = list(passages[: self.depth(limit)])
        if self.reranker is None or not best:
            return best[:limit], notices
        judged, rest = best[: self.candidates], best[self.candidates :]
        try:
            relevances = self.reranker.judge(question, [one["text"] for one in judged], self.seconds)
        except NotJudged as error:
            _LOG.info("a search was not reranked: %s", error)
            return best[:limit], [*notices, Notice(NOT_RERANKED, str(error))]
        # The sort is stable: of equal ones that comes first which was found first.
        ordered = sorted(zip(judged, relevances, strict=True), key=lambda pair: -pair[1])
        return ([{**one, "relevance": value} for one, value in ordered] + rest)[:limit], notices


PLAIN = Ordering()
"""That of a search which no project has a say in."""


def ordering_of(project: Project) -> Ordering:
    """How a project orders what is found; a reranker in this process is loaded, once.

    Raises:
        ModelFailed: the reranker is not there, or cannot be loaded.
    """

    def is_known(model: str, question: str) -> bool:
        return knows(known_languages(model, project.root), question)

    said = project.settings.reranker
    if said is None:
        return Ordering(knows=is_known)
    return Ordering(reranker_of(project), said.candidates, said.timeout.total_seconds(), is_known)
