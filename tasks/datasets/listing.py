"""Which files a build reads: those of its inputs, and those of the benchmarks that no row may repeat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from freshet.tasks.datasets.inputs.opening import InputFile
from freshet.tasks.errors import SourceError

if TYPE_CHECKING:
    from freshet.tasks.runs.run import BuildRun
    from freshet.tasks.settings.datasets import RowsInput

LOOKS = ("judge", "check", "conflicts", "copies", "split", "settle", "gate", "publish")
"""What every build shows as a step of its own, besides the parts of its files."""

PART_FILES = 256
"""Files that one task loads."""


@dataclass(frozen=True)
class Listed:
    """The files of a build, and what the build depends on.

    Attributes:
        files: the files of the inputs, in canonical order: by the input's name, then by uri.
        benchmarks: the files that no row may repeat.
        fingerprint: a digest that is equal for builds which must come to the same version (`build_fingerprint`).
        notes: what a person should know of the choice of files.
    """

    files: list[InputFile]
    benchmarks: list[InputFile]
    fingerprint: str
    notes: list[str] = field(default_factory=list)

    @property
    def identities(self) -> list[tuple[str, str, str]]:
        """The uri, the content hash and the name of the input of each file that rows come from."""
        return [(file.uri, file.version, file.input) for file in self.files]


def count_looks(run: BuildRun, listed: Listed) -> int:
    """Returns how many looks at all of its rows a build takes."""
    return len(LOOKS) + bool(listed.benchmarks) + (run.settings.checks.labels is not None)


def list_build(run: BuildRun) -> Listed:
    """Lists the files of the inputs and benchmarks, each with the hash of its content.

    A backdated build lists only files that have not changed since the moment that it speaks for.

    Raises:
        SourceError: an address names no files, or files that cannot be read.
    """
    from freshet.tasks.datasets.inputs.files import list_files
    from freshet.tasks.datasets.versions.fingerprint import build_fingerprint
    from freshet.tasks.datasets.versions.past import files_by

    inputs = sorted(run.settings.inputs, key=lambda one: one.called)
    files = [file for given in inputs for file in list_files(given, run.project.root)]
    benchmarks = [file for given in _benchmarks(run) for file in _list_benchmark(run, given)]
    notes: list[str] = []
    if run.past is not None:
        files, notes = files_by(files, run.past)
    return Listed(files, benchmarks, build_fingerprint(run, files, benchmarks), notes)


def _list_benchmark(run: BuildRun, given: RowsInput) -> list[InputFile]:
    from freshet.tasks.datasets.inputs.files import list_files

    try:
        return list_files(given, run.project.root)
    except SourceError as error:
        raise SourceError(
            f"checks.decontaminate of dataset {run.dataset}: {error.what}",
            f"Correct checks.decontaminate: {given.called}",
        ) from error


def _benchmarks(run: BuildRun) -> list[RowsInput]:
    """Returns the benchmarks as inputs. No row of theirs enters a version, so their owner and licence do not matter."""
    from freshet.tasks.settings.datasets import RowsInput

    addresses = sorted(set(run.settings.checks.decontaminate))
    return [RowsInput(rows=one, owner="benchmark", licence="benchmark", uses=["training"]) for one in addresses]


def parts_of(files: Sequence[InputFile]) -> list[list[InputFile]]:
    """Returns the files in parts, each of which one task loads."""
    return [list(files[start : start + PART_FILES]) for start in range(0, len(files), PART_FILES)]
