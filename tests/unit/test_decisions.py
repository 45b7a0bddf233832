"""What people decide about refused documents: recorded for good, of one version, ended by a change."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from freshet.flows.command.app import main
from freshet.tasks.errors import SettingsError, StoreError
from freshet.tasks.ledger.decisions import (
    accept,
    accepted,
    list_decisions,
    mark_retried,
    override,
    read_again,
    retried,
    retry,
)
from freshet.tasks.store import schemas
from freshet.tasks.store.tables import Store
from tests.unit.small_corpus import Document, build, document_id

Shell = Callable[..., tuple[str, str]]
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
V1, V2 = "a" * 64, "b" * 64


def _refused(version: str | None, *codes: str, good: str | None = None) -> Document:
    blocked = [{"code": code, "severity": "block", "evidence": {}} for code in codes]
    noted = [{"code": "PERSONAL-EMAIL", "severity": "note", "evidence": {}}]
    changes = {"seen_hash": version, "content_hash": good, "verdicts": json.dumps([*blocked, *noted])}
    return Document([], changes=changes)


DOCUMENTS = {
    "fine.md": Document(["All is well."]),
    "key.md": _refused(V1, "SECRET-KEY"),
    "two.md": _refused(V1, "SECRET-KEY", "PERSONAL-CARD", good=V2),
    "locked.pdf": _refused(V1, "PARSE-ENCRYPTED"),
    "huge.bin": _refused("unread:7", "SOURCE-SIZE"),
    "gone.md": _refused(None, "SOURCE-UNREADABLE"),
}
KEY = document_id("key.md")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    build(tmp_path, DOCUMENTS, indexed=False)
    return Store(str(tmp_path))


def _restate(store: Store, document: str, **values: Any) -> None:
    ledger = store.corpus("docs").find(schemas.DOCUMENTS)
    assert ledger is not None
    ledger.update(where=f"path = '{document}'", values=values)


def _accept(store: Store, path: str = "key.md", now: datetime = NOW) -> None:
    accept(store, "docs", path, who="ada", why="a published test key", now=now)


def test_nothing_is_decided_at_first(store: Store) -> None:
    assert accepted(store, "docs") == {}
    assert retried(store, "docs") == frozenset()
    assert read_again(store, "docs") == frozenset()


def test_an_acceptance_names_version_rules_who_and_why(store: Store) -> None:
    made = accept(store, "docs", "two.md", who=" ada ", why="both are examples", now=NOW)
    assert list_decisions(store, "docs") == [made]
    assert (made.corpus, made.kind, made.doc_id, made.path) == ("docs", "accept", document_id("two.md"), "two.md")
    assert (made.content_hash, made.codes) == (V1, ["PERSONAL-CARD", "SECRET-KEY"])
    assert (made.who, made.why, made.at) == ("ada", "both are examples", NOW)
    assert accepted(store, "docs") == {(document_id("two.md"), V1): frozenset({"SECRET-KEY", "PERSONAL-CARD"})}


def test_a_document_is_named_by_its_address_too(store: Store) -> None:
    assert accept(store, "docs", "file:///docs/key.md", who="ada", why="x", now=NOW).path == "key.md"


def test_one_corpus_knows_nothing_of_the_decisions_of_another(store: Store) -> None:
    _accept(store)
    assert accepted(store, "other") == {}


def test_the_next_refresh_reads_what_was_accepted_until_it_is_let_in(store: Store) -> None:
    _accept(store)
    assert read_again(store, "docs") == {KEY}
    _restate(store, "key.md", content_hash=V1)
    assert read_again(store, "docs") == frozenset()


def test_an_acceptance_ends_when_the_document_changes(store: Store) -> None:
    _accept(store)
    _restate(store, "key.md", seen_hash=V2)
    assert read_again(store, "docs") == frozenset()
    assert (KEY, V2) not in accepted(store, "docs")


def test_an_acceptance_does_not_cover_a_rule_that_blocked_later(store: Store) -> None:
    _accept(store)
    _restate(store, "key.md", verdicts=DOCUMENTS["two.md"].changes["verdicts"])
    assert read_again(store, "docs") == frozenset()
    _accept(store)
    assert accepted(store, "docs")[KEY, V1] == {"SECRET-KEY", "PERSONAL-CARD"}
    assert read_again(store, "docs") == {KEY}
    assert len(list_decisions(store, "docs")) == 2


@pytest.mark.parametrize(
    ("path", "code"), [("locked.pdf", "PARSE-ENCRYPTED"), ("huge.bin", "SOURCE-SIZE"), ("gone.md", "SOURCE-UNREADABLE")]
)
def test_a_document_without_a_text_cannot_be_accepted(store: Store, path: str, code: str) -> None:
    with pytest.raises(StoreError, match=f"under {code} there is no text to serve") as told:
        _accept(store, path)
    assert f"freshet quarantine docs retry {path}" in told.value.mend
    assert list_decisions(store, "docs") == []


@pytest.mark.parametrize(
    ("path", "what"), [("fine.md", "is not in quarantine"), ("nowhere.md", "holds no document 'nowhere.md'")]
)
def test_only_a_refused_document_is_decided_about(store: Store, path: str, what: str) -> None:
    with pytest.raises(StoreError, match=what):
        _accept(store, path)
    with pytest.raises(StoreError, match=what):
        retry(store, "docs", path, who="ada", now=NOW)


def test_a_path_in_two_sources_asks_which(store: Store) -> None:
    _restate(store, "two.md", path="key.md", source="other")
    with pytest.raises(StoreError, match="several sources") as told:
        _accept(store)
    assert "file:///docs/key.md, file:///docs/two.md" in told.value.mend
    assert accept(store, "docs", "file:///docs/two.md", who="a", why="b", now=NOW).doc_id == document_id("two.md")


@pytest.mark.parametrize(("who", "why", "named"), [("", "x", "who"), ("ada", "  ", "why")])
def test_who_and_why_must_be_said(store: Store, who: str, why: str, named: str) -> None:
    with pytest.raises(SettingsError, match=f"{named} is empty"):
        accept(store, "docs", "key.md", who=who, why=why, now=NOW)
    assert list_decisions(store, "docs") == []


@pytest.mark.parametrize("path", ["key.md", "locked.pdf", "huge.bin", "gone.md"])
def test_anything_refused_can_be_retried_until_a_refresh_did(store: Store, path: str) -> None:
    made = retry(store, "docs", path, who="ada", now=NOW)
    assert (made.kind, made.why, made.codes) == ("retry", None, [])
    assert retried(store, "docs") == read_again(store, "docs") == {document_id(path)}
    mark_retried(store, "docs", [document_id(path), document_id("two.md")], who="refresh", now=NOW + timedelta(hours=1))
    assert retried(store, "docs") == read_again(store, "docs") == frozenset()
    assert [one.kind for one in list_decisions(store, "docs")] == ["retry", "retried"]
    retry(store, "docs", path, who="ada", now=NOW + timedelta(hours=2))
    assert retried(store, "docs") == {document_id(path)}


def test_a_retry_asked_for_while_a_refresh_runs_is_left_to_the_next(store: Store) -> None:
    retry(store, "docs", "gone.md", who="ada", now=NOW - timedelta(seconds=1))
    retry(store, "docs", "key.md", who="ada", now=NOW + timedelta(seconds=1))
    mark_retried(store, "docs", retried(store, "docs"), who="refresh", now=NOW)
    assert retried(store, "docs") == {KEY}


def test_retries_are_told_since_a_moment(store: Store) -> None:
    retry(store, "docs", "key.md", who="ada", now=NOW)
    assert retried(store, "docs", since=NOW) == frozenset()
    assert retried(store, "docs", since=NOW - timedelta(seconds=1)) == {KEY}


def test_a_document_that_went_since_is_not_read_again(store: Store) -> None:
    retry(store, "docs", "key.md", who="ada", now=NOW)
    ledger = store.corpus("docs").find(schemas.DOCUMENTS)
    assert ledger is not None
    ledger.delete("path = 'key.md'")
    assert read_again(store, "docs") == frozenset()


def test_a_refresh_that_was_asked_for_nothing_writes_nothing(store: Store) -> None:
    mark_retried(store, "docs", [KEY], who="refresh", now=NOW)
    assert "decisions" not in store.ledger.names()


def test_an_override_of_the_gate_is_on_record_and_accepts_no_document(store: Store) -> None:
    made = override(store, "docs", 7, codes=["GATE-LOSS"], who="ada", why="the handbook was cut on purpose", now=NOW)
    assert list_decisions(store, "docs", kinds=["override"]) == [made]
    assert (made.release, made.codes, made.doc_id) == (7, ["GATE-LOSS"], None)
    assert accepted(store, "docs") == {}
    with pytest.raises(SettingsError, match="reason is empty"):
        override(store, "docs", 8, codes=[], who="ada", why="", now=NOW)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    (tmp_path / "docs").mkdir()
    build(tmp_path / ".freshet", DOCUMENTS, indexed=False)
    file = tmp_path / "freshet.yaml"
    file.write_text("corpora: {docs: {sources: [{folder: docs, owner: o, acl: [everyone]}]}}")
    monkeypatch.setenv("FRESHET_CONFIG", str(file))
    monkeypatch.delenv("FRESHET_STORE", raising=False)

    def run(*words: str, code: int = 0) -> tuple[str, str]:
        monkeypatch.setattr(sys, "argv", ["freshet", "quarantine", "docs", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert (ended.value.code or 0) == code, out + err
        return out, err

    return run


def test_the_command_lists_with_and_without_saying_so(shell: Shell) -> None:
    listed = json.loads(shell("--json")[0])
    assert [row["path"] for row in listed["documents"]] == sorted(DOCUMENTS.keys() - {"fine.md"})
    assert json.loads(shell("list", "--json")[0]) == listed


def test_the_command_accepts_shows_and_retries(shell: Shell) -> None:
    made = json.loads(shell("accept", "key.md", "--why", "an example", "--who", "ada", "--json")[0])
    assert [made[key] for key in ("kind", "path", "content_hash", "codes", "who", "why")] == [
        "accept", "key.md", V1, ["SECRET-KEY"], "ada", "an example",
    ]  # fmt: skip
    assert "freshet refresh docs" in shell("retry", "key.md", "--who", "bob")[0]
    shown = json.loads(shell("show", "key.md", "--json")[0])
    assert (shown["document"]["path"], shown["document"]["seen_hash"]) == ("key.md", V1)
    assert [(one["kind"], one["who"]) for one in shown["decisions"]] == [("accept", "ada"), ("retry", "bob")]
    text = shell("show", "key.md")[0]
    assert "SECRET-KEY" in text
    assert "accept by ada: an example" in text


def test_the_login_name_decides_unless_another_is_given(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "grace")
    assert json.loads(shell("retry", "key.md", "--json")[0])["who"] == "grace"


def test_what_the_command_cannot_do_it_tells(shell: Shell) -> None:
    assert "there is no text to serve" in shell("accept", "locked.pdf", "--why", "x", code=1)[1]
    assert "takes a --why" in _unwrapped(shell("accept", "key.md", code=2)[1])
    assert "takes a PATH" in _unwrapped(shell("show", code=2)[1])


def _unwrapped(box: str) -> str:
    return " ".join(box.replace("│", " ").split())
