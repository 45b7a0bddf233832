"""The retrieval exam, the index's health, and the access probes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.expectations.gate_rules import GATE_RULES
from freshet.expectations.rules import RULES
from freshet.tasks.documents.parse.fingerprint import COMMENTS
from freshet.tasks.errors import SettingsError
from freshet.tasks.governance.expressions import Asker, Expression
from freshet.tasks.index.gate.drawn import draw_questions, unchanged_documents
from freshet.tasks.index.gate.exam import MEASURES, ExamResult, compare, judge, sit_exam
from freshet.tasks.index.gate.golden import Access, ExamQuestion, SetAside, Target, resolve_questions
from freshet.tasks.index.gate.health import check_embedding, check_indices, check_loss, index_recall, written_since
from freshet.tasks.index.gate.missed import describe_missed
from freshet.tasks.index.gate.probes import _is_wider, check_policy, probe_access
from freshet.tasks.search.asking import Ask, asking, remembering
from freshet.tasks.settings.access import AccessExpression
from freshet.tasks.settings.golden import GoldenAnswer, GoldenQuestion, load_golden, read_golden, text
from freshet.tasks.settings.project import AccessRule, FolderSource, Gate
from tests.conftest import ROOT
from tests.unit.small_corpus import (
    NOW,
    Document,
    SmallCorpus,
    access_of,
    bag_of_words,
    build,
    document_id,
    replace_chunks,
)

NOUNS = ["valve", "ladder", "kettle", "harbour", "violin", "lantern", "orchard", "glacier", "saddle", "compass"]
PAGES = {
    f"{noun}.md": Document(
        [
            f"The {noun} is inspected by the crew of {noun} hall every {number + 2} weeks in the summer months.",
            f"Whoever damages a {noun} reports it to the {noun} desk, which answers after {number + 3} days.",
            f"A spare {noun} stands in cellar number {number + 20} behind the green shelf.",
        ],
        acl=["group:board"] if noun in ("glacier", "compass") else ["everyone"],
    )
    for number, noun in enumerate(NOUNS)
}


@pytest.fixture(autouse=True)
def rule_book(monkeypatch: pytest.MonkeyPatch) -> None:
    for rule in GATE_RULES:
        monkeypatch.setitem(RULES, rule.code, rule)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> SmallCorpus:
    """Ten documents of three passages, two of them for the board; read only."""
    return build(tmp_path_factory.mktemp("corpus"), PAGES)


EVERYONE = Asker(frozenset({"everyone"}))
BOARD = Asker(frozenset({"group:board", "everyone"}))


def ask_of(corpus: SmallCorpus) -> Ask:
    return asking(corpus.chunks, corpus.ledger, corpus.expressions, NOW, remembering(bag_of_words), "hybrid")


def access(corpus: SmallCorpus) -> Access:
    return Access(corpus.expressions)


def question(path: str, *answers: GoldenAnswer, **more: Any) -> GoldenQuestion:
    return GoldenQuestion(
        path, f"Who inspects the {path.removesuffix('.md')}?", answers or (GoldenAnswer(path),), **more
    )


def scored(**values: Sequence[float]) -> ExamResult:
    """Exams with the given nDCG; the other measures follow it."""
    (scores,) = values.values()
    return ExamResult({name: {f"q{n}": value for n, value in enumerate(scores)} for name in MEASURES})


def codes(verdicts: Sequence[Any]) -> list[str]:
    return [verdict.code for verdict in verdicts]


# Golden files


def test_the_golden_questions_of_the_example_name_documents_that_exist() -> None:
    questions = load_golden(ROOT / "examples" / "golden" / "handbook.yaml")
    assert len(questions) >= 20
    assert any("group:legal" in one.principals for one in questions)
    for one in questions:
        for path in [*(answer.document for answer in one.answers), *one.never]:
            assert (ROOT / "examples" / "handbook" / path).is_file(), path


WRONG = """\
- question: What is this?
  answers: []
- anwsers: [a.md]
  question: ""
- question: Who?
  answers: [a.md, {document: b.md, contain: x}]
  as: [legal]
- 5
- {question: When?, answers: [a.md]}
- {question: Who?, answers: [b.md], never: c.md}
- {question: Where?, answers: [], refused_for: [everyone, legal]}
- {question: Why?, refused_for: []}
"""


def test_everything_wrong_with_a_golden_file_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "golden.yaml"
    file.write_text(WRONG)
    told = [text("golden.yaml", finding) for finding in read_golden(file)[1]]
    assert told == [
        "golden.yaml:2: [0].answers: answers is empty",
        "golden.yaml:3: [1].anwsers: unknown key anwsers",
        "golden.yaml:3: [1]: the key answers is missing",
        "golden.yaml:4: [1].question: question is empty",
        "golden.yaml:6: [2].answers[1].contain: unknown key contain",
        "golden.yaml:7: [2].as[0]: legal is no principal",
        "golden.yaml:8: [3]: a number, not a group of keys",
        "golden.yaml:10: [5].never: never is text, not a list",
        f"golden.yaml:10: [5]: two questions have the id {read_golden(file)[0][0].id}",
        "golden.yaml:11: [6].refused_for[1]: legal is no principal",
        "golden.yaml:12: [7]: it has neither answers nor refused_for",
    ]
    with pytest.raises(SettingsError, match="11 problems"):
        load_golden(file)


def test_a_question_that_must_be_refused_needs_no_answer_and_is_no_retrieval(tmp_path: Path) -> None:
    file = tmp_path / "golden.yaml"
    file.write_text("- {question: Who?, refused_for: [everyone, 'user:eve']}\n")
    (one,) = load_golden(file)
    assert (one.answers, one.refused_for) == ((), ("everyone", "user:eve"))


def test_two_questions_with_one_id_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "golden.yaml"
    file.write_text("- {question: Who?, answers: [a.md]}\n- {question: Who?, answers: [b.md]}\n")
    assert [finding.line for finding in read_golden(file)[1]] == [2]


@pytest.mark.parametrize("content", ["", "[]", "a: 1", "- question: [", "\t"])
def test_a_file_that_is_no_list_of_questions_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "golden.yaml"
    file.write_text(content)
    questions, findings = read_golden(file)
    assert (questions, len(findings)) == ([], 1)


def test_freshet_check_finds_a_golden_file_that_is_missing_or_wrong(tmp_path: Path) -> None:
    from freshet.tasks.settings.file import find_problems

    (tmp_path / "docs").mkdir()
    config = tmp_path / "freshet.yaml"
    config.write_text(
        "corpora:\n  docs:\n    sources: [{folder: docs, owner: me, acl: [everyone]}]\n"
        "    golden: golden.yaml\n    gate: {recall_at_5: 90, max_drop: yes}\n"
    )
    problems = {(one.line, one.where.rpartition(".")[2]): one.what for one in find_problems(config)}
    assert problems == {
        (4, "golden"): "the file golden.yaml does not exist",
        (5, "recall_at_5"): "90 is not a number from 0 to 1",
        (5, "max_drop"): "yes is not a number from 0 to 1",
    }
    config.write_text(config.read_text().replace("gate: {recall_at_5: 90, max_drop: yes}", "gate: {recall_at_5: 0.9}"))
    (tmp_path / "golden.yaml").write_text("- question: Who?\n  answer: [a.md]\n")
    assert [(one.line, one.what) for one in find_problems(config)] == [
        (4, "golden.yaml:1: [0]: the key answers is missing"),
        (4, "golden.yaml:2: [0].answer: unknown key answer"),
    ]


# Questions


def test_questions_are_set_aside_for_what_their_owner_did_and_nothing_else(tmp_path: Path) -> None:
    old = Document(PAGES["valve.md"].passages, changes={"blocked_after": NOW - timedelta(days=1)})
    unserved = Document([], changes={"content_hash": None})
    expired = Document(PAGES["lantern.md"].passages, changes={"valid_until": NOW - timedelta(days=1)})
    pages = {**PAGES, "valve.md": old, "lantern.md": expired, "kettle.md": unserved}
    held = build(tmp_path, pages, indexed=False)
    drawn = {
        target.doc_id
        for one in draw_questions(held.chunks, held.ledger, access(held), None, 200, NOW)
        for target in one.targets
    }
    assert drawn.isdisjoint({document_id("valve.md"), document_id("lantern.md")})
    assert document_id("ladder.md") in drawn
    asked = [
        question("gone.md"), question("valve.md"), question("lantern.md"), question("compass.md"),
        question("kettle.md"),
        question("ladder.md", GoldenAnswer("gone.md"), GoldenAnswer("ladder.md")),
        question("glacier.md", principals=("group:board",)), question("file:///docs/saddle.md"),
    ]  # fmt: skip
    questions, aside = resolve_questions(asked, held.ledger, access(held), NOW)
    assert aside == [
        SetAside("gone.md", "withdrawn"),
        SetAside("valve.md", "too old, or no longer valid"),
        SetAside("lantern.md", "too old, or no longer valid"),
        SetAside("compass.md", "not for whoever asks"),
    ]
    assert [one.id for one in questions] == ["kettle.md", "ladder.md", "glacier.md", "file:///docs/saddle.md"]
    assert questions[1].targets == (Target(document_id("ladder.md")),)
    assert questions[2].asker == BOARD


def test_a_duplicate_is_answered_by_the_copy_that_is_kept(tmp_path: Path) -> None:
    kept = document_id("kettle.md")
    held = build(tmp_path, {**PAGES, "valve.md": Document([], changes={"duplicate_of": kept})}, indexed=False)
    ((one,), _) = resolve_questions([question("valve.md")], held.ledger, access(held), NOW)
    assert one.targets == (Target(kept),)


def test_questions_set_aside_are_reported_and_fail_nothing() -> None:
    (noted,) = judge(Gate(recall_at_5=1.0), scored(a=[1, 1]), None, [SetAside("x", "withdrawn")])
    assert (noted.code, noted.severity) == ("GATE-EXAM-QUESTIONS", "note")
    assert noted.evidence["questions"] == {"withdrawn": 1}


def test_known_items_are_drawn_the_same_each_time_and_answered_by_their_document(corpus: SmallCorpus) -> None:
    drawn = draw_questions(corpus.chunks, corpus.ledger, access(corpus), None, 200, NOW)
    assert drawn == draw_questions(corpus.chunks, corpus.ledger, access(corpus), None, 200, NOW)
    assert {one.targets[0].doc_id for one in drawn} == {document_id(path) for path in PAGES}
    assert sit_exam(ask_of(corpus), drawn).mean("recall_at_5") == 1.0
    few = draw_questions(corpus.chunks, corpus.ledger, access(corpus), None, 4, NOW)
    assert few == drawn[:4], "fewer questions are some of the same"
    same = unchanged_documents(corpus.ledger, corpus.ledger)
    valve = same.filter(pc.equal(same["doc_id"], document_id("valve.md")))
    only = draw_questions(corpus.chunks, corpus.ledger, access(corpus), valve, 200, NOW)
    assert {one.targets[0].doc_id for one in only} == {document_id("valve.md")}
    assert [one.id.count("-") for one in only] == [1, 2, 2], "several passages of a document, where it is the only one"


def test_a_passage_that_stands_in_two_documents_asks_nothing(tmp_path: Path) -> None:
    same = ["This footer stands at the end of each of the pages."]
    held = build(tmp_path, {"a.md": Document(same), "b.md": Document(same)}, indexed=False)
    assert draw_questions(held.chunks, held.ledger, access(held), None, 10, NOW) == []


def test_known_items_come_from_documents_whose_content_did_not_change(tmp_path: Path, corpus: SmallCorpus) -> None:
    edited = {**PAGES, "valve.md": Document(["All is new."])}
    del edited["saddle.md"]
    head = build(tmp_path, edited, indexed=False)
    same = unchanged_documents(corpus.ledger, head.ledger)
    kept = {document_id(path) for path in PAGES if path not in ("valve.md", "saddle.md")}
    assert set(same["doc_id"].to_pylist()) == kept


# The exam


def ranking(*documents: str) -> Ask:
    def ask(question: str, asker: Asker, limit: int) -> list[tuple[str, str]]:
        return [(name, f"{name} says so") for name in documents]

    return ask


def one(*targets: Target, never: Sequence[str] = ()) -> ExamQuestion:
    return ExamQuestion("q", "?", targets, EVERYONE, frozenset(never))


def test_measures_are_the_usual_ones_over_documents() -> None:
    """Passages of one document count once, at their best place."""
    result = sit_exam(ranking("x", "x", "y", "a", "z", "b"), [one(Target("a"), Target("b"))])
    means = {name: result.mean(name) for name in MEASURES}
    ideal = 1 + 1 / np.log2(3)
    assert means == pytest.approx(
        {
            "recall_at_1": 0, "recall_at_5": 1, "recall_at_10": 1, "mrr": 1 / 3,
            "ndcg_at_10": (1 / np.log2(4) + 1 / np.log2(6)) / ideal,
        }
    )  # fmt: skip


def test_nothing_found_scores_nothing_and_still_counts() -> None:
    result = sit_exam(ranking(), [one(Target("a"))])
    assert result.questions == ["q"]
    assert set(result.scores["ndcg_at_10"].values()) == {0.0}


def test_a_passage_must_hold_the_text_that_answers() -> None:
    assert sit_exam(ranking("a"), [one(Target("a", "A  says"))]).mean("recall_at_1") == 1
    assert sit_exam(ranking("a"), [one(Target("a", "something else"))]).mean("recall_at_10") == 0


def test_no_questions_no_verdict() -> None:
    empty = sit_exam(ranking("a"), [])
    assert empty.as_dict()["questions"] == 0
    assert judge(Gate(recall_at_5=0.9), empty, compare(empty, empty)) == []


def test_a_question_that_shows_what_must_never_be_shown_blocks() -> None:
    result = sit_exam(ranking("a", "secret"), [one(Target("a"), never=["secret"])])
    (found,) = judge(Gate(), result, None)
    assert (found.code, found.severity, found.evidence["first"]) == ("GATE-PROBE", "block", {"q": "secret"})
    assert judge(Gate(), sit_exam(ranking("a"), [one(Target("a"), never=["secret"])]), None) == []


def test_the_floor_holds_at_its_value_and_blocks_below() -> None:
    nine = scored(a=[1] * 9 + [0])
    assert judge(Gate(recall_at_5=0.9), nine, None) == []
    (found,) = judge(Gate(recall_at_5=0.91), nine, None)
    assert (found.code, found.evidence["first"]) == ("GATE-EXAM-FLOOR", ["q9"])
    assert judge(Gate(), scored(a=[0, 0]), None) == [], "without a floor there is none"


def test_the_chance_is_the_exact_one_for_few_questions() -> None:
    old, new = [1.0] * 8, [0.5, 0.7, 1.0, 0.2, 1.0, 0.4, 0.9, 1.0]
    differences = [n - o for n, o in zip(new, old, strict=True) if n != o]
    signs = list(itertools.product([1, -1], repeat=len(differences)))
    low = sum(sum(s * d for s, d in zip(row, differences, strict=True)) <= sum(differences) + 1e-9 for row in signs)
    assert compare(scored(a=new), scored(a=old)).changes["ndcg_at_10"].p == pytest.approx(low / len(signs))


def test_many_questions_give_the_same_chance_each_time() -> None:
    random = np.random.default_rng(1)
    old = random.random(150)
    new = np.clip(old + random.normal(-0.02, 0.1, 150), 0, 1)
    first = compare(scored(a=list(new)), scored(a=list(old))).changes["ndcg_at_10"]
    assert first == compare(scored(a=list(new)), scored(a=list(old))).changes["ndcg_at_10"]
    assert 0 < first.p < 0.05


@pytest.mark.parametrize(
    ("new", "old", "found"),
    [
        ([0] * 6 + [1] * 4, [1] * 10, ["GATE-EXAM-DROP"]),
        ([0] * 4 + [1] * 6, [1] * 10, []),  # p = 1/16: four questions may be chance
        ([0.99] * 100, [1] * 100, []),  # surely worse, but less than max_drop
        ([1] * 10, [0.5] * 10, []),
        ([1] * 10, [1] * 10, []),
    ],
)
def test_a_drop_blocks_when_it_is_great_and_no_chance(new: list[float], old: list[float], found: list[str]) -> None:
    ours, theirs = scored(a=new), scored(a=old)
    assert codes(judge(Gate(), ours, compare(ours, theirs))) == found


def test_only_questions_that_both_were_asked_are_compared() -> None:
    ours, theirs = scored(a=[1, 0, 1]), scored(a=[1, 1])
    comparison = compare(ours, theirs)
    assert (comparison.questions, comparison.worse) == (2, ["q1"])
    assert comparison.changes["recall_at_5"].drop == 0.5


def test_chance_alone_seldom_blocks() -> None:
    """The test keeps its 5 %, so that a harmless refresh passes."""
    random = np.random.default_rng(7)
    blocked = 0
    for _ in range(200):
        old = random.integers(0, 2, 60).astype(float)
        new = np.where(random.random(60) < 0.2, random.integers(0, 2, 60), old)
        ours = scored(a=list(new))
        blocked += bool(judge(Gate(max_drop=0.0), ours, compare(ours, scored(a=list(old)))))
    assert blocked <= 18


def test_the_exam_is_asked_as_whoever_asks(corpus: SmallCorpus) -> None:
    found = ask_of(corpus)("Who inspects the compass?", EVERYONE, 50)
    assert document_id("compass.md") not in {doc_id for doc_id, _ in found}
    found = ask_of(corpus)("Who inspects the compass?", BOARD, 50)
    assert found[0][0] == document_id("compass.md")


def test_the_ledger_of_the_state_that_is_asked_decides_who_sees(tmp_path: Path) -> None:
    held = build(tmp_path, PAGES)
    held.ledger.update(where="path = 'valve.md'", values={"access": access_of(["group:board"])})
    assert document_id("valve.md") not in {doc for doc, _ in ask_of(held)("valve", EVERYONE, 50)}


def test_a_wrong_model_drops_the_exam(tmp_path: Path, corpus: SmallCorpus) -> None:
    random = np.random.default_rng(0)
    head = build(tmp_path, PAGES, indexed=False)

    def astray(row: dict[str, Any]) -> dict[str, Any]:
        vector = random.normal(size=len(row["vector"]))
        return row | {"vector": (vector / np.linalg.norm(vector)).astype(np.float32).tolist()}

    replace_chunks(head, astray)
    same = unchanged_documents(corpus.ledger, head.ledger)
    questions = draw_questions(corpus.chunks, head.ledger, access(head), same, 200, NOW)
    old = sit_exam(asking(corpus.chunks, corpus.ledger, corpus.expressions, NOW, bag_of_words, "vector"), questions)
    new = sit_exam(asking(head.chunks, head.ledger, head.expressions, NOW, bag_of_words, "vector"), questions)
    assert codes(judge(Gate(), new, compare(new, old))) == ["GATE-EXAM-DROP"]
    (found,) = check_embedding(head.chunks, lambda texts: np.stack([bag_of_words(text) for text in texts]))
    assert (found.code, found.evidence["chunks"]) == ("GATE-EMBEDDING", 16)
    assert check_embedding(corpus.chunks, lambda texts: np.stack([bag_of_words(text) for text in texts])) == []


def test_what_a_refresh_wrote_is_what_is_embedded_again(tmp_path: Path) -> None:
    held = build(tmp_path, PAGES, indexed=False)
    held.ledger.update(where="path = 'valve.md'", values={"table_version": 7})
    turned = list(np.roll(bag_of_words("valve"), 1))
    replace_chunks(held, lambda row: row | {"vector": turned}, f"doc_id = '{document_id('valve.md')}'")
    written = written_since(held.ledger, 6)
    assert written == [document_id("valve.md")]

    def embed(texts: Sequence[str]) -> Any:
        return np.stack([bag_of_words(text) for text in texts])

    (found,) = check_embedding(held.chunks, embed, written)
    assert (found.code, found.evidence["sampled"]) == ("GATE-EMBEDDING", 3)
    assert written_since(held.ledger, 7) == []
    assert check_embedding(held.chunks, embed, [document_id("kettle.md")]) == []


# Health


def test_a_sound_index_is_healthy(corpus: SmallCorpus) -> None:
    assert check_indices(corpus.chunks) == []


@pytest.mark.parametrize("column", ["words", "access", "chunk_id"])
def test_a_dropped_index_is_found_by_its_column(tmp_path: Path, column: str) -> None:
    held = build(tmp_path, PAGES)
    (name,) = [index.name for index in held.chunks.list_indices() if index.columns == [column]]
    held.chunks.drop_index(name)
    (found,) = check_indices(held.chunks)
    assert (found.code, found.evidence["columns"]) == ("GATE-INDEX-MISSING", [column])


def test_rows_that_no_index_knows_are_found_beyond_the_bound(tmp_path: Path) -> None:
    held = build(tmp_path, PAGES)
    row = held.chunks.search().limit(1).to_arrow()
    held.chunks.add(row)
    assert check_indices(held.chunks) == []
    for _ in range(10):
        row = held.chunks.search().limit(200).to_arrow()
        held.chunks.add(row)
    (found,) = check_indices(held.chunks)
    assert (found.code, found.evidence["rows"] > 1000) == ("GATE-INDEX-LAG", True)


def test_an_approximate_index_is_held_against_exact_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lancedb.index import IvfPq

    from freshet.tasks.search import candidates

    random = np.random.default_rng(0)
    words = [[f"w{number}" for number in random.integers(0, 400, 12)] for _ in range(1200)]
    held = build(tmp_path, {f"{n}.md": Document([" ".join(one)]) for n, one in enumerate(words)})
    held.chunks.create_index("vector", config=IvfPq(distance_type="cosine", num_partitions=16, num_sub_vectors=8))
    assert index_recall(held.chunks) >= 0.9
    assert check_indices(held.chunks) == []
    monkeypatch.setattr(candidates, "PROBED_PARTITIONS", 1)
    monkeypatch.setattr(candidates, "REFINE_FACTOR", 1)
    (found,) = check_indices(held.chunks)
    assert (found.code, found.evidence["recall_at_10"] < 0.9) == ("GATE-INDEX-RECALL", True)


def test_a_lost_third_of_the_chunks_and_cut_texts_are_a_loss(tmp_path: Path, corpus: SmallCorpus) -> None:
    fewer = {path: Document(page.passages[:2], page.acl) for path, page in PAGES.items()}
    whole = {path: "\n".join(page.passages) for path, page in PAGES.items()}
    shorter = {path: Document([p[:40] for p in page.passages], page.acl) for path, page in PAGES.items()}
    for number, pages in enumerate((fewer, shorter)):
        for path, page in pages.items():
            page.changes["content_hash"] = sha256(whole[path].encode()).hexdigest()
        head = build(tmp_path / str(number), pages, indexed=False)
        (found,) = check_loss(corpus.chunks, corpus.ledger, head.chunks, head.ledger)
        assert (found.code, found.evidence["documents"]) == ("GATE-LOSS", 10)
        assert found.evidence["lost"] > 0.25


def test_text_that_goes_with_comments_is_no_loss_but_any_other_is(tmp_path: Path) -> None:
    def built(name: str, passages: list[str], parser: str) -> SmallCorpus:
        changes = {"content_hash": "0" * 64, "parser": parser}
        return build(tmp_path / name, {"plan.docx": Document(passages, changes=changes)}, indexed=False)

    text, said = "The dykes hold in winter.", "Comment by Ada: Do we say so, and who may know?"
    old, kept = built("old", [text, said], f"docx-3{COMMENTS}"), built("kept", [text], f"docx-3{COMMENTS}|limits")
    off = built("off", [text], "docx-3")
    assert check_loss(old.chunks, old.ledger, off.chunks, off.ledger) == []
    (found,) = check_loss(old.chunks, old.ledger, kept.chunks, kept.ledger)
    assert found.code == "GATE-LOSS"


def test_shorter_documents_and_other_borders_are_no_loss(tmp_path: Path, corpus: SmallCorpus) -> None:
    """An edit may take text away, a withdrawal all of it; chunking anew takes nothing."""
    head = {**PAGES, "valve.md": Document(["Gone."])}
    del head["saddle.md"]
    joined = Document(["\n".join(PAGES["ladder.md"].passages)], changes={})
    head["ladder.md"] = joined
    held = build(tmp_path, head, indexed=False)
    assert check_loss(corpus.chunks, corpus.ledger, held.chunks, held.ledger) == []


# Probes


def test_a_sound_corpus_leaks_nothing(corpus: SmallCorpus) -> None:
    assert probe_access(corpus.chunks, corpus.ledger, corpus.expressions) == []


def test_a_chunk_whose_access_was_widened_is_found_in_searches(tmp_path: Path) -> None:
    held = build(tmp_path, PAGES, indexed=False)
    wide = access_of(["everyone"])
    replace_chunks(held, lambda row: row | {"access": wide}, f"doc_id = '{document_id('compass.md')}'")
    from freshet.tasks.index.indices import _maintain, declared_for

    _maintain(held.chunks, declared_for(held.chunks))
    (found,) = probe_access(held.chunks, held.ledger, held.expressions)
    assert (found.code, found.severity) == ("GATE-PROBE", "block")
    assert found.evidence["first"] == [document_id("compass.md")]
    assert "everyone" in found.evidence["principals"]


def test_a_search_without_its_filter_is_found(corpus: SmallCorpus, monkeypatch: pytest.MonkeyPatch) -> None:
    from freshet.tasks.index.gate import probes

    honest = probes.find_candidates
    monkeypatch.setattr(
        probes, "find_candidates", lambda chunks, words, vector, visible, mode, limit:
        honest(chunks, words, vector, "true", mode, limit),
    )  # fmt: skip
    (found,) = probe_access(corpus.chunks, corpus.ledger, corpus.expressions)
    assert set(found.evidence["first"]) <= {document_id("compass.md"), document_id("glacier.md")}


def source(**more: Any) -> FolderSource:
    return FolderSource(folder="docs", owner="me", **more)


def test_a_ledger_that_grants_more_than_the_settings_is_found(corpus: SmallCorpus) -> None:
    rules = [AccessRule(path="glacier.md", acl=["group:board"]), AccessRule(path="compass.*", acl=["group:board"])]
    sound = source(acl=["everyone"], access=rules)
    assert check_policy(corpus.ledger, {"docs": sound}, corpus.expressions) == []
    narrow = source(acl=["everyone"], access=[*rules, AccessRule(path="valve.md", acl=["group:crew"])])
    (found,) = check_policy(corpus.ledger, {"docs": narrow}, corpus.expressions)
    assert (found.code, found.evidence["first"]) == ("GATE-POLICY", [document_id("valve.md")])
    assert check_policy(corpus.ledger, {}, corpus.expressions) == [], "a source that is gone stands as it was"
    wide = dict.fromkeys(corpus.expressions, Expression.of(["everyone"]))
    (found,) = check_policy(corpus.ledger, {"docs": sound}, wide)
    assert found.evidence["first"] == sorted([document_id("compass.md"), document_id("glacier.md")])


NAMES = st.lists(st.sampled_from(["everyone", "user:a", "user:b", "group:c", "group:d"]), min_size=1, max_size=3)
EXPRESSIONS = st.builds(AccessExpression, all=st.lists(NAMES, min_size=1, max_size=3), none=NAMES | st.just([]))


@given(EXPRESSIONS, EXPRESSIONS)
def test_the_gate_finds_whatever_the_ledger_grants_beyond_the_settings(
    meant: AccessExpression, wanted: AccessExpression
) -> None:
    granted, asked_for = Expression.of(meant), Expression.of(wanted)
    named = sorted(granted.principals | asked_for.principals)
    askers = [Asker(frozenset({"everyone", *some})) for n in range(6) for some in itertools.combinations(named, n)]
    is_wider = any(granted.admits(asker) and not asked_for.admits(asker) for asker in askers)
    assert _is_wider(granted.said, {"all": wanted.all, "none": wanted.none}) == is_wider


@pytest.mark.parametrize("golden", [True, False])
def test_a_missed_question_is_told_with_its_documents_and_a_drawn_one_without_its_text(
    corpus: SmallCorpus, golden: bool
) -> None:
    asker = Asker(frozenset({"everyone", "group:board"}))
    one = ExamQuestion("q", "What is said?", (Target(document_id("glacier.md")),), asker)
    result = ExamResult(
        {name: {"q": 0.0} for name in MEASURES},
        {"q": document_id("valve.md")},
        {"q": [document_id("valve.md"), "gone"]},
    )
    assert describe_missed(corpus.ledger, [one], result, golden=golden) == [
        {
            "id": "q", "question": "What is said?" if golden else None, "asks": ["group:board"],
            "expected": ["glacier.md"], "found": ["valve.md", "gone"], "never": "valve.md",
        }
    ]  # fmt: skip
    sound = ExamResult({name: {"q": 1.0} for name in MEASURES})
    assert describe_missed(corpus.ledger, [one], sound, golden=golden) == []
