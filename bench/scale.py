"""What grows with the corpus, and what does not.

First the plan of a refresh with nothing to do, over 100,000 documents: listing × ledger, from the ledger's table to the
finished plan. Then the peak memory of a refresh of n and of 10 n documents, each in a process of its own, its parser
processes not counted (they have limits of their own).

    python bench/scale.py [--documents 400]
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from common import made_up_words, measure_apart, prefect_server, print_table, refresh_here, write_project, write_results
from options import parse_sized


def time_empty_plan(folder: Path, planned: int, rounds: int = 5) -> dict[str, Any]:
    """Returns the median seconds of planning over so many unchanged documents, including reading the ledger."""
    import pyarrow as pa

    from freshet.tasks.documents.planning.plan import LEDGER_COLUMNS, describe_listing, document_id, make_plan
    from freshet.tasks.documents.sources.base import LISTING_SCHEMA
    from freshet.tasks.governance.policy import class_id
    from freshet.tasks.settings.project import FolderSource
    from freshet.tasks.store import schemas
    from freshet.tasks.store.tables import Store

    now = datetime.now(UTC)
    paths = [f"area-{i // 1000:03d}/document-{i:06d}.md" for i in range(planned)]
    columns: dict[str, list[Any]] = {
        "path": paths, "uri": paths, "size": [5000] * planned, "modified_at": [now] * planned,
        "hint": [f"5000-{i}" for i in range(planned)], "source_version": [None] * planned,
        "content_hash": [None] * planned,
    }  # fmt: skip
    listing = pa.table(columns, schema=LISTING_SCHEMA)
    source = FolderSource(folder="docs", name="docs", owner="bench", acl=["everyone"])
    described = describe_listing(listing, source, "bench", "docs", lambda name: "parser", "limits")
    access = [class_id("bench", "docs", None)] * planned
    rows = {
        "doc_id": [document_id("bench", "docs", path) for path in paths], "source": ["docs"] * planned,
        "path": paths, "uri": paths, "title": paths, "owner": ["bench"] * planned, "licence": [None] * planned,
        "access": access, "chunks_access": access, "uses": [["retrieval"]] * planned, "seen_hint": columns["hint"],
        "seen_hash": ["h"] * planned, "content_hash": ["h"] * planned, "source_version": [None] * planned,
        "modified_at": [now] * planned, "size": [5000] * planned, "stale_after": [None] * planned,
        "blocked_after": [None] * planned, "verified_at": [now] * planned, "parser": ["parser"] * planned,
        "chunking": ["c"] * planned, "space": ["s"] * planned, "chunks": [5] * planned,
        "chunks_digest": [0] * planned, "table_version": [1] * planned, "verdicts": ["[]"] * planned,
        **dict.fromkeys(("review_by", "valid_until", "duplicate_of"), [None] * planned),
    }  # fmt: skip
    store = Store(str(folder / "plan-store"))
    store.corpus("bench").open(schemas.DOCUMENTS, schemas.documents()).add(pa.table(rows, schema=schemas.documents()))
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        described = describe_listing(listing, source, "bench", "docs", lambda name: "parser", "limits")
        ledger = store.corpus("bench").find(schemas.DOCUMENTS).search().select(LEDGER_COLUMNS).to_arrow()
        plan = make_plan("bench", described, ledger, chunking="c", space="s")
        seconds.append(time.perf_counter() - started)
        assert (plan.unchanged.num_rows, plan.work.num_rows, plan.vanished.num_rows) == (planned, 0, 0)
    median = sorted(seconds)[rounds // 2]
    return {"documents": planned, "seconds": round(median, 3), "documents_per_second": round(planned / median)}


def write_documents(folder: Path, count: int) -> None:
    """Writes Markdown documents of some 2 kB each, all different, out of made-up words."""
    chance = random.Random(count)
    words = made_up_words(chance, 5000)
    folder.mkdir(parents=True)
    for number in range(count):
        paragraphs = (" ".join(chance.choices(words, k=60)).capitalize() + "." for _ in range(4))
        (folder / f"{number:06d}.md").write_text(f"# Document {number}\n\n" + "\n\n".join(paragraphs) + "\n", "utf-8")


def main() -> None:
    """Measures the plan, and the peak memory of a cold refresh of n and of 10 n documents."""
    parser = argparse.ArgumentParser(description="What grows with the corpus, and what does not.")
    parser.add_argument("--documents", type=int, default=300, help="n of the memory measurement; default: %(default)s")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--planned", type=int, default=100_000, help="documents of the plan; default: %(default)s")
    options = parse_sized(parser, {"documents": 40}, {"documents": 3, "planned": 1000})
    if options.measure:
        report = refresh_here(options.measure)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"peak_mb": round(peak), "chunks": report["chunks"], "seconds": report["seconds"]["total"]}))
        return
    with tempfile.TemporaryDirectory(prefix="freshet-bench-") as folder:
        work = Path(folder)
        plan = time_empty_plan(work, options.planned)
        print_table(list(plan), [list(plan.values())], "Planning with nothing changed")
        rows, memory = [], {}
        with prefect_server():
            for count in (options.documents, 10 * options.documents):
                write_documents(work / f"docs-{count}", count)
                config = write_project(work / f"project-{count}", work / f"docs-{count}")
                memory[count] = measure_apart(__file__, str(config))
                rows.append([count, memory[count]["chunks"], memory[count]["peak_mb"], memory[count]["seconds"]])
    ratio = memory[10 * options.documents]["peak_mb"] / memory[options.documents]["peak_mb"]
    print_table(["documents", "chunks", "peak MB", "flow s"], rows, "Peak memory of a cold refresh")
    print(f"\n10 n to n: {ratio:.2f}")
    ratios = {"peak memory of 10 n documents / of n": ratio}
    write_results("scale", options.size, ratios, {"plan": plan, "memory": memory})


if __name__ == "__main__":
    main()
