"""What a refresh says of itself: pure renderers, and thin creators of Prefect artifacts."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

from freshet.expectations.rules import RULES
from freshet.tasks.runs.on_server import unless_gone

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

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


def summary(report: RefreshReport) -> str:
    """The refresh in one line."""
    counts = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in report.documents.items() if n) or "no documents"
    where = f"release {report.release}" if report.release else "no release"
    return f"{report.outcome} ({where}): {counts}; {_texts(report)} embedded"


def _texts(report: RefreshReport) -> str:
    return f"{report.texts_embedded} text{'s' * (report.texts_embedded != 1)}"


def render_refresh(report: RefreshReport) -> str:
    """The report as Markdown, for the Artifacts page and the terminal."""
    parts = [
        f"# {report.corpus}: {report.outcome}",
        f"As of {report.as_of:%Y-%m-%d %H:%M %Z}. "
        + (f"Readers see release {report.release}." if report.release else "Readers see no release."),
        *(f"{what}: `{address}`" for what, address in _pages(report).items()),
        *(f"> {note}" for note in report.notes),
    ]
    if report.reasons:
        parts += ["## Why it was rejected", "\n".join(f"- {reason}" for reason in report.reasons)]
    parts += [
        "## Documents",
        table(["what", "documents"], [[name.replace("_", " "), n] for name, n in report.documents.items()]),
        f"{report.chunks} chunks are in the index; {_texts(report)} embedded in this run.",
        "## Sources",
        table(
            ["source", "listed", "state"],
            [[s["source"], s["listed"], s["error"] or "complete"] for s in report.sources],
        ),
    ]
    if report.quarantine:
        rows = [[code, n, RULES[code].why, RULES[code].mend] for code, n in sorted(report.quarantine.items())]
        parts += ["## In quarantine", table(["rule", "documents", "why", "what to do"], rows)]
    parts += ["## Time", table(["step", "seconds"], [[k, f"{v:.2f}"] for k, v in report.seconds.items()])]
    return "\n\n".join(parts) + "\n"


def _pages(report: RefreshReport) -> dict[str, str]:
    named = {"Report page": report.page, "Rule pages": report.site}
    return {what: address for what, address in named.items() if address}


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table; what would break a cell is escaped."""

    def line(cells: Sequence[Any]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return "\n".join([line(head), line(["---"] * len(head)), *map(line, rows)])


def publish_report(report: RefreshReport) -> None:
    """The report as an artifact under a stable key, so that the Artifacts page shows the history."""
    from prefect.artifacts import create_markdown_artifact

    with unless_gone():
        create_markdown_artifact(
            render_refresh(report), key=f"refresh-{report.corpus}", description=f"Refresh of corpus {report.corpus}"
        )


class Progress:
    """How far a run is: an artifact in the UI, and lines on the terminal, or else in the log of the run's page.

    Made only once there is something to wait for.
    """

    def __init__(self, description: str, steps: int) -> None:
        from prefect.artifacts import create_progress_artifact

        self._description, self._steps, self._done = description, steps, 0
        self._start = time.monotonic()
        self._id: UUID | None = None
        with unless_gone():
            self._id = cast("UUID", create_progress_artifact(0.0, description=description))

    def step(self, said: str = "") -> None:
        """A step is done.

        Args:
            said: what it was or brought.
        """
        from prefect.artifacts import update_progress_artifact

        self._done += 1
        if self._id is not None:
            with unless_gone():
                update_progress_artifact(self._id, 100.0 * self._done / self._steps)
        line = f"{self._description}: {self._done} of {self._steps}"
        tell(f"{line}{', ' if said else ''}{said}, {time.monotonic() - self._start:.0f} s")


def tell(line: str) -> None:
    """Says something to whoever watches: on the terminal, or where there is none in the log on the run's page."""
    from prefect import get_run_logger

    if sys.stderr is not None and sys.stderr.isatty():
        print(line, file=sys.stderr, flush=True)  # noqa: T201
    else:
        get_run_logger().info(line)
