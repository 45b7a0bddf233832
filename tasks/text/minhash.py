"""MinHash over word 5-grams: which of very many texts may be near copies of each other, and how near two are.

Everything here is a pure function of the text: no salted hash, no clock, the same on every machine, so that
signatures can be kept. MinHash only proposes; `jaccard` of the shingles decides.

The numbers: 120 permutations in 20 bands of 6 propose a pair of Jaccard 0.8 with probability 0.998, as 32 bands of 8 do
at twice the signing and 1.6 times the keys; what 20 × 6 proposes in addition costs a look at two kept shingle sets
each (`bench/near_duplicates.py` measures both).
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.text.normal_forms import NormalForms

SHINGLE_WORDS = 5
BANDS = 20
ROWS = 6
PERMUTATIONS = BANDS * ROWS
NEAR = 0.8
"""The Jaccard similarity from which two texts are near duplicates."""

METHOD = f"words{SHINGLE_WORDS}-{BANDS}x{ROWS}-1"
"""Names how signatures are made; its last number goes up when the hashes change. Others cannot be compared with."""

Hashes = NDArray[np.uint64]
Signature = NDArray[np.uint32]

_PIECE = 1 << 20  # bytes of the longest span that is hashed without being cut out
_STRIDE = 1 << 16  # bytes hashed at a time
_BLOCK = 1024  # shingles of one text permuted at a time: what fits a core's cache
_MANY = 1 << 16  # shingles of many texts permuted at a time
_SEED = 0x66726573686574  # "freshet"
_BASE = 0x9E3779B97F4A7C15  # odd, hence invertible in 64 bits; 5 modulo 8, so that its powers repeat late
_SPACE = 32


def shingle_hashes(normal: str) -> Hashes:
    """Returns the 64-bit hashes of the distinct word 5-grams of a text.

    Args:
        normal: a text in normal form (`text/normalise.py`).

    Returns:
        Sorted and distinct; empty for fewer than five words: such texts can be compared exactly only.
    """
    data = np.frombuffer(normal.encode("utf-8", "surrogatepass"), np.uint8)
    spaces = np.flatnonzero(data == _SPACE)
    if len(spaces) < SHINGLE_WORDS - 1:
        return np.zeros(0, np.uint64)
    starts = np.concatenate([[0], spaces + 1])[: len(spaces) + 2 - SHINGLE_WORDS]
    ends = np.concatenate([spaces, [len(data)]])[SHINGLE_WORDS - 1 :]
    return np.unique(_hashes_of_spans(data, starts, ends))


def gram_hashes(forms: NormalForms, words: int = SHINGLE_WORDS) -> tuple[Hashes, NDArray[np.int64]]:
    """Returns the 64-bit hashes of the word n-grams of many texts, as `shingle_hashes` gives them for one text.

    Returns:
        The hashes text by text, in the order of the text and as often as they stand there; and int64 (texts + 1,),
        where those of each text begin and the last one's end.
    """
    starts, ends, before = forms.words()
    counts = np.maximum(np.diff(before) - (words - 1), 0)
    bounds = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=bounds[1:])
    first = np.arange(bounds[-1]) + np.repeat(before[:-1] - bounds[:-1], counts)
    return _hashes_of_spans(forms.data, starts[first], ends[first + (words - 1)]), bounds


def salted(shingles: Hashes, salt: str) -> Hashes:
    """Returns shingles that equal those of other texts only where these have the same salt; sorted and distinct."""
    digest = int.from_bytes(blake2b(salt.encode(), digest_size=8).digest(), "little")
    return np.unique(_mix(shingles ^ np.uint64(digest)))


def sign(shingles: Hashes) -> Signature:
    """Returns the MinHash signature, uint32 (PERMUTATIONS,), of a text's shingles, of which it needs at least one."""
    if not len(shingles):
        raise ValueError("a text without shingles has no signature; compare it exactly")
    factors, offsets = _permutations()
    least = np.full(PERMUTATIONS, np.iinfo(np.uint64).max, np.uint64)
    for start in range(0, len(shingles), _BLOCK):
        permuted = factors * shingles[None, start : start + _BLOCK]
        permuted += offsets
        np.minimum(least, permuted.min(axis=1), out=least)
    return (least >> np.uint64(32)).astype(np.uint32)


def sign_many(shingles: Hashes, bounds: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Returns the signatures, uint32 (texts, PERMUTATIONS), of many texts: bit by bit what `sign` gives for each.

    Args:
        shingles: of all texts, one after the other; repeated ones do no harm.
        bounds: int64 (texts + 1,), as of `gram_hashes`; every text must have one shingle at least.
    """
    if np.any(np.diff(bounds) < 1):
        raise ValueError("a text without shingles has no signature; compare it exactly")
    factors, offsets = (numbers.ravel() for numbers in _permutations())
    signatures = np.empty((len(bounds) - 1, PERMUTATIONS), np.uint32)
    room = np.empty(_MANY, np.uint64)
    first = 0
    while first < len(signatures):
        last = int(np.searchsorted(bounds, bounds[first] + _MANY, "right")) - 1
        if last <= first:  # a long text
            signatures[first] = sign(shingles[bounds[first] : bounds[first + 1]])
            first += 1
            continue
        block, starts = shingles[bounds[first] : bounds[last]], bounds[first:last] - bounds[first]
        permuted, least = room[: len(block)], np.empty((PERMUTATIONS, last - first), np.uint64)
        for number in range(PERMUTATIONS):
            np.multiply(block, factors[number], out=permuted)
            np.add(permuted, offsets[number], out=permuted)
            np.minimum.reduceat(permuted, starts, out=least[number])
        signatures[first:last] = (least >> np.uint64(32)).T
        first = last
    return signatures


def band_keys_of_many(signatures: NDArray[np.uint32]) -> Hashes:
    """Returns the band keys, uint64 (BANDS, texts), of signatures (texts, PERMUTATIONS)."""
    rows = signatures.reshape(-1, BANDS, ROWS).transpose(2, 1, 0)
    keys = np.repeat(_mix(np.arange(BANDS, dtype=np.uint64) + np.uint64(_SEED))[:, None], len(signatures), axis=1)
    for row in range(ROWS):
        keys = _mix(keys ^ rows[row])
    return keys


def band_keys(signature: Signature) -> Hashes:
    """Returns one key for each band, uint64 (BANDS,); texts that share a key may be near copies."""
    rows = signature.reshape(BANDS, ROWS).astype(np.uint64)
    keys = _mix(np.arange(BANDS, dtype=np.uint64) + np.uint64(_SEED))
    for row in range(ROWS):
        keys = _mix(keys ^ rows[:, row])
    return keys


def exact_keys(exact: str) -> Hashes:
    """Returns keys, uint64 (BANDS,), for a text too short for shingles: only exact copies share them.

    Args:
        exact: its `freshet.tasks.text.normalise.exact_hash`.
    """
    return _mix(np.arange(BANDS, dtype=np.uint64) + np.uint64(int(exact[:16], 16)))


def jaccard(left: Hashes, right: Hashes) -> float:
    """Returns the Jaccard similarity of two sets of shingles, each sorted and distinct; 0.0 where either is empty."""
    small, large = (left, right) if len(left) <= len(right) else (right, left)
    if not len(small):
        return 0.0
    places = np.searchsorted(large, small)
    places[places == len(large)] = 0
    shared = int(np.count_nonzero(large[places] == small))
    return shared / (len(left) + len(right) - shared)


def _hashes_of_spans(data: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Hashes:
    """Returns hashes of spans of bytes, in ascending order of their ends; where a span stands makes no difference."""
    hashes, first = np.empty(len(starts), np.uint64), 0
    while first < len(starts):
        # As many spans as end within one piece; a single longer one is hashed by itself.
        last = max(int(np.searchsorted(ends, starts[first] + min(_STRIDE, _PIECE), "right")), first + 1)
        origin, end = int(starts[first]), int(ends[last - 1])
        if end - origin > _PIECE:
            digest = blake2b(data[origin:end].tobytes(), digest_size=8).digest()
            hashes[first] = int.from_bytes(digest, "little")
        else:
            hashes[first:last] = _span_hashes(data[origin:end], starts[first:last] - origin, ends[first:last] - origin)
        first = last
    return hashes


def _span_hashes(data: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Hashes:
    """Returns hashes of spans of bytes, polynomials in 64 bits out of prefix sums, without an object for each span."""
    values, powers, inverses = _tables()
    prefix = np.zeros(len(data) + 1, np.uint64)
    np.cumsum(values.take(data) * powers[: len(data)], out=prefix[1:])
    return _mix((prefix.take(ends) - prefix.take(starts)) * inverses.take(starts))


@lru_cache(maxsize=1)
def _tables() -> tuple[Hashes, Hashes, Hashes]:
    """Returns a value for every byte, and the powers of the base and of its inverse."""

    def powers(base: int) -> Hashes:
        factors = np.full(_PIECE + 1, base, np.uint64)
        factors[0] = 1
        return np.cumprod(factors)

    values = _mix(np.arange(256, dtype=np.uint64) + np.uint64(_SEED << 8))
    return values, powers(_BASE), powers(pow(_BASE, -1, 2**64))


@lru_cache(maxsize=1)
def _permutations() -> tuple[Hashes, Hashes]:
    """Returns the odd factors and offsets of the permutations, (PERMUTATIONS, 1) each."""
    numbers = _mix(np.arange(2 * PERMUTATIONS, dtype=np.uint64) + np.uint64(_SEED << 1)).reshape(2, PERMUTATIONS, 1)
    return numbers[0] | np.uint64(1), numbers[1]


def _mix(values: Hashes) -> Hashes:
    """Applies splitmix64: every bit of the result depends on every bit of the value."""
    mixed = values + np.uint64(_BASE)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    result: Hashes = mixed ^ (mixed >> np.uint64(31))
    return result
