"""Public fine-tuning data, built: what is known to be wrong with it is found, and nothing else is accused."""

from __future__ import annotations

import csv
import json
import random
import re
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.flows.dataset_project import DatasetProject

ANNOTATION = re.compile(r"<<[^<>=]*=([^<>]*)>>")
SPLIT = {"train": 0.8, "validation": 0.1, "test": 0.1, "tolerance": 1.0}


def _normal(text: str) -> str:
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold()))


def _csv(file: Path) -> dict[int, dict[str, str]]:
    """The rows by the line on which they begin: a quoted text may go over several."""
    found: dict[int, dict[str, str]] = {}
    with file.open(newline="", encoding="utf-8") as rows:
        reader = csv.DictReader(rows)
        assert reader.fieldnames == ["text", "category"]
        line = reader.line_num + 1
        for row in reader:
            found[line] = row
            line = reader.line_num + 1
    return found


def _jsonl(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").split("\n") if line]


def _found(project: DatasetProject, code: str) -> dict[int, dict[str, Any]]:
    """By place in its file, what a rule says of rows of the last build, kept or not."""
    found: dict[int, dict[str, Any]] = {}
    for name in ("rejected", "examples"):
        for row in project.store.dataset("answers").find(name).to_arrow().to_pylist():
            place = row["place"] if name == "rejected" else row["origins"][0]["place"]
            for one in json.loads(row["verdicts"]):
                if one["code"] == code:
                    found[place] = one["evidence"]
    return found


def _other(evidence: dict[str, Any]) -> int:
    """The line of the other row or text that the evidence names."""
    return int(evidence["of"].rpartition(":")[2])


@pytest.fixture
def banking(public_data: Path, tmp_path: Path) -> DatasetProject:
    project = DatasetProject(tmp_path)
    for side in ("train", "test"):
        project.lay(f"rows/{side}.csv", (public_data / "finetune" / f"banking77_{side}.csv").read_bytes())
    columns = {"prompt": "text", "completion": "category"}
    project.set(
        inputs=[project.rows_input("rows/train.csv", shape="columns", columns=columns)],
        split=SPLIT,
        # Saying how large a class may be says that completions are classes: conflicts are looked for.
        gate={"max_class": 0.5},
    )
    return project


def test_banking77_has_31_duplicates_and_one_text_with_two_labels(banking: DatasetProject) -> None:
    """10,003 rows have 9,972 texts: 31 duplicates.

    One of the 31 is the second row of the text that has two labels; both its rows are left out as CONFLICT-LABEL. The
    other 30 repeat a whole row, text and label, and are left out as COPY-EXACT. So 30 + 2 rows go for 31 duplicates.
    """
    lines = _csv(banking.folder / "rows" / "train.csv")
    rows = list(lines.values())
    texts = Counter(_normal(row["text"]) for row in rows)
    pairs = Counter((_normal(row["text"]), row["category"]) for row in rows)
    two = {text for text in texts if len({label for other, label in pairs if other == text}) > 1}
    assert (len(rows), len(rows) - len(texts), len(two)) == (10_003, 31, 1)
    report = banking.published()
    by_code = report["rows"]["by_code"]
    assert report["rows"]["read"] == 10_003
    assert (by_code["CONFLICT-LABEL"], by_code["COPY-EXACT"]) == (2, 30)
    conflicts, copies = _found(banking, "CONFLICT-LABEL"), _found(banking, "COPY-EXACT")
    assert {_normal(lines[place]["text"]) for place in conflicts} == two
    repeated = sum(count - 1 for (text, _), count in pairs.items() if text not in two)
    assert len(copies) == repeated == 30
    assert not two & {_normal(lines[place]["text"]) for place in copies}
    # A copy names the row that is kept by its file and line.
    assert all(_normal(lines[_other(one)]["text"]) == _normal(lines[p]["text"]) for p, one in copies.items())
    assert {one["of"].rpartition(":")[0] for one in copies.values()} == {"rows/train.csv"}
    rejected = banking.rejected("1.0.0")
    assert {row["place"] for row in rejected if row["codes"] == ["COPY-EXACT"]} == copies.keys()
    assert len(rejected) + len(banking.lineage("1.0.0")) == 10_003


def test_the_25_test_texts_of_banking77_that_stand_in_train_are_found(banking: DatasetProject) -> None:
    train, test = (_csv(banking.folder / "rows" / f"{side}.csv") for side in ("train", "test"))
    texts, asked = ({line: _normal(row["text"]) for line, row in side.items()} for side in (train, test))
    wanted = set(texts.values()) & set(asked.values())
    assert len(wanted) == 25
    banking.set(checks={"decontaminate": ["rows/test.csv"]})
    banking.published()
    leaks = _found(banking, "LEAK-BENCHMARK")
    assert wanted <= {texts[place] for place in leaks}
    assert {one["of"].rpartition(":")[0] for one in leaks.values()} == {"rows/test.csv"}
    exact = {place: one for place, one in leaks.items() if asked[_other(one)] == texts[place]}
    assert {texts[place] for place in exact} == wanted
    kept = {_normal(row["prompt"]) for row in banking.exported("1.0.0")}
    assert not kept & set(asked.values())


def test_pairs_whose_answers_are_identical_or_alike_are_found(public_data: Path, tmp_path: Path) -> None:
    project = DatasetProject(tmp_path)
    text = (public_data / "finetune" / "preference_pairs.json").read_bytes()
    project.lay("rows/pairs.json", text)
    project.set(format="preference", inputs=[project.rows_input("rows/pairs.json")], export=["trl", "openai"])
    report = project.published()
    rows = json.loads(text)
    alike = {place for place, row in enumerate(rows, 1) if _normal(row["chosen"]) == _normal(row["rejected"])}
    identical = {place for place, row in enumerate(rows, 1) if row["chosen"] == row["rejected"]}
    assert (len(identical), len(alike)) == (6, 9)
    assert _found(project, "PAIR-IDENTICAL").keys() == identical
    assert _found(project, "PAIR-ALIKE").keys() == alike - identical
    assert (report["rows"]["by_code"]["PAIR-IDENTICAL"], report["rows"]["by_code"]["PAIR-ALIKE"]) == (6, 3)


def test_rows_that_differ_in_a_symbol_are_all_kept(tmp_path: Path) -> None:
    """Mathematics and code with short prompts: neither copies, nor conflicts, nor a leak of each other."""
    sums = ["What is 5 + 3?", "What is 5 * 3?", "What is 5 - 3?", "What is -5 + 3?", "What is (5 + 3) * 2?"]
    sums += ["What is 5 + 3 * 2?", "What is 5^3?", "What is 5/3?", "What is 3.5?", "What is 35?"]
    asked = [
        "Is 3 > 2?",
        "Is 3 < 2?",
        "Is a == b?",
        "Is a != b?",
        "Is C++ old?",
        "Is C# old?",
        "Is C old?",
        "$5?",
        "€5?",
    ]
    project = DatasetProject(tmp_path)
    labels = ["yes", "no"] * len(sums + asked)
    rows = [{"prompt": text, "completion": label} for text, label in zip(sums + asked, labels, strict=False)]
    project.put("rows/sums.jsonl", rows)
    project.put("benchmark.jsonl", [{"prompt": "What is 5 % 3?"}, {"prompt": "Is 3 = 2?"}])
    project.set(split=SPLIT, gate={"max_class": 1}, checks={"decontaminate": ["benchmark.jsonl"]})
    report = project.published()
    assert (report["rows"]["read"], report["rows"]["kept"]) == (len(rows), len(rows))
    codes = {code for code in report["rows"]["by_code"] if code.startswith(("COPY", "CONFLICT", "LEAK"))}
    assert codes == set()
    assert {row["prompt"] for row in project.exported("1.0.0")} == {row["prompt"] for row in rows}


def test_gsm8k_is_compared_with_its_own_test_and_its_arithmetic_is_right(public_data: Path, tmp_path: Path) -> None:
    """3 questions of test share 13 words on end with train, 80 share 8; 27,998 annotations in both files are right."""
    project = DatasetProject(tmp_path)
    for side in ("train", "test"):
        project.lay(f"rows/{side}.jsonl", (public_data / "finetune" / f"gsm8k_{side}.jsonl").read_bytes())
    columns = {"prompt": "question", "completion": "answer"}
    given = project.rows_input("rows/train.jsonl", shape="columns", columns=columns)
    project.set(inputs=[given], checks={"decontaminate": ["rows/test.jsonl"], "personal_data": "allow"}, split=SPLIT)
    report = project.published()
    leaks, review = _found(project, "LEAK-BENCHMARK"), _found(project, "LEAK-BENCHMARK-REVIEW")
    train, test = (_jsonl(tmp_path / "rows" / f"{side}.jsonl") for side in ("train", "test"))
    asked, said = ([row[name] for row in train] for name in ("question", "answer"))
    questions = [row["question"] for row in test]
    long, short = _hits(asked, questions, 13), _hits(asked, questions, 8)
    assert (len({line for _, line in long}), len({line for _, line in short})) == (3, 80)
    # Of a row the one hit is told that says most; the answers of train are compared as well.
    assert {(place, _other(one)) for place, one in leaks.items() if one["in"] == "prompt"} == long
    assert {(place, _other(one)) for place, one in leaks.items() if one["in"] == "answer"} <= _hits(said, questions, 13)
    reviewed = {(place, _other(one)) for place, one in review.items() if one["in"] == "prompt"}
    assert reviewed <= short
    assert review.keys() <= {place for place, _ in short | _hits(said, questions, 8)}
    assert "ANSWER-ARITHMETIC" not in report["rows"]["by_code"]
    assert _found(project, "ANSWER-ARITHMETIC") == {}
    _assert_test_file_is_right_too(project, columns, sum(_annotations(row) for row in train))


def _assert_test_file_is_right_too(project: DatasetProject, columns: dict[str, str], in_train: int) -> None:
    """… and planted wrong results are found, through a build of its own."""
    rows = _jsonl(project.folder / "rows" / "test.jsonl")
    assert in_train + sum(map(_annotations, rows)) == 27_998
    planted, draw = {}, random.Random(4)
    for number in draw.sample([i for i, row in enumerate(rows) if _annotations(row)], 500):
        hits = [one for one in ANNOTATION.finditer(rows[number]["answer"]) if re.fullmatch(r"-?\d+", one[1])]
        if hits:
            hit, step = draw.choice(hits), draw.choice((-10, -2, -1, 1, 2, 10))
            text = rows[number]["answer"]
            rows[number] = {**rows[number], "answer": f"{text[: hit.start(1)]}{int(hit[1]) + step}{text[hit.end(1) :]}"}
            planted[number + 1] = step
    rows[0] = {**rows[0], "answer": "Nobody annotated this one, but it ends all the same with eighteen."}
    planted.pop(1, None)
    project.put("rows/planted.jsonl", rows)
    given = project.rows_input("rows/planted.jsonl", shape="columns", columns=columns)
    project.set(inputs=[given], checks={"personal_data": "allow"}, gate={"max_change": 1})
    version = project.published()["version"]
    found = _found(project, "ANSWER-ARITHMETIC")
    assert len(planted) > 400
    assert found.keys() <= planted.keys(), "a true result is accused"
    assert len(planted.keys() - found.keys()) <= 0.004 * len(planted)
    assert {row["place"] for row in project.rejected(version) if "ANSWER-ARITHMETIC" in row["codes"]} == found.keys()
    card = (project.exports / version / "README.md").read_text()
    unchecked = sum(not _annotations(row) for row in rows)
    assert unchecked >= 1
    assert re.search(
        rf"\b{unchecked}\b[^\n]*(annotat|step|arithmetic)|(annotat|step|arithmetic)[^\n]*\b{unchecked}\b", card
    )


def _annotations(row: dict[str, Any]) -> int:
    return str(row["answer"]).count("<<")


def _hits(train: list[str], test: list[str], words: int) -> set[tuple[int, int]]:
    """Lines of train and of test that share so many words on end."""
    grams: dict[tuple[str, ...], list[int]] = {}
    for line, text in enumerate(test, 1):
        for gram in _grams(text, words):
            grams.setdefault(gram, []).append(line)
    return {
        (line, other)
        for line, text in enumerate(train, 1)
        for gram in _grams(text, words)
        for other in grams.get(gram, ())
    }


def _grams(text: str, words: int) -> set[tuple[str, ...]]:
    tokens = _normal(text).split()
    return {tuple(tokens[i : i + words]) for i in range(len(tokens) - words + 1)}


@pytest.fixture
def covid(public_data: Path, tmp_path: Path) -> DatasetProject:
    project = DatasetProject(tmp_path)
    project.lay("rows/covid.json", (public_data / "finetune" / "covid_qa.json").read_bytes())
    off = {code: {"severity": "off"} for code in ("LENGTH-TRUNCATED", "LENGTH-MASKED")}
    project.set(
        inputs=[project.rows_input("rows/covid.json", shape="squad")],
        split={**SPLIT, "group_by": "document"},
        checks={"personal_data": "allow", "secrets": "allow"},
        rules=off,
    )
    return project


def test_covid_qa_is_traced_to_its_documents_and_one_can_be_forbidden(covid: DatasetProject) -> None:
    first = covid.published()
    rows = covid.lineage("1.0.0")
    moved = [[t for t in row["transforms"] if t.startswith("span-moved")] for row in rows]
    assert (len(rows), sum(map(bool, moved)), sum(not one for one in moved)) == (1380, 234, 1146)
    sides: dict[str, set[str]] = {}
    for row in rows:
        sides.setdefault(row["origins"][0]["document"], set()).add(row["split"])
    assert len(sides) == 98
    assert all(len(one) == 1 for one in sides.values())
    _assert_spans(covid, rows)
    forbidden = Counter(row["origins"][0]["document"] for row in rows).most_common(3)[-1][0]
    gone = {row["example_id"] for row in rows if row["origins"][0]["document"] == forbidden}
    texts = _texts_of(covid, gone)
    covid.dataset["inputs"][0]["permissions"] = [{"document": forbidden, "uses": []}]
    covid.save()
    second = covid.published()
    assert (second["version"], second["change"]["removed"]) == ("2.0.0", len(gone))
    assert second["rows"]["by_code"] == {**first["rows"]["by_code"], "USE-TRAINING": len(gone)}
    _assert_gone(covid, gone, texts)


def _assert_spans(covid: DatasetProject, rows: list[dict[str, Any]]) -> None:
    """Each row's span of its document is the answer, moved or not."""
    data = json.loads((covid.folder / "rows" / "covid.json").read_text())["data"]
    paragraphs = {str(one["document_id"]): one for item in data for one in item["paragraphs"]}
    answers = {
        str(qa["id"]): (qa["answers"][0]["text"], paragraph["context"], qa["answers"][0]["answer_start"])
        for paragraph in paragraphs.values()
        for qa in paragraph["qas"]
    }
    assert len(answers) == 1380
    by_place = list(answers.values())
    for row in rows:
        (origin,) = row["origins"]
        text, context, stated = by_place[origin["place"] - 1]
        assert context[origin["start"] : origin["end"]].strip() == text.strip()
        moved = [t for t in row["transforms"] if t.startswith("span-moved")]
        assert bool(moved) == (context[stated : stated + len(text)] != text)


def _texts_of(covid: DatasetProject, ids: set[str]) -> list[str]:
    """The questions and answers of rows, as far as they are long enough to be nobody else's."""
    held = covid.store.dataset("answers").find("examples").to_arrow().to_pylist()
    contents = [json.loads(row["content"]) for row in held if row["example_id"] in ids]
    elsewhere = "\n".join(row["content"] for row in held if row["example_id"] not in ids)
    parts = [text for one in contents for text in (one["prompt"][:200], one["prompt"][-60:], one["completion"])]
    return [text for text in parts if len(text) > 30 and json.dumps(text, ensure_ascii=False)[1:-1] not in elsewhere]


def _assert_gone(covid: DatasetProject, gone: set[str], texts: list[str]) -> None:
    diff = covid.freshet_json("dataset", "diff", "answers", "1.0.0", "2.0.0", "--limit", "500")
    assert diff["change"] == {"added": 0, "removed": len(gone), "edited": 0, "moved": 0}
    assert diff["reasons"] == {"USE-TRAINING": len(gone)}
    assert {row["example_id"] for row in diff["rows"]} == gone
    assert {row["reason"] for row in diff["rows"]} == {"USE-TRAINING"}
    rejected = covid.rejected("2.0.0")
    assert Counter(code for row in rejected for code in row["codes"])["USE-TRAINING"] == len(gone)
    assert "USE-TRAINING" in (covid.exports / "2.0.0" / "README.md").read_text()
    assert len(texts) > len(gone)
    table = covid.store.dataset("answers").find("rejected").to_arrow()
    assert table["content"].null_count == len(gone)
    written = [file for file in (covid.exports / "2.0.0").rglob("*") if file.is_file()]
    plain = "\n".join(one.read_text("utf-8") for one in written if one.suffix != ".parquet") + str(table.to_pylist())
    import pyarrow.parquet as pq

    plain += "".join(str(pq.read_table(one).to_pylist()) for one in written if one.suffix == ".parquet")
    for text in texts:
        for spelt in (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]):
            assert spelt not in plain
