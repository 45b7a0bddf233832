"""The report of a backfill: what of each target was due, what was done, and what failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from freshet.tasks.backfill.asked import Asked
from freshet.tasks.settings.types import duration_text


def make_report(asked: Asked, targets: Sequence[Mapping[str, Any]], dry_run: bool) -> dict[str, Any]:
    """The report, JSON-able.

    Args:
        targets: what is planned for each target, or what was done (`TargetPlan.as_dict`).
    """
    windows = [one for target in targets for one in target["windows"]]
    if dry_run:
        outcome = "planned" if any(one["due"] for one in windows) else "unchanged"
    elif any(failures_of(target) for target in targets):
        outcome = "failed"
    else:
        outcome = "done" if any(one["state"] == "done" for one in windows) else "unchanged"
    return {
        "outcome": outcome,
        "degraded": [f"{target['target']}: {why}" for target in targets for why in target["degraded"]],
        "dry_run": dry_run,
        "run_id": asked.run_id,
        "as_of": asked.as_of.isoformat(),
        "start": asked.span.start.isoformat(),
        "end": asked.span.end.isoformat(),
        "window": duration_text(asked.length),
        "reprocess": asked.reprocess,
        "order": asked.order,
        "targets": list(targets),
    }


def summary(report: Mapping[str, Any]) -> str:
    """The report in one line."""
    windows = [one for target in report["targets"] for one in target["windows"]]
    counted = sum(one["due"] if report["dry_run"] else one["state"] == "done" for one in windows)
    return f"{report['outcome']}: {counted} of {len(windows)} windows {'to do' if report['dry_run'] else 'done now'}"


def failures_of(target: Mapping[str, Any]) -> list[str]:
    """What of a target is not done after the backfill, those included that had failed before and were not tried."""
    failed = [f"{one['start'][:16]}: {one['error'].splitlines()[0]}" for one in target["windows"] if one["error"]]
    return failed + ([target["busy"]] if target.get("busy") else [])


def advice(targets: Sequence[Mapping[str, Any]]) -> str:
    """What to type after a backfill of which something is not done."""
    if all(not one["error"] for target in targets for one in target["windows"]):
        return "Type the same again when nobody else writes."
    return "Mend the cause, then type the same with: --reprocess failed"
