"""What all corpora and datasets share: the folder of the store, its ledger, locks, and what killed runs left."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from freshet.tasks.doctor.findings import Finding, Patient, finding
from freshet.tasks.doctor.table_files import TableFiles
from freshet.tasks.doctor.tables import examine_schema, examine_table
from freshet.tasks.errors import FreshetError
from freshet.tasks.ledger.losses import COSTS
from freshet.tasks.maintenance.expiry import partial_exports, work_of_dead_runs
from freshet.tasks.store import schemas
from freshet.tasks.store.bucket import check_bucket
from freshet.tasks.store.files import is_folder, names_below, remove, table_addresses, table_name
from freshet.tasks.store.locks import HOLDER, dataset_files, is_held
from freshet.tasks.store.modes import open_to_others

if TYPE_CHECKING:
    from freshet.tasks.lineage.openlineage import Job
    from freshet.tasks.store.tables import Store

LEDGER = "ledger"


def examine_access(patient: Patient) -> Iterator[Finding]:
    """Whether the store can be read and written to. One that does not exist yet is as it should be."""
    store = patient.store
    if not store.is_local:
        try:
            check_bucket(store.address)
        except FreshetError as error:
            yield finding("DOCTOR-STORE-ACCESS", store.address, f"{error.what}. {error.mend}")
        except Exception as error:  # whatever else the bucket's client raises
            yield finding("DOCTOR-STORE-ACCESS", store.address, type(error).__name__)
        return
    root = Path(store.address)
    if root.exists() and not root.is_dir():
        yield finding("DOCTOR-STORE-ACCESS", store.address, "it is a file")
        return
    for folder, folders, files in os.walk(root):
        shut = [one for one in folders if not os.access(Path(folder, one), os.R_OK | os.W_OK | os.X_OK)]
        shut += [one for one in files if not os.access(Path(folder, one), os.R_OK)]
        for one in shut:
            yield finding("DOCTOR-STORE-ACCESS", str(Path(folder, one).relative_to(root)))


def examine_mode(patient: Patient) -> Iterator[Finding]:
    """Whether only those may read a store on a disk whom its mode lets in."""
    store = patient.store
    if store.is_local and (found := open_to_others(Path(store.address), store.mode)) is not None:
        detail = f"its mode is {found:04o}, and should be {store.mode:04o}"
        yield finding("DOCTOR-STORE-OPEN", store.address, detail, repair=list)  # the repair's own writing does it


def examine_ledger_files(patient: Patient) -> Iterator[Finding]:
    """The tables that all share, as files."""
    for address in table_addresses(f"{patient.store.address}/ledger"):
        name = table_name(address)
        table = TableFiles(address, f"ledger/{name}", "", LEDGER)
        for one in examine_table(table, patient.intact):
            yield one if one.repair is None else _with_cost(one, name)
        if expected := schemas.LEDGER_TABLES.get(name):
            yield from examine_schema(table, expected())


def _with_cost(found: Finding, name: str) -> Finding:
    """The finding with what it means that rows of the table are lost: nothing makes most of them again."""
    cost, repair = COSTS.get(name), found.repair
    if cost is None or repair is None or found.code not in ("DOCTOR-MISSING-FILES", "DOCTOR-TORN-MANIFEST"):
        return found
    mend = f"Restore the store from a backup, or type freshet doctor --repair, which gives up what was in them: {cost}."

    def giving_up() -> list[str]:
        lost = list(repair())
        return [*lost, f"ledger/{name}: {cost}"] if lost else lost

    return replace(found, mend=mend, repair=giving_up)


def examine_folders(patient: Patient) -> Iterator[Finding]:
    """Corpora and datasets that the settings do not name."""
    settings, store = patient.project.settings, patient.store
    for part, known in (("corpora", settings.corpora), ("datasets", settings.datasets)):
        for name in names_below(f"{store.address}/{part}"):
            if name not in known and _holds_tables(f"{store.address}/{part}/{name}"):
                yield finding("DOCTOR-STRAY-FOLDER", f"{part}/{name}", name=name)


def _holds_tables(folder: str) -> bool:
    return bool(table_addresses(folder)) or is_folder(f"{folder}/exports")


def examine_leftovers(patient: Patient) -> Iterator[Finding]:
    """Notes of holders without a lock, work folders and half-written exports of runs that are over."""
    store, settings = patient.store, patient.project.settings
    if store.is_local and not is_folder(store.address):
        return
    names = [*settings.corpora, *(dataset_files(one) for one in settings.datasets)]
    for name in names:
        if is_held(store, name):
            continue
        holder = store.lock_file(name).with_suffix(HOLDER)
        if holder.exists():
            # The repair's own lock does it: whoever holds the lock writes a note in its place, and takes it away.
            yield finding("DOCTOR-STALE-HOLDER", f"locks/{holder.name}", lock=name, repair=list)
        left = list(work_of_dead_runs(store, name)) if name in settings.corpora else []
        if name not in settings.corpora:
            left += partial_exports(store, name.removeprefix(dataset_files("")))
        for folder in left:
            yield finding("DOCTOR-LEFTOVER", _within(store, folder), lock=name, repair=partial(_remove, [folder]))


def examine_runs(patient: Patient) -> Iterator[Finding]:
    """Runs that began and never ended, of corpora and datasets that nobody holds now."""
    from freshet.tasks.lineage.events import open_runs
    from freshet.tasks.lineage.openlineage import refresh_job, version_job

    store, settings = patient.store, patient.project.settings
    if not is_folder(f"{store.address}/ledger/{schemas.LINEAGE_EVENTS}.lance"):
        return
    space = settings.lineage.namespace
    jobs = [(name, refresh_job(name, space)) for name in settings.corpora]
    jobs += [
        (dataset_files(name), version_job(name, space, one.description)) for name, one in settings.datasets.items()
    ]
    for lock, job in jobs:
        if not is_held(store, lock) and (runs := open_runs(store, job.name)):
            detail = f"{job.name}: {', '.join(runs)}"
            yield finding(
                "DOCTOR-OPEN-RUN", f"ledger/{schemas.LINEAGE_EVENTS}", detail, lock=lock,
                repair=partial(_end_runs, store, job, runs),
            )  # fmt: skip


def _end_runs(store: Store, job: Job, runs: Sequence[str]) -> list[str]:
    from freshet.tasks.lineage.events import record_killed

    record_killed(store, job, runs, datetime.now(UTC))
    return []


def _remove(paths: Sequence[str]) -> list[str]:
    for path in paths:
        remove(path)
    return []


def _within(store: Store, path: str) -> str:
    return path.removeprefix(f"{store.address}/")
