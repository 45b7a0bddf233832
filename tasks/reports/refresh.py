"""Renders the report of a refresh, and publishes it as an artifact of the run."""

from __future__ import annotations

import logging

from freshet.expectations.rules import RULES
from freshet.tasks.ledger.runs import RefreshReport
from freshet.tasks.render.markdown import code, table
from freshet.tasks.reports.links import report_link, service_address
from freshet.tasks.reports.page_file import write_report_page
from freshet.tasks.runs.on_server import unless_gone
from freshet.tasks.runs.run import RefreshRun


def summary(report: RefreshReport) -> str:
    """Describes the refresh in one line."""
    counts = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in report.documents.items() if n) or "no documents"
    where = f"release {report.release}" if report.release else "no release"
    return f"{report.outcome} ({where}): {counts}; {_texts(report)} embedded{_access(report, '; ')}"


def _access(report: RefreshReport, before: str) -> str:
    """What became of who may see what, after `before`; nothing where all stayed as it was."""
    if not report.access["documents"] and not report.access["classes"]:
        return ""
    changed = ", ".join(f"{report.access[name]} {name}" for name in ("classes", "documents"))
    return f"{before}access changed of {changed}, and {report.access['chunks']} chunks written again for it"


def _texts(report: RefreshReport) -> str:
    return f"{report.texts_embedded} text{'s' * (report.texts_embedded != 1)}"


_READ = ["type", "documents", "of them compared with their file", "words", "read"]


def _read_row(kind: str, counts: dict[str, int]) -> list[object]:
    share = f"{1 - counts['missing'] / counts['words']:.2%}" if counts["words"] else "not compared"
    return [kind, counts["documents"], counts["compared"], counts["words"], share]


def render_refresh(report: RefreshReport, store: str = "", service: str | None = None) -> str:
    """Renders the report as Markdown, for the Artifacts page.

    Args:
        store: address of the store that the pages lie in.
        service: address of the service that shows them; None where it is not known.
    """
    parts = [
        f"# {report.corpus}: {report.outcome}",
        f"As of {report.as_of:%Y-%m-%d %H:%M %Z}. "
        + (f"Readers see release {report.release}." if report.release else "Readers see no release."),
        *(_page(what, address, report_link(service, store, address)) for what, address in _pages(report).items()),
        *(f"> {note}" for note in report.notes),
    ]
    if report.reasons:
        parts += ["## Why it was rejected", "\n".join(f"- {reason}" for reason in report.reasons)]
    parts += [
        "## Documents",
        table(["what", "documents"], [[name.replace("_", " "), n] for name, n in report.documents.items()]),
        f"{report.chunks} chunks are in the index; {_texts(report)} embedded in this run."
        + (f" In it, {told}." if (told := _access(report, "")) else ""),
        "## Sources",
        table(
            ["source", "listed", "state"],
            [[s["source"], s["listed"], s["error"] or "complete"] for s in report.sources],
        ),
    ]
    if report.read:
        parts += ["## What was read", table(_READ, [_read_row(kind, n) for kind, n in sorted(report.read.items())])]
    if report.quarantine:
        rows = [[code(name), n, RULES[name].why, RULES[name].mend] for name, n in sorted(report.quarantine.items())]
        parts += ["## In quarantine", table(["rule", "documents", "why", "what to do"], rows)]
    parts += [
        "## Time",
        table(["step", "seconds"], [[step, round(spent, 2)] for step, spent in report.seconds.items()]),
    ]
    return "\n\n".join(parts) + "\n"


def _pages(report: RefreshReport) -> dict[str, str]:
    named = {"Report page": report.page, "Rule pages": report.site}
    return {what: address for what, address in named.items() if address}


def _page(what: str, address: str, link: str | None) -> str:
    return f"{what}: `{address}`" if link is None else f"[{what}]({link}): `{address}`"


def publish_report(run: RefreshRun, report: RefreshReport) -> None:
    """Writes the page about the refresh, and an artifact under a stable key, which keeps the history of all."""
    from prefect.artifacts import create_markdown_artifact

    try:
        report.page = write_report_page(run, report)
    except OSError as error:  # what was decided stays decided
        report.notes.append(f"the report page could not be written: {error}")
    except Exception as error:  # a bug; readers see the release all the same, so the run must not look as if it failed
        logging.getLogger("prefect.flow_runs").exception("the report page could not be made")
        report.notes.append(f"the report page could not be made ({type(error).__name__}); the log of the run has more")

    text = render_refresh(report, run.store.address, service_address(run.project))
    with unless_gone():
        create_markdown_artifact(text, key=f"refresh-{report.corpus}", description=f"Refresh of corpus {report.corpus}")
