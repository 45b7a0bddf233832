"""Rows of fine-tuning datasets for the benchmarks: public ones, shuffled ones, and near copies of both."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

from common import data_folder, made_up_words

BATCH = 10_000
"""Rows of a batch."""


def public_rows() -> list[tuple[str, str]]:
    """Returns the prompts and answers of the public files."""
    folder, rows = data_folder() / "finetune", []
    for split in ("train", "test"):
        lines = (folder / f"gsm8k_{split}.jsonl").read_text("utf-8").splitlines()
        rows += [(one["question"], one["answer"]) for one in map(json.loads, lines)]
        with (folder / f"banking77_{split}.csv").open(encoding="utf-8", newline="") as file:
            rows += [(one["text"], one["category"]) for one in csv.DictReader(file)]
    alpaca = json.loads((folder / "alpaca_en_demo.json").read_text("utf-8"))
    rows += [(f"{one['instruction']}\n{one['input']}".strip(), one["output"]) for one in alpaca]
    pairs = json.loads((folder / "preference_pairs.json").read_text("utf-8"))
    rows += [(f"{one['instruction']}\n{one['input']}".strip(), one["chosen"]) for one in pairs]
    covid = json.loads((folder / "covid_qa.json").read_text("utf-8"))["data"]
    asked = (one for document in covid for paragraph in document["paragraphs"] for one in paragraph["qas"])
    return rows + [(one["question"], one["answers"][0]["text"]) for one in asked]


def bench_rows(count: int) -> list[tuple[str, str]]:
    """Returns rows in a random order: real ones, ones with shuffled words, and near copies of both (three in ten)."""
    chance = random.Random(7)
    real = public_rows()
    words = [word for row in real[:5000] for word in row[0].split()]
    most = round(0.7 * count)
    rows = list(real) if len(real) <= most else chance.sample(real, most)
    while len(rows) < 0.7 * count:
        prompt, answer = ([*text.split()] for text in chance.choice(real))
        chance.shuffle(prompt)
        chance.shuffle(answer)
        rows.append((" ".join(prompt), " ".join(answer)))
    originals = rows[:count]
    while len(rows) < count:
        prompt, answer = (text.split() for text in chance.choice(originals))
        for _ in range(chance.choice([0, 1, 1, 2, 3, 5])):
            if prompt:
                prompt[chance.randrange(len(prompt))] = chance.choice(words)
        rows.append((" ".join(prompt), " ".join(answer)))
    rows = rows[:count]
    chance.shuffle(rows)
    return rows


def as_table(rows: list[tuple[str, str]]) -> Any:
    """Returns the rows as a table of staged rows."""
    import pyarrow as pa

    none = pa.nulls(len(rows), pa.string())
    prompts, answers = ([row[column] for row in rows] for column in (0, 1))
    return pa.table({"row": range(len(rows)), "prompt": prompts, "answer": answers, "other": none, "passage": none})


def write_short_rows(file: Path, count: int) -> None:
    """Writes rows of a dozen words or two, of which three in ten are near copies, as an Arrow file of staged rows."""
    import pyarrow as pa

    chance = random.Random(5)
    words = made_up_words(chance, 5000)
    recent: list[list[str]] = []
    writer = None
    for start in range(0, count, BATCH):
        rows = []
        for _ in range(min(BATCH, count - start)):
            if recent and chance.random() < 0.3:
                text = list(chance.choice(recent))
                text[chance.randrange(len(text))] = chance.choice(words)
            else:
                text = chance.choices(words, k=chance.randint(10, 30))
            rows.append(text)
        recent = (recent + rows)[-50_000:]
        table = as_table([(" ".join(text), "yes") for text in rows])
        table = table.set_column(0, "row", pa.array(range(start, start + len(rows))))
        writer = writer or pa.ipc.new_file(str(file), table.schema)
        writer.write_table(table)
    if writer:
        writer.close()
