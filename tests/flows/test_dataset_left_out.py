"""The rows that a build left out: where each stands, why, and where the other row stands that it repeats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.flows.dataset_project import DatasetProject, question, questions

MAIL, TOKEN = "ada.lovelace@gov.uk", "ghp_" + "Zx81kQw93LmNp27RtYvB5cDf60GhJ4sK1aXe"


@pytest.fixture
def project(tmp_path: Path) -> DatasetProject:
    """Of its 29 rows one repeats another, two say the opposite of each other, and five are left out otherwise."""
    project = DatasetProject(tmp_path)
    project.put("rows/a.jsonl", questions(20))
    project.put(
        "rows/b.jsonl",
        [
            question(3),
            {"prompt": "Whom do I write to?", "completion": f"To {MAIL}."},
            {"prompt": "What is the token?", "completion": f"The token is {TOKEN}."},
            {"prompt": "Is it open?", "completion": ""},
            {"prompt": "Which of both?", "completion": "yes"},
            {"prompt": "which of both", "completion": "no"},
        ],
    )
    project.lay("rows/c.jsonl", f'{{"prompt": "torn {MAIL}\n{{"prompt": "thistlewood\n')
    # Saying how large a class may be says that completions are classes: conflicts are looked for.
    project.set(gate={"max_class": 0.9})
    return project


def _listed(project: DatasetProject, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = project.freshet_json("dataset", "show", "answers", *words, "--rejected")
    return found


def test_every_row_that_was_left_out_is_listed_with_its_place_and_why(project: DatasetProject) -> None:
    report = project.published()
    found = _listed(project)
    assert (found["version"], found["outcome"]) == ("1.0.0", "published")
    assert found["rejected"] == found["matching"] == report["rows"]["rejected"] == 8
    rows = {f"{row['uri']}:{row['place']}": row for row in found["rows"]}
    assert {place: row["codes"] for place, row in rows.items()} == {
        "rows/b.jsonl:1": ["COPY-EXACT"],
        "rows/b.jsonl:2": ["ROW-PERSONAL"],
        "rows/b.jsonl:3": ["ROW-SECRET"],
        "rows/b.jsonl:4": ["ROW-EMPTY"],
        "rows/b.jsonl:5": ["CONFLICT-LABEL"],
        "rows/b.jsonl:6": ["CONFLICT-LABEL"],
        "rows/c.jsonl:1": ["ROW-UNREADABLE"],
        "rows/c.jsonl:2": ["ROW-UNREADABLE"],
    }
    assert rows["rows/b.jsonl:1"]["why"] == ["COPY-EXACT: Another row is the same in normal form. (of: rows/a.jsonl:4)"]
    assert rows["rows/b.jsonl:1"]["excerpt"] == question(3)
    assert rows["rows/b.jsonl:4"]["excerpt"] == {"prompt": "Is it open?", "completion": ""}
    assert rows["rows/c.jsonl:2"]["excerpt"] == {"raw": '{"prompt": "thistlewood'}
    assert [rows[f"rows/{place}"]["excerpt"] for place in ("b.jsonl:2", "b.jsonl:3", "c.jsonl:1")] == [None] * 3
    told = project.freshet("dataset", "show", "answers", "--rejected").stdout
    for text in ("answers 1.0.0 left 8 rows out", "rows/c.jsonl:2", "of: rows/a.jsonl:4", "thistlewood", "Is it open?"):
        assert text in told
    for text in (MAIL, TOKEN):
        assert text not in told + json.dumps(found)


def test_so_many_are_listed_as_asked_for_and_those_of_one_rule(project: DatasetProject) -> None:
    project.published()
    found = _listed(project, "1.0.0", "--code", "CONFLICT-LABEL", "--limit", "1")
    assert (found["rejected"], found["matching"], found["code"]) == (8, 2, "CONFLICT-LABEL")
    assert [(row["uri"], row["place"]) for row in found["rows"]] == [("rows/b.jsonl", 5)]
    assert _listed(project, "--version", "v1.0.0", "--code", "COPY-NEAR")["rows"] == []
    told = project.freshet("dataset", "show", "answers", "--rejected", "--limit", "3").stdout
    assert "and 5 more: --limit 8" in told
    for words, said, code in (
        (["--rejected", "--code", "COPY-EXCAT"], "there is no rule COPY-EXCAT", 1),
        (["9.9.9", "--rejected"], "has no version 9.9.9", 1),
        (["--code", "COPY-EXACT"], "go with --rejected", 2),
        (["--limit", "5"], "go with --rejected", 2),
    ):
        done = project.freshet("dataset", "show", "answers", *words, code=code)
        assert said in done.stderr + done.stdout
        assert "Traceback" not in done.stderr


def test_what_a_refused_build_left_out_is_listed_until_a_build_is_let_through(project: DatasetProject) -> None:
    project.set(gate={"min_kept": 0.95})
    assert project.build()["outcome"] == "rejected"
    told = project.freshet("dataset", "show", "answers", "--rejected").stdout
    assert "the build of answers 1.0.0, which the gate refused, left 6 rows out" in told
    project.set(gate={"min_kept": 0.5})
    project.published()
    project.put("rows/a.jsonl", questions(5))
    project.set(gate={"min_rows": 1000})
    assert project.build()["outcome"] == "rejected"
    refused = _listed(project)
    assert (refused["version"], refused["outcome"]) == ("2.0.0", "rejected")
    assert _listed(project, "2.0.0") == refused
    assert _listed(project, "1.0.0")["outcome"] == "published"
    project.put("rows/a.jsonl", questions(20))
    project.set(gate={"min_kept": 0.5})
    assert project.build()["outcome"] == "unchanged"
    assert (_listed(project)["version"], _listed(project)["outcome"]) == ("1.0.0", "published")


def test_the_other_row_is_named_by_its_place_wherever_it_is_told(tmp_path: Path) -> None:
    """In the list, for review, between versions, and in the files beside the rows."""
    project = DatasetProject(tmp_path)
    project.put("rows/a.jsonl", questions(20))
    project.put("rows/b.jsonl", questions(3, 100))
    project.published()
    longer = {"prompt": f"{question(7)['prompt']} Say more.", "completion": question(7)["completion"] * 3}
    near = {**longer, "completion": f"{longer['completion']} Indeed."}
    project.put("rows/a.jsonl", [*questions(20), longer, near])
    project.put("rows/b.jsonl", [question(100), {**question(101), "prompt": question(5)["prompt"]}, question(4)])
    project.published()
    places = {"COPY-EXACT": "rows/a.jsonl:5", "COPY-NEAR": "rows/a.jsonl:21", "COPY-PROMPT": "rows/a.jsonl:6"}
    held = [row for name in ("rejected", "examples") for row in _rows(project, name)]
    said = {one["code"]: one["evidence"] for row in held for one in json.loads(row["verdicts"])}
    assert {code: evidence["of"] for code, evidence in said.items()} == places
    exported = {code: row["why"] for row in project.rejected("2.0.0") for code in row["codes"]}
    for code in ("COPY-EXACT", "COPY-NEAR"):
        assert f"of: {places[code]}" in exported[code][0]
    copies = [row["digest"] for row in project.rejected("2.0.0") if "COPY-NEAR" in row["codes"]]
    assert "COPY-NEAR of rows/a.jsonl:21" in project.freshet("trace", copies[0]).stdout
    review = project.freshet("dataset", "review", "answers").stdout
    assert "of: rows/a.jsonl:21, similarity: 0." in review
    before = (project.exports / "2.0.0" / "rejected.jsonl").read_text()
    # A file that comes before the others gives all of their rows other numbers, and nothing else.
    project.put("rows/0.jsonl", questions(7, 500))
    version = project.published()["version"]
    assert (project.exports / version / "rejected.jsonl").read_text() == before


def _rows(project: DatasetProject, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = project.store.dataset("answers").find(name).to_arrow().to_pylist()
    return rows
