"""Copies among the rows of a dataset: what is found, how fast beside datasketch and datatrove, and in how much memory.

The rows are those of the public fine-tuning files, these texts with their words shuffled, and near copies of both with
some words edited. The truth is the Jaccard similarity of every pair of rows. All three libraries are given one set of
tokens, word 5-grams, bands and rows, and run on one core, in turn; the best of some rounds counts. datasketch is used
as well as it can be: one MinHash copied for each text, `update_batch`, an insertion session, and the verification that
Freshet does. datatrove runs its steps in this process, with Freshet's tokens in place of its slower tokenizer; it does
not verify.

    pip install datasketch datatrove
    python bench/dataset_checks.py [--rows 100000] [--memory 100000]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from common import measure_apart, peak_mb, print_table, write_results
from copy_removers import REMOVERS, grams_of, words_of
from dataset_rows import bench_rows, write_short_rows
from options import has_library, parse_sized
from planted_copies import true_pairs

ROUNDS = 3
"""Rounds of which the best counts."""

SIGNED = 10_000
"""Texts whose signing is measured."""


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Returns the wall-clock seconds of some work, and its result."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def measure_signing(rows: list[tuple[str, str]]) -> dict[str, Any]:
    """Returns how fast texts are signed by their 5-grams.

    datasketch, where it is installed, is given the 5-grams as bytes; Freshet is given the texts and cuts them itself.
    """
    import pyarrow as pa

    from freshet.tasks.text import minhash
    from freshet.tasks.text.normal_forms import normal_forms

    signed = [row for row in rows[: 2 * SIGNED] if len(words_of(row)) >= 5][:SIGNED]
    words = [words_of(row) for row in signed]
    grams = [grams_of(one) for one in words]
    columns = [pa.array([row[index] for row in signed]) for index in (0, 1)]
    forms = [
        normal_forms(*(column.slice(start, 4096) for column in columns), symbols=True).every(2)
        for start in range(0, len(signed), 4096)
    ]

    def here() -> None:
        for part in forms:
            minhash.sign_many(*minhash.gram_hashes(part))

    def copied() -> None:
        from datasketch import MinHash

        like = MinHash(num_perm=minhash.PERMUTATIONS)
        for one in grams:
            signature = like.copy()
            signature.update_batch(one)

    def made_anew() -> None:
        from datasketch import MinHash

        for one in grams:
            MinHash(num_perm=minhash.PERMUTATIONS).update_batch(one)

    ways = {"Freshet": here}
    if has_library("datasketch"):
        ways |= {"datasketch, copied": copied, "datasketch, made anew": made_anew}
    here()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(2 * ROUNDS + 1):
        for name, work in ways.items():
            seconds[name].append(timed(work)[0])
    best = {name: min(times) for name, times in seconds.items()}
    return {
        "texts": len(words),
        "5-grams": sum(map(len, grams)),
        **{f"{name}: texts/s": round(len(words) / one) for name, one in best.items()},
        **{f"times {name}": round(one / best["Freshet"], 1) for name, one in best.items() if name != "Freshet"},
    }


def measure_copies(rows: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """Returns how fast each library removes the copies among the rows, and how that compares with the truth."""
    from freshet.tasks.text.minhash import shingle_hashes

    near = true_pairs([shingle_hashes(" ".join(words_of(row))) for row in rows], 0.8)
    concerned = {row for pair in near for row in pair}
    few = {number for number, row in enumerate(rows) if len(words_of(row)) < 5}
    removers = {name: remover for name, remover in REMOVERS.items() if name == "Freshet" or has_library(name)}
    seconds: dict[str, list[float]] = {name: [] for name in removers}
    removed: dict[str, set[int]] = {}
    for turn in range(ROUNDS):
        for name, remover in removers.items():
            if name == "datatrove" and turn:  # minutes
                continue
            with tempfile.TemporaryDirectory(prefix="freshet-bench-") as folder, quiet():
                took, removed[name] = timed(lambda work=remover, at=Path(folder): work(rows, at))
            seconds[name].append(took)
    best = {name: min(times) for name, times in seconds.items()}
    return [
        {
            "": name,
            "seconds": round(best[name], 2),
            "rows/s": round(len(rows) / best[name]),
            "times slower": round(best[name] / best["Freshet"], 1),
            "removed": len(gone),
            "recall": round(sum(a in gone or b in gone for a, b in near) / len(near), 5),
            "near no row": len(gone - concerned - few),
        }
        for name, gone in removed.items()
    ]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps the log, and what libraries print, out of the tables."""
    logging.disable(logging.WARNING)
    with contextlib.redirect_stdout(sys.stderr):
        yield
    logging.disable(logging.NOTSET)


def copies_in_memory(file: Path, folder: Path) -> dict[str, Any]:
    """Finds the copies among the rows of a file in this process, and returns the seconds and the peak memory."""
    import pyarrow as pa

    from freshet.tasks.datasets.copies.find import find_copies

    def batches() -> Iterator[Any]:
        with pa.OSFile(str(file)) as source, pa.ipc.open_file(source) as reader:
            for number in range(reader.num_record_batches):
                yield pa.Table.from_batches([reader.get_batch(number)])

    seconds, found = timed(lambda: sum(1 for _ in find_copies(batches, folder, 0.8)))
    return {
        "found": found,
        "seconds": round(seconds, 1),
        "peak MB": peak_mb(),
    }


def measure_memory(count: int) -> list[dict[str, Any]]:
    """Returns the peak memory at n and at 10 n rows, each measured in a process of its own."""
    measured = []
    for rows in (count, 10 * count):
        with tempfile.TemporaryDirectory(prefix="freshet-bench-") as folder:
            file = Path(folder) / "rows.arrow"
            write_short_rows(file, rows)
            result = measure_apart(__file__, str(file))
        measured.append({"rows": rows, **result, "rows/s": round(rows / result["seconds"])})
    return measured


def show(title: str, rows: list[dict[str, Any]]) -> None:
    """Prints rows that have the same keys as a table."""
    print_table(list(rows[0]), [list(row.values()) for row in rows], title)


def main() -> None:
    """Measures signing, removal and memory, and prints them."""
    parser = argparse.ArgumentParser(description="Copies among rows: what is found, and what it costs.")
    parser.add_argument("--rows", type=int, default=100_000, help="rows that are compared; default: %(default)s")
    parser.add_argument("--memory", type=int, default=100_000, help="n of the memory measurement; default: %(default)s")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parse_sized(parser, {"rows": 10_000, "memory": 10_000}, {"rows": 500, "memory": 500})
    if options.measure:
        print(json.dumps(copies_in_memory(options.measure, options.measure.parent / "work")))
        return
    os.environ["TQDM_DISABLE"] = "1"
    rows = bench_rows(options.rows)
    results: dict[str, Any] = {"signing": measure_signing(rows)}
    print_table(["signing", ""], list(results["signing"].items()))
    results["copies"] = measure_copies(rows)
    show(f"Copies among {len(rows):,} rows", results["copies"])
    results["memory"] = measure_memory(options.memory)
    show("Peak memory of find_copies", results["memory"])
    copies, memory = results["copies"], results["memory"]
    ratios = {
        "true copies found": copies[0]["recall"],
        "peak memory of 10 n rows / of n": memory[1]["peak MB"] / memory[0]["peak MB"],
        **{f"removing copies: {one['']} / Freshet": one["times slower"] for one in copies[1:]},
        **{f"signing: {key}": one for key, one in results["signing"].items() if key.startswith("times")},
    }
    write_results("dataset_checks", options.size, ratios, results)


if __name__ == "__main__":
    main()
