"""What a check says of one item."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from freshet.expectations.rules import RULES, Severity
from freshet.tasks.settings.addresses import escaped


@dataclass(frozen=True)
class Verdict:
    """One finding about one document, chunk or example.

    `evidence` names kinds, places and sizes. It never quotes a document: verdicts are shown to people
    who may not read it.
    """

    code: str
    severity: Severity
    evidence: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Returns the verdict as the ledger keeps it."""
        return asdict(self)


def verdict(code: str, **evidence: Any) -> Verdict:
    """A verdict under a rule of the rule book, with that rule's default severity."""
    return Verdict(code=code, severity=RULES[code].severity, evidence=evidence)


def describe(finding: Verdict) -> str:
    """A finding as one line: its code, the reason in plain words, the evidence, in which names may stand."""
    evidence = ", ".join(f"{name}: {value}" for name, value in finding.evidence.items())
    return escaped(f"{finding.code}: {RULES[finding.code].why}" + (f" ({evidence})" if evidence else ""))


def with_advice(reason: str) -> str:
    """A reason of the gate, which begins with its rule's code, and what that rule says to do about it."""
    rule = RULES.get(reason.replace(":", " ").split(" ", 1)[0])
    return f"{reason} What to do: {rule.mend}" if rule else reason
