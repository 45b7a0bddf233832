"""What a whole version is held to before it is published: its size, its balance, its sides, and how much it changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from freshet.tasks.rules.verdicts import Verdict, verdict

if TYPE_CHECKING:
    from freshet.expectations.rule import Rule
    from freshet.tasks.ledger.versions import VersionFacts
    from freshet.tasks.settings.datasets import Dataset

FEW = 50
"""Of fewer pairs nobody can say that the longer answer is preferred."""


def judge_version(
    facts: VersionFacts,
    dataset: Dataset,
    rules: Mapping[str, Rule],
    *,
    before: int,
    lost_files: Sequence[str],
    is_torn: bool,
    longer_chosen: int,
    pairs: int,
) -> Iterator[Verdict]:
    """What speaks against publishing a version, by the dataset's own rules.

    Args:
        rules: those that the dataset has not switched off.
        before: rows of the version before; 0 for the first.
        lost_files: files that the version before has rows of, and that cannot be read at all now.
        is_torn: whether some group is on more than one side.
        longer_chosen, pairs: pairs of answers that differ in length, and how often the chosen one is the longer.
    """
    for found in _all(facts, dataset, rules, before, lost_files, is_torn, longer_chosen, pairs):
        if found.code in rules:
            yield Verdict(found.code, rules[found.code].severity, found.evidence)


def _all(
    facts: VersionFacts,
    dataset: Dataset,
    rules: Mapping[str, Rule],
    before: int,
    lost_files: Sequence[str],
    is_torn: bool,
    longer_chosen: int,
    pairs: int,
) -> Iterator[Verdict]:
    gate, kept, read = dataset.gate, facts.rows["kept"], facts.rows["read"]
    if kept < gate.min_rows:
        yield verdict("VERSION-ROWS", kept=kept, wanted=gate.min_rows)
    if read and kept < gate.min_kept * read:
        yield verdict("VERSION-KEPT", kept=kept, read=read, wanted=gate.min_kept)
    if lost_files:
        yield verdict("VERSION-FILE", files=list(lost_files))
    gone = facts.change.get("removed", 0) + facts.change.get("edited", 0)
    if before and gone > gate.max_change * before:
        yield verdict("VERSION-CHANGE", gone=gone, before=before, allowed=gate.max_change)
    for name, rows in _too_large({one: sum(sides.values()) for one, sides in facts.classes.items()}, gate.max_class):
        yield verdict("VERSION-CLASS", label=name, rows=rows, kept=kept, allowed=gate.max_class)
    sources: dict[str, int] = {}
    for source in facts.sources:
        sources[source["input"]] = sources.get(source["input"], 0) + source["rows_kept"]
    for name, rows in _too_large(sources, gate.max_source):
        yield verdict("VERSION-SOURCE", input=name, rows=rows, kept=kept, allowed=gate.max_source)
    yield from _shares(facts, dataset)
    least = rules["VERSION-OPENAI"].threshold if "VERSION-OPENAI" in rules else None
    trained = facts.splits.get("train", {}).get("rows", 0)
    if least is not None and "openai" in dataset.export and trained < least:
        yield verdict("VERSION-OPENAI", rows=trained, asked_for=int(least))
    if is_torn:
        yield verdict("VERSION-GROUP")
    bias = rules["VERSION-LENGTH-BIAS"].threshold if "VERSION-LENGTH-BIAS" in rules else None
    if bias is not None and pairs >= FEW and not 1 - bias <= longer_chosen / pairs <= bias:
        yield verdict("VERSION-LENGTH-BIAS", longer=longer_chosen, pairs=pairs)


def _too_large(rows: Mapping[str, int], allowed: float) -> Iterator[tuple[str, int]]:
    whole = sum(rows.values())
    return ((name, count) for name, count in sorted(rows.items()) if count > allowed * whole)


def _shares(facts: VersionFacts, dataset: Dataset) -> Iterator[Verdict]:
    wanted: dict[str, Any] = {side: getattr(dataset.split, side) for side in ("train", "validation", "test")}
    off = {
        side: {"wanted": share, "is": round(facts.splits.get(side, {}).get("share", 0.0), 4)}
        for side, share in wanted.items()
        if abs(facts.splits.get(side, {}).get("share", 0.0) - share) > dataset.split.tolerance
    }
    if facts.rows["kept"] and off:
        groups = sum(one.get("groups", 0) for one in facts.splits.values())
        yield verdict("VERSION-SPLIT", sides=off, groups=groups)
