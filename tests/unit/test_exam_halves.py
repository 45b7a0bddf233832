"""What the exam of each half notices that the exam of both does not, and what is asked about lost documents."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from freshet.tasks.index.gate.drawn import draw_questions, unchanged_documents
from freshet.tasks.index.gate.exam import MEASURES, ExamResult, sit_exam
from freshet.tasks.index.gate.golden import Access, ExamQuestion, Lost, SetAside, resolve_questions
from freshet.tasks.index.gate.halves import Half, compare_halves, sit_halves
from freshet.tasks.index.gate.health import check_cutting
from freshet.tasks.search.asking import Ask, asking, remembering
from freshet.tasks.settings.golden import GoldenAnswer, GoldenQuestion
from freshet.tasks.settings.project import Gate
from tests.unit.small_corpus import NOW, Document, SmallCorpus, bag_of_words, build, document_id, replace_chunks

NOUNS = ["valve", "ladder", "kettle", "harbour", "violin", "lantern", "orchard", "glacier", "saddle", "compass"]
PAGES = {
    f"{noun}.md": Document(
        [
            f"The crew of {noun} hall inspects every {noun} after {number + 2} weeks of the summer.",
            f"Whoever damages a {noun} reports it to the {noun} desk, which answers after {number + 3} days.",
            f"A spare {noun} stands behind the green shelf of cellar {number + 20} until somebody needs it.",
        ]
    )
    for number, noun in enumerate(NOUNS)
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> SmallCorpus:
    """Ten documents of three passages; read only."""
    return build(tmp_path_factory.mktemp("corpus"), PAGES)


def drawn(old: SmallCorpus, new: SmallCorpus) -> list[ExamQuestion]:
    same = unchanged_documents(old.ledger, new.ledger)
    return draw_questions(old.chunks, new.ledger, Access(new.expressions), same, 200, NOW)


def sat(held: SmallCorpus, questions: Sequence[ExamQuestion]) -> dict[Half, ExamResult]:
    def ask_by(half: Half) -> Ask:
        return asking(held.chunks, held.ledger, held.expressions, NOW, remembering(bag_of_words), half)

    return sit_halves(ask_by, questions)


def judged(old: SmallCorpus, new: SmallCorpus) -> list[str]:
    questions = drawn(old, new)
    found, _ = compare_halves(Gate(), sat(new, questions), sat(old, questions), {})
    return [one.code for one in found]


def test_a_state_that_is_the_same_is_no_worse(corpus: SmallCorpus) -> None:
    assert judged(corpus, corpus) == []


def test_damaged_vectors_are_seen_behind_good_words(tmp_path: Path, corpus: SmallCorpus) -> None:
    head = build(tmp_path, PAGES)
    vectors = {row["chunk_id"]: row["vector"] for row in head.chunks.to_arrow().to_pylist()}
    half = sorted(vectors)[::2]
    others = dict(zip(half, [*half[1:], half[0]], strict=True))
    replace_chunks(head, lambda row: row | {"vector": vectors[others.get(row["chunk_id"], row["chunk_id"])]})
    assert judged(corpus, head) == ["GATE-EXAM-VECTOR"]


def test_words_that_are_not_indexed_are_seen_behind_good_vectors(tmp_path: Path, corpus: SmallCorpus) -> None:
    from lancedb.index import FTS

    head = build(tmp_path, PAGES)
    head.chunks.create_index("words", config=FTS(max_token_length=4), replace=True)
    assert judged(corpus, head) == ["GATE-EXAM-TEXT"]


def scored(*values: float) -> ExamResult:
    return ExamResult({name: {f"q{n}": value for n, value in enumerate(values)} for name in MEASURES})


@pytest.mark.parametrize(
    ("fell", "found"),
    [(7, ["GATE-EXAM-VECTOR"]), (6, [])],  # the chance of 7 is 1/128, of 6 is 1/64: two halves are judged more strictly
)
def test_a_half_is_judged_more_strictly_than_both(fell: int, found: list[str]) -> None:
    new: dict[Half, ExamResult] = {"vector": scored(*[0.0] * fell, *[1.0] * 20), "text": scored(*[1.0] * 27)}
    old: dict[Half, ExamResult] = {half: scored(*[1.0] * (fell + 20)) for half in new}
    assert [one.code for one in compare_halves(Gate(), new, old, {})[0]] == found


def test_a_half_that_the_release_was_not_asked_by_is_told_and_not_judged() -> None:
    found, figures = compare_halves(Gate(), {"vector": scored(0, 0), "text": scored(1, 1)}, {"text": scored(1, 1)}, {})
    assert (found, figures["vector"]["release"], figures["vector"]["comparison"]) == ([], None, None)
    assert figures["vector"]["head"]["questions"] == 2
    assert figures["text"]["comparison"]["measures"].keys() == {"ndcg_at_10"}


def test_chance_alone_seldom_blocks_by_a_half() -> None:
    random = np.random.default_rng(7)
    blocked = 0
    for _ in range(200):
        old = random.integers(0, 2, 60).astype(float)
        new = np.where(random.random(60) < 0.2, random.integers(0, 2, 60), old)
        both: Any = {"vector": scored(*new)}, {"vector": scored(*old)}
        blocked += bool(compare_halves(Gate(max_drop=0.0), *both, {})[0])
    assert blocked <= 6


def test_passages_that_were_cut_or_read_in_another_way_are_told_apart(tmp_path: Path, corpus: SmallCorpus) -> None:
    changed = {
        "valve.md": {"chunking": "d"}, "ladder.md": {"parser": "q"}, "kettle.md": {"content_hash": "0" * 64},
    }  # fmt: skip
    pages = {path: Document(page.passages, changes=changed.get(path, {})) for path, page in PAGES.items()}
    same = unchanged_documents(corpus.ledger, build(tmp_path, pages, indexed=False).ledger)
    rows = {row["doc_id"]: (row["is_cut_alike"], row["is_read_alike"]) for row in same.to_pylist()}
    assert rows == {
        document_id(path): (path != "valve.md", path != "ladder.md") for path in PAGES if path != "kettle.md"
    }
    head = build(tmp_path / "head", pages, indexed=False)
    targets = {one.targets[0] for one in drawn(corpus, head)}
    stated = {one.doc_id: one.contains is not None for one in targets}
    assert not stated[document_id("ladder.md")], "text that is read in another way may be another text"
    assert any(stated.values())


def test_the_same_is_cut_in_the_same_way(tmp_path: Path, corpus: SmallCorpus) -> None:
    whole = {path: "\n".join(page.passages) for path, page in PAGES.items()}
    hashes = {path: {"content_hash": sha256(text.encode()).hexdigest()} for path, text in whole.items()}

    def held(name: str, **more: str) -> list[Any]:
        pages = {path: Document([whole[path]], changes={**hashes[path], **more}) for path in PAGES}
        return check_cutting(corpus.ledger, build(tmp_path / name, pages, indexed=False).ledger)

    (found,) = held("cut")
    assert (found.code, found.evidence["before"], found.evidence["now"]) == ("GATE-CHUNKING", 30, 10)
    assert held("by other settings", chunking="d") == []
    assert held("read otherwise", parser="q") == []
    assert held("edited", content_hash="0" * 64) == []
    assert check_cutting(corpus.ledger, corpus.ledger) == []


@pytest.fixture
def lost(corpus: SmallCorpus) -> Lost:
    return Lost(corpus.ledger, frozenset({document_id("valve.md"), document_id("ladder.md")}))


@pytest.fixture
def head(tmp_path: Path) -> SmallCorpus:
    """What is left without three documents."""
    left = {path: page for path, page in PAGES.items() if path not in ("valve.md", "ladder.md", "kettle.md")}
    return build(tmp_path, left)


def test_lost_documents_are_asked_about_and_withdrawn_ones_are_not(
    corpus: SmallCorpus, head: SmallCorpus, lost: Lost
) -> None:
    same = unchanged_documents(corpus.ledger, head.ledger)
    questions = draw_questions(corpus.chunks, head.ledger, Access(corpus.expressions), same, 200, NOW, lost)
    asked = {target.doc_id for one in questions for target in one.targets}
    assert asked == {document_id(path) for path in PAGES if path != "kettle.md"}
    few = draw_questions(corpus.chunks, head.ledger, Access(corpus.expressions), pa.table(same), 4, NOW, lost)
    assert len(few) == 4


def test_golden_questions_about_lost_documents_are_asked(head: SmallCorpus, lost: Lost) -> None:
    golden = [GoldenQuestion(path, "Who?", (GoldenAnswer(path),)) for path in ("valve.md", "kettle.md", "saddle.md")]
    questions, aside = resolve_questions(golden, head.ledger, Access(head.expressions), NOW, lost)
    assert [one.id for one in questions] == ["valve.md", "saddle.md"]
    assert aside == [SetAside("kettle.md", "withdrawn")]
    ask = asking(head.chunks, head.ledger, head.expressions, NOW, remembering(bag_of_words), "hybrid")
    assert sit_exam(ask, questions).scores["recall_at_10"]["valve.md"] == 0
