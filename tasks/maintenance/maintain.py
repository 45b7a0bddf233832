"""Maintains a corpus, a dataset, or the tables that all share: what goes, what is joined, and how much that frees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from freshet.tasks.errors import CorpusBusy, SettingsError
from freshet.tasks.maintenance import cleaning, compaction, expiry, retention
from freshet.tasks.maintenance.freed import Maintained, Task
from freshet.tasks.maintenance.questions import keep_query_log
from freshet.tasks.settings.spans import shifted
from freshet.tasks.store.files import bytes_below, is_folder, names_below, table_addresses, table_name
from freshet.tasks.store.locks import brief_lock, dataset_files, hold_corpus, hold_dataset, is_held
from freshet.tasks.store.seals import seal_tables

if TYPE_CHECKING:
    from freshet.tasks.settings.file import Project
    from freshet.tasks.settings.maintenance import Maintenance
    from freshet.tasks.store.tables import Store


@dataclass(frozen=True)
class Target:
    """What is maintained under one lock. `name` of the shared tables is `ledger`."""

    kind: Literal["corpus", "dataset", "ledger"]
    name: str

    def __str__(self) -> str:
        """The target as people call it."""
        return self.name if self.kind == "ledger" else f"{self.kind} {self.name}"


LEDGER = Target("ledger", "ledger")


def find_targets(project: Project, store: Store, names: Sequence[str]) -> list[Target]:
    """What the names stand for; without any, all corpora and datasets, and the tables that they share.

    Datasets that the settings no longer name are among all: what was promised of their versions' retention holds.

    Raises:
        SettingsError: a name is neither a corpus nor a dataset.
    """
    corpora = list(project.settings.corpora)
    datasets = list(dict.fromkeys([*project.settings.datasets, *names_below(f"{store.address}/datasets")]))
    if not names:
        every = [*(Target("corpus", one) for one in corpora), *(Target("dataset", one) for one in datasets)]
        return [*every, LEDGER]
    unknown = [one for one in names if one not in corpora and one not in datasets]
    if unknown:
        known = ", ".join([*corpora, *datasets]) or "none"
        raise SettingsError(
            f"{project.file.name} has no corpus or dataset {unknown[0]!r}; it has: {known}",
            "Name one of those, or maintain everything: freshet maintain --all",
        )
    found = [Target("corpus", one) for one in names if one in corpora]
    return found + [Target("dataset", one) for one in names if one in datasets]


def maintain(
    project: Project,
    store: Store,
    target: Target,
    settings: Maintenance,
    *,
    task: Task,
    run: str,
    now: datetime,
    wait: timedelta,
    tell: Callable[[str], None],
) -> Maintained:
    """Maintains one target under its lock; a dry run only looks. Nothing to do writes nothing.

    Args:
        run: by which others learn who holds the target.
        now: the moment from which ages count.
        wait: how long to wait for another writer; then the target is left alone, and the next maintenance sees to it.
    """
    folders = _folders(store, target)
    if not any(is_folder(one) for one in folders):
        return Maintained(str(target), "empty")
    found = Maintained(str(target), "planned" if task.dry_run else "done", before=_bytes(folders))
    if target.kind == "ledger":
        with nullcontext() if task.dry_run else store.writing(tell):
            keep_query_log(store, project.settings.query_log, found, now, task.dry_run)
            _maintain_ledger(store, settings, found, task, now)
    elif task.dry_run:
        _maintain(store, target, settings, found, task, now)
    else:
        hold = hold_corpus if target.kind == "corpus" else hold_dataset
        try:
            with hold(store, target.name, run, wait, tell):
                _maintain(store, target, settings, found, task, now)
        except CorpusBusy as busy:
            found.outcome = "busy"
            found.notes.append(f"{busy.what}; it was left alone")
    if not task.dry_run and found.outcome == "done":
        seal_tables(store, folders[0].removeprefix(f"{store.address}/"))
    found.after = _bytes(folders)
    return found


def _maintain(
    store: Store, target: Target, settings: Maintenance, found: Maintained, task: Task, now: datetime
) -> None:
    if target.kind == "dataset":
        work = expiry.work_of_dead_runs(store, dataset_files(target.name))
        if not task.dry_run or not is_held(store, dataset_files(target.name)):
            expiry.clear_leftovers(store, work, found, task.dry_run)
            expiry.clear_leftovers(store, expiry.partial_exports(store, target.name), found, task.dry_run)
        retention.expire_versions(store, target.name, settings, found, now, task)
        return
    from freshet.tasks.ledger.releases import list_releases, live_release

    corpus, dry = target.name, task.dry_run
    if not dry or not is_held(store, corpus):
        expiry.clear_leftovers(store, expiry.work_of_dead_runs(store, corpus), found, dry)
    expiry.expire_elements(store, corpus, settings, found, now, dry)
    expiry.expire_reports(store, corpus, list_releases(store, corpus), settings, found, now, dry)
    compaction.compact_side_tables(store, corpus, found, dry)
    compaction.compact_released(store, live_release(list_releases(store, corpus)), found, now, dry)
    with nullcontext() if dry else brief_lock(store, corpus):
        kept = cleaning.kept_releases(list_releases(store, corpus), settings, now)
        if not dry:
            cleaning.give_up(store, corpus, kept)
    cleaning.clean_corpus(store, corpus, kept, found, settings, now, dry)


def _maintain_ledger(store: Store, settings: Maintenance, found: Maintained, task: Task, now: datetime) -> None:
    """The append-only tables lose no row; what goes are their old versions, each of which is a part of the next.

    Of the query log, those rows go with their versions that `keep_query_log` took out of it.
    """
    addresses = table_addresses(f"{store.address}/ledger")
    compaction.compact_ledger(store, [table_name(one) for one in addresses], found, task.dry_run)
    for address in addresses:
        where = f"ledger/{table_name(address)}"
        cleaning.clean_table(
            address, where, (), found, shifted(now, -settings.grace), dry_run=task.dry_run, alone=False
        )


def _folders(store: Store, target: Target) -> list[str]:
    if target.kind == "ledger":
        return [f"{store.address}/ledger"]
    if target.kind == "dataset":
        return [f"{store.address}/datasets/{target.name}", str(store.work_folder(dataset_files(target.name)))]
    inside = [f"{store.address}/{part}/{target.name}" for part in ("corpora", "reports")]
    return [*inside, str(store.work_folder(target.name))]


def _bytes(folders: Sequence[str]) -> int:
    return sum(bytes_below(one) for one in folders)
