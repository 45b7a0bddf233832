"""Which of several copies is kept, and that neither the order of arrival nor the size of a batch ever matters."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freshet.tasks.documents.duplicates import find as duplicates
from freshet.tasks.documents.duplicates import signatures
from freshet.tasks.documents.duplicates.decided import contender
from freshet.tasks.documents.duplicates.find import DOCUMENT_COLUMNS, DuplicateChanges, update_duplicates
from freshet.tasks.documents.duplicates.precedence import Contender, Standing, resolve, revise
from freshet.tasks.documents.elements import Element, ParsedDocument, to_json
from freshet.tasks.documents.keep import keep_parsed
from freshet.tasks.governance.expressions import Expression
from freshet.tasks.store import schemas
from freshet.tasks.store.tables import Store, Tables
from freshet.tasks.text import minhash
from freshet.tasks.text.normalise import exact_hash, normalise

NOW = datetime(2026, 3, 1, tzinfo=UTC)
EVERYONE = ("everyone",)


def _document(doc_id: str, priority: int = 0, age: int | None = 0, acl: Collection[str] = EVERYONE) -> Contender:
    modified_at = None if age is None else NOW - timedelta(days=age)
    return Contender(doc_id, priority, modified_at, f"{doc_id}.md", Expression.of(sorted(acl)))


def test_the_source_listed_first_wins_then_the_newest_then_the_path() -> None:
    documents = [
        _document("b", age=5),
        _document("a", age=5),
        _document("new", age=1),
        _document("preferred", priority=-1, age=900),
        _document("undated", age=None),
    ]
    for winner in ("preferred", "new", "a", "b"):
        edges = [(d.doc_id, e.doc_id) for d in documents for e in documents]
        others = {d.doc_id for d in documents} - {winner}
        assert resolve(documents, edges) == dict.fromkeys(others, winner)
        documents = [d for d in documents if d.doc_id != winner]
    assert resolve(documents, []) == {}


def test_documents_of_one_text_are_copies_only_if_what_was_not_read_of_them_is_equal_too() -> None:
    long, short = " ".join(f"word{number}" for number in range(50)), "Too short"
    for text in (long, short):
        rows = signatures.signature_rows(
            signatures.Text(str(number), "c", "m", text, unread)
            for number, unread in enumerate(["", "", "a", "a", "b"])
        ).to_pylist()
        assert [[one["exact"] == other["exact"] for other in rows] for one in rows] == [
            [True, True, False, False, False], [True, True, False, False, False], [False, False, True, True, False],
            [False, False, True, True, False], [False, False, False, False, True],
        ]  # fmt: skip
        assert rows[0]["bands"] == rows[1]["bands"]
        assert rows[2]["bands"] == rows[3]["bands"]
        assert not set(rows[0]["bands"]) & set(rows[2]["bands"])
        shingles = [set(np.frombuffer(row["shingle_hashes"], "<u8").tolist()) for row in rows]
        assert shingles[2] == shingles[3]
        assert not shingles[0] & shingles[2]
        assert not shingles[2] & shingles[4]


def test_copies_of_copies_do_not_chain() -> None:
    chain = [_document(name, age=number) for number, name in enumerate("abcd")]
    assert resolve(chain, [("a", "b"), ("b", "c"), ("c", "d")]) == {"b": "a", "d": "c"}


@pytest.mark.parametrize(
    ("kept", "hidden", "is_hidden"),
    [
        ({"everyone"}, {"group:legal"}, True),
        ({"everyone"}, {"everyone"}, True),
        ({"group:legal"}, {"everyone"}, False),
        ({"group:legal"}, {"group:legal", "user:ada"}, False),
        ({"group:legal", "user:ada"}, {"group:legal"}, True),
        (set(), {"user:ada"}, False),
        ({"user:ada"}, set(), True),
    ],
)
def test_a_copy_is_hidden_only_behind_one_that_all_its_readers_may_see(
    kept: set[str], hidden: set[str], is_hidden: bool
) -> None:
    documents = [_document("first", acl=kept), _document("second", age=1, acl=hidden)]
    assert resolve(documents, [("second", "first")]) == ({"second": "first"} if is_hidden else {})


class _InMemory:
    """Decided documents and true edges, for `revise`."""

    def __init__(self) -> None:
        self.documents: dict[str, Contender] = {}
        self.target: dict[str, str] = {}
        self.edges: set[frozenset[str]] = set()

    def dependants(self, doc_ids: Collection[str]) -> Iterable[Standing]:
        return self.standings([doc_id for doc_id, kept in self.target.items() if kept in doc_ids])

    def standings(self, doc_ids: Collection[str]) -> Iterable[Standing]:
        return [Standing(self.documents[d], self.target.get(d)) for d in doc_ids if d in self.documents]

    def meet(self, doc_ids: Collection[str]) -> Mapping[str, Collection[str]]:
        return {doc_id: {other for edge in self.edges if doc_id in edge for other in edge} for doc_id in doc_ids}

    def alike(self, left: str, right: str) -> bool:
        return frozenset((left, right)) in self.edges

    def apply(self, changed: Sequence[Contender], gone: Collection[str], at_once: int) -> None:
        decided = revise(changed, gone, self, at_once)
        for doc_id in gone:
            self.documents.pop(doc_id, None)
            self.target.pop(doc_id, None)
        self.documents |= {document.doc_id: document for document in changed}
        for doc_id, kept in decided.items():
            self.target.pop(doc_id, None)
            if kept is not None:
                self.target[doc_id] = kept


_NAMES = [f"d{number}" for number in range(9)]
_DOCUMENTS = st.builds(
    _document,
    st.sampled_from(_NAMES),
    st.integers(0, 1),
    st.sampled_from([0, 1, 2, None]),
    st.sampled_from([{"everyone"}, {"everyone"}, {"group:legal"}, {"group:legal", "user:ada"}]),
)
_EDGES = st.sets(st.tuples(st.sampled_from(_NAMES), st.sampled_from(_NAMES)), min_size=6, max_size=24)
_STEPS = st.lists(
    st.tuples(
        st.lists(_DOCUMENTS, max_size=6, unique_by=lambda d: d.doc_id),
        st.sets(st.sampled_from(_NAMES), max_size=4),
        st.one_of(st.none(), _EDGES),
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=400, deadline=None)
@given(_STEPS, st.integers(1, 4))
def test_deciding_step_by_step_equals_deciding_all_at_once(
    steps: list[tuple[list[Contender], set[str], set[tuple[str, str]] | None]], at_once: int
) -> None:
    world = _InMemory()
    for documents, removed, redrawn in steps:
        changed = [d for d in documents if d.doc_id not in removed]
        ids = {d.doc_id for d in changed}
        if redrawn is not None:  # a changed text has other copies; the others' edges stay as they are
            world.edges = {edge for edge in world.edges if not edge & ids}
            world.edges |= {frozenset(edge) for edge in redrawn if edge[0] != edge[1] and ids & set(edge)}
        world.apply(changed, removed & world.documents.keys(), at_once)
        edges = [tuple(sorted(edge)) for edge in world.edges]
        assert world.target == resolve(world.documents.values(), [(a, b) for a, b in edges])


@settings(max_examples=150, deadline=None)
@given(st.lists(_DOCUMENTS, unique_by=lambda d: d.doc_id, min_size=2), _EDGES, st.randoms(), st.integers(1, 5))
def test_order_of_arrival_and_batch_size_never_matter(
    documents: list[Contender], edges: set[tuple[str, str]], chance: random.Random, size: int
) -> None:
    world = _InMemory()
    world.edges = {frozenset(edge) for edge in edges if edge[0] != edge[1]}
    arrival = list(documents)
    chance.shuffle(arrival)
    for start in range(0, len(arrival), size):
        world.apply(arrival[start : start + size], (), at_once=2)
    assert world.target == resolve(documents, edges)


def test_a_kept_document_that_becomes_a_duplicate_sets_its_own_free() -> None:
    world = _InMemory()
    world.edges = {frozenset(("a", "b")), frozenset(("b", "c"))}
    world.apply([_document("b", age=1), _document("c", age=2)], (), 500)
    assert world.target == {"c": "b"}
    world.apply([_document("a")], (), 500)
    assert world.target == {"b": "a"}


def test_only_the_neighbourhood_of_a_change_is_looked_at() -> None:
    world = _InMemory()
    world.edges = {frozenset((f"a{n}", f"b{n}")) for n in range(50)}
    world.apply([_document(f"{side}{n}", age=ord(side)) for n in range(50) for side in "ab"], (), 500)
    asked: set[str] = set()
    meet = world.meet
    world.meet = lambda ids: asked.update(ids) or meet(ids)  # type: ignore[method-assign, func-returns-value]
    world.apply([], {"a7"}, 500)
    assert asked == {"b7"}
    assert "b7" not in world.target
    assert len(world.target) == 49


# With a store


class Corpus:
    """Documents with texts, as the ledger and the kept parses hold them."""

    def __init__(self, folder: Path) -> None:
        self.tables: Tables = Store(str(folder)).corpus("library")
        self.rows: dict[str, dict[str, object]] = {}
        self.texts: dict[str, str] = {}
        self.meaning: dict[str, str] = {}

    def put(
        self, doc_id: str, text: str, source: str = "docs", age: int = 0, acl: Sequence[str] = ("everyone",)
    ) -> None:
        content = exact_hash(text, "")
        if content not in self.texts.values():
            parsed = ParsedDocument(text, [Element("NarrativeText", 0, len(text))])
            keep_parsed(self.tables, {(content, "parser"): to_json(parsed)}, NOW)
        self.texts[doc_id] = content
        self.rows[doc_id] = {
            "doc_id": doc_id, "source": source, "path": f"{doc_id}.md", "modified_at": NOW - timedelta(days=age),
            "access": " ".join(acl), "content_hash": content, "seen_hash": content, "parser": "parser",
            "duplicate_of": None,
        }  # fmt: skip

    def drop(self, doc_id: str) -> None:
        del self.rows[doc_id]

    def update(self, threshold: float = 0.8, **priorities: int) -> DuplicateChanges:
        text = pa.string()
        ledger = pa.schema(
            [schemas.documents().field(c) if c != "duplicate_of" else pa.field(c, text) for c in DOCUMENT_COLUMNS]
        )
        documents = pa.Table.from_pylist(list(self.rows.values()), schema=ledger)
        ranks = priorities or {"docs": 0, "wiki": 1}
        changes = update_duplicates(self.tables, documents, ranks, self.expressions(), threshold)
        for doc_id, duplicate in changes.hidden.items():
            self.rows[doc_id]["duplicate_of"] = duplicate.kept
        for doc_id in changes.returned:
            self.rows[doc_id]["duplicate_of"] = None
        return changes

    def expressions(self) -> dict[str, Expression]:
        """What the classes of the documents mean: what they are called, or what `meaning` says in place of that."""
        classes = {str(row["access"]) for row in self.rows.values()}
        return {access: Expression.of((self.meaning.get(access) or access).split()) for access in classes}

    @property
    def said(self) -> dict[str, str]:
        return {doc_id: str(row["duplicate_of"]) for doc_id, row in self.rows.items() if row["duplicate_of"]}

    def versions(self) -> tuple[int, ...]:
        found = [self.tables.find(name) for name in (schemas.SIGNATURES, schemas.DUPLICATES)]
        return tuple(table.version for table in found if table is not None)


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return Corpus(tmp_path / "store")


def _prose(seed: int, words: int = 200) -> list[str]:
    chance = random.Random(seed)
    return ["".join(chance.choices("abcdefghijklmnop", k=chance.randint(3, 9))) for _ in range(words)]


def _edited(words: list[str], places: Iterable[int]) -> list[str]:
    changed = list(words)
    for place in places:
        changed[place] = f"edited{place}"
    return changed


def test_duplicates_are_found_hidden_and_come_back_when_the_kept_one_goes(corpus: Corpus) -> None:
    words = _prose(1)
    corpus.put("kept", " ".join(words))
    corpus.put("shouted", " ".join(words).upper() + "!", age=1)
    corpus.put("edited", " ".join(_edited(words, [50, 120])), age=2)
    corpus.put("other", " ".join(_prose(2)))
    corpus.put("rewritten", " ".join(_edited(words, range(0, 200, 9))))
    changes = corpus.update()
    assert corpus.said == {"shouted": "kept", "edited": "kept"}
    assert changes.hidden["shouted"].similarity is None
    near = changes.hidden["edited"].similarity
    assert near is not None
    assert near == pytest.approx((196 - 10) / (196 + 10))
    corpus.drop("kept")
    assert corpus.update().returned == ["shouted"]
    assert corpus.said == {"edited": "shouted"}


def test_with_nothing_changed_nothing_is_written_or_decided(corpus: Corpus) -> None:
    corpus.put("a", " ".join(_prose(1)))
    corpus.put("b", " ".join(_prose(1)), age=1)
    corpus.update()
    versions = corpus.versions()
    changes = corpus.update()
    assert (changes.is_empty, changes.decided, corpus.versions()) == (True, 0, versions)


def test_short_texts_are_compared_exactly_and_texts_without_words_by_every_character(corpus: Corpus) -> None:
    corpus.put("a", "Call the desk.")
    corpus.put("b", "call the DESK", age=1)
    corpus.put("c", "Call the desk now.", age=2)
    corpus.put("smile", "🙂")
    corpus.put("rocket", "🚀", age=1)
    corpus.put("rocket-again", "🚀", source="wiki")
    corpus.update()
    assert corpus.said == {"b": "a", "rocket-again": "rocket"}


def test_narrowing_the_access_of_the_kept_one_brings_its_duplicate_back(corpus: Corpus) -> None:
    corpus.put("kept", " ".join(_prose(1)))
    corpus.put("copy", " ".join(_prose(1)), age=1)
    corpus.update()
    assert corpus.said == {"copy": "kept"}
    corpus.rows["kept"]["access"] = "group:legal"
    corpus.update()
    assert corpus.said == {}
    corpus.rows["copy"]["access"] = "group:legal"
    corpus.update()
    assert corpus.said == {"copy": "kept"}


def test_a_class_that_means_something_else_decides_anew_just_where_that_can_matter(corpus: Corpus) -> None:
    corpus.put("kept", " ".join(_prose(1)), acl=("group:a", "group:b"))
    corpus.put("copy", " ".join(_prose(1)), age=1, acl=("group:a",))
    corpus.put("other", " ".join(_prose(2)), acl=("group:b",))
    corpus.update()
    assert corpus.said == {"copy": "kept"}
    # All three change, and yet of any two the same one covers the other as before.
    corpus.meaning = {"group:a group:b": "group:x group:y", "group:a": "group:x", "group:b": "group:y"}
    versions = corpus.versions()
    assert (corpus.update().decided, corpus.said, corpus.versions()) == (0, {"copy": "kept"}, versions)
    corpus.meaning["group:a group:b"] = "group:y"
    assert corpus.update().returned == ["copy"]
    assert corpus.said == {}
    corpus.meaning["group:a"] = "group:y"
    corpus.update()
    assert corpus.said == {"copy": "kept"}


def test_narrowed_step_by_step_the_kept_one_hides_no_copy_that_others_may_see(corpus: Corpus) -> None:
    corpus.put("kept", " ".join(_prose(1)), acl=("group:a", "group:b"))
    corpus.put("copy", " ".join(_prose(1)), age=1, acl=("group:a",))
    for meaning, said in (
        ({"group:a group:b": "group:x group:b", "group:a": "group:x"}, {"copy": "kept"}),
        ({"group:a group:b": "group:b", "group:a": "group:x"}, {}),
        ({"group:a group:b": "group:a group:b", "group:a": "group:a"}, {"copy": "kept"}),
        ({"group:a group:b": "group:b", "group:a": "group:a"}, {}),
    ):
        corpus.meaning = meaning
        corpus.update()
        assert corpus.said == said


def test_another_order_of_the_sources_or_another_threshold_decides_anew(corpus: Corpus) -> None:
    words = _prose(1)
    corpus.put("a", " ".join(words))
    corpus.put("b", " ".join(_edited(words, [50, 120])), source="wiki")
    corpus.update(docs=0, wiki=1)
    assert corpus.said == {"b": "a"}
    corpus.update(docs=1, wiki=0)
    assert corpus.said == {"a": "b"}
    corpus.update(threshold=0.95, docs=1, wiki=0)
    assert corpus.said == {}


def test_a_document_without_a_kept_parse_is_named_and_hides_nothing(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplicates, "DECIDED_AT_ONCE", 1)
    corpus.put("a", " ".join(_prose(1)))
    corpus.put("b", " ".join(_prose(1)), age=1)
    corpus.update()
    corpus.rows["a"] |= {"content_hash": "lost", "seen_hash": "lost"}
    corpus.rows["b"] |= {"modified_at": NOW - timedelta(days=2)}
    changes = corpus.update()
    assert changes.unsigned == ["a"]
    assert corpus.said == {}


def test_a_newer_version_in_quarantine_leaves_the_signature_of_the_good_one(corpus: Corpus) -> None:
    corpus.put("a", " ".join(_prose(1)))
    corpus.put("b", " ".join(_prose(1)), age=1)
    corpus.update()
    versions = corpus.versions()
    corpus.rows["a"] |= {"seen_hash": "bad", "parser": "parser|limits"}
    assert corpus.update().is_empty
    assert corpus.versions() == versions


def test_a_run_killed_between_signing_and_deciding_is_made_up_for(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = " ".join(_prose(1)), " ".join(_prose(2))
    corpus.put("a", first)
    corpus.put("b", first, age=1)
    corpus.put("c", second, age=2)
    corpus.update()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    corpus.put("a", second)
    with monkeypatch.context() as patch:
        patch.setattr(duplicates, "revise", killed)
        with pytest.raises(KeyboardInterrupt):
            corpus.update()
    corpus.put("a", first)  # back to what the last decision knew, while its signature is of the other text
    corpus.update()
    corpus.put("d", first, age=3)
    corpus.update()
    assert corpus.said == {"b": "a", "d": "a"}
    corpus.drop("b")
    with monkeypatch.context() as patch:
        patch.setattr(duplicates, "_forget", killed)
        with pytest.raises(KeyboardInterrupt):
            corpus.update()
    assert corpus.update().is_empty
    assert set(signatures.Signatures(corpus.tables).made_from(["a", "b", "c", "d"])) == {"a", "c", "d"}


def _shingles(text: str) -> tuple[str, minhash.Hashes]:
    normal = normalise(text)
    return exact_hash(text, normal), minhash.shingle_hashes(normal)


def _brute_force(corpus: Corpus, texts: Mapping[str, str]) -> dict[str, str]:
    """Every pair compared by its true similarity, then the rule over all of them."""
    prints = {doc_id: _shingles(texts[doc_id]) for doc_id in corpus.rows}
    edges = [
        (a, b)
        for a in prints
        for b in prints
        if a < b and (prints[a][0] == prints[b][0] or minhash.jaccard(prints[a][1], prints[b][1]) >= 0.8)
    ]
    ranks = {"docs": 0, "wiki": 1}
    expressions = corpus.expressions()
    rows = ({**row, "priority": ranks[str(row["source"])]} for row in corpus.rows.values())
    contenders = [contender(row, expressions) for row in rows]
    return resolve(contenders, edges)


_CHANGES = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 11), st.sampled_from(["docs", "wiki"]),
              st.integers(0, 2), st.sampled_from(["everyone", "group:legal"])),
    min_size=1, max_size=8,
)  # fmt: skip


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_CHANGES, min_size=1, max_size=3), st.integers(1, 3), st.data())
def test_the_store_decides_as_comparing_every_pair_would(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    refreshes: list[list[tuple[str, int, str, int, str]]],
    at_once: int,
    data: st.DataObject,
) -> None:
    monkeypatch.setattr(duplicates, "DECIDED_AT_ONCE", at_once)
    base = [_prose(seed, 120) for seed in (1, 2)]
    # Six versions of each of two texts, from equal to well apart: neighbours are near, distant ones are not.
    versions = [" ".join(_edited(words, range(10, 10 + 20 * n, 20))) for words in base for n in range(6)]
    corpus, texts = Corpus(tmp_path_factory.mktemp("store")), {}
    for refresh in refreshes:
        for doc_id, version, source, age, principal in refresh:
            corpus.put(doc_id, versions[version], source, age, [principal])
            texts[doc_id] = versions[version]
        for doc_id in data.draw(st.sets(st.sampled_from(sorted(corpus.rows)), max_size=2)):
            corpus.drop(doc_id)
        corpus.update()
        assert corpus.said == _brute_force(corpus, texts)


def test_a_contender_that_changes_only_its_path_is_decided_anew() -> None:
    world = _InMemory()
    world.edges = {frozenset(("a", "b"))}
    world.apply([_document("a"), _document("b")], (), 10)
    assert world.target == {"b": "a"}
    world.apply([replace(world.documents["a"], path="z.md")], (), 10)
    assert world.target == {"a": "b"}
