"""What the benchmarks share: test data, made-up texts, measuring in other processes, tables and results."""

from __future__ import annotations

import json
import os
import platform
import random
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from options import LEFT_OUT

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
_PACKAGES = ("freshet", "prefect", "lancedb", "pylance", "unstructured", "sentence-transformers", "torch", "pyarrow")

sys.path.insert(0, str(ROOT))  # so that `python bench/NAME.py` measures this checkout


def keep_first(folder: Path, count: int | None, before_all: str = "") -> None:
    """Deletes all files of a folder but the first of them by path; `before_all` is a folder that comes first."""
    files = sorted(
        (file for file in folder.rglob("*") if file.is_file()),
        key=lambda file: (not file.is_relative_to(folder / before_all), file),
    )
    for file in files[count:] if count is not None else []:
        file.unlink()


def data_folder() -> Path:
    """Returns the folder of public test data; ends the program with a plain message where there is none."""
    folder = Path(os.environ.get("FRESHET_TEST_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        sys.exit(f"{folder} does not exist: set FRESHET_TEST_DATA to the folder of test data (bench/README.md)")
    return folder


def xquad() -> tuple[list[str], dict[str, int]]:
    """Returns XQuAD's passages, and each distinct question with the number of the passage that answers it."""
    content = json.loads((data_folder() / "xquad" / "xquad.en.json").read_text("utf-8"))
    paragraphs = [paragraph for article in content["data"] for paragraph in article["paragraphs"]]
    questions: dict[str, int] = {}
    for number, paragraph in enumerate(paragraphs):
        for entry in paragraph["qas"]:
            questions.setdefault(entry["question"].strip(), number)
    return [paragraph["context"] for paragraph in paragraphs], questions


def made_up_words(chance: random.Random, count: int) -> list[str]:
    """Returns made-up words of two to nine letters, out of which the benchmarks write their texts."""
    return ["".join(chance.choices("abcdefghijklmnoprstuvw", k=chance.randint(2, 9))) for _ in range(count)]


def make_alike(wanted: Path, folder: Path) -> None:
    """Makes a folder hold the files of another one; files that are equal already are not touched."""
    new = {path.relative_to(wanted): path.read_bytes() for path in wanted.rglob("*") if path.is_file()}
    for old in [path for path in folder.rglob("*") if path.is_file() and path.relative_to(folder) not in new]:
        old.unlink()
    for path, content in new.items():
        file = folder / path
        if not file.is_file() or file.read_bytes() != content:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)


def run_json(command: Sequence[str]) -> dict[str, Any]:
    """Runs a command in the root of the checkout, and returns the JSON on the last line of its output.

    Raises:
        subprocess.CalledProcessError: the command failed; what it wrote to standard error is on the terminal.
    """
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=ROOT, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure_apart(script: str, *arguments: str) -> dict[str, Any]:
    """Runs `SCRIPT --measure ARGUMENTS` in a process of its own, and returns the JSON on the last line of its output.

    Args:
        script: the file of the benchmark, which is `__file__` there.
    """
    return run_json([sys.executable, script, "--measure", *arguments])


def machine() -> dict[str, Any]:
    """Returns a description of the machine and of the libraries that the numbers were measured with."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cpu": _cpu_name(),
        "cores": cores,
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "load_average": [round(value, 2) for value in os.getloadavg()],
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
    }


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def print_table(headings: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> None:
    """Prints a Markdown table that can be read on a terminal as well."""
    from freshet.tasks.render.markdown import table

    print(f"\n{title}\n" if title else "")
    print(table(headings, rows, padded=True))


def write_results(name: str, size: str, ratios: dict[str, float], results: dict[str, Any]) -> None:
    """Prints the ratios as JSON on the last line; in full size, writes all to bench/results/<name>.json before.

    Args:
        name: the name of the script, without its ending.
        size: full, quick or smallest.
        ratios: by name, what can be compared with another run: shares, and times and sizes beside others of this run.
        results: all other figures.
    """
    last = {"ratios": {key: float(f"{ratio:.4g}") for key, ratio in ratios.items()}, "left_out": LEFT_OUT}
    if size == "full":
        RESULTS.mkdir(parents=True, exist_ok=True)
        file = RESULTS / f"{name}.json"
        measured_at = datetime.now(UTC).isoformat(timespec="seconds")
        content = {"measured_at": measured_at, "machine": machine(), **last, **results}
        file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")
        print(f"\nWritten to {file.relative_to(ROOT)}")
    print(json.dumps(last, ensure_ascii=False))


def peak_mb() -> int:
    """Returns the highest resident memory of this process in MB.

    The system's own record (VmHWM) is read, since getrusage includes the process that this one was forked from.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return (
            int(next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM"))) // 1024
        )
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def own_mb() -> int | None:
    """Returns the memory of this process, in MB, that no file stands behind; None where the system does not say.

    The rest of the resident memory are pages of files: of libraries, and of files that are mapped. The system takes
    them back when it needs the room, so they are counted apart.
    """
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("RssAnon")), None)


@contextmanager
def peak_own_mb() -> Iterator[Callable[[], int | None]]:
    """Yields a function that returns the highest `own_mb` since the block was entered.

    The system keeps no such record, so the memory is read 50 times a second.
    """
    seen, over = [own_mb()], threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            seen[0] = max(filter(None, (seen[0], own_mb())), default=None)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield lambda: seen[0]
    finally:
        over.set()
        watcher.join()


@contextmanager
def prefect_server() -> Iterator[None]:
    """Runs a Prefect server for the block, so that no measured process has to start a temporary one.

    Where FRESHET_BENCH_API names the API of a server, as in the tests, that one is used.
    """
    if running := os.environ.get("FRESHET_BENCH_API"):
        os.environ["PREFECT_API_URL"] = running
        yield
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="freshet-bench-prefect-") as home:
        api = f"http://127.0.0.1:{port}/api"
        os.environ |= {
            "PREFECT_HOME": home,
            "PREFECT_API_URL": api,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_LOGGING_LEVEL": "ERROR",
        }
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(600):
                with suppress(OSError), urllib.request.urlopen(f"{api}/health", timeout=2):
                    break
                if server.poll() is not None:
                    sys.exit("the Prefect server ended at once")
                time.sleep(0.2)
            yield
        finally:
            server.terminate()
            server.wait(30)


def write_project(folder: Path, source: Path, **corpus: Any) -> Path:
    """Writes a freshet.yaml with one corpus, `bench`, over the documents in a folder, and returns the file.

    Args:
        folder: the folder of the project.
        source: the folder of the documents.
        corpus: further settings: `chunking` goes to the corpus, `embedding` to the top, and all others to the source.
    """
    settings: dict[str, Any] = {"store": "./store"}
    if "embedding" in corpus:
        settings["embedding"] = corpus.pop("embedding")
    chunking = {"chunking": corpus.pop("chunking")} if "chunking" in corpus else {}
    described = {"folder": str(source), "name": "bench", "owner": "bench", "acl": ["everyone"], **corpus}
    settings["corpora"] = {"bench": {"sources": [described], **chunking}}
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "freshet.yaml"
    file.write_text(json.dumps(settings, indent=2), "utf-8")  # JSON is YAML
    return file


def refresh_here(config: Path, full: bool = False) -> dict[str, Any]:
    """Refreshes the corpus `bench` in this process, and returns the report."""
    from freshet.flows.command.by_hand import run_refresh

    return run_refresh("bench", config=config, full=full, as_of=None, allow_withdrawals=10**9, wait=0.0)
