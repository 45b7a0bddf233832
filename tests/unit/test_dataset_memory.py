"""Memory of the steps that look at all rows of a build at once: some bytes a row, and no more.

The bounds leave room for a flag or two a row, and for what a tenth of the rows that are copies takes. Numbers, ids or
digests of all rows would go beyond them.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from freshet.tasks.datasets import split
from freshet.tasks.datasets.assembly.assemble import assemble
from freshet.tasks.datasets.assembly.compare import Keys, compare, count_changes
from freshet.tasks.datasets.assembly.lookup import RowLookup
from freshet.tasks.datasets.copies import spill
from freshet.tasks.datasets.split import Splits, assign_splits
from freshet.tasks.datasets.stage import Stage
from freshet.tasks.datasets.versions.example_numbers import example_numbers
from freshet.tasks.rules.verdicts import verdict
from tests.unit.built_dataset import Rows, declared, pairs

FEW, MANY = 2_000, 10_000


@pytest.fixture(autouse=True)
def small_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is looked at at a time is so little that what is held of all rows shows."""
    monkeypatch.setattr(spill, "SHARE_BYTES", 1 << 14)
    monkeypatch.setattr(split, "ROWS_AT_A_TIME", 500)


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Stage]:
    """Staged rows, a tenth of them copies of earlier ones."""
    made: dict[int, Stage] = {}
    for rows in (FEW, MANY):
        found = [(row, verdict("COPY-EXACT", of=row - 7)) for row in range(9, rows, 10)]
        made[rows] = Rows(pairs(rows), found=found, batch=250).stage(tmp_path_factory.mktemp("stage"))
    return made


def growth(work: Callable[[int], Any]) -> float:
    """By how many bytes the peak of what a step holds grows with each row."""
    work(250)  # what is imported and cached on the way is no matter of rows
    peaks = []
    for rows in (FEW, MANY):
        tracemalloc.start()
        work(rows)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    return (peaks[1] - peaks[0]) / (MANY - FEW)


@pytest.fixture
def all_stages(stages: dict[int, Stage], tmp_path: Path) -> dict[int, Stage]:
    return {**stages, 250: Rows(pairs(250), batch=250).stage(tmp_path / "few")}


def test_splitting_and_assembling(all_stages: dict[int, Stage]) -> None:
    dataset = declared()

    def work(rows: int) -> None:
        stage = all_stages[rows]
        assign_splits(stage, dataset.split, stage.mask(rows))
        assert Splits.load(stage.folder).groups_are_whole()
        assemble(stage, rows, Splits.load(stage.folder), "sums", dataset)

    assert growth(work) < 30


def test_looking_rows_up(all_stages: dict[int, Stage]) -> None:
    def work(rows: int) -> None:
        lookup = RowLookup(all_stages[rows].row_files(), ("row", "uri"))
        found = lookup.fetch(np.array([rows - 1, 3, 3]))
        assert found is not None
        assert found["row"].to_pylist() == [rows - 1, 3, 3]

    assert growth(work) < 4


def test_finding_ids_that_are_repeated(all_stages: dict[int, Stage], tmp_path: Path) -> None:
    dataset = declared()

    def work(rows: int) -> None:
        facts = example_numbers(done[rows].kept, tmp_path)
        assert not any(any(table["is_repeated"].to_pylist()) for table in facts)

    done = {}
    for rows, stage in all_stages.items():
        splits = assign_splits(stage, dataset.split, stage.mask(rows))
        done[rows] = assemble(stage, rows, splits, "sums", dataset)
    assert growth(work) < 4


def test_counting_what_changed(tmp_path: Path) -> None:
    chance = np.random.default_rng(7)

    def keys(rows: int) -> Iterator[Keys]:
        for _ in range(0, rows, 250):
            numbers = chance.integers(0, 2**64, (250, 5), np.uint64)
            yield Keys(numbers[:, :2], numbers[:, 4] % np.uint64(3), numbers[:, 2:4])

    assert growth(lambda rows: count_changes(keys(rows), keys(rows), tmp_path)) < 30


@pytest.mark.parametrize("seed", range(5))
def test_changes_counted_on_disk_are_those_of_the_comparison(tmp_path: Path, seed: int) -> None:
    chance = np.random.default_rng(seed)

    def keys(rows: int) -> Keys:
        digest, side, origin = (chance.integers(0, most, rows, np.uint64) for most in (1500, 3, 1500))
        spread = np.uint64(0x9E3779B97F4A7C15)
        return Keys(np.column_stack([digest * spread, digest]), side, np.column_stack([origin * spread, origin]))

    before, after = keys(2000), keys(2200)
    assert count_changes([before], [after], tmp_path) == compare(before, after).counts()
