"""How much of what stands in a file its reader reads, by part and kind, beside other readers; and at what cost.

    .venv/bin/python bench/fidelity.py [--folder FOLDER …] [--rounds 3] [--misses 20]

Recall is the share of the words of a file's own raw text that are in the text that a tool returns, both counted with
how often they stand there. A word is letters and digits in a row, NFKC, without regard to case. The raw text comes from
`raw_text.py`, which imports nothing of Freshet: what it takes for a part, and what it leaves out, is told there and in
`raw_office.py`. Of spreadsheets and charts strings and booleans count, exactly as they are stored; numbers and dates do
not, since how a sheet shows them is not for the raw file to say. A part's words count wherever a tool wrote them, so a
small part whose words the body has as well looks a little better than it is; "all" counts every part together.

Each tool reads all files in a process of its own: in a first pass, which is not timed, and then in rounds, of which the
median counts. A file that a tool fails on counts with a recall of 0. Memory is the most that is resident in the first
pass, in the tool's process and those that it starts; pages that they share count once. Comments are a row by themselves
and not in "all": Freshet tells that a document holds comments, and keeps their text out of the index (SAFETY-COMMENT).

Files of other kinds than the raw text knows, and files without text (empty, scanned, locked), are left out.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from common import ROOT, data_folder, print_table, write_results
from options import leave_out, parse_sized
from raw_text import kind_of, raw_words, words_of

PEERS = ("kreuzberg", "markitdown", "unstructured")
_READERS = ROOT / "bench" / "peers"
_APART = "comments"
_TARGET = 0.99
"""The recall of a file below which Freshet's is told."""

_MEMORY = 2_000_000_000

Raw = dict[Path, dict[str, Counter[str]]]
Reading = dict[str, Any]


def main() -> None:
    """Reads all files with each tool, and compares what they read with the raw text."""
    if sys.argv[1:2] == ["--measure"]:
        _read_here(*sys.argv[2:4])
        return
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    told = "a folder of files beside the public documents; may be repeated"
    arguments.add_argument("--folder", type=Path, action="append", default=[], help=told)
    arguments.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS), help="default: all")
    arguments.add_argument("--rounds", type=int, default=3, help="timed passes over all files; the median counts")
    arguments.add_argument("--most", type=int, help="files of a kind; default: all")
    arguments.add_argument("--misses", type=int, default=0, help="words to print of what Freshet misses in a file")
    chosen = parse_sized(arguments, {"rounds": 1}, {"rounds": 1, "peers": [], "most": 1})
    raw = _raw([data_folder() / "documents", *chosen.folder], chosen.most)
    commands = {"Freshet": [sys.executable, __file__, "--measure"]}
    for peer in chosen.peers:
        python = ROOT / ".venv-peers" / peer / "bin" / "python"
        if python.exists():
            commands[peer] = [str(python), str(_READERS / peer / "read.py")]
        else:
            leave_out(f"{peer}: its environment is not there (make bench-peers)")
    if not chosen.peers:
        leave_out("The peers: not in this run")
    readings = {
        name: one for name, command in commands.items() if (one := _measured(name, command, raw, chosen.rounds))
    }
    recalls = _recalls(raw, readings)
    _print_recalls(raw, readings, recalls)
    costs = _costs(raw, readings)
    below = _misses(raw, readings["Freshet"], chosen.misses)
    results = {"files": len(raw), "recalls": _named(recalls), "costs": costs, "below": below}
    write_results("fidelity", chosen.size, _ratios(recalls, costs), results)


def _read_here(request: str, answer: str) -> None:
    """Reads files with Freshet's parsers, as its parser process does, in this process."""
    sys.path.append(str(_READERS))
    from reading import read_all

    from freshet.tasks.documents.parse.kinds import kind_of as freshet_kind
    from freshet.tasks.documents.parse.registry import PARSERS, Context, Parser

    parsers: dict[str, Parser] = {}

    def read(file: str) -> str:
        kind = freshet_kind(file, file)
        if kind not in parsers:
            parsers[kind] = PARSERS[kind]()
            parsers[kind].load()
        return parsers[kind].parse(file, Context(_MEMORY, lambda: None)).text

    read_all(read, request, answer)


def _raw(folders: list[Path], most: int | None) -> Raw:
    """Returns the words of the raw text of each file that has any."""
    found: Raw = {}
    kinds: Counter[str] = Counter()
    for folder in folders:
        if not folder.is_dir():
            sys.exit(f"{folder} is no folder: --folder takes a folder of files")
        for file in sorted(one for one in folder.rglob("*") if one.is_file()):
            if most is not None and kinds[kind_of(file)] >= most:
                continue
            try:
                words = raw_words(file)
            except Exception as error:  # a file may be damaged in any way; its readers will say so, too
                print(f"Left out: {file.name} has no raw text ({type(error).__name__})", file=sys.stderr)
                continue
            if words:
                found[file] = words
                kinds[kind_of(file)] += 1
    if not found:
        sys.exit(f"no file with text in {', '.join(map(str, folders))}: name a folder of documents with --folder")
    return found


def _measured(name: str, command: list[str], raw: Raw, rounds: int) -> Reading | None:
    """Returns what a tool read, with the most memory that it took; None where its process ends before it is done."""
    with tempfile.TemporaryDirectory() as folder:
        request, answer = Path(folder) / "request.json", Path(folder) / "answer.json"
        request.write_text(json.dumps({"rounds": rounds, "files": list(map(str, raw))}), "utf-8")
        with (Path(folder) / "told").open("w+", encoding="utf-8", errors="replace") as told:
            process = subprocess.Popen([*command, str(request), str(answer)], cwd=ROOT, stdout=told, stderr=told)
            peak = _watched(process, Path(f"{answer}.timed"))
            told.seek(0)
            last = told.read()[-2000:]
        if process.returncode == 0:
            reading: Reading = json.loads(answer.read_text("utf-8"))
            return {**reading, "peak_mb": peak}
    if name == "Freshet":
        sys.exit(f"Freshet's reader ended with {process.returncode}:\n{last}")
    leave_out(f"{name}: its process ended with {process.returncode}")
    return None


def _watched(process: subprocess.Popen[bytes], timed: Path) -> int:
    """Waits for a process to end, and returns the most MB that it and its children took before `timed` was there.

    To look costs the process time, so that it is left alone while its rounds are timed.
    """
    import psutil

    peak, root = 0, psutil.Process(process.pid)
    while process.poll() is None:
        if not timed.exists():
            with suppress(psutil.NoSuchProcess):  # a child that ended meanwhile
                peak = max(peak, sum(map(_share_of_memory, (root, *root.children(recursive=True)))))
        time.sleep(0.05)
    return peak // 1_000_000


def _share_of_memory(process: Any) -> int:
    """Returns the resident bytes of a process; those that it shares with others are divided among them."""
    found = process.memory_full_info()
    return int(getattr(found, "pss", found.rss))


def _found(raw: Raw, reading: Reading, file: Path) -> dict[str, tuple[int, int]]:
    """Returns by part of a file how many words there are, and how many of them were read."""
    read = words_of(reading["texts"].get(str(file), ""), kind_of(file))
    parts = {part: (words.total(), (words & read).total()) for part, words in raw[file].items()}
    every = sum((words for part, words in raw[file].items() if part != _APART), Counter[str]())
    return {**parts, "all": (every.total(), (every & read).total())}


Recalls = dict[tuple[str, str], dict[str, tuple[int, int]]]


def _recalls(raw: Raw, readings: Mapping[str, Reading]) -> Recalls:
    """Returns by (kind, part) and tool how many words there are, and how many were read; "all" is of all kinds, too."""
    sums: defaultdict[tuple[str, str], dict[str, tuple[int, int]]] = defaultdict(dict)
    for name, reading in readings.items():
        for file in raw:
            for part, (words, read) in _found(raw, reading, file).items():
                for kind in (kind_of(file), "all"):
                    before = sums[kind, part].get(name, (0, 0))
                    sums[kind, part][name] = (before[0] + words, before[1] + read)
    return dict(sorted(sums.items(), key=lambda item: (item[0][0] == "all", item[0])))


def _share(counts: tuple[int, int]) -> float:
    return counts[1] / counts[0] if counts[0] else 1.0


def _named(recalls: Recalls) -> dict[str, dict[str, float]]:
    return {" ".join(key): {name: _share(counts) for name, counts in one.items()} for key, one in recalls.items()}


def _print_recalls(raw: Raw, readings: Mapping[str, Reading], recalls: Recalls) -> None:
    rows = []
    for (kind, part), one in recalls.items():
        files = sum(1 for file in raw if kind in (kind_of(file), "all") and (part == "all" or part in raw[file]))
        if kind != "all" or part == "all":
            shares = [f"{_share(one[name]):.4f}" for name in readings]
            rows.append([kind, part, files, one["Freshet"][0], *shares])
    print_table(["kind", "part", "files", "words", *readings], rows, "Recall of words")


def _costs(raw: Raw, readings: Mapping[str, Reading]) -> dict[str, dict[str, Any]]:
    """Prints and returns what each tool failed on, its seconds and its memory."""
    failed = {name: sorted({Path(file).name for file in one["failed"]}) for name, one in readings.items()}
    by_all = [str(file) for file in raw if not any(str(file) in one["failed"] for one in readings.values())]
    costs: dict[str, dict[str, Any]] = {}
    for name, one in readings.items():
        costs[name] = {
            "failed": failed[name],
            "seconds": statistics.median(sum(seconds.values()) for seconds in one["rounds"]),
            "seconds_of_common": statistics.median(sum(seconds[file] for file in by_all) for seconds in one["rounds"]),
            "peak_mb": one["peak_mb"],
        }
    rows = [
        [name, len(cost["failed"]), f"{cost['seconds']:.2f}", f"{cost['seconds_of_common']:.2f}", cost["peak_mb"]]
        for name, cost in costs.items()
    ]
    headings = ["tool", "failed files", "seconds, all files", f"seconds, the {len(by_all)} that all read", "peak MB"]
    print_table(headings, rows, f"Cost of {len(raw)} files")
    for name, files in failed.items():
        print(f"{name} failed on: {', '.join(files)}" if files else f"{name} failed on no file.")
    slowest = sorted(raw, key=lambda file: -max(one["rounds"][-1][str(file)] for one in readings.values()))[:12]
    rows = [
        [file.name, *(1000 * statistics.median(r[str(file)] for r in one["rounds"]) for one in readings.values())]
        for file in slowest
    ]
    print_table(["slowest files, ms", *readings], [[row[0], *(f"{value:.0f}" for value in row[1:])] for row in rows])
    return costs


def _misses(raw: Raw, reading: Reading, most: int) -> dict[str, float]:
    """Prints and returns the files of which Freshet reads too little; with `most`, the words that it misses, too."""
    below = {}
    for file, parts in raw.items():
        share = _share(_found(raw, reading, file)["all"])
        if share < _TARGET:
            below[file.name] = share
            error = reading["failed"].get(str(file))
            print(f"Below {_TARGET}: {file.name}, {share:.4f}{f' ({error})' if error else ''}")
        if most:
            read = words_of(reading["texts"].get(str(file), ""), kind_of(file))
            for part, words in parts.items():
                missed = (words - read).most_common(most)
                if missed:
                    told = ", ".join(f"{word} ({count})" if count > 1 else word for word, count in missed)
                    print(f"  {file.name}, {part}: {told}")
    return below


def _ratios(recalls: Recalls, costs: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Returns Freshet's recalls, and its recall, seconds and memory beside the best peer's."""
    ratios = {
        f"recall: {kind} {part}": _share(one["Freshet"])
        for (kind, part), one in recalls.items()
        if part != _APART and (kind != "all" or part == "all")
    }
    peers = [name for name in costs if name != "Freshet"]
    if peers:
        for (kind, part), one in recalls.items():
            best = max(_share(one[name]) for name in peers)
            if part == "all" and best:
                ratios[f"recall, Freshet / best peer: {kind}"] = _share(one["Freshet"]) / best
        for key, words in (("seconds_of_common", "seconds"), ("peak_mb", "peak memory")):
            least = min(cost[key] for name, cost in costs.items() if name != "Freshet")
            ratios[f"{words}, Freshet / least of the peers"] = costs["Freshet"][key] / least
    return ratios


if __name__ == "__main__":
    main()
