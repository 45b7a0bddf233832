"""The handbook through its real snapshots: each is refreshed after the one before, and the gate should let each pass.

Every one is a state that its authors published, so a snapshot that the gate rejects is rejected falsely. The exam is
the one that the gate sits: known-item questions on documents that did not change since the last release.

    python bench/snapshots.py [--most 31] [--work FOLDER]
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

from common import (
    data_folder,
    keep_first,
    make_alike,
    prefect_server,
    print_table,
    refresh_here,
    write_project,
    write_results,
)
from options import parse_sized

HEADINGS = ["snapshot", "outcome", "texts embedded", "documents", "in quarantine", "questions", "nDCG@10", "last", "s"]


def unpack(folder: Path) -> list[Path]:
    """Unpacks the snapshots, and returns their folders, oldest first."""
    with tarfile.open(data_folder() / "handbook" / "history.tar.xz") as packed:
        packed.extractall(folder, filter="data")
    return sorted(path for path in folder.iterdir() if path.is_dir())


def refresh(project: Path) -> dict[str, Any]:
    """Refreshes the corpus, and returns the figures of that refresh."""
    from freshet.tasks.ledger.releases import list_releases
    from freshet.tasks.settings.file import load_project
    from freshet.tasks.store.tables import Store

    started = time.perf_counter()
    report = refresh_here(project)
    seconds = time.perf_counter() - started
    if report["outcome"] == "failed":
        sys.exit(report["error"])
    newest = list_releases(Store(load_project(project).store), "bench")[0]
    decided = newest.run_id == report["run_id"]
    exam = json.loads(newest.exam) if decided and newest.exam else None
    return {
        "outcome": report["outcome"],
        "reasons": report["reasons"],
        "texts_embedded": report["texts_embedded"],
        "documents": newest.documents,
        "quarantined": report["documents"]["quarantined"],
        "exam": exam and {name: exam[name] for name in ("head", "release", "comparison")},
        "seconds": {"process": round(seconds, 2), **report["seconds"]},
    }


def one_snapshot(name: str, figures: dict[str, Any]) -> list[Any]:
    """Returns the row of a snapshot in the table."""
    exam = figures["exam"] or {"head": {}, "release": None}
    head, last = exam["head"], exam["release"] or {}
    return [
        name, figures["outcome"], figures["texts_embedded"], figures["documents"], figures["quarantined"],
        head.get("questions"), head.get("ndcg_at_10"), last.get("ndcg_at_10"), figures["seconds"]["process"],
    ]  # fmt: skip


def main() -> None:
    """Refreshes one snapshot after the other; exits with 1 if the gate rejected one."""
    parser = argparse.ArgumentParser(description="The handbook's real snapshots, refreshed one after the other.")
    parser.add_argument("--most", type=int, default=31, help="snapshots, the oldest first; default: %(default)s")
    parser.add_argument("--work", type=Path, help="a folder to keep the project in; by default, one that is deleted")
    parser.add_argument("--documents", type=int, help="of each snapshot, at most; by default, all")
    options = parse_sized(parser, {"most": 4, "documents": 40}, {"most": 2, "documents": 8})
    measured: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="freshet-bench-") as folder, prefect_server():
        snapshots = unpack(Path(folder) / "snapshots")[: options.most]
        work = options.work or Path(folder) / "work"
        shutil.rmtree(work / "docs", ignore_errors=True)
        (work / "docs").mkdir(parents=True)
        project = write_project(work / "project", work / "docs")
        for snapshot in snapshots:
            keep_first(snapshot, options.documents)
            make_alike(snapshot, work / "docs")
            measured[snapshot.name] = refresh(project)
            print(f"{snapshot.name}: {measured[snapshot.name]['outcome']}", file=sys.stderr, flush=True)
    print_table(HEADINGS, [one_snapshot(name, figures) for name, figures in measured.items()])
    rejected = {name: one["reasons"] for name, one in measured.items() if one["outcome"] == "rejected"}
    print(f"\nFalse rejections: {len(rejected)} of {len(measured)}.")
    for name, reasons in rejected.items():
        print("\n".join(f"{name}: {reason}" for reason in reasons))
    ratios = {"snapshots that the gate let pass": 1 - len(rejected) / len(measured)}
    write_results("snapshots", options.size, ratios, {"snapshots": measured, "false_rejections": len(rejected)})
    if rejected:
        sys.exit(1)


if __name__ == "__main__":
    main()
