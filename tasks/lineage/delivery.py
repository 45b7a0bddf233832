"""Sends stored events to an OpenLineage endpoint: never in a run's way, at least once each.

A marker is kept of every event that arrived or was refused for good. What was not sent, or not marked because the
process died in between, is sent again at the end of the next run. Receivers know an event by its run, type and time,
so that a second copy changes nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from freshet.tasks.settings.addresses import without_credentials
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import is_any

if TYPE_CHECKING:
    from openlineage.client.transport.http import HttpTransport

    from freshet.tasks.store.tables import Store

PATH = "api/v1/lineage"
"""Where OpenLineage receivers take events, unless the endpoint names a path of its own."""

BUDGET = 3.0
"""Most seconds by which sending may lengthen a run."""

REQUEST = 2.0
"""Seconds until one request is given up."""

FAILURES = 3
"""Requests that may fail, one after the other, before the rest is left for the next run."""

KEEP_TRYING = timedelta(days=30)
AT_ONCE = 1000
FINAL = frozenset({400, 413, 415, 422})
"""Answers that say that this event will never be taken; others, like 401 or 404, may be mended at the other end."""


@dataclass(frozen=True)
class Endpoint:
    """Where events are sent.

    Attributes:
        url: of the receiver, like `http://marquez:5000`; with a path, that path is asked.
        api_key: sent as a bearer token.
    """

    url: str
    api_key: str | None = field(default=None, repr=False)

    @property
    def called(self) -> str:
        """The endpoint for people: without credentials and path."""
        parts = urlsplit(without_credentials(self.url))
        return f"{parts.scheme}://{parts.netloc}"

    def transport(self) -> HttpTransport:
        """The client's own transport, told everything, so that it looks for no settings of its own."""
        from openlineage.client.transport.http import HttpConfig, HttpTransport
        from requests import Session

        session = Session()
        # A POST that is redirected becomes a GET, and would look delivered.
        session.max_redirects = 0
        auth = {"auth": {"type": "api_key", "apiKey": self.api_key}} if self.api_key else {}
        path = urlsplit(self.url).path.strip("/")
        # The next run tries again; this one is not to wait for it.
        retry = {"total": 0, "connect": 0, "read": 0, "status_forcelist": []}
        config = {"url": self.url, "endpoint": "" if path else PATH, "timeout": REQUEST, "retry": retry}
        return HttpTransport(HttpConfig.from_dict({**config, **auth, "session": session}))


def endpoint_from(url: str | None) -> Endpoint | None:
    """The endpoint that the settings name, with its key out of the environment; None where none is set."""
    if not url:
        return None
    return Endpoint(url, os.environ.get("FRESHET_LINEAGE_API_KEY") or os.environ.get("OPENLINEAGE_API_KEY") or None)


class Sending:
    """Sends events in a thread of its own, which nobody has to wait for.

    Attributes:
        settled: rows of `schemas.lineage_deliveries` for what has arrived, or was refused for good, so far.
        trouble: why the rest was given up; None while nothing was.
    """

    def __init__(self, endpoint: Endpoint, rows: Sequence[dict[str, Any]], budget: float = BUDGET) -> None:
        """Begins to send.

        Args:
            rows: `event_id` and `event`, in the order in which they are to be sent.
            budget: seconds after which no further request is begun.
        """
        self.settled: list[dict[str, Any]] = []
        self.trouble: str | None = None
        self._endpoint, self._rows = endpoint, list(rows)
        self._give_up = time.monotonic() + budget
        self._thread = Thread(target=self._send, name="freshet-lineage", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether events are still being sent."""
        return self._thread.is_alive()

    def wait(self, seconds: float) -> list[dict[str, Any]]:
        """Waits so long at most, and returns rows of `schemas.lineage_deliveries` for what is settled by then."""
        self._thread.join(max(0.0, seconds))
        if self._thread.is_alive() and self.trouble is None:
            self.trouble = "it does not answer"
        return list(self.settled)

    def _send(self) -> None:
        import json

        try:
            transport = self._endpoint.transport()
        except ValueError:
            self.trouble = "its address is no URL"
            return
        failures = 0
        for row in self._rows:
            if time.monotonic() >= self._give_up:
                self.trouble = self.trouble or "it is too slow"
                return
            outcome, status, trouble = _post(transport, json.loads(row["event"]))
            self.trouble = trouble or self.trouble
            if outcome is None:
                failures += 1
                if status is None or failures >= FAILURES:
                    return
                continue
            failures = 0
            self.settled.append(
                {"event_id": row["event_id"], "outcome": outcome, "status": status, "at": datetime.now(UTC)}
            )


def _post(transport: HttpTransport, event: dict[str, Any]) -> tuple[str | None, int | None, str | None]:
    """Outcome (None: try again another time), HTTP status (None: no answer), and what is wrong."""
    from requests import RequestException, TooManyRedirects

    try:
        # The transport writes whatever it is given as JSON; a stored event is JSON already.
        answer = transport.emit(event)  # type: ignore[arg-type]
    except (RequestException, OSError) as error:
        response = getattr(error, "response", None)
        if response is None or isinstance(error, TooManyRedirects):
            return None, None, _plainly(error)
        status = int(response.status_code)
        return ("refused" if status in FINAL else None), status, f"it answers {status}"
    return "delivered", int(answer.status_code), None


def _plainly(error: Exception) -> str:
    """An error in words that hold no address and no header."""
    words = {"ConnectTimeout": "it does not answer", "ReadTimeout": "it does not answer"}
    words |= {"SSLError": "its certificate is not trusted", "TooManyRedirects": "it redirects elsewhere"}
    return words.get(type(error).__name__, "it cannot be reached")


def deliver(
    store: Store, endpoint: Endpoint, *, begun: Sending | None = None, budget: float = BUDGET, now: datetime
) -> list[str]:
    """Sends every event that is due and not settled, oldest first, and returns notes on what did not work.

    Args:
        begun: a sending that was begun earlier; what it settled is not sent again.
        budget: seconds after which what is left waits for the next run.
    """
    from filelock import FileLock, Timeout

    give_up = time.monotonic() + budget
    lock = store.lock_file(".lineage")
    with store.writing():
        lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with store.writing(), FileLock(lock, timeout=budget):
            settled = begun.wait(give_up - time.monotonic()) if begun else []
            _mark(store, settled)
            trouble = begun.trouble if begun and begun.is_running else None
            waiting = pending(store, now)
            if waiting and trouble is None:
                sending = Sending(endpoint, waiting, give_up - time.monotonic())
                done = sending.wait(give_up - time.monotonic())
                _mark(store, done)
                settled, trouble = settled + done, sending.trouble
                waiting = pending(store, now) if trouble else []
            return _notes(endpoint, settled, len(waiting), trouble)
    except Timeout:
        # Another run is sending; what it leaves, the next run finds.
        return []


def pending(store: Store, now: datetime) -> list[dict[str, Any]]:
    """Events that are due and not settled, oldest first: `event_id`, `event`. Older than 30 days, none is tried."""
    done = {row["event_id"] for row in store.ledger.rows(schemas.LINEAGE_DELIVERIES, columns=["event_id"])}
    rows = store.ledger.rows(schemas.LINEAGE_EVENTS, "due", ["event_id", "event_time"])
    recent = [row for row in rows if row["event_id"] not in done and row["event_time"] > now - KEEP_TRYING]
    order = [row["event_id"] for row in sorted(recent, key=lambda row: row["event_time"])][:AT_ONCE]
    if not order:
        return []
    found = store.ledger.rows(schemas.LINEAGE_EVENTS, is_any("event_id", order), ["event_id", "event"])
    texts = {row["event_id"]: row["event"] for row in found}
    return [{"event_id": one, "event": texts[one]} for one in order]


def _mark(store: Store, settled: Sequence[dict[str, Any]]) -> None:
    if settled:
        store.ledger.append(schemas.LINEAGE_DELIVERIES, schemas.lineage_deliveries(), settled)


def _notes(endpoint: Endpoint, settled: Sequence[dict[str, Any]], left: int, trouble: str | None) -> list[str]:
    notes = []
    refused = [str(row["status"]) for row in settled if row["outcome"] == "refused"]
    if refused:
        notes.append(
            f"{endpoint.called} refused {len(refused)} lineage event(s) for good ({', '.join(sorted(set(refused)))}); "
            "the store keeps them"
        )
    if left:
        notes.append(
            f"{left} lineage event(s) could not be sent to {endpoint.called}: {trouble}; they wait in the store and "
            "are sent at the next run's end"
        )
    return notes
