"""Pages of PDF text a second, beside unstructured's fast strategy; and Markdown documents a second.

    .venv/bin/python bench/parsing.py [--peer-python .venv-peers/unstructured/bin/python] [--rounds 5]

Two sets of PDFs, since the difference depends on the page: the example documents (short prose, where loading a file's
fonts is most of our time), and generated pages of figures in columns as financial filings have them, where the peer's
layout analysis is most of its time.

Both sides read the same files, one after the other in one process each, in the same run. Left out on both sides:
starting the interpreter, importing, and a first pass over all files. Where the peer's environment is not there, its
row is left out, and the script says so; bench/README.md says how it is made.
"""

from __future__ import annotations

import argparse
import random
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

from common import ROOT, data_folder, print_table, run_json, write_results
from options import add_peer, parse_sized, peer_at

_PEER_SCRIPT = ROOT / "bench" / "peers" / "unstructured" / "pages.py"
_FILING_PAGES, _FILING_ROWS, _FILING_COLUMNS = 4, 45, 4
_FILING_WORDS = ("revenue", "cost of sales", "gross profit", "research", "interest", "net income", "cash", "goodwill")
_NOT_TEXT = {"password.pdf", "loremipsum-flat.pdf"}  # locked, and scanned


def main() -> None:
    """Compares both sets of PDFs, and measures Markdown."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add_peer(arguments, "unstructured")
    arguments.add_argument("--rounds", type=int, default=5, help="passes over all files; the fastest counts")
    chosen = parse_sized(arguments, {"rounds": 2}, {"rounds": 1, "peer_python": None})
    peer = peer_at(chosen.peer_python)
    data = data_folder()
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        examples = sorted(file for file in (data / "documents").glob("*.pdf") if file.name not in _NOT_TEXT)
        results["example documents"] = _compare("example documents", examples, peer, chosen.rounds)
        filing = [_filing(Path(folder) / "filing.pdf")]
        results["pages of figures"] = _compare("pages of figures", filing, peer, chosen.rounds)
    results["markdown"] = _markdown(data, chosen.rounds)
    ratios = {
        "Markdown: pool of 2 / the parser alone": results["markdown"]["pool of 2"] / results["markdown"]["parser"]
    }
    for title in ("example documents", "pages of figures"):
        if peer is not None:
            ratios[f"pages a second: Freshet / unstructured fast, {title}"] = results[title]["ratio"]
    write_results("parsing", chosen.size, ratios, results)


def _compare(title: str, files: list[Path], peer: Path | None, rounds: int) -> dict[str, Any]:
    pages = _pages(files)
    sides = {"freshet": _our_pdf(files, rounds)}
    if peer is not None:
        sides["unstructured fast"] = _peer_pdf(peer, files, rounds)
    summary: dict[str, Any] = {name: _summary(side, sum(pages.values())) for name, side in sides.items()}
    _print(title, summary, sides, pages)
    if peer is not None:
        rates = [summary[name]["pages_per_second"] for name in ("freshet", "unstructured fast")]
        summary["ratio"] = rates[0] / rates[1]
        print(f"\n{title}: {summary['ratio']:.0f} times the pages a second.")
    return {"pages": pages, **summary}


def _filing(path: Path) -> Path:
    """Writes a PDF like a filing's statements: figures in columns, each placed on its own. Its bytes never change."""
    import ctypes

    import pypdfium2
    from pypdfium2 import raw

    chosen = random.Random(1)
    pdf = pypdfium2.PdfDocument.new()

    def put(page: Any, x: float, y: float, text: str) -> None:
        units = (text + "\0").encode("utf-16-le")
        words = (ctypes.c_ushort * (len(units) // 2)).from_buffer_copy(units)
        placed = raw.FPDFPageObj_NewTextObj(pdf.raw, b"Helvetica", 8)
        raw.FPDFText_SetText(placed, words)
        raw.FPDFPageObj_Transform(placed, 1, 0, 0, 1, x, y)
        raw.FPDFPage_InsertObject(page.raw, placed)

    for _ in range(_FILING_PAGES):
        page = pdf.new_page(612, 792)
        for row in range(_FILING_ROWS):
            put(page, 50, 730 - 12 * row, " ".join(chosen.choices(_FILING_WORDS, k=3)))
            for column in range(_FILING_COLUMNS):
                put(page, 250 + 80 * column, 730 - 12 * row, f"{chosen.randint(-9999, 99999):,}")
        page.gen_content()
        page.close()
    pdf.save(path)
    return path


def _pages(files: list[Path]) -> dict[str, int]:
    import pypdfium2

    counts = {}
    for file in files:
        with pypdfium2.PdfDocument(file) as pdf:
            counts[file.name] = len(pdf)
    return counts


def _our_pdf(files: list[Path], rounds: int) -> dict[str, Any]:
    """Times our parser in a process of its own, which has imported nothing else."""
    code = (
        "import json, sys, time\n"
        "from freshet.tasks.documents.parse.pdf.pages import parse_pdf\n"
        "times, characters = [], {}\n"
        "for number in range(int(sys.argv[1]) + 1):\n"
        "    seconds = {}\n"
        "    for file in sys.argv[2:]:\n"
        "        began = time.perf_counter()\n"
        "        document = parse_pdf(file, lambda: None)\n"
        "        seconds[file] = time.perf_counter() - began\n"
        "        characters[file] = len(document.text)\n"
        "    if number:\n"
        "        times.append(seconds)\n"
        "print(json.dumps({'rounds': times, 'characters': characters}))\n"
    )
    return run_json([sys.executable, "-c", code, str(rounds), *map(str, files)])


def _peer_pdf(python: Path, files: list[Path], rounds: int) -> dict[str, Any]:
    return run_json([str(python), str(_PEER_SCRIPT), str(max(1, rounds // 2)), *map(str, files)])


def _summary(measured: dict[str, Any], pages: int) -> dict[str, float]:
    seconds = min(sum(one.values()) for one in measured["rounds"])
    return {
        "pages_per_second": pages / seconds,
        "seconds": seconds,
        "characters": sum(measured["characters"].values()),
        "rounds": len(measured["rounds"]),
    }


def _markdown(data: Path, rounds: int) -> dict[str, Any]:
    """Returns the speeds of parsing the handbook: through the pool, as a refresh does it, and by the parser alone."""
    from freshet.tasks.documents.parse.markdown import parse_markdown
    from freshet.tasks.documents.parse.pool import ParseFile, ParserPool
    from freshet.tasks.documents.parse.refusal import Refused
    from freshet.tasks.settings.project import Parsing

    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(data / "handbook" / "before.tar.gz") as archive:
            archive.extractall(folder, filter="data")
        paths = sorted(Path(folder).rglob("*.md"))
        found: dict[str, Any] = {"documents": len(paths), "bytes": sum(path.stat().st_size for path in paths)}

        def alone() -> None:
            for path in paths:
                try:
                    parse_markdown(str(path))
                except Refused:  # front matter and nothing else: a page that redirects
                    continue

        alone()
        found["parser"] = len(paths) / _fastest(alone, rounds)
        files = [ParseFile(str(path), path.name) for path in paths]
        for workers in (1, 2):
            with ParserPool(Parsing(workers=workers)) as pool:
                began = time.perf_counter()
                list(pool.parse_many(files))
                cold = time.perf_counter() - began
                again = _fastest(lambda pool=pool: list(pool.parse_many(files)), rounds)
                found[f"pool of {workers}"] = len(paths) / again
                found[f"pool of {workers}, with its start"] = len(paths) / cold
    rows = [[name, speed] for name, speed in found.items() if name not in ("documents", "bytes")]
    print_table(["way", "documents/s"], rows, f"{found['documents']} Markdown files, {found['bytes']:,} bytes")
    return found


def _fastest(work: Any, rounds: int) -> float:
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def _print(title: str, summary: dict[str, Any], sides: dict[str, dict[str, Any]], pages: dict[str, int]) -> None:
    best = {name: min(side["rounds"], key=lambda one: sum(one.values())) for name, side in sides.items()}
    by_name = {name: {Path(file).name: seconds for file, seconds in one.items()} for name, one in best.items()}
    rows = [[file, count, *(1000 * by_name[name][file] / count for name in sides)] for file, count in pages.items()]
    print_table(["PDF", "pages", *(f"{name}, ms a page" for name in sides)], rows, f"PDF text, {title}")
    rows = [[name, summary[name]["pages_per_second"], summary[name]["characters"]] for name in sides]
    print_table(["all of them", "pages/s", "characters"], rows)


if __name__ == "__main__":
    main()
