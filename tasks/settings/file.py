"""Finds freshet.yaml and reads it: settings, or every problem at once with file and line."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from freshet.tasks.errors import SettingsError
from freshet.tasks.settings.addresses import resolve
from freshet.tasks.settings.checks import Checker
from freshet.tasks.settings.datasets import Dataset
from freshet.tasks.settings.explain import validate
from freshet.tasks.settings.lines import Located, read_yaml
from freshet.tasks.settings.named_models import EMBEDDING_MODELS
from freshet.tasks.settings.places import Finding, kind_text, place_text
from freshet.tasks.settings.project import Corpus, Settings
from freshet.tasks.settings.schema import json_schema
from freshet.tasks.settings.types import STORE_MODES

__all__ = ["FILE_NAME", "Problem", "Project", "find_notes", "find_problems", "json_schema", "load_project"]

FILE_NAME = "freshet.yaml"
CONFIG_VARIABLE = "FRESHET_CONFIG"
STORE_VARIABLE = "FRESHET_STORE"


@dataclass(frozen=True)
class Problem:
    """Something about a settings file that its author should know.

    Attributes:
        file: the file, relative to the working folder where it lies below that.
        line: from 1; None where it is about the whole file or the environment.
        where: the key, like 'corpora.handbook.sources[0].acl'; '' for the whole file.
        what: what is wrong, with the value as it was written, credentials masked.
        mend: the change that mends it.
    """

    file: str
    line: int | None
    where: str
    what: str
    mend: str

    def __str__(self) -> str:
        """The problem in a line: file, line number, key, what is wrong and what to do."""
        position = self.file if self.line is None else f"{self.file}:{self.line}"
        where = f"{self.where}: " if self.where else ""
        return f"{position}: {where}{self.what}\n    {self.mend}"


@dataclass(frozen=True)
class Project:
    """Settings and where they were read from.

    Attributes:
        settings: as written, variables replaced; addresses are not made absolute, since the address
            as written is a source's default name.
        root: folder of the file, absolute; relative paths in the settings start here.
        file: the settings file, absolute.
    """

    settings: Settings
    root: Path
    file: Path

    @property
    def store(self) -> str:
        """The store's absolute path, or its URL."""
        return self.resolve(self.settings.store)

    @property
    def store_mode(self) -> int:
        """The mode of the store's folders on a disk."""
        return STORE_MODES[self.settings.store_mode]

    @property
    def model(self) -> str:
        """'bundled', 'multilingual-e5-small', a model's name, or the absolute path of its folder."""
        model = self.settings.embedding.model
        path = self.resolve(model)
        return path if model not in EMBEDDING_MODELS and os.path.isdir(path) else model

    def resolve(self, address: str) -> str:
        """A folder's or repository's absolute path; a URL is returned as it is."""
        return resolve(address, self.root)


def load_project(file: Path | None = None) -> Project:
    """Reads a settings file.

    Args:
        file: the file. Without one, the file that FRESHET_CONFIG names, else freshet.yaml in the
            working folder or the nearest folder above it.

    Raises:
        SettingsError: there is no file, or anything is wrong with it; the message lists every problem.
    """
    path = _absolute(find_file(file))
    settings, problems, _ = _inspect(path)
    if settings is None:
        count = f"{len(problems)} problems" if len(problems) > 1 else "a problem"
        listed = "\n".join(f"  {problem}" for problem in problems)
        raise SettingsError(f"{_name(path)} has {count}:\n{listed}", "docs/configuration.md describes every key")
    return Project(settings, path.parent, path)


def find_file(file: Path | None = None) -> Path:
    """The settings file that is meant: the one named, else by FRESHET_CONFIG, else the nearest one upwards.

    Raises:
        SettingsError: there is none to be found.
    """
    return file if file is not None else _find()


def find_problems(file: Path) -> list[Problem]:
    """Everything wrong with a settings file, by line. Looks at the file and this machine's disk only."""
    return _inspect(_absolute(file), Checker.look_at_roster)[1]


def find_notes(file: Path) -> list[Problem]:
    """What is allowed but probably not meant, by line. Empty where the file cannot be read at all."""
    return _inspect(_absolute(file), Checker.look_at_roster, Checker.look_for_files)[2]


def _find() -> Path:
    if named := os.environ.get(CONFIG_VARIABLE):
        return Path(named)
    try:
        here = Path.cwd()
    except OSError:
        raise SettingsError("the working folder no longer exists", "change to your project's folder") from None
    for folder in (here, *here.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    raise SettingsError(
        f"there is no {FILE_NAME} in {here} or any folder above it",
        f"change to your project's folder, name the file with --config, or set {CONFIG_VARIABLE}",
    )


def _absolute(file: Path) -> Path:
    try:
        return file.expanduser().absolute()
    except (RuntimeError, OSError):  # no such user; or the working folder was removed
        return Path("/") / file


def _name(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def _inspect(path: Path, *looks: Callable[[Checker], None]) -> tuple[Settings | None, list[Problem], list[Problem]]:
    """(settings or None, problems, notes); `looks` are checks that take longer than loading should."""
    located = _read(path)
    settings, errors, absent, notes = None, list(located.findings), [], []
    if isinstance(located.data, dict) and () not in located.broken:
        _override_store(located)
        settings, more = validate(located)
        checker = Checker(located, path.parent)
        checker.run()
        for look in looks:
            look(checker)
        errors += [*more, *checker.errors]
        absent, notes = checker.absent, checker.notes
    elif not errors:
        what = f"the file holds {kind_text(located.data)}, not keys and values"
        errors.append(Finding((), 1, what, "start with store: or corpora:; docs/configuration.md has an example"))
    # A source may be out of reach for a while: a problem to whoever checks the file, and none to a search.
    return (None if errors else settings), _problems(path, [*errors, *absent]), _problems(path, notes)


def _read(path: Path) -> Located:
    located = Located()
    try:
        raw = path.read_bytes()
    except IsADirectoryError:
        located.findings.append(Finding((), None, "this is a folder", f"name the file in it: {path.name}/{FILE_NAME}"))
    except FileNotFoundError:
        located.findings.append(
            Finding((), None, "the file does not exist", "check the name; --config and FRESHET_CONFIG take a path")
        )
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or "its name is no path").lower()
        located.findings.append(
            Finding((), None, f"the file cannot be read: {reason}", "check the name and its permissions")
        )
    else:
        return read_yaml(raw, os.environ)
    return located


def _override_store(located: Located) -> None:
    """FRESHET_STORE serves one file in several environments; empty counts as not set."""
    if store := os.environ.get(STORE_VARIABLE):
        located.data["store"] = store
        located.written[("store",)] = f"${{{STORE_VARIABLE}}}"
        located.broken.discard(("store",))
        located.empty.discard(("store",))


def _problems(path: Path, findings: list[Finding]) -> list[Problem]:
    file = _name(path)
    ordered = sorted(findings, key=lambda one: (one.line or 0, place_text(one.place)))
    found = [Problem(file, one.line, place_text(one.place), one.what, one.mend) for one in ordered]
    return list(dict.fromkeys(found))


Named = TypeVar("Named", Corpus, Dataset)


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
