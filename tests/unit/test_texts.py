"""Names that somebody chose to write lines of his own, or to steer a terminal, in what people are told."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from freshet.flows.command.answering import complain, print_answer
from freshet.flows.command.texts import corpora, datasets, doctor, trace
from freshet.tasks.documents.listing import ListedSource
from freshet.tasks.documents.planning import describe as planning
from freshet.tasks.documents.planning.refresh import PlannedRefresh
from freshet.tasks.documents.sources import open_source
from freshet.tasks.errors import SettingsError
from freshet.tasks.ledger.decisions import Decision
from freshet.tasks.ledger.runs import RefreshReport
from freshet.tasks.rules.verdicts import describe, verdict
from freshet.tasks.settings.project import FolderSource
from freshet.tasks.store.tables import Store

NAME = "a\nreleased; all is well \x1b[2J\u202egpj.md"
SHOWN = r"a\nreleased; all is well \u001b[2J\u202egpj.md"
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


def is_safe(text: str) -> bool:
    """Whether the name is told, once, and nothing of it can do harm."""
    return SHOWN in text and not any(one in text for one in ("\x1b", "\u202e", "\nreleased"))


def test_a_name_is_listed_as_it_is_and_told_on_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docs = tmp_path / "docs"
    (docs / f"shut {NAME}").mkdir(parents=True)
    (docs / NAME).write_bytes(b"a")
    (docs / f"link {NAME}").symlink_to("/etc/hostname")
    scandir = os.scandir

    def refusing(folder: str) -> Any:
        if "shut" in folder:
            raise PermissionError(13, "Permission denied", folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    listing = open_source(FolderSource(folder="docs", owner="o", acl=["everyone"]), tmp_path, tmp_path).list()
    assert listing.table["path"].to_pylist() == [NAME]
    assert listing.error == f"folder docs could not be read whole: shut {SHOWN}: Permission denied"
    monkeypatch.setattr(planning, "announce", lambda _: None)
    report = RefreshReport("handbook", "run", NOW, "unchanged")
    skipped = {one.path: one.reason for one in listing.skipped}
    listed = ListedSource(f"source {NAME}", tmp_path, 1, listing.complete, listing.error, skipped)
    nothing = PlannedRefresh(tmp_path, tmp_path, [], [], tmp_path, 0, dict.fromkeys(report.documents, 0), 0, 0)
    planning.describe_plan(report, [listed], nothing)
    assert [is_safe(note) and "\n" not in note for note in report.notes] == [True, True]
    assert is_safe(corpora.refresh_text(report.as_dict() | {"seconds": {"total": 1.0}}))


def _row(**more: Any) -> dict[str, Any]:
    return {"path": NAME, "serving": False, "seen_hash": None, "verdicts": [], **more}


@pytest.mark.parametrize(
    "text",
    [
        corpora.quarantine_text([_row()]),
        corpora.quarantine_text([_row(path="a", verdicts=[verdict("PARSE-EMPTY", name=NAME).as_dict()])])
        .replace(r"\x1b", r"\u001b"),
        corpora.refused_text(_row(), [{"at": NOW, "kind": "retry", "who": "ada", "why": None}]),
        corpora.decided_text(Decision("docs", "retry", "ada", NOW, doc_id="1", path=NAME)),
        corpora.document_text({"document": {"path": NAME}, "verdicts": [], "chunks": []}),
        datasets.exported_text({"dataset": "d", "version": "1", "files": 1, "folder": NAME}),
        doctor.doctor_text({"findings": [{"code": "X", "where": NAME, "what": "w", "mend": "m"}]}, "store"),
        trace.trace_text({"thing": "source", "name": NAME, "documents": [], "datasets": []} | {"datasets": [
            {"dataset": "d", "version": "1", "live": False, "examples": 1, "exports": []}]}),
        describe(verdict("STALE-SOURCE", path=NAME)),
    ],
)  # fmt: skip
def test_a_name_stays_within_its_line_of_every_text(text: str) -> None:
    assert is_safe(text)


def test_what_is_printed_steers_no_terminal_and_is_still_the_same_json(capsys: pytest.CaptureFixture[str]) -> None:
    print_answer({"path": f"{NAME}\x9b"}, True, "")
    out = capsys.readouterr().out
    assert json.loads(out) == {"path": f"{NAME}\x9b"}
    assert is_safe(out)
    assert "\x9b" not in out
    print_answer({}, False, "two\nlines \x1b[2J\n")
    assert capsys.readouterr().out == "two\nlines \\u001b[2J\n"
    complain(SettingsError("what\x1b", "mend"))
    assert capsys.readouterr().err == "what\\u001b\n  mend\n"


@pytest.mark.parametrize("question", ["", " \n\t", "\u3000", "caf\udce9"])
def test_a_question_that_is_none_is_refused_before_anything_is_looked_at(question: str, tmp_path: Path) -> None:
    from freshet.tasks.governance.expressions import Asker
    from freshet.tasks.search.retrieve import search

    with pytest.raises(SettingsError, match="the question is"):
        search(
            Store(str(tmp_path / "none")), "docs", question, asker=Asker(frozenset()), mode="text", limit=1,
            now=datetime.now(UTC), embed_query=lambda *_: pytest.fail("it was embedded"),
        )  # fmt: skip
