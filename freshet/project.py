"""A project on this machine: its corpora, searched, asked and refreshed, and its datasets, built."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, get_args

from freshet.answers import Answer, CorpusState, DocumentText, SearchResult, Sentence
from freshet.corpus import Mode, Wishes, names_of
from freshet.runs import Release, Report, Version, report_of
from freshet.tasks.errors import SettingsError, StoreError
from freshet.tasks.search.wanted import wanted_of
from freshet.tasks.service.caller import Caller
from freshet.tasks.service.desk import Desk
from freshet.tasks.settings.file import FILE_NAME, corpus_settings, dataset_settings, load_project
from freshet.tasks.settings.file import Project as Settings

if TYPE_CHECKING:
    from freshet.tasks.answers.answer import Sentence as Checked
    from freshet.tasks.governance.expressions import Asker

CALLER = Caller("python", may_impersonate=True)
"""Whoever can read the store's files is an owner, and may ask as anybody."""

MODE = "python"
"""What the query log says of a question that was asked here."""

MOST_HITS = 1000


class Project:
    """A project on this machine. Models are loaded at first need and stay; several threads may use it.

    Open it once and keep it. What changes in freshet.yaml later is seen by the next one that is opened.
    """

    def __init__(self, settings: Settings) -> None:
        """Use `Project.open`."""
        self._settings = settings
        self._desk = Desk(settings)

    @classmethod
    def open(cls, path: str | Path | None = None) -> Project:
        """Opens a project.

        Args:
            path: freshet.yaml, or the folder that it is in. Without one: the file that FRESHET_CONFIG names, else
                freshet.yaml in the working folder or the nearest folder above it.

        Raises:
            SettingsError: there is no such file, or anything is wrong with it; the message lists every problem.
        """
        if path is None:
            return cls(load_project())
        # Of ~nobody, where there is no such user, `Path.expanduser` would make a bug.
        is_folder = os.path.isdir(os.path.expanduser(path))
        return cls(load_project(Path(path, FILE_NAME) if is_folder else Path(path)))

    @property
    def file(self) -> Path:
        """The settings file, absolute."""
        return self._settings.file

    def corpora(self, *, as_: Sequence[str] = ()) -> tuple[CorpusState, ...]:
        """The corpora of which somebody may see anything, with their live releases; without `as_`, everyone."""
        return tuple(map(CorpusState.from_dict, self._desk.corpora(_asker(self._desk, as_))))

    def corpus(self, name: str) -> ProjectCorpus:
        """A corpus, by its name.

        Raises:
            SettingsError: there is no such corpus; names those there are.
        """
        corpus_settings(self._settings, name)
        return ProjectCorpus(self._desk, name)

    def dataset(self, name: str) -> ProjectDataset:
        """A fine-tuning dataset, by its name.

        Raises:
            SettingsError: there is no such dataset; names those there are.
        """
        dataset_settings(self._settings, name)
        return ProjectDataset(self._settings, name)

    def __repr__(self) -> str:
        """The project and where its settings are."""
        return f"Project({str(self.file)!r})"


class ProjectCorpus:
    """A corpus of a project on this machine; a `freshet.Corpus`, and what its owner may do besides."""

    def __init__(self, desk: Desk, name: str) -> None:
        """Use `Project.corpus`."""
        self._desk = desk
        self._name = name

    @property
    def name(self) -> str:
        """What the settings call it."""
        return self._name

    def search(
        self, question: str, *, as_: Sequence[str] = (), mode: Mode = "hybrid", limit: int = 5,
        release: int | None = None, **wishes: Unpack[Wishes],
    ) -> SearchResult:  # fmt: skip
        """Finds passages, as `Corpus.search` says.

        Raises:
            SettingsError: the question is none, a name, the mode or the limit is not one, or a wish cannot be met.
            NotThere: there is no such release.
            StoreError: there is no release yet, or the tables are gone or damaged.
            AccessCheckFailed: who may see what could not be established, so nothing is shown.
        """
        if mode not in get_args(Mode):
            raise SettingsError(f"there is no mode {mode!r}", f"The modes are: {', '.join(get_args(Mode))}.")
        if not 1 <= limit <= MOST_HITS:
            raise SettingsError(f"limit is {limit!r}", f"Give a number from 1 to {MOST_HITS}.")
        found = self._desk.search(
            _asker(self._desk, as_), self._name, question, mode=mode, limit=limit, release=release,
            wanted=wanted_of(**wishes),
        )  # fmt: skip
        return SearchResult.from_dict({"corpus": self._name, **found.as_dict()})

    def ask(
        self, question: str, *, as_: Sequence[str] = (), release: int | None = None,
        on_sentence: Callable[[Sentence], object] | None = None,
    ) -> Answer:  # fmt: skip
        """Answers a question and puts it on record, as `Corpus.ask` says.

        Raises:
            SettingsError: the question is none, or a name is no principal.
            NotThere: there is no such release.
            StoreError: there is no release yet, or the tables are gone or damaged.
            AccessCheckFailed: who may see what could not be established, so nothing is shown.
            ModelFailed, MissingExtra: the language model of the settings cannot be used.
        """

        def let_go(sentence: Checked) -> None:
            if on_sentence is not None:
                on_sentence(Sentence.from_dict(sentence.as_dict()))

        found = self._desk.ask(
            _asker(self._desk, as_), self._name, question, asked_as=names_of(as_), mode=MODE, release=release,
            let_go=let_go,
        )  # fmt: skip
        return Answer.from_dict({"corpus": self._name, **found.answer.as_dict()})

    def document(self, id: str, *, as_: Sequence[str] = (), start: int = 0, end: int | None = None) -> DocumentText:
        """The text of a document, as `Corpus.document` says.

        Raises:
            NotThere: there is none that whoever asks may see.
            SettingsError: the span is none.
        """
        if start < 0 or (end is not None and end < start):
            raise SettingsError(f"from {start} to {end} is no span", "Give start and end, like start=0, end=500.")
        found = self._desk.document(_asker(self._desk, as_), id, self._name)
        return DocumentText.from_dict(found.as_dict(start, end))

    def feedback(self, id: str, helpful: bool, note: str | None = None) -> None:
        """Puts on record whether an answer helped, as `Corpus.feedback` says.

        Raises:
            SettingsError: the id is no id of an answer.
        """
        log = self._desk.log
        if not log.feedback(id, helpful, note):
            raise StoreError(f"feedback could not be put on record: {log.trouble}", "See to the store's disk.")

    def refresh(
        self, *, full: bool = False, as_of: datetime | None = None, allow_withdrawals: int = 0, wait: float = 600.0
    ) -> Report:
        """Refreshes the corpus, and moves its readers to the new release if the gate passes.

        Args:
            full: read and hash every document, reconcile, compact.
            as_of: the moment to speak for; by default, now.
            allow_withdrawals: approve so many withdrawals at most.
            wait: seconds to wait while another refresh holds the corpus.

        Raises:
            RunFailed: the gate rejected it, it failed, or it was cancelled; `report` says more.
            SettingsError, ServerGone: it could not be started.
        """

        def run() -> Mapping[str, Any]:
            from freshet.flows.command.by_hand import run_refresh

            return run_refresh(
                self._name, config=self._desk.project.file, full=full, as_of=as_of,
                allow_withdrawals=allow_withdrawals, wait=wait,
            )  # fmt: skip

        return report_of(self._desk.project, run)

    def releases(self) -> tuple[Release, ...]:
        """Every decision on the corpus, newest first."""
        from freshet.tasks.ledger.releases import list_releases, live_release

        found = list_releases(self._desk.store, self._name)
        live = live_release(found)
        return tuple(Release.from_dict({**asdict(one), "live": one == live}) for one in found)

    def __repr__(self) -> str:
        """The corpus and its name."""
        return f"ProjectCorpus({self._name!r})"


class ProjectDataset:
    """A fine-tuning dataset of a project on this machine."""

    def __init__(self, settings: Settings, name: str) -> None:
        """Use `Project.dataset`."""
        self._settings = settings
        self._name = name

    @property
    def name(self) -> str:
        """What the settings call it."""
        return self._name

    def build(self, *, as_of: datetime | None = None, wait: float = 600.0) -> Report:
        """Builds the dataset, and publishes a version if anything changed and the gate passes.

        Args:
            as_of: the moment to speak for; by default, now.
            wait: seconds to wait while another build holds the dataset.

        Raises:
            RunFailed: the gate rejected it, it failed, or it was cancelled; `report` says more.
            SettingsError, ServerGone: it could not be started.
        """

        def run() -> Mapping[str, Any]:
            from freshet.flows.command.by_hand import run_build

            return run_build(self._name, config=self._settings.file, as_of=as_of, wait=wait)

        return report_of(self._settings, run)

    def versions(self) -> tuple[Version, ...]:
        """Every decision on the dataset, newest first."""
        from freshet.tasks.datasets.versions.show import version_row
        from freshet.tasks.ledger.versions import list_versions, live_version
        from freshet.tasks.runs.run import store_of

        store = store_of(self._settings)
        live = live_version(store, self._name)
        found = list_versions(store, self._name)
        return tuple(Version.from_dict({**version_row(one), "live": one == live}) for one in found)

    def __repr__(self) -> str:
        """The dataset and its name."""
        return f"ProjectDataset({self._name!r})"


def _asker(desk: Desk, as_: Sequence[str]) -> Asker:
    return desk.asker(CALLER, names_of(as_))
