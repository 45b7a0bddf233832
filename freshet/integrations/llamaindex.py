"""A corpus as a retriever of LlamaIndex; needs the extra `llamaindex`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from freshet.answers import Hit, SearchResult
from freshet.corpus import Corpus, Mode
from freshet.integrations.passages import READ, metadata_of, passage_id
from freshet.tasks.errors import MissingExtra

try:
    from llama_index.core.base.base_retriever import BaseRetriever
    from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
except ImportError as error:
    raise MissingExtra(f"LlamaIndex is not installed: {error}", "Type: pip install 'freshet[llamaindex]'") from None


class FreshetRetriever(BaseRetriever):
    """Finds passages of a corpus, of a project on this machine or of a service."""

    def __init__(
        self, corpus: Corpus, *, as_: Sequence[str] = (), limit: int = 5, mode: Mode = "hybrid",
        release: int | None = None,
    ) -> None:  # fmt: skip
        """Asks nothing yet.

        Args:
            corpus: what is asked.
            as_: whom to ask as; see `freshet.Corpus`.
            limit: how many passages at most.
            mode: how they are found.
            release: number of an earlier release; None for the live one.
        """
        super().__init__()
        self._corpus, self._as, self._limit, self._mode, self._release = corpus, as_, limit, mode, release

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        found = self._corpus.search(
            query_bundle.query_str, as_=self._as, mode=self._mode, limit=self._limit, release=self._release
        )
        return [NodeWithScore(node=_node(found, hit), score=hit.score) for hit in found]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._retrieve, query_bundle)


def _node(found: SearchResult, hit: Hit) -> TextNode:
    told = metadata_of(found, hit)
    unread = [name for name in told if name not in READ]
    return TextNode(
        id_=passage_id(hit), text=hit.text, metadata=told,
        excluded_llm_metadata_keys=unread, excluded_embed_metadata_keys=unread,
    )  # fmt: skip
