"""What the gate makes of planted damage, and of changes that do no harm, with drawn and with golden questions.

Each is planted into a copy of a released corpus, which is refreshed then. Damage that is published, and a harmless
change that is rejected, end the script with an error.

    python bench/damage.py [--corpus xquad handbook cjk] [--questions drawn golden] [--only TEXT]
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

from common import data_folder, keep_first, prefect_server, print_table, refresh_here, write_project, write_results
from options import parse_sized
from planted_damage import DAMAGE, HARMLESS, Released, words_of_cjk

HEADINGS = ["corpus", "questions", "planted", "outcome", "by", "hybrid", "vector", "text", "s"]
CORPORA = ("xquad", "handbook", "cjk")
NOT_THERE = {"handbook": ["golden"]}
"""Sets of questions that a corpus does not have."""

MOST_GOLDEN = 300


def write_xquad(docs: Path, documents: int) -> list[dict[str, Any]]:
    """Writes XQuAD's passages as documents, and returns golden questions, each with the words that answer it."""
    content = json.loads((data_folder() / "xquad" / "xquad.en.json").read_text("utf-8"))
    golden = []
    for article in content["data"]:
        for place, paragraph in enumerate(article["paragraphs"]):
            path = f"{article['title']}-{place}.md"
            (docs / path).write_text(paragraph["context"] + "\n", "utf-8")
            for one in paragraph["qas"]:
                answer = {"document": path, "contains": one["answers"][0]["text"]}
                golden.append({"question": one["question"].strip(), "answers": [answer]})
    keep_first(docs, documents)
    kept = [one for one in golden if (docs / one["answers"][0]["document"]).is_file()]
    unique = list({one["question"]: one for one in kept}.values())
    return random.Random(0).sample(unique, min(MOST_GOLDEN, len(unique)))


def write_handbook(docs: Path, documents: int) -> list[dict[str, Any]]:
    """Writes the handbook; it has no golden questions."""
    with tarfile.open(data_folder() / "handbook" / "before.tar.gz") as packed:
        packed.extractall(docs, filter="data")
    keep_first(docs, documents)
    return []


def write_cjk(docs: Path, documents: int) -> list[dict[str, Any]]:
    """Writes documents of made-up words in ideographs, and golden questions about them."""
    chance = random.Random(0)
    words = ["".join(chr(chance.randint(0x4E00, 0x9F00)) for _ in range(2)) for _ in range(600)]
    golden = []
    for number in range(min(documents, 60)):
        said = ["".join(chance.choices(words, k=8)) + "。" for _ in range(12)]
        (docs / f"{number:02}.md").write_text(
            "\n\n".join("".join(said[at : at + 3]) for at in range(0, 12, 3)) + "\n", "utf-8"
        )
        asked = said[chance.randrange(12)]
        golden.append({"question": asked[2:14], "answers": [{"document": f"{number:02}.md", "contains": asked}]})
    return golden


WRITERS = {"xquad": write_xquad, "handbook": write_handbook, "cjk": write_cjk}


def exam_of_newest(released: Released) -> dict[str, Any]:
    """Returns the exam of the newest decision."""
    from freshet.tasks.ledger.releases import list_releases
    from freshet.tasks.settings.file import load_project
    from freshet.tasks.store.tables import Store

    newest = list_releases(Store(load_project(released.config).store), "bench")[0]
    found: dict[str, Any] = json.loads(newest.exam) if newest.exam else {}
    return found


def change(comparison: dict[str, Any] | None) -> str:
    """Returns how nDCG@10 changed, with the chance of it."""
    if not comparison:
        return "–"
    one = comparison["measures"]["ndcg_at_10"]
    return f"{one['old']:.3f} → {one['new']:.3f} (p {one['p']:.4f})"


def try_one(base: Released, work: Path, plant: Any) -> dict[str, Any]:
    """Plants something into a copy of a released corpus, refreshes that, and returns what came of it."""
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(base.config.parent, work)
    released = Released(work / base.config.name, work / "docs")
    plant(released)
    started = time.perf_counter()
    with released.during:
        report = refresh_here(released.config, **released.options)
    if report["outcome"] == "failed":
        sys.exit(report["error"])
    exam = exam_of_newest(released)
    halves = exam.get("halves") or {}
    return {
        "outcome": report["outcome"],
        "codes": sorted({reason.split(":")[0] for reason in report["reasons"]}),
        "hybrid": change(exam.get("comparison")),
        "vector": change((halves.get("vector") or {}).get("comparison")),
        "text": change((halves.get("text") or {}).get("comparison")),
        "not_compared": exam.get("not_compared"),
        "seconds": round(time.perf_counter() - started, 1),
    }


def make_base(folder: Path, corpus: str, questions: str, documents: int) -> Released:
    """Releases a corpus, and returns it."""
    docs = folder / "docs"
    docs.mkdir(parents=True)
    golden = WRITERS[corpus](docs, documents)
    base = Released(write_project(folder, Path("docs")), docs)
    if questions == "golden":
        (folder / "golden.yaml").write_text(json.dumps(golden), "utf-8")  # JSON is YAML
        base.set(golden="golden.yaml")
    if corpus == "cjk":
        base.patch("freshet.tasks.index.indices.declared_indices", words_of_cjk)
    with base.during:
        report = refresh_here(base.config)
    assert report["outcome"] == "released", report
    return base


def is_wrong(corpus: str, questions: str, name: str, outcome: str) -> bool:
    """Whether the gate decided as it should not have."""
    if name in HARMLESS:
        return outcome == "rejected"
    # What settings ask for is compared by golden questions only, and English words hold no ideographs.
    wanted = name.endswith("by the settings") and questions == "drawn"
    return outcome != "rejected" and not wanted and not (name == "words without CJK" and corpus != "cjk")


def main() -> None:
    """Plants everything into each corpus, with each set of questions, and prints what the gate made of it."""
    parser = argparse.ArgumentParser(description="Planted damage and harmless changes before the gate.")
    parser.add_argument("--corpus", nargs="*", choices=CORPORA, default=["xquad", "handbook", "cjk"])
    parser.add_argument("--questions", nargs="*", choices=["drawn", "golden"], default=["drawn", "golden"])
    parser.add_argument("--documents", type=int, default=10**6, help="of each corpus, at most; by default, all")
    parser.add_argument("--only", default="", help="of what is planted, that whose name holds this text")
    options = parse_sized(
        parser,
        {"corpus": ["xquad"], "documents": 80},
        {"corpus": ["xquad"], "questions": ["drawn"], "documents": 20, "only": "half of each"},
    )
    rows: list[list[Any]] = []
    found: dict[str, Any] = {}
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="freshet-bench-") as folder, prefect_server():
        for corpus in options.corpus:
            for questions in [one for one in options.questions if one not in NOT_THERE.get(corpus, [])]:
                base = make_base(Path(folder) / f"{corpus}-{questions}", corpus, questions, options.documents)
                for name, plant in {**DAMAGE, **HARMLESS}.items():
                    if options.only not in name or (name == "words without CJK" and corpus != "cjk"):
                        continue
                    one = try_one(base, Path(folder) / "work", plant)
                    found[f"{corpus}, {questions}: {name}"] = one
                    by = ", ".join(one["codes"]) or ("not compared" if one["not_compared"] else "–")
                    rows.append(
                        [corpus, questions, name, one["outcome"], by, *map(one.get, HEADINGS[5:8]), one["seconds"]]
                    )
                    if is_wrong(corpus, questions, name, one["outcome"]):
                        wrong.append(f"{corpus}, {questions}: {name}: {one['outcome']}")
                    print(" | ".join(map(str, rows[-1])), file=sys.stderr, flush=True)
    print_table(HEADINGS, rows)
    print("\n".join(["", f"Decided wrongly: {len(wrong)} of {len(rows)}.", *wrong]))
    write_results("damage", options.size, {"decided rightly": 1 - len(wrong) / max(1, len(rows))}, {"planted": found})
    if wrong:
        sys.exit(1)


if __name__ == "__main__":
    main()
