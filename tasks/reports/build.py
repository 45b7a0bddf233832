"""What a build of a dataset says of itself: pure renderers, and the artifact of the run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from freshet.expectations.rules import RULES
from freshet.tasks.reports.page_facts import with_advice
from freshet.tasks.reports.refresh import table
from freshet.tasks.runs.on_server import unless_gone

if TYPE_CHECKING:
    from datetime import datetime

    from freshet.tasks.datasets.versions.publish import Candidate
    from freshet.tasks.ledger.versions import Version

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

    def decide(self, candidate: Candidate, version: Version, live: Version | None, store: str) -> None:
        """What was decided about the candidate.

        Args:
            version: the decision; for a candidate that changes nothing, the live version.
            live: the version that is live now, or the one of the past that was published.
        """
        facts = candidate.facts
        decided: Outcome = "rejected" if version.outcome == "rejected" else "published"
        self.outcome = "unchanged" if candidate.unchanged else decided
        self.rows, self.splits = {**facts.rows}, {side: one["rows"] for side, one in facts.splits.items()}
        self.previous, self.change = facts.previous, {} if candidate.unchanged else dict(facts.change)
        if live is not None:
            self.version, self.digest = live.version, live.digest
            self._name_exports(live, store)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        rounded = {name: round(spent, 3) for name, spent in self.seconds.items()}
        return {**asdict(self), "as_of": self.as_of.isoformat(), "seconds": rounded}


def build_summary(report: BuildReport) -> str:
    """The build in one line."""
    version = f"version {report.version}" if report.version else "no version"
    rows = report.rows
    return f"{report.outcome} ({version}): {rows['read']} rows read, {rows['kept']} kept, {rows['rejected']} rejected"


def standing(version: str) -> str:
    """What a version is for readers, for the end of a sentence: one of the past (0.*) is never live."""
    return "is there, and is not live" if version.startswith("0.") else "is live"


def render_build(report: BuildReport) -> str:
    """The report as Markdown, for the Artifacts page."""
    live = f"Version {report.version} {standing(report.version)}." if report.version else "There is no version yet."
    parts = [
        f"# {report.dataset}: {report.outcome}",
        f"As of {report.as_of:%Y-%m-%d %H:%M %Z}. {live}",
        *(f"> {note}" for note in report.notes),
    ]
    if report.reasons:
        parts += ["## Why it was rejected", "\n".join(f"- {with_advice(one)}" for one in report.reasons)]
    counts = [[what, report.rows[what]] for what in ("read", "kept", "rejected")]
    parts += ["## Rows", table(["what", "rows"], [*counts, ["to be reviewed", report.review]])]
    if report.rows["by_code"]:
        named = [
            [code, n, RULES[code].severity, RULES[code].why, RULES[code].mend]
            for code, n in sorted(report.rows["by_code"].items())
        ]
        parts += ["## What rules say of rows", table(["rule", "rows", "by default", "why", "what to do"], named)]
    if report.splits:
        parts += ["## Splits", table(["side", "rows"], [[side, n] for side, n in report.splits.items()])]
    if report.change:
        since = f"Since version {report.previous}" if report.previous else "Since nothing"
        parts += ["## Change", f"{since}:", table(["what", "rows"], [[what, n] for what, n in report.change.items()])]
    if report.exports:
        parts += ["## Exports", table(["kind", "path"], [[one["kind"], f"`{one['path']}`"] for one in report.exports])]
    parts += ["## Time", table(["step", "seconds"], [[k, f"{v:.2f}"] for k, v in report.seconds.items()])]
    return "\n\n".join(parts) + "\n"


def publish_build(report: BuildReport) -> None:
    """The report as an artifact under a stable key, so that the Artifacts page shows the history."""
    from prefect.artifacts import create_markdown_artifact

    with unless_gone():
        create_markdown_artifact(
            render_build(report), key=f"version-{report.dataset}", description=f"Build of dataset {report.dataset}"
        )
