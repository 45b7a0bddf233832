"""What the service counts, as Prometheus reads it; no text and no name of anybody is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from freshet.tasks.answers.answer import Answer
    from freshet.tasks.ledger.query_log import QueryLog

_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """The counters of one process. It may be used by several threads."""

    def __init__(self, log: QueryLog) -> None:
        """Begins at nothing."""
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = CollectorRegistry()
        self._requests = Counter(
            "freshet_requests", "Requests, by route and status", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "freshet_request_seconds", "How long requests took", ["route"], buckets=_BUCKETS, registry=self.registry
        )
        self._answers = Counter(
            "freshet_answers", "Answers, by outcome and reason", ["outcome", "reason", "mode"], registry=self.registry
        )
        unwritten = Gauge(
            "freshet_query_log_unwritten", "Events that could not be put on record", registry=self.registry
        )
        unwritten.set_function(lambda: log.unwritten)

    def visited(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts a request."""
        known = method if method in {"GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH"} else "other"
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def answered(self, answer: Answer, mode: str) -> None:
        """Counts an answer."""
        self._answers.labels(answer.outcome, answer.reason or "", mode).inc()

    def text(self) -> bytes:
        """All counters, in the text format of Prometheus."""
        from prometheus_client import generate_latest

        return generate_latest(self.registry)
