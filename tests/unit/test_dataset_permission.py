"""Who permits what: inputs, exceptions by document, and documents of a corpus."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.tasks.datasets.origins.documents import DocumentText
from freshet.tasks.datasets.origins.permission import Grant, Permissions
from freshet.tasks.errors import SettingsError
from freshet.tasks.governance.expressions import NOBODY
from freshet.tasks.settings.datasets import Dataset
from freshet.tasks.settings.file import Project
from freshet.tasks.settings.project import Settings
from freshet.tasks.store import schemas
from freshet.tasks.store.tables import Store
from tests.unit.small_corpus import Document, build, document_id

BOTH = {"uses": ["retrieval", "training"], "licence": "CC0-1.0"}


def permissions(
    folder: Path, given: dict[str, Any], corpora: dict[str, Any] | None = None, **dataset: Any
) -> Permissions:
    rows = {"rows": "x.jsonl", "owner": "me", "licence": "MIT", "uses": ["training"], **given}
    settings = Settings(
        store=str(folder),
        corpora=corpora or {},
        datasets={"d": {"format": "prompt_completion", "inputs": [rows], **dataset}},  # type: ignore[dict-item]
    )
    declared: Dataset = settings.datasets["d"]
    project = Project(settings, folder, folder / "freshet.yaml")
    return Permissions(declared.inputs[0], declared, project, Store(str(folder)))


def codes(grant: Grant) -> list[str]:
    return [one.code for one in grant.verdicts]


def test_an_input_that_permits_training_lets_its_rows_in(tmp_path: Path) -> None:
    asked = permissions(tmp_path, {"acl": ["group:b", "everyone", "group:a"]})
    grant = asked.of(None)
    assert (grant.uses, grant.licence, grant.owner) == (("training",), "MIT", "me")
    assert grant.access.said == ["everyone"]
    assert codes(grant) == []
    assert asked.is_one_for_all


def test_an_input_that_does_not_permit_training_lets_none_in_and_says_who_can(tmp_path: Path) -> None:
    asked = permissions(tmp_path, {"uses": ["retrieval"]})
    (refusal,) = asked.of("a.md").verdicts
    assert refusal.code == "USE-TRAINING"
    assert refusal.evidence == {"by": "input", "uses": ["retrieval"], "owner": "me", "document": "a.md"}
    assert not asked.is_one_for_all


@pytest.mark.parametrize(
    ("document", "uses"),
    [
        ("legal/a.md", ()),
        ("./legal/a.md", ()),
        ("x/../legal/a.md", ()),
        ("/legal/a.md", ()),
        ("legal/a\n.md", ()),
        ("legal/open/a.md", ("training",)),
        ("other/a.md", ("training",)),
        ("Legal/a.md", ("training",)),
        (None, ("training",)),
    ],
)
def test_the_first_rule_that_matches_a_document_wins(
    tmp_path: Path, document: str | None, uses: tuple[str, ...]
) -> None:
    rules = [{"document": "legal/open/**", "uses": ["training"]}, {"document": "legal/**", "uses": []}]
    assert permissions(tmp_path, {"permissions": rules}).of(document).uses == uses


@pytest.mark.parametrize(("licences", "refused"), [([], False), (["mit"], False), (["CC0-1.0"], True)])
def test_a_licence_must_be_among_those_named(tmp_path: Path, licences: list[str], refused: bool) -> None:
    assert codes(permissions(tmp_path, {}, licences=licences).of(None)) == ["USE-LICENCE"] * refused


def test_a_document_of_a_corpus_is_found_by_path_uri_and_id_and_its_rights_are_inherited(tmp_path: Path) -> None:
    build(tmp_path, {"a.md": Document(["One."], acl=["group:x"], changes=BOTH)}, indexed=False)
    asked = permissions(tmp_path, {"corpus": "docs"}, audience=["group:x"])
    asked.prepare(["a.md", "file:///docs/a.md"])
    for name in ("a.md", "file:///docs/a.md", document_id("a.md")):
        grant = asked.of(name)
        assert (grant.corpus, grant.doc_id, grant.uses) == ("docs", document_id("a.md"), ("training",))
        assert (grant.access.said, grant.licence, codes(grant)) == (["group:x"], "CC0-1.0", [])
        assert grant.doc_version


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({**BOTH, "uses": ["retrieval"]}, ["USE-TRAINING"]),
        ({**BOTH, "licence": None}, ["USE-LICENCE"]),
        ({**BOTH, "content_hash": None}, ["USE-DOCUMENT"]),
        ({**BOTH, "seen_hash": "new and refused"}, []),
        ({**BOTH, "access": "unknown"}, ["USE-AUDIENCE"]),
        ({"uses": ["retrieval"], "access": "unknown"}, ["USE-TRAINING", "USE-AUDIENCE", "USE-LICENCE"]),
    ],
)
def test_what_a_document_does_not_permit_keeps_its_rows_out(
    tmp_path: Path, changes: dict[str, Any], expected: list[str]
) -> None:
    build(tmp_path, {"a.md": Document(["One."], changes=changes)}, indexed=False)
    assert codes(permissions(tmp_path, {"corpus": "docs"}).of("a.md")) == expected


@pytest.mark.parametrize("document", ["b.md", None, "a'md", "a\0"])
def test_rows_of_no_document_that_the_corpus_has_are_refused(tmp_path: Path, document: str | None) -> None:
    build(tmp_path, {"a.md": Document(["One."], changes=BOTH)}, indexed=False)
    grant = permissions(tmp_path, {"corpus": "docs"}).of(document)
    assert (codes(grant), grant.uses, grant.access) == (["USE-DOCUMENT"], (), NOBODY)


def test_a_name_that_two_documents_have_is_refused_and_a_uri_is_asked_for(tmp_path: Path) -> None:
    twin = {**BOTH, "path": "a.md"}
    build(tmp_path, {"a.md": Document(["One."], changes=BOTH), "b.md": Document(["Two."], changes=twin)}, indexed=False)
    asked = permissions(tmp_path, {"corpus": "docs"})
    assert "URI" in asked.of("a.md").verdicts[0].evidence["why"]
    assert codes(asked.of("file:///docs/b.md")) == []


def test_a_corpus_that_was_never_refreshed_is_an_error_that_says_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        permissions(tmp_path, {"corpus": "docs"})
    assert "freshet refresh docs" in raised.value.mend


def test_a_rule_matches_a_document_of_a_corpus_by_any_of_its_names(tmp_path: Path) -> None:
    build(tmp_path, {"legal/a.md": Document(["One."], changes=BOTH)}, indexed=False)
    asked = permissions(tmp_path, {"corpus": "docs", "permissions": [{"document": "legal/**", "uses": []}]})
    assert codes(asked.of(document_id("legal/a.md"))) == ["USE-TRAINING"]


def test_a_source_that_was_narrowed_after_the_last_refresh_narrows_its_rows_at_once(tmp_path: Path) -> None:
    build(
        tmp_path,
        {"legal/a.md": Document(["One."], changes=BOTH), "b.md": Document(["Two."], changes=BOTH)},
        indexed=False,
    )
    source = {
        "folder": "somewhere", "name": "docs", "owner": "me", "acl": ["everyone"], "uses": ["training"],
        "access": [{"path": "legal/**", "acl": ["group:legal"]}],
    }  # fmt: skip
    asked = permissions(tmp_path, {"corpus": "docs"}, {"docs": {"sources": [source]}})
    assert (asked.of("b.md").access.said, codes(asked.of("b.md"))) == (["everyone"], [])
    legal = asked.of("legal/a.md")
    assert (legal.access.said, codes(legal)) == (["group:legal"], ["USE-AUDIENCE"])


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ({"git": "https://ada:s3cret@host/policies.git"}, "https://***@host/policies.git"),
        ({"git": "ada:s3cret@host:policies.git"}, "ada:***@host:policies.git"),
        ({"folder": "s3://key:s3cret@bucket/docs"}, "s3://key:***@bucket/docs"),
        ({"folder": "https://host/docs?sig=s3cret"}, "https://host/docs?***"),
    ],
)
def test_a_use_that_is_revoked_of_a_source_without_a_name_is_revoked_though_its_address_holds_a_password(
    tmp_path: Path, source: dict[str, Any], name: str
) -> None:
    build(tmp_path, {"a.md": Document(["One."], changes={**BOTH, "source": name})}, indexed=False)
    now = {**source, "owner": "me", "acl": ["group:legal"], "uses": ["retrieval"]}
    grant = permissions(tmp_path, {"corpus": "docs"}, {"docs": {"sources": [now]}}).of("a.md")
    assert (grant.uses, grant.access.said) == ((), ["group:legal"])
    assert codes(grant) == ["USE-TRAINING", "USE-AUDIENCE"]


def test_a_duplicate_keeps_its_own_rights_and_is_quoted_from_the_document_that_answers_for_it(tmp_path: Path) -> None:
    hidden = Document([], acl=["group:x"], changes={**BOTH, "duplicate_of": document_id("a.md")})
    build(tmp_path, {"a.md": Document(["One."], changes=BOTH), "b.md": hidden}, indexed=False)
    grant = permissions(tmp_path, {"corpus": "docs"}, audience=["group:x"]).of("b.md")
    assert grant.access.said == ["group:x"]
    assert (grant.doc_id, grant.answered_by) == (document_id("b.md"), document_id("a.md"))


def test_chunks_are_those_of_the_live_release_and_not_of_the_head(tmp_path: Path) -> None:
    corpus = build(
        tmp_path, {"a.md": Document(["Once upon a time.", "There was a king."], changes=BOTH)}, indexed=False
    )
    version, now = corpus.chunks.version, datetime(2026, 1, 1, tzinfo=UTC)
    release = {
        "corpus": "docs", "release": 1, "outcome": "published", "rollback_of": None, "model": "m", "space": "s",
        "table_version": version, "ledger_version": 1, "documents": 1, "chunks": 2, "reasons": [], "exam": None,
        "site": None, "run_id": "r", "as_of": now, "published_at": now,
    }  # fmt: skip
    rows = [release, {**release, "release": 2, "outcome": "rejected", "table_version": version + 1}]
    Store(str(tmp_path)).ledger.append(schemas.RELEASES, schemas.releases(), rows)
    corpus.chunks.delete("true")
    ledger = permissions(tmp_path, {"corpus": "docs"}).ledger
    assert ledger is not None
    ((doc_id, text),) = ledger.texts([document_id("a.md"), "unknown"])
    assert doc_id == document_id("a.md")
    assert text.span("was a\n king.") == (24, 35)
    assert len(text.chunks_over(24, 35)) == 1
    assert len(text.chunks_over(10, 35)) == 2


@given(st.lists(st.text("ab \n", min_size=1, max_size=12), min_size=1, max_size=5), st.data())
def test_a_quotation_is_placed_where_it_stands_in_the_document(passages: list[str], data: st.DataObject) -> None:
    document = "\n".join(passages)
    chunks, at = [], 0
    for number, passage in enumerate(passages):
        if passage.strip():
            start = at + len(passage) - len(passage.lstrip())
            text = passage.strip()
            chunks.append({"chunk_id": str(number), "text": text, "start": start, "end": start + len(text)})
        at += len(passage) + 1
    start = data.draw(st.integers(0, len(document) - 1))
    quoted = document[start : data.draw(st.integers(start + 1, len(document)))]
    text = DocumentText(chunks)
    span = text.span(quoted)
    packed, whole = "".join(quoted.split()), "".join(document.split())
    once = bool(packed) and whole.find(packed) == whole.rfind(packed)
    assert (span is not None) == once
    if span is not None:
        assert "".join(document[slice(*span)].split()) == packed
        assert document[span[0] : span[1]].strip() == document[slice(*span)]
    located, place = text.locate(quoted, start)
    if packed:
        assert place is not None or located.fault is not None
        if place is not None:
            assert "".join(document[slice(*place)].split()) == packed
    if packed and not quoted[0].isspace():
        assert located.start == start
