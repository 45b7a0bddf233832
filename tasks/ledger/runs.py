"""The `runs` table of the ledger: what each refresh did, and when each source was last seen whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import equals
from freshet.tasks.store.tables import Store

if TYPE_CHECKING:
    from freshet.tasks.runs.run import RefreshRun


def record_run(run: RefreshRun, report: RefreshReport, full: bool) -> None:
    """Adds the refresh to the store's record of runs, from which citations know when a source was last seen."""
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


Outcome = Literal["released", "unchanged", "rejected", "failed"]


DOCUMENT_COUNTS = (
    "added", "changed", "unchanged", "moved", "access_changed", "withdrawn", "withheld", "quarantined",
)  # fmt: skip


@dataclass
class RefreshReport:
    """What a refresh did.

    Attributes:
        documents: counts by DOCUMENT_COUNTS. Each listed document counts once: as added, changed, moved,
            access_changed or unchanged, or else as quarantined where its newest version is refused.
        chunks: rows of the chunk table after the refresh.
        texts_embedded: distinct texts that had to be embedded.
        seconds: time by step, and `total`.
        sources: name, listed documents and error of each source.
        notes: what a person should read.
        reasons: why the gate rejected, if it did.
        page: address of the page about this refresh; None where it changed nothing.
        site: address of the pages on the rules that the tables were held to, if the gate looked.
    """

    corpus: str
    run_id: str
    as_of: datetime
    outcome: Outcome
    release: int | None = None
    documents: dict[str, int] = field(default_factory=lambda: dict.fromkeys(DOCUMENT_COUNTS, 0))
    chunks: int = 0
    texts_embedded: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    sources: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    quarantine: dict[str, int] = field(default_factory=dict)
    page: str | None = None
    site: str | None = None

    def add_batch(self, outcomes: Mapping[str, int], texts_embedded: int) -> None:
        """Counts a batch's documents by what became of them."""
        for name, count in outcomes.items():
            if name != "quarantined":  # counted over the whole ledger, at the end
                self.documents[name] += count
        self.texts_embedded += texts_embedded

    def describe_head(self, chunks: int, quarantine: dict[str, int]) -> None:
        """What the tables hold after the refresh.

        Args:
            quarantine: documents in quarantine, by the code that put them there.
        """
        self.chunks, self.quarantine = chunks, quarantine
        self.documents["quarantined"] = sum(quarantine.values())

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        rounded = {name: round(spent, 3) for name, spent in self.seconds.items()}
        return {**asdict(self), "as_of": self.as_of.isoformat(), "seconds": rounded}


def last_looked_at(store: Store, corpus: str) -> dict[str, datetime]:
    """When each source of a corpus was last listed completely: its unchanged documents were verified then."""
    table = store.ledger.find(schemas.RUNS)
    rows = (
        [] if table is None else table.search().where(equals("corpus", corpus)).select(["as_of", "sources"]).to_list()
    )
    return {
        source["source"]: row["as_of"]
        for row in sorted(rows, key=lambda row: row["as_of"])
        for source in row["sources"]
        if source["complete"]
    }
