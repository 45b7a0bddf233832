"""The events of a question: lines of a spool file, and rows of the table `query_log`. Pure."""

from __future__ import annotations

import json
import math
import os
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, Field, ValidationError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

LOG = "ledger/query_log"
"""What the table is called within the store."""

_ID = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
Id = Annotated[str, Field(pattern=f"^{_ID}$")]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Number = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True)
class Asked:
    """A question was asked.

    Attributes:
        asker: keyed hash of the principals asked as; '' for everyone, None where there was no key.
        question: its text, as far as the settings let it be kept.
        question_hash: keyed hash of the question's words, whatever their case and marks; None where there was no key.
        key_id: of the key of both hashes.
        mode: by what it was asked: `ask` is the command.
    """

    id: Id
    corpus: str
    asked_at: AwareDatetime
    asker: str | None
    question: str | None
    question_hash: str | None
    key_id: str | None
    model: str
    mode: str
    release: Count


@dataclass(frozen=True)
class Ended:
    """A question was answered or refused.

    Attributes:
        reason: code of a refusal.
        findings: sentences by the code that was found in them, those that were withheld included.
        sentences: how many may be read.
        support: that of the sentence with the least.
        cited: ids of the documents that the answer cites.
        best_score, floor: what the best passage came up to, and what it had to.
        prompt: its fingerprint.
    """

    id: Id
    corpus: str
    ended_at: AwareDatetime
    outcome: str
    reason: str | None
    findings: dict[str, Count]
    sentences: Count
    support: Number | None
    cited: tuple[str, ...]
    passages: Count
    left_out: Count
    best_score: Number | None
    floor: Number | None
    seconds: Number
    prompt: str | None
    prompt_tokens: Count | None
    completion_tokens: Count | None


@dataclass(frozen=True)
class Feedback:
    """Somebody said whether an answer helped.

    Attributes:
        note: in his words, as far as the settings let them be kept.
    """

    id: Id
    given_at: AwareDatetime
    helpful: bool
    note: str | None


Event = Asked | Ended | Feedback

KINDS: dict[str, type[Event]] = {"asked": Asked, "ended": Ended, "feedback": Feedback}
"""By the name of the event."""

MOMENTS = {"asked": "asked_at", "ended": "ended_at", "feedback": "given_at"}
"""The attribute that says when an event happened; in the table it is `at`."""


def new_id(now: datetime) -> str:
    """An id that sorts by time, in milliseconds, and cannot be guessed: a UUID of version 7 (RFC 9562)."""
    bits = int.from_bytes(os.urandom(10), "big")
    return _uuid(now, bits >> 68, bits)


def first_id(moment: datetime) -> str:
    """No question that was asked at a moment, in milliseconds, or later has an id that sorts before this one."""
    return _uuid(moment, 0, 0)


def _uuid(moment: datetime, high: int, low: int) -> str:
    ms = max(0, math.floor(moment.timestamp() * 1000)) & (2**48 - 1)
    return str(UUID(int=ms << 80 | 7 << 76 | (high & 0xFFF) << 64 | 2 << 62 | (low & (2**62 - 1))))


def is_id(text: str) -> bool:
    """Whether a text has the form of a question's id."""
    return re.fullmatch(_ID, text) is not None


def line_of(event: Event) -> bytes:
    """The event as JSON in a line of its own, even after one that was cut short."""
    said = {"event": _name(event), **asdict(event)}
    return b"\n" + json.dumps(said, default=datetime.isoformat).encode("ascii") + b"\n"


def event_of(line: bytes) -> Event | None:
    """The event in a line; None where the line was cut short or altered."""
    try:
        said = json.loads(line)
        return _reader(said.pop("event")).validate_python(said)
    except (ValueError, ValidationError, KeyError, AttributeError, TypeError, RecursionError):
        return None


@lru_cache(maxsize=len(KINDS))
def _reader(name: str) -> TypeAdapter[Event]:
    from pydantic import TypeAdapter

    return TypeAdapter(KINDS[name])


def _name(event: Event) -> str:
    return next(name for name, kind in KINDS.items() if isinstance(event, kind))


def row_of(event: Event) -> dict[str, Any]:
    """The event as a row of the table."""
    name, row = _name(event), asdict(event)
    row |= {"event": name, "at": row.pop(MOMENTS[name]).astimezone(UTC)}
    if "findings" in row:
        row["findings"] = json.dumps(row["findings"], sort_keys=True)
    return row


def key_of(row: dict[str, Any]) -> tuple[Any, ...]:
    """What tells a row from all others, however often its event was written."""
    return row["id"], row["event"], row["at"]
