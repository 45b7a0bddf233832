"""What every step of one run needs to know: small, picklable, the same from start to end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from freshet.tasks.embedding.models import ModelFiles
from freshet.tasks.settings.datasets import Dataset
from freshet.tasks.settings.file import Project, dataset_settings, load_project
from freshet.tasks.settings.project import Corpus
from freshet.tasks.settings.spans import moment_of
from freshet.tasks.store.locks import dataset_files, hold_corpus, hold_dataset
from freshet.tasks.store.tables import Store


def store_of(project: Project) -> Store:
    """Returns the store of a project; nothing is opened yet."""
    return Store(project.store, project.store_mode)


@dataclass(frozen=True)
class _Run:
    """What every run knows.

    Attributes:
        project: the settings as they were when the run began.
        run_id: id of the Prefect flow run.
        name: what people call the run, like `refresh-handbook-2026-11-22`.
        as_of: the moment the run speaks for; never the wall clock.
    """

    project: Project
    run_id: str
    name: str
    as_of: datetime

    @cached_property
    def store(self) -> Store:
        """The store of the project."""
        return store_of(self.project)

    def __getstate__(self) -> dict[str, object]:
        # An open store does not travel between processes.
        return {name: value for name, value in self.__dict__.items() if name != "store"}


@dataclass(frozen=True)
class BuildRun(_Run):
    """One build of one dataset.

    Attributes:
        dataset: the dataset's name.
        backdated: whether `as_of` is in the past and was asked for, so that only what was there by then counts.
    """

    dataset: str
    backdated: bool = False

    def hold(self, wait: timedelta, announce: Callable[[str], None]) -> AbstractContextManager[None]:
        """Holds the writer's lock of the dataset (`store.locks.hold_dataset`)."""
        return hold_dataset(self.store, self.dataset, self.name, wait, announce)

    @property
    def past(self) -> datetime | None:
        """The moment by which all must have been there; None where what is there now counts."""
        return self.as_of if self.backdated else None

    @property
    def settings(self) -> Dataset:
        """What the project says of the dataset."""
        return self.project.settings.datasets[self.dataset]

    @property
    def folder(self) -> Path:
        """Where one step leaves files for the next."""
        return self.store.work_folder(dataset_files(self.dataset))


@dataclass(frozen=True)
class RefreshRun(_Run):
    """One refresh of one corpus.

    Attributes:
        corpus: the corpus's name.
        model: the embedding model in force.
        chunking: fingerprint of how documents are judged and cut.
    """

    corpus: str
    model: ModelFiles
    chunking: str

    def hold(self, wait: timedelta, announce: Callable[[str], None]) -> AbstractContextManager[None]:
        """Holds the writer's lock of the corpus (`store.locks.hold_corpus`)."""
        return hold_corpus(self.store, self.corpus, self.name, wait, announce)

    @property
    def settings(self) -> Corpus:
        """What the project says of the corpus."""
        return self.project.settings.corpora[self.corpus]

    @property
    def folder(self) -> Path:
        """Where one step leaves files for the next."""
        return self.store.work_folder(self.corpus)


def begin_build(
    config: Path | None, dataset: str, as_of: datetime | None, run_id: str, name: str, *, asked: bool = False
) -> BuildRun:
    """Reads the settings, before anything is started.

    Args:
        asked: whether somebody asked for `as_of`; where that is in the past, the build is backdated.

    Raises:
        SettingsError: the settings are wrong, or have no such dataset.
    """
    project = load_project(config)
    dataset_settings(project, dataset)
    moment = moment_of(as_of)
    backdated = asked and moment < datetime.now(UTC)
    return BuildRun(project=project, dataset=dataset, run_id=run_id, name=name, as_of=moment, backdated=backdated)
