"""Renders the hits of a search for a person, with the words that matched marked where a terminal shows them."""

from __future__ import annotations

from textwrap import shorten
from typing import TYPE_CHECKING

from freshet.flows.command.texts.lines import text_of
from freshet.tasks.search.words import matched_spans
from freshet.tasks.settings.addresses import escaped

if TYPE_CHECKING:
    from freshet.tasks.search.explaining import Why
    from freshet.tasks.search.hits import Answer, Hit

BOLD, PLAIN = "\x1b[1m", "\x1b[22m"
_LONGEST, _LONGEST_BESIDE = 600, 200


def answer_text(answer: Answer, marked: str | None = None) -> str:
    """Renders the hits of a search with their citations, as terminals may have it.

    Args:
        marked: the question whose words are marked in the passages; None marks none. The marks are the only escape
            sequences of the text, whatever documents hold.
    """
    text = "\n".join(_hit_text(number, hit, marked) for number, hit in enumerate(answer.hits, 1))
    if not answer.hits:
        text = "Nothing was found that may be shown.\n"
    if (told := answer.why_not) is not None:
        text += "\n" + text_of([f"{told.document}: {told.says}"])
    return text


def _hit_text(number: int, hit: Hit, marked: str | None) -> str:
    place = f"page {hit.page}" if hit.page else hit.heading
    cited = [hit.title, *([place] if place else []), f"characters {hit.chars[0]}–{hit.chars[1]}"]
    version = (hit.source_version or "")[:12]
    checked = f"{hit.uri} at {version}, verified {hit.verified_at:%Y-%m-%d}"
    stale = " — stale" if hit.stale else ""
    passage = escaped(shorten(hit.text, _LONGEST, placeholder=" …"))
    if marked is not None:
        passage = _with_marks(passage, marked)
    return "".join(
        [
            text_of([f"{number}. {', '.join(cited)}{stale}", *map(_beside, hit.before)]),
            f"    {passage}\n",
            text_of(map(_beside, hit.after)),
            text_of([f"    [{checked}; score {hit.score:.3f}]"]),
            "" if hit.explain is None else text_of([f"    [{_why_text(hit.explain)}]"]),
        ]
    )


def _beside(hit: Hit) -> str:
    return f"  | {shorten(hit.text, _LONGEST_BESIDE, placeholder=' …')}"


def _with_marks(passage: str, question: str) -> str:
    parts, at = [], 0
    for start, end in matched_spans(question, passage):
        parts += [passage[at:start], BOLD, passage[start:end], PLAIN]
        at = end
    return "".join([*parts, passage[at:]])


def _why_text(why: Why) -> str:
    said = []
    for name, label in (("cosine", "cosine"), ("bm25", "BM25")):
        value, share = getattr(why, name), why.shares.get(name)
        if value is not None or share is not None:
            number = "not among the best" if value is None else f"{value:.3f}"
            said.append(f"{label} {number}" + ("" if share is None else f" adds {share:.3f}"))
    words = f"words that match: {', '.join(why.words)}" if why.words else "no word of the question is in it"
    return "; ".join([*said, words])
