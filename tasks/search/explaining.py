"""Why a passage was found, and why a document was not, as far as whoever asks may know."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, Literal

from freshet.tasks.errors import SettingsError
from freshet.tasks.ledger.access_classes import mark_of
from freshet.tasks.search.filters import refusals
from freshet.tasks.search.ranking import FUSED, Find, Passage, View, rank
from freshet.tasks.search.visible import rows_by_document
from freshet.tasks.search.wanted import KINDS, Filters
from freshet.tasks.search.words import matched_words
from freshet.tasks.settings.addresses import shown
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import both, either, equals, holds_any, is_any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lancedb.table import Table

FARTHEST = 1000
"""How many passages are ranked to find the place of a document."""


@dataclass(frozen=True)
class Why:
    """How the score of a hit came about.

    Attributes:
        cosine: how near the passage is to the question; None where vectors were not asked.
        bm25: how well its words match; None where words were not asked, or where it is not among those that match
            best, which counts as 0.
        shares: what each of both adds to a fused score; empty where the score is not fused.
        words: words of the question that stand in the passage.
    """

    cosine: float | None
    bm25: float | None
    shares: Mapping[str, float]
    words: Sequence[str]

    def as_dict(self) -> dict[str, Any]:
        """The explanation in the shape that `freshet search --json` prints."""
        return {**asdict(self), "words": list(self.words)}


Reason = Literal["hit", "not_there", "copy", "filtered", "no_word", "lower", "far"]


@dataclass(frozen=True)
class WhyNot:
    """Why a document is not among the hits.

    Attributes:
        document: as it was asked for.
        reason: `not_there` is said alike of a document that there is not, one that is in no release yet, and one that
            whoever asks may not see.
        says: the reason in words.
        place: where its best passage ranks, from 1; None where that is not known.
        filters: those that do not let it in.
        words: words of the question that stand in its best passage.
    """

    document: str
    reason: Reason
    says: str
    place: int | None = None
    filters: Sequence[str] = ()
    words: Sequence[str] = ()

    def as_dict(self) -> dict[str, Any]:
        """The reason in the shape that `freshet search --json` prints."""
        return {**asdict(self), "filters": list(self.filters), "words": list(self.words)}


def why(passage: Passage, question: str) -> Why:
    """How the score of a passage came about, of one as `find_candidates` gives it."""
    shares = {name[len(FUSED) :]: share for name, share in passage.items() if name.startswith(FUSED)}
    words = matched_words(question, passage["text"])
    return Why(passage.get("cosine"), passage.get("bm25"), shares, words)


def not_there(asked: str, release: int) -> WhyNot:
    """What is said of a document that whoever asks may know nothing of."""
    says = f"there is no document {shown(asked)} in release {release} that you may see"
    return WhyNot(asked, "not_there", says)


def why_not(view: View, find: Find, question: str, asked: str, filters: Filters, hits: Sequence[Passage]) -> WhyNot:
    """Why a document is not among the hits of a search.

    Of one that whoever asks may not see, it says what it says of one that does not exist, after the same steps.

    Args:
        find: as the search has it.
        asked: the document's path, URI or id.

    Raises:
        SettingsError: several documents that whoever asks may see have this name.
        AccessCheckFailed: the newest ledger could not be read.
    """
    pinned = view.tables.at(schemas.DOCUMENTS, view.release.ledger_version)
    name = asked.replace("\0", " ")  # which no name in the store has
    named = reduce(either, [equals(column, name) for column in ("path", "uri", "doc_id")])
    known = {row["doc_id"]: row for row in _rows(pinned, named)}
    ids = set(known) or {name}
    of_these = is_any("doc_id", sorted(ids))
    chunks = view.chunks.search().where(both(view.visible, of_these)).select(["doc_id"]).to_arrow()
    served = set(chunks["doc_id"].to_pylist())
    newest = view.newest(ids)
    visible = [row for doc_id, row in known.items() if doc_id in newest and doc_id in served]
    if len(visible) > 1:
        places = ", ".join(sorted(row["uri"] for row in visible))
        raise SettingsError(f"{shown(asked)} is the name of several documents", f"Give one of these: {shown(places)}")
    if not visible:
        copies = [row for doc_id, row in known.items() if doc_id in newest and row["duplicate_of"] is not None]
        said = next((one for row in copies if (one := _copy(view, pinned, asked, row)) is not None), None)
        return said or not_there(asked, view.release.release)
    return _why_not(view, find, question, asked, filters, hits, visible[0])


def _why_not(
    view: View, find: Find, question: str, asked: str, filters: Filters, hits: Sequence[Passage], row: dict[str, Any]
) -> WhyNot:
    doc_id = row["doc_id"]
    for place, one in enumerate(hits, 1):
        if one["doc_id"] == doc_id:
            return WhyNot(asked, "hit", f"it is among the hits, at place {place}", place)
    own = equals("doc_id", doc_id)
    refused = refusals(row, filters)
    kinds = [kind for one in filters.kind for kind in KINDS[one]]
    if kinds and not view.chunks.count_rows(both(both(view.visible, own), holds_any("kinds", kinds))):
        refused.append("kind")
    if refused:
        return WhyNot(asked, "filtered", f"it is filtered out, by {' and '.join(refused)}", filters=tuple(refused))
    best = find(both(view.counted, own), 1).to_pylist()
    if not best:
        return WhyNot(asked, "no_word", "no word of the question is in it")
    words = matched_words(question, best[0]["text"])
    ranked = rank(view, find, FARTHEST).passages
    for place, one in enumerate(ranked, 1):
        if one["doc_id"] == doc_id:
            words = matched_words(question, one["text"])
            says = f"it ranks lower: its best passage is at place {place}, with the score {one['score']:.3f}"
            return WhyNot(asked, "lower", f"{says}; {_in_words(words)}", place, words=words)
    says = f"it ranks lower: none of its passages is among the first {FARTHEST:,}"
    return WhyNot(asked, "far", f"{says}; {_in_words(words)}", words=words)


def _in_words(words: Sequence[str]) -> str:
    return f"words that match: {', '.join(words)}" if words else "no word of the question is in it"


def _copy(view: View, pinned: Table, asked: str, row: dict[str, Any]) -> WhyNot | None:
    """What is said of a document whose text is in the release as that of another, where both may be seen."""
    kept = row["duplicate_of"]
    sight = view.sight()
    offered = view.tables.at(schemas.DOCUMENTS, view.standing.offered.ledger_version)
    for ledger in (pinned, offered):
        held = rows_by_document(ledger, [row["doc_id"]]).get(row["doc_id"])
        if held is not None and not sight.admits(mark_of(held)):
            return None
    as_released = rows_by_document(pinned, [kept]).get(kept)
    is_served = view.chunks.count_rows(both(view.visible, equals("doc_id", kept)))
    if as_released is None or not is_served or kept not in view.newest({kept}):
        return None
    return WhyNot(asked, "copy", f"its text is in the release as that of {as_released['path']}")


def _rows(ledger: Table, where: str) -> list[dict[str, Any]]:
    columns = ["doc_id", "source", "path", "uri", "title", "modified_at", "duplicate_of"]
    found: list[dict[str, Any]] = ledger.search().where(where).select(columns).to_list()
    return found
