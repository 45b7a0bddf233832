"""Near duplicates: how many are found and whether all are true ones, and what 1,000 new documents cost among a million.

Planted copies: words edited here and there or in one stretch, 1 to 40 % of them, paragraphs in another order, and
unrelated documents that share their boilerplate; the truth is the Jaccard similarity of every pair. Then the handbook.
Then a corpus of N signatures, made up, that 1,000 new documents come to, of which 200 are near copies: a process of its
own from its start to the decision, ledger and all, against one that rebuilds datasketch's MinHashLSH with the same
bands and rows from kept signatures, as it must, having no index that outlives its process. datasketch does not verify
what it proposes; Freshet does.

    pip install datasketch
    python bench/near_duplicates.py [--signatures 1000000]
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from common import data_folder, print_table, write_results

NEW, COPIES, WORDS = 1000, 200, 400
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def vocabulary(chance: random.Random) -> list[str]:
    return ["".join(chance.choices("abcdefghijklmnoprstuvw", k=chance.randint(2, 9))) for _ in range(5000)]


def edited(words: list[str], share: float, chance: random.Random, *, scattered: bool) -> list[str]:
    """The text with a share of its words replaced, here and there or in one stretch."""
    count = max(1, round(share * len(words)))
    start = chance.randrange(len(words) - count + 1)
    places = chance.sample(range(len(words)), count) if scattered else range(start, start + count)
    changed = list(words)
    for place in places:
        changed[place] = f"edit{chance.randrange(10**6)}"
    return changed


def planted_texts(groups: int) -> list[str]:
    """Originals, each with its copies, and unrelated documents under one of three boilerplates."""
    chance = random.Random(11)
    words, texts = vocabulary(chance), []
    for _ in range(groups):
        original = chance.choices(words, k=WORDS)
        texts.append(original)
        for share in (0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.2, 0.4):
            texts.append(edited(original, share, chance, scattered=True))
            texts.append(edited(original, share, chance, scattered=False))
        paragraphs = [original[i : i + 50] for i in range(0, WORDS, 50)]
        chance.shuffle(paragraphs)
        texts.append([word for paragraph in paragraphs for word in paragraph])
    for share in (0.3, 0.5, 0.7):
        boilerplate = chance.choices(words, k=round(WORDS * share))
        for _ in range(groups):
            texts.append(boilerplate + chance.choices(words, k=WORDS - len(boilerplate)))
    return [" ".join(text).capitalize() + "." for text in texts]


def true_pairs(sets: Sequence[Any], least: float) -> dict[tuple[int, int], float]:
    """Every pair of at least this Jaccard similarity: all shared shingles counted, no hashing of signatures."""
    import numpy as np
    from scipy.sparse import csr_matrix

    sizes = np.array([len(s) for s in sets])
    _, columns = np.unique(np.concatenate(sets), return_inverse=True)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    rows = csr_matrix((np.ones(len(columns), np.int64), columns, starts))
    shared = (rows @ rows.T).tocoo()
    above = shared.row < shared.col
    left, right, common = shared.row[above], shared.col[above], shared.data[above]
    similarity = common / (sizes[left] + sizes[right] - common)
    enough = similarity >= least
    pairs = zip(left[enough].tolist(), right[enough].tolist(), strict=True)
    return dict(zip(pairs, similarity[enough].tolist(), strict=True))


def measure_planted(folder: Path, groups: int) -> dict[str, Any]:
    """Recall and precision of what the store finds among planted texts."""
    from freshet.tasks.documents.duplicates.signatures import Signatures, Text, signature_rows
    from freshet.tasks.store.tables import Store
    from freshet.tasks.text.minhash import shingle_hashes
    from freshet.tasks.text.normalise import normalise

    texts = planted_texts(groups)
    truth = set(true_pairs([shingle_hashes(normalise(text)) for text in texts], 0.8))
    signatures = Signatures(Store(str(folder)).corpus("planted"))
    signatures.write(signature_rows(Text(str(n), str(n), "bench", text) for n, text in enumerate(texts)))
    met = signatures.meet([str(n) for n in range(len(texts))])
    proposed = {(int(a), int(b)) for a, others in met.items() for b in others if int(a) < int(b)}
    found = {(a, b) for a, b in proposed if signatures.alike(str(a), str(b))}
    return {
        "documents": len(texts),
        "near pairs": len(truth),
        "proposed": len(proposed),
        "found": len(found),
        "recall": len(found & truth) / len(truth),
        "precision": len(found & truth) / len(found),
    }


def measure_bands(groups: int) -> list[dict[str, Any]]:
    """What other numbers of bands and rows would find and cost."""
    import numpy as np

    from freshet.tasks.text import minhash
    from freshet.tasks.text.normalise import normalise

    sets = [minhash.shingle_hashes(normalise(text)) for text in planted_texts(groups)]
    truth = true_pairs(sets, 0.0)
    close = [pair for pair, similarity in truth.items() if 0.8 <= similarity < 0.85]
    usual = minhash.BANDS, minhash.ROWS, minhash.PERMUTATIONS
    measured = []
    for bands, rows in ((16, 8), (20, 6), (32, 8)):
        minhash.BANDS, minhash.ROWS, minhash.PERMUTATIONS = bands, rows, bands * rows
        minhash._permutations.cache_clear()
        started = time.perf_counter()
        signed = [minhash.sign(shingles) for shingles in sets]
        seconds = time.perf_counter() - started
        keys = np.stack([minhash.band_keys(signature) for signature in signed])
        proposed = {pair for pair in truth if (keys[pair[0]] == keys[pair[1]]).any()}
        far = sum(truth[pair] < 0.8 for pair in proposed)
        measured.append(
            {
                "bands × rows": f"{bands} × {rows}",
                "found of pairs at 0.80–0.85": sum(pair in proposed for pair in close) / len(close),
                "pairs below 0.8 proposed": far,
                "signed/s": round(len(sets) / seconds),
            }
        )
    minhash.BANDS, minhash.ROWS, minhash.PERMUTATIONS = usual
    minhash._permutations.cache_clear()
    return measured


def measure_handbook(folder: Path) -> dict[str, Any]:
    """The handbook's Markdown: which documents are taken for copies, and how like each other the next pair is."""
    from freshet.tasks.documents.duplicates.signatures import Signatures, Text, signature_rows
    from freshet.tasks.store.tables import Store
    from freshet.tasks.text.minhash import shingle_hashes
    from freshet.tasks.text.normalise import normalise

    with tarfile.open(data_folder() / "handbook" / "before.tar.gz") as archive:
        archive.extractall(folder / "handbook", filter="data")
    files = sorted((folder / "handbook").rglob("*.md"))
    texts = [file.read_text("utf-8", "replace") for file in files]
    signatures = Signatures(Store(str(folder)).corpus("handbook"))
    signatures.write(signature_rows(Text(str(n), str(n), "bench", text) for n, text in enumerate(texts)))
    met = signatures.meet([str(n) for n in range(len(texts))])
    merged = {tuple(sorted((int(a), int(b)))) for a, others in met.items() for b in others if signatures.alike(a, b)}
    others = true_pairs([shingle_hashes(normalise(text)) for text in texts], 0.0)
    rest = {pair: similarity for pair, similarity in others.items() if pair not in merged}
    return {
        "documents": len(files),
        "merged": [[str(files[n].relative_to(folder / "handbook")) for n in pair] for pair in sorted(merged)],
        "most alike of the others": round(max(rest.values()), 3),
    }


def old_and_new() -> tuple[list[str], list[str]]:
    """Texts of COPIES old documents; and NEW texts, the first of which are near copies of those."""
    chance = random.Random(3)
    words = vocabulary(chance)
    old = [chance.choices(words, k=WORDS) for _ in range(COPIES)]
    new = [edited(text, chance.randint(1, 8) / WORDS, chance, scattered=True) for text in old]
    new += [chance.choices(words, k=WORDS) for _ in range(NEW - COPIES)]
    return [" ".join(text) for text in old], [" ".join(text) for text in new]


def write_corpus(folder: Path, count: int) -> None:
    """The tables of a corpus of `count` decided documents, the ledger with NEW more, and datasketch's signatures."""
    import numpy as np
    import pyarrow as pa
    from datasketch import MinHash
    from pyarrow import feather

    from freshet.tasks.documents.duplicates.find import DOCUMENT_COLUMNS
    from freshet.tasks.documents.duplicates.signatures import Signatures, Text, signature_rows
    from freshet.tasks.documents.elements import ParsedDocument, to_json
    from freshet.tasks.documents.keep import keep_parsed
    from freshet.tasks.store import schemas
    from freshet.tasks.store.tables import Store
    from freshet.tasks.text import minhash
    from freshet.tasks.text.normalise import tokens

    tables, draw = Store(str(folder)).corpus("bench"), np.random.default_rng(1)
    old, new = old_and_new()
    made_by, rule = f"parser|{minhash.METHOD}", f"{minhash.NEAR}-{minhash.METHOD}"
    signatures = Signatures(tables)
    signatures.write(signature_rows(Text(f"old-{n:07}", f"old-{n:07}", made_by, text) for n, text in enumerate(old)))
    schema = schemas.signatures(minhash.BANDS)

    def rows(each: int = 50) -> Iterator[Any]:
        for start in range(COPIES, count, 50_000):
            size = min(50_000, count - start)
            ids = pa.array([f"old-{n:07}" for n in range(start, start + size)])
            keys = draw.integers(0, 2**32, size * minhash.BANDS, dtype=np.uint32)
            hashes = np.sort(draw.integers(0, 2**64, (size, each), dtype=np.uint64), axis=1)
            offsets = pa.py_buffer(np.arange(0, (size + 1) * each * 8, each * 8, dtype=np.int32))
            yield pa.record_batch(
                [
                    ids, ids, pa.array([made_by] * size), pa.array([f"{n:032x}" for n in range(start, start + size)]),
                    pa.FixedSizeListArray.from_arrays(pa.array(keys), minhash.BANDS),
                    pa.array(np.full(size, each, np.int32)),
                    pa.Array.from_buffers(pa.binary(), size, [None, offsets, pa.py_buffer(hashes.tobytes())]),
                ],
                schema=schema,
            )  # fmt: skip

    tables.open(schemas.SIGNATURES, schema).add(pa.RecordBatchReader.from_batches(schema, rows()))
    ids = pa.array([f"old-{n:07}" for n in range(count)] + [f"new-{n:07}" for n in range(NEW)])
    total = len(ids)
    ledger = {
        "doc_id": ids, "source": pa.array(["docs"] * total), "path": ids,
        "modified_at": pa.array([NOW] * total, pa.timestamp("us", tz="UTC")),
        "acl": pa.array([["everyone"]] * total), "content_hash": ids, "seen_hash": ids,
        "parser": pa.array(["parser"] * total), "duplicate_of": pa.nulls(total, pa.string()),
    }  # fmt: skip
    feather.write_feather(
        pa.table(ledger).select(DOCUMENT_COLUMNS), folder / "ledger.arrow", compression="uncompressed"
    )
    decided = {
        **{c: ledger[c] for c in ("doc_id", "path", "modified_at", "acl")},
        "priority": pa.array([0] * total, pa.int32()), "content_hash": ids, "parser": ledger["parser"],
        "rule": pa.array([rule] * total), "duplicate_of": pa.nulls(total, pa.string()),
        "similarity": pa.nulls(total, pa.float64()),
    }  # fmt: skip
    tables.open(schemas.DUPLICATES, schemas.duplicates()).add(
        pa.table(decided).slice(0, count).cast(schemas.duplicates())
    )
    parsed = {(f"new-{n:07}", "parser"): to_json(ParsedDocument(text, [])) for n, text in enumerate(new)}
    keep_parsed(tables, parsed, NOW)
    matrix = np.lib.format.open_memmap(folder / "peer.npy", "w+", np.uint32, (count, minhash.PERMUTATIONS))
    for start in range(0, count, 50_000):
        matrix[start : start + 50_000] = draw.integers(0, 2**32, matrix[start : start + 50_000].shape, dtype=np.uint32)
    for n, text in enumerate(old):
        matrix[n] = peer_signature(MinHash, tokens(text)).hashvalues
    matrix.flush()


def peer_signature(minhash_class: Any, words: list[str]) -> Any:
    from freshet.tasks.text import minhash

    signature = minhash_class(num_perm=minhash.PERMUTATIONS)
    signature.update_batch([" ".join(words[i : i + 5]).encode() for i in range(len(words) - 4)])
    return signature


def decide_here(folder: Path) -> dict[str, Any]:
    """One update of the duplicates among all, as a refresh does it."""
    from pyarrow import feather

    from freshet.tasks.documents.duplicates.find import update_duplicates
    from freshet.tasks.store.tables import Store

    documents = feather.read_table(folder / "ledger.arrow")
    changes = update_duplicates(Store(str(folder)).corpus("bench"), documents, {"docs": 0})
    pairs = {frozenset((doc_id, duplicate.kept)) for doc_id, duplicate in changes.hidden.items()}
    right = {frozenset((f"new-{n:07}", f"old-{n:07}")) for n in range(COPIES)}
    return {"found": len(pairs & right), "decided": changes.decided}


def rebuild_peer(folder: Path) -> dict[str, Any]:
    """datasketch: the index of all kept signatures, then the new texts signed and asked for."""
    import numpy as np
    from datasketch import MinHash, MinHashLSH

    from freshet.tasks.text import minhash
    from freshet.tasks.text.normalise import tokens

    matrix = np.load(folder / "peer.npy", mmap_mode="r")
    index = MinHashLSH(num_perm=minhash.PERMUTATIONS, params=(minhash.BANDS, minhash.ROWS))
    like = MinHash(num_perm=minhash.PERMUTATIONS)
    with index.insertion_session() as session:
        for number, row in enumerate(matrix):
            signature = MinHash(
                minhash.PERMUTATIONS,
                hashvalues=row.astype(like.hashvalues.dtype),
                permutations=like.permutations,
                scheme=like.scheme,
            )
            session.insert(number, signature, check_duplication=False)
    new = [peer_signature(MinHash, tokens(text)) for text in old_and_new()[1]]
    found = sum(number in index.query(signature) for number, signature in enumerate(new))
    return {"found": found, "decided": NEW}


def measure(kind: str, folder: Path) -> dict[str, Any]:
    """A process of its own, from its start to its end."""
    started = time.perf_counter()
    command = [sys.executable, __file__, "--measure", kind, "--folder", str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {"seconds": round(time.perf_counter() - started, 2), **measured}


def main() -> None:
    parser = argparse.ArgumentParser(description="Near duplicates: what is found, and what it costs.")
    parser.add_argument("--signatures", type=int, default=1_000_000, help="default: %(default)s")
    parser.add_argument("--groups", type=int, default=60, help="planted originals; default: %(default)s")
    parser.add_argument("--measure", choices=["freshet", "datasketch"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        result = (decide_here if options.measure == "freshet" else rebuild_peer)(options.folder)
        used = resource.getrusage(resource.RUSAGE_SELF)
        result |= {"cpu_seconds": round(used.ru_utime + used.ru_stime, 2), "peak_mb": round(used.ru_maxrss / 1024)}
        print(json.dumps(result))
        return
    with tempfile.TemporaryDirectory(prefix="freshet-bench-") as name:
        folder = Path(name)
        planted = measure_planted(folder, options.groups)
        print_table(list(planted), [list(planted.values())], "Planted copies")
        bands = measure_bands(options.groups)
        print_table(list(bands[0]), [list(row.values()) for row in bands], "Bands and rows")
        handbook = measure_handbook(folder)
        print(f"\nHandbook: {handbook}")
        write_corpus(folder, options.signatures)
        measured = {kind: measure(kind, folder) for kind in ("freshet", "datasketch")}
        print_table(
            ["", *measured["freshet"]],
            [[kind, *row.values()] for kind, row in measured.items()],
            f"{NEW:,} new documents, {COPIES} of them near copies, among {options.signatures:,}, from a cold start",
        )
    ratio = measured["datasketch"]["seconds"] / measured["freshet"]["seconds"]
    print(f"\ndatasketch to Freshet: {ratio:.1f}")
    results = {"planted": planted, "bands": bands, "handbook": handbook, "signatures": options.signatures}
    write_results("near_duplicates", {**results, "measured": measured, "ratio": round(ratio, 2)})


if __name__ == "__main__":
    main()
