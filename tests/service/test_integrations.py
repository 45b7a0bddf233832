"""Corpora as retrievers of LangChain and LlamaIndex, of both kinds, for whoever asks, without a look at the network."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from llama_index.core.schema import MetadataMode

import freshet
from freshet.integrations.langchain import FreshetRetriever as LangChainRetriever
from freshet.integrations.llamaindex import FreshetRetriever as LlamaIndexRetriever
from tests.conftest import ROOT
from tests.flows.conftest import Project
from tests.service.serving import FLOOD, app_of, listening


@pytest.fixture(scope="module", params=["project", "service"])
def corpus(request: pytest.FixtureRequest, served: Project) -> Iterator[tuple[freshet.Corpus, tuple[str, ...]]]:
    """A corpus, and whom to ask it as so that legal pages are seen: through the service the token says so."""
    if request.param == "project":
        yield freshet.Project.open(served.folder).corpus("docs"), ("group:legal",)
        return
    with listening(app_of(served.config)) as address, freshet.Client(address, token="lawyer") as client:
        yield client.corpus("docs"), ()


def test_langchain_gets_passages_with_their_citations(corpus: tuple[freshet.Corpus, tuple[str, ...]]) -> None:
    asked, as_ = corpus
    hits = asked.search(FLOOD, as_=as_, limit=3)
    retriever = LangChainRetriever(corpus=asked, as_=as_, limit=3)
    chain: Any = retriever | RunnableLambda(lambda documents: documents)
    for found in (retriever.invoke(FLOOD), asyncio.run(retriever.ainvoke(FLOOD)), chain.invoke(FLOOD)):
        assert [(one.page_content, one.metadata["score"]) for one in found] == [(hit.text, hit.score) for hit in hits]
        assert any("settlement" in one.metadata["source"] for one in found)
        first, hit = found[0].metadata, hits[0]
        assert (first["source"], first["title"]) == (hit.document.uri, hit.document.title)
        assert (first["chars"], first["release"]) == (list(hit.citation.chars), 1)
        assert len({one.id for one in found}) == 3


def test_llama_index_gets_passages_with_their_citations(corpus: tuple[freshet.Corpus, tuple[str, ...]]) -> None:
    asked, as_ = corpus
    hits = asked.search(FLOOD, as_=as_, limit=3)
    retriever = LlamaIndexRetriever(asked, as_=as_, limit=3)
    for found in (retriever.retrieve(FLOOD), asyncio.run(retriever.aretrieve(FLOOD))):
        assert [(one.text, one.score) for one in found] == [(hit.text, hit.score) for hit in hits]
        assert any("settlement" in one.metadata["source"] for one in found)
        read = found[0].node.get_content(MetadataMode.LLM)
        assert hits[0].document.title in read
        assert hits[0].citation.source_version not in read
        assert len({one.node_id for one in found}) == 3


def test_whoever_may_not_see_a_page_does_not_get_it(served: Project) -> None:
    docs = freshet.Project.open(served.folder).corpus("docs")
    documents = LangChainRetriever(corpus=docs, limit=20).invoke(FLOOD)
    nodes = LlamaIndexRetriever(docs, limit=20).retrieve(FLOOD)
    assert len(documents) == len(nodes) == 20
    assert not any("/legal/" in one.metadata["source"] for one in [*documents, *nodes])


def test_an_error_of_the_corpus_comes_through(served: Project) -> None:
    docs = freshet.Project.open(served.folder).corpus("docs")
    with pytest.raises(freshet.SettingsError, match="from 1 to 1000"):
        LangChainRetriever(corpus=docs, limit=0).invoke(FLOOD)
    with pytest.raises(freshet.SettingsError, match="from 1 to 1000"):
        LlamaIndexRetriever(docs, limit=0).retrieve(FLOOD)
    with pytest.raises(ValueError, match="corpus"):
        LangChainRetriever(corpus="docs")


OFFLINE = """
import sys

def watch(event, args):
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"):
        print("network:", event, args[1:])
        raise OSError("this machine is offline")
    if event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        opened.append(str(args[0]))

opened = []
sys.addaudithook(watch)

from freshet import Project
from freshet.integrations.langchain import FreshetRetriever as LangChain
from freshet.integrations.llamaindex import FreshetRetriever as LlamaIndex

docs = Project.open(sys.argv[1]).corpus("docs")
print(len(LangChain(corpus=docs, limit=2).invoke("flood")), len(LlamaIndex(docs, limit=2).retrieve("flood")))
print("nltk" in sys.modules, "tiktoken" in sys.modules, [one for one in opened if one.startswith(sys.argv[2])])
"""


def test_both_work_offline_and_write_nothing_into_the_home(served: Project, tmp_path: Any) -> None:
    tracing = ("LANGCHAIN_", "LANGSMITH_", "NLTK_", "TIKTOKEN_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(tracing)}
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, str(served.folder), str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False, env={**kept, "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout == "2 2\nFalse False []\n", done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []
