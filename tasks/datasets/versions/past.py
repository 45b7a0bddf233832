"""Backdated versions, which speak for a moment in the past: which files count, and what number the version gets.

A version that speaks for a moment before the live version's never becomes live: it is numbered 0.<YYYYMMDD>.<n>, below
every version that was ever live, and is otherwise a version like any other: found by its number, exported, immutable.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from freshet.tasks.datasets.inputs.opening import InputFile, connected, is_url
from freshet.tasks.errors import SourceError
from freshet.tasks.ledger.versions import sort_key

if TYPE_CHECKING:
    from freshet.tasks.ledger.versions import Version


def modified_at(file: InputFile) -> datetime | None:
    """Returns when a file was last modified; None where its file system does not say."""
    if not is_url(file.address):
        try:
            return datetime.fromtimestamp(Path(file.address).stat().st_mtime, UTC)
        except OSError:
            return None
    fs, path = connected(file.input, file.uri, file.address)
    try:
        moment = fs.modified(path)
    except Exception:  # file systems are plug-ins, raise anything, and many know no such thing
        return None
    if not isinstance(moment, datetime):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def files_by(files: Sequence[InputFile], moment: datetime) -> tuple[list[InputFile], list[str]]:
    """Returns the files that have not changed since a moment, and notes that tell a person which files were left out.

    A file whose file system does not say when the file was modified is taken.

    Raises:
        SourceError: every file has changed since.
    """
    moments = [(file, modified_at(file)) for file in files]
    kept = [file for file, changed in moments if changed is None or changed <= moment]
    if files and not kept:
        first = min(changed for _, changed in moments if changed is not None)
        raise SourceError(
            f"no input file is from before {moment:%Y-%m-%d %H:%M} UTC; the first was modified at "
            f"{first:%Y-%m-%d %H:%M:%S} UTC",
            "Speak for a later moment. A fresh copy or clone dates its files at the moment of copying.",
        )
    unknown = sum(changed is None for _, changed in moments)
    notes = []
    if len(kept) < len(files):
        notes.append(
            f"{len(files) - len(kept)} of {len(files)} files were modified after {moment:%Y-%m-%d %H:%M} UTC and are "
            "left out; what they held before is not known"
        )
    if unknown:
        notes.append(f"of {unknown} of {len(files)} files nobody can tell when they were modified; they are taken")
    return kept, notes


def past_number(versions: Sequence[Version], as_of: datetime) -> str:
    """Returns the number of one more version that speaks for a day in the past.

    Args:
        versions: every decision on the dataset, since no number is given twice, not even that of an expired version.
    """
    day = f"{as_of.astimezone(UTC):%Y%m%d}"
    given = (one.version for one in versions if one.outcome == "published")
    taken = [sort_key(number)[2] for number in given if number.startswith(f"0.{day}.")]
    return f"0.{day}.{max(taken, default=-1) + 1}"


def version_before(published: Sequence[Version], as_of: datetime) -> Version | None:
    """Returns the version that speaks for the latest moment not after `as_of`; None where there is none."""
    earlier = (one for one in published if one.as_of <= as_of)
    return max(earlier, key=lambda one: (one.as_of, sort_key(one.version)), default=None)
