"""Looks the whole store over, part by part, and mends what can be mended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from freshet.tasks.doctor import corpora, datasets, deployments, questions, shared, sources
from freshet.tasks.doctor.findings import Finding, Patient, finding
from freshet.tasks.errors import FreshetError, SettingsError, StoreUnreachable
from freshet.tasks.ledger.query_events import LOG
from freshet.tasks.runs.run import store_of
from freshet.tasks.settings.file import Project
from freshet.tasks.store.files import is_folder
from freshet.tasks.store.locks import dataset_files, hold_corpus, hold_dataset
from freshet.tasks.store.seals import seal_tables
from freshet.tasks.store.tables import Store
from freshet.tasks.store.trouble import panics_as_errors

ROUNDS = 5
"""Mending one thing may show the next: a table that opens again may lack an index, or hold no live release."""

FATAL = frozenset(
    {
        "DOCTOR-TORN-MANIFEST", "DOCTOR-MISSING-FILES", "DOCTOR-INDEX-FILES", "DOCTOR-TAG-FILES", "DOCTOR-STORE-ACCESS",
        "DOCTOR-SCHEMA", "DOCTOR-UNREADABLE",
    }
)  # fmt: skip
"""With these, a table's contents are not looked at: it could not be read, or would be misread."""


@dataclass
class Repair:
    """What came of mending.

    Attributes:
        mended: findings that are gone, each with what was lost by that.
        left: findings that are still there.
    """

    mended: list[tuple[Finding, list[str]]] = field(default_factory=list)
    left: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """All findings, those that were mended first; `lost` is what that cost."""
        rows = [{**one.as_dict(), "repaired": True, "lost": lost} for one, lost in self.mended]
        rows += [{**one.as_dict(), "repaired": False, "lost": []} for one in self.left]
        return {"findings": rows, "notes": self.notes}


def examine(project: Project, names: Sequence[str] = ()) -> list[Finding]:
    """What is wrong with the store, or with some of its corpora and datasets; [] for a healthy one.

    Nothing is written, and no folder is made. A store that does not exist yet is healthy.

    Raises:
        SettingsError: a name is neither a corpus nor a dataset.
    """
    patient = Patient(project, store_of(project))
    _check_names(project, names)
    found = [] if names else list(deployments.examine_deployments(patient))
    unusable = list(shared.examine_access(patient))
    found += unusable
    if not names and not unusable:
        found += shared.examine_mode(patient)
    if unusable or (patient.store.is_local and not is_folder(patient.store.address)):
        return found
    return [*found, *_examine(patient, names)]


def _examine(patient: Patient, names: Sequence[str]) -> Iterator[Finding]:
    settings = patient.project.settings
    shared_files = _look("ledger", shared.examine_ledger_files(patient))
    yield from shared_files
    if not names:
        yield from shared.examine_folders(patient)
        yield from shared.examine_leftovers(patient)
    if any(one.code in FATAL for one in shared_files):
        return
    yield from _look("ledger", shared.examine_runs(patient))
    if not names:
        yield from _look(LOG, questions.examine_key(patient))
    for corpus in settings.corpora:
        if names and corpus not in names:
            continue
        where = f"corpora/{corpus}"
        files = _look(where, corpora.examine_files(patient, corpus))
        yield from files
        if not any(one.code in FATAL for one in files):
            yield from _look(where, corpora.examine_corpus(patient, corpus))
            yield from _look(where, sources.examine_sources(patient, corpus))
    for dataset in settings.datasets:
        if names and dataset not in names:
            continue
        where = f"datasets/{dataset}"
        files = _look(where, datasets.examine_files(patient, dataset))
        yield from files
        if not any(one.code in FATAL for one in files):
            yield from _look(where, datasets.examine_dataset(patient, dataset))


def find_damage(project: Project) -> list[Finding]:
    """What is wrong with the files of all tables of the project, whatever else may be wrong."""
    patient, settings = Patient(project, store_of(project)), project.settings
    found = _look("ledger", shared.examine_ledger_files(patient))
    for corpus in settings.corpora:
        found += _look(f"corpora/{corpus}", corpora.examine_files(patient, corpus))
    for dataset in settings.datasets:
        found += _look(f"datasets/{dataset}", datasets.examine_files(patient, dataset))
    return found


def _look(where: str, part: Iterable[Finding]) -> list[Finding]:
    """What is wrong with a part of the store; that it cannot be read is a finding as well."""
    found: list[Finding] = []
    try:
        with panics_as_errors():
            for one in part:
                found.append(one)
    except StoreUnreachable:
        raise
    except FreshetError as error:
        found.append(finding("DOCTOR-UNREADABLE", where, error.what))
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        found.append(finding("DOCTOR-UNREADABLE", where, f"{type(error).__name__}: {error}"[:300]))
    return found


def repair(project: Project, names: Sequence[str], wait: timedelta, tell: Callable[[str], None]) -> Repair:
    """Mends what can be mended, under the writers' locks, and says what that cost.

    What is found again after it was mended stays a finding; so does what only a person can mend.
    """
    store, done = store_of(project), Repair()
    tried: set[Finding] = set()
    for _ in range(ROUNDS):
        found = examine(project, names)
        todo = [one for one in found if one.repair is not None and one not in tried]
        if not todo:
            done.left = found
            break
        for one in todo:
            tried.add(one)
            try:
                with _hold(project, store, one.lock, wait, tell), panics_as_errors():
                    assert one.repair is not None
                    done.mended.append((one, list(one.repair())))
            except FreshetError as error:
                done.notes.append(f"{one.code} {one.where}: {error.what}")
            except (OSError, RuntimeError, ValueError) as error:
                done.notes.append(f"{one.code} {one.where}: mending failed ({type(error).__name__}: {error})"[:500])
    else:
        done.left = examine(project, names)
    done.mended = [(one, lost) for one, lost in done.mended if one not in done.left]
    _seal(project, store)
    return done


def _seal(project: Project, store: Store) -> None:
    """Seals what has no seal yet, so that what happens to it from now on is found."""
    folders = ["ledger", *(f"corpora/{one}" for one in project.settings.corpora)]
    for folder in [*folders, *(f"datasets/{one}" for one in project.settings.datasets)]:
        seal_tables(store, folder)


def _hold(
    project: Project, store: Store, lock: str | None, wait: timedelta, tell: Callable[[str], None]
) -> AbstractContextManager[None]:
    if lock in project.settings.corpora:
        return hold_corpus(store, str(lock), "doctor", wait, tell)
    dataset = (lock or "").removeprefix(dataset_files(""))
    if lock and dataset != lock:
        return hold_dataset(store, dataset, "doctor", wait, tell)
    return store.writing(tell)


def _check_names(project: Project, names: Sequence[str]) -> None:
    known = [*project.settings.corpora, *project.settings.datasets]
    unknown = [one for one in names if one not in known]
    if unknown:
        raise SettingsError(
            f"{project.file.name} has no corpus or dataset {unknown[0]!r}; it has: {', '.join(known) or 'none'}",
            "Name one of those, or look at everything: freshet doctor",
        )
