"""The service under load: many callers ask while refreshes publish releases and a permission is narrowed.

Callers of two kinds search and ask over HTTP, of a corpus in which twelve notices state the edition that is in force.
Each refresh changes all of them, so that a hit says which release it is of. One refresh also keeps a folder from one
kind of callers. The script fails where a request fails, where an answer is of two releases, and where a request that
began after the narrowing was committed shows them anything of that folder.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common import ROOT, data_folder, keep_first, prefect_server, print_table, write_results
from options import parse_sized
from service_load import KINDS, NOTICE, NOTICES, PRIVATE, QUESTIONS, Narrowing, Seen, load


class Bench:
    """A project, its service, and what is done to it."""

    def __init__(self, folder: Path, clients: int) -> None:
        """Writes the first state of the project; nothing is started."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.folder, self.address, self.edition = folder, f"http://127.0.0.1:{port}", 0
        self.clients, self.port, self.is_narrow = clients, port, False
        os.environ |= {
            "PYTHONPATH": str(ROOT),
            "FRESHET_TOKENS_FILE": str(folder / "tokens"),
            "FRESHET_KEY_FILE": str(folder / "key"),
        }
        for n in range(NOTICES):
            self._write("private", n, PRIVATE.format(n=n))
        self.change()

    def _write(self, name: str, number: int, text: str) -> None:
        file = self.folder / "docs" / name / f"{number:02d}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")

    def change(self, *, narrow: bool = False) -> None:
        """Puts the next edition in force, and keeps the private folder to the staff from now on where asked."""
        self.edition, self.is_narrow = self.edition + 1, self.is_narrow or narrow
        for n in range(NOTICES):
            self._write("notices", n, NOTICE.format(n=n, edition=self.edition))
        rule = {"path": "private/**", "acl": ["group:staff" if self.is_narrow else "everyone"]}
        source = {"folder": "docs", "name": "docs", "owner": "bench", "acl": ["everyone"], "access": [rule]}
        most = {"requests_per_minute": 1_000_000, "concurrent": 1000, "answers": self.clients}
        settings = {
            "store": "./store",
            "corpora": {"bench": {"sources": [source]}},
            "service": {"port": self.port, "limits": most},
        }
        # What is read meanwhile is the one or the other.
        new = self.folder / "freshet.yaml.new"
        new.write_text(json.dumps(settings), "utf-8")
        new.replace(self.folder / "freshet.yaml")

    def freshet(self, *words: str) -> Any:
        """What a command prints as JSON."""
        command = [sys.executable, "-m", "freshet.deploy.cli", *words, "--config", "freshet.yaml", "--json"]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"freshet {' '.join(words)} failed:\n{done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def refresh(self) -> int:
        """Refreshes the corpus, and returns the number of the release."""
        report = self.freshet("refresh", "bench")
        assert report["outcome"] == "released", report
        return int(report["release"])

    @contextmanager
    def serving(self) -> Iterator[int]:
        """Runs the service for the block, and gives the number of its process."""
        import httpx

        command = [sys.executable, "-m", "freshet.deploy.cli", "serve", "--config", "freshet.yaml"]
        with (self.folder / "service.log").open("w") as log:
            service = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)
            try:
                while not _answers(httpx, f"{self.address}/readyz"):
                    if service.poll() is not None:
                        sys.exit(f"the service ended at once:\n{(self.folder / 'service.log').read_text()}")
                    time.sleep(0.1)
                yield service.pid
            finally:
                service.terminate()
                service.wait(60)


def _answers(httpx: Any, address: str) -> bool:
    try:
        return bool(httpx.get(address, timeout=5).is_success)
    except httpx.TransportError:
        return False


def memory_of(pid: int) -> int:
    """The resident memory of a process and all that it started, in MB."""
    import psutil

    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return round(sum(one.memory_info().rss for one in family) / 1e6)


def idle_ratio(bench: Bench, token: str, commands: int) -> dict[str, float]:
    """Median seconds of `freshet search` as a whole command, and of a search in the warm service with nobody else."""
    import httpx

    words = ["search", QUESTIONS[0], "--corpus", "bench"]
    taken: dict[str, list[float]] = {"freshet search": [], "search in the service": []}
    with httpx.Client(base_url=bench.address, headers={"Authorization": f"Bearer {token}"}, timeout=60) as http:
        for _ in range(commands):
            began = time.perf_counter()
            bench.freshet(*words)
            taken["freshet search"].append(time.perf_counter() - began)
            for _ in range(20):
                began = time.perf_counter()
                http.post("/v1/search", json={"question": QUESTIONS[0]}).raise_for_status()
                taken["search in the service"].append(time.perf_counter() - began)
    return {name: round(statistics.median(one), 4) for name, one in taken.items()}


async def measure(bench: Bench, tokens: dict[str, str], pid: int, options: argparse.Namespace) -> dict[str, Any]:
    """Puts the load on, and meanwhile publishes three releases, the second of which narrows the permission."""
    ended, releases, memory = asyncio.Event(), {1: 1}, [memory_of(pid)]
    loading = asyncio.create_task(load(bench.address, options.clients, tokens, options.pause, ended))
    narrowing = Narrowing(bench.folder / "store")
    began = time.monotonic()
    part = options.seconds / 4
    for number in range(3):
        await asyncio.sleep(max(0.0, began + (number + 0.5) * part - time.monotonic()))
        memory.append(memory_of(pid))
        if number == 1:
            narrowing.start()
        bench.change(narrow=number == 1)
        releases[await asyncio.to_thread(bench.refresh)] = bench.edition
    await asyncio.sleep(max(0.0, began + options.seconds - time.monotonic()))
    memory.append(memory_of(pid))
    ended.set()
    seen = await loading
    narrowing.ended.set()
    narrowing.join()
    return judged(seen, narrowing.moment, releases, memory, time.monotonic() - began)


def judged(
    seen: Seen, narrowed: float | None, releases: dict[int, int], memory: list[int], seconds: float
) -> dict[str, Any]:
    """The figures of a load; ends the program where something was not as it is promised."""
    wrong = list(seen.wrong)
    for release, editions in seen.editions.items():
        if set(editions) != {releases.get(release)}:
            wrong.append(f"release {release} showed editions {dict(editions)}, and has {releases.get(release)}")
    if narrowed is None:
        wrong.append("the permission was never narrowed")
    elif late := [began for began in seen.shown if began > narrowed]:
        wrong.append(f"{len(late)} requests that began after the narrowing showed what it hides")
    if not seen.shown or len(seen.editions) < len(releases):
        wrong.append(f"nothing was put to the test: releases {sorted(seen.editions)} seen, the folder {seen.shown[:1]}")
    if wrong:
        sys.exit("\n".join([f"{len(wrong)} wrong:", *wrong[:20]]))
    figures: dict[str, Any] = {"requests a second": round(sum(map(len, seen.seconds.values())) / seconds, 1)}
    for what, taken in seen.seconds.items():
        cuts = statistics.quantiles(taken, n=20)
        figures |= {f"{what}, p50": round(statistics.median(taken), 3), f"{what}, p95": round(cuts[18], 3)}
        figures[f"{what}, requests"] = len(taken)
    return {**figures, "memory, MB": memory}


def main() -> None:
    """Measures the service alone, then under load."""
    parser = argparse.ArgumentParser(description="The service under load, while releases are published.")
    parser.add_argument("--clients", type=int, default=50, help="callers at once; default: %(default)s")
    parser.add_argument("--seconds", type=float, default=300.0, help="how long; default: %(default)s")
    parser.add_argument("--pause", type=float, default=2.0, help="seconds between two requests of a caller, on average")
    parser.add_argument("--documents", type=int, default=None, help="of the public handbook; default: all")
    parser.add_argument("--commands", type=int, default=5, help="runs of `freshet search`; default: %(default)s")
    quick = {"clients": 20, "seconds": 120.0, "documents": 100, "commands": 3}
    options = parse_sized(parser, quick, {"clients": 4, "seconds": 8.0, "pause": 0.3, "commands": 1})
    with prefect_server(), tempfile.TemporaryDirectory(prefix="freshet-bench-") as made:
        bench = Bench(Path(made), options.clients)
        handbook = bench.folder / "docs" / "handbook"
        if options.size == "smallest":
            shutil.copytree(ROOT / "examples" / "handbook", handbook)
        else:
            shutil.unpack_archive(data_folder() / "handbook" / "before.tar.gz", handbook, filter="data")
            keep_first(handbook, options.documents)
        assert bench.refresh() == 1
        tokens = {kind: bench.freshet("token", "create", *_as(names))["token"] for kind, names in KINDS.items()}
        with bench.serving() as pid:
            alone = idle_ratio(bench, tokens["staff"], options.commands)
            found = asyncio.run(measure(bench, tokens, pid, options))
    print_table(["", "seconds"], list(alone.items()), "One search, nobody else asking")
    print_table(["", ""], [[k, v] for k, v in found.items()], f"{options.clients} callers, {options.seconds:.0f} s")
    ratios = {
        "freshet search / search in the service": alone["freshet search"] / alone["search in the service"],
        "memory at the end / after a quarter": found["memory, MB"][-1] / found["memory, MB"][2],
        "ask p50 / search p50": found["ask, p50"] / found["search, p50"],
    }
    write_results("service", options.size, ratios, {"alone": alone, "under load": found})


def _as(names: list[str]) -> list[str]:
    return [word for name in names for word in ("--as", name)]


if __name__ == "__main__":
    main()
