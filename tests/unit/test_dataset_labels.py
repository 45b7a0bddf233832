"""Wrong classes, found by a model that did not see the row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from freshet.tasks.datasets.checks.labels import Suspects, find_suspects

CLASSES = ("red", "green", "blue", "grey")
Embed = Callable[[Sequence[str]], NDArray[np.float32]]


def table(texts: Sequence[str], labels: Sequence[str | None]) -> pa.Table:
    digests = [sha256(f"{text}\n{label}".encode()).hexdigest() for text, label in zip(texts, labels, strict=True)]
    columns = {"row": range(len(texts)), "digest": digests, "prompt": texts, "label": labels}
    return pa.table({name: list(values) for name, values in columns.items()}, schema=_SCHEMA)


_SCHEMA = pa.schema([("row", pa.int64()), ("digest", pa.string()), ("prompt", pa.string()), ("label", pa.string())])


def colours(texts: Sequence[str]) -> NDArray[np.float32]:
    """Vectors of texts like `red 17`: near their colour's own direction, and nowhere twice."""
    vectors = np.zeros((len(texts), 8), dtype=np.float32)
    for vector, text in zip(vectors, texts, strict=True):
        colour = text.split()[0]
        vector[:] = np.random.default_rng(list(text.encode())).normal(0, 0.15, 8)
        vector[CLASSES.index(colour)] += 1
        vector[:] = vector / np.linalg.norm(vector)
    return vectors


def some(each: int = 30) -> tuple[list[str], list[str | None]]:
    texts = [f"{colour} {number}" for colour in CLASSES for number in range(each)]
    return texts, [text.split()[0] for text in texts]


def found_in(suspects: Suspects) -> list[int]:
    return [row for row, _ in suspects.verdicts]


def test_wrong_classes_come_first_and_the_verdict_names_the_plausible_one() -> None:
    texts, labels = some()
    labels[3], labels[40], labels[100] = "blue", "red", "green"
    suspects = find_suspects([table(texts, labels)], colours, folds=5, suspects=0.05)
    assert sorted(found_in(suspects)[:3]) == [3, 40, 100]
    assert len(suspects.verdicts) == 6  # 5 % of 120
    row, first = suspects.verdicts[0]
    assert first.code == "LABEL-SUSPECT"
    assert first.evidence["given"] == labels[row]
    assert first.evidence["plausible"] == texts[row].split()[0]
    assert [one.evidence["rank"] for _, one in suspects.verdicts] == [1, 2, 3, 4, 5, 6]
    confidences = [one.evidence["confidence"] for _, one in suspects.verdicts]
    assert confidences == sorted(confidences)
    assert suspects.confidences[row] == confidences[0]


def test_every_judged_row_has_a_confidence_in_the_order_of_the_rows() -> None:
    texts, labels = some()
    suspects = find_suspects([table(texts, labels)], colours, folds=5, suspects=0)
    assert suspects.verdicts == []
    assert suspects.rows.tolist() == list(range(120))
    assert suspects.confidences.shape == (120,)
    assert 0.5 < suspects.confidences.min() <= suspects.confidences.max() <= 1


def test_the_result_depends_on_neither_order_nor_batches_nor_threads() -> None:
    texts, labels = some()
    labels[3], labels[40] = "blue", "red"
    rows = table(texts, labels)
    usual = find_suspects([rows], colours, folds=5, suspects=0.1)
    mixed = rows.take(np.random.default_rng(0).permutation(len(texts)))
    batches = [mixed.slice(start, 7) for start in range(0, len(texts), 7)]
    with threadpool_limits(limits=1):
        again = find_suspects(batches, colours, folds=5, suspects=0.1)
    assert again.verdicts == usual.verdicts
    assert np.array_equal(again.rows, usual.rows)
    assert np.array_equal(again.confidences, usual.confidences)


def test_exact_copies_are_judged_as_one_and_vouch_for_nobody() -> None:
    texts, labels = some()
    labels[3] = "blue"
    copies = find_suspects([table([*texts, *[texts[3]] * 9], [*labels, *["blue"] * 9])], colours, 5, 10 / 129)
    assert sorted(found_in(copies)) == [3, *range(120, 129)]
    assert len({one.evidence["confidence"] for _, one in copies.verdicts}) == 1
    assert copies.rows.tolist() == list(range(129))


def test_rows_without_a_class_and_of_rare_classes_are_counted_and_not_judged() -> None:
    texts, labels = some()
    labels[0] = None
    labels[1:5] = ["odd"] * 4
    suspects = find_suspects([table(texts, labels)], colours, folds=5, suspects=1)
    assert (suspects.unlabelled, suspects.rare) == (1, 4)
    assert suspects.rows.tolist() == list(range(5, 120))
    assert sorted(found_in(suspects)) == list(range(5, 120))


@pytest.mark.parametrize("labels", [["red"] * 20, [None] * 20, [f"{n}" for n in range(20)], []])
def test_nothing_is_judged_where_there_is_nothing_to_tell_apart(labels: list[str | None]) -> None:
    suspects = find_suspects([table([f"red {n}" for n in range(len(labels))], labels)], colours, 5, 0.5)
    assert suspects.verdicts == []
    assert suspects.rows.tolist() == suspects.confidences.tolist() == []
    assert suspects.unlabelled + suspects.rare == len(labels)


def test_a_class_that_is_wrong_throughout_still_teaches() -> None:
    texts, labels = some()
    labels[:20] = ["purple"] * 20  # all of them red, as ten others are
    suspects = find_suspects([table(texts, labels)], colours, folds=5, suspects=0.1)
    assert {texts[row].split()[0] for row in found_in(suspects)} == {"red"}
    assert suspects.confidences[:20].max() > 0.1
