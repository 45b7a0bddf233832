"""Ratios of a few benchmarks in their quick size, kept in bench/history.jsonl and compared with the runs before.

    python bench/quick.py [BENCHMARK …]

A ratio is a share, or a time or size beside another one of the same run, so that machines of different speed can be
compared. What moved by more than a tenth from the median of the last runs on such a machine is told at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from common import ROOT, machine, prefect_server, run_json

CHOSEN = (
    "checks", "dataset_checks", "near_duplicates", "embedding", "parsing", "fidelity", "access", "retrieval", "refresh",
    "idle", "scale", "dataset_build",
)  # fmt: skip
"""The benchmarks that `make bench-quick` runs: all but those that only large sizes tell something of."""

LAST = 5
"""Runs before, on such a machine, whose median a ratio is compared with."""


def machine_in_words() -> str:
    """Returns what of the machine bears on the ratios, without its name."""
    from freshet.tasks.embedding.hardware import choose_precision

    found = machine()
    return f"{found['cpu']}, {found['cores']} cores, {found['memory_gb']:.0f} GB, {choose_precision('auto', 'cpu')}"


def commit() -> str:
    """Returns the short name of the commit, with a plus where the checkout differs from it."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], capture_output=True, text=True, check=False, cwd=ROOT)
        return done.stdout.strip() if done.returncode == 0 else ""

    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!bench/history.jsonl")
    return (git("rev-parse", "--short=10", "HEAD") or "unknown") + ("+" if changed else "")


def moved(ratios: dict[str, float], before: list[dict[str, Any]]) -> list[str]:
    """Returns a line for each ratio that is more than a tenth off its median in the last runs before.

    Args:
        ratios: by name, those of this run.
        before: the lines of earlier runs on such a machine, oldest first.
    """
    lines = []
    for name, ratio in ratios.items():
        known = [one["ratios"][name] for one in before if name in one["ratios"]][-LAST:]
        if known and abs(ratio - (usual := statistics.median(known))) > 0.1 * abs(usual):
            lines.append(f"Moved by more than a tenth: {name}, from {usual:.4g} to {ratio:.4g}")
    return lines


def main() -> None:
    """Runs the benchmarks, appends a line to the history, and tells what moved."""
    parser = argparse.ArgumentParser(description="Ratios of a few benchmarks, beside those of the runs before.")
    parser.add_argument("benchmarks", nargs="*", help=f"default: {' '.join(CHOSEN)}", metavar="BENCHMARK")
    parser.add_argument("--history", type=Path, default=ROOT / "bench" / "history.jsonl", help="default: %(default)s")
    parser.add_argument("--size", choices=["quick", "smallest"], default="quick", help="default: %(default)s")
    options = parser.parse_args()
    line: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(),
        "size": options.size,
        "machine": machine_in_words(),
        "load_average": [round(value, 1) for value in os.getloadavg()],
    }
    ratios: dict[str, float] = {}
    left_out: list[str] = []
    with prefect_server():
        os.environ["FRESHET_BENCH_API"] = os.environ["PREFECT_API_URL"]
        for name in options.benchmarks or CHOSEN:
            found = run_json([sys.executable, str(ROOT / "bench" / f"{name}.py"), "--size", options.size])
            ratios |= {f"{name}: {key}": ratio for key, ratio in found["ratios"].items()}
            left_out += [f"{name}: {what}" for what in found["left_out"]]
    kept = options.history.read_text("utf-8").splitlines() if options.history.exists() else []
    before = [one for one in map(json.loads, kept) if all(one[key] == line[key] for key in ("machine", "size"))]
    with options.history.open("a", encoding="utf-8") as history:
        history.write(json.dumps({**line, "ratios": ratios, "left_out": left_out}, ensure_ascii=False) + "\n")
    for name, ratio in ratios.items():
        print(f"{ratio:>8.4g}  {name}")
    nothing = f"Nothing moved by more than a tenth from the last {min(len(before), LAST)} run(s) on such a machine."
    if not before:
        nothing = "Nothing to compare with: no run on such a machine before."
    print("\n" + "\n".join(moved(ratios, before) or [nothing]))


if __name__ == "__main__":
    main()
