"""Access probes: searches as those who may see little, for what they must not see.

The ledger says who may see a document. The search's own filter reads the chunk's copy of that, and a bug may
widen either. So each is held against the other: passages that a principal's search gives against the ledger, and
the ledger against the settings, read here by code of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, get_args
from unicodedata import normalize

import numpy as np

from freshet.tasks.rules.verdicts import Verdict, verdict
from freshet.tasks.search.candidates import Mode, find_candidates
from freshet.tasks.settings.project import EVERYONE
from freshet.tasks.store.predicates import both, is_any, permits

if TYPE_CHECKING:
    from lancedb.table import Table

    from freshet.tasks.settings.project import FolderSource, GitSource

MOST_PRINCIPALS = 20
BAITS = 3
"""Passages that a principal must not see, each of which is asked for in every mode."""

CHECKED_PATHS = 2000
NAMED = 5
STRANGER = "group:nobody-of-this-corpus"
"""Somebody whom no document names: sees nothing but what everyone sees."""

_DEPTH = 20
_WORDS = 40


def probe_access(chunks: Table, ledger: Table) -> list[Verdict]:
    """For each principal that occurs, up to a bound: what their searches give, the ledger lets them see.

    The baits are passages of documents that the principal may not see: their own vectors and their own words are
    what is asked for, so a filter that does not hold gives them first. No model is needed.
    """
    access = {row["doc_id"]: frozenset(row["acl"]) for row in _rows(ledger, ["doc_id", "acl"])}
    leaks: dict[str, set[str]] = {}
    probed = 0
    for principal in _principals(access.values()):
        asking = frozenset({principal, EVERYONE})
        hidden = sorted((doc_id for doc_id, acl in access.items() if not acl & asking), key=_draw)[:BAITS]
        leaked = set(_leaks(chunks, access, asking, hidden))
        probed += 1
        if leaked:
            leaks[principal] = leaked
    if not leaks:
        return []
    documents = sorted(set().union(*leaks.values()))
    return [
        verdict(
            "GATE-PROBE", principals=sorted(leaks)[:NAMED], probed=probed, documents=len(documents),
            first=documents[:NAMED],
        )
    ]  # fmt: skip


def check_policy(ledger: Table, listed: Mapping[str, FolderSource | GitSource]) -> list[Verdict]:
    """Nobody is in a document's access list whom the settings of its source do not name for its path.

    Args:
        listed: settings of the sources that this refresh listed completely, by their names in the ledger; the others
            may still stand as they were.
    """
    widened = [
        row["doc_id"]
        for name in sorted(listed)
        for row in _sampled(_rows(ledger, ["doc_id", "path", "acl"], is_any("source", [name])))
        if not set(row["acl"]) <= _granted(row["path"], listed[name])
    ]
    return [verdict("GATE-POLICY", documents=len(widened), first=sorted(widened)[:NAMED])] if widened else []


def _granted(path: str, source: FolderSource | GitSource) -> set[str]:
    """Whom the settings name for a path. Written anew on purpose: a bug in the policy must not hide itself."""
    from pathspec import GitIgnoreSpec

    plain = normalize("NFC", path).replace("\n", "\r").lstrip("/")
    for rule in source.access:
        if GitIgnoreSpec.from_lines([normalize("NFC", rule.path)]).match_file(plain):
            return set(rule.acl)
    return set(source.acl)


def _rows(ledger: Table, columns: Sequence[str], where: str | None = None) -> Iterator[dict[str, Any]]:
    query = ledger.search().select(list(columns))
    for batch in (query.where(where) if where else query).to_batches():
        yield from batch.to_pylist()


def _sampled(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of each distinct access list and folder first, so that one rule that went wrong is among them."""
    by_kind: dict[tuple[str, ...], dict[str, Any]] = {}
    rest: list[tuple[str, dict[str, Any]]] = []
    for row in rows:
        kind = (row["path"].rpartition("/")[0], *row["acl"])
        if by_kind.setdefault(kind, row) is not row:
            rest.append((_draw(row["doc_id"]), row))
    rest.sort(key=lambda pair: pair[0])
    return [*by_kind.values(), *(row for _, row in rest)][:CHECKED_PATHS]


def _principals(lists: Iterable[frozenset[str]]) -> list[str]:
    """Everyone, somebody whom no list names, and those whom the lists do, drawn by hash where there are many."""
    named = sorted(set().union(*lists) - {EVERYONE}, key=_draw)
    return [EVERYONE, STRANGER, *named][:MOST_PRINCIPALS]


def _leaks(
    chunks: Table, access: Mapping[str, frozenset[str]], asking: frozenset[str], hidden: Sequence[str]
) -> Iterator[str]:
    """Documents that the principals' searches give and that the ledger does not let them see."""
    visible = permits(sorted(asking))
    # What the filter lets through is counted once, whatever is asked: it finds a leak that no bait lies near.
    if hidden and chunks.count_rows(both(visible, is_any("doc_id", hidden))):
        yield from _documents(chunks, both(visible, is_any("doc_id", hidden)))
    for doc_id in hidden:
        baits = chunks.search().where(is_any("doc_id", [doc_id])).select(["text", "vector"]).limit(1).to_arrow()
        for bait in baits.to_pylist():
            words = " ".join(bait["text"].split()[:_WORDS])
            vector = np.asarray(bait["vector"], np.float32)
            for mode in get_args(Mode):
                found = find_candidates(chunks, words, None if mode == "text" else vector, visible, mode, _DEPTH)
                given = set(found["doc_id"].to_pylist())
                yield from (one for one in given if not access.get(one, frozenset()) & asking)


def _documents(chunks: Table, where: str) -> set[str]:
    return set(chunks.search().where(where).select(["doc_id"]).to_arrow()["doc_id"].to_pylist())


def _draw(value: str) -> str:
    return sha256(f"probe {value}".encode()).hexdigest()
