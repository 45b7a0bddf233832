"""What a rule is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["block", "warn", "note"]


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        code: the stable name.
        severity: `block` keeps the item out, `warn` lets it in with a mark, `note` only records.
        why: the reason, in plain words.
        mend: what its owner can do about it.
        threshold: the number it is judged by, in the unit that `why` names; None where there is none.
    """

    code: str
    severity: Severity
    why: str
    mend: str
    threshold: float | None = None
