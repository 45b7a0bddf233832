"""Hybrid search on sets of documents with questions, beside other ways to rank the very same passages.

XQuAD in English and in German, pages of the AWS documentation, and a probe corpus of identifiers, versions, acronyms,
compounds and scripts without blanks. Freshet ranks as readers ask: refreshed by the flow, asked by its own search. The
others rank its passages, without the context that it gives them: `bm25s`, the bundled model alone, both by reciprocal
ranks, and of the fixed linear mixtures of both the one that is best on the set.
"""

from __future__ import annotations

import json
import logging
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from common import data_folder, refresh_here, write_project, xquad
from numpy.typing import NDArray
from options import has_library

Scores = NDArray[np.float64]
DEPTH, ASKED = 10, 50
WEIGHTS = tuple(step / 10 for step in range(1, 10))


@dataclass(frozen=True)
class QuestionSet:
    """Documents in a folder, and questions with the paths of the documents that answer each, and a grade."""

    name: str
    folder: Path
    questions: dict[str, str]
    relevant: dict[str, dict[str, int]]


def question_sets(work: Path, most: int | None) -> Iterator[QuestionSet]:
    """Unpacks the sets below a folder, with at most so many questions each."""
    passages, questions = xquad()
    english = work / "xquad-en"
    english.mkdir()
    for number, passage in enumerate(passages):
        (english / f"{number:03d}.txt").write_text(passage, "utf-8")
    asked = dict(enumerate(list(questions.items())[:most]))
    relevant = {str(key): {f"{number:03d}.txt": 1} for key, (_, number) in asked.items()}
    yield QuestionSet("XQuAD, English", english, {str(key): one for key, (one, _) in asked.items()}, relevant)
    for archive, name in (("xquad-de", "XQuAD, German"), ("aws", "AWS documentation"), ("probe", "probe")):
        with tarfile.open(data_folder() / "retrieval" / f"{archive}.tar.xz") as file:
            file.extractall(work, filter="data")
        own = work / archive
        texts, answers = (json.loads((own / f"{part}.json").read_text("utf-8")) for part in ("queries", "qrels"))
        kept = [key for key in texts if answers.get(key)][:most]
        relevant = {key: answers[key] for key in kept}
        yield QuestionSet(name, own / "docs", {key: texts[key] for key in kept}, relevant)


def ask_freshet(config: Path, one: QuestionSet, mode: Any) -> dict[str, list[str]]:
    """Returns for each question the ten best documents, a document ranking by its best passage."""
    from datetime import UTC, datetime

    from freshet.tasks.errors import SettingsError
    from freshet.tasks.governance.expressions import Asker
    from freshet.tasks.search.retrieve import query_embedder, search
    from freshet.tasks.settings.file import load_project
    from freshet.tasks.store.tables import Store

    project = load_project(config)
    store, embed, asker = Store(project.store), query_embedder(project), Asker(frozenset({"everyone"}))
    paths = {row["doc_id"]: row["path"] for row in store.corpus("bench").rows("documents")}
    found: dict[str, list[str]] = {}
    for key, question in one.questions.items():
        try:
            answer = search(
                store, "bench", question, asker=asker, mode=mode, limit=ASKED, now=datetime.now(UTC), embed_query=embed
            )
        except SettingsError:  # too long for a question
            found[key] = []
            continue
        found[key] = list(dict.fromkeys(paths[hit.doc_id] for hit in answer.hits))[:DEPTH]
    return found


def passages_of(config: Path) -> tuple[list[str], list[str]]:
    """Returns the texts of the released passages, and the path of each one's document."""
    from freshet.tasks.ledger.releases import find_standing
    from freshet.tasks.settings.file import load_project
    from freshet.tasks.store.tables import Store

    store = Store(load_project(config).store)
    standing, tables = find_standing(store, "bench"), store.corpus("bench")
    assert standing is not None
    chunks = tables.at(standing.live.table, standing.live.table_version)
    rows = chunks.search().select(["chunk_id", "doc_id", "text"]).to_arrow().sort_by("chunk_id")
    paths = {row["doc_id"]: row["path"] for row in tables.rows("documents")}
    return rows["text"].to_pylist(), [paths[doc_id] for doc_id in rows["doc_id"].to_pylist()]


def others(one: QuestionSet, texts: list[str], paths: list[str]) -> dict[str, dict[str, list[str]]]:
    """Returns by name of a peer, for each question, the ten best documents."""
    from freshet.tasks.embedding.embed import load_embedder
    from freshet.tasks.embedding.models import resolve_model
    from freshet.tasks.settings.embedding import Embedding

    embedder = load_embedder(resolve_model(Embedding(), one.folder))
    near = embedder.embed_queries(list(one.questions.values())) @ embedder.embed(texts).T
    found = {"MiniLM": {key: _best(cosines, paths) for key, cosines in zip(one.questions, near, strict=True)}}
    if not has_library("bm25s"):
        return found
    import bm25s

    logging.getLogger("bm25s").setLevel(logging.WARNING)
    index = bm25s.BM25()
    index.index(bm25s.tokenize(texts, show_progress=False), show_progress=False)
    worded = [_bm25s(index, question, len(texts)) for question in one.questions.values()]
    pairs = {key: (near[n].astype(float), worded[n]) for n, key in enumerate(one.questions)}
    found["bm25s"] = {key: _best(words, paths) for key, (_, words) in pairs.items()}
    by_ranks = {key: 1 / (60 + _ranks(a)) + 1 / (60 + _ranks(b)) for key, (a, b) in pairs.items()}
    found["reciprocal ranks"] = {key: _best(ranks, paths) for key, ranks in by_ranks.items()}
    for weight in WEIGHTS:
        mixed = {key: _best(weight * _share(a) + (1 - weight) * _share(b), paths) for key, (a, b) in pairs.items()}
        found[f"linear, {weight}"] = mixed
    return found


def _bm25s(index: Any, question: str, count: int) -> Scores:
    import bm25s

    tokens = bm25s.tokenize(question, return_ids=False, show_progress=False)[0]
    return np.asarray(index.get_scores(tokens), np.float64) if tokens else np.zeros(count)


def _ranks(scores: Scores) -> Scores:
    ranks = np.empty(len(scores))
    ranks[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    return ranks


def _share(scores: Scores) -> Scores:
    found = np.maximum(scores, 0)
    return found / found.max() if found.max() > 0 else found


def _best(scores: Any, paths: list[str]) -> list[str]:
    order = np.argsort(-np.asarray(scores), kind="stable")
    return list(dict.fromkeys(paths[n] for n in order))[:DEPTH]


def score_of(found: dict[str, list[str]], one: QuestionSet) -> dict[str, float]:
    """Returns nDCG@10, and how many questions have an answering document first."""
    import ir_measures
    from ir_measures import nDCG

    run = {key: {path: 1 / (rank + 1) for rank, path in enumerate(paths)} for key, paths in found.items()}
    measured = ir_measures.calc_aggregate([nDCG @ DEPTH], one.relevant, run)
    first = sum(bool(paths) and paths[0] in one.relevant[key] for key, paths in found.items())
    return {"nDCG@10": round(float(measured[nDCG @ DEPTH]), 4), "first": first, "questions": len(found)}


def measure(work: Path, most: int | None, names: list[str] | None = None) -> dict[str, dict[str, Any]]:
    """Returns by set, by way to rank, what `score_of` says. Of the linear mixtures only the best is kept.

    Args:
        most: questions of each set; None for all.
        names: of the sets; None for all.
    """
    results: dict[str, dict[str, Any]] = {}
    for one in question_sets(work, most):
        if names is not None and one.name not in names:
            continue
        config = write_project(work / f"project {one.name}", one.folder)
        report = refresh_here(config)
        assert report["outcome"] == "released", report
        ranked = {f"Freshet, {mode}": ask_freshet(config, one, mode) for mode in ("hybrid", "text", "vector")}
        scored = {name: score_of(found, one) for name, found in (ranked | others(one, *passages_of(config))).items()}
        linear = [name for name in scored if name.startswith("linear")]
        if linear:
            best = max(linear, key=lambda name: scored[name]["nDCG@10"])
            scored[f"best {best}"] = scored[best]
        results[one.name] = {name: found for name, found in scored.items() if name not in linear}
    return results
