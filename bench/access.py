"""What it costs to change who may see what, and to ask under many access classes.

A made-up corpus is laid into a store: no source is read, nothing is parsed or embedded. First, over many documents:
until a changed expression and an added rule are in force, beside writing every chunk again, which a list of principals
in each chunk would demand. Then searches by people of few and of many classes, beside the same search by somebody whom
one class lets see everything.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from common import made_up_words, print_table, write_results
from options import parse_sized

NOW = datetime(2026, 11, 29, tzinfo=UTC)
CHUNKS = 2
"""Chunks of each document."""


def lay_settings(folder: Path, acl: Any, access: list[dict[str, Any]]) -> Path:
    """Writes the settings of a corpus whose source is never listed, and returns their file."""
    source = {"folder": "docs", "name": "docs", "owner": "bench", "acl": acl, "access": access}
    file = folder / "freshet.yaml"
    file.write_text(yaml.safe_dump({"store": "./store", "corpora": {"bench": {"sources": [source]}}}))
    return file


def lay_corpus(run: Any, paths: list[str], words: list[str]) -> None:
    """Writes a ledger and chunks of made-up documents, with their indices, and publishes them."""
    import pyarrow as pa

    from freshet.tasks.documents.planning.plan import document_id
    from freshet.tasks.governance.policy import classes_of
    from freshet.tasks.index import indices, release
    from freshet.tasks.index.access import record_settings
    from freshet.tasks.store import schemas

    record_settings(run)
    count, dimension = len(paths), run.model.dimension
    ids = [document_id("bench", "docs", path) for path in paths]
    access = classes_of("bench", paths, run.settings.sources[0])
    digests = [f"{number:064x}" for number in range(count)]
    same = {
        "source": "docs", "owner": "bench", "uses": ["retrieval"], "seen_hint": "h", "size": 1, "modified_at": NOW,
        "verified_at": NOW, "parser": "p", "chunking": "c", "space": run.model.space, "chunks": CHUNKS,
        "chunks_digest": 0, "table_version": 1, "verdicts": "[]",
    }  # fmt: skip
    own = {
        "doc_id": ids, "path": paths, "uri": paths, "title": paths, "access": access, "chunks_access": access,
        "seen_hash": digests, "content_hash": digests,
    }  # fmt: skip
    tables = run.store.corpus("bench")

    def table(schema: Any, columns: dict[str, Any], constants: dict[str, Any], rows: int) -> Any:
        arrays = [
            columns[field.name]
            if isinstance(columns.get(field.name), pa.Array)
            else pa.array(columns.get(field.name, [constants.get(field.name)] * rows), field.type)
            for field in schema
        ]
        return pa.Table.from_arrays(arrays, schema=schema)

    tables.open(schemas.DOCUMENTS, schemas.documents()).add(table(schemas.documents(), own, same, count))
    chance, rng = random.Random(1), np.random.default_rng(1)
    head = tables.open(schemas.chunks_table(run.model.space), schemas.chunks(dimension))
    for start in range(0, count, 10_000):
        which = [number for number in range(start, min(start + 10_000, count)) for _ in range(CHUNKS)]
        vectors = rng.standard_normal((len(which), dimension)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        texts = [" ".join(chance.choices(words, k=30)) for _ in which]
        hashes = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        chunks = {
            "chunk_id": [f"{start * CHUNKS + place:032x}" for place in range(len(which))],
            "doc_id": [ids[number] for number in which], "access": [access[number] for number in which],
            "text": texts, "text_hash": hashes, "embedded_hash": hashes, "words": texts,
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), dimension),
        }  # fmt: skip
        fixed = {
            "ordinal": 0,
            "start": 0,
            "end": 200,
            "headings": [],
            "kinds": ["Text"],
            "tokens": 40,
            "row_digest": 0,
            "context": "",
            "language": "",
        }
        head.add(table(schemas.chunks(dimension), chunks, fixed, len(which)))
    indices.maintain_indices(run)
    publish(run)
    assert release.read_head(run) is not None


def publish(run: Any) -> None:
    """Publishes the head as it is."""
    from freshet.tasks.index import release

    head = release.read_head(run)
    assert head is not None
    release.record_decision(run, head, "published", [])


def begin(file: Path) -> Any:
    """Begins a run with the settings as they are now."""
    from freshet.tasks.documents.begin import begin_run

    return begin_run(file, "bench", NOW, "run", "refresh-bench")


def seconds(of: Any, *given: Any) -> tuple[float, Any]:
    """Returns how long a call took, and what it returned."""
    began = time.perf_counter()
    found = of(*given)
    return time.perf_counter() - began, found


def measure_changes(folder: Path, documents: int) -> list[list[Any]]:
    """Returns rows of: what changed, seconds until it is in force, chunks written, seconds until those are written."""
    from freshet.tasks.index.access import apply_access, restamp_chunks
    from freshet.tasks.store import schemas

    paths = [f"area-{number % 100:02d}/document-{number:06d}.md" for number in range(documents)]
    file = lay_settings(folder, ["group:staff"], [])
    lay_corpus(begin(file), paths, made_up_words(random.Random(1), 3000))
    rows = []
    for what, acl, access in (
        ("nothing", ["group:staff"], []),
        ("the expression of all", {"all": [["group:staff"], ["group:site"]], "none": ["user:eve"]}, []),
        ("a rule added, for 1 in 100", ["group:staff"], [{"path": "area-07/**", "acl": ["group:legal"]}]),
        ("a rule added, for half", ["group:staff"], [{"path": "area-[0-4]?/**", "acl": ["group:press"]}]),
    ):
        run = begin(lay_settings(folder, acl, access))
        in_force, _ = seconds(apply_access, run)
        followed, written = seconds(restamp_chunks, run)
        rows.append([what, round(in_force, 4), written, round(followed, 3)])
        publish(run)
    head = run.store.corpus("bench").find(schemas.chunks_table(run.model.space))
    every, _ = seconds(lambda: head.update(where="true", values={"access": "other"}))
    rows.append(["(every chunk written again)", "", documents * CHUNKS, round(every, 2)])
    return rows


def measure_searches(folder: Path, documents: int, classes: int) -> list[list[Any]]:
    """Returns rows of: classes that let whoever asks in, and the milliseconds of a search in each mode."""
    from freshet.tasks.governance.expressions import Asker
    from freshet.tasks.search.retrieve import search

    chance, words = random.Random(2), made_up_words(random.Random(2), 3000)
    rules = [{"path": f"area-{number:04d}/**", "acl": [f"group:g{number}", "group:all"]} for number in range(classes)]
    file = lay_settings(folder, ["group:none"], rules)
    paths = [f"area-{number % classes:04d}/document-{number:06d}.md" for number in range(documents)]
    run = begin(file)
    lay_corpus(run, paths, words)
    rng = np.random.default_rng(2)
    questions = [
        (" ".join(chance.choices(words, k=5)), rng.standard_normal(run.model.dimension).astype(np.float32))
        for _ in range(11)
    ]
    rows = []
    for groups in (1, classes // 100, classes // 10, classes):
        names = ["group:all"] if groups == classes else [f"group:g{number}" for number in range(groups)]
        asker = Asker(frozenset({"everyone", *names}))
        row: list[Any] = [groups]
        for mode in ("text", "vector", "hybrid"):
            took = [
                seconds(
                    lambda q=question, v=vector, m=mode, a=asker: search(
                        run.store, "bench", q, asker=a, mode=m, limit=5, now=NOW,
                        embed_query=lambda *_: v / np.linalg.norm(v),
                    )
                )[0]
                for question, vector in questions
            ]  # fmt: skip
            row.append(round(1000 * statistics.median(took), 1))
        rows.append(row)
    return rows


def main() -> None:
    """Measures changes of access, and searches under many classes."""
    parser = argparse.ArgumentParser(description="What access classes cost.")
    parser.add_argument("--documents", type=int, default=100_000, help="documents; default: %(default)s")
    parser.add_argument("--classes", type=int, default=2000, help="access classes; default: %(default)s")
    options = parse_sized(parser, {"documents": 20_000, "classes": 500}, {"documents": 400, "classes": 100})
    with tempfile.TemporaryDirectory(prefix="freshet-bench-") as name:
        for part in ("changes", "searches"):
            (Path(name) / part).mkdir()
        changes = measure_changes(Path(name) / "changes", options.documents)
        head = ["what changed", "s until in force", "chunks written", "s until written"]
        print_table(head, changes, f"Access of {options.documents:,} documents of {CHUNKS} chunks each")
        searches = measure_searches(Path(name) / "searches", options.documents, options.classes)
        columns = ["classes that let in", "text, ms", "vector, ms", "hybrid, ms"]
        print_table(
            columns, searches, f"Searches of {options.documents * CHUNKS:,} chunks in {options.classes:,} classes"
        )
    every, few, half = changes[-1][3], changes[2], changes[3]
    ratios = {
        "every chunk written again / a changed expression in force": every / changes[1][1],
        "every chunk written again / the chunks of a rule for 1 in 100 written": every / few[3],
        "every chunk written again / the chunks of a rule for half written": every / half[3],
        "hybrid search by 1 in 10 classes / by all": searches[2][3] / searches[3][3],
    }
    results = {"changes": changes, "searches": searches, "documents": options.documents}
    write_results("access", options.size, ratios, results)


if __name__ == "__main__":
    main()
