"""Copies among the rows of a dataset: what is found, how fast beside datasketch and datatrove, and in how much memory.

The rows are the public fine-tuning files, the same texts with their words shuffled, and near copies of both with some
words edited. The truth is the Jaccard similarity of every pair of rows. All three are given the same tokens, word
5-grams, bands and rows, and run on one core, in turn; the best of some rounds counts. datasketch is used as well as it
can be: one MinHash copied for each text, `update_batch`, an insertion session, and the same verification as here.
datatrove runs its steps in this process, with Freshet's tokens in place of its slower tokenizer; it does not verify.

    pip install datasketch datatrove
    python bench/datasets.py [--rows 100000] [--memory 100000]
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import logging
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from common import data_folder, peak_mb, print_table, write_results
from near_duplicates import true_pairs

ROUNDS = 3
SIGNED = 10_000
BATCH = 10_000


def public_rows() -> list[tuple[str, str]]:
    """Prompts and answers of the public files."""
    folder, rows = data_folder() / "finetune", []
    for side in ("train", "test"):
        lines = (folder / f"gsm8k_{side}.jsonl").read_text("utf-8").splitlines()
        rows += [(one["question"], one["answer"]) for one in map(json.loads, lines)]
        with (folder / f"banking77_{side}.csv").open(encoding="utf-8", newline="") as file:
            rows += [(one["text"], one["category"]) for one in csv.DictReader(file)]
    alpaca = json.loads((folder / "alpaca_en_demo.json").read_text("utf-8"))
    rows += [(f"{one['instruction']}\n{one['input']}".strip(), one["output"]) for one in alpaca]
    pairs = json.loads((folder / "preference_pairs.json").read_text("utf-8"))
    rows += [(f"{one['instruction']}\n{one['input']}".strip(), one["chosen"]) for one in pairs]
    covid = json.loads((folder / "covid_qa.json").read_text("utf-8"))["data"]
    asked = (one for document in covid for paragraph in document["paragraphs"] for one in paragraph["qas"])
    return rows + [(one["question"], one["answers"][0]["text"]) for one in asked]


def bench_rows(count: int) -> list[tuple[str, str]]:
    """So many rows, in a random order: real ones, shuffled ones, and near copies of both, about three in ten."""
    chance = random.Random(7)
    real = public_rows()
    words = [word for row in real[:5000] for word in row[0].split()]
    rows = list(real)
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
    import pyarrow as pa

    none = pa.nulls(len(rows), pa.string())
    prompts, answers = ([row[side] for row in rows] for side in (0, 1))
    return pa.table({"row": range(len(rows)), "prompt": prompts, "answer": answers, "other": none, "passage": none})


def words_of(row: tuple[str, str]) -> list[str]:
    from freshet.tasks.text.symbols import normalise_with_symbols

    return [word for text in row for word in normalise_with_symbols(text).split()]


def grams_of(words: list[str]) -> list[bytes]:
    return [" ".join(words[i : i + 5]).encode() for i in range(len(words) - 4)]


def remove_here(rows: list[tuple[str, str]], folder: Path) -> set[int]:
    """The rows that Freshet drops as exact or near copies."""
    from freshet.tasks.datasets.copies.find import find_copies

    table = as_table(rows)

    def batches() -> Iterator[Any]:
        return (table.slice(start, BATCH) for start in range(0, table.num_rows, BATCH))

    found = find_copies(batches, folder, 0.8)
    return {row for row, one in found if one.code in {"COPY-EXACT", "COPY-NEAR"}}


def remove_datasketch(rows: list[tuple[str, str]], folder: Path) -> set[int]:
    """The same with datasketch: exact copies by a set, then its index, true similarity, and the same order."""
    from datasketch import MinHash, MinHashLSH

    from freshet.tasks.text import minhash

    seen: set[tuple[str, str]] = set()
    sets: dict[int, set[bytes]] = {}
    signatures: dict[int, Any] = {}
    removed: set[int] = set()
    like = MinHash(num_perm=minhash.PERMUTATIONS)
    index = MinHashLSH(num_perm=minhash.PERMUTATIONS, params=(minhash.BANDS, minhash.ROWS))
    with index.insertion_session() as session:
        for number, row in enumerate(rows):
            words = words_of(row)
            form = " ".join(words) or "\0".join(row)
            if form in seen:
                removed.add(number)
                continue
            seen.add(form)
            grams = grams_of(words)
            if grams:
                signature = like.copy()
                signature.update_batch(grams)
                sets[number], signatures[number] = set(grams), signature
                session.insert(number, signature, check_duplication=False)
    for number, signature in signatures.items():
        mine = sets[number]
        for other in sorted(index.query(signature)):
            if other >= number:
                break
            if other in removed:
                continue
            its = sets[other]
            if min(len(mine), len(its)) < 0.8 * max(len(mine), len(its)):
                continue
            shared = len(mine & its)
            if shared >= 0.8 * (len(mine) + len(its) - shared):
                removed.add(number)
                break
    return removed


def remove_datatrove(rows: list[tuple[str, str]], folder: Path) -> set[int]:
    """The same with datatrove's MinHash, its steps one after the other; what it proposes is removed unverified."""
    import xxhash
    from datatrove.data import Document
    from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.utils.logging import logger
    from datatrove.utils.text import TextNormConfig
    from datatrove.utils.word_tokenizers import WordTokenizer

    from freshet.tasks.text import minhash
    from freshet.tasks.text.symbols import normalise_with_symbols

    class Tokens(WordTokenizer):
        def word_tokenize(self, text: str) -> list[str]:
            return normalise_with_symbols(text).split()

        def sent_tokenize(self, text: str) -> list[str]:
            return [text]

        def span_tokenize(self, text: str) -> list[tuple[int, int]]:
            return [(0, len(text))]

    logger.remove()
    plain = TextNormConfig(
        **dict.fromkeys(TextNormConfig.__dataclass_fields__, False)  # Freshet's tokens do it
    )
    config = MinhashConfig(n_grams=5, num_buckets=minhash.BANDS, hashes_per_bucket=minhash.ROWS, norm_config=plain)
    documents = (Document(text="\n".join(row), id=str(number)) for number, row in enumerate(rows))
    signed, met, out = (str(folder / name) for name in ("signed", "met", "removed"))
    signer = MinhashDedupSignature(signed, config, language=Tokens())
    signer._hash_func = lambda text: xxhash.xxh64_intdigest(text.encode())  # its own gives today's xxhash no bytes
    signer.run(documents, 0, 1)
    for bucket in range(minhash.BANDS):
        MinhashDedupBuckets(signed, met, config=config).run(None, bucket, minhash.BANDS)
    MinhashDedupCluster(met, out, config=config).run(None, 0, 1)
    content = (folder / "removed" / "000000.remove").read_bytes()
    return {number for (number,) in struct.iter_unpack("<I", content)}


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def measure_signing(rows: list[tuple[str, str]]) -> dict[str, Any]:
    """Signatures of the same 5-grams: datasketch is given them as bytes, Freshet the texts that they are cut from."""
    import pyarrow as pa
    from datasketch import MinHash

    from freshet.tasks.text import minhash
    from freshet.tasks.text.normal_forms import normal_forms

    signed = [row for row in rows[: 2 * SIGNED] if len(words_of(row)) >= 5][:SIGNED]
    words = [words_of(row) for row in signed]
    grams = [grams_of(one) for one in words]
    sides = [pa.array([row[side] for row in signed]) for side in (0, 1)]
    forms = [
        normal_forms(*(side.slice(start, 4096) for side in sides), symbols=True).every(2)
        for start in range(0, len(signed), 4096)
    ]

    def here() -> None:
        for part in forms:
            minhash.sign_many(*minhash.gram_hashes(part))

    def copied() -> None:
        like = MinHash(num_perm=minhash.PERMUTATIONS)
        for one in grams:
            signature = like.copy()
            signature.update_batch(one)

    def made_anew() -> None:
        for one in grams:
            MinHash(num_perm=minhash.PERMUTATIONS).update_batch(one)

    here()
    seconds: dict[str, list[float]] = {"Freshet": [], "datasketch, copied": [], "datasketch, made anew": []}
    for _ in range(2 * ROUNDS + 1):
        for name, work in zip(seconds, (here, copied, made_anew), strict=True):
            seconds[name].append(timed(work)[0])
    best = {name: min(times) for name, times in seconds.items()}
    return {
        "texts": len(words),
        "5-grams": sum(map(len, grams)),
        **{f"{name}: texts/s": round(len(words) / one) for name, one in best.items()},
        "times datasketch": round(best["datasketch, copied"] / best["Freshet"], 1),
        "times datasketch, made anew": round(best["datasketch, made anew"] / best["Freshet"], 1),
    }


REMOVERS = {"Freshet": remove_here, "datasketch": remove_datasketch, "datatrove": remove_datatrove}


def measure_copies(rows: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """From rows to those removed, in turn; beside the truth."""
    from freshet.tasks.text.minhash import shingle_hashes

    near = true_pairs([shingle_hashes(" ".join(words_of(row))) for row in rows], 0.8)
    concerned = {row for pair in near for row in pair}
    few = {number for number, row in enumerate(rows) if len(words_of(row)) < 5}
    seconds: dict[str, list[float]] = {name: [] for name in REMOVERS}
    removed: dict[str, set[int]] = {}
    for turn in range(ROUNDS):
        for name, remover in REMOVERS.items():
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
    logging.disable(logging.WARNING)
    with contextlib.redirect_stdout(sys.stderr):
        yield
    logging.disable(logging.NOTSET)


def write_short_rows(file: Path, count: int) -> None:
    """So many rows of a dozen words or two, of which three in ten are near copies."""
    import pyarrow as pa

    chance = random.Random(5)
    words = ["".join(chance.choices("abcdefghijklmnoprstuvw", k=chance.randint(2, 9))) for _ in range(5000)]
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


def copies_in_memory(file: Path, folder: Path) -> dict[str, Any]:
    """Run in a process of its own: the copies among the rows of a file, and the highest resident memory."""
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
    """Peak memory at n and at 10 n rows."""
    measured = []
    for rows in (count, 10 * count):
        with tempfile.TemporaryDirectory(prefix="freshet-bench-") as folder:
            file = Path(folder) / "rows.arrow"
            write_short_rows(file, rows)
            command = [sys.executable, __file__, "--measure", str(file)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        result = json.loads(done.stdout.splitlines()[-1])
        measured.append({"rows": rows, **result, "rows/s": round(rows / result["seconds"])})
    return measured


def show(title: str, rows: list[dict[str, Any]]) -> None:
    print_table(list(rows[0]), [list(row.values()) for row in rows], title)


def main() -> None:
    parser = argparse.ArgumentParser(description="Copies among rows: what is found, and what it costs.")
    parser.add_argument("--rows", type=int, default=100_000, help="rows that are compared; default: %(default)s")
    parser.add_argument("--memory", type=int, default=100_000, help="n of the memory measurement; default: %(default)s")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
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
    write_results("datasets", results)


if __name__ == "__main__":
    main()
