"""The questions of an exam, and the golden ones as they can be asked of a corpus now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from freshet.tasks.governance.expressions import Asker, Expression
from freshet.tasks.governance.freshness import MOMENTS
from freshet.tasks.governance.roster import Roster, asker_of
from freshet.tasks.ledger.access_classes import admitting, mark_of
from freshet.tasks.search.sight import Sight
from freshet.tasks.search.visible import is_blocked
from freshet.tasks.settings.golden import GoldenQuestion
from freshet.tasks.store.predicates import is_any

if TYPE_CHECKING:
    from lancedb.table import Table


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
class Lost:
    """Documents that a release serves and that are gone from the ledger, though their sources still list them.

    Attributes:
        ledger: of the release.
        documents: their ids.
    """

    ledger: Table
    documents: frozenset[str]


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
    lost: Lost | None = None,
) -> tuple[list[ExamQuestion], list[SetAside]]:
    """The golden questions that the corpus should answer, and those to set aside.

    A document that is in the ledger must be found, also where its newest version waits in quarantine: only what its
    owner took away (withdrawn, too old, not for whoever asks) excuses an answer.

    Args:
        ledger: the document ledger at the head.
        access: what its classes mean, and who is in which group.
        lost: documents that must be found although the ledger does not hold them any more.
    """
    asked = [one for one in golden if one.answers]  # the others are asked to be refused, which is no retrieval
    names = {name for one in asked for name in _names(one)}
    rows = _named_documents(ledger, names)
    if lost is not None:
        for name, found in _named_documents(lost.ledger, names, lost.documents).items():
            rows[name] = [*rows.get(name, []), *found]
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


def _named_documents(
    ledger: Table, names: Collection[str], only: frozenset[str] | None = None
) -> dict[str, list[dict[str, Any]]]:
    """Rows of the ledger by the name that a golden file calls them: path or URI.

    Args:
        only: ids of the documents that count; None for all.
    """
    found: dict[str, dict[str, dict[str, Any]]] = {}
    columns = ["doc_id", "path", "uri", "access", "duplicate_of", *MOMENTS.values()]
    for column in ("path", "uri"):
        rows = ledger.search().where(is_any(column, sorted(names))).select(columns).to_list() if names else []
        for row in rows:
            if only is None or row["doc_id"] in only:
                found.setdefault(row[column], {})[row["doc_id"]] = row
    return {name: [rows[doc_id] for doc_id in sorted(rows)] for name, rows in found.items()}


def _excuse(row: Mapping[str, Any], sight: Sight, now: datetime) -> str | None:
    """Why nobody, or not whoever asks, is shown a document that is in the ledger; None where it must be found."""
    if is_blocked(row, now):
        return "too old, or no longer valid"
    return None if sight.admits(mark_of(row)) else "not for whoever asks"


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()
