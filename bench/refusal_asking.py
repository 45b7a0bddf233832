"""Asks the questions of refusal.py as `freshet ask` would: a hybrid search for whoever asks, then the reading of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from common import refresh_here, write_project
from numpy.typing import NDArray
from refusal_sets import Case, Questions, paths_of

PASSAGES = 8
ALLOWED, TOPIC_BARRED, ANSWER_BARRED, ABSENT = "allowed", "topic barred", "answer barred", "absent"


@dataclass(frozen=True)
class Asked:
    """A question that was asked.

    Attributes:
        kind: what was taken away: one of the four above.
        hits: the passages that the search found.
        seen: the paths of their documents.
        seconds: of the search with the question's vector, of reading, and of both with the quotes.
    """

    case: Case
    kind: str
    hits: list[Any]
    seen: list[str]
    reading: Any
    quotes: list[Any]
    seconds: tuple[float, float, float]


class Place:
    """A corpus in which each document has a group of its own that may see it, so that any of them can be barred."""

    corpus = "bench"

    def __init__(self, questions: Questions, work: Path) -> None:
        """Refreshes the corpus over the set's documents, in a store of its own in `work`."""
        self.questions = questions
        self.groups = {path: f"group:d{number}" for number, path in enumerate(paths_of(questions.folder))}
        rules = [
            {"path": path.replace("[", "?").replace("]", "?"), "acl": [group]} for path, group in self.groups.items()
        ]
        self.config = write_project(work / questions.name, questions.folder, acl=["group:nobody"], access=rules)
        refresh_here(self.config)
        self._open()

    def _open(self) -> None:
        from freshet.tasks.embedding.embed import load_embedder
        from freshet.tasks.embedding.models import resolve_model
        from freshet.tasks.search.retrieve import query_embedder
        from freshet.tasks.settings.file import load_project
        from freshet.tasks.store.tables import Store

        project = load_project(self.config)
        embedding = project.settings.embedding
        self.store, self._query = Store(project.store), query_embedder(project)
        self.embedder = load_embedder(resolve_model(embedding, project.root), embedding.precision)

    def ask(
        self,
        case: Case,
        kind: str,
        embed: Callable[[Sequence[str]], NDArray[np.float32]],
        barred: frozenset[str] | None = None,
    ) -> Asked:
        """Asks a question as one of those from whom `kind` takes something away, or just what is `barred`."""
        from freshet.tasks.answers.extractive import quote_best
        from freshet.tasks.answers.floor import DEFAULT_FLOOR
        from freshet.tasks.answers.reading import read_passages
        from freshet.tasks.governance.expressions import Asker
        from freshet.tasks.search.retrieve import search

        if barred is None:
            barred = {TOPIC_BARRED: case.topic, ANSWER_BARRED: case.answers}.get(kind, frozenset())
        asker = Asker(frozenset({"everyone", *(group for path, group in self.groups.items() if path not in barred)}))
        began = time.perf_counter()
        vectors: list[NDArray[np.float32]] = []

        def embed_query(release: Any, question: str) -> NDArray[np.float32]:
            vectors.append(self._query(release, question))
            return vectors[0]

        answer = search(
            self.store, self.corpus, case.question, asker=asker, mode="hybrid", limit=PASSAGES,
            now=datetime.now(UTC), embed_query=embed_query,
        )  # fmt: skip
        searched = time.perf_counter()
        reading = read_passages(case.question, vectors[0], answer.hits, embed)
        read = time.perf_counter()
        quotes = quote_best(reading, answer.hits) if reading.score >= DEFAULT_FLOOR else []
        ended = time.perf_counter()
        seconds = (searched - began, read - searched, ended - began)
        return Asked(case, kind, answer.hits, [self.path_of(hit) for hit in answer.hits], reading, quotes, seconds)

    def path_of(self, hit: Any) -> str:
        """Returns the path, within the set's folder, of the document that a passage is from."""
        return Path(str(hit.uri).removeprefix("file://")).relative_to(self.questions.folder).as_posix()

    def remembering(self) -> Callable[[Sequence[str]], NDArray[np.float32]]:
        """Returns the embedder, but a text embedded before is not embedded again: for scores, never for times."""
        kept: dict[str, NDArray[np.float32]] = {}

        def embed(texts: Sequence[str]) -> NDArray[np.float32]:
            if new := list(dict.fromkeys(text for text in texts if text not in kept)):
                kept.update(zip(new, self.embedder.embed(new), strict=True))
            return np.array([kept[text] for text in texts], np.float32)

        return embed

    def ask_all(self, kinds: Iterable[str] = (ALLOWED, TOPIC_BARRED, ANSWER_BARRED)) -> list[Asked]:
        """Asks every question of the set in every kind, and the absent ones as one who may see all."""
        embed = self.remembering()
        asked = [self.ask(case, kind, embed) for case in self.questions.cases for kind in kinds]
        return asked + [self.ask(case, ABSENT, embed) for case in self.questions.absent]


def says(asked: Asked, text: str) -> bool:
    """Whether a text has the words of the answer, whatever its white space."""
    plain = " ".join(text.split()).casefold()
    return any(" ".join(answer.split()).casefold() in plain for answer in asked.case.says)


def by_kind(asked: Iterable[Asked]) -> Mapping[str, list[Asked]]:
    """Returns the questions by what was taken away."""
    found: dict[str, list[Asked]] = {}
    for one in asked:
        found.setdefault(one.kind, []).append(one)
    return found
