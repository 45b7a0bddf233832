"""What a build writes is what others' tools expect; and what people decide about rows is honoured."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.flows.dataset_project import DatasetProject, questions
from tests.openai_rules import faults_of_file


def _preferences() -> list[dict[str, str]]:
    rows = questions(40)
    return [
        {"prompt": row["prompt"], "chosen": row["completion"], "rejected": "Answer: nowhere in particular."}
        for row in rows
    ]


@pytest.mark.parametrize("format", ["prompt_completion", "preference"])
def test_a_builds_exports_are_what_openai_croissant_and_openlineage_ask_for(format: str, tmp_path: Path) -> None:
    import mlcroissant

    from freshet.tasks.lineage.events import list_events
    from tests.unit.openlineage_schema import problems

    project = DatasetProject(tmp_path)
    project.put("rows/a.jsonl", questions(40) if format == "prompt_completion" else _preferences())
    project.lay("rows/torn.jsonl", "{torn\n")
    project.set(format=format, export=["trl", "openai", "parquet"], description="Where things belong.")
    report = project.published()
    folder = project.exports / "1.0.0"
    kind = "sft" if format == "prompt_completion" else "dpo"
    for file in (folder / "openai").glob("*.jsonl"):
        assert faults_of_file(file, kind, trains=file.stem == "train") == []
    described = mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))
    assert not described.metadata.issues.errors
    counts = {one.id: sum(1 for _ in described.records(one.id)) for one in described.metadata.record_sets}
    rows = sum(count for name, count in counts.items() if "trl" in name)
    assert rows == report["rows"]["kept"] == 40, counts
    events = list_events(project.store)
    assert [event["eventType"] for event in events] == ["START", "COMPLETE"]
    assert [problems(event) for event in events] == [[], []]
    outputs = {one["name"] for one in events[1]["outputs"]}
    assert any("answers" in name for name in outputs)
    assert {one["name"] for one in events[1]["inputs"]} >= {"rows/a.jsonl", "rows/torn.jsonl"}


def test_suspect_labels_wait_for_a_person_whose_word_the_next_build_honours(public_data: Path, tmp_path: Path) -> None:
    project = DatasetProject(tmp_path)
    with (public_data / "finetune" / "banking77_train.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    (one, _), (other, _), (third, _) = Counter(row["category"] for row in rows).most_common(3)
    chosen = [{"prompt": r["text"], "completion": r["category"]} for r in rows if r["category"] in (one, other, third)]
    wrong = {40, 90, 200, 300}
    for number in wrong:
        chosen[number]["completion"] = one if chosen[number]["completion"] != one else other
    project.put("rows/a.jsonl", chosen)
    project.set(checks={"labels": {"suspects": 0.08}})
    first = project.published()
    waiting = project.freshet_json("dataset", "review", "answers", "--limit", "500")
    assert waiting["waiting"] == first["review"]
    suspects = {
        row["place"] - 1: row
        for row in waiting["rows"]
        if "LABEL-SUSPECT" in {verdict["code"] for verdict in row["verdicts"]}
    }
    assert wrong <= suspects.keys()
    assert len(suspects) <= 0.08 * len(chosen) + 1
    assert {row["state"] for row in suspects.values()} == {"kept"}
    dropped, kept = (suspects[number]["digest"] for number in (40, 90))
    project.freshet("dataset", "review", "answers", dropped, "drop", "--why", "another class", "--who", "ada")
    made = project.freshet_json(
        "dataset", "review", "answers", kept[:12], "keep", "--why", "it is right", "--who", "bo"
    )
    assert (made["who"], made["why"], made["kind"], made["digest"]) == ("bo", "it is right", "keep", kept)
    second = project.published()
    assert (second["version"], second["change"]["removed"]) == ("2.0.0", 1)
    (out,) = [row for row in project.rejected("2.0.0") if "REVIEW-DROPPED" in row["codes"]]
    assert out["digest"] == dropped
    again = project.freshet_json("dataset", "review", "answers", "--limit", "500")["rows"]
    assert not {dropped, kept} & {row["digest"] for row in again}
    on_record = project.store.ledger.find("row_decisions").to_arrow().to_pylist()
    assert [(row["kind"], row["who"], row["why"]) for row in on_record] == [
        ("drop", "ada", "another class"), ("keep", "bo", "it is right"),
    ]  # fmt: skip
    assert project.build()["outcome"] == "unchanged"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["00000000", "keep", "--why", "x"], "no row"),
        (["zzz", "drop", "--why", "x"], "is no digest"),
        (["--why", "x"], "go with a decision"),
    ],
)
def test_a_decision_that_cannot_be_is_refused(words: list[str], told: str, tmp_path: Path) -> None:
    project = DatasetProject(tmp_path)
    project.put("rows/a.jsonl", [*questions(15), {"prompt": "", "completion": "Nobody asked."}])
    project.published()
    done = project.freshet("dataset", "review", "answers", *words, code=1)
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    fixed = project.rejected("1.0.0")[0]["digest"]
    refused = project.freshet("dataset", "review", "answers", fixed, "keep", "--why", "x", code=1)
    assert "ROW-EMPTY" in refused.stderr
    empty: Any = project.freshet("dataset", "review", "answers", fixed, "drop", "--why", " ", code=1)
    assert "why is empty" in empty.stderr
