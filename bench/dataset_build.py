"""A whole build of a dataset, through the flow and all that it does: rows per second of every stage, and memory.

The rows are made here: questions and answers of a dozen to some thirty words each, a tenth of them near copies of
earlier ones. Each size is built in a process of its own, against one Prefect server. Memory is told twice: all that is
resident, and without the pages of files (libraries, mapped numbers of rows), which the system takes back when it needs
the room.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from pathlib import Path
from typing import Any

from common import made_up_words, measure_apart, peak_mb, peak_own_mb, prefect_server, print_table, write_results
from options import parse_sized

STAGES = ("load", "judge", "check", "conflicts", "copies", "split", "settle", "gate", "publish")
"""The stages of a build, by their names in the report of the flow."""


def write_rows(file: Path, count: int) -> None:
    """Writes rows of a prompt and a completion; a tenth of them are near copies of earlier rows."""
    chance = random.Random(7)
    words = made_up_words(chance, 20_000)
    recent: list[list[str]] = []
    with file.open("w", encoding="utf-8") as sink:
        for number in range(count):
            if recent and chance.random() < 0.1:
                asked = list(chance.choice(recent))
                asked[chance.randrange(len(asked))] = chance.choice(words)
            else:
                asked = chance.choices(words, k=chance.randint(12, 30))
            if number % 10 == 0:
                recent = [*recent[-4_999:], asked]
            answer = chance.choices(words, k=chance.randint(12, 30))
            row = {"prompt": f"{' '.join(asked)}?", "completion": f"{' '.join(answer).capitalize()}."}
            sink.write(json.dumps(row) + "\n")


def write_config(folder: Path) -> Path:
    """Writes a freshet.yaml with the dataset `bench` over rows.jsonl, and returns the file."""
    given = {"rows": "rows.jsonl", "owner": "bench", "licence": "CC0-1.0", "uses": ["training"]}
    dataset = {"format": "prompt_completion", "inputs": [given], "export": ["trl", "parquet"]}
    file = folder / "freshet.yaml"
    file.write_text(json.dumps({"store": "./store", "datasets": {"bench": dataset}}), "utf-8")  # JSON is YAML
    return file


def build_here(config: Path) -> dict[str, Any]:
    """Builds in this process, and returns the rows, the seconds by stage, and the peak memory."""
    from freshet.flows.command.by_hand import run_build

    with peak_own_mb() as own:
        report = run_build("bench", config=config, as_of=None, wait=0.0)
    assert report["outcome"] == "published", report
    return {"rows": report["rows"], "seconds": report["seconds"], "peak MB": peak_mb(), "of it no file's": own()}


def measure_build(count: int) -> dict[str, Any]:
    """Builds a dataset of so many rows in a process of its own, and returns what `build_here` does."""
    with tempfile.TemporaryDirectory(prefix="freshet-bench-") as folder:
        write_rows(Path(folder) / "rows.jsonl", count)
        return measure_apart(__file__, str(write_config(Path(folder))))


def main() -> None:
    """Builds n and 10 n rows, and prints rows per second of every stage, and peak memory."""
    parser = argparse.ArgumentParser(description="A whole build: rows per second of every stage, and peak memory.")
    parser.add_argument("--rows", type=int, default=100_000, help="n; n and 10 n are built; default: %(default)s")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parse_sized(parser, {"rows": 2_000}, {"rows": 50})
    if options.measure:
        print(json.dumps(build_here(options.measure)))
        return
    sizes = (options.rows, 10 * options.rows)
    with prefect_server():
        built = {count: measure_build(count) for count in sizes}
    rows = [
        [stage, *(round(count / max(built[count]["seconds"].get(stage, 0.0), 1e-3)) for count in sizes)]
        for stage in (*STAGES, "total")
    ]
    print_table(["stage", *(f"{count:,} rows: rows/s" for count in sizes)], rows, "A whole build")
    memory = [[f"{count:,}", built[count]["peak MB"], built[count]["of it no file's"]] for count in sizes]
    grown = memory[1][1] / memory[0][1]
    more = f"Memory: {grown:.2f} times as much for ten times the rows"
    print_table(["rows", "peak MB", "of it no file's"], memory, more)
    speeds = [count / built[count]["seconds"]["total"] for count in sizes]
    ratios = {"peak memory of 10 n rows / of n": grown, "rows a second at 10 n / at n": speeds[1] / speeds[0]}
    write_results("dataset_build", options.size, ratios, {str(count): one for count, one in built.items()})


if __name__ == "__main__":
    main()
