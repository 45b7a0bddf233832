"""The `builds` table of the ledger: what each build of a dataset did."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from freshet.tasks.errors import FreshetError, VersionRejected
from freshet.tasks.ledger.ended import list_ended
from freshet.tasks.ledger.versions import Version, VersionFacts
from freshet.tasks.rules.verdicts import Verdict, describe
from freshet.tasks.store import schemas
from freshet.tasks.store.seals import seal_tables

if TYPE_CHECKING:
    from freshet.tasks.runs.run import BuildRun
    from freshet.tasks.store.tables import Store


BuildOutcome = Literal["published", "unchanged", "rejected", "failed"]


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
        degraded: what waits for a person although the build ended well; no build has such a thing so far.
    """

    dataset: str
    run_id: str
    as_of: datetime
    outcome: BuildOutcome = "unchanged"
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
    degraded: list[str] = field(default_factory=list)

    def describe_live(self, live: Version, store: str) -> None:
        """Says that nothing changed since the live version.

        Args:
            store: address of the store, below which the exports are.
        """
        self.version, self.digest, self.previous = live.version, live.digest, live.facts.previous
        self.rows, self.change = {**live.facts.rows}, {}
        self.splits = {side: one["rows"] for side, one in live.facts.splits.items()}
        self._name_exports(live, store)

    def _name_exports(self, live: Version, store: str) -> None:
        self.exports = [{"kind": one["kind"], "path": f"{store}/{one['path']}"} for one in live.exports]

    def judge(self, verdicts: Iterable[Verdict]) -> None:
        """Says what the gate found: a warning becomes a note, and what blocks a reason to publish nothing."""
        found = list(verdicts)
        self.notes += [describe(one) for one in found if one.severity == "warn"]
        self.reasons = [describe(one) for one in found if one.severity == "block"]

    def decide(
        self, facts: VersionFacts, decision: Version, live: Version | None, store: str, *, unchanged: bool
    ) -> Version | None:
        """Says what was decided about a candidate.

        Args:
            facts: of the candidate.
            decision: the decision on record; for a candidate that changes nothing, the live version.
            live: the version that is live now.
            store: address of the store, below which the exports are.
            unchanged: whether the candidate is the live version over again.

        Returns:
            The version that the report is about: the published one, else the live one; None where there is neither.
        """
        shown = decision if decision.outcome == "published" else live
        decided: BuildOutcome = "rejected" if decision.outcome == "rejected" else "published"
        self.outcome = "unchanged" if unchanged else decided
        self.rows, self.splits = {**facts.rows}, {side: one["rows"] for side, one in facts.splits.items()}
        self.previous, self.change = facts.previous, {} if unchanged else dict(facts.change)
        if shown is not None:
            self.version, self.digest = shown.version, shown.digest
            self._name_exports(shown, store)
        if shown is not None and live is not None and shown.version != live.version:
            self.notes.append(
                f"version {shown.version} speaks for a moment before version {live.version}'s, which stays live"
            )
        return shown

    def failure(self) -> FreshetError | None:
        """Why the build failed although it came to its end: the gate rejected it; None where it did not."""
        return VersionRejected(self.as_dict(), self.reasons) if self.outcome == "rejected" else None

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON has it, seconds rounded to milliseconds."""
        rounded = {name: round(spent, 3) for name, spent in self.seconds.items()}
        return {**asdict(self), "as_of": self.as_of.isoformat(), "seconds": rounded}


def last_build(store: Store, dataset: str) -> dict[str, Any] | None:
    """The newest build of a dataset that ran to an end: a row of `schemas.builds()` without `report`."""
    return next(iter(list_ended(store, "dataset", dataset)), None)


def record_build(run: BuildRun, report: BuildReport, fingerprint: str) -> None:
    """Puts on record that a build came to an end."""
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
    seal_tables(run.store, "ledger")
