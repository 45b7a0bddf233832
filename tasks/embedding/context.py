"""What is embedded of a passage beside its text: the title of its document, and the headings above it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from freshet.tasks.embedding.models import CONTEXT_TOKENS
from freshet.tasks.embedding.tokens import Tokenizer

SEPARATOR = " > "


def embedded_text(context: str, text: str) -> str:
    """Returns what the model is given of a passage: its context, then its text, which nothing is taken from."""
    return f"{context}\n{text}" if context else text


def fit_context(title: str, headings: Sequence[str], tokenizer: Tokenizer, room: int) -> str:
    """Returns the title and the headings, outermost first, in at most so many tokens.

    Where they have more, headings in the middle go first, then the title, then the end of the innermost heading.

    Args:
        title: of the document; empty where it has none.
        headings: above the passage, outermost first.
        room: tokens that there are; never more than CONTEXT_TOKENS are used.
    """
    parts = tuple(dict.fromkeys(" ".join(part.split()) for part in (title, *headings) if part.strip()))
    return _fitted(parts, tokenizer, min(room, CONTEXT_TOKENS)) if parts and room > 0 else ""


@lru_cache(maxsize=4096)
def _fitted(parts: tuple[str, ...], tokenizer: Tokenizer, room: int) -> str:
    kept = list(parts)
    while len(kept) > 1:
        whole = SEPARATOR.join(kept)
        if len(tokenizer.spans(whole)) <= room:
            return whole
        del kept[1 if len(kept) > 2 else 0]
    spans = tokenizer.spans(kept[0])
    return kept[0] if len(spans) <= room else kept[0][: int(spans[room - 1][1])]
