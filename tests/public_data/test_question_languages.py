"""Thousands of English questions, none of which is taken for one that an English model does not know."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from freshet.tasks.search.languages import knows


def test_no_english_question_is_taken_for_another_language(public_data: Path) -> None:
    xquad = json.loads((public_data / "xquad" / "xquad.en.json").read_text("utf-8"))
    asked = [q["question"] for a in xquad["data"] for p in a["paragraphs"] for q in p["qas"]]
    with (public_data / "finetune" / "banking77_test.csv").open(newline="", encoding="utf-8") as file:
        asked += [row[0] for row in csv.reader(file)][1:]
    assert len(asked) == 4270
    assert [question for question in asked if not knows({"en"}, question)] == []
