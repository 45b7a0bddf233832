"""Rows that derive from a corpus of the same project: its permissions are theirs, and its lineage leads to them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.flows.dataset_project import DatasetProject

DOCUMENTS = {
    "open/leave.md": ("leave", "thirty days of leave"),
    "open/travel.md": ("travel", "trains before planes"),
    "open/keys.md": ("keys", "the desk on the ground floor"),
    "legal/contracts.md": ("contracts", "two signatures from the board"),
    "quiet/salaries.md": ("salaries", "a scale that is agreed each May"),
    "gone/canteen.md": ("canteen", "soup on every second Tuesday"),
}
ROWS = 4


def _text(topic: str, fact: str) -> str:
    return f"# About {topic}\n\nWhoever asks about {topic} is told this: there is {fact}. Nothing else is said of it.\n"


def _parsed(topic: str, fact: str) -> str:
    """The document as its characters are counted: what the parser makes of it."""
    return _text(topic, fact).removeprefix("# ")


def _row(path: str, number: int) -> dict[str, Any]:
    topic, fact = DOCUMENTS[path]
    return {
        "start": _parsed(topic, fact).index(f"there is {fact}") + (2 if number == 3 else 0),
        "prompt": f"Person {number} of {topic}: what holds for {topic} in case {number * 7}?",
        "completion": f"there is {fact}",
        "document": path,
    }


@pytest.fixture
def project(tmp_path: Path) -> DatasetProject:
    """A corpus whose six documents differ in who may see them and what for; one is withdrawn; four rows of each."""
    source = {
        "folder": "docs", "name": "docs", "owner": "me", "licence": "CC-BY-4.0", "acl": ["everyone"],
        "uses": ["retrieval", "training"], "access": [{"path": "legal/**", "acl": ["group:legal"]}],
    }  # fmt: skip
    quiet = {**source, "folder": "more", "name": "more", "uses": ["retrieval"], "access": []}
    project = DatasetProject(tmp_path, {"store": "./store", "datasets": {"answers": DatasetProject.plain()}})
    project.settings["corpora"] = {"docs": {"sources": [source, quiet], "parsing": {"workers": 1}}}
    columns = {"prompt": "prompt", "completion": "completion", "document": "document", "start": "start"}
    project.set(
        inputs=[project.rows_input("rows/*.jsonl", shape="columns", columns=columns, corpus="docs")],
        split={"train": 0.6, "validation": 0.2, "test": 0.2, "tolerance": 1.0, "group_by": "document"},
        checks={"near_duplicates": 1.0},
        gate={"min_kept": 0.1, "max_change": 1.0},
        # Short answers share much of their wording, on purpose.
        rules={code: {"severity": "off"} for code in ("LEAK-SPLIT", "LEAK-SPLIT-REVIEW", "COPY-NEAR")},
    )
    for path, said in DOCUMENTS.items():
        project.lay(f"{'more' if path.startswith('quiet/') else 'docs'}/{path}", _text(*said))
    project.put("rows/a.jsonl", [_row(path, n) for n in range(ROWS) for path in DOCUMENTS])
    assert _refresh(project)["release"] == 1
    (project.folder / "docs" / "gone" / "canteen.md").unlink()
    assert _refresh(project)["release"] == 2
    return project


def _refresh(project: DatasetProject) -> dict[str, Any]:
    report = project.refresh(full=True)
    assert report["outcome"] == "released", report
    return report


def _why(project: DatasetProject, version: str) -> dict[str, set[str]]:
    """The codes of the rejected rows, by document."""
    rows = {n: _row(path, 0)["document"] for n, path in enumerate(list(DOCUMENTS) * ROWS, 1)}
    found: dict[str, set[str]] = {}
    for row in project.rejected(version):
        found.setdefault(rows[row["place"]], set()).update(row["codes"])
    return found


def test_what_a_document_does_not_permit_its_rows_do_not_either(project: DatasetProject) -> None:
    report = project.published()
    assert report["rows"]["kept"] == 3 * ROWS
    assert _why(project, "1.0.0") == {
        "legal/contracts.md": {"USE-AUDIENCE"},
        "quiet/salaries.md": {"USE-TRAINING"},
        "gone/canteen.md": {"USE-DOCUMENT"},
    }
    for row in project.lineage("1.0.0"):
        (origin,) = row["origins"]
        topic, fact = DOCUMENTS[origin["document"]]
        assert origin["corpus"] == "docs"
        assert _parsed(topic, fact)[origin["start"] : origin["end"]] == f"there is {fact}"
        assert len(origin["chunk_ids"]) == 1
        assert ("span-moved:-2" in row["transforms"]) == (origin["place"] > 3 * len(DOCUMENTS))
        assert row["licence"] == "CC-BY-4.0"
    sides = {row["origins"][0]["document"]: row["split"] for row in project.lineage("1.0.0")}
    assert Counter(row["split"] for row in project.lineage("1.0.0")) == {
        side: n * ROWS for side, n in Counter(sides.values()).items()
    }
    written = "".join(str(_content(file)) for file in (project.exports / "1.0.0").rglob("*") if file.is_file())
    for path in ("legal/contracts.md", "quiet/salaries.md", "gone/canteen.md"):
        assert DOCUMENTS[path][1] not in written + str(_rejected_table(project))
    assert DOCUMENTS["open/keys.md"][1] in written


def _content(file: Path) -> Any:
    import pyarrow.parquet as pq

    return pq.read_table(file).to_pylist() if file.suffix == ".parquet" else file.read_text("utf-8")


def _rejected_table(project: DatasetProject) -> Any:
    return project.store.dataset("answers").find("rejected").to_arrow().to_pylist()


def test_a_permission_that_is_taken_back_takes_the_rows_out_of_the_next_version(project: DatasetProject) -> None:
    project.published()
    keys = {row["example_id"] for row in project.lineage("1.0.0") if _document(row) == "open/keys.md"}
    source = project.settings["corpora"]["docs"]["sources"][0]
    source["access"] = [*source["access"], {"path": "open/keys.md", "acl": ["group:security"]}]
    project.save()
    _refresh(project)
    second = project.published()
    assert (second["version"], second["change"]["removed"], second["previous"]) == ("2.0.0", ROWS, "1.0.0")
    diff = project.freshet_json("dataset", "diff", "answers", "1.0.0", "2.0.0")
    assert diff["reasons"] == {"USE-AUDIENCE": ROWS}
    assert {row["example_id"] for row in diff["rows"]} == keys
    assert {_document(row) for row in project.lineage("2.0.0")} == {"open/leave.md", "open/travel.md"}
    (project.folder / "docs" / "open" / "travel.md").unlink()
    _refresh(project)
    third = project.published()
    assert (third["version"], _why(project, "3.0.0")["open/travel.md"]) == ("3.0.0", {"USE-DOCUMENT"})
    assert {_document(row) for row in project.lineage("3.0.0")} == {"open/leave.md"}


def test_settings_that_permit_less_count_before_any_refresh(project: DatasetProject) -> None:
    project.published()
    project.settings["corpora"]["docs"]["sources"][0]["uses"] = ["retrieval"]
    project.save()
    report = project.build()
    assert (report["outcome"], report["rows"]["kept"]) == ("rejected", 0), report
    assert report["version"] == "1.0.0"
    assert any("VERSION-ROWS" in reason for reason in report["reasons"])


def _document(row: dict[str, Any]) -> str:
    document: str = row["origins"][0]["document"]
    return document


def test_traces_lead_from_a_row_to_its_document_and_back(project: DatasetProject) -> None:
    project.published()
    source = project.settings["corpora"]["docs"]["sources"][0]
    source["access"] = [*source["access"], {"path": "open/keys.md", "acl": ["group:security"]}]
    project.save()
    _refresh(project)
    project.published()
    row = next(row for row in project.lineage("1.0.0") if _document(row) == "open/keys.md")
    back = project.freshet_json("trace", row["example_id"])
    line = project.freshet_json("trace", f"answers@1.0.0:{row['split']}:{row['line']}")
    for found in (str(back), str(line)):
        assert row["example_id"] in found
        assert "rows/a.jsonl" in found
        assert "open/keys.md" in found
        assert row["origins"][0]["source_version"] in found
    ahead = project.freshet_json("trace", "open/keys.md")
    assert ahead["thing"] == "source"
    holding = str(ahead)
    assert "1.0.0" in holding
    assert "2.0.0" not in holding
    leave = str(project.freshet_json("trace", "open/leave.md"))
    assert "1.0.0" in leave
    assert "2.0.0" in leave
    rows = str(project.freshet_json("trace", "rows/a.jsonl"))
    assert "1.0.0" in rows
    assert "2.0.0" in rows
    for said in (str(back), str(line), holding, leave, rows):
        assert not any(fact in said for _, fact in DOCUMENTS.values()), "a trace quotes a text"
    missing = project.freshet("trace", "open/keyz.md", code=1)
    assert "Traceback" not in missing.stderr
    assert "open/keys.md" in missing.stderr


def test_a_corpus_that_was_never_refreshed_is_told_before_anything_is_built(tmp_path: Path) -> None:
    project = DatasetProject(tmp_path)
    project.settings["corpora"] = {
        "docs": {"sources": [{"folder": "docs", "name": "docs", "owner": "me", "acl": ["everyone"]}]}
    }
    project.put("rows/a.jsonl", [_row("open/keys.md", 1)])
    columns = {"prompt": "prompt", "completion": "completion", "document": "document", "start": "start"}
    project.set(inputs=[project.rows_input("rows/*.jsonl", shape="columns", columns=columns, corpus="docs")])
    report = project.build()
    assert report["outcome"] == "failed"
    assert "freshet refresh docs" in report["error"]
    assert project.decisions_on_record() == []
