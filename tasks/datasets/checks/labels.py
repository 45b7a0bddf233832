"""Finds classes that are probably wrong, by out-of-fold confident learning on sentence embeddings.

Every row is judged by a classifier that never saw the row. The probability that the classifier gives to the row's own
class is the row's self-confidence, and the least confident rows are the suspects. There are two passes: rows that the
first pass finds implausible do not teach in the second, so that wrong labels of one kind do not vouch for each other.
The library `cleanlab` computes the self-confidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.datasets.stage import RowVerdict
from freshet.tasks.rules.verdicts import Verdict, verdict

if TYPE_CHECKING:
    import pyarrow as pa

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Returns a vector of unit length for each text. Shape (len(texts), dimension)."""

COLUMNS = ("row", "digest", "prompt", "label")
"""The columns of staged rows that are read."""

_STRENGTH = (5.0, 10.0)
"""The inverse regularisation of the classifiers, by pass. This and the next constants were chosen on banking77 with
labels flipped on purpose; `tests/public_data/test_dataset_labels_flipped.py` says what they find.
"""

_TOLERANCE = (1e-3, 1e-4)
"""The tolerance of the classifiers, by pass; the first pass only says which rows may teach, and need not be exact."""

_MOST_TEACHERS = 100_000
"""Rows that teach one classifier at most: more make it slower, and hardly better."""

_AT_ONCE = 10_000
"""Rows that a classifier judges at a time."""

_IMPLAUSIBLE = 0.2
"""The self-confidence up to which a row that another class fits better does not teach in the second pass."""

_DECIMALS = 6
"""Decimals of a self-confidence; further ones differ from machine to machine."""


@dataclass(frozen=True)
class Suspects:
    """What was found about the classes of rows.

    Attributes:
        verdicts: verdicts LABEL-SUSPECT, the least plausible row first.
        rows: the numbers of the judged rows, ascending. Shape (judged,).
        confidences: the self-confidence of each judged row, from 0 to 1. Shape (judged,).
        unlabelled: the number of rows without a class.
        rare: the number of rows that were not judged, since their class has fewer rows than there are folds.
    """

    verdicts: list[RowVerdict]
    rows: NDArray[np.int64]
    confidences: NDArray[np.float64]
    unlabelled: int = 0
    rare: int = 0


@dataclass(frozen=True)
class _Examples:
    """The distinct labelled examples, sorted by digest.

    Attributes:
        digests: the digest of each example.
        texts: the prompt of each example.
        labels: the class of each example.
        rows: the numbers of the rows that hold each example.
    """

    digests: list[str]
    texts: list[str]
    labels: list[str]
    rows: list[list[int]]


def find_suspects(batches: Iterable[pa.Table], embed: Embed, folds: int, suspects: float) -> Suspects:
    """Finds the rows whose class is the least plausible.

    The result depends on the set of rows and on the vectors alone: not on order or batches of the rows, nor on the
    number of threads. Memory grows with the labelled rows: a text, a vector, and 16 bytes a class for each.

    Args:
        batches: staged rows with COLUMNS; rows with one digest are judged as one.
        embed: returns the vectors of texts.
        folds: the number of folds; the fold of a row is a function of the digests of its class.
        suspects: the share of the judged rows that are marked.
    """
    examples, unlabelled = _collect(batches)
    classes = sorted(set(examples.labels))
    number_of = {name: number for number, name in enumerate(classes)}
    codes = np.array([number_of[label] for label in examples.labels], dtype=np.int64)
    judged = np.flatnonzero(np.bincount(codes, minlength=1)[codes] >= folds)
    weights = np.array([len(rows) for rows in examples.rows], dtype=np.int64)
    rare = int(weights.sum() - weights[judged].sum())
    if len(np.unique(codes[judged])) < 2:  # nothing to tell apart
        return Suspects([], np.zeros(0, np.int64), np.zeros(0), unlabelled, int(weights.sum()))
    vectors = embed([examples.texts[one] for one in judged])
    names, own = np.unique(codes[judged], return_inverse=True)
    probabilities = out_of_fold(vectors, own, folds)
    confidences = _self_confidence(own, probabilities)
    other = probabilities.copy()
    other[np.arange(len(own)), own] = -1
    plausible = names[other.argmax(axis=1)]
    order = sorted(range(len(own)), key=lambda i: (confidences[i], examples.digests[judged[i]]))
    ranked = ((i, row) for i in order for row in sorted(examples.rows[judged[i]]))
    wanted = int(suspects * weights[judged].sum())
    verdicts = [
        (row, _verdict(examples.labels[judged[i]], classes[plausible[i]], float(confidences[i]), rank))
        for rank, (i, row) in enumerate(islice(ranked, wanted), 1)
    ]
    rows = np.array([row for i in judged for row in examples.rows[i]], dtype=np.int64)
    spread = np.repeat(confidences, weights[judged])
    by_row = np.argsort(rows)
    return Suspects(verdicts, rows[by_row], spread[by_row], unlabelled, rare)


def _verdict(given: str, plausible: str, confidence: float, rank: int) -> Verdict:
    return verdict("LABEL-SUSPECT", given=given, plausible=plausible, confidence=confidence, rank=rank)


def out_of_fold(vectors: NDArray[np.float32], labels: NDArray[np.int64], folds: int) -> NDArray[np.float64]:
    """Returns the probability of each class, given by classifiers that did not see the row. Shape (rows, classes).

    Args:
        vectors: the vectors of the rows. Shape (rows, dimension).
        labels: the class of each row, from 0, each class at least `folds` times. Shape (rows,). The rows of a class are
            dealt to the folds in the order given.
    """
    ranks = _ranks(labels, np.arange(len(labels)))
    fold = ranks % folds
    first = _predict(vectors, labels, fold, ranks, 0)
    # The better half of each class in each fold always teaches, so that no classifier lacks a class.
    own = first[np.arange(len(labels)), labels]
    part = labels * folds + fold
    better = 2 * _ranks(part, -own) < np.bincount(part)[part]
    implausible = (first.argmax(axis=1) != labels) & (own <= _IMPLAUSIBLE) & ~better
    return _predict(vectors, labels, np.where(implausible, fold - folds, fold), ranks, 1)


def _collect(batches: Iterable[pa.Table]) -> tuple[_Examples, int]:
    """Returns the distinct labelled examples, and the number of rows without a class."""
    seen: dict[str, tuple[str, str, list[int]]] = {}
    unlabelled = 0
    for batch in batches:
        for row, digest, text, label in zip(*(batch[name].to_pylist() for name in COLUMNS), strict=True):
            if label is None:
                unlabelled += 1
            else:
                seen.setdefault(digest, (text, label, []))[2].append(row)
    digests = sorted(seen)
    found = [seen[digest] for digest in digests]
    texts, labels = [text for text, _, _ in found], [label for _, label, _ in found]
    return _Examples(digests, texts, labels, [rows for _, _, rows in found]), unlabelled


def _ranks(labels: NDArray[np.int64], by: NDArray[Any]) -> NDArray[np.int64]:
    """Returns the rank of each row among the rows of its class, from 0, in ascending order of `by`."""
    order = np.lexsort((np.arange(len(labels)), by, labels))
    sizes = np.bincount(labels)
    ranks = np.empty(len(labels), dtype=np.int64)
    ranks[order] = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return ranks


def _predict(
    vectors: NDArray[np.float32],
    labels: NDArray[np.int64],
    fold: NDArray[np.int64],
    ranks: NDArray[np.int64],
    pass_: int,
) -> NDArray[np.float64]:
    """Returns the probability of each class, given by the classifiers of one pass. Shape (rows, classes).

    Args:
        fold: the fold of each row, less the number of folds for a row that does not teach.
        ranks: the rank of each row in its class: where too many rows could teach, the first of every class do.
        pass_: 0 for the first pass, 1 for the second.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    made = np.zeros((len(labels), int(labels.max()) + 1))
    folds = int(fold.max()) + 1

    def one(part: int) -> None:
        train = np.flatnonzero((fold >= 0) & (fold != part))
        if len(train) > _MOST_TEACHERS:
            train = np.sort(train[np.argsort(ranks[train], kind="stable")[:_MOST_TEACHERS]])
        model: Any = LogisticRegression(C=_STRENGTH[pass_], tol=_TOLERANCE[pass_], max_iter=1000, random_state=0)
        model.fit(vectors[train].astype(np.float64), labels[train])
        held = np.flatnonzero(fold % folds == part)
        for start in range(0, len(held), _AT_ONCE):
            some = held[start : start + _AT_ONCE]
            made[np.ix_(some, model.classes_)] = model.predict_proba(vectors[some].astype(np.float64))

    # Sums in floating point depend on how many threads share them: each fold is computed by one thread of its own.
    with threadpool_limits(limits=1), ThreadPoolExecutor(2) as pool:
        list(pool.map(one, range(folds)))
    return made


def _self_confidence(labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    from cleanlab.rank import get_label_quality_scores

    scores: NDArray[np.float64] = get_label_quality_scores(labels, probabilities, method="self_confidence")
    return np.round(scores, _DECIMALS)
