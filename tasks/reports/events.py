"""The events that flows send to the Prefect server, for automations to act on. docs/operations.md lists them.

An event holds what happened to which corpus or dataset in numbers, names and codes, and never a text of a document
or row.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from freshet.expectations.rules import RULES
from freshet.tasks.reports.status import span
from freshet.tasks.settings.spans import Kind

if TYPE_CHECKING:
    from freshet.tasks.ledger.builds import BuildReport
    from freshet.tasks.ledger.runs import RefreshReport

RELEASE_PUBLISHED = "freshet.release.published"
RELEASE_REJECTED = "freshet.release.rejected"
WITHDRAWALS_WITHHELD = "freshet.withdrawals.withheld"
CORPUS_DEGRADED = "freshet.corpus.degraded"
CORPUS_CURRENT = "freshet.corpus.current"
DATASET_PUBLISHED = "freshet.dataset.published"
DATASET_REJECTED = "freshet.dataset.rejected"
DATASET_CURRENT = "freshet.dataset.current"
FRESHNESS_MISSED = "freshet.freshness.missed"
QUARANTINE_GREW = "freshet.quarantine.grew"

MOST_CODES = 20
"""Codes that an event names at most; an event has to stay small."""
MOST_LETTERS = 1000
"""Letters at most of what an event says in words."""


@dataclass(frozen=True)
class Event:
    """Something that happened to a corpus or dataset.

    Attributes:
        name: one of the names above.
        project: the project's name on its server (`deployment.project`).
        kind: what it happened to.
        target: the name of the corpus or dataset.
        payload: JSON-able numbers, names and codes.
    """

    name: str
    project: str
    kind: Kind
    target: str
    payload: Mapping[str, Any] = field(default_factory=dict)

    @property
    def resource(self) -> dict[str, str]:
        """The labels that automations match by; `freshet.once` is the same only where an event is sent again."""
        return {
            "prefect.resource.id": resource_id(self.project, self.kind, self.target),
            "prefect.resource.name": self.target,
            "freshet.project": self.project,
            f"freshet.{self.kind}": self.target,
            "freshet.once": self.payload.get("run") or f"{self.payload.get('before')}-{self.payload.get('now')}",
        }


def resource_id(project: str, kind: Kind, target: str) -> str:
    """Returns the id of the resource that stands for a corpus or dataset in events."""
    return f"freshet.{kind}.{project}.{target}"


def refresh_events(report: RefreshReport, project: str) -> list[Event]:
    """Returns the events of a refresh.

    `freshet.corpus.current` means that readers see what the sources hold, and is sent also when nothing had to be
    published: by its absence the server knows that a freshness objective is missed when nothing ran at all.
    """

    def event(name: str, **payload: Any) -> Event:
        return Event(name, project, "corpus", report.corpus, {"run": report.run_id, **payload})

    events, withheld = [], report.documents["withheld"]
    counts = {name: count for name, count in report.documents.items() if count}
    if report.outcome == "released":
        events.append(event(RELEASE_PUBLISHED, release=report.release, documents=counts))
    if report.outcome == "rejected":
        events.append(event(RELEASE_REJECTED, serving=report.release, **_refused(report.reasons)))
    if withheld:
        events.append(event(WITHDRAWALS_WITHHELD, withheld=withheld))
    unlisted = [source for source in report.sources if not source["complete"]]
    if unlisted:
        why = "; ".join(f"{one['source']}: {one['error'] or 'it was not listed to its end'}" for one in unlisted)
        events.append(event(CORPUS_DEGRADED, sources=[one["source"] for one in unlisted], why=_short(why)))
    if report.outcome in ("released", "unchanged") and not unlisted:
        events.append(event(CORPUS_CURRENT, release=report.release, as_of=report.as_of.isoformat()))
    return events


def build_events(report: BuildReport, project: str, backdated: bool = False) -> list[Event]:
    """What a dataset's build has to tell.

    `freshet.dataset.current` is sent by every build that came to a good end, but for one that looks back: that one
    makes nothing current, and must not pass for a sign of life.
    """

    def event(name: str, **payload: Any) -> Event:
        return Event(name, project, "dataset", report.dataset, {"run": report.run_id, **payload})

    if report.outcome == "rejected":
        return [event(DATASET_REJECTED, serving=report.version, **_refused(report.reasons))]
    if report.outcome not in ("published", "unchanged"):
        return []
    counts = {name: report.rows.get(name, 0) for name in ("read", "kept", "rejected")}
    published = [event(DATASET_PUBLISHED, version=report.version, rows=counts)] * (report.outcome == "published")
    if backdated:
        return published
    return [*published, event(DATASET_CURRENT, version=report.version, as_of=report.as_of.isoformat())]


def _refused(reasons: Sequence[str]) -> dict[str, Any]:
    """Says why the gate refused, in the words of the rules: a reason itself may name documents and questions."""
    codes = list(dict.fromkeys(reason.split(":")[0] for reason in reasons))
    why = "; ".join(f"{code}: {RULES[code].why}" if code in RULES else code for code in codes)
    return {"reasons": len(reasons), "why": _short(why)}


def _short(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}…"


def quarantine_event(
    project: str, corpus: str, before: Mapping[str, int] | None, now: Mapping[str, int] | None, *, least: int = 1
) -> Event | None:
    """Returns the event that `least` or more documents more are in quarantine than before; None where they are not.

    Args:
        before: documents in quarantine by code when the last refresh had ended; None where there is nothing to compare
            with.
        now: documents in quarantine by code now; None before the first refresh.
    """
    if before is None or now is None:
        return None
    grown = sum(now.values()) - sum(before.values())
    if grown < least:
        return None
    codes = sorted((code for code in now if now[code] > before.get(code, 0)), key=lambda code: (-now[code], code))
    payload = {"before": sum(before.values()), "now": sum(now.values()), "codes": codes[:MOST_CODES]}
    return Event(QUARANTINE_GREW, project, "corpus", corpus, payload)


def freshness_event(
    project: str, kind: Kind, target: str, age_seconds: float | None, objective_seconds: float
) -> Event:
    """Returns the event that a corpus or dataset was not brought up to date for longer than its objective allows.

    Args:
        age_seconds: seconds since it was brought up to date; None where it never was.
    """
    payload = {
        "age_seconds": None if age_seconds is None else round(age_seconds),
        "objective_seconds": round(objective_seconds),
        "why": f"{_aged(age_seconds)}; allowed are {span(objective_seconds)}",
    }
    return Event(FRESHNESS_MISSED, project, kind, target, payload)


def _aged(seconds: float | None) -> str:
    return "it was never brought up to date" if seconds is None else f"it was brought up to date {span(seconds)} ago"


def emit(event: Event) -> bool:
    """Sends an event, and returns whether it could be handed over. A run never fails for an event."""
    from prefect.events import emit_event

    try:
        sent = emit_event(event=event.name, resource=event.resource, payload=dict(event.payload))
    except Exception as error:
        logging.getLogger(__name__).warning("event %s could not be sent: %s", event.name, type(error).__name__)
        return False
    return sent is not None
