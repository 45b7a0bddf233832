"""Whether search finds the right passage in other languages, and what a model that knows them is worth.

XQuAD in several languages: every distinct question, the passage that answers it, whole passages as chunks, through the
flow and through Freshet's own search, with each model given. The languages beside English are not among the data that
tests read: fetch https://github.com/google-deepmind/xquad (CC BY-SA 4.0) and name its folder.

    python bench/languages.py --xquad FOLDER --models bundled multilingual-e5-small --languages en de es zh ar ru
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from common import data_folder, prefect_server, print_table, refresh_here, write_project, write_results
from options import parse_sized
from retrieval import DEPTH, MODES, WHOLE, ask_all, file_name, score

WEIGHTS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
"""Shares of the vector half in hybrid search that are tried."""


def read(file: Path) -> tuple[list[str], dict[str, int]]:
    """Returns the passages of a file of XQuAD, and each distinct question with the number of its passage."""
    content = json.loads(file.read_text("utf-8"))
    paragraphs = [paragraph for article in content["data"] for paragraph in article["paragraphs"]]
    questions: dict[str, int] = {}
    for number, paragraph in enumerate(paragraphs):
        for entry in paragraph["qas"]:
            questions.setdefault(entry["question"].strip(), number)
    return [paragraph["context"] for paragraph in paragraphs], questions


def measure(work: Path, file: Path, model: str, options: argparse.Namespace) -> dict[str, Any]:
    """Returns what one language comes to with one model."""
    from freshet.tasks.search.fusion import fuse
    from freshet.tasks.search.retrieve import query_embedder
    from freshet.tasks.settings.file import load_project

    passages, questions = read(file)
    passages = passages[: options.passages]
    asked = [question for question, number in questions.items() if number < len(passages)]
    questions = {question: questions[question] for question in asked[:: options.every]}
    source = work / "passages"
    source.mkdir(parents=True)
    for number, passage in enumerate(passages):
        (source / file_name(number)).write_text(passage, "utf-8")
    config = write_project(work / "project", source, chunking=WHOLE, embedding={"model": model})
    before = time.perf_counter()
    report = refresh_here(config)
    assert report["outcome"] == "released", report
    found: dict[str, Any] = {
        "questions": len(questions),
        "chunks": report["chunks"],
        "refresh_s": round(time.perf_counter() - before, 1),
        "embed_s": round(report["seconds"]["embed"], 1),
    }
    embed_now, vectors = query_embedder(load_project(config)), {}

    def embed(release: Any, question: str) -> Any:
        if question not in vectors:
            vectors[question] = embed_now(release, question)
        return vectors[question]

    unions: list[Any] = []

    def kept(candidates: Any, *weights: Any) -> Any:
        unions.append(candidates)
        return fuse(candidates, *weights)

    with patch("freshet.tasks.search.fusion.fuse", kept):
        for mode in MODES:
            found[mode] = score(ask_all(config, questions, mode, 2 * DEPTH, embed), questions)
    squeezed = ["".join(passage.split()) for passage in passages]

    @cache
    def name_of(text: str) -> str:
        part = "".join(text.split())
        return file_name(next(number for number, one in enumerate(squeezed) if part in one))

    for weight in WEIGHTS if options.weights else ():
        with patch("freshet.tasks.search.fusion.VECTOR_WEIGHT", weight):
            run = {
                question: best_files(one, fuse(one), name_of) for question, one in zip(questions, unions, strict=True)
            }
        found[f"hybrid, {weight:g} by vector"] = score(run, questions)
    return found


def best_files(candidates: Any, scores: Any, name_of: Callable[[str], str]) -> dict[str, float]:
    """Returns the ten best files of one question's candidates."""
    best: dict[str, float] = {}
    for one, text in sorted(zip(map(float, scores), candidates["text"].to_pylist(), strict=True), reverse=True):
        best.setdefault(name_of(text), one)
    return dict(list(best.items())[:DEPTH])


def main() -> None:
    """Scores each model in each language, in each mode."""
    parser = argparse.ArgumentParser(description="Retrieval quality in several languages.")
    parser.add_argument("--xquad", type=Path, help="folder of xquad.LANGUAGE.json; default: the test data, English")
    parser.add_argument("--languages", nargs="+", default=["en"], help="default: %(default)s")
    parser.add_argument("--models", nargs="+", default=["bundled"], help="embedding.model; default: %(default)s")
    parser.add_argument("--weights", action="store_true", help="also try other shares of the vector half")
    parser.add_argument("--passages", type=int, default=240, help="at most; default: %(default)s")
    parser.add_argument("--every", type=int, default=1, help="ask only each n-th question; default: %(default)s")
    options = parse_sized(parser, {"passages": 60}, {"passages": 5})
    folder = options.xquad or data_folder() / "xquad"
    results: dict[str, Any] = {}
    rows = []
    with tempfile.TemporaryDirectory(prefix="freshet-bench-") as work, prefect_server():
        for language in options.languages:
            for number, model in enumerate(options.models):
                at = Path(work) / f"{language}-{number}"
                found = measure(at, folder / f"xquad.{language}.json", model, options)
                results[f"{language}, {model}"] = found
                for what, scored in found.items():
                    if isinstance(scored, dict):
                        rows.append([language, model, what, *scored.values()])
                        print(*rows[-1], flush=True)
    print_table(["language", "model", "what", "nDCG@10", "R@1", "R@10"], rows, "XQuAD, whole passages as chunks")
    ratios = {f"nDCG@10, {name}, {mode}": found[mode]["nDCG@10"] for name, found in results.items() for mode in MODES}
    write_results("languages", options.size, ratios, results)


if __name__ == "__main__":
    main()
