"""The sections of a dataset card about checks: which rules were applied, what they rejected, what was not checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from freshet.expectations.example_rules import EXAMPLE_RULES
from freshet.expectations.rules import RULES
from freshet.tasks.render.markdown import code, plain, table
from freshet.tasks.render.values import number

if TYPE_CHECKING:
    from freshet.expectations.rule import Rule
    from freshet.tasks.ledger.versions import VersionFacts
    from freshet.tasks.settings.datasets import Dataset

_OF_A_VERSION = ("VERSION-", "EXAMPLE-")
"""Beginnings of the codes of rules for whole versions."""

_HANDLED = {
    "reject": "rows with it were left out",
    "redact": "it was replaced by placeholders",
    "allow": "it was left in",
}


def checks_part(facts: VersionFacts, settings: Dataset, marked: Mapping[str, int]) -> Iterator[str]:
    """Yields the section on the rules that rows were held to, as the dataset has tuned them, with what each found.

    Args:
        marked: by code, the number of kept rows that a rule marks.
    """
    by_code = facts.rows["by_code"]
    applied = [rule for rule in EXAMPLE_RULES if _concerns(rule.code, facts, settings)]
    off = [rule.code for rule in applied if _severity(rule, settings) == "off"]
    held = [rule for rule in applied if rule.code not in off]
    hit = [rule for rule in held if by_code.get(rule.code) or marked.get(rule.code)]
    checks = settings.checks
    yield (
        f"Every row was held to {len(held)} rules. `block` keeps a row out, `warn` and `note` let it in with a "
        "mark. These found something:"
        if hit
        else f"Every row was held to {len(held)} rules, and none of them found anything."
    )
    if hit:
        rows = [_line(rule, settings, by_code, marked) for rule in hit]
        yield table(["rule", "severity", "threshold", "what it says", "rows left out", "rows marked"], rows)
    rest = [rule for rule in held if rule not in hit]
    if rest:
        listed = [_line(rule, settings, by_code, marked)[:4] for rule in rest]
        silent = table(["rule", "severity", "threshold", "what it would say"], listed)
        yield f"<details><summary>{len(rest)} rules that found nothing</summary>\n\n{silent}\n\n</details>"
    yield "\n".join(
        [
            f"- Near duplicates: a true Jaccard similarity of word 5-grams of at least {checks.near_duplicates:g}; "
            "one row of each cluster is kept, and no chain of pairs joins rows that are not alike themselves.",
            f"- Personal data: {_HANDLED[checks.personal_data]}. Secrets: {_HANDLED[checks.secrets]}.",
            _benchmarks(settings),
            f"- Length: in tokens of the tokenizer {plain(checks.tokens.tokenizer)}, of which training takes "
            f"{number(checks.tokens.max_tokens)}.",
            *([f"- Switched off for this dataset: {', '.join(f'`{code}`' for code in off)}."] if off else []),
        ]
    )


def _benchmarks(settings: Dataset) -> str:
    named = settings.checks.decontaminate
    if not named:
        return "- Benchmarks: none was declared, so that rows were compared with none."
    return f"- Benchmarks that no row may repeat: {', '.join(plain(one) for one in named)}."


def _concerns(code: str, facts: VersionFacts, settings: Dataset) -> bool:
    """Returns whether rows of this dataset can break the rule at all."""
    if code.startswith(_OF_A_VERSION):
        return False
    if code.startswith("PAIR-"):
        return facts.format == "preference"
    if code == "CONFLICT-LABEL":
        return bool(facts.classes)
    if code == "LABEL-SUSPECT":
        return settings.checks.labels is not None
    if code.startswith("LEAK-BENCHMARK"):
        return bool(settings.checks.decontaminate)
    return True


def _severity(rule: Rule, settings: Dataset) -> str:
    tuned = settings.rules.get(rule.code)
    return tuned.severity if tuned and tuned.severity else rule.severity


def _line(rule: Rule, settings: Dataset, by_code: Mapping[str, int], marked: Mapping[str, int]) -> list[object]:
    tuned = settings.rules.get(rule.code)
    threshold = tuned.threshold if tuned and tuned.threshold is not None else rule.threshold
    return [
        code(rule.code),
        _severity(rule, settings),
        "" if threshold is None else f"{threshold:.15g}",
        rule.why,
        by_code.get(rule.code, 0),
        marked.get(rule.code, 0),
    ]


def left_out_part(facts: VersionFacts) -> Iterator[str]:
    """Yields the section on the rows that are not in the version, by the rule that rejects them."""
    by_code = facts.rows["by_code"]
    if not facts.rows["rejected"]:
        yield "Nothing was left out."
        return
    ranked = sorted(by_code.items(), key=lambda one: (-one[1], one[0]))
    yield table(
        ["rule", "rows", "why", "what can be done"],
        [[code(name), count, RULES[name].why, RULES[name].mend] for name, count in ranked],
    )
    more = " A row that several rules keep out is counted by each." if sum(by_code.values()) > facts.rows["rejected"] \
        else ""  # fmt: skip
    yield f"{number(facts.rows['rejected'])} rows in all.{more}"


def limits_part(facts: VersionFacts, settings: Dataset, unchecked: Mapping[str, int]) -> Iterator[str]:
    """Yields the section on what was not checked, and on what the checks cannot see.

    Args:
        unchecked: `Measured.unchecked`.
    """
    checks = settings.checks
    lines = [f"{number(count)} {plain(what)}." for what, count in sorted(unchecked.items()) if count]
    lines += [
        "Whether an answer is true was not checked, beyond the rules above.",
        "Personal data and secrets are recognised by patterns and check digits; names of persons are not.",
        "Rows of fewer than five words have no 5-gram: they were compared as a whole, not for being nearly alike.",
    ]
    if not checks.decontaminate:
        lines.append("Rows were compared with no benchmark, since none was declared.")
    if checks.labels is None and facts.classes:
        lines.append("Labels were not looked at for mistakes; only the same text with different labels was.")
    if checks.personal_data == "allow":
        lines.append("Rows may hold personal data.")
    off = sorted(code for code, tuned in settings.rules.items() if tuned.severity == "off")
    if off:
        lines.append(f"Nobody looked for what these rules say, which are switched off: {', '.join(off)}.")
    yield "\n".join(f"- {line}" for line in lines)
