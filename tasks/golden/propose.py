"""Drafts golden questions of the documents of a corpus, of what people asked, or of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from freshet.tasks.golden.drafts import Draft, Known
from freshet.tasks.golden.from_corpus import draft_from_corpus
from freshet.tasks.golden.from_log import Passed, draft_from_log
from freshet.tasks.search.retrieve import standing_at
from freshet.tasks.settings.golden import GoldenQuestion

if TYPE_CHECKING:
    from freshet.tasks.governance.roster import Roster
    from freshet.tasks.settings.project import Corpus
    from freshet.tasks.store.tables import Store

Origin = Literal["corpus", "questions", "both"]


@dataclass(frozen=True)
class Proposed:
    """Drafts, those of the corpus first, and what whoever asked for them should know."""

    from_corpus: list[Draft]
    from_questions: list[Draft]
    notes: list[str]

    @property
    def drafts(self) -> list[Draft]:
        """All of them."""
        return [*self.from_corpus, *self.from_questions]


def propose(
    store: Store,
    corpus: str,
    settings: Corpus,
    golden: Sequence[GoldenQuestion],
    *,
    count: int,
    origin: Origin,
    roster: Roster | None,
    now: datetime,
) -> Proposed:
    """Drafts at most `count` questions that the golden file does not have; of `both`, half of each as far as there are.

    Raises:
        StoreError: the corpus has no release yet.
    """
    standing, known = standing_at(store, corpus), Known.of(golden)
    asked: list[Draft] = []
    passed = Passed()
    if origin != "corpus":
        most = count if origin == "questions" else (count + 1) // 2
        asked, passed = draft_from_log(
            store, corpus, standing, most, known, roster=roster, regions=settings.regions, now=now
        )
    drawn: list[Draft] = []
    if origin != "questions":
        most = count - len(asked)
        drawn = draft_from_corpus(
            store, corpus, standing, most, known, roster=roster, regions=settings.regions, now=now
        )
    if origin == "both" and len(drawn) + len(asked) < count:
        most = count - len(drawn) - len(asked)
        more, _ = draft_from_log(store, corpus, standing, most, known, roster=roster, regions=settings.regions, now=now)
        asked += more
    return Proposed(drawn, asked, _notes(corpus, origin, drawn, asked, passed))


def _notes(corpus: str, origin: Origin, drawn: list[Draft], asked: list[Draft], passed: Passed) -> list[str]:
    notes = []
    if passed.without_text:
        notes.append(
            f"{_times(passed.without_text)} in the log without a text (query_log.questions is or was hashed), which "
            "cannot be proposed"
        )
    if passed.unsafe:
        notes.append(f"{_times(passed.unsafe)} in the log with personal data, a secret or the like, and are left out")
    if origin != "corpus" and not asked:
        notes.append(f"the query log has no question of {corpus} that could be proposed")
    if origin != "questions" and not drawn:
        notes.append("nothing was found in the documents that could be asked, or the golden file asks for all of it")
    return notes


def _times(count: int) -> str:
    return f"{count:,} questions stand" if count > 1 else "1 question stands"
