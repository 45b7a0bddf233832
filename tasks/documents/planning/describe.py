"""What people are told of a listing and of the plan that follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from freshet.tasks.runs.progress import announce
from freshet.tasks.settings.addresses import escaped

if TYPE_CHECKING:
    from freshet.tasks.documents.listing import ListedSource
    from freshet.tasks.documents.planning.refresh import PlannedRefresh
    from freshet.tasks.ledger.runs import RefreshReport


def describe_plan(report: RefreshReport, listed: Sequence[ListedSource], plan: PlannedRefresh) -> None:
    """Adds to the report, and says in the log, what was listed, what is due and what waits for a person."""
    report.sources = [{"source": s.name, "complete": s.complete, "listed": s.listed, "error": s.error} for s in listed]
    report.documents |= {name: plan.counts[name] for name in ("unchanged", "access_changed", "withdrawn", "withheld")}
    counted = ", ".join(f"{source.name}: {source.listed:,} documents" for source in listed)
    due = f"{len(plan.batches)} batches to read, {len(plan.restated_batches)} to restate"
    announce(f"Listed {counted}; {due}, {plan.counts['unchanged']:,} unchanged, {plan.counts['withdrawn']:,} withdrawn")
    for source in listed:
        if not source.complete:
            cut = f"source {escaped(source.name)} could not be listed to the end: {source.error}"
            report.degraded.append(cut)
            report.notes.append(
                f"{cut}. What it held goes on serving; mend it, then type: freshet refresh {report.corpus}"
            )
        report.notes += [escaped(f"{source.name}: {path} was skipped: {why}") for path, why in source.skipped.items()]
    if plan.approvable:
        report.degraded.append(f"{plan.approvable} withdrawals wait for approval")
        report.notes.append(
            f"{plan.approvable} of {plan.held} documents are gone from their sources; their withdrawal is withheld. "
            f"If that is right, type: freshet refresh {report.corpus} --allow-withdrawals {plan.approvable}"
        )
