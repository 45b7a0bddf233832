"""Near duplicates: how many are found and whether all are true ones, and what 1,000 new documents cost among a million.

First, planted copies: 1 to 40 % of the words edited, here and there or in one stretch, paragraphs in another order, and
unrelated documents that share their boilerplate. The truth is the Jaccard similarity of every pair. Second, the
handbook. Third, 1,000 new documents, of which 200 are near copies, come to a corpus of N made-up signatures. A process
of its own is measured from its start to the decision, the ledger included. The other process rebuilds datasketch's
MinHashLSH with the same bands and rows from kept signatures, as it must, since its index does not outlive its process.
datasketch does not verify what it proposes; Freshet does.

    pip install datasketch
    python bench/near_duplicates.py [--signatures 1000000]
"""

from __future__ import annotations

import argparse
import json
import resource
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

from common import data_folder, measure_apart, print_table, write_results
from options import has_library, parse_sized
from planted_copies import planted_texts, true_pairs
from signature_corpus import COPIES, NEW, decide_here, rebuild_peer, write_corpus


def measure_planted(folder: Path, groups: int) -> dict[str, Any]:
    """Returns recall and precision of what the store finds among planted texts."""
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
    """Returns what other numbers of bands and rows would find and cost."""
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
    """Returns which documents of the handbook are taken for copies, and how alike the next pair is."""
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


def measure(kind: str, folder: Path) -> dict[str, Any]:
    """Measures one way in a process of its own, from the start of that process to its end."""
    started = time.perf_counter()
    measured = measure_apart(__file__, kind, "--folder", str(folder))
    return {"seconds": round(time.perf_counter() - started, 2), **measured}


def main() -> None:
    """Measures planted copies, the handbook, and the cost among many signatures."""
    parser = argparse.ArgumentParser(description="Near duplicates: what is found, and what it costs.")
    parser.add_argument("--signatures", type=int, default=1_000_000, help="default: %(default)s")
    parser.add_argument("--groups", type=int, default=60, help="planted originals; default: %(default)s")
    parser.add_argument("--measure", choices=["freshet", "datasketch"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    quick, smallest = {"signatures": 100_000, "groups": 20}, {"signatures": 1000, "groups": 4}
    options = parse_sized(parser, quick, smallest)
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
        beside = has_library("datasketch")
        write_corpus(folder, options.signatures, beside)
        measured = {kind: measure(kind, folder) for kind in ("freshet", *["datasketch"] * beside)}
        print_table(
            ["", *measured["freshet"]],
            [[kind, *row.values()] for kind, row in measured.items()],
            f"{NEW:,} new documents, {COPIES} of them near copies, among {options.signatures:,}, from a cold start",
        )
    ratios = {
        "planted copies found": planted["recall"],
        "found copies that are true": planted["precision"],
        "copies among the kept found": measured["freshet"]["found"] / COPIES,
    }
    if beside:
        ratios["datasketch / Freshet"] = measured["datasketch"]["seconds"] / measured["freshet"]["seconds"]
        print(f"\ndatasketch to Freshet: {ratios['datasketch / Freshet']:.1f}")
    results = {"planted": planted, "bands": bands, "handbook": handbook, "signatures": options.signatures}
    write_results("near_duplicates", options.size, ratios, {**results, "measured": measured})


if __name__ == "__main__":
    main()
