"""The `builds` table of the ledger: what each build of a dataset did."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from freshet.tasks.ledger.versions import Version, VersionFacts
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import equals

if TYPE_CHECKING:
    from freshet.tasks.runs.run import BuildRun
    from freshet.tasks.store.tables import Store


Outcome = Literal["published", "unchanged", "rejected", "failed"]


@dataclass
class BuildReport:
    """What a build did.

    Attributes:
        version, digest: of the version that is live after the build, or of one of the past (0.*) that it published;
            None where there is none.
        rows: `read`, `kept`, `rejected`, and `by_code`: rows that each rule speaks of.
        splits: rows by side.
        exports: what was written: kind, path.
        change: rows by what became of them since the version before: added, removed, edited, moved.
        seconds: time by step, and `total`.
        notes: what a person should read.
        reasons: why the gate rejected, if it did.
        review: rows that wait for a person's decision.
    """

    dataset: str
    run_id: str
    as_of: datetime
    outcome: Outcome = "unchanged"
    version: str | None = None
    digest: str | None = None
    previous: str | None = None
    rows: dict[str, Any] = field(default_factory=lambda: {"read": 0, "kept": 0, "rejected": 0, "by_code": {}})
    splits: dict[str, int] = field(default_factory=dict)
    exports: list[dict[str, Any]] = field(default_factory=list)
    change: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    review: int = 0

    def describe_live(self, live: Version, store: str) -> None:
        """Nothing changed since the live version.

        Args:
            store: address of the store, below which the exports are.
        """
        self.version, self.digest, self.previous = live.version, live.digest, live.facts.previous
        self.rows, self.change = {**live.facts.rows}, {}
        self.splits = {side: one["rows"] for side, one in live.facts.splits.items()}
        self._name_exports(live, store)

    def _name_exports(self, live: Version, store: str) -> None:
        self.exports = [{"kind": one["kind"], "path": f"{store}/{one['path']}"} for one in live.exports]

    def decide(
        self, facts: VersionFacts, version: Version, live: Version | None, store: str, *, unchanged: bool
    ) -> None:
        """What was decided about a candidate.

        Args:
            facts: of the candidate.
            version: the decision; for a candidate that changes nothing, the live version.
            live: the version that is live now, or the one of the past that was published.
            store: address of the store, below which the exports are.
            unchanged: whether the candidate is the live version over again.
        """
        decided: Outcome = "rejected" if version.outcome == "rejected" else "published"
        self.outcome = "unchanged" if unchanged else decided
        self.rows, self.splits = {**facts.rows}, {side: one["rows"] for side, one in facts.splits.items()}
        self.previous, self.change = facts.previous, {} if unchanged else dict(facts.change)
        if live is not None:
            self.version, self.digest = live.version, live.digest
            self._name_exports(live, store)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        rounded = {name: round(spent, 3) for name, spent in self.seconds.items()}
        return {**asdict(self), "as_of": self.as_of.isoformat(), "seconds": rounded}


def last_build(store: Store, dataset: str) -> dict[str, Any] | None:
    """The newest build of a dataset that ran to an end: a row of `schemas.builds()`."""
    table = store.ledger.find(schemas.BUILDS)
    rows = [] if table is None else table.search().where(equals("dataset", dataset)).to_list()
    return max(rows, key=lambda row: row["ended_at"], default=None)


def record_build(run: BuildRun, report: BuildReport, fingerprint: str) -> None:
    """Adds the build to the store's record."""
    row = {
        "run_id": run.run_id,
        "dataset": run.dataset,
        "outcome": report.outcome,
        "version": report.version,
        "fingerprint": fingerprint,
        "as_of": run.as_of,
        "ended_at": datetime.now(UTC),
        "report": json.dumps(report.as_dict()),
    }
    run.store.ledger.append(schemas.BUILDS, schemas.builds(), [row])
