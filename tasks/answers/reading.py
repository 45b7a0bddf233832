"""Reads the passages that a search found: which of their sentences may answer, and how likely any of them does.

All is computed from the question and the passages that whoever asks may see. No figure of a corpus enters: what
stands in documents that they may not see changes nothing here, not even the weight of a word.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.answers.pieces import Piece, pieces_of
from freshet.tasks.answers.words import Word, answers_in_kind, covered, stems, words_of
from freshet.tasks.search.hits import Hit

Vectors = NDArray[np.float32]

MOST_READ = 40
"""So many sentences are embedded, those that share most with the question: what an answer may cost."""

_TOP = 5

FEATURES = ("cosine", "covered", "covered_with_heads", "covered_by_passage", "in_kind", "rank")
PIECE_WEIGHTS = (4.48, 2.55, 2.8, -1.18, 2.52, 2.28)
"""Coefficients of a sentence's features, and of the whole reading's below.

They were fitted as `bench/refusal.py --fit` does: logistic regressions on 395 questions of XQuAD, the probe and the
AWS set, and the half of the handbook's questions that is for tuning. What the command prints on all of XQuAD (3.11,
3.49, 1.98, -1.52, 1.85, 3.95 and 4.55, 1.13, 1.59, 1.05, -13.68) was tried as well, and refused fewer of the
questions whose documents were barred, at the same share of answers.
"""

MISSING_NAMES = 2.0
"""What a piece loses whose passage has none of the question's names: it is about another form, team or place."""

READ = ("best_cosine", "covered_by_five", "best_with_heads", "best_piece")
READ_WEIGHTS = (1.72, 0.76, 1.96, 1.1)
READ_BIAS = -12.57


@dataclass(frozen=True)
class Reading:
    """What was read in the passages that a search found.

    Attributes:
        score: from 0 to 1, how likely it is that they answer the question.
        pieces: the parts that were read, in the order of the passages and of their texts.
        ratings: of each of them, how likely it is the one that answers; only the order means something.
        traits: what the score was computed from, by name, as `bench/refusal.py` fits it.
        piece_traits: what the ratings were computed from, shape (pieces, features).
    """

    score: float
    pieces: tuple[Piece, ...] = ()
    ratings: tuple[float, ...] = ()
    traits: tuple[float, ...] = ()
    piece_traits: NDArray[np.float64] | None = None


def read_passages(
    question: str,
    question_vector: NDArray[np.float32],
    hits: Sequence[Hit],
    embed: Callable[[Sequence[str]], Vectors],
) -> Reading:
    """Reads the passages that a search found.

    Args:
        question_vector: the question's vector, of unit length, shape (dimension,).
        hits: the best passages, best first; some eight are enough.
        embed: gives the vectors of texts, shape (texts, dimension), of unit length, in the question's space.

    Returns:
        A score of 0 and nothing read where there are no passages, or none with a word in it.
    """
    pieces = [piece for place, hit in enumerate(hits) for piece in pieces_of(place, hit)]
    words = words_of(question)
    if not words or not any(not piece.is_head for piece in pieces):
        return Reading(0.0)
    texts = [hit.text for hit in hits]
    in_passage = [frozenset(stems("\n".join((hit.title, hit.heading or "", hit.text)))) for hit in hits]
    share = [sum(word.stem in found for found in in_passage) / len(hits) for word in words]
    weights = [word.weight * (1 - part / 2) for word, part in zip(words, share, strict=True)]
    own = [frozenset(stems(piece.text)) for piece in pieces]
    around = [
        own[number] | frozenset(stems(piece.heads + "\n" + _needed(piece, texts)))
        for number, piece in enumerate(pieces)
    ]
    by_own = np.array([covered(words, weights, found) for found in own])
    by_heads = np.array([covered(words, weights, found) for found in around])
    order = sorted(
        (number for number, piece in enumerate(pieces) if not piece.is_head),
        key=lambda number: (-by_own[number] - by_heads[number], pieces[number].passage, pieces[number].span),
    )
    kept = sorted(order[:MOST_READ])
    vectors = embed([_as_read(pieces[number], texts) for number in kept])
    cosine = vectors @ question_vector
    by_passage = [covered(words, weights, found) for found in in_passage]
    passages = [pieces[number].passage for number in kept]
    # By score and not by place, so that passages of equal score are read alike in any order.
    better = [sum(other.score > hit.score for other in hits) for hit in hits]
    in_kind = [answers_in_kind(question, pieces[number].text) for number in kept]
    traits = np.column_stack(
        [
            cosine,
            by_own[kept],
            by_heads[kept],
            [by_passage[passage] for passage in passages],
            np.array(in_kind, np.float64),
            [1 / (1 + better[passage]) for passage in passages],
        ]
    ).astype(np.float64)
    ratings = traits @ np.array(PIECE_WEIGHTS) - MISSING_NAMES * _missing_names(words, in_passage)[passages]
    top_five = [found for found, rank in zip(in_passage, better, strict=True) if rank < _TOP]
    whole = (
        float(cosine.max()),
        covered(words, weights, frozenset().union(*top_five)),
        float(by_heads[kept].max()),
        float(ratings.max()),
    )
    total = READ_BIAS + float(np.dot(whole, READ_WEIGHTS))
    return Reading(1 / (1 + exp(-total)), tuple(pieces[n] for n in kept), tuple(map(float, ratings)), whole, traits)


def _missing_names(words: Sequence[Word], in_passage: Sequence[Collection[str]]) -> NDArray[np.float64]:
    """Returns of each passage which share of the question's names it does not have; 0 where the question has none."""
    names = [word.stem for word in words if word.is_name]
    missing = [sum(name not in found for name in names) / max(1, len(names)) for found in in_passage]
    return np.array(missing, np.float64)


def _needed(piece: Piece, texts: Sequence[str]) -> str:
    return texts[piece.passage][slice(*piece.needs)] if piece.needs else ""


def _as_read(piece: Piece, texts: Sequence[str]) -> str:
    """Returns what of a piece is embedded: with the line that it needs, since a row means little without its header."""
    return f"{needed}\n{piece.text}" if (needed := _needed(piece, texts)) else piece.text
