"""Which passages a language model is given: the best, as many as its prompt has room for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from freshet.tasks.answers.answer import Passage
from freshet.tasks.answers.keys import fresh_keys
from freshet.tasks.answers.sources import NONCE, source_text
from freshet.tasks.search.hits import Hit
from freshet.tasks.text.borders import sentences, words


def pack(
    hits: Sequence[Hit], budget: int, count_tokens: Callable[[str], int], *, secret: bytes, question: str = ""
) -> tuple[list[Passage], int]:
    """Takes passages, best first, while they fit, and gives each a key of its own.

    A passage is taken whole or not at all, and a later, shorter one may still fit. Only the best is cut, at the end of
    a sentence or else of a word, if it alone is too long. What overlaps with a better passage of the same document, or
    has the same text, is not taken, nor counted as left out.

    Args:
        hits: passages, best first.
        budget: tokens for all passages together, with their delimiters, titles and headings. Nothing is taken where
            it is too small for a word of the best one.
        count_tokens: the number of tokens of a text.
        secret: of the prompt (`Prompt.secret`).
        question: what the keys must not stand in, beside the passages.

    Returns:
        What was taken, and how many passages were left out for want of room.
    """
    texts = [part for hit in hits for part in (hit.title, hit.heading or "", hit.text)]
    keys = fresh_keys(len(hits), [question, *texts], secret)
    taken: list[Passage] = []
    left_out = 0
    for hit, key in zip(hits, keys, strict=True):
        if any(_is_same(hit, other.hit) for other in taken):
            continue
        passage = Passage(key, hit)
        tokens = _tokens(passage, count_tokens)
        if tokens > budget and not taken and not left_out:
            cut = _cut(passage, budget, count_tokens)
            passage, tokens = cut or passage, _tokens(cut, count_tokens) if cut else tokens
        if tokens > budget:
            left_out += 1
        else:
            taken.append(passage)
            budget -= tokens
    return taken, left_out


def _is_same(hit: Hit, other: Hit) -> bool:
    if hit.doc_id != other.doc_id:
        return False
    return hit.text == other.text or (hit.chars[0] < other.chars[1] and other.chars[0] < hit.chars[1])


def _tokens(passage: Passage, count_tokens: Callable[[str], int]) -> int:
    return count_tokens(source_text(passage, NONCE))


def _cut(passage: Passage, budget: int, count_tokens: Callable[[str], int]) -> Passage | None:
    """The passage up to the last sentence that fits, or else the last word; None where not even one word does."""
    for borders in (sentences, words):
        fits: Passage | None = None
        ends = borders(passage.hit.text)
        low, high = 0, len(ends)
        while low < high:
            middle = (low + high) // 2
            shorter = _up_to(passage, ends[middle])
            if _tokens(shorter, count_tokens) <= budget:
                fits, low = shorter, middle + 1
            else:
                high = middle
        if fits:
            return fits
    return None


def _up_to(passage: Passage, end: int) -> Passage:
    hit = passage.hit
    text = hit.text[:end].rstrip()
    return replace(passage, hit=replace(hit, text=text, chars=(hit.chars[0], hit.chars[0] + len(text))))
