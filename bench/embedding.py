"""How much of the machine's matrix-product limit embedding uses, and how near bf16 stays to fp32.

XQuAD's passages through Freshet in fp32 and in the precision that `auto` chooses, and through
SentenceTransformer.encode as it is, with large matrix products before and after each: turn by turn, so that whatever
else the machine does falls on all of them. Counted are the operations of the passages' real tokens; padding counts as
nothing done.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from common import ROOT, print_table, write_results, xquad
from options import parse_sized

_REPEATS = 4


def operations(folder: Path, lengths: list[int]) -> float:
    """Returns the floating-point operations of a BERT's matrix products over texts of so many tokens."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    hidden, layers, inner = config["hidden_size"], config["num_hidden_layers"], config["intermediate_size"]
    weights = layers * (4 * hidden * hidden + 2 * hidden * inner)
    return float(sum(2 * weights * length + 4 * layers * hidden * length**2 for length in lengths))


def matrix_limit(precision: str, side: int) -> float:
    """Returns the operations a second of square matrix products, the best of several of this side and of half of it."""
    import torch

    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    best = 0.0
    for length in (side // 2, side):
        left, right = (torch.randn(length, length).to(dtype) for _ in range(2))
        for _ in range(_REPEATS):
            best = max(best, 2 * length**3 / _seconds(lambda a=left, b=right: a @ b))
    return best


def _seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(rounds: int, most: int, side: int) -> dict[str, Any]:
    """Returns the rates of every way of embedding at most so many passages, and how near bf16 or fp16 stays to fp32."""
    from sentence_transformers import SentenceTransformer

    from freshet.tasks.embedding.embed import Embedder
    from freshet.tasks.embedding.models import resolve_model
    from freshet.tasks.embedding.tokens import load_tokenizer
    from freshet.tasks.settings.embedding import Embedding

    passages = xquad()[0][:most]
    model = resolve_model(Embedding(), ROOT)
    full, auto = Embedder(model, "fp32"), Embedder(model, "auto")
    library = SentenceTransformer(str(model.folder), device=full.device)
    lengths = np.minimum(load_tokenizer(model.folder).count(passages), model.max_tokens).tolist()
    flop = operations(model.folder, lengths)

    ways: dict[str, tuple[str, Callable[[], Any]]] = {
        "SentenceTransformer.encode": ("fp32", lambda: library.encode(passages, show_progress_bar=False)),
        "Freshet, fp32": ("fp32", lambda: full.embed(passages)),
    }
    if auto.precision != "fp32":
        ways[f"Freshet, {auto.precision}"] = (auto.precision, lambda: auto.embed(passages))
    cosines = (full.embed(passages) * auto.embed(passages)).sum(axis=1)
    against = float(np.abs(full.embed(passages) - library.encode(passages, show_progress_bar=False)).max())
    rates: dict[str, list[float]] = {way: [] for way in ways}
    limits: dict[str, list[float]] = {precision: [] for precision, _ in ways.values()}
    for _ in range(rounds):
        for way, (precision, work) in ways.items():
            limits[precision].append(matrix_limit(precision, side))
            rates[way].append(flop / _seconds(work))
            limits[precision].append(matrix_limit(precision, side))
    return {
        "passages": len(passages),
        "tokens": int(sum(lengths)),
        "gflop_a_passage": flop / len(passages) / 1e9,
        "ways": {
            way: _summary(rates[way], limits[precision], precision, len(passages) / flop)
            for way, (precision, _) in ways.items()
        },
        "precision": auto.precision,
        "cosine_to_fp32": {"mean": float(cosines.mean()), "least": float(cosines.min())},
        "fp32_greatest_difference_to_library": against,
    }


def _summary(rates: list[float], limits: list[float], precision: str, passages_a_flop: float) -> dict[str, Any]:
    return {
        "precision": precision,
        "passages_a_second": max(rates) * passages_a_flop,
        "passages_a_second_median": statistics.median(rates) * passages_a_flop,
        "gflops": max(rates) / 1e9,
        "limit_gflops": max(limits) / 1e9,
        "share_of_limit": max(rates) / max(limits),
    }


def main() -> None:
    """Measures the ways in turn, and prints how much of the machine's limit each uses."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="times that each way is measured; the best counts")
    parser.add_argument("--passages", type=int, default=240, help="at most; default: %(default)s")
    parser.add_argument("--side", type=int, default=2048, help="of the matrices; default: %(default)s")
    options = parse_sized(parser, {"rounds": 3, "passages": 60}, {"rounds": 1, "passages": 8, "side": 256})
    found = measure(options.rounds, options.passages, options.side)
    print(f"{found['passages']} passages, {found['tokens']:,} tokens, {found['gflop_a_passage']:.2f} GFLOP each")
    print_table(
        ["way", "passages/s", "median", "GFLOP/s", "matrix product, GFLOP/s", "share"],
        [
            [
                way,
                one["passages_a_second"],
                one["passages_a_second_median"],
                one["gflops"],
                one["limit_gflops"],
                f"{one['share_of_limit']:.1%}",
            ]
            for way, one in found["ways"].items()
        ],
    )
    cosine = found["cosine_to_fp32"]
    print(f"\nCosine of {found['precision']} to fp32: mean {cosine['mean']:.6f}, least {cosine['least']:.6f}")
    difference = found["fp32_greatest_difference_to_library"]
    print(f"Greatest difference of fp32 to SentenceTransformer.encode: {difference:.1e}")
    ways = found["ways"]
    library = ways["SentenceTransformer.encode"]["passages_a_second_median"]
    ratios = {f"{way} / the machine's matrix products": one["share_of_limit"] for way, one in ways.items()}
    for way, one in list(ways.items())[1:]:
        ratios[f"{way} / SentenceTransformer.encode"] = one["passages_a_second_median"] / library
    write_results("embedding", options.size, ratios, found)


if __name__ == "__main__":
    main()
