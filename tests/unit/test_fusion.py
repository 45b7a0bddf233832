"""Hybrid search's fusion."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from freshet.tasks.search.fusion import fuse


def candidates(cosine: list[float], bm25: list[float | None]) -> pa.Table:
    ids = [f"c{number:03}" for number in range(len(cosine))]
    return pa.table({"chunk_id": ids, "cosine": pa.array(cosine, pa.float32()), "bm25": pa.array(bm25, pa.float32())})


def test_the_best_of_both_halves_scores_one_and_leads() -> None:
    scores = fuse(candidates([0.9, 0.5, 0.1], [12.0, 6.0, 0.0]))
    assert scores.dtype == np.float32
    assert scores[0] == 1
    assert scores[0] > scores[1] > scores[2]


def test_a_passage_good_in_both_beats_the_best_of_one() -> None:
    scores = fuse(candidates([0.80, 0.78, 0.1], [0.0, 9.5, 10.0]))
    assert scores.argmax() == 1


def test_null_counts_as_not_found_by_the_text_half() -> None:
    with_null = fuse(candidates([0.9, 0.5], [None, 3.0]))
    assert with_null.tolist() == fuse(candidates([0.9, 0.5], [0.0, 3.0])).tolist()


def test_without_any_word_in_common_the_cosine_alone_orders() -> None:
    assert np.argsort(-fuse(candidates([0.2, 0.7, 0.5], [None, None, None]))).tolist() == [1, 2, 0]


def test_no_candidates_give_no_scores() -> None:
    assert fuse(candidates([], [])).shape == (0,)


def test_opposite_passages_alone_score_zero_for_nearness() -> None:
    assert fuse(candidates([-0.5, -0.1], [0.0, 2.0])).tolist() == [0.0, 0.5]


def test_further_candidates_below_do_not_move_a_score() -> None:
    few = fuse(candidates([0.9, 0.5], [1.0, 4.0]))
    more = fuse(candidates([0.9, 0.5, 0.05, -0.3], [1.0, 4.0, 0.5, None]))
    assert more[:2].tolist() == few.tolist()


rows = st.lists(
    st.tuples(
        st.floats(-1, 1, width=32, allow_subnormal=False),
        st.none() | st.floats(0, 50, width=32, allow_subnormal=False),
    ),
    min_size=1,
    max_size=30,
)


@given(rows, st.randoms(use_true_random=False))
def test_scores_lie_in_the_unit_interval_whatever_the_order(found: list[tuple[float, float | None]], random) -> None:
    scores = fuse(candidates([c for c, _ in found], [b for _, b in found]))
    assert ((scores >= 0) & (scores <= 1)).all()
    order = list(range(len(found)))
    random.shuffle(order)
    moved = fuse(candidates([found[i][0] for i in order], [found[i][1] for i in order]))
    assert moved.tolist() == scores[order].tolist()


@given(rows)
def test_better_in_both_halves_is_never_worse(found: list[tuple[float, float | None]]) -> None:
    scores = fuse(candidates([c for c, _ in found], [b for _, b in found]))
    for i, (cosine, bm25) in enumerate(found):
        for j, (other_cosine, other_bm25) in enumerate(found):
            if cosine >= other_cosine and (bm25 or 0) >= (other_bm25 or 0):
                assert scores[i] >= scores[j]
