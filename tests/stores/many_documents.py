"""A corpus of many small made-up documents, put into its tables directly, and what refreshing it takes of memory.

Run it as a program, so that what it measures is a process of its own: `python -m tests.stores.many_documents FOLDER N`.
"""

from __future__ import annotations

import importlib
import json
import random
import sys
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml
from pyarrow import feather

from freshet.tasks.documents import steps
from freshet.tasks.documents.begin import begin_run
from freshet.tasks.documents.duplicates.signatures import Signatures, Text, signature_rows
from freshet.tasks.documents.planning.plan import document_id
from freshet.tasks.documents.sources.of_corpus import sources_by_name
from freshet.tasks.embedding.vectors import Vectors
from freshet.tasks.governance.policy import class_id
from freshet.tasks.governance.quarantine import count_by_code
from freshet.tasks.index import release, write
from freshet.tasks.index import steps as index
from freshet.tasks.index.gate import evaluate, facts, health, probes
from freshet.tasks.index.gate.drawn import draw_questions, unchanged_documents
from freshet.tasks.index.gate.golden import Access
from freshet.tasks.index.reconciliation import reconcile
from freshet.tasks.ledger.access_classes import list_classes, once_published
from freshet.tasks.ledger.releases import list_releases, live_release, published_ledger
from freshet.tasks.lineage.release_contents import record_releases
from freshet.tasks.runs.run import RefreshRun
from freshet.tasks.store import schemas
from freshet.tasks.text.minhash import METHOD
from tests.chunk_words import said_of
from tests.stores.small_store import AS_OF

CHUNKS, LINKS, ANCHORS, CHARACTERS = 4, 6, 30, 900
"""Of each document; a chunk has so many characters."""

AT_ONCE = {
    "documents.corpus_wide.HASHED_DOCUMENTS": 200,
    "documents.duplicates.find.DECIDED_AT_ONCE": 200,
    "documents.links.dead.DOCUMENTS_AT_ONCE": 200,
    "documents.links.dead._READ_AT_ONCE": 100,
    "documents.planning.refresh.HASHED_DOCUMENTS": 200,
    "documents.sources.base._COPY_BYTES": 4096,
    "governance.policy.PATHS_AT_ONCE": 200,
    "index.access.ROWS_AT_ONCE": 200,
    "index.gate.facts.FACT_ROWS": 200,
    "index.gate.drawn._ROWS_AT_ONCE": 200,
    "index.gate.health.SAMPLED_DOCUMENTS": 50,
    "index.gate.probes.CHECKED_PATHS": 50,
}
"""What is looked at at a time is so little that what is held of all documents shows."""


def bytes_of_text_and_vectors(documents: int) -> int:
    """How many bytes the texts and vectors of so many documents are."""
    return documents * CHUNKS * (CHARACTERS + 4 * 384)


def _settings(folder: Path, **changed: Any) -> Path:
    source = {"folder": "docs", "name": "docs", "owner": "me", "acl": ["everyone"], **changed}
    (folder / "freshet.yaml").write_text(
        yaml.safe_dump({"store": "./store", "corpora": {"docs": {"sources": [source]}}})
    )
    return folder / "freshet.yaml"


def _hexadecimal(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _run(folder: Path) -> RefreshRun:
    return begin_run(folder / "freshet.yaml", "docs", AS_OF, "run", "refresh-docs")


def make(folder: Path, count: int) -> None:
    """Writes the documents, and the tables of a corpus that has them all."""
    _settings(folder)
    for number in range(count):
        file = folder / "docs" / f"part-{number % 7}" / f"{number:06}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"document {number}")
    run = _run(folder)
    index.apply_access.fn(run)
    listed = feather.read_table(steps.list_source.fn(run, "docs").file)
    tables, access = run.store.corpus("docs"), class_id("docs", "docs", None)
    chunks = tables.open(schemas.chunks_table(run.model.space), schemas.chunks(run.model.dimension))
    # LanceDB reads up to 1024 rows of a file at a time: files are so small that what is held of all rows shows.
    for start in range(0, count, 50):
        part = listed.slice(start, 50).to_pylist()
        for row in part:
            row["doc_id"] = document_id("docs", "docs", row["path"])
            row["content"] = _hexadecimal(f"document {int(row['path'][-9:-3])}")
        chunks.add(_chunks(part, access, run.model.dimension))
        _add(tables, schemas.DOCUMENTS, schemas.documents(), [_document(run, row, access) for row in part])
        _add(tables, schemas.LINKS, schemas.links(), [_links(row, part) for row in part])
        texts = (Text(row["doc_id"], row["content"], f"{row['parser']}|{METHOD}", _text(row["path"])) for row in part)
        Signatures(tables).write(signature_rows(texts))


def _add(tables: Any, name: str, schema: pa.Schema, rows: list[dict[str, Any]]) -> None:
    tables.open(name, schema).add(pa.Table.from_pylist(rows, schema=schema))


def _text(seed: str) -> str:
    chance = random.Random(seed)
    text = ""
    while len(text) < CHARACTERS:
        text += "".join(chance.choices("abcdefghijkl", k=chance.randint(3, 9))) + " "
    return text[:CHARACTERS]


def _digest(row: dict[str, Any], ordinal: int) -> int:
    return int(row["doc_id"][:8], 16) + ordinal


def _chunks(part: list[dict[str, Any]], access: str, dimension: int) -> pa.Table:
    chance = np.random.default_rng(len(part))
    rows = []
    for row in part:
        for ordinal in range(CHUNKS):
            text, start = _text(f"{row['path']} {ordinal}"), ordinal * CHARACTERS
            vector = chance.normal(size=dimension).astype(np.float32)
            rows.append(
                {
                    "chunk_id": _hexadecimal(f"{row['path']} {ordinal}")[:32], "doc_id": row["doc_id"],
                    "ordinal": ordinal, "text": text, "text_hash": _hexadecimal(text), "start": start,
                    "end": start + CHARACTERS, "headings": [], "kinds": ["NarrativeText"], "tokens": 200,
                    "access": access, "row_digest": _digest(row, ordinal), "vector": vector / np.linalg.norm(vector),
                    **said_of(text),
                }
            )  # fmt: skip
    return pa.Table.from_pylist(rows, schema=schemas.chunks(dimension))


def _document(run: RefreshRun, row: dict[str, Any], access: str) -> dict[str, Any]:
    same = {name: row[name] for name in ("doc_id", "source", "path", "uri", "owner", "modified_at", "size", "parser")}
    return {
        **same, "title": row["path"], "access": access, "chunks_access": access, "uses": row["uses"].split(),
        "seen_hint": row["hint"], "seen_hash": row["content"], "content_hash": row["content"], "verified_at": AS_OF,
        "chunking": run.chunking, "space": run.model.space, "chunks": CHUNKS,
        "chunks_digest": sum(_digest(row, ordinal) for ordinal in range(CHUNKS)), "table_version": 1, "verdicts": "[]",
    }  # fmt: skip


def _links(row: dict[str, Any], part: list[dict[str, Any]]) -> dict[str, Any]:
    """Links to documents that are there, half of them to a heading of those."""
    anchors = [f"a heading of some length that is number {number}" for number in range(ANCHORS)]
    chance = random.Random(row["path"])
    links = [
        {
            "target": f"/docs/{other['path']}#anchor", "start": number, "site": False,
            "key": other["path"].removesuffix(".md"), "alternative": other["path"].removesuffix(".md"),
            "file": other["path"], "fragment": anchors[number] if number % 2 else None,
        }
        for number, other in enumerate(chance.choices(part, k=LINKS))
    ]  # fmt: skip
    external = [f"https://somewhere.example/{row['path']}/{number}" for number in range(3)]
    key = row["path"].removesuffix(".md")
    return {
        "doc_id": row["doc_id"], "source": "docs", "key": key, "aliases": [], "anchors": anchors, "links": links,
        "external": external,
    }  # fmt: skip


def _no_text(texts: Any) -> Vectors:
    raise AssertionError(f"{len(texts)} texts were to be embedded")


_SYSTEM_POOL = pa.system_memory_pool()
_POOLS: list[Any] = []
"""One for each part of the work, kept until the process ends: a buffer is given back to the pool that it came from."""

Step = Callable[[str, Callable[[], Any]], Any]


def refresh(folder: Path, step: Step) -> None:
    """Refreshes the corpus as a full refresh does, without embedding, and publishes it.

    Args:
        step: is given the name of each part of the work, and what does it.
    """
    run = _run(folder)
    releases = list_releases(run.store, "docs")
    live = live_release(releases)
    access = step("access", lambda: index.apply_access.fn(run))
    damage = step("reconcile", lambda: reconcile(run, contents=True))
    assert (damage.damaged, damage.strays) == ([], [])
    listed = step("list", lambda: [steps.list_source.fn(run, name) for name in sources_by_name(run)])
    settled = [], published_ledger(releases), True, 0, None, access.classes
    plan = step("plan", lambda: steps.plan_refresh.fn(run, listed, *settled))
    assert not plan.batches

    def commit(batches: Iterable[Any]) -> int:
        done = 0
        for batch in batches:
            write.write_batch(run, batch.documents, batch.chunks, batch.links, _no_text, [])
            done += 1
        return done

    parts = [*plan.restated_batches]
    step("restated", lambda: commit(steps.restate_batch.fn(run, plan.restated, part, "batch") for part in parts))
    step("restamped", lambda: index.restamp_chunks.fn(run))
    step("duplicates", lambda: commit(steps.hide_duplicates.fn(run)))
    step("links", lambda: commit(steps.note_dead_links.fn(run, listed, False)))
    step("gate", lambda: _pass_gate(run, live))
    step("report", lambda: count_by_code(run.store.corpus("docs")))
    head = release.read_head(run)
    assert head is not None
    release.record_decision(run, head, "published", [])
    step("lineage", lambda: record_releases(run.store, "docs", run="run", now=AS_OF))


def _pass_gate(run: RefreshRun, live: Any) -> None:
    """All of the gate but Great Expectations, which gets the facts in batches, and the exam's own questions."""
    tables = run.store.corpus("docs")
    chunks, ledger = tables.find(schemas.chunks_table(run.model.space)), tables.find(schemas.DOCUMENTS)
    assert chunks is not None
    assert ledger is not None
    classes = once_published(list_classes(run.store, "docs"))
    assert evaluate.examine_head(run) == []
    deque(facts.document_facts(ledger, chunks, classes), maxlen=0)
    deque(facts.chunk_facts(chunks, classes), maxlen=0)
    assert probes.probe_access(chunks, ledger, classes) == []
    assert probes.check_policy(ledger, sources_by_name(run), classes) == []
    same = None
    if live is not None:
        then = tables.at(live.table, live.table_version), tables.at(schemas.DOCUMENTS, live.ledger_version)
        assert health.check_loss(*then, chunks, ledger) == []
        health.written_since(ledger, live.table_version)
        same = unchanged_documents(then[1], ledger)
    assert draw_questions(chunks, ledger, Access(classes), same, 20, AS_OF)


def measure(folder: Path) -> dict[str, Any]:
    """The peaks in bytes: of Python's objects and of Arrow's buffers by part of the work, and of what the system gave.

    The parts are those of a second refresh, since what is imported and cached on the way is no matter of documents.
    """
    for name, value in AT_ONCE.items():
        module, _, constant = f"freshet.tasks.{name}".rpartition(".")
        holder = importlib.import_module(module)
        assert isinstance(getattr(holder, constant), int)
        setattr(holder, constant, value)
    python: dict[str, int] = {}
    arrow: dict[str, int] = {}
    refresh(folder, lambda _, work: work())
    tracemalloc.start()

    def step(name: str, work: Callable[[], Any]) -> Any:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        pool = pa.proxy_memory_pool(_SYSTEM_POOL)
        _POOLS.append(pool)
        pa.set_memory_pool(pool)
        done = work()
        python[name] = tracemalloc.get_traced_memory()[1] - before
        arrow[name] = pool.max_memory()
        return done

    _settings(folder, access=[{"path": "part-[1-6]/**", "acl": ["group:few"]}], owner="somebody else")
    refresh(folder, step)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    resident = int(status["VmHWM"].split()[0]) * 1024
    return {"python": python, "arrow": arrow, "resident": resident}


if __name__ == "__main__":
    target, number_of_documents = Path(sys.argv[1]), int(sys.argv[2])
    if number_of_documents:
        make(target, number_of_documents)
    else:
        sys.stdout.write(json.dumps(measure(target)))
