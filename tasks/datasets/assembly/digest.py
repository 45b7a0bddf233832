"""The digests of a version: two builds with equal digests are the same version."""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import sha256, shake_128
from typing import TYPE_CHECKING, Any

from freshet.tasks.settings.addresses import address_name

if TYPE_CHECKING:
    from freshet.tasks.settings.datasets import Dataset

SERIALISATION = 1
"""The number of the way in which Freshet writes exports: another way makes another version of the same rows."""

_BITS = 2048
"""Bits of the hash of one text; `MultisetHash` says why so many."""

_BESIDE_THE_VERSION = {"gate", "schedule"}
"""Settings that decide when a version is built and whether it is published, and leave no trace in the version."""


class MultisetHash:
    """A digest of texts in no order, where each text counts as often as it comes.

    The sum, modulo 2^2048, of a 2048-bit hash of each text. The order of rows follows the names of their files, and a
    renamed file should not look like other rows; sorting first would take memory that grows with them. A sum of mere
    256 bits could be forged (Wagner's generalised birthdays: some 2^32 steps); of 2048 bits it takes 2^90.
    """

    def __init__(self) -> None:
        """Starts with the digest of no text."""
        self._sum = 0

    def add(self, texts: Iterable[str]) -> None:
        """Adds texts; their order makes no difference."""
        for text in texts:
            self._sum += int.from_bytes(shake_128(text.encode("utf-8", "surrogatepass")).digest(_BITS // 8), "little")
        self._sum %= 1 << _BITS

    def hexdigest(self) -> str:
        """Returns 64 hexadecimal digits over the sum."""
        return sha256(self._sum.to_bytes(_BITS // 8, "little")).hexdigest()


def version_digest(rows_digest: str, record_digest: str, name: str, declared: Dataset) -> str:
    """Returns 64 hexadecimal digits; builds with equal ones are the same version, and the second is `unchanged`.

    The digest is over the rows and their splits, their record (origins, transforms, permissions, verdicts; the rejected
    rows with their codes), the dataset's name, and all of its settings but the gate and the schedule. A description or
    a time of retention stands on the dataset's card, so changing it makes a version, a patch. No clock and no version
    of a library comes in.

    Args:
        rows_digest: the digest over the kept rows and their splits (`Assembled.rows_digest`).
        record_digest: the digest over the record of all rows (`Assembled.record_digest`).
        name: the dataset's name.
        declared: the dataset's settings.
    """
    settings = settings_of(declared)
    shaping = {key: value for key, value in settings.items() if key not in _BESIDE_THE_VERSION}
    whole = [SERIALISATION, rows_digest, record_digest, name, shaping]
    return sha256(json.dumps(whole, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def settings_of(declared: Dataset) -> dict[str, Any]:
    """Returns the settings of a dataset as JSON has them, including those left at their defaults.

    The inputs are sorted by name, as rows are: the order in which they are written shapes nothing. The passwords of
    addresses are masked, since versions keep their settings and show them, and a new password makes no other version.
    """
    inputs = sorted(declared.inputs, key=lambda one: one.called)
    written: dict[str, Any] = declared.model_copy(update={"inputs": inputs}).model_dump(mode="json")
    for one in written["inputs"]:
        one["rows"] = address_name(one["rows"], queries=False)
    checks = written["checks"]
    checks["decontaminate"] = [address_name(one, queries=False) for one in checks["decontaminate"]]
    return written
