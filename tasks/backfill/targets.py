"""What a backfill is about: corpora and datasets by the names that people type, and what shapes their results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from hashlib import sha256
from typing import TYPE_CHECKING

from freshet.tasks.errors import SettingsError
from freshet.tasks.settings.spans import Kind

if TYPE_CHECKING:
    from freshet.tasks.runs.run import BuildRun, RefreshRun
    from freshet.tasks.settings.file import Project


@dataclass(frozen=True)
class Target:
    """A corpus or a dataset.

    Attributes:
        label: what people call it: its name, with `corpus:` or `dataset:` before it where both have one of that name.
    """

    kind: Kind
    name: str
    label: str

    @property
    def artifact(self) -> str:
        """The key of the artifact about its backfills."""
        return f"backfill-{self.label.replace(':', '-')}"


def find_targets(project: Project, names: Sequence[str]) -> list[Target]:
    """The corpora and datasets of these names, in this order.

    Raises:
        SettingsError: there is none of a name, there are two, or one is named twice.
    """
    if not names:
        raise SettingsError("a backfill needs a corpus or a dataset", "Type: freshet backfill TARGET --start … --end …")
    found = [_find(project, name) for name in names]
    twice = next((one for i, one in enumerate(found) if one in found[:i]), None)
    if twice is not None:
        raise SettingsError(f"{twice.kind} {twice.name} is named twice", "Name each target once.")
    return found


def check_parallel(parallel: int, targets: Sequence[Target]) -> None:
    """Whether so many targets can be worked off at once.

    Raises:
        SettingsError: there are fewer targets.
    """
    if parallel > len(targets):
        many = f"{len(targets)} target{'s' if len(targets) > 1 else ''}"
        raise SettingsError(
            f"--parallel {parallel} for {many}: windows of one target are done one after another, since it has one "
            "writer",
            f"Give --parallel {len(targets)} at most, or more targets.",
        )


def _find(project: Project, given: str) -> Target:
    corpora, datasets = project.settings.corpora, project.settings.datasets
    kind, _, name = given.rpartition(":")
    known: dict[Kind, bool] = {"corpus": name in corpora, "dataset": name in datasets}
    chosen: list[Kind] = [one for one, there in known.items() if there and kind in ("", one)]
    if len(chosen) == 1:
        return Target(chosen[0], name, given if all(known.values()) else name)
    if chosen:
        raise SettingsError(
            f"{project.file.name} has both a corpus and a dataset {name!r}", f"Write corpus:{name} or dataset:{name}."
        )
    all_names = [*corpora, *datasets]
    near = get_close_matches(name, all_names, n=1)
    what = kind if kind in known else "corpus or dataset"
    raise SettingsError(
        f"{project.file.name} has no {what} {name!r}; it has: {', '.join(all_names) or 'none'}",
        f"Did you mean {near[0]}?" if near else f"Add it under corpora: or datasets: in {project.file.name}.",
    )


def corpus_fingerprint(run: RefreshRun) -> str:
    """16 hexadecimal digits over what shapes the passages of a corpus: parsers, limits, rules, chunking, model."""
    from freshet.tasks.documents.parse.fingerprint import parser_fingerprint
    from freshet.tasks.documents.parse.kinds import SUFFIXES

    parsing, names = run.settings.parsing, ("document", *(f"document.{one}" for one in SUFFIXES))
    parsers = sorted({parser_fingerprint(name, comments=parsing.comments) for name in names})
    return _digest([parsers, parsing.limits(), run.chunking, run.model.space])


def dataset_fingerprint(run: BuildRun) -> str:
    """The same of what shapes a dataset's versions, but for what its inputs hold."""
    from freshet.tasks.datasets.assembly.digest import SERIALISATION, settings_of
    from freshet.tasks.datasets.versions.fingerprint import METHOD

    return _digest([METHOD, SERIALISATION, settings_of(run.settings)])


def _digest(shaping: list[object]) -> str:
    return sha256(json.dumps(shaping, sort_keys=True).encode()).hexdigest()[:16]
