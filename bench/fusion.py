"""How hybrid search should join its two halves: nDCG@10 of several fusions, on two kinds of questions.

XQuAD: real questions, each answered by one of 240 passages. Handbook: known items, where a section's heading (taken
out of the passage) or its first sentence is the query and the section the answer.
"""

from __future__ import annotations

import argparse
import re
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from common import data_folder, print_table, write_results, xquad
from numpy.typing import NDArray
from options import parse_sized

Scores = NDArray[np.float64]
Fusion = Callable[[Scores, Scores], Scores]
DEPTHS = (20, 50, 100)
_LONGEST = 1000  # characters of a section's passage, about what the model reads


@dataclass(frozen=True)
class Candidates:
    """The candidates of one question.

    Attributes:
        ids: the numbers of the passages. All arrays have the shape (candidates,).
        cosine: the cosine of each passage and the question.
        bm25: the BM25 score of each passage; 0 where the text half did not return it.
        near_rank: the rank in the vector half, from 0; infinite where that half did not return the passage.
        text_rank: the rank in the text half, from 0; infinite where that half did not return the passage.
        answer: the number of the passage that answers the question.
    """

    ids: NDArray[np.int64]
    cosine: Scores
    bm25: Scores
    near_rank: Scores
    text_rank: Scores
    answer: int

    def at(self, depth: int) -> Candidates:
        """Returns the candidates that either half ranks above `depth`."""
        keep = (self.near_rank < depth) | (self.text_rank < depth)
        bm25 = np.where(self.text_rank < depth, self.bm25, 0.0)
        return Candidates(
            self.ids[keep], self.cosine[keep], bm25[keep], self.near_rank[keep], self.text_rank[keep], self.answer
        )


def handbook_queries() -> tuple[list[str], dict[str, int], dict[str, int]]:
    """Returns sections of the handbook, and for each kind of known-item query the number of its section."""
    sections: list[str] = []
    headings: dict[str, list[int]] = {}
    sentences: dict[str, list[int]] = {}
    with tarfile.open(data_folder() / "handbook" / "after.tar.gz") as archive:
        files = sorted((member for member in archive if member.name.endswith(".md")), key=lambda member: member.name)
        for member in files:
            stream = archive.extractfile(member)
            text = stream.read().decode("utf-8") if stream else ""
            for heading, body in re.findall(r"^#{1,6} +(.+?)\s*\n(.*?)(?=^#{1,6} |\Z)", text, flags=re.M | re.S):
                passage = " ".join(body.split())[:_LONGEST]
                first = re.match(r"[A-Z][^.!?]{40,200}[.!?](?= )", passage)
                if len(passage) < 100 or not first:
                    continue
                headings.setdefault(heading, []).append(len(sections))
                sentences.setdefault(first[0], []).append(len(sections))
                sections.append(passage)
    single = [{query: found[0] for query, found in kind.items() if len(found) == 1} for kind in (headings, sentences)]
    return sections, single[0], single[1]


def few(passages: list[str], questions: dict[str, int], most: int | None) -> tuple[list[str], dict[str, int]]:
    """Returns at most so many passages, and one of the questions that each of them answers."""
    if most is None:
        return passages, questions
    one_each = {answer: question for question, answer in questions.items() if answer < most}
    return passages[:most], {question: answer for answer, question in one_each.items()}


def gather(passages: list[str], questions: dict[str, int], folder: Path) -> list[Candidates]:
    """Returns a hundred candidates of each half for every question, as Freshet's search asks for them."""
    import lancedb
    import pyarrow as pa
    from lancedb.index import FTS
    from lancedb.query import MatchQuery

    from freshet.tasks.embedding.embed import load_embedder
    from freshet.tasks.embedding.models import resolve_model
    from freshet.tasks.settings.embedding import Embedding

    embedder = load_embedder(resolve_model(Embedding(), folder))
    vectors = embedder.embed(passages)
    table = lancedb.connect(folder).create_table("passages", pa.table({"id": range(len(passages)), "text": passages}))
    table.create_index("text", config=FTS())
    found = []
    for question, answer in questions.items():
        cosines = vectors @ embedder.embed_query(question)
        hits = table.search(MatchQuery(question, "text"), query_type="fts").select(["id", "_score"]).limit(max(DEPTHS))
        worded = {row["id"]: (rank, row["_score"]) for rank, row in enumerate(hits.to_list())}
        near = {int(number): rank for rank, number in enumerate(np.argsort(-cosines, kind="stable")[: max(DEPTHS)])}
        ids = np.array(sorted(worded.keys() | near.keys()))
        found.append(
            Candidates(
                ids,
                cosines[ids].astype(float),
                np.array([worded.get(i, (0, 0.0))[1] for i in ids]),
                np.array([near.get(i, np.inf) for i in ids]),
                np.array([worded.get(i, (np.inf, 0.0))[0] for i in ids]),
                answer,
            )
        )
    return found


def _spread(values: Scores) -> Scores:
    span = float(np.ptp(values))
    return (values - values.min()) / span if span > 0 else np.zeros_like(values)


def _by_best(values: Scores) -> Scores:
    return values / values.max() if values.max() > 0 else np.zeros_like(values)


def _deviations(values: Scores) -> Scores:
    return (values - values.mean()) / values.std() if values.std() > 0 else np.zeros_like(values)


_COSINES: dict[str, Callable[[Scores], Scores]] = {
    "cosine spread over the candidates": _spread,
    "cosine as share of the best": lambda cosine: _by_best(np.maximum(cosine, 0)),
    "(1 + cosine) / 2": lambda cosine: (1 + cosine) / 2,
    "cosine": lambda cosine: cosine,
}
WEIGHTS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


def convex(name: str, weight: float) -> Fusion:
    """Returns a fusion: weight x the cosine in one of its forms + the rest x BM25 as a share of the best."""
    return lambda cosine, bm25: weight * _COSINES[name](cosine) + (1 - weight) * _by_best(bm25)


def ndcg(candidates: list[Candidates], score: Callable[[Candidates], Scores]) -> float:
    """Returns the mean nDCG@10 of questions that have one answer each; equal scores rank by id."""
    gains = []
    for one in candidates:
        order = one.ids[np.lexsort((one.ids, -score(one)))][:10]
        place = np.flatnonzero(order == one.answer)
        gains.append(1 / np.log2(place[0] + 2) if len(place) else 0.0)
    return float(np.mean(gains))


def measure(sets: dict[str, list[Candidates]], depth: int) -> list[dict[str, Any]]:
    """Returns one row for each fusion, with its nDCG@10 on each set of questions."""
    at = {name: [one.at(depth) for one in candidates] for name, candidates in sets.items()}

    def row(name: str, weight: float | None, score: Callable[[Candidates], Scores]) -> dict[str, Any]:
        return {"depth": depth, "fusion": name, "weight": weight} | {key: ndcg(c, score) for key, c in at.items()}

    rows = [
        row("vector alone", None, lambda one: one.cosine),
        row("text alone", None, lambda one: one.bm25),
        row("reciprocal ranks, k = 60", None, lambda one: 1 / (60 + one.near_rank) + 1 / (60 + one.text_rank)),
    ]
    for name in _COSINES:
        for weight in WEIGHTS:
            fusion = convex(name, weight)
            rows.append(row(f"{name}, BM25 / best", weight, lambda one, fusion=fusion: fusion(one.cosine, one.bm25)))
    for weight in WEIGHTS:
        rows.append(
            row(
                "both in standard deviations",
                weight,
                lambda one, w=weight: w * _deviations(one.cosine) + (1 - w) * _deviations(one.bm25),
            )
        )
    return rows


def chosen(sets: dict[str, list[Candidates]]) -> dict[str, float]:
    """Returns the nDCG@10 of freshet.tasks.search.fusion on these candidates, at the greatest depth."""
    import pyarrow as pa

    from freshet.tasks.search.fusion import fuse

    def score(one: Candidates) -> Scores:
        found = pa.table({"chunk_id": one.ids, "cosine": one.cosine, "bm25": one.bm25})
        return fuse(found).astype(float)

    return {name: ndcg(candidates, score) for name, candidates in sets.items()}


def main() -> None:
    """Prints the nDCG@10 of every fusion at every depth, and of the one that Freshet uses."""
    parser = argparse.ArgumentParser(description="How hybrid search should join its two halves.")
    parser.add_argument("--passages", type=int, help="of each set, with one question each; by default, all of both")
    options = parse_sized(parser, {"passages": 100}, {"passages": 12})
    sections, headings, sentences = handbook_queries()
    with tempfile.TemporaryDirectory() as folder:
        sets = {
            "xquad": gather(*few(*xquad(), options.passages), Path(folder, "xquad")),
            "headings": gather(*few(sections, headings, options.passages), Path(folder, "headings")),
            "sentences": gather(*few(sections, sentences, options.passages), Path(folder, "sentences")),
        }
    print("Questions:", ", ".join(f"{name} {len(candidates)}" for name, candidates in sets.items()))
    rows = [row for depth in DEPTHS for row in measure(sets, depth)]
    for depth in DEPTHS:
        here = [row for row in rows if row["depth"] == depth]
        shown = [[row["fusion"], row["weight"], *(round(row[name], 4) for name in sets)] for row in here]
        print_table(["fusion", "weight of the vector half", *sets], shown, f"nDCG@10, {depth} candidates of each half")
    best = chosen(sets)
    print_table(["freshet.tasks.search.fusion", *sets], [["fuse", *(round(best[name], 4) for name in sets)]])
    ratios = {
        f"nDCG@10 of fuse / of {row['fusion']}, {name}": best[name] / row[name]
        for row in rows[-len(rows) // len(DEPTHS) :][:2]
        for name in sets
    }
    results = {"questions": {name: len(c) for name, c in sets.items()}, "rows": rows, "chosen": best}
    write_results("fusion", options.size, ratios, results)


if __name__ == "__main__":
    main()
