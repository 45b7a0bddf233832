"""The questions of refusal.py: the documents, what answers, and what is about the same topic."""

from __future__ import annotations

import json
import re
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from common import ROOT, data_folder

EXAMPLE_TOPICS = {
    "leave": ["leave/annual-leave.md", "leave/sick-leave.md", "leave/parental-leave.docx"],
    "travel": ["travel/travel-and-expenses.md", "travel/per-diem-rates.csv", "travel/booking-checklist.html"],
    "claims": [
        "members/damage-claims.md",
        "legal/flood-claims-settlement.md",
        "legal/legal-correspondence-retention.docx",
    ],
}
"""Of examples/handbook, the documents that are about one topic; every other document is a topic of its own."""


@dataclass(frozen=True)
class Case:
    """A question.

    Attributes:
        answers: the files that answer it; none where nothing does.
        topic: the files that are about its topic, those that answer included.
        says: what a sentence that answers it has in it, as alternatives; nothing where that is not known.
    """

    question: str
    answers: frozenset[str] = frozenset()
    topic: frozenset[str] = frozenset()
    says: tuple[str, ...] = ()

    @property
    def is_held_out(self) -> bool:
        """Whether the question is of the half that nothing was tuned on, which its hash decides."""
        return sha256(self.question.encode()).digest()[0] % 2 == 1


@dataclass(frozen=True)
class Questions:
    """Documents and the questions about them.

    Attributes:
        folder: where the documents lie.
        absent: questions about what is in none of them.
    """

    name: str
    folder: Path
    cases: list[Case]
    absent: list[Case] = field(default_factory=list)

    def first(self, count: int) -> Questions:
        """Returns the set with at most so many questions of each kind, spread over all of them."""
        step = max(1, -(-len(self.cases) // count))
        return Questions(self.name, self.folder, self.cases[::step], self.absent[:count])


def example(folder: Path) -> Questions:
    """Returns the example corpus with its golden questions."""
    import yaml

    shutil.copytree(ROOT / "examples" / "handbook", folder)  # makes the folders above it, too
    rows = yaml.safe_load((ROOT / "examples" / "golden" / "handbook.yaml").read_text("utf-8"))
    cases = []
    for row in rows:
        if "answers" not in row:
            continue  # what the handbook says nothing of is asked of all corpora
        files = {answer if isinstance(answer, str) else answer["document"] for answer in row["answers"]}
        topic = next((set(t) for t in EXAMPLE_TOPICS.values() if files & set(t)), files)
        says = tuple(answer["contains"] for answer in row["answers"] if isinstance(answer, dict))
        cases.append(Case(row["question"], frozenset(files), frozenset(topic), says))
    return Questions("example", folder, cases, handbook_absent())


def _handbook_rows() -> Mapping[str, Any]:
    import yaml

    rows: Mapping[str, Any] = yaml.safe_load((ROOT / "bench" / "refusal_handbook.yaml").read_text("utf-8"))
    return rows


def handbook_absent() -> list[Case]:
    """Returns questions about what neither handbook says anything about."""
    return [Case(question) for question in _handbook_rows()["absent"]]


def handbook(folder: Path) -> Questions:
    """Returns the 18F handbook with the questions of refusal_handbook.yaml."""
    with tarfile.open(data_folder() / "handbook" / "after.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    texts = {file.relative_to(folder).as_posix(): file.read_text("utf-8") for file in sorted(folder.rglob("*.md"))}
    cases = []
    for question, says, about, *pages in _handbook_rows()["answered"]:
        answers = {f"pages/{page}.md" for page in pages}
        assert answers <= texts.keys(), answers - texts.keys()
        is_about = re.compile(rf"\b(?:{about})", re.IGNORECASE)
        topic = answers | {file for file, text in texts.items() if is_about.search(text) or is_about.search(file)}
        cases.append(Case(question, frozenset(answers), frozenset(topic), tuple(says.split("|"))))
    return Questions("handbook", folder, cases, handbook_absent())


def xquad_set(folder: Path) -> Questions:
    """Returns XQuAD: a passage is a file, and an article a topic."""
    articles = json.loads((data_folder() / "xquad" / "xquad.en.json").read_text("utf-8"))["data"]
    cases: dict[str, Case] = {}
    number = 0
    folder.mkdir()
    for place, article in enumerate(articles):
        files = [f"a{place:02d}-p{number + ahead:03d}.md" for ahead in range(len(article["paragraphs"]))]
        number += len(files)
        for file, paragraph in zip(files, article["paragraphs"], strict=True):
            (folder / file).write_text(paragraph["context"], "utf-8")
            for entry in paragraph["qas"]:
                says = tuple(dict.fromkeys(answer["text"] for answer in entry["answers"]))
                question = entry["question"].strip()
                cases.setdefault(question, Case(question, frozenset({file}), frozenset(files), says))
    return Questions("xquad", folder, list(cases.values()))


def covid(folder: Path, documents: int) -> Questions:
    """Returns COVID-QA: questions about papers, each answered by the paper that it was written for."""
    rows = json.loads((data_folder() / "finetune" / "covid_qa.json").read_text("utf-8"))["data"]
    folder.mkdir()
    cases = []
    for number, row in enumerate(rows[:documents]):
        file, paragraph = f"paper-{number:03d}.txt", row["paragraphs"][0]
        (folder / file).write_text(paragraph["context"], "utf-8")
        for entry in paragraph["qas"]:
            says = tuple(answer["text"].strip() for answer in entry["answers"])
            cases.append(Case(entry["question"].strip(), frozenset({file}), frozenset({file}), says))
    return Questions("covid", folder, cases)


def retrieval_set(name: str, folder: Path, words: int = 0) -> Questions:
    """Returns one of the sets of retrieval/: queries, and the files that answer each.

    Args:
        words: queries with fewer words are left out.
    """
    with tarfile.open(data_folder() / "retrieval" / f"{name}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    root = folder / name
    queries = json.loads((root / "queries.json").read_text("utf-8"))
    answered: Mapping[str, Mapping[str, int]] = json.loads((root / "qrels.json").read_text("utf-8"))
    cases = [
        Case(text, found, found)
        for key, text in queries.items()
        if len(text.split()) >= words and (found := frozenset(f for f, grade in answered.get(key, {}).items() if grade))
    ]
    docs = root / "docs"
    kept = set().union(*(case.answers for case in cases))
    if name == "aws":  # the pages that answer and every fourth other one, which is enough to ask among
        for place, file in enumerate(sorted(file for file in docs.rglob("*") if file.is_file())):
            if file.relative_to(docs).as_posix() not in kept and place % 4:
                file.unlink()
    return Questions(name, docs, cases)


def paths_of(folder: Path) -> Sequence[str]:
    """Returns the paths of a folder's documents, by which `refusal.py` names the group that may see each."""
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
