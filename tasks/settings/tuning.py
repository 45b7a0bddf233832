"""Whether a corpus may tune a rule so."""

from __future__ import annotations

from freshet.expectations.fixed_rules import TunedSeverity, bounds, choices
from freshet.expectations.rules import Rule

Fault = tuple[str, str, str]
"""The key that is wrong ('' for all of it), what is wrong with it, and what to write."""


def tuning_faults(rule: Rule, severity: TunedSeverity | None, threshold: float | None) -> list[Fault]:
    """What is wrong with a severity and a threshold that a corpus gives a rule; None is not given."""
    faults: list[Fault] = []
    if severity is None and threshold is None:
        faults.append(("", f"{rule.code} is tuned, and neither its severity nor its threshold is given", _write(rule)))
    allowed, reason = choices(rule)
    if severity is not None and severity not in allowed:
        mend = f"write {' or '.join(allowed)}" if len(allowed) > 1 else f"remove the line; it stays {allowed[0]}"
        faults.append(("severity", f"the severity of {rule.code} cannot be {severity}: {reason}", mend))
    span = bounds(rule)
    if threshold is not None and span is None:
        faults.append(("threshold", f"{rule.code} has no threshold", "remove the line"))
    elif threshold is not None and span is not None and not span[0] <= threshold <= span[1]:
        what = f"{threshold:g} is no threshold of {rule.code}"
        faults.append(("threshold", what, f"write a number from {span[0]:g} to {span[1]:.15g}"))
    return faults


def _write(rule: Rule) -> str:
    span = bounds(rule)
    return "write severity: …" + (", threshold: …, or both" if span else "") + ", or remove the line"
