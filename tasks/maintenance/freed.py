"""What maintenance freed, or would free, counted."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal[
    "elements",
    "quarantine",
    "table versions",
    "tables",
    "reports",
    "dataset versions",
    "leftovers",
    "compaction",
    "questions",
]
Outcome = Literal["done", "planned", "busy", "empty"]


@dataclass(frozen=True)
class Freed:
    """One kind of thing that went, or would go.

    Attributes:
        where: the table or folder, from the store's root on.
        count: how many: rows of elements, versions of a table, folders of reports, files that became fewer,
            questions of the query log.
        bytes: what that freed on the disk; of rows it is the size of their payload, and the disk has it back with the
            table's old versions.
    """

    kind: Kind
    where: str
    count: int
    bytes: int = 0


@dataclass
class Maintained:
    """What came of one corpus, one dataset, or the store's own tables.

    Attributes:
        outcome: `planned` for a dry run; `busy`: somebody held it, and nothing was done; `empty`: nothing is there yet.
        before, after: bytes of its folders, measured; equal for a dry run.
        release: number of the release that readers were moved to since its tables were compacted.
    """

    target: str
    outcome: Outcome = "done"
    freed: list[Freed] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    before: int = 0
    after: int = 0
    release: int | None = None

    def add(self, kind: Kind, where: str, count: int, size: int = 0) -> None:
        """Adds what was freed, unless that is nothing."""
        if count or size:
            self.freed.append(Freed(kind, where, count, size))

    def as_dict(self) -> dict[str, Any]:
        """Returns the fields as JSON-able values."""
        return asdict(self)


@dataclass(frozen=True)
class Task:
    """How maintenance is to go about it.

    Attributes:
        dry_run: only say what would be freed.
        expire_live: also remove a live dataset version whose retention has passed.
    """

    dry_run: bool = False
    expire_live: bool = False
