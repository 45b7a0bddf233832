"""Versions as of a moment in the past: what was there by then, and what number such a version gets.

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
    """When a file was last modified; None where its file system does not tell."""
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
    """The files that were as they are by a moment, and what a person should know of the choice.

    A file whose file system does not tell when it was modified is taken.

    Raises:
        SourceError: none of them was.
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
    """The number of one more version that speaks for a day in the past.

    Args:
        versions: every decision on the dataset: no number is given twice, and that of an expired version neither.
    """
    day = f"{as_of.astimezone(UTC):%Y%m%d}"
    given = (one.version for one in versions if one.outcome == "published")
    taken = [sort_key(number)[2] for number in given if number.startswith(f"0.{day}.")]
    return f"0.{day}.{max(taken, default=-1) + 1}"


def version_before(published: Sequence[Version], as_of: datetime) -> Version | None:
    """The newest of the versions that speak for no later moment."""
    earlier = (one for one in published if one.as_of <= as_of)
    return max(earlier, key=lambda one: (one.as_of, sort_key(one.version)), default=None)
