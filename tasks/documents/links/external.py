"""Checks whether the web pages that a corpus links to are still there: where settings ask for it, bounded, and polite.

What was found is kept by URL, so that bounded checks reach every link in time: links that were never asked come
first, then those that were asked longest ago.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from freshet.tasks.documents.links.public_addresses import AddressRefused
from freshet.tasks.documents.links.public_http import NoReply, PublicHttp, Reply
from freshet.tasks.documents.links.rows import shown
from freshet.tasks.rules.verdicts import Verdict, verdict

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.table import Table

"""The table of what was found, beside the table of links."""

State = Literal["good", "gone", "refused", "unknown"]

MOST_NAMED = 20
_READ_AT_ONCE = 5000
"""Documents whose links are read together."""

_GONE = frozenset({404, 410})
_FAILURES_UNTIL_GONE = 2
"""Checks in a row in which a host did not exist, until its links count as gone: a resolver may have a bad day."""


@dataclass(frozen=True)
class LinkLimits:
    """What one check may cost.

    Attributes:
        most: links asked in one check.
        seconds: wall-clock time after which no further link is asked.
        delay: seconds between two requests to one host.
        concurrency: hosts asked at a time.
        timeout: seconds for one request.
        recheck: how long an answer is believed.
        ports: that a link may name.
    """

    most: int = 1000
    seconds: float = 300.0
    delay: float = 1.0
    concurrency: int = 8
    timeout: float = 10.0
    recheck: timedelta = timedelta(days=6)
    ports: frozenset[int] = frozenset({80, 443})


@dataclass(frozen=True)
class CheckedLink:
    """What is known of a URL; a row of `schemas.external_links`.

    Attributes:
        status: of the last answer; None where there was none.
        reason: why there was none, or why nobody asked, in plain words.
        failures: checks in a row that ended without an answer.
    """

    url: str
    state: State
    status: int | None
    reason: str | None
    failures: int
    checked_at: datetime

    def as_row(self) -> dict[str, Any]:
        """Returns the fields by name."""
        return asdict(self)


def links_to_check(links: Table, live: pa.Array, known: Table, limits: LinkLimits, as_of: datetime) -> list[str]:
    """Returns the URLs to ask now, the most urgent first, `limits.most` at most.

    Args:
        links: the table of links (`schemas.links`).
        live: ids of the documents that there are; those of others ask nothing.
        known: what was found before (`schemas.external_links`).
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    urls = pa.array([], pa.string())
    for batch in links.search().select(["doc_id", "external"]).to_batches(_READ_AT_ONCE):
        mine = batch.filter(pc.is_in(batch["doc_id"], value_set=live))["external"]
        urls = pc.unique(pa.chunked_array([urls, pc.unique(pc.list_flatten(mine))]))
    asked = known.search().select(["url", "checked_at"]).to_arrow()
    at = asked["checked_at"].take(pc.index_in(urls, value_set=asked["url"].combine_chunks()))
    due = pa.table({"url": urls, "at": at})
    latest = pa.scalar(as_of - limits.recheck, at.type)
    due = due.filter(pc.fill_null(pc.less_equal(due["at"], latest), True))
    order = pc.sort_indices(due, [("at", "ascending"), ("url", "ascending")], null_placement="at_start")
    found: list[str] = due["url"].take(order[: limits.most]).to_pylist()
    return found


def check_links(
    urls: Sequence[str],
    known: Mapping[str, CheckedLink],
    limits: LinkLimits,
    as_of: datetime,
    http: PublicHttp | None = None,
) -> list[CheckedLink]:
    """Asks for URLs, and returns what became of them, without those that there was no time for.

    Hosts are asked at the same time, the pages of one host one after the other.

    Args:
        http: in place of the one that these limits say.
    """
    pace = Pace(limits.delay)
    asker = http or PublicHttp(limits.ports, limits.timeout, pace)
    by_host: dict[str, list[str]] = defaultdict(list)
    for url in urls:
        by_host[_host(url)].append(url)
    stop_at = time.monotonic() + limits.seconds

    def ask_host(of_host: Sequence[str]) -> list[CheckedLink]:
        answers: list[CheckedLink] = []
        for url in of_host:
            if time.monotonic() >= stop_at:
                break
            found = _check(url, known.get(url), asker, as_of)
            answers.append(found)
            if found.status == 429:
                break  # The host asks to be left alone.
        return answers

    with ThreadPoolExecutor(limits.concurrency, "freshet-links") as pool:
        return [found for answers in pool.map(ask_host, by_host.values()) for found in answers]


class Pace:
    """Keeps requests to one host apart, whoever makes them."""

    def __init__(self, delay: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Takes the seconds between two requests to one host."""
        self._delay = delay
        self._clock = clock
        self._guard = threading.Lock()
        self._free: dict[str, float] = {}

    def __call__(self, host: str) -> None:
        """Waits until the host may be asked again, and takes that turn."""
        with self._guard:
            start = max(self._clock(), self._free.get(host, 0.0))
            self._free[host] = start + self._delay
        time.sleep(max(0.0, start - self._clock()))


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _check(url: str, before: CheckedLink | None, http: PublicHttp, as_of: datetime) -> CheckedLink:
    try:
        reply = _ask(url, http)
    except AddressRefused as refusal:
        return CheckedLink(url, "refused", None, str(refusal), 0, as_of)
    except NoReply as silence:
        failures = (before.failures if before else 0) + 1
        is_gone = silence.is_final and failures >= _FAILURES_UNTIL_GONE
        return CheckedLink(url, "gone" if is_gone else "unknown", None, silence.reason, failures, as_of)
    # Anything but a plain no (a page behind a login, a server with a bad day) does not say that the page is gone.
    state: State = "gone" if reply.status in _GONE else "good" if reply.status < 400 else "unknown"
    return CheckedLink(url, state, reply.status, None, 0, as_of)


def _ask(url: str, http: PublicHttp) -> Reply:
    try:
        reply = http.ask(url, "HEAD")
    except NoReply as silence:
        if silence.is_final:
            raise
        return http.ask(url, "GET")
    # Many servers know no HEAD, and say so in any of several ways.
    return reply if reply.status < 400 or reply.status == 429 else http.ask(url, "GET")


def external_findings(rows: pa.Table, known: Iterable[CheckedLink]) -> dict[str, list[Verdict]]:
    """Returns verdicts PROV-LINK-EXTERNAL and PROV-LINK-REFUSED by `doc_id`, for documents that have such links.

    Args:
        rows: `doc_id` and `external` of the table of links, of the documents that there are.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    listed = {link.url: link for link in known if link.state in ("gone", "refused")}
    lists = rows["external"].combine_chunks()
    urls = pc.list_flatten(lists)
    ids = rows["doc_id"].combine_chunks().take(pc.list_parent_indices(lists))
    hit = pc.is_in(urls, value_set=pa.array(sorted(listed), pa.string()))
    named: dict[str, dict[State, list[dict[str, Any]]]] = {}
    for doc_id, url in zip(ids.filter(hit).to_pylist(), urls.filter(hit).to_pylist(), strict=True):
        link = listed[url]
        evidence = {"target": _shown(url), "status": link.status, "reason": link.reason}
        named.setdefault(doc_id, {}).setdefault(link.state, []).append(evidence)
    codes: tuple[tuple[State, str], ...] = (("gone", "PROV-LINK-EXTERNAL"), ("refused", "PROV-LINK-REFUSED"))
    return {
        doc_id: [
            verdict(code, links=len(links[state]), targets=links[state][:MOST_NAMED])
            for state, code in codes
            if state in links
        ]
        for doc_id, links in named.items()
    }


def _shown(url: str) -> str:
    """Returns a URL as a verdict names it: without query and credentials, either of which may be secret."""
    scheme, mark, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return shown(scheme + mark + authority.rpartition("@")[2] + slash + path)
