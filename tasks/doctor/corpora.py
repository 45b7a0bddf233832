"""A corpus: its releases can be read, its indices are complete, its chunks are what the ledger says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from freshet.tasks.doctor.findings import Finding, Patient, finding
from freshet.tasks.doctor.tables import TableFiles, examine_schema, examine_table, is_readable, pass_by
from freshet.tasks.errors import EmbeddingError
from freshet.tasks.store import schemas
from freshet.tasks.store.files import is_folder, remove, table_addresses, table_name
from freshet.tasks.store.predicates import equals

if TYPE_CHECKING:
    from lancedb.table import Table

    from freshet.tasks.ledger.releases import Release
    from freshet.tasks.runs.run import RefreshRun
    from freshet.tasks.store.tables import Store

_NAMED = 5
_TABLES = {
    schemas.DOCUMENTS: schemas.documents,
    schemas.ELEMENTS: schemas.elements,
    schemas.LINKS: schemas.links,
    schemas.DUPLICATES: schemas.duplicates,
}


def tables_of(store: Store, corpus: str) -> list[TableFiles]:
    return [
        TableFiles(address, f"corpora/{corpus}/{table_name(address)}", corpus, corpus)
        for address in table_addresses(f"{store.address}/corpora/{corpus}")
    ]


def examine_files(patient: Patient, corpus: str) -> Iterator[Finding]:
    """The corpus's tables as files. What is wrong here hides all else."""
    from freshet.tasks.ledger.releases import list_releases
    from freshet.tasks.maintenance.cleaning import kept_releases

    releases: list[Release] = []
    if is_folder(f"{patient.store.address}/ledger/{schemas.RELEASES}.lance"):
        releases = list_releases(patient.store, corpus)
    kept = kept_releases(releases, patient.project.settings.maintenance, datetime.now(UTC))
    for table in tables_of(patient.store, corpus):
        name = table_name(table.address)
        pinned = {one.table_version for one in kept if one.table == name}
        if name == schemas.DOCUMENTS:
            pinned = {one.ledger_version for one in kept}
        yield from examine_table(table, pinned, rebuild=partial(_rebuild_index, patient.store, corpus, name))
        if expected := _TABLES.get(name):
            yield from examine_schema(table, expected())
        elif name.startswith(schemas.chunks_table("")):
            yield from examine_schema(table, schemas.chunks(1))


def examine_corpus(patient: Patient, corpus: str) -> Iterator[Finding]:
    """What is wrong between the corpus's releases, tables, indices and ledger, once its files are whole."""
    from freshet.tasks.ledger.releases import list_releases, live_release

    store = patient.store
    if not is_folder(f"{store.address}/corpora/{corpus}"):
        on_record = is_folder(f"{store.address}/ledger/{schemas.RELEASES}.lance")
        if on_record and (live := live_release(list_releases(store, corpus))) is not None:
            yield finding("DOCTOR-CORPUS-GONE", f"corpora/{corpus}", f"readers are sent to {live.release}", name=corpus)
        return
    releases = list_releases(store, corpus)
    yield from _examine_releases(patient, corpus, releases)
    tables = store.corpus(corpus)
    ledger = tables.find(schemas.DOCUMENTS)
    if ledger is not None:
        yield from _examine_indices(corpus, ledger, {"doc_id"})
    yield from _examine_chunk_tables(store, corpus, releases)
    yield from _examine_contents(patient, corpus)


def _examine_releases(patient: Patient, corpus: str, releases: Sequence[Release]) -> Iterator[Finding]:
    from freshet.tasks.ledger.releases import live_release
    from freshet.tasks.maintenance.cleaning import kept_releases

    store, where = patient.store, "ledger/releases"
    times = Counter(one.release for one in releases)
    tagged = _tagged_releases(store, corpus)
    highest = max([*times, *tagged], default=0)
    gaps = [number for number in range(1, highest + 1) if number not in times]
    twice = sorted(number for number, count in times.items() if count > 1)
    if gaps:
        detail = f"corpus {corpus} has no release {', '.join(map(str, gaps[:_NAMED]))}"
        yield finding(
            "DOCTOR-RELEASE-RECORD", where, detail, name=corpus, lock=corpus,
            repair=lambda: _restore_releases(store, corpus, gaps),
        )  # fmt: skip
    if twice:
        yield finding("DOCTOR-RELEASE-RECORD", where, f"corpus {corpus} has release {twice[0]} twice", name=corpus)
    live = live_release(releases)
    if live is not None and not _can_be_read(store, live):
        detail = f"release {live.release} of corpus {corpus}"
        yield finding(
            "DOCTOR-RELEASE-GONE", f"corpora/{corpus}", detail, name=corpus, lock=corpus,
            repair=lambda: _publish_readable(store, corpus),
        )  # fmt: skip
    kept = kept_releases(releases, patient.project.settings.maintenance, datetime.now(UTC))
    untagged = [one for one in kept if one.outcome == "published" and _lacks_tag(store, one, tagged)]
    if untagged:
        numbers = ", ".join(str(one.release) for one in untagged)
        yield finding(
            "DOCTOR-TAG", f"corpora/{corpus}", f"release {numbers}", name=corpus, lock=corpus,
            repair=lambda: _tag(store, untagged),
        )  # fmt: skip


def _tags(table: Table | None) -> dict[str, int]:
    return {} if table is None else {name: int(one["version"]) for name, one in table.tags.list().items()}


def _tagged_releases(store: Store, corpus: str) -> dict[int, dict[str, int]]:
    """By number of a release, the version that its tag names, by table."""
    found: dict[int, dict[str, int]] = {}
    tables = store.corpus(corpus)
    for name in tables.names():
        if name == schemas.DOCUMENTS or name.startswith(schemas.chunks_table("")):
            for tag, version in _tags(tables.find(name)).items():
                kind, _, number = tag.rpartition("-")
                if kind == "release" and number.isdigit():
                    found.setdefault(int(number), {})[name] = version
    return found


def _lacks_tag(store: Store, release: Release, tagged: dict[int, dict[str, int]]) -> bool:
    """A rollback has no tag of its own: that of the release it goes back to holds the version."""
    needed = {release.table: release.table_version, schemas.DOCUMENTS: release.ledger_version}
    held = {(name, version) for tags in tagged.values() for name, version in tags.items()}
    return _can_be_read(store, release) and any(one not in held for one in needed.items())


def _can_be_read(store: Store, release: Release) -> bool:
    folder = f"{store.address}/corpora/{release.corpus}"
    named = {release.table: release.table_version, schemas.DOCUMENTS: release.ledger_version}
    return all(is_readable(f"{folder}/{name}.lance", version) for name, version in named.items())


def _tag(store: Store, releases: Sequence[Release]) -> list[str]:
    from freshet.tasks.index.release import pin_release

    for release in releases:
        pin_release(store, release)
    return []


def _publish_readable(store: Store, corpus: str) -> list[str]:
    """Publishes the newest release that can be read; where none can, readers wait for a refresh.

    What comes next in the tables is not to have the number of a version that is gone.
    """
    from freshet.tasks.index.release import roll_back
    from freshet.tasks.ledger.releases import list_releases, live_release

    releases = list_releases(store, corpus)
    live = live_release(releases)
    readable = next((r for r in releases if r.outcome == "published" and _can_be_read(store, r)), None)
    for table in tables_of(store, corpus):
        name = table_name(table.address)
        named = [one.table_version for one in releases if one.table == name]
        named += [one.ledger_version for one in releases if name == schemas.DOCUMENTS]
        lost = max((one for one in named if not is_readable(table.address, one)), default=0)
        pass_by(table, lost)
    if live is None or readable is None:
        return []
    made = roll_back(store, corpus, readable.release, now=datetime.now(UTC))
    return [
        f"corpus {corpus}: release {live.release}. Readers see what release {readable.release} held, as release "
        f"{made.release}, until freshet refresh {corpus} publishes what the sources hold now"
    ]


def _restore_releases(store: Store, corpus: str, numbers: Sequence[int]) -> list[str]:
    """Puts releases back on record as far as the tags of the tables know them; of others only that they were."""
    from freshet.tasks.ledger.releases import list_releases

    releases, tagged, lost = list_releases(store, corpus), _tagged_releases(store, corpus), []
    tables = store.corpus(corpus)
    pattern = next(iter(releases), None)
    rows: list[dict[str, Any]] = []
    for number in numbers:
        tags = dict(tagged.get(number, {}))
        ledger = tags.pop(schemas.DOCUMENTS, None)
        chunks = next(iter(tags.items()), None)
        row = _lost_row(corpus, number, pattern)
        if ledger is None or chunks is None:
            lost.append(f"corpus {corpus}: what the gate decided as release {number}")
        else:
            name, version = chunks
            row |= {
                "outcome": "published",
                "space": name.removeprefix(schemas.chunks_table("")),
                "table_version": version,
                "ledger_version": ledger,
                "documents": tables.at(schemas.DOCUMENTS, ledger).count_rows("content_hash IS NOT NULL"),
                "chunks": tables.at(name, version).count_rows(),
                "reasons": [],
            }
            lost.append(f"corpus {corpus}: the exam and the report of release {number}")
        rows.append(row)
    store.ledger.append(schemas.RELEASES, schemas.releases(), rows)
    return lost


def _lost_row(corpus: str, number: int, pattern: Release | None) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "corpus": corpus, "release": number, "outcome": "rejected", "rollback_of": None,
        "model": pattern.model if pattern else "", "space": pattern.space if pattern else "", "table_version": 0,
        "ledger_version": 0, "documents": 0, "chunks": 0, "reasons": ["the record of this decision was lost"],
        "exam": None, "site": None, "run_id": "doctor", "as_of": pattern.as_of if pattern else now,
        "published_at": now,
    }  # fmt: skip


def _examine_indices(corpus: str, table: Table, declared: set[str]) -> Iterator[Finding]:
    from freshet.tasks.index.indices import indexed_columns, unindexed_rows

    where = f"corpora/{corpus}/{table.name}"
    if not table.count_rows():
        return
    if missing := sorted(declared - indexed_columns(table)):
        yield finding(
            "DOCTOR-INDEX-MISSING", where, f"over {', '.join(missing)}", name=corpus, lock=corpus,
            repair=lambda: _rebuild(table),
        )  # fmt: skip
    elif behind := unindexed_rows(table):
        yield finding(
            "DOCTOR-INDEX-LAG", where, f"{behind:,} rows", name=corpus, lock=corpus, repair=lambda: _rebuild(table)
        )


def _rebuild(table: Table) -> list[str]:
    from freshet.tasks.index.indices import declared_for, make_indices

    table.checkout_latest()
    make_indices(table, declared_for(table))
    return []


def _rebuild_index(store: Store, corpus: str, table_name: str, index: str) -> list[str]:
    """Makes an index anew. Where readers see the head, they move to it: the index that is gone is theirs."""
    from freshet.tasks.index.indices import declared_for, make_indices
    from freshet.tasks.index.release import republish
    from freshet.tasks.ledger.releases import list_releases, live_release

    tables, live = store.corpus(corpus), live_release(list_releases(store, corpus))
    table, ledger = tables.find(table_name), tables.find(schemas.DOCUMENTS)
    assert table is not None
    assert ledger is not None
    chunks = tables.find(live.table) if live else None
    seen = (live.table_version, live.ledger_version) if live else None
    is_seen = chunks is not None and (chunks.version, ledger.version) == seen
    table.drop_index(index)
    make_indices(table, declared_for(table))
    if live is not None and chunks is not None and is_seen:
        chunks.checkout_latest()
        ledger.checkout_latest()
        now = datetime.now(UTC)
        republish(store, live, table_version=chunks.version, ledger_version=ledger.version, now=now)
    return []


def _examine_chunk_tables(store: Store, corpus: str, releases: Sequence[Release]) -> Iterator[Finding]:
    from freshet.tasks.index.indices import declared_for
    from freshet.tasks.maintenance.cleaning import spaces_in_use

    tables, used = store.corpus(corpus), spaces_in_use(store, corpus)
    for name in tables.names():
        if not name.startswith(schemas.chunks_table("")):
            continue
        space = name.removeprefix(schemas.chunks_table(""))
        table = tables.find(name)
        if table is None:
            continue
        if space in used:
            yield from _examine_indices(corpus, table, set(declared_for(table)))
        elif not any(one.space == space for one in releases):
            address, rows = f"{store.address}/corpora/{corpus}/{name}.lance", table.count_rows()
            yield finding(
                "DOCTOR-STRAY-TABLE", f"corpora/{corpus}/{name}", f"{rows:,} rows", name=corpus, lock=corpus,
                repair=partial(_drop_table, address, name, rows),
            )  # fmt: skip


def _drop_table(address: str, name: str, rows: int) -> list[str]:
    remove(address)
    return [f"table {name}: {rows:,} chunks in an embedding space that nothing is in"]


def _examine_contents(patient: Patient, corpus: str) -> Iterator[Finding]:
    """The ledger against the chunks, in the embedding space that the settings name."""
    from freshet.tasks.documents.begin import begin_run
    from freshet.tasks.index.reconciliation import reconcile

    try:
        run = begin_run(patient.project.file, corpus, None, "doctor", "doctor")
    except EmbeddingError as error:
        yield finding("DOCTOR-MODEL", f"corpus {corpus}", error.what)
        return
    run = replace(run, project=patient.project)
    found = reconcile(run, vectors=True)
    where = f"corpora/{corpus}/{schemas.chunks_table(run.model.space)}"
    if found.damaged:
        detail = f"{len(found.damaged):,}: {_paths(run, found.damaged)}"
        yield finding("DOCTOR-LEDGER-MISMATCH", where, detail, name=corpus)
    if found.strays:
        yield finding(
            "DOCTOR-STRAY-CHUNKS", where, f"{len(found.strays):,} documents", name=corpus, lock=corpus,
            repair=lambda: _delete_strays(run, found.strays),
        )  # fmt: skip


def _delete_strays(run: RefreshRun, doc_ids: list[str]) -> list[str]:
    from freshet.tasks.index import removal

    removal.delete_strays(run, doc_ids)
    return []


def _paths(run: RefreshRun, doc_ids: Sequence[str]) -> str:
    ledger = run.store.corpus(run.corpus).find(schemas.DOCUMENTS)
    named = []
    for doc_id in doc_ids[:_NAMED]:
        rows = [] if ledger is None else ledger.search().where(equals("doc_id", doc_id)).select(["path"]).to_list()
        named += [row["path"] for row in rows]
    return ", ".join(sorted(named)) + (", …" if len(doc_ids) > _NAMED else "")
