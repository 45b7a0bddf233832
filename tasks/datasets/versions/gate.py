"""What a whole version is held to before it is published: its size, balance and splits, and how much it changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from freshet.tasks.datasets.split import SPLITS
from freshet.tasks.rules.verdicts import Verdict, verdict

if TYPE_CHECKING:
    from freshet.expectations.rule import Rule
    from freshet.tasks.ledger.versions import VersionFacts
    from freshet.tasks.settings.datasets import Dataset, DatasetGate

FEW = 50
"""With fewer pairs nobody can say whether the longer answer is preferred."""


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
    """Yields what speaks against publishing a version, with the severities of the dataset's own rules.

    Args:
        rules: the rules that the dataset has not switched off, by code.
        before: the number of rows of the version before; 0 for the first version.
        lost_files: files that the version before has rows of, and that cannot be read at all now.
        is_torn: whether some group lies in more than one split.
        longer_chosen: in how many of the pairs the chosen answer is the longer one.
        pairs: the number of pairs of answers that differ in length.
    """
    found = (
        *_size(facts, dataset.gate),
        *_lost(lost_files),
        *_change(facts, dataset.gate, before),
        *_balance(facts, dataset.gate),
        *_shares(facts, dataset),
        *_openai(facts, dataset, rules),
        *_torn(is_torn),
        *_length_bias(rules, longer_chosen, pairs),
    )
    for one in found:
        if one.code in rules:
            yield replace(one, severity=rules[one.code].severity)


def _size(facts: VersionFacts, gate: DatasetGate) -> Iterator[Verdict]:
    kept, read = facts.rows["kept"], facts.rows["read"]
    if kept < gate.min_rows:
        yield verdict("VERSION-ROWS", kept=kept, wanted=gate.min_rows)
    if read and kept < gate.min_kept * read:
        yield verdict("VERSION-KEPT", kept=kept, read=read, wanted=gate.min_kept)


def _lost(files: Sequence[str]) -> Iterator[Verdict]:
    if files:
        yield verdict("VERSION-FILE", files=list(files))


def _change(facts: VersionFacts, gate: DatasetGate, before: int) -> Iterator[Verdict]:
    gone = facts.change.get("removed", 0) + facts.change.get("edited", 0)
    if before and gone > gate.max_change * before:
        yield verdict("VERSION-CHANGE", gone=gone, before=before, allowed=gate.max_change)


def _balance(facts: VersionFacts, gate: DatasetGate) -> Iterator[Verdict]:
    """Yields a verdict for each class, and for each input, that has too large a share of the rows."""
    kept = facts.rows["kept"]
    classes = {name: sum(by_split.values()) for name, by_split in facts.classes.items()}
    for name, rows in _too_large(classes, gate.max_class):
        yield verdict("VERSION-CLASS", label=name, rows=rows, kept=kept, allowed=gate.max_class)
    inputs: dict[str, int] = {}
    for source in facts.sources:
        inputs[source["input"]] = inputs.get(source["input"], 0) + source["rows_kept"]
    for name, rows in _too_large(inputs, gate.max_source):
        yield verdict("VERSION-SOURCE", input=name, rows=rows, kept=kept, allowed=gate.max_source)


def _too_large(rows: Mapping[str, int], allowed: float) -> Iterator[tuple[str, int]]:
    whole = sum(rows.values())
    return ((name, count) for name, count in sorted(rows.items()) if count > allowed * whole)


def _shares(facts: VersionFacts, dataset: Dataset) -> Iterator[Verdict]:
    found = {split: facts.splits.get(split, {}).get("share", 0.0) for split in SPLITS}
    wanted = {split: getattr(dataset.split, split) for split in SPLITS}
    off = {
        split: {"wanted": wanted[split], "is": round(found[split], 4)}
        for split in SPLITS
        if abs(found[split] - wanted[split]) > dataset.split.tolerance
    }
    if facts.rows["kept"] and off:
        groups = sum(one.get("groups", 0) for one in facts.splits.values())
        yield verdict("VERSION-SPLIT", sides=off, groups=groups)


def _openai(facts: VersionFacts, dataset: Dataset, rules: Mapping[str, Rule]) -> Iterator[Verdict]:
    """Yields a verdict where there are fewer training rows than OpenAI's fine-tuning asks for."""
    least = rules["VERSION-OPENAI"].threshold if "VERSION-OPENAI" in rules else None
    trained = facts.splits.get("train", {}).get("rows", 0)
    if least is not None and "openai" in dataset.export and trained < least:
        yield verdict("VERSION-OPENAI", rows=trained, asked_for=int(least))


def _torn(is_torn: bool) -> Iterator[Verdict]:
    if is_torn:
        yield verdict("VERSION-GROUP")


def _length_bias(rules: Mapping[str, Rule], longer_chosen: int, pairs: int) -> Iterator[Verdict]:
    """Yields a verdict where the longer answer is chosen nearly always, or nearly never."""
    bias = rules["VERSION-LENGTH-BIAS"].threshold if "VERSION-LENGTH-BIAS" in rules else None
    if bias is not None and pairs >= FEW and not 1 - bias <= longer_chosen / pairs <= bias:
        yield verdict("VERSION-LENGTH-BIAS", longer=longer_chosen, pairs=pairs)
