"""What `freshet gate` says of the last decision."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from freshet.expectations.rules import RULES
from freshet.flows.command.texts.corpora import gate_text
from freshet.tasks.errors import StoreError
from freshet.tasks.index.gate.exam import MEASURES
from freshet.tasks.index.gate.explain import explain_decision
from freshet.tasks.ledger.decisions import override
from freshet.tasks.reports.page_facts import SCORES
from freshet.tasks.store.tables import Store
from tests.unit.decisions import decide, figures
from tests.unit.small_corpus import NOW


def test_the_last_decision_is_told_with_its_reasons_its_exam_and_what_readers_see(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    decide(store, 1)
    decide(store, 2, "rejected", reasons=["GATE-LOSS {'documents': 3}"], exam=figures(0.8, 0.9), site="/s/index.html")
    found = explain_decision(store, "docs")
    assert (found["release"], found["outcome"], found["live"]) == (2, "rejected", 1)
    assert found["published_at"] == NOW - timedelta(days=8)
    assert found["reasons"] == ["GATE-LOSS {'documents': 3}"]
    assert found["exam"] == json.loads(figures(0.8, 0.9))
    assert found["site"] == "/s/index.html"


def test_a_rollback_is_no_decision_but_moves_readers(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    decide(store, 1)
    decide(store, 2)
    decide(store, 3, rollback_of=1)
    found = explain_decision(store, "docs")
    assert (found["release"], found["live"]) == (2, 3)


def test_without_a_decision_it_says_what_to_type(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    with pytest.raises(StoreError, match="freshet refresh docs"):
        explain_decision(store, "docs")
    decide(store, 1, corpus="another")
    with pytest.raises(StoreError, match="has not decided"):
        explain_decision(store, "docs")


def test_reasons_are_told_with_what_to_do_and_the_exam_as_a_table(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    reasons = ["GATE-EXAM-DROP: Worse. {'questions': 38}", "a reason of an older rule book"]
    decide(store, 1)
    decide(store, 2, "rejected", reasons=reasons, exam=figures(0.8, 0.925), site="/s/index.html")
    said = gate_text(explain_decision(store, "docs"))
    advice = RULES["GATE-EXAM-DROP"].mend
    assert f"because of GATE-EXAM-DROP: Worse. {{'questions': 38}} What to do: {advice}\n" in said
    assert "because of a reason of an older rule book\n" in said
    assert "release 2 was rejected on 2026-11-14 00:00; readers see release 1" in said
    assert "40 questions of golden.yaml" in said
    assert "on the 38 of them" in said
    assert [line.split() for line in said.splitlines() if "nDCG@10" in line] == [
        ["nDCG@10", "92.5%", "80.0%", "-12.5", "0.004"]
    ]
    assert "lost most: q7, q3" in said
    assert "set aside: q9 (withdrawn)" in said
    assert "rule pages: /s/index.html" in said


def test_the_first_exam_has_nothing_to_compare_with_and_an_unsat_one_no_figures(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    decide(store, 1, exam=figures(0.9))
    first = gate_text(explain_decision(store, "docs"))
    assert [line.split() for line in first.splitlines() if "recall@5" in line] == [["recall@5", "90.0%"]]
    assert "chance" not in first
    decide(store, 2, "rejected", exam=json.dumps(json.loads(figures(0.9)) | {"not_compared": "its model is gone"}))
    assert "not compared with the last release: its model is gone" in gate_text(explain_decision(store, "docs"))
    decide(store, 3, "rejected")
    assert "exam: it was not sat" in gate_text(explain_decision(store, "docs"))


def test_long_lists_are_cut_and_counted(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    aside = [{"id": f"q{i}", "reason": "too old"} for i in range(12)]
    decide(store, 1, exam=json.dumps(json.loads(figures(0.9)) | {"set_aside": aside}))
    said = gate_text(explain_decision(store, "docs"))
    assert "q4 (too old) and 7 more" in said
    assert "q5" not in said


def test_who_published_in_spite_of_the_reasons_is_told(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    decide(store, 1, "rejected", reasons=["GATE-LOSS: less text"])
    assert explain_decision(store, "docs")["override"] is None
    override(store, "docs", 2, codes=["GATE-LOSS"], who="ada", why="the annex was meant to go", now=NOW)
    decide(store, 2, reasons=["GATE-LOSS: less text"], run_id="override")
    found = explain_decision(store, "docs")
    assert found["override"] == {"who": "ada", "why": "the annex was meant to go", "at": NOW}
    said = gate_text(found)
    assert "in spite of GATE-LOSS" in said
    assert "because" not in said
    assert "ada published it all the same: the annex was meant to go" in said
    decide(store, 3, reasons=["GATE-LOSS: less text"], run_id="maintenance")
    assert explain_decision(store, "docs") == {**found, "live": 3}, "maintenance decides nothing"


def test_every_measure_of_the_exam_has_a_name_for_people() -> None:
    assert set(SCORES) == set(MEASURES)
