"""A corpus's sources against its ledger, by listings alone: no document is read."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from freshet.tasks.doctor.findings import Finding, Patient, finding
from freshet.tasks.errors import FreshetError
from freshet.tasks.store import schemas
from freshet.tasks.store.files import is_folder

if TYPE_CHECKING:
    from freshet.tasks.documents.sources.base import Listing
    from freshet.tasks.settings.project import FolderSource, GitSource


def examine_sources(patient: Patient, corpus: str) -> Iterator[Finding]:
    """Which sources cannot be listed, and which hold other documents than the ledger knows of."""
    from freshet.tasks.documents.sources.base import said_by_source
    from freshet.tasks.settings.addresses import source_name

    if not is_folder(f"{patient.store.address}/corpora/{corpus}"):
        return
    held = _ledger(patient, corpus)
    named = set()
    for source in patient.project.settings.corpora[corpus].sources:
        name = source_name(source)
        named.add(name)
        where = f"source {name} of corpus {corpus}"
        listing = _list(patient, corpus, source)
        if isinstance(listing, str) or not listing.complete:
            why = listing if isinstance(listing, str) else listing.error or "the listing was cut short"
            yield finding("DOCTOR-SOURCE-UNREACHABLE", where, why, name=corpus)
            continue
        paths, hints = listing.table["path"].to_pylist(), listing.table["hint"].to_pylist()
        listed = dict(zip(paths, hints, strict=True))
        known = held.get(name, {})
        added = len(listed.keys() - known.keys())
        gone = len(known.keys() - listed.keys())
        # Of a document that could not be fetched the ledger has no hint: the next refresh tries again. A file that was
        # copied, or given other rights, is read again by the next refresh, but its owner did not say that it changed.
        changed = sum(
            bool(known[one]) and said_by_source(known[one]) != said_by_source(listed[one])
            for one in listed.keys() & known.keys()
        )
        if added or gone or changed:
            detail = f"{added} are new, {changed} changed, {gone} gone"
            yield finding("DOCTOR-SOURCE-DIFFERS", where, detail, name=corpus)
    for name in sorted(held.keys() - named):
        detail = f"the settings have no such source, and the ledger {len(held[name])} documents of it"
        yield finding("DOCTOR-SOURCE-DIFFERS", f"source {name} of corpus {corpus}", detail, name=corpus)


def _list(patient: Patient, corpus: str, source: FolderSource | GitSource) -> Listing | str:
    """The listing, or why there is none. Mirrors are made beside the store's, and go: nothing is written there."""
    from freshet.tasks.documents.sources import open_source

    cache = patient.store.cache_folder(corpus)
    try:
        if cache.is_dir():
            return open_source(source, patient.project.root, cache).list()
        with tempfile.TemporaryDirectory(prefix="freshet-doctor-") as folder:
            return open_source(source, patient.project.root, Path(folder)).list()
    except (FreshetError, OSError) as error:
        return error.what if isinstance(error, FreshetError) else type(error).__name__


def _ledger(patient: Patient, corpus: str) -> dict[str, dict[str, str]]:
    """By source and path, the hint of the version that was seen last."""
    found: dict[str, dict[str, str]] = {}
    table = patient.store.corpus(corpus).find(schemas.DOCUMENTS)
    if table is not None:
        columns = ["source", "path", "seen_hint"]
        for batch in table.search().select(columns).to_batches():
            for source, path, hint in zip(*(batch[name].to_pylist() for name in columns), strict=True):
                found.setdefault(source, {})[path] = hint
    return found
