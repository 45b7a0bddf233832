"""Renders the report of a dataset's build, and publishes it as an artifact of the run."""

from __future__ import annotations

from freshet.expectations.rules import RULES
from freshet.tasks.ledger.builds import BuildReport
from freshet.tasks.render.markdown import code, table
from freshet.tasks.reports.links import card_link, service_address
from freshet.tasks.rules.verdicts import with_advice
from freshet.tasks.runs.on_server import unless_gone
from freshet.tasks.runs.run import BuildRun


def build_summary(report: BuildReport) -> str:
    """Describes the build in one line."""
    version = f"version {report.version}" if report.version else "no version"
    rows = report.rows
    return f"{report.outcome} ({version}): {rows['read']} rows read, {rows['kept']} kept, {rows['rejected']} rejected"


def standing(version: str) -> str:
    """Describes what a version is to readers, for the end of a sentence; one of the past (0.*) is never live."""
    return "is there, and is not live" if version.startswith("0.") else "is live"


def render_build(report: BuildReport, service: str | None = None) -> str:
    """Renders the report as Markdown, for the Artifacts page.

    Args:
        service: address of the service that shows the card; None where it is not known.
    """
    live = f"Version {report.version} {standing(report.version)}." if report.version else "There is no version yet."
    card = card_link(service, report.dataset, report.version) if report.version else None
    parts = [
        f"# {report.dataset}: {report.outcome}",
        f"As of {report.as_of:%Y-%m-%d %H:%M %Z}. {live}",
        *([f"[Dataset card]({card})"] if card else []),
        *(f"> {note}" for note in report.notes),
    ]
    if report.reasons:
        parts += ["## Why it was rejected", "\n".join(f"- {with_advice(one)}" for one in report.reasons)]
    counts = [[what, report.rows[what]] for what in ("read", "kept", "rejected")]
    parts += ["## Rows", table(["what", "rows"], [*counts, ["to be reviewed", report.review]])]
    if report.rows["by_code"]:
        named = [
            [code(name), n, RULES[name].severity, RULES[name].why, RULES[name].mend]
            for name, n in sorted(report.rows["by_code"].items())
        ]
        parts += ["## What rules say of rows", table(["rule", "rows", "by default", "why", "what to do"], named)]
    if report.splits:
        parts += ["## Splits", table(["side", "rows"], [[side, n] for side, n in report.splits.items()])]
    if report.change:
        since = f"Since version {report.previous}" if report.previous else "Since nothing"
        parts += ["## Change", f"{since}:", table(["what", "rows"], [[what, n] for what, n in report.change.items()])]
    if report.exports:
        parts += ["## Exports", table(["kind", "path"], [[one["kind"], code(one["path"])] for one in report.exports])]
    parts += [
        "## Time",
        table(["step", "seconds"], [[step, round(spent, 2)] for step, spent in report.seconds.items()]),
    ]
    return "\n\n".join(parts) + "\n"


def publish_build(run: BuildRun, report: BuildReport) -> None:
    """Makes an artifact of the report, under a stable key, so that the Artifacts page shows the history."""
    from prefect.artifacts import create_markdown_artifact

    text = render_build(report, service_address(run.project))
    with unless_gone():
        create_markdown_artifact(text, key=f"version-{run.dataset}", description=f"Build of dataset {report.dataset}")
