"""A corpus as a retriever of LangChain; needs the extra `langchain`."""

from __future__ import annotations

from collections.abc import Sequence

from freshet.corpus import Corpus, Mode
from freshet.integrations.passages import metadata_of, passage_id
from freshet.tasks.errors import MissingExtra

try:
    from langchain_core.callbacks import CallbackManagerForRetrieverRun
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever
except ImportError as error:
    raise MissingExtra(f"LangChain is not installed: {error}", "Type: pip install 'freshet[langchain]'") from None


class FreshetRetriever(BaseRetriever):
    """Finds passages of a corpus, of a project on this machine or of a service.

    Attributes:
        corpus: what is asked.
        as_: whom to ask as; see `freshet.Corpus`.
        limit: how many passages at most.
        mode: how they are found.
        release: number of an earlier release; None for the live one.
    """

    corpus: Corpus
    as_: Sequence[str] = ()
    limit: int = 5
    mode: Mode = "hybrid"
    release: int | None = None

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        found = self.corpus.search(query, as_=self.as_, mode=self.mode, limit=self.limit, release=self.release)
        return [Document(id=passage_id(hit), page_content=hit.text, metadata=metadata_of(found, hit)) for hit in found]
