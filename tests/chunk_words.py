"""What a chunk's row says beside its text where no document stands around it."""

from __future__ import annotations

from hashlib import sha256

from freshet.tasks.text.words.analysis import index_terms


def said_of(text: str) -> dict[str, str]:
    """The columns of a chunk in English that was embedded without context."""
    embedded = sha256(text.encode()).hexdigest()
    return {"context": "", "embedded_hash": embedded, "language": "en", "words": " ".join(index_terms(text, "en"))}
