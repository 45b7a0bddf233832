"""Which passages go into a prompt: the best first, whole, never over budget, nothing twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freshet.tasks.answers import keys as keys_module
from freshet.tasks.answers.answer import Passage
from freshet.tasks.answers.keys import fresh_keys, fresh_nonce
from freshet.tasks.answers.packing import pack
from freshet.tasks.answers.sources import NONCE, source_text
from freshet.tasks.search.hits import Hit

SECRET = b"nobody knows"
AT = datetime(2026, 11, 30, 9, tzinfo=UTC)


def hit(text: str, doc: str = "d", start: int = 0, **more: Any) -> Hit:
    told: dict[str, Any] = {"title": "Leave", "page": None, "heading": None, "source_version": None, **more}
    return Hit(text, 1.0, doc, "u", chars=(start, start + len(text)), verified_at=AT, stale=False, **told)


def words_of(text: str) -> int:
    return len(text.split())


def size(passages: Sequence[Passage]) -> int:
    return sum(words_of(source_text(passage, NONCE)) for passage in passages)


FRAME = size([Passage("k3fa", hit(""))])
"""Words that delimiters, key and title take."""

HITS = st.lists(
    st.builds(
        lambda doc, start, many: hit(" ".join(f"{doc}{n}." for n in range(start, start + many)), doc, start * 5),
        st.sampled_from("abc"),
        st.integers(0, 60),
        st.integers(1, 30),
    ),
    max_size=12,
)


@settings(max_examples=300, deadline=None)
@given(HITS, st.integers(-5, 200))
def test_packing_keeps_to_the_budget_and_to_the_order_and_gives_nothing_twice(hits: list[Hit], budget: int) -> None:
    hits = [replace(one, score=float(at)) for at, one in enumerate(hits)]
    taken, left_out = pack(hits, budget, words_of, secret=SECRET)
    assert size(taken) <= max(0, budget)
    assert len({passage.key for passage in taken}) == len(taken)
    places = [int(passage.hit.score) for passage in taken]
    assert places == sorted(places)
    if taken:
        assert places[0] == 0
        assert hits[0].text.startswith(taken[0].hit.text)
    assert all(passage.hit in hits for passage in taken[1:])
    for at, one in enumerate(taken):
        assert one.hit.chars[1] - one.hit.chars[0] == len(one.hit.text)
        for other in taken[:at]:
            apart = one.hit.doc_id != other.hit.doc_id
            assert apart or one.hit.chars[1] <= other.hit.chars[0] or other.hit.chars[1] <= one.hit.chars[0]
    assert len(taken) + left_out <= len(hits)
    if left_out == 0 and hits:
        assert taken


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 30), max_size=12), st.integers(FRAME + 1, 300))
def test_what_is_taken_and_what_is_left_out_is_all_there_is(lengths: list[int], budget: int) -> None:
    hits = [hit(" ".join([f"w{at}."] * length), str(at)) for at, length in enumerate(lengths)]
    taken, left_out = pack(hits, budget, words_of, secret=SECRET)
    assert len(taken) + left_out == len(hits)
    assert bool(taken) == bool(hits)


def test_a_later_and_shorter_passage_still_fits() -> None:
    hits = [hit("one two", "a"), hit("x " * 50, "b"), hit("three", "c")]
    taken, left_out = pack(hits, 2 * FRAME + 4, words_of, secret=SECRET)
    assert [passage.hit.text for passage in taken] == ["one two", "three"]
    assert left_out == 1


@pytest.mark.parametrize(
    ("text", "room", "left"),
    [
        ("One two. Three four. Five six.", 5, "One two. Three four."),
        ("One two three four five.", 3, "One two three"),
        ("One two. Three", 3, "One two. Three"),
        ("Dr. Ames came. He left.", 4, "Dr. Ames came."),
    ],
)
def test_the_best_passage_is_cut_at_the_end_of_a_sentence_or_else_of_a_word(text: str, room: int, left: str) -> None:
    (taken,), left_out = pack([hit(text, start=100)], FRAME + room, words_of, secret=SECRET)
    assert (taken.hit.text, taken.hit.chars, left_out) == (left, (100, 100 + len(left)), 0)


def test_no_other_passage_is_cut_and_none_is_taken_without_room_for_a_word() -> None:
    assert pack([hit("One two three.")], FRAME, words_of, secret=SECRET) == ([], 1)
    taken, left_out = pack(
        [hit("One.", "a"), hit("Two two. Three three.", "b")], 2 * FRAME + 3, words_of, secret=SECRET
    )
    assert ([passage.hit.text for passage in taken], left_out) == (["One."], 1)
    assert pack([], 100, words_of, secret=SECRET) == ([], 0)


def test_equal_and_overlapping_passages_of_a_document_are_taken_once_and_not_called_left_out() -> None:
    hits = [
        hit("one two three", "a", 10),
        hit("three four", "a", 18),
        hit("one two three", "a", 90),
        hit("one two three", "b", 10),
    ]
    taken, left_out = pack(hits, 1_000, words_of, secret=SECRET)
    assert [passage.hit for passage in taken] == [hits[0], hits[3]]
    assert left_out == 0


def test_the_rest_of_a_passage_that_was_cut_may_be_taken_where_another_one_holds_it() -> None:
    hits = [hit("One two. " + "X " * 50, "a", 0), hit("x x x", "a", 40)]
    taken, _ = pack(hits, 2 * FRAME + 6, words_of, secret=SECRET)
    assert [passage.hit.text for passage in taken] == ["One two.", "x x x"]


def test_keys_stand_in_no_passage_and_not_in_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_module, "_SIGNS", "2a")
    every = [f"k{a}{b}{c}" for a in "2a" for b in "2a" for c in "2a"]
    passages, _ = pack(
        [hit("Say K222, k22a."), hit("x", "b", title="[k2a2]")], 1_000, words_of, secret=SECRET, question="k2aa?"
    )
    assert not {passage.key for passage in passages} & {"k222", "k22a", "k2a2", "k2aa", "kaaa"}
    grown = fresh_keys(3, [" ".join(every)], SECRET)
    assert all(len(key) > 4 and any(sign.isdigit() for sign in key) for key in grown)


def test_keys_are_distinct_and_a_nonce_stands_in_no_text() -> None:
    keys = fresh_keys(500, [], SECRET)
    assert len(set(keys)) == 500
    every = " ".join(f"{number:06x}" for number in range(0, 16**6, 257))
    assert fresh_nonce([every], SECRET) not in every


def test_the_same_question_of_the_same_passages_has_the_same_keys_and_nobody_foresees_them() -> None:
    texts = ["How long?", "Three weeks."]
    assert fresh_keys(5, texts, SECRET) == fresh_keys(5, texts, SECRET)
    assert fresh_nonce(texts, SECRET) == fresh_nonce(texts, SECRET)
    others = [(texts, b"another secret"), (["How long?", "Four weeks."], SECRET)]
    for other, secret in others:
        assert set(fresh_keys(5, other, secret)).isdisjoint(fresh_keys(5, texts, SECRET))
        assert fresh_nonce(other, secret) != fresh_nonce(texts, SECRET)
