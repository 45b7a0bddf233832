"""A corpus: its tables are whole, its releases can be read, its indices are complete, and its chunks fit the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from freshet.tasks.doctor.findings import NAMED, Finding, Patient, finding
from freshet.tasks.doctor.indices import examine_indices, rebuild_index
from freshet.tasks.doctor.releases import examine_releases
from freshet.tasks.doctor.table_files import corpus_tables
from freshet.tasks.doctor.tables import examine_schema, examine_table
from freshet.tasks.errors import EmbeddingError
from freshet.tasks.store import schemas
from freshet.tasks.store.files import is_folder, remove, table_name
from freshet.tasks.store.predicates import equals

if TYPE_CHECKING:
    from freshet.tasks.ledger.releases import Release
    from freshet.tasks.runs.run import RefreshRun
    from freshet.tasks.store.tables import Store

_SCHEMAS = {
    schemas.DOCUMENTS: schemas.documents,
    schemas.ELEMENTS: schemas.elements,
    schemas.LINKS: schemas.links,
    schemas.DUPLICATES: schemas.duplicates,
}


def examine_files(patient: Patient, corpus: str) -> Iterator[Finding]:
    """Finds what is wrong with the files of the corpus's tables. What is wrong here hides all else."""
    from freshet.tasks.ledger.releases import list_releases
    from freshet.tasks.maintenance.cleaning import kept_releases

    releases = list_releases(patient.store, corpus)
    kept = kept_releases(releases, patient.project.settings.maintenance, datetime.now(UTC))
    for table in corpus_tables(patient.store, corpus):
        name = table_name(table.address)
        pinned = {one.table_version for one in kept if one.table == name}
        if name == schemas.DOCUMENTS:
            pinned = {one.ledger_version for one in kept}
        yield from examine_table(
            table, patient.intact, pinned, rebuild=partial(rebuild_index, patient.store, corpus, name)
        )
        if expected := _SCHEMAS.get(name):
            yield from examine_schema(table, expected())
        elif name.startswith(schemas.chunks_table("")):
            yield from examine_schema(table, schemas.chunks(1))


def examine_corpus(patient: Patient, corpus: str) -> Iterator[Finding]:
    """Finds what is wrong between the corpus's releases, tables, indices and ledger, once its files are whole."""
    from freshet.tasks.ledger.releases import list_releases, live_release

    store = patient.store
    if not is_folder(f"{store.address}/corpora/{corpus}"):
        if (live := live_release(list_releases(store, corpus))) is not None:
            yield finding("DOCTOR-CORPUS-GONE", f"corpora/{corpus}", f"readers are sent to {live.release}", name=corpus)
        return
    releases = list_releases(store, corpus)
    yield from examine_releases(patient, corpus, releases)
    tables = store.corpus(corpus)
    ledger = tables.find(schemas.DOCUMENTS)
    if ledger is not None:
        yield from examine_indices(corpus, ledger, {"doc_id"})
    yield from _examine_chunk_tables(store, corpus, releases)
    yield from _examine_contents(patient, corpus)


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
            yield from examine_indices(corpus, table, set(declared_for(table)))
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
    """Compares the ledger with the chunks, in the embedding space that the settings name."""
    from freshet.tasks.documents.begin import begin_run
    from freshet.tasks.index.reconciliation import reconcile

    try:
        run = begin_run(patient.project.file, corpus, None, "doctor", "doctor")
    except EmbeddingError as error:
        yield finding("DOCTOR-MODEL", f"corpus {corpus}", error.what)
        return
    run = replace(run, project=patient.project)
    found = reconcile(run, contents=True)
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
    """The paths of the first documents, as a finding names them."""
    ledger = run.store.corpus(run.corpus).find(schemas.DOCUMENTS)
    named = []
    for doc_id in doc_ids[:NAMED]:
        rows = [] if ledger is None else ledger.search().where(equals("doc_id", doc_id)).select(["path"]).to_list()
        named += [row["path"] for row in rows]
    return ", ".join(sorted(named)) + (", …" if len(doc_ids) > NAMED else "")
