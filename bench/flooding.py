"""Floods, several documents that answer one question: how many are noticed, and which honest documents pass for one.

The data is parted in two halves (`--part`): the numbers of `tasks/documents/flooding/alike.py` were chosen on `tune`,
and what the documentation says was measured on `report`. Floods are put among the handbook's documents, all of one
source.

    python bench/flooding.py [--part report] [--targets 24] [--poisoned FOLDER]

`--poisoned` names a folder with `nq.json`, `hotpotqa.json` and `msmarco.json` of `results/adv_targeted_results` at
https://github.com/sleeepeer/PoisonedRAG: five texts, made by a language model, for each of 300 questions. Every second
question is one of `tune`, the others are those of `report`.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import tarfile
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common import data_folder, prefect_server, print_table, refresh_here, write_project, write_results, xquad
from flooded_corpus import Corpus
from floods import FLOODS, Page, Target, flood
from look_alikes import LOOK_ALIKES, look_alikes, one_question_a_page
from options import leave_out, parse_sized

SIZES = (3, 5, 10)
SNAPSHOTS = 31


def targets(part: str, count: int) -> list[Target]:
    """Returns questions to flood, of one half of the data: XQuAD's and, with paraphrases by people, Banking77's."""
    passages, questions = xquad()
    half = part == "report"
    asked = [(q, n) for q, n in questions.items() if (n // 5) % 2 == half]
    chosen = random.Random(f"targets {part}")
    found = [Target(q, (), passages[n].split(". ")[:6]) for q, n in chosen.sample(asked, count // 2)]
    return found + chosen.sample(banking(part), count - len(found))


def banking(part: str) -> list[Target]:
    """Returns one question for each intent of a half of Banking77, with the other wordings that customers used."""
    by_intent: dict[str, list[str]] = defaultdict(list)
    with (data_folder() / "finetune" / "banking77_train.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            text = " ".join(row["text"].split())
            if text.endswith("?") and 5 <= len(text.split()) <= 20:
                by_intent[row["category"]].append(text)
    intents = sorted(by_intent)[part == "report" :: 2]
    return [Target(by_intent[intent][0], by_intent[intent][1:40]) for intent in intents]


def handbook(archive: str, name: str = "") -> list[Page]:
    """Returns the handbook's documents out of an archive, below a folder."""
    return pages_of(data_folder() / "handbook" / archive, name)


def pages_of(archive: Path, below: str = "") -> list[Page]:
    """Returns the Markdown and text files of an archive, those below a folder."""
    found = []
    with tarfile.open(archive) as packed:
        for member in packed:
            path = member.name.removeprefix("./")
            file = packed.extractfile(member) if path.startswith(below) and path.endswith((".md", ".txt")) else None
            if file:
                found.append(Page(path.removeprefix(below), file.read().decode("utf-8", "replace")))
    return sorted(found, key=lambda page: page.path)


def measure_floods(
    folder: Path, chosen: Sequence[Target], around: Sequence[Page], most: int | None
) -> list[dict[str, Any]]:
    """Returns, for each kind and size, the floods noticed, their documents marked, and honest ones marked with them."""
    rows = []
    for kind in list(FLOODS)[:most]:
        row: dict[str, Any] = {"flood": kind}
        made = [flood(kind, target, max(SIZES), str(n)) for n, target in enumerate(chosen)]
        for size in SIZES:
            row |= told(folder, f"{kind}-{size}", [one[:size] for one in made], around, size)
        rows.append(row)
    return rows


def told(folder: Path, name: str, made: Sequence[Sequence[Page]], around: Sequence[Page], size: int) -> dict[str, Any]:
    """Returns what is marked where these floods stand among honest documents."""
    corpus = Corpus(folder / name)
    corpus.hold([*around, *(page for one in made for page in one)])
    marked = corpus.marked()
    floods = [[page.path in marked for page in one] for one in made]
    honest = sum(page.path in marked for page in around)
    return {
        f"{size}: noticed": round(sum(any(one) for one in floods) / len(floods), 3),
        f"{size}: marked": round(sum(map(sum, floods)) / sum(map(len, floods)), 3),
        f"{size}: honest": honest,
    }


def measure_poisoned(folder: Path, texts: Path, part: str, around: Sequence[Page]) -> list[dict[str, Any]]:
    """Returns the same of PoisonedRAG's own texts, with the question before them and without it."""
    rows = []
    for name in ("nq", "hotpotqa", "msmarco"):
        asked = list(json.loads((texts / f"{name}.json").read_text("utf-8")).values())[part == "report" :: 2]
        for with_question in (True, False):
            made = [
                [
                    Page(f"poisoned/{number}-{at}.md", f"{one['question']}. {text}" if with_question else text)
                    for at, text in enumerate(one["adv_texts"])
                ]
                for number, one in enumerate(asked)
            ]
            kind = f"{name}, {'question and answer' if with_question else 'answers alone'}"
            row: dict[str, Any] = {"PoisonedRAG": kind}
            for size in (3, 5):
                row |= told(folder, f"{kind}-{size}", [one[:size] for one in made], around, size)
            rows.append(row)
    return rows


def measure_honest(folder: Path, part: str, most: int | None) -> list[dict[str, Any]]:
    """Returns how many honest documents are marked, kind by kind, and in the handbook snapshot by snapshot."""
    data, passages = data_folder(), xquad()[0]
    kinds = {kind: look_alikes(kind, part) for kind in LOOK_ALIKES}
    kinds["help pages, one of Banking77's questions each"] = one_question_a_page(banking(part), part)
    if part == "report":
        kinds["public: AWS documentation"] = pages_of(data / "retrieval" / "aws.tar.xz", "aws/docs/")
        kinds["public: the probe's documents"] = pages_of(data / "retrieval" / "probe.tar.xz", "probe/")
    english = [Page(f"en/{n}.md", text) for n, text in enumerate(passages)]
    german = pages_of(data / "retrieval" / "xquad-de.tar.xz", "xquad-de/docs/")
    kinds["public: XQuAD in English and German"] = english + [Page(f"de/{p.path}", p.text) for p in german]
    rows = []
    for kind, pages in list(kinds.items())[:most]:
        corpus = Corpus(folder / kind.replace("/", " "))
        corpus.hold(pages)
        marked = corpus.marked()
        rows.append({"honest documents": kind, "documents": len(pages), "marked": len(marked), "which": sorted(marked)})
    return rows


def measure_history(folder: Path, snapshots: int, most: int | None) -> dict[str, list[str]]:
    """Returns the documents marked after each of the handbook's snapshots, refreshed one after the other."""
    corpus, marked = Corpus(folder / "history"), {}
    for number in range(snapshots):
        corpus.hold(handbook("history.tar.xz", f"{number:02}/")[:most])
        marked[f"{number:02}"] = sorted(corpus.marked())
    return marked


def measure_spread(folder: Path, chosen: Sequence[Target], around: Sequence[Page]) -> dict[str, int]:
    """Returns how many floods of five are marked alike at once and with two documents a refresh."""
    kind = next(iter(FLOODS))
    made = [flood(kind, target, 5, str(n)) for n, target in enumerate(chosen)]
    once, slowly = Corpus(folder / "once"), Corpus(folder / "slowly")
    once.hold([*around, *(page for one in made for page in one)])
    for arrived in (2, 4, 5):
        slowly.hold([*around, *(page for one in made for page in one[:arrived])])
        found = slowly.marked()
    return {"marked at once": len(once.marked()), "marked when spread": len(found), "same": once.marked() == found}


def measure_cost(folder: Path, most: int | None) -> list[dict[str, Any]]:
    """Returns the seconds of the check beside those of real refreshes of the handbook, cold and 30 commits later."""
    docs, rows = folder / "docs", []
    for name in ("before", "after"):
        for page in handbook(f"{name}.tar.gz")[:most]:
            file = docs / page.path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(page.text, "utf-8")
        spent = refresh_here(write_project(folder / "project", docs))["seconds"]
        floods, whole = spent.get("floods", 0.0), spent["total"]
        rows.append({"refresh": name, "floods": floods, "total": whole, "share": round(floods / whole, 4)})
    return rows


def main() -> None:
    """Measures recall, false positives and cost."""
    parser = argparse.ArgumentParser(description="Floods: what is noticed, and what passes for one.")
    parser.add_argument("--part", choices=["tune", "report"], default="report", help="default: %(default)s")
    parser.add_argument("--targets", type=int, default=24, help="questions flooded; default: %(default)s")
    parser.add_argument("--poisoned", type=Path, help="a folder with PoisonedRAG's texts; without it they are left out")
    parser.add_argument("--documents", type=int, help="of the handbook around the floods; default: all")
    parser.add_argument("--kinds", type=int, help="of floods and of honest documents; default: all")
    parser.add_argument("--snapshots", type=int, default=SNAPSHOTS, help="of the handbook; default: %(default)s")
    options = parse_sized(
        parser,
        {"targets": 6, "kinds": 3, "snapshots": 3},
        {"targets": 2, "documents": 4, "kinds": 1, "snapshots": 1},
    )
    most = options.kinds
    chosen, around = targets(options.part, options.targets), handbook("before.tar.gz")[: options.documents]
    with tempfile.TemporaryDirectory(prefix="freshet-bench-") as name:
        folder = Path(name)
        floods = measure_floods(folder / "floods", chosen, around, most)
        tables = {"Floods among the handbook's documents": floods}
        if options.poisoned:
            poisoned = measure_poisoned(folder / "poisoned", options.poisoned, options.part, around)
            tables["PoisonedRAG's texts among the handbook's documents"] = poisoned
        else:
            leave_out("PoisonedRAG's texts: --poisoned names no folder")
        honest = tables["Honest documents"] = measure_honest(folder / "honest", options.part, most)
        history = measure_history(folder, options.snapshots, options.documents)
        spread = measure_spread(folder, chosen, around)
        with prefect_server():
            cost = tables["Cost"] = measure_cost(folder / "cost", options.documents)
    for title, rows in tables.items():
        print_table(list(rows[0]), [list(row.values()) for row in rows], title)
    print(f"\nHandbook, documents marked after each snapshot: {[len(one) for one in history.values()]}")
    print(f"Floods of five, at once and two documents a refresh: {spread}")
    ratios = {
        **{f"noticed, {row['flood']}, 5 documents": row["5: noticed"] for row in floods},
        "honest documents marked": sum(row["marked"] for row in honest) / sum(row["documents"] for row in honest),
        **{f"the check / refresh {row['refresh']}": row["share"] for row in cost},
    }
    results = {"part": options.part, **tables, "history": history, "spread": spread}
    write_results("flooding", options.size, ratios, results)


if __name__ == "__main__":
    main()
