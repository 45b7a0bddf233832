"""Classes that are probably wrong, by out-of-fold confident learning on sentence embeddings.

Every row is judged by a classifier that never saw it. What it gives to the class that the row has is the row's
self-confidence, and the least confident rows are the suspects. It is done twice: rows that the first pass finds
implausible do not teach in the second, so that wrong labels of one kind do not vouch for each other.
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
"""Texts → vectors of unit length, shape (len(texts), dimension)."""

COLUMNS = ("row", "digest", "prompt", "label")
"""Columns of a staged row that are read."""

# Chosen on banking77 with labels flipped on purpose; see the tests for what they find.
_STRENGTH = (5.0, 10.0)
_TOLERANCE = (1e-3, 1e-4)  # the first pass only says who may teach
_MOST_TEACHERS = 100_000  # of one classifier: more make it slower, and hardly better
_AT_ONCE = 10_000
_IMPLAUSIBLE = 0.2
_DECIMALS = 6


@dataclass(frozen=True)
class Suspects:
    """What was found about the classes of rows.

    Attributes:
        verdicts: LABEL-SUSPECT, the least plausible first.
        rows: number of every row that was judged, ascending.
        confidences: what the classifier gives to the class that each of `rows` has, from 0 to 1.
        unlabelled: rows without a class.
        rare: rows not judged, since their class has fewer rows than there are folds.
    """

    verdicts: list[RowVerdict]
    rows: NDArray[np.int64]
    confidences: NDArray[np.float64]
    unlabelled: int = 0
    rare: int = 0


@dataclass(frozen=True)
class _Examples:
    """Distinct examples, by digest; `rows` are the rows that hold each."""

    digests: list[str]
    texts: list[str]
    labels: list[str]
    rows: list[list[int]]


def find_suspects(batches: Iterable[pa.Table], embed: Embed, folds: int, suspects: float) -> Suspects:
    """Finds the rows whose class is the least plausible.

    The result depends on the set of rows and on the vectors alone, not on their order or batches, nor on the number of
    threads. Memory grows with the labelled rows: for each its text, its vector, and 16 bytes a class.

    Args:
        batches: staged rows with COLUMNS; exact copies are judged as one.
        folds: parts of the out-of-fold predictions; a row's is a function of the digests of its class.
        suspects: share of the judged rows that are marked.
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
    """What classifiers that did not see a row give to each class.

    Args:
        vectors: shape (rows, dimension).
        labels: 0 … classes - 1, shape (rows,), each at least `folds` times. The rows of a class are dealt to the folds
            in the order given.

    Returns:
        shape (rows, classes).
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
    """The distinct labelled examples, sorted by digest, and how many rows have no class."""
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
    """The place of each row among those of its class, from 0, in ascending order of `by`."""
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
    """What the classifiers of one pass give to each class, shape (rows, classes).

    Args:
        fold: of each row; less than 0, by the number of folds, for those that do not teach.
        ranks: of each row in its class: where too many could teach, the first of every class do.
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
