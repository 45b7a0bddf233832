"""Who may see rows: audiences and access expressions, classes that wait, and what an earlier Freshet left."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freshet.flows.command.texts.trace import trace_text
from freshet.tasks.datasets.assembly.assembled import Assembled
from freshet.tasks.datasets.origins.permission import Permissions
from freshet.tasks.datasets.versions import publish as publishing
from freshet.tasks.datasets.versions.diff import diff_versions
from freshet.tasks.datasets.versions.exports import export_version
from freshet.tasks.datasets.versions.fingerprint import build_fingerprint
from freshet.tasks.datasets.versions.publish import publish, record_rejected
from freshet.tasks.governance.expressions import Asker, Expression
from freshet.tasks.ledger.versions import Version, live_version
from freshet.tasks.lineage.trace import trace
from freshet.tasks.rules.verdicts import Verdict, describe, verdict
from freshet.tasks.runs.run import BuildRun
from freshet.tasks.settings.file import Project
from freshet.tasks.settings.project import Settings
from freshet.tasks.store import schemas
from freshet.tasks.store.tables import Store
from tests.unit.built_dataset import AS_OF, Rows, assembled, declared, no_extras, pairs, proposed, put_on_record
from tests.unit.small_corpus import Document, build

TRAINING = {"uses": ["retrieval", "training"], "licence": "CC0-1.0"}
LEGAL_STAFF = {"all": [["group:legal"], ["group:staff"]]}
NOT_EVE = {"all": [["everyone"]], "none": ["user:eve"]}
NO_INTERNS = {"all": [["everyone"]], "none": ["group:interns"]}


def project_of(folder: Path, given: Mapping[str, Any], dataset: Mapping[str, Any], **corpora: Any) -> Project:
    rows = {"rows": "x.jsonl", "owner": "me", "licence": "MIT", "uses": ["training"], **given}
    said = {"store": str(folder), "datasets": {"d": {"format": "prompt_completion", "inputs": [rows], **dataset}}}
    return Project(Settings.model_validate({**said, **corpora}), folder, folder / "freshet.yaml")


def permissions(folder: Path, given: Mapping[str, Any], past: Any = None, **dataset: Any) -> Permissions:
    project = project_of(folder, given, dataset)
    declared = project.settings.datasets["d"]
    return Permissions(declared.inputs[0], declared, project, Store(str(folder)), past=past)


def refusals(folder: Path, document: str | None, given: Mapping[str, Any], **dataset: Any) -> list[Verdict]:
    return list(permissions(folder, given, **dataset).of(document).verdicts)


def codes(folder: Path, document: str, past: Any = None, **dataset: Any) -> list[str]:
    return [one.code for one in permissions(folder, {"corpus": "docs"}, past, **dataset).of(document).verdicts]


# ---- audiences


@pytest.mark.parametrize(
    ("acl", "audience", "unseen"),
    [
        (["everyone"], ["everyone"], []),
        (["everyone"], ["user:ada"], []),
        (["group:legal"], ["everyone"], ["everyone"]),
        (["group:legal"], ["group:legal"], []),
        (["group:legal"], ["user:ada", "group:legal"], ["user:ada"]),
        (LEGAL_STAFF, ["group:legal", "group:staff"], ["group:legal", "group:staff"]),
        (LEGAL_STAFF, LEGAL_STAFF, []),
        (LEGAL_STAFF, {"all": [["group:staff"]]}, ["group:staff"]),
        ({"all": [["group:legal", "user:ada"], ["group:staff", "user:ada"]]}, ["user:ada"], []),
        (NOT_EVE, ["user:ada"], []),
        (NOT_EVE, ["user:eve"], ["user:eve"]),
        (NOT_EVE, ["group:staff"], ["group:staff"]),
        (NOT_EVE, ["everyone"], ["everyone"]),
        (NOT_EVE, {"all": [["group:staff"]], "none": ["user:eve"]}, []),
        (NOT_EVE, {"all": [["group:staff"]], "none": ["user:bob"]}, {"all": [["group:staff"]], "none": ["user:bob"]}),
        (NO_INTERNS, ["user:ada"], ["user:ada"]),
        (NO_INTERNS, {"all": [["user:ada"]], "none": ["group:interns"]}, []),
        (["everyone"], {"all": [["user:ada"]], "none": ["user:ada"]}, []),
    ],
)
def test_all_of_the_audience_must_be_let_in(acl: Any, audience: Any, unseen: Any) -> None:
    found = refusals(Path("nowhere"), None, {"acl": acl}, audience=audience)
    assert [one.code for one in found] == (["USE-AUDIENCE"] if unseen else [])
    for one in found:
        assert one.evidence == {"without": unseen, "acl": Expression.read(json.dumps(acl)).said}
        assert str(unseen) in describe(Verdict(**json.loads(json.dumps(one.as_dict()))))


USERS, GROUPS = ["user:ada", "user:eve"], ["group:a", "group:b"]
NAMES = st.lists(st.sampled_from(["everyone", *USERS, *GROUPS]), min_size=1, max_size=3)
SAID = NAMES | st.fixed_dictionaries(
    {"all": st.lists(NAMES, min_size=1, max_size=3), "none": st.lists(st.sampled_from([*USERS, *GROUPS]), max_size=2)}
)
ASKERS = [
    Asker(frozenset({"everyone", *who, *groups}))
    for who in ([], *([one] for one in USERS))
    for groups in chain.from_iterable(combinations(GROUPS, n) for n in range(len(GROUPS) + 1))
]
"""Everybody that there can be: a person has one name, and is in any groups."""


@settings(max_examples=600)
@given(acl=SAID, audience=SAID)
def test_rows_are_taken_only_where_everybody_who_fits_the_audience_may_see_them(acl: Any, audience: Any) -> None:
    if not refusals(Path("nowhere"), None, {"acl": acl}, audience=audience):
        access, fits = (Expression.read(json.dumps(one)) for one in (acl, audience))
        assert all(access.admits(one) for one in ASKERS if fits.admits(one))


@given(acl=NAMES, audience=NAMES)
def test_lists_are_held_against_lists_name_by_name(acl: list[str], audience: list[str]) -> None:
    unseen = sorted({one for one in audience if one not in acl and "everyone" not in acl})
    found = refusals(Path("nowhere"), None, {"acl": acl}, audience=audience)
    assert [one.evidence["without"] for one in found] == ([unseen] if unseen else [])


def test_a_row_may_be_seen_by_those_who_may_see_both_its_input_and_its_document(tmp_path: Path) -> None:
    build(tmp_path, {"a.md": Document(["One."], acl=["group:legal"], changes=TRAINING)}, indexed=False)
    given = {"corpus": "docs", "acl": {"all": [["group:staff"]], "none": ["user:eve"]}}
    grant = permissions(tmp_path, given).of("a.md")
    assert grant.access.said == {**LEGAL_STAFF, "none": ["user:eve"]}
    assert [one.code for one in grant.verdicts] == ["USE-AUDIENCE"]
    fits = {**LEGAL_STAFF, "none": ["user:eve"]}
    assert refusals(tmp_path, "a.md", given, audience=fits) == []


# ---- classes


def _published(store: Store, number: int, **said: Any) -> None:
    row = {
        "corpus": "docs", "release": number, "outcome": "published", "rollback_of": None, "model": "m", "space": "s",
        "table_version": 1, "ledger_version": 1, "documents": 1, "chunks": 1, "reasons": [], "exam": None,
        "site": None, "run_id": "r", "as_of": AS_OF, "published_at": AS_OF, **said,
    }  # fmt: skip
    store.ledger.append(schemas.RELEASES, schemas.releases(), [row])


def test_a_class_that_was_narrowed_rejects_rows_at_once_and_one_that_was_widened_waits_for_its_release(
    tmp_path: Path,
) -> None:
    store = Store(str(tmp_path))
    build(tmp_path, {"a.md": Document(["One."], changes={**TRAINING, "access": "c"})}, indexed=False)
    assert codes(tmp_path, "a.md") == ["USE-AUDIENCE"], "nobody is let in by a class that nobody has described"
    put_on_record(store, {"c": ["everyone"]})
    assert codes(tmp_path, "a.md") == []
    _published(store, 1)
    put_on_record(store, {"c": ["group:legal"]}, published=1, decided=1)
    assert codes(tmp_path, "a.md") == ["USE-AUDIENCE"]
    assert codes(tmp_path, "a.md", audience=["group:legal"]) == []
    put_on_record(store, {"c": ["everyone"]}, published=1, decided=1)
    assert codes(tmp_path, "a.md") == ["USE-AUDIENCE"]
    _published(store, 2, outcome="rejected")
    assert codes(tmp_path, "a.md") == ["USE-AUDIENCE"]
    _published(store, 3)
    assert codes(tmp_path, "a.md") == []


def test_a_class_that_means_something_else_calls_for_another_build(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    build(tmp_path, {"a.md": Document(["One."], changes={**TRAINING, "access": "c"})}, indexed=False)
    project = project_of(tmp_path, {"corpus": "docs"}, {})
    run = BuildRun(project=project, dataset="d", run_id="r", name="version-d", as_of=AS_OF)
    made = []
    for said, number in ((["everyone"], 1), (["group:legal"], 2), (["everyone"], 3)):
        put_on_record(store, {"c": said}, published=number - 1, decided=number - 1)
        made.append(build_fingerprint(run, [], []))
        _published(store, number)
        made.append(build_fingerprint(run, [], []))
    assert made[0] == made[1] != made[2] == made[3] == made[4] != made[5] == made[0]


# ---- what an earlier Freshet left


def _as_before(store: Store, lists: Mapping[str, list[str]]) -> int:
    """Writes the document ledger as it was with lists of principals in place of classes; returns its version."""
    import lance

    table = store.corpus("docs").find(schemas.DOCUMENTS)
    assert table is not None
    rows = table.to_arrow().drop_columns(["access", "chunks_access"])
    acl = pa.array([lists[path] for path in rows["path"].to_pylist()], pa.list_(pa.string()))
    lance.write_dataset(rows.append_column("acl", acl), table.to_lance().uri, mode="overwrite")
    table.checkout_latest()
    return int(table.version)


def test_a_ledger_of_before_there_were_classes_permits_as_it_did(tmp_path: Path) -> None:
    lists = {"open.md": ["everyone"], "legal.md": ["group:legal", "user:ada"], "nobody.md": []}
    build(tmp_path, {path: Document(["One."], changes=TRAINING) for path in lists}, indexed=False)
    _as_before(Store(str(tmp_path)), lists)
    assert [codes(tmp_path, path) for path in lists] == [[], ["USE-AUDIENCE"], ["USE-AUDIENCE"]]
    audience = ["user:ada", "group:legal"]
    assert [codes(tmp_path, path, audience=audience) for path in lists] == [[], [], ["USE-AUDIENCE"]]


def test_of_a_release_of_before_there_were_classes_the_lists_of_then_and_the_classes_of_now_hold(
    tmp_path: Path,
) -> None:
    import lance

    store = Store(str(tmp_path))
    then = {"open.md": ["everyone"], "was-legal.md": ["group:legal"], "is-legal.md": ["everyone"]}
    now = {"open.md": ["everyone"], "was-legal.md": ["everyone"], "is-legal.md": ["group:legal"]}
    put_on_record(store, now)
    build(tmp_path, {path: Document(["One."], changes={**TRAINING, "access": path}) for path in now}, indexed=False)
    table, chunks = (store.corpus("docs").find(name) for name in (schemas.DOCUMENTS, schemas.chunks_table("s")))
    assert table is not None
    assert chunks is not None
    rows = table.to_arrow()
    version = _as_before(store, then)
    lance.write_dataset(rows, table.to_lance().uri, mode="overwrite")
    _published(store, 1, ledger_version=version, table_version=int(chunks.version))
    later = AS_OF + timedelta(days=1)
    assert [codes(tmp_path, path, later) for path in now] == [[], ["USE-AUDIENCE"], ["USE-AUDIENCE"]]
    assert [codes(tmp_path, path) for path in now] == [[], ["USE-AUDIENCE"], ["USE-AUDIENCE"]]
    table.checkout_latest()
    _published(store, 2, ledger_version=int(table.version), table_version=int(chunks.version))
    assert [codes(tmp_path, path) for path in now] == [[], [], ["USE-AUDIENCE"]], "once a release has let it out"


def test_the_digest_of_rows_whose_access_is_a_list_is_what_it_was(tmp_path: Path) -> None:
    said = {1: {"access": '["group:a", "user:b"]'}, 2: {"access": '["user:é"]'}}
    found = [(4, verdict("USE-AUDIENCE", without=["everyone"], acl=["group:legal"]))]
    done = assembled(tmp_path / "1", Rows(pairs(6), said=said, found=found), declared())
    # As the version before there were expressions computed it.
    assert done.record_digest == "4a423acebb3f49dbcf11f2712666329374b50f815c5a63d9d9a64acae4c47373"
    other = {**said, 3: {"access": json.dumps(NOT_EVE)}}
    changed = assembled(tmp_path / "2", Rows(pairs(6), said=other, found=found), declared())
    assert changed.record_digest != done.record_digest
    assert changed.rows_digest == done.rows_digest


TEXT, STRINGS = pa.string(), pa.list_(pa.string())
ORIGIN = pa.struct(
    [
        *(pa.field(name, TEXT) for name in ("relation", "input", "uri", "source_version")),
        pa.field("place", pa.int64()),
        *(pa.field(name, TEXT) for name in ("field", "document", "corpus", "doc_id", "doc_version")),
        pa.field("chunk_ids", STRINGS),
        pa.field("start", pa.int64()),
        pa.field("end", pa.int64()),
    ]
)
KEY = {"lance-schema:unenforced-primary-key": "true"}
EXAMPLES = pa.schema(
    [
        pa.field("example_id", TEXT, nullable=False).with_metadata(KEY),
        pa.field("split", TEXT, nullable=False),
        pa.field("group", pa.int64(), nullable=False),
        *(pa.field(name, TEXT, nullable=False) for name in ("format", "content", "digest")),
        pa.field("label", TEXT),
        pa.field("origins", pa.list_(ORIGIN), nullable=False),
        pa.field("transforms", STRINGS, nullable=False),
        *(pa.field(name, TEXT, nullable=False) for name in ("licence", "owner")),
        *(pa.field(name, STRINGS, nullable=False) for name in ("uses", "acl")),
        pa.field("verdicts", TEXT, nullable=False),
    ]
)
"""The examples of versions that were published before there were expressions."""

ROWS_ONLY: Any = {"split": {"train": 1.0, "validation": 0.0, "test": 0.0}}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


def _former(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    for table in tables:
        rows = [{**row, "acl": json.loads(row.pop("access"))} for row in table.to_pylist()]
        yield pa.Table.from_pylist(rows, EXAMPLES)


def _decide_as_before(store: Store, folder: Path, rows: int, patched: pytest.MonkeyPatch, *reasons: str) -> Version:
    """Publishes a version, or refuses it for reasons, with the columns of before."""
    kept = Assembled.kept

    def former(self: Assembled, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        return _former(kept(self)) if columns is None else kept(self, columns)

    def commit_both(store: Store, assembled: Assembled, facts: Any) -> dict[str, int]:
        given = (
            (schemas.EXAMPLES, EXAMPLES, assembled.kept(), assembled.rows["kept"]),
            (schemas.REJECTED, schemas.rejected_rows(), assembled.rejected(), assembled.rows["rejected"]),
        )
        return {name: publishing._commit(store, facts, name, *one) for name, *one in given}

    done, candidate = proposed(store, folder, Rows(pairs(rows)), declared(**ROWS_ONLY))
    with patched.context() as within:
        within.setattr(Assembled, "kept", former)
        within.setattr(publishing, "_commit_both", commit_both)
        if reasons:
            return record_rejected(store, done, candidate, list(reasons), run_id="before", now=AS_OF)
        return publish(store, done, candidate, no_extras, run_id="before", now=AS_OF)


def _columns(store: Store, version: Version) -> list[str]:
    return list(store.dataset("sums").at(schemas.EXAMPLES, version.table_version).schema.names)


def test_a_version_is_published_upon_one_of_before_and_both_are_read(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = _decide_as_before(store, tmp_path / "1", 30, monkeypatch)
    assert _columns(store, old) == EXAMPLES.names
    again, candidate = proposed(store, tmp_path / "2", Rows(pairs(30)), declared(**ROWS_ONLY))
    assert candidate.unchanged, "who may see the rows did not change"
    assert publish(store, again, candidate, no_extras, run_id="again", now=AS_OF) == old
    assert live_version(store, "sums") == old
    said = {30: {"access": json.dumps(NOT_EVE)}}
    done, candidate = proposed(store, tmp_path / "3", Rows(pairs(33), said=said), declared(**ROWS_ONLY))
    new = publish(store, done, candidate, no_extras, run_id="new", now=AS_OF)
    assert (new.version, new.facts.change["added"]) == ("1.1.0", 3)
    assert _columns(store, new) == schemas.examples().names
    table = store.dataset("sums").find(schemas.EXAMPLES)
    assert table is not None
    tags = {name: tag["version"] for name, tag in table.tags.list().items()}
    assert tags == {"v1.0.0": old.table_version, "v1.1.0": new.table_version}
    rows = store.dataset("sums").at(schemas.EXAMPLES, old.table_version).to_arrow()
    assert rows["acl"].to_pylist() == [["everyone"]] * 30
    assert diff_versions(store, "sums", "1.0.0", "1.1.0").change["added"] == 3
    assert trace(store, "sums@1.0.0:train:1")["policy"]["acl"] == ["everyone"]
    assert trace(store, "sums@1.1.0:train:31")["policy"]["acl"] == NOT_EVE


def test_exports_of_a_version_of_before_come_out_as_they_were(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = _decide_as_before(store, tmp_path / "1", 30, monkeypatch)
    done, candidate = proposed(store, tmp_path / "2", Rows(pairs(33)), declared(**ROWS_ONLY))
    new = publish(store, done, candidate, no_extras, run_id="new", now=AS_OF)
    for version, last in ((old, pa.field("acl", STRINGS, nullable=False)), (new, pa.field("access", TEXT, False))):
        folder = tmp_path / version.version
        assert export_version(store, version, no_extras, folder) == version.exports
        schema = pq.read_schema(folder / "lineage.parquet")
        assert schema.names[:3] == ["example_id", "split", "line"]
        assert schema.field(len(schema) - 1).equals(last)


def test_rows_that_the_gate_refused_before_are_written_anew_where_it_takes_them_now(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = _decide_as_before(store, tmp_path / "1", 30, monkeypatch, "VERSION-ROWS: too few")
    done, candidate = proposed(store, tmp_path / "2", Rows(pairs(30)), declared(**ROWS_ONLY))
    version = publish(store, done, candidate, no_extras, run_id="new", now=AS_OF)
    assert version.digest == refused.digest
    assert _columns(store, version) == schemas.examples().names
    assert export_version(store, version, no_extras, tmp_path / "out") == version.exports


def test_a_trace_says_in_words_who_may_see_an_example(store: Store, tmp_path: Path) -> None:
    access = {"all": [["group:legal"], ["group:staff", "user:ada"]], "none": ["user:eve"]}
    said = {1: {"access": json.dumps(access)}, 2: {"access": '["group:a", "user:b"]'}}
    audience = {"audience": {"all": [["group:legal"]]}}
    done, candidate = proposed(store, tmp_path / "1", Rows(pairs(3), said=said), declared(**ROWS_ONLY, **audience))
    publish(store, done, candidate, no_extras, run_id="r", now=AS_OF)
    told = [trace_text(trace(store, f"sums@1.0.0:train:{line}")) for line in (1, 2, 3)]
    words = [
        "everyone", "one of group:legal and one of group:staff, user:ada, but not user:eve", "group:a, user:b",
    ]  # fmt: skip
    for text, who in zip(told, words, strict=True):
        assert f"may be seen by {who}; made for group:legal\n" in text
    found = trace(store, "sums@1.0.0:train:1")
    found["policy"] |= {"acl": [], "audience": []}
    assert "may be seen by nobody; made for nobody\n" in trace_text(found)
