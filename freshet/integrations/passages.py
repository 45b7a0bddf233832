"""What other libraries are told of a passage."""

from __future__ import annotations

from typing import Any

from freshet.answers import Hit, SearchResult

READ = ("title", "heading")
"""What of it helps a language model to understand the passage; the rest is for programs."""


def passage_id(hit: Hit) -> str:
    """An id that a passage has as long as its document keeps its text."""
    start, end = hit.citation.chars
    return f"{hit.document.id}:{start}-{end}"


def metadata_of(found: SearchResult, hit: Hit) -> dict[str, Any]:
    """Where a passage stands and how it was found, as JSON has it."""
    return {
        "source": hit.document.uri,
        "title": hit.document.title,
        "document": hit.document.id,
        **hit.citation.as_dict(),
        "stale": hit.stale,
        "score": hit.score,
        "relevance": hit.relevance,
        "corpus": found.corpus,
        "release": found.release,
    }
