"""The project on this machine, from Python: what a person may see, runs with their reports, and the page's examples."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

import freshet
from freshet.project import ProjectCorpus
from freshet.runs import report_of
from freshet.tasks.ledger.query_log import read_log
from freshet.tasks.runs.local_server import Running, ServerNote, server_folder
from freshet.tasks.runs.run import store_of
from freshet.tasks.settings.file import load_project
from tests.conftest import ROOT
from tests.flows.conftest import Project
from tests.service.serving import FLOOD, app_of, listening

LEGAL = "group:legal"


@pytest.fixture(scope="module")
def docs(served: Project) -> ProjectCorpus:
    return freshet.Project.open(served.folder).corpus("docs")


def uris(found: freshet.SearchResult) -> set[str]:
    return {hit.document.uri for hit in found}


def test_a_project_is_opened_by_its_file_its_folder_or_as_the_command_finds_it(
    served: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened = [freshet.Project.open(path) for path in (served.config, served.folder, str(served.folder))]
    monkeypatch.chdir(served.folder / "docs")
    assert {one.file for one in [*opened, freshet.Project.open()]} == {served.config}
    monkeypatch.chdir(tmp_path)
    for wrong in (None, tmp_path, tmp_path / "no.yaml", "~nobody-of-this-name"):
        with pytest.raises(freshet.SettingsError, match=r"no freshet\.yaml|does not exist"):
            freshet.Project.open(wrong)


def test_passages_are_those_that_somebody_may_see_and_what_the_command_prints(
    served: Project, docs: ProjectCorpus
) -> None:
    everyone, lawyer = docs.search(FLOOD, limit=20), docs.search(FLOOD, as_=LEGAL, limit=20)
    assert not any("/legal/" in uri for uri in uris(everyone))
    assert any("/legal/" in uri for uri in uris(lawyer))
    assert lawyer == docs.search(FLOOD, as_=[LEGAL], limit=20), "one principal need not stand in a list"
    assert (len(lawyer), lawyer[0], list(lawyer[:2])) == (20, lawyer.hits[0], [*lawyer][:2])
    printed = served.search(FLOOD, LEGAL, limit=20)
    assert freshet.SearchResult.from_dict({"corpus": "docs", **printed}) == lawyer
    assert freshet.SearchResult.from_dict(json.loads(json.dumps(lawyer.as_dict()))) == lawyer


def test_an_answer_is_given_sentence_by_sentence_and_put_on_record(served: Project, docs: ProjectCorpus) -> None:
    heard: list[freshet.Sentence] = []
    answer = docs.ask(FLOOD, as_=LEGAL, on_sentence=heard.append)
    assert tuple(heard) == answer.sentences != ()
    assert (answer.outcome, answer.reason, answer.corpus, answer.release) == ("answered", None, "docs", 1)
    assert str(answer) == answer.text == " ".join(one.text for one in heard)
    for sentence in answer.sentences:
        for quote in sentence.citations:
            start, end = quote.citation.chars
            assert docs.document(quote.document.id, as_=LEGAL, start=start, end=end).text == quote.quote
    assert freshet.Answer.from_dict(json.loads(json.dumps(answer.as_dict()))) == answer
    docs.feedback(answer.id, True, "that is it")
    rows = read_log(store_of(load_project(served.config)), "docs")
    (row,) = [row for row in rows if row["id"] == answer.id]
    assert (row["mode"], row["helpful"]) == ("python", True)


def test_a_refusal_is_an_answer(docs: ProjectCorpus) -> None:
    answer = docs.ask("How do I book a flight to the moon colony?")
    assert (answer.outcome, answer.reason, answer.text, answer.sentences) == ("refused", "NOT-COVERED", "", ())
    assert str(answer) == answer.refusal


def test_a_document_is_there_for_whoever_may_see_it(docs: ProjectCorpus) -> None:
    (hidden,) = {hit.document.id for hit in docs.search(FLOOD, as_=LEGAL) if "settlement" in hit.document.uri}
    whole = docs.document(hidden, as_=LEGAL)
    assert len(whole.text) == whole.length > 1000
    assert freshet.DocumentText.from_dict(json.loads(json.dumps(whole.as_dict()))) == whole
    for unseen in (hidden, "no such id"):
        with pytest.raises(freshet.NotThere):
            docs.document(unseen)


@pytest.mark.parametrize(
    ("wrong", "kind", "says"),
    [
        (lambda docs: docs.search(FLOOD, mode="fuzzy"), freshet.SettingsError, "hybrid, vector, text"),
        (lambda docs: docs.search(FLOOD, limit=0), freshet.SettingsError, "from 1 to 1000"),
        (lambda docs: docs.search(FLOOD, as_=["legal"]), freshet.SettingsError, "legal"),
        (lambda docs: docs.search(" "), freshet.SettingsError, "empty"),
        (lambda docs: docs.search("\ud800"), freshet.SettingsError, "UTF-8"),
        (lambda docs: docs.ask(FLOOD, release=9), freshet.NotThere, "no release 9"),
        (lambda docs: docs.document("x", start=5, end=2), freshet.SettingsError, "no span"),
        (lambda docs: docs.feedback("x", True), freshet.SettingsError, "no id"),
    ],
)
def test_what_cannot_be_asked_is_told_with_what_to_do(
    docs: ProjectCorpus, wrong: Any, kind: type[Exception], says: str
) -> None:
    with pytest.raises(kind, match=says) as raised:
        wrong(docs)
    assert isinstance(raised.value, freshet.FreshetError)
    assert raised.value.mend


def test_a_name_that_is_none_is_told_with_those_there_are(served: Project) -> None:
    project = freshet.Project.open(served.folder)
    with pytest.raises(freshet.SettingsError, match=r"no corpus 'dics'; it has: docs\n.*Did you mean docs"):
        project.corpus("dics")
    with pytest.raises(freshet.SettingsError, match="no dataset 'sums'; it has: none"):
        project.dataset("sums")
    assert [(one.name, one.release) for one in project.corpora()] == [("docs", 1)]


def test_a_refresh_reports_and_one_that_fails_raises(served: Project, tmp_path: Path) -> None:
    copy = served.copy(tmp_path / "copy")
    docs = freshet.Project.open(copy.folder).corpus("docs")
    assert docs.refresh().outcome == "unchanged"
    copy.write("new.md", "# New\n\nThe new page says that the well is cleaned every second year in spring.\n")
    report = docs.refresh()
    assert (report.outcome, report.release, report.version, report.degraded) == ("released", 2, None, ())
    assert report.details["documents"]["added"] == 1
    assert [(one.release, one.live) for one in docs.releases()] == [(2, True), (1, False)]
    assert any(uri.endswith("new.md") for uri in uris(docs.search("When is the well cleaned?")))
    assert docs.search("When is the well cleaned?", release=1).release == 1
    shutil.rmtree(copy.folder / "docs")
    copy.settings["corpora"]["docs"]["gate"] = {"recall_at_5": 0.9}
    copy.folder.joinpath("store", "corpora").rename(copy.folder / "elsewhere")
    with pytest.raises(freshet.RunFailed) as raised:
        docs.refresh()
    assert raised.value.report["outcome"] == "failed"
    assert raised.value.what in raised.value.report["error"]


def test_runs_go_to_the_server_that_was_started_for_the_store_and_leave_no_trace(tmp_path: Path) -> None:
    project = load_project(Project(tmp_path).config)
    own = Running(os.getpid(), psutil.Process().create_time())
    server_folder(project).mkdir(parents=True)
    ServerNote("http://127.0.0.1:4999/api", "http://127.0.0.1:4999", own).write(server_folder(project))

    def run() -> dict[str, Any]:
        return {"outcome": "unchanged", "release": 1, "api": PREFECT_API_URL.value()}

    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:5000/api"}):
        assert report_of(project, run).details["api"] == "http://127.0.0.1:5000/api"
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        assert report_of(project, run).details["api"] == "http://127.0.0.1:4999/api"
        assert PREFECT_API_URL.value() is None


def test_a_refresh_can_be_asked_for_where_an_event_loop_runs(served: Project, tmp_path: Path) -> None:
    """As in a notebook."""
    docs = freshet.Project.open(served.copy(tmp_path / "copy").folder).corpus("docs")

    async def cell() -> freshet.Report:
        return docs.refresh()

    assert asyncio.run(cell()).outcome == "unchanged"


def test_the_examples_of_the_page_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    shutil.copy(ROOT / "freshet.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FRESHET_TOKEN", "lawyer")
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 4
    printed = []
    with ExitStack() as stack:
        for block in blocks:
            text = block
            if "http://127.0.0.1:4280" in block:
                address = stack.enter_context(listening(app_of(tmp_path / "freshet.yaml")))
                text = block.replace("http://127.0.0.1:4280", address)
            names: dict[str, Any] = {}
            exec(compile(text, "docs/python.md", "exec"), names)
            printed.append(capsys.readouterr().out)
            if "version" in names:
                assert names["version"] == "1.0.0"
    first, through_a_service, langchain, llamaindex = printed
    assert "released 1\n" in first
    assert "flood" in first
    assert "parental leave" in through_a_service.lower()
    assert "flood-claims-settlement.md" in langchain
    assert "flood-claims-settlement.md" in llamaindex
