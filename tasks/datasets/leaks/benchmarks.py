"""The texts that no row may repeat: those of benchmarks, and those of the dataset's own test and validation rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from freshet.tasks.datasets.inputs.read import read_rows
from freshet.tasks.datasets.inputs.rows import BadRow
from freshet.tasks.datasets.leaks.index import BenchmarkText
from freshet.tasks.datasets.split import SPLITS

if TYPE_CHECKING:
    from freshet.tasks.datasets.inputs.opening import InputFile
    from freshet.tasks.datasets.split import Splits
    from freshet.tasks.datasets.stage import Mask, Stage

_ASKED = ("prompt", "question", "instruction", "query", "problem", "text", "sentence")
"""Columns that hold what a benchmark asks; the first of them that a row has counts."""

_TURNS = ("messages", "conversations")
_MOST_LINE = 100_000_000
"""Bytes of the longest line that is read of a benchmark; benchmarks have no input whose settings could say so."""


def benchmark_texts(files: Sequence[InputFile], counts: dict[str, int]) -> Iterator[BenchmarkText]:
    """Yields what benchmarks ask, row by row.

    Only the question of a row counts: the column that is called prompt, question, instruction (with its input), query,
    problem, text or sentence. Of a conversation, what its users say counts; of any other row, all of its texts.

    Args:
        counts: takes `unread`, the number of rows that could not be read, or hold no text.
    """
    counts["unread"] = 0
    for file in files:
        for row in read_rows(file, _MOST_LINE, "squad" if _nests(file) else None):
            text = None if isinstance(row, BadRow) else _asked(row.value)
            if not text:
                counts["unread"] += 1
                continue
            yield BenchmarkText(file.uri, row.place, text, row.field)


def held_out_texts(stage: Stage, splits: Splits, mask: Mask) -> Iterator[BenchmarkText]:
    """Yields the prompts of the dataset's own test and validation rows; for a row without a prompt, its answer.

    Args:
        mask: rows for which the mask is False are left out.
    """
    train = SPLITS.index("train")
    held_out = mask & (splits.split != train)
    for batch in stage.batches(("row", "uri", "place", "field", "prompt", "answer"), held_out):
        for row in batch.to_pylist():
            split, text = SPLITS[splits.split[row["row"]]], row["prompt"] or row["answer"]
            yield BenchmarkText(row["uri"], row["place"], text, row["field"], split)


def _nests(file: InputFile) -> bool:
    """Returns whether a JSON file may have SQuAD's shape, in which questions lie two lists deep."""
    if file.kind != "json":
        return False
    first = next(iter(read_rows(file, _MOST_LINE, None)), None)
    return first is not None and not isinstance(first, BadRow) and "paragraphs" in first.value


def _asked(row: Mapping[str, Any]) -> str:
    for name in _ASKED:
        if isinstance(row.get(name), str) and row[name].strip():
            more = row.get("input") if name == "instruction" else None
            return f"{row[name]}\n{more}" if isinstance(more, str) and more.strip() else str(row[name])
    for name in _TURNS:
        if isinstance(row.get(name), list):
            return "\n".join(_said(turn) for turn in row[name] if isinstance(turn, dict))
    if isinstance(row.get("prompt"), list):
        return "\n".join(_said(turn) for turn in row["prompt"] if isinstance(turn, dict))
    return "\n".join(value for value in row.values() if isinstance(value, str))


def _said(turn: Mapping[str, Any]) -> str:
    role, text = turn.get("role", turn.get("from")), turn.get("content", turn.get("value"))
    return text if role in ("user", "human") and isinstance(text, str) else ""
