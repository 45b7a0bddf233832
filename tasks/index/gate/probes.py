"""Access probes: searches as those who may see little, for what they must not see.

The ledger says which access class a document is in, and what that means. The search's own filter reads the chunk's
copy of the class, and a bug may widen either. So each is held against the other: passages that a principal's search
gives against the ledger, and the ledger against the settings, both read here by code of its own.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, get_args
from unicodedata import normalize

import numpy as np

from freshet.tasks.governance.expressions import Asker, Expression
from freshet.tasks.ledger.access_classes import admitting
from freshet.tasks.rules.verdicts import Verdict, verdict
from freshet.tasks.search.candidates import Mode, find_candidates
from freshet.tasks.search.sight import Sight
from freshet.tasks.settings.project import EVERYONE
from freshet.tasks.store.predicates import both, is_any

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

_STATED = ("doc_id", "access")
_DEPTH = 20
_WORDS = 40


Said = Sequence[str] | Mapping[str, Sequence[Any]]
"""An access expression as settings state it: a list, one of which is enough, or `all` and `none`."""


def probe_access(chunks: Table, ledger: Table, expressions: Mapping[str, Expression]) -> list[Verdict]:
    """For principals that occur, up to a bound: what their searches give, the ledger lets them see.

    The baits are passages of documents that whoever asks may not see: their own vectors and their own words are
    what is asked for, so a filter that does not hold gives them first. No model is needed.

    Args:
        expressions: what each access class means.
    """
    drawn = _drawn_by_class(ledger)
    said = {one: expressions[one].said if one in expressions else [] for one in drawn}
    leaks: dict[str, set[str]] = {}
    probed = 0
    for asking in _askers(list(said.values())):
        closed = {one for one, meaning in said.items() if not lets_in(meaning, asking)}
        hidden = sorted((doc_id for one in closed for doc_id in drawn[one]), key=_draw)[:BAITS]
        leaked = set(_leaks(chunks, ledger, expressions, asking, closed, hidden))
        probed += 1
        if leaked:
            leaks[" and ".join(sorted(asking - {EVERYONE})) or EVERYONE] = leaked
    if not leaks:
        return []
    documents = sorted(set().union(*leaks.values()))
    return [
        verdict(
            "GATE-PROBE", principals=sorted(leaks)[:NAMED], probed=probed, documents=len(documents),
            first=documents[:NAMED],
        )
    ]  # fmt: skip


def _drawn_by_class(ledger: Table) -> dict[str, list[str]]:
    """For each access class that occurs, the BAITS documents that are drawn first. No other is kept in memory."""
    drawn: dict[str, list[str]] = {}
    for batch in ledger.search().select(list(_STATED)).to_batches():
        of_class: dict[str, list[str]] = {}
        for doc_id, access in zip(batch["doc_id"].to_pylist(), batch["access"].to_pylist(), strict=True):
            of_class.setdefault(access, []).append(doc_id)
        for access, doc_ids in of_class.items():
            drawn[access] = heapq.nsmallest(BAITS, [*drawn.get(access, ()), *doc_ids], key=_draw)
    return drawn


def check_policy(
    ledger: Table,
    sources: Mapping[str, FolderSource | GitSource],
    expressions: Mapping[str, Expression],
) -> list[Verdict]:
    """Nobody may see a document whom the settings of its source do not let see its path.

    Args:
        sources: settings of the corpus's sources, by their names in the ledger. Documents of another source keep what
            they have until they are withdrawn.
        expressions: what each access class means.
    """
    widened: list[str] = []
    for name, source in sorted(sources.items()):
        columns = ["doc_id", "path", "access"]
        for row in _sampled(_rows(ledger, columns, is_any("source", [name]))):
            wanted, meant = _granted(row["path"], source), expressions.get(row["access"])
            if meant is not None and _is_wider(meant.said, wanted):
                widened.append(row["doc_id"])
    return [verdict("GATE-POLICY", documents=len(widened), first=sorted(widened)[:NAMED])] if widened else []


def lets_in(said: Said, asking: frozenset[str]) -> bool:
    """Whether an expression lets somebody in. Written anew on purpose: a bug in the policy must not hide itself."""
    if not isinstance(said, Mapping):
        return bool(set(said) & asking)
    if set(said.get("none", ())) & asking or not said["all"]:
        return False
    return all(set(one) & asking for one in said["all"])


def _is_wider(meant: Said, wanted: Said) -> bool:
    """Whether one expression lets somebody in whom the other does not."""
    return any(lets_in(meant, asking) and not lets_in(wanted, asking) for asking in _intruders(meant, wanted))


def _intruders(meant: Said, wanted: Said) -> Iterator[frozenset[str]]:
    """Those whom one expression lets in, and of whom each fails one demand of the other where that is possible."""
    (lists, _), (demands, kept_out) = _parts(meant), _parts(wanted)
    if not all(lists):
        return
    for demand in demands or [()]:
        yield frozenset({EVERYONE, *(min(some, key=lambda one: (one in demand, one)) for some in lists)})
    for one in kept_out:
        yield frozenset({EVERYONE, one, *(min(some) for some in lists)})


def _parts(said: Said) -> tuple[Sequence[Sequence[str]], Sequence[str]]:
    """The lists of which somebody is to be one each, and who is kept out."""
    return (said["all"], said.get("none", ())) if isinstance(said, Mapping) else ([said], ())


def _granted(path: str, source: FolderSource | GitSource) -> Said:
    """Whom the settings let see a path. Written anew on purpose, too."""
    from pathspec import GitIgnoreSpec

    plain = normalize("NFC", path).replace("\n", "\r").lstrip("/")
    for rule in source.access:
        if GitIgnoreSpec.from_lines([normalize("NFC", rule.path)]).match_file(plain):
            return _said(rule.acl)
    return _said(source.acl)


def _said(acl: Any) -> Said:
    return list(acl) if isinstance(acl, list) else {"all": acl.all, "none": acl.none}


def _rows(ledger: Table, columns: Sequence[str], where: str | None = None) -> Iterator[dict[str, Any]]:
    query = ledger.search().select(list(columns))
    for batch in (query.where(where) if where else query).to_batches():
        yield from batch.to_pylist()


def _sampled(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row of each class in each folder, so that one rule that went wrong is among them; then others, drawn by hash.

    Of very many kinds, too, those are taken that are drawn first. So the order of the rows does not count, and never
    more than a few times CHECKED_PATHS rows are in memory.
    """
    of_kind: dict[tuple[str, ...], tuple[str, dict[str, Any]]] = {}
    others: list[tuple[str, dict[str, Any]]] = []
    for row in rows:
        kind, drawn = (row["path"].rpartition("/")[0], row["access"]), (_draw(row["doc_id"]), row)
        of_kind[kind] = min(of_kind.get(kind, drawn), drawn, key=_first)
        if len(of_kind) > 2 * CHECKED_PATHS:
            of_kind = {one: of_kind[one] for one in _kinds_drawn(of_kind)}
        others.append(drawn)
        if len(others) > 4 * CHECKED_PATHS:
            others = heapq.nsmallest(2 * CHECKED_PATHS, others, key=_first)
    chosen = dict(of_kind[kind] for kind in _kinds_drawn(of_kind))
    # No more than CHECKED_PATHS of them are among those already, so that enough are left of twice as many.
    rest = dict(heapq.nsmallest(2 * CHECKED_PATHS, others, key=_first))
    return list((chosen | rest).values())[:CHECKED_PATHS]


def _first(pair: tuple[str, Any]) -> str:
    return pair[0]


def _kinds_drawn(kinds: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return heapq.nsmallest(CHECKED_PATHS, kinds, key=lambda kind: _draw("\n".join(kind)))


def _askers(meanings: Sequence[Said]) -> list[frozenset[str]]:
    """Everyone, somebody whom nothing names, and those who are named, drawn by hash where there are many.

    Where more than one list is asked for, or somebody is kept out, those are added who are one of each list, with and
    without somebody who is kept out.
    """
    named: set[str] = set()
    together: set[frozenset[str]] = set()
    for said in meanings:
        lists, none = _parts(said)
        named |= {*none, *(one for some in lists for one in some)}
        if (len(lists) > 1 or none) and all(lists):
            inside = frozenset({EVERYONE, *(sorted(one)[0] for one in lists)})
            together |= {inside, *(inside | {one} for one in sorted(none)[:1])}
    drawn = sorted(together, key=lambda asking: _draw(" ".join(sorted(asking))))[:MOST_PRINCIPALS]
    alone = [frozenset({one, EVERYONE}) for one in sorted(named - {EVERYONE}, key=_draw)]
    return [frozenset({EVERYONE}), frozenset({STRANGER, EVERYONE}), *drawn, *alone[: MOST_PRINCIPALS - 2]]


def _leaks(
    chunks: Table,
    ledger: Table,
    expressions: Mapping[str, Expression],
    asking: frozenset[str],
    closed: Collection[str],
    hidden: Sequence[str],
) -> Iterator[str]:
    """Documents that the principals' searches give and that the ledger does not let them see."""
    asker = Asker(asking)
    visible = Sight(asker, admitting(expressions, asker)).chunks_of(chunks)
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
                access = {row["doc_id"]: row["access"] for row in _rows(ledger, _STATED, is_any("doc_id", given))}
                yield from (one for one in given if one not in access or access[one] in closed)


def _documents(chunks: Table, where: str) -> set[str]:
    return set(chunks.search().where(where).select(["doc_id"]).to_arrow()["doc_id"].to_pylist())


def _draw(value: str) -> str:
    return sha256(f"probe {value}".encode()).hexdigest()
