"""Where something came from, and where it went: both ways, by whatever name a person has of it.

A trace names places, versions and numbers. It never quotes a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from freshet.tasks.errors import StoreError
from freshet.tasks.ledger.releases import decided_corpora
from freshet.tasks.lineage.relation import file_id
from freshet.tasks.lineage.trace_corpora import find_chunk, find_documents, known_places
from freshet.tasks.lineage.trace_datasets import (
    dataset_versions,
    find_digest,
    find_example,
    find_line,
    find_version,
    holding,
    known_files,
    named_documents,
)

if TYPE_CHECKING:
    from freshet.tasks.store.tables import Store

Found = dict[str, Any]

_ID = re.compile(r"[0-9a-f]{32}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_VERSION = re.compile(r"(?P<dataset>[a-z0-9][a-z0-9-]*)@v?(?P<version>\d+\.\d+\.\d+)")
_LINE = re.compile(
    r"(?:.*/)?(?P<dataset>[a-z0-9][a-z0-9-]*)(?:@v?|/exports/)(?P<version>\d+\.\d+\.\d+)[:/]"
    r"(?:[^:]*/)?(?P<split>train|validation|test)(?:\.[a-z]+)?:(?P<line>[1-9]\d*)"
)
"""A line of an export: `answers@1.2.0:train:17`, or its file and line, `…/answers/exports/1.2.0/trl/train.jsonl:17`."""

_NEAR = 5


def trace(store: Store, thing: str, corpus: str | None = None, dataset: str | None = None) -> Found:
    """Traces a thing, whatever it is.

    Args:
        thing: id of an example, a chunk or a document; digest of an example, or a document's content hash;
            `DATASET@VERSION`; `DATASET@VERSION:SPLIT:LINE`, or an export's file and line; path or URI of a source's
            document or of a file of rows, or the name by which a file of rows calls a document.
        corpus, dataset: look in this one only.

    Returns:
        JSON-able; `thing` says what it is: `example`, `rejected example`, `chunk`, `dataset version` (backwards,
        to their sources), or `source` (forwards, to everything that holds something of it).

    Raises:
        StoreError: nothing of that name is known; names the nearest.
    """
    plain = thing.strip()
    _check_names(store, corpus, dataset)
    found = trace_back(store, plain, corpus, dataset) or trace_forward(store, plain, corpus, dataset)
    if found is not None:
        return found
    raise _unknown(store, plain, corpus)


def trace_back(store: Store, what: str, corpus: str | None = None, dataset: str | None = None) -> Found | None:
    """From an example, a chunk or a dataset version to what it was made from; None where `what` is none of them."""
    if version := _VERSION.fullmatch(what):
        return find_version(store, version["dataset"], version["version"])
    if line := _LINE.fullmatch(what):
        return find_line(store, line["dataset"], line["version"], line["split"], int(line["line"]))
    found = None
    if _ID.fullmatch(what):
        found = find_example(store, what, dataset) if corpus is None else None
        if found is None and dataset is None:
            found = find_chunk(store, what, corpus)
    elif _DIGEST.fullmatch(what) and corpus is None:
        found = find_digest(store, what, dataset)
    return found


def trace_forward(store: Store, thing: str, corpus: str | None = None, dataset: str | None = None) -> Found | None:
    """From a file or document to every release, dataset version and export that holds something of it, live or not.

    None where nothing is known of it. A document that was withdrawn since is known as long as the record is.
    """
    documents = find_documents(store, thing, corpus)
    named = named_documents(store, thing) if corpus is None else []
    parents = [file_id(thing), *named] if corpus is None else []
    held = [one for one in holding(store, parents) if dataset in (None, one["dataset"])]
    for one in documents:
        one["datasets"] = [row for row in one["datasets"] if dataset in (None, row["dataset"])]
    if not documents and not held:
        return None
    return {"thing": "source", "name": thing, "documents": documents, "datasets": held}


def _check_names(store: Store, corpus: str | None, dataset: str | None) -> None:
    for what, name, known in (
        ("corpus", corpus, decided_corpora(store) if corpus is not None else []),
        ("dataset", dataset, sorted({v["dataset"] for v in dataset_versions(store)}) if dataset is not None else []),
    ):
        if name is not None and name not in known:
            raise StoreError(
                f"the store holds no {what} {name!r}; it holds: {', '.join(known) or 'none'}",
                f"Give --{what} one of these, or leave it out.",
            )


def _unknown(store: Store, thing: str, corpus: str | None) -> StoreError:
    near = _near(thing, [*known_places(store, corpus), *known_files(store)])
    near += [f"{v['dataset']}@{v['version']}" for v in dataset_versions(store) if thing.startswith(v["dataset"])]
    mend = "Give an id that freshet search or an export's lineage.parquet shows, or the path or URI of a source."
    if near:
        mend = f"Did you mean: {', '.join(near[:_NEAR])}?"
    return StoreError(f"nothing is known of {thing!r}", mend)


def _near(thing: str, names: Iterable[str]) -> list[str]:
    """Names that end alike come first, then those that are spelt alike."""
    known = sorted(set(names))
    tail = thing.rstrip("/").rpartition("/")[2].lower()
    alike = [name for name in known if tail and name.lower().endswith(tail)]
    spelt = get_close_matches(thing, known, n=_NEAR)
    return list(dict.fromkeys([*alike[:_NEAR], *spelt]))
