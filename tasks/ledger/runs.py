"""The `runs` table of the ledger: what each refresh did, and when each source was last seen whole."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from freshet.tasks.errors import FreshetError, NothingListed, RefreshRejected
from freshet.tasks.ledger.releases import Head, Release
from freshet.tasks.rules.verdicts import Verdict, describe
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import equals
from freshet.tasks.store.seals import seal_tables

if TYPE_CHECKING:
    from freshet.tasks.runs.run import RefreshRun
    from freshet.tasks.store.tables import Store


RefreshOutcome = Literal["released", "unchanged", "rejected", "failed"]


DOCUMENT_COUNTS = (
    "added", "changed", "unchanged", "moved", "access_changed", "withdrawn", "withheld", "quarantined",
)  # fmt: skip

READ_COUNTS = ("documents", "compared", "words", "missing")
"""What is counted of the documents that were read, by type; `words` and `missing` of those that were compared."""


@dataclass
class RefreshReport:
    """What a refresh did.

    Attributes:
        documents: counts by DOCUMENT_COUNTS. Each listed document counts once: as added, changed, moved,
            access_changed or unchanged, or else as quarantined where its newest version is refused.
        access: what changed of who may see what since the last release: access `classes` that mean something else,
            `documents` in one of those or in another class, and `chunks` that were written again for it.
        read: of the documents that were read in this run, READ_COUNTS by type of file.
        chunks: rows of the chunk table after the refresh.
        texts_embedded: distinct texts that had to be embedded.
        seconds: time by step, and `total`.
        sources: name, listed documents and error of each source.
        notes: what a person should read.
        reasons: why the gate rejected, if it did.
        degraded: what waits for a person although the refresh ended well: sources that could not be listed to their
            end, withdrawals that nobody has approved.
        page: address of the page about this refresh; None where it changed nothing.
        site: address of the pages on the rules that the tables were held to, if the gate looked.
    """

    corpus: str
    run_id: str
    as_of: datetime
    outcome: RefreshOutcome
    release: int | None = None
    documents: dict[str, int] = field(default_factory=lambda: dict.fromkeys(DOCUMENT_COUNTS, 0))
    access: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("classes", "documents", "chunks"), 0))
    read: dict[str, dict[str, int]] = field(default_factory=dict)
    chunks: int = 0
    texts_embedded: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    sources: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    quarantine: dict[str, int] = field(default_factory=dict)
    degraded: list[str] = field(default_factory=list)
    page: str | None = None
    site: str | None = None

    def add_batch(
        self, outcomes: Mapping[str, int], texts_embedded: int, read: Mapping[str, Mapping[str, int]]
    ) -> None:
        """Adds a batch's documents to the counts, by what became of them and by type."""
        for name, count in outcomes.items():
            if name != "quarantined":  # counted over the whole ledger, at the end
                self.documents[name] += count
        self.texts_embedded += texts_embedded
        for kind, counts in read.items():
            total = self.read.setdefault(kind, dict.fromkeys(READ_COUNTS, 0))
            for name, count in counts.items():
                total[name] += count

    @property
    def wrote(self) -> bool:
        """Whether the refresh changed what readers could be shown."""
        written = any(self.documents[name] for name in ("added", "changed", "moved", "access_changed", "withdrawn"))
        return written or any(self.access.values())

    def describe_head(self, head: Head | None, live: Release | None, quarantine: dict[str, int]) -> None:
        """Says what the tables hold after the refresh, and what readers see so far.

        Args:
            head: None before anything was written.
            live: the release that readers see, None before the first.
            quarantine: documents in quarantine, by the code that put them there.
        """
        self.release = live.release if live else None
        self.chunks, self.quarantine = head.chunks if head else 0, quarantine
        self.documents["quarantined"] = sum(quarantine.values())
        if head is None and self.sources and not any(source["complete"] for source in self.sources):
            self.outcome = "failed"

    def decide(self, decision: Release, verdicts: Sequence[Verdict]) -> None:
        """Says what the gate decided.

        Args:
            decision: the decision on record.
            verdicts: what the gate found, warnings included.
        """
        self.notes += [describe(one) for one in verdicts if one.severity == "warn"]
        self.outcome = "released" if decision.outcome == "published" else "rejected"
        self.reasons, self.site = decision.reasons, decision.site
        if self.outcome == "rejected":
            self.notes += _missed_questions(decision)
        if decision.outcome == "published":
            self.release = decision.release

    def failure(self) -> FreshetError | None:
        """Why the refresh failed although it came to its end: rejected, or nothing listed; None where it did not."""
        if self.outcome == "rejected":
            return RefreshRejected(self.as_dict(), self.reasons)
        return NothingListed(self.as_dict()) if self.outcome == "failed" else None

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON has it, seconds rounded to milliseconds."""
        rounded = {name: round(spent, 3) for name, spent in self.seconds.items()}
        return {**asdict(self), "as_of": self.as_of.isoformat(), "seconds": rounded}


_MISSED = 5


def _missed_questions(decision: Release) -> list[str]:
    """The questions for which a refresh was rejected, and how to publish it all the same; nothing for other reasons."""
    missed = json.loads(decision.exam).get("missed", []) if decision.exam else []
    if not missed or not any(reason.startswith(("GATE-EXAM", "GATE-PROBE")) for reason in decision.reasons):
        return []
    more = f"{len(missed) - _MISSED} more questions missed; " if len(missed) > _MISSED else ""
    return [
        *(missed_question(one) for one in missed[:_MISSED]),
        f"{more}See freshet gate {decision.corpus}. To publish it all the same, type: "
        f"freshet gate {decision.corpus} --override --reason TEXT",
    ]


def missed_question(one: Mapping[str, Any]) -> str:
    """A question that an exam missed, in words: what was expected and what was found."""
    asked = f'"{one["question"]}"' if one["question"] else f"the drawn question {one['id']}"
    by = f", asked as {', '.join(one['asks'])}," if one["asks"] else ""
    expected, found = ", ".join(one["expected"]), ", ".join(one["found"]) or "nothing"
    shown = f"; it showed {one['never']}, which whoever asks must never be shown" if one["never"] else ""
    return f"{asked}{by} expected {expected} and found {found}{shown}"


def record_run(run: RefreshRun, report: RefreshReport, full: bool) -> None:
    """Puts on record that a refresh came to an end. Citations know from it when a source was last seen."""
    row = {
        "run_id": run.run_id,
        "corpus": run.corpus,
        "outcome": report.outcome,
        "release": report.release,
        "full": full,
        "as_of": run.as_of,
        "ended_at": datetime.now(UTC),
        "sources": report.sources,
        "report": json.dumps(report.as_dict()),
    }
    run.store.ledger.append(schemas.RUNS, schemas.runs(), [row])
    seal_tables(run.store, "ledger")


def last_looked_at(store: Store, corpus: str, since: datetime) -> Mapping[str, datetime]:
    """The moment at which each source was last listed completely, which verified its unchanged documents.

    The runs are read again only where their table has another version than when they were read last.

    Args:
        since: runs that ended before it are not read.
    """
    table = store.ledger.find(schemas.RUNS)
    return {} if table is None else _looked_at(store, corpus, since, int(table.version))


@lru_cache(maxsize=256)
def _looked_at(store: Store, corpus: str, since: datetime, version: int) -> Mapping[str, datetime]:
    found: dict[str, datetime] = {}
    columns = ["as_of", "ended_at", "sources"]
    for row in store.ledger.newest_rows(schemas.RUNS, equals("corpus", corpus), columns, "ended_at", version):
        if row["ended_at"] < since:
            break
        for source in row["sources"]:
            if source["complete"]:
                found[source["source"]] = max(row["as_of"], found.get(source["source"], row["as_of"]))
    return found
