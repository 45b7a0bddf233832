"""The normal form of texts, and MinHash: stable, complete enough to propose, and exact where it decides."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freshet.tasks.text import minhash
from freshet.tasks.text.normal_forms import normal_forms
from freshet.tasks.text.normalise import exact_hash, normalise, tokens
from tests.conftest import Handbook

PINNED_SHINGLES = ["405cbe2064b41a68", "5aeabbc47535562a"]
PINNED_KEYS = ["b4ab922658a46228", "553524f53aa7980a"]
"""Whoever changes these makes every kept signature useless, and raises the number in `minhash.METHOD`."""


@pytest.fixture(autouse=True, scope="module")
def _tables_of_the_usual_size() -> None:
    """They are kept for the process, and must not be made first where a test has made the pieces smaller."""
    minhash._tables()


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Reset  your\nPASSWORD!", "reset your password"),
        ("The ﬁle is in Straße 5", "the file is in strasse 5"),
        ("“Who”—she asked…", "Who she asked"),
        ("ｆｕｌｌ　ｗｉｄｔｈ", "full width"),
        ("cafe\u0301", "café"),
    ],
)
def test_typography_case_and_punctuation_make_no_difference(left: str, right: str) -> None:
    assert normalise(left) == normalise(right)
    assert exact_hash(left, normalise(left)) == exact_hash(right, normalise(right))


def test_words_numbers_and_their_order_do() -> None:
    texts = ["pay within 30 days", "pay within 90 days", "within 30 days pay", "pay within 30 day s"]
    assert len({exact_hash(text, normalise(text)) for text in texts}) == len(texts)


@given(st.text())
def test_an_ascii_text_needs_no_unicode_and_any_text_has_a_hash(text: str) -> None:
    assert tokens(text) == normalise(text).split()
    assert len(exact_hash(text, normalise(text))) == 32


def _naive(normal: str) -> set[str]:
    words = normal.split()
    return {" ".join(words[i : i + 5]) for i in range(len(words) - 4)}


_WORDS = st.lists(st.sampled_from(["a", "b", "ab", "ba", "é", "漢字", "aab", "x1"]), max_size=40)


@settings(max_examples=60, deadline=None)
@given(_WORDS, st.integers(0, 60))
def test_shingles_are_the_distinct_word_5_grams_however_a_text_is_cut_for_hashing(words: list[str], more: int) -> None:
    normal, grams = " ".join(words), _naive(" ".join(words))
    whole = minhash.shingle_hashes(normal)
    assert len(whole) == len(grams)
    assert np.all(whole[1:] > whole[:-1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(minhash, "_PIECE", max((len(gram.encode()) for gram in grams), default=1) + more)
        assert np.array_equal(minhash.shingle_hashes(normal), whole)


def test_a_word_of_megabytes_is_a_word() -> None:
    long = "x" * (minhash._PIECE + 1)
    one, other = (minhash.shingle_hashes(f"a b c d e {long} {last} g h i j") for last in ("f", "ff"))
    assert len(one) == 7
    assert len(np.intersect1d(one, other)) == 2


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from("abc"), min_size=5, max_size=30), st.lists(st.sampled_from("abc"), min_size=5, max_size=30)
)
def test_jaccard_is_that_of_the_sets_of_shingles(left: list[str], right: list[str]) -> None:
    one, other = " ".join(left), " ".join(right)
    expected = len(_naive(one) & _naive(other)) / len(_naive(one) | _naive(other))
    assert minhash.jaccard(minhash.shingle_hashes(one), minhash.shingle_hashes(other)) == expected


def test_a_text_of_fewer_than_five_words_has_no_shingles_and_no_similarity() -> None:
    few = minhash.shingle_hashes("call the desk now")
    assert len(few) == 0
    assert len(minhash.shingle_hashes("")) == 0
    assert minhash.jaccard(few, few) == 0.0
    with pytest.raises(ValueError, match="compare it exactly"):
        minhash.sign(few)


def test_signatures_are_the_same_on_every_machine() -> None:
    shingles = minhash.shingle_hashes("the quick brown fox jumps over the lazy dog")
    keys = minhash.band_keys(minhash.sign(shingles))
    assert [f"{value:016x}" for value in shingles[:2]] == PINNED_SHINGLES
    assert [f"{value:016x}" for value in keys[[0, -1]]] == PINNED_KEYS


def _pair(chance: random.Random, edits: int) -> tuple[minhash.Hashes, minhash.Hashes]:
    words = ["".join(chance.choices("abcdefghijklmnop", k=5)) for _ in range(300)]
    other = list(words)
    for place in chance.sample(range(300), edits):
        other[place] = "edited"
    return minhash.shingle_hashes(" ".join(words)), minhash.shingle_hashes(" ".join(other))


def test_keys_propose_at_least_98_of_100_pairs_just_above_the_threshold() -> None:
    chance = random.Random(5)
    near = proposed = 0
    while near < 400:
        left, right = _pair(chance, chance.randint(5, 8))
        if 0.8 <= minhash.jaccard(left, right) < 0.86:
            near += 1
            keys = [minhash.band_keys(minhash.sign(shingles)) for shingles in (left, right)]
            proposed += bool(np.any(keys[0] == keys[1]))
    assert proposed / near >= 0.98


def test_the_share_of_equal_rows_estimates_the_similarity() -> None:
    chance = random.Random(6)
    for edits in (2, 10, 30):
        pairs = [_pair(chance, edits) for _ in range(40)]
        truth = np.mean([minhash.jaccard(*pair) for pair in pairs])
        seen = np.mean([np.mean(minhash.sign(left) == minhash.sign(right)) for left, right in pairs])
        assert seen == pytest.approx(truth, abs=0.03)


def test_keys_of_short_texts_are_shared_by_exact_copies_only() -> None:
    one, same, other = (exact_hash(text, normalise(text)) for text in ("Call us.", "call us", "call me"))
    assert np.array_equal(minhash.exact_keys(one), minhash.exact_keys(same))
    assert not np.any(minhash.exact_keys(one) == minhash.exact_keys(other))


def test_near_copies_in_the_handbook_are_its_exact_copies(handbook: Handbook, tmp_path: Path) -> None:
    handbook.lay("before", tmp_path)
    files = sorted(tmp_path.rglob("*.md"))
    sets = [minhash.shingle_hashes(normalise(file.read_text("utf-8", "replace"))) for file in files]
    alike = [
        (a, b)
        for n, (a, left) in enumerate(zip(files, sets, strict=True))
        for b, right in zip(files[n + 1 :], sets[n + 1 :], strict=True)
        if len(left) and minhash.jaccard(left, right) >= 0.5
    ]
    assert len(files) > 8
    copies = {"bundled": [], "public": [("CONTRIBUTING.md", "CONTRIBUTING.md")]}
    assert [(a.name, b.name) for a, b in alike] == copies[handbook.name]
    assert all(a.read_bytes() == b.read_bytes() for a, b in alike)


_PIECES = st.sampled_from(["a", "B c", "é", "漢", "x_1", "ﬁ", "!", "\n", "\u0345"])
_ANY_TEXT = (st.text() | st.lists(_PIECES).map(" ".join)).map(lambda text: text.encode("utf-8", "ignore").decode())


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(_ANY_TEXT, st.none() | _ANY_TEXT), max_size=12), st.integers(0, 5))
def test_normal_forms_of_many_texts_are_those_of_each(rows: list[tuple[str, str | None]], skipped: int) -> None:
    columns = [pa.array([row[side] for row in rows], pa.string()).slice(skipped) for side in (0, 1)]
    forms = normal_forms(*columns)
    data, bounds = forms.data.tobytes().decode(), forms.bounds
    assert len(data.encode()) == len(forms.data) == bounds[-1]
    texts = [text or "" for row in rows[skipped:] for text in row]
    assert len(bounds) == len(texts) + 1
    for text, first, last in zip(texts, bounds[:-1], bounds[1:], strict=True):
        assert forms.data[first:last].tobytes().decode() == "".join(word + " " for word in tokens(text))


@settings(max_examples=100, deadline=None)
@given(st.lists(_WORDS.map(" ".join), max_size=12), st.integers(1, 9), st.sampled_from([1, 30, 1 << 20]))
def test_hashes_signatures_and_keys_of_many_texts_are_those_of_each(texts: list[str], many: int, piece: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(minhash, "_PIECE", piece)
        patch.setattr(minhash, "_MANY", many * 10)
        hashes, bounds = minhash.gram_hashes(normal_forms(pa.array(texts, pa.string())))
        single = [minhash.shingle_hashes(text) for text in texts]
        for n, one in enumerate(single):
            assert np.array_equal(np.unique(hashes[bounds[n] : bounds[n + 1]]), one)
            assert bounds[n + 1] - bounds[n] == max(len(texts[n].split()) - 4, 0)
        if all(len(one) for one in single):
            signatures = minhash.sign_many(hashes, bounds)
            assert all(np.array_equal(minhash.sign(one), mine) for one, mine in zip(single, signatures, strict=True))
            keys = minhash.band_keys_of_many(signatures)
            assert all(np.array_equal(minhash.band_keys(one), keys[:, n]) for n, one in enumerate(signatures))
        else:
            with pytest.raises(ValueError, match="compare it exactly"):
                minhash.sign_many(hashes, bounds)
