"""The questions of an exam: golden ones as they can be asked of a corpus now, or known items drawn from it."""

from __future__ import annotations

import heapq
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from freshet.tasks.governance.expressions import Asker, Expression
from freshet.tasks.governance.freshness import MOMENTS
from freshet.tasks.governance.roster import Roster, asker_of
from freshet.tasks.ledger.access_classes import admitting, mark_column, mark_of, meaning_of
from freshet.tasks.search.sight import Sight
from freshet.tasks.search.visible import is_blocked
from freshet.tasks.settings.golden import GoldenQuestion
from freshet.tasks.store.predicates import is_any

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.table import Table

_LEAST_WORDS, _MOST_WORDS = 5, 24
_ID_PREFIX = "known-"
_ROWS_AT_ONCE = 20_000


@dataclass(frozen=True)
class Access:
    """Who may see what in one state of a corpus: what its access classes mean, and who is in which group."""

    expressions: Mapping[str, Expression]
    roster: Roster | None = None

    def sight(self, principals: Sequence[str]) -> Sight:
        """What somebody who asks as these principals may see of it. A roster is as old as it is by the clock."""
        asker = asker_of(principals, self.roster, datetime.now(UTC))
        return Sight(asker, admitting(self.expressions, asker))


@dataclass(frozen=True)
class Target:
    """A document that answers; with `contains`, only a passage of it that holds this text."""

    doc_id: str
    contains: str | None = None

    @property
    def key(self) -> str:
        """What relevance is judged by."""
        return f"{self.doc_id} {sha256(self.contains.encode()).hexdigest()[:8]}" if self.contains else self.doc_id

    def is_met(self, doc_id: str, passage: str) -> bool:
        """Whether a passage is an answer. White space and letter case do not count."""
        return doc_id == self.doc_id and (self.contains is None or _folded(self.contains) in _folded(passage))


@dataclass(frozen=True)
class ExamQuestion:
    """A question with the documents that answer it, by their ids.

    Attributes:
        asker: who asks.
        never: ids of documents that whoever asks must not be shown.
    """

    id: str
    question: str
    targets: tuple[Target, ...]
    asker: Asker
    never: frozenset[str] = frozenset()


@dataclass(frozen=True)
class SetAside:
    """A golden question that cannot be asked now, and why: `withdrawn`, `too old` or `not for whoever asks`."""

    id: str
    reason: str


def resolve_questions(
    golden: Iterable[GoldenQuestion],
    ledger: Table,
    access: Access,
    now: datetime,
) -> tuple[list[ExamQuestion], list[SetAside]]:
    """The golden questions that the corpus should answer, and those to set aside.

    A document that is in the ledger must be found, also where its newest version waits in quarantine: only what its
    owner took away (withdrawn, too old, not for whoever asks) excuses an answer.

    Args:
        ledger: the document ledger at the head.
        access: what its classes mean, and who is in which group.
    """
    asked = [one for one in golden if one.answers]  # the others are asked to be refused, which is no retrieval
    rows = _named_documents(ledger, {name for one in asked for name in _names(one)})
    questions: list[ExamQuestion] = []
    aside: list[SetAside] = []
    for one in asked:
        sight = access.sight(one.principals)
        targets, reasons = _targets(one, rows, sight, now)
        if targets:
            never = frozenset(row["doc_id"] for name in one.never for row in rows.get(name, []))
            questions.append(ExamQuestion(one.id, one.question, tuple(dict.fromkeys(targets)), sight.asker, never))
        else:
            aside.append(SetAside(one.id, reasons[0]))
    return questions, aside


def _targets(
    question: GoldenQuestion,
    rows: Mapping[str, Sequence[Mapping[str, Any]]],
    sight: Sight,
    now: datetime,
) -> tuple[list[Target], list[str]]:
    """The documents that must be found, and the excuses of those that need not."""
    targets: list[Target] = []
    reasons: list[str] = []
    for answer in question.answers:
        named = rows.get(answer.document, [])
        if not named:
            reasons.append("withdrawn")
        for row in named:
            if reason := _excuse(row, sight, now):
                reasons.append(reason)
            else:
                # A document that is not indexed, because another has the same text, is answered for by that other.
                targets.append(Target(row["duplicate_of"] or row["doc_id"], answer.contains))
    return targets, reasons


def _names(question: GoldenQuestion) -> list[str]:
    return [*(answer.document for answer in question.answers), *question.never]


def _named_documents(ledger: Table, names: Collection[str]) -> dict[str, list[dict[str, Any]]]:
    """Rows of the ledger by the name that a golden file calls them: path or URI."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    columns = ["doc_id", "path", "uri", "access", "duplicate_of", *MOMENTS.values()]
    for column in ("path", "uri"):
        rows = ledger.search().where(is_any(column, sorted(names))).select(columns).to_list() if names else []
        for row in rows:
            found.setdefault(row[column], {})[row["doc_id"]] = row
    return {name: [rows[doc_id] for doc_id in sorted(rows)] for name, rows in found.items()}


def _excuse(row: Mapping[str, Any], sight: Sight, now: datetime) -> str | None:
    """Why nobody, or not whoever asks, is shown a document that is in the ledger; None where it must be found."""
    if is_blocked(row, now):
        return "too old, or no longer valid"
    return None if sight.admits(mark_of(row)) else "not for whoever asks"


def draw_questions(
    chunks: Table, ledger: Table, access: Access, documents: pa.Array | None, most: int, now: datetime
) -> list[ExamQuestion]:
    """Known-item questions: a sentence of a passage, answered by the passage's document.

    Documents, passages and sentences are chosen by hash, so the same state gives the same questions, and an edit
    changes those of the edited document only. A passage that stands in several of the chosen documents asks nothing.

    Args:
        chunks, ledger: of one state of the corpus.
        access: what the classes of that state's ledger mean.
        documents: ids of the documents to draw from, a column; None for all.
        most: questions.
        now: documents that nobody is shown any more by then, since they are too old or no longer valid, ask nothing.
    """
    asks = _drawn(ledger, access, documents, 2 * most, now)
    chosen = list(asks)
    held: dict[str, list[dict[str, Any]]] = {}
    places: dict[str, set[str]] = {}
    if chosen:
        query = chunks.search().where(is_any("doc_id", chosen)).select(["doc_id", "text_hash", "text"])
        for batch in query.to_batches():
            for row in batch.to_pylist():
                places.setdefault(row["text_hash"], set()).add(row["doc_id"])
                best = held.setdefault(row["doc_id"], [])
                best.append({**row, "rank": _draw(row["text_hash"])})
                best.sort(key=lambda one: one["rank"])
                del best[3:]
    questions: list[ExamQuestion] = []
    for doc_id in chosen:
        own = (row for row in held.get(doc_id, []) if len(places[row["text_hash"]]) == 1)
        sentence = next((found for row in own if (found := _sentence(row["text"]))), None)
        if sentence and len(questions) < most:
            asker = Asker(asks[doc_id])
            questions.append(ExamQuestion(_ID_PREFIX + doc_id[:12], sentence, (Target(doc_id),), asker))
    return questions


def _drawn(
    ledger: Table, access: Access, documents: pa.Array | None, most: int, now: datetime
) -> dict[str, frozenset[str]]:
    """The documents that are drawn first, in that order, each with principals that may see it.

    The ledger is streamed. Only the ids of `documents` are held whole.
    """
    import pyarrow.compute as pc

    first: list[tuple[str, str, frozenset[str]]] = []
    columns = ["doc_id", mark_column(ledger), *MOMENTS.values()]
    for batch in ledger.search().where("chunks > 0").select(columns).to_batches(_ROWS_AT_ONCE):
        asked = batch if documents is None else batch.filter(pc.is_in(batch["doc_id"], value_set=documents))
        for row in asked.to_pylist():
            # A document that nobody may see has nobody to ask for it.
            somebody = meaning_of(mark_of(row), access.expressions).somebody
            if somebody is not None and not is_blocked(row, now):
                first.append((_draw(row["doc_id"]), row["doc_id"], somebody))
        first = heapq.nsmallest(most, first, key=lambda one: one[0])
    return {doc_id: principals for _, doc_id, principals in first}


def _draw(value: str) -> str:
    return sha256(f"exam {value}".encode()).hexdigest()


def _sentence(passage: str) -> str | None:
    """A sentence of the passage that is long enough to be its own; cut where it is very long."""
    sentences = [" ".join(one.split()) for one in re.split(r"(?<=[.!?])\s+|\n{2,}", passage)]
    fitting = [one for one in sentences if len(re.findall(r"\w+", one)) >= _LEAST_WORDS]
    return " ".join(min(fitting, key=_draw).split()[:_MOST_WORDS]) if fitting else None


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()
