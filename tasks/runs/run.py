"""What every step of one run needs to know: small, picklable, the same from start to end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from freshet.tasks.embedding.models import ModelFiles, resolve_model
from freshet.tasks.errors import SettingsError
from freshet.tasks.settings.datasets import Dataset
from freshet.tasks.settings.file import Project, load_project
from freshet.tasks.settings.project import Corpus
from freshet.tasks.store import schemas
from freshet.tasks.store.tables import Store, dataset_files

if TYPE_CHECKING:
    from freshet.tasks.lineage.events import RunEvents
    from freshet.tasks.reports.refresh import RefreshReport

Named = TypeVar("Named", Corpus, Dataset)


class _OnStore:
    """A run on the store of its project."""

    project: Project

    @cached_property
    def store(self) -> Store:
        return Store(self.project.store)

    def __getstate__(self) -> dict[str, object]:
        # An open store does not travel between processes.
        return {name: value for name, value in self.__dict__.items() if name != "store"}


@dataclass(frozen=True)
class BuildRun(_OnStore):
    """One build of one dataset.

    Attributes:
        project: the settings as they were when the run began.
        dataset: the dataset's name.
        run_id: id of the Prefect flow run.
        name: what people call the run, like `version-answers-2026-11-22`.
        as_of: the moment the build speaks for; never the wall clock.
        looks_back: whether that moment is in the past and was asked for, so that only what was there by then counts.
    """

    project: Project
    dataset: str
    run_id: str
    name: str
    as_of: datetime
    looks_back: bool = False

    @property
    def past(self) -> datetime | None:
        """The moment by which all must have been there; None where what is there now counts."""
        return self.as_of if self.looks_back else None

    @property
    def settings(self) -> Dataset:
        return self.project.settings.datasets[self.dataset]

    @property
    def folder(self) -> Path:
        """Where one step leaves files for the next."""
        return self.store.work_folder(dataset_files(self.dataset))


@dataclass(frozen=True)
class RefreshRun(_OnStore):
    """One refresh of one corpus.

    Attributes:
        project: the settings as they were when the run began.
        corpus: the corpus's name.
        run_id: id of the Prefect flow run.
        name: what people call the run, like `refresh-handbook-2026-11-22`.
        as_of: the moment the refresh speaks for; never the wall clock.
        model: the embedding model in force.
        chunking: fingerprint of how documents are judged and cut.
    """

    project: Project
    corpus: str
    run_id: str
    name: str
    as_of: datetime
    model: ModelFiles
    chunking: str

    @property
    def settings(self) -> Corpus:
        return self.project.settings.corpora[self.corpus]

    @property
    def folder(self) -> Path:
        """Where one step leaves files for the next."""
        return self.store.work_folder(self.corpus)


def begin_run(config: Path | None, corpus: str, as_of: datetime | None, run_id: str, name: str) -> RefreshRun:
    """Reads the settings and settles everything that shapes the refresh, before anything is started.

    Raises:
        SettingsError: the settings are wrong, or have no such corpus.
    """
    from freshet.tasks.documents.chunking.chunk import chunking_fingerprint
    from freshet.tasks.embedding.tokens import tokenizer_fingerprint
    from freshet.tasks.rules.rulebook import rules_fingerprint

    project = load_project(config)
    chosen = corpus_settings(project, corpus)
    model = resolve_model(project.settings.embedding, project.root)
    cut = chunking_fingerprint(chosen.chunking, tokenizer_fingerprint(model.folder))[:16]
    return RefreshRun(
        project=project,
        corpus=corpus,
        run_id=run_id,
        name=name,
        as_of=moment_of(as_of),
        model=model,
        chunking=f"{cut}-{rules_fingerprint(chosen)}",
    )


def begin_build(
    config: Path | None, dataset: str, as_of: datetime | None, run_id: str, name: str, *, asked: bool = False
) -> BuildRun:
    """Reads the settings, before anything is started.

    Args:
        asked: whether somebody asked for `as_of`; where that is in the past, the build looks back.

    Raises:
        SettingsError: the settings are wrong, or have no such dataset.
    """
    project = load_project(config)
    dataset_settings(project, dataset)
    moment = moment_of(as_of)
    looks_back = asked and moment < datetime.now(UTC)
    return BuildRun(project=project, dataset=dataset, run_id=run_id, name=name, as_of=moment, looks_back=looks_back)


def run_events(run: RefreshRun | BuildRun) -> RunEvents:
    """The lineage events of a run, around what it does within the writer's lock."""
    from freshet.tasks.lineage.events import RunEvents
    from freshet.tasks.lineage.openlineage import refresh_job, version_job

    settings = run.project.settings.lineage
    if isinstance(run, BuildRun):
        job = version_job(run.dataset, settings.namespace, run.settings.description)
    else:
        job = refresh_job(run.corpus, settings.namespace)
    return RunEvents(run.store, job, run.run_id, nominal_time=run.as_of, endpoint=settings.endpoint)


def moment_of(as_of: datetime | None) -> datetime:
    """The moment that a run speaks for, with a time zone; now, where none is given."""
    # Prefect's moments are of a class of their own, which does not divide by the standard library's durations.
    moment = datetime.fromisoformat(as_of.isoformat()) if as_of else datetime.now(UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def corpus_settings(project: Project, corpus: str) -> Corpus:
    """A corpus's settings.

    Raises:
        SettingsError: there is no such corpus; names those there are.
    """
    return _named(project, project.settings.corpora, corpus, "corpus", "corpora")


def dataset_settings(project: Project, dataset: str) -> Dataset:
    """A dataset's settings.

    Raises:
        SettingsError: there is no such dataset; names those there are.
    """
    return _named(project, project.settings.datasets, dataset, "dataset", "datasets")


def _named(project: Project, known: Mapping[str, Named], name: str, kind: str, key: str) -> Named:
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=1)
    raise SettingsError(
        f"{project.file.name} has no {kind} {name!r}; it has: {', '.join(known) or 'none'}",
        f"Did you mean {near[0]}?" if near else f"Add it under {key}: in {project.file.name}.",
    )


def record_run(run: RefreshRun, report: RefreshReport, full: bool) -> None:
    """Adds the refresh to the store's record of runs, from which citations know when a source was last seen."""
    row = {
        "run_id": run.run_id,
        "corpus": run.corpus,
        "outcome": report.outcome,
        "release": report.release,
        "full": full,
        "as_of": run.as_of,
        "ended_at": datetime.now(UTC),
        "sources": report.sources,
        "report": json.dumps(report.as_dict()),
    }
    run.store.ledger.append(schemas.RUNS, schemas.runs(), [row])
