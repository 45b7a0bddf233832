"""Wrong classes among real ones: labels of banking77 that were flipped on purpose."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from freshet.tasks.datasets.checks.labels import find_suspects
from freshet.tasks.embedding.embed import load_embedder
from freshet.tasks.embedding.models import resolve_model
from freshet.tasks.settings.embedding import Embedding
from tests.unit.test_dataset_labels import Embed, found_in, table


@pytest.fixture(scope="session")
def banking(public_data: Path) -> tuple[list[str], list[str], Embed]:
    """Texts, classes, and a function that gives vectors made once."""
    with (public_data / "finetune" / "banking77_train.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    texts = [row["text"] for row in rows]
    vectors = load_embedder(resolve_model(Embedding(), Path())).embed(texts)
    places = {text: place for place, text in enumerate(texts)}
    return texts, [row["category"] for row in rows], lambda some: vectors[[places[text] for text in some]]


def nearest_classes(texts: list[str], labels: list[str], embed: Embed) -> dict[str, str]:
    """For each class, the one whose centre is the nearest to its own."""
    names = sorted(set(labels))
    vectors, own = embed(texts), np.array(labels)
    centres = np.stack([vectors[own == name].mean(axis=0) for name in names])
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    alike = centres @ centres.T
    np.fill_diagonal(alike, -1)
    return {name: names[other] for name, other in zip(names, alike.argmax(axis=1), strict=True)}


@pytest.mark.parametrize(("kind", "least"), [("random", 0.98), ("nearest", 0.82)])
def test_labels_flipped_on_purpose_are_among_the_suspects(
    banking: tuple[list[str], list[str], Embed], kind: str, least: float
) -> None:
    texts, labels, embed = banking
    chance = np.random.default_rng(1)
    flipped = chance.choice(len(texts), len(texts) // 20, replace=False).tolist()
    names, near = sorted(set(labels)), nearest_classes(texts, labels, embed)
    given = list(labels)
    for row in flipped:
        others = [near[labels[row]]] if kind == "nearest" else [name for name in names if name != labels[row]]
        given[row] = others[chance.integers(len(others))]
    suspects = find_suspects([table(texts, given)], embed, folds=5, suspects=0.08)
    assert len(suspects.verdicts) == int(0.08 * len(texts))
    assert len(set(found_in(suspects)) & set(flipped)) / len(flipped) >= least
