"""What a refresh with nothing to do costs, beside an empty Prefect flow that imports LanceDB.

Both are whole processes, from start to end, under one running server, in turn. And what a refresh of very many
unchanged documents asks of the server: its task runs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from common import prefect_server, print_table, refresh_here, write_project, write_results
from options import parse_sized

EMPTY_FLOW = """
import lancedb
from prefect import flow

@flow
def empty():
    pass

empty()
"""


def seconds_of(command: list[str]) -> float:
    """Returns the wall-clock seconds of a process."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def write_documents(folder: Path, count: int) -> None:
    """Writes short Markdown documents, a thousand to a folder."""
    for number in range(count):
        file = folder / f"{number // 1000:03d}" / f"{number:06d}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"# Page {number}\n\nThis is page number {number} of the collection.\n", "utf-8")


def task_runs(flow_run: str) -> int:
    """Returns how many task runs a flow run has, as the server counts them."""
    wanted = json.dumps({"flow_runs": {"id": {"any_": [flow_run]}}}).encode()
    request = urllib.request.Request(
        f"{os.environ['PREFECT_API_URL']}/task_runs/count", wanted, {"Content-Type": "application/json"}
    )
    counts: list[int] = []
    while len(counts) < 20 and not (len(counts) > 6 and counts[-1] > 0 and len(set(counts[-6:])) == 1):
        time.sleep(0.5)  # the server writes them down a little later
        with urllib.request.urlopen(request) as answer:
            counts.append(int(answer.read()))
    return counts[-1]


def measure_pairs(folder: Path, pairs: int) -> dict[str, float]:
    """Returns the median seconds of an idle refresh and of an empty flow, and the median of their ratios."""
    write_documents(folder / "docs", 20)
    config = write_project(folder, folder / "docs")
    assert refresh_here(config)["outcome"] == "released"
    refresh = [sys.executable, "-m", "freshet.deploy.cli", "refresh", "bench", "--config", str(config), "--json"]
    empty = [sys.executable, "-c", EMPTY_FLOW]
    taken: dict[str, list[float]] = {"empty flow": [], "refresh": []}
    for _ in range(pairs):
        taken["empty flow"].append(seconds_of(empty))
        taken["refresh"].append(seconds_of(refresh))
    ratios = [one / other for one, other in zip(taken["refresh"], taken["empty flow"], strict=True)]
    medians = {name: round(statistics.median(one), 2) for name, one in taken.items()}
    return {**medians, "median ratio": round(statistics.median(ratios), 2)}


def measure_task_runs(folder: Path, documents: int) -> dict[str, int]:
    """Returns the number of task runs of an idle refresh of many documents, quick and full."""
    write_documents(folder / "docs", documents)
    config = write_project(folder, folder / "docs")
    assert refresh_here(config)["outcome"] == "released"
    counted = {"documents": documents}
    for name, full in (("task runs, quick", False), ("task runs, full", True)):
        report = refresh_here(config, full=full)
        assert report["documents"]["unchanged"] == documents, report["documents"]
        counted[name] = task_runs(report["run_id"])
    return counted


def main() -> None:
    """Measures pairs of processes, and task runs."""
    parser = argparse.ArgumentParser(description="What a refresh with nothing to do costs.")
    parser.add_argument("--pairs", type=int, default=7, help="how often both are run; default: %(default)s")
    parser.add_argument("--documents", type=int, default=5_000, help="unchanged documents; default: %(default)s")
    options = parse_sized(parser, {"pairs": 3, "documents": 500}, {"pairs": 1, "documents": 20})
    results = {}
    with prefect_server(), tempfile.TemporaryDirectory(prefix="freshet-bench-") as folder:
        os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parent.parent)
        results["pairs"] = measure_pairs(Path(folder) / "pairs", options.pairs)
        print_table(["whole process", "seconds"], list(results["pairs"].items()), "Nothing to do")
        results["task runs"] = measure_task_runs(Path(folder) / "many", options.documents)
        print_table(["", ""], list(results["task runs"].items()), "What the server is asked")
    asked = results["task runs"]
    ratios = {
        "idle refresh / empty flow": results["pairs"]["median ratio"],
        "documents / task runs of a full refresh": asked["documents"] / asked["task runs, full"],
    }
    write_results("idle", options.size, ratios, results)


if __name__ == "__main__":
    main()
