"""CocoIndex over a folder of Markdown, the way its own LanceDB example does it: the peer of bench/refresh.py.

Files → RecursiveSplitter (Markdown; by default the example's 2,000 bytes with 500 of overlap) →
SentenceTransformerEmbedder → a LanceDB table.
One call is one catch-up update in one process; state is kept beside the table, so the next call is incremental.
It runs in an environment of its own (see bench/peers/setup.sh) and imports nothing of Freshet.

    python app.py --source FOLDER --db FOLDER --model FOLDER
        → {"seconds": {"total", "update"}, "rows", "texts_embedded"}; total counts from the start of the process
    python app.py --source FOLDER --db FOLDER --model FOLDER --query-file questions.json --out run.json
        → the same, and run.json: {question id: {file: score}}, ten files a question, a file's score being that of its
          best passage. questions.json is {question id: question}.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

# The engine reports its use over the network while it is imported, unless told not to.
os.environ.setdefault("COCOINDEX_DISABLE_USAGE_TRACKING", "1")

import cocoindex as coco
import psutil
from cocoindex.connectors import lancedb, localfs
from cocoindex.ops.sentence_transformers import SentenceTransformerEmbedder
from cocoindex.ops.text import RecursiveSplitter
from cocoindex.resources.chunk import Chunk
from cocoindex.resources.file import FileLike, PatternFilePathMatcher
from cocoindex.resources.id import IdGenerator
from numpy.typing import NDArray

TABLE = "doc_embeddings"
CHUNK_BYTES, OVERLAP_BYTES = 2000, 500  # the example's; a model with 256 tokens reads about the first 1,000 bytes
PASSAGES, FILES = 200, 10  # passages fetched for a question, so that ten different files are among them

DATABASE = coco.ContextKey[lancedb.LanceAsyncConnection]("bench_lancedb")
EMBEDDER = coco.ContextKey[SentenceTransformerEmbedder]("bench_embedder", detect_change=True)
SPLITTER = RecursiveSplitter()


class CountingEmbedder(SentenceTransformerEmbedder):
    """CocoIndex's embedder, counting the texts that reach the model."""

    texts = 0

    def _get_model(self) -> Any:
        first = self._model is None
        model = super()._get_model()
        if first:
            encode = model.encode

            def counted(texts: list[str], **options: Any) -> Any:
                CountingEmbedder.texts += len(texts)
                return encode(texts, **options)

            model.encode = counted
        return model


@dataclass
class Passage:
    """A row of the table."""

    id: int
    filename: str
    chunk_start: int
    chunk_end: int
    text: str
    embedding: Annotated[NDArray, EMBEDDER]


@coco.fn
async def process_chunk(chunk: Chunk, filename: Path, ids: IdGenerator, table: lancedb.TableTarget[Passage]) -> None:
    """Declares the row of one passage, with its vector."""
    table.declare_row(
        row=Passage(
            id=await ids.next_id(chunk.text),
            filename=str(filename),
            chunk_start=chunk.start.char_offset,
            chunk_end=chunk.end.char_offset,
            text=chunk.text,
            embedding=await coco.use_context(EMBEDDER).embed(chunk.text),
        )
    )


@coco.fn(memo=True)
async def process_file(file: FileLike, table: lancedb.TableTarget[Passage], size: int, overlap: int) -> None:
    """Splits a file into passages of `size` bytes and processes them."""
    text = await file.read_text()
    chunks = SPLITTER.split(text, chunk_size=size, chunk_overlap=overlap, language="markdown")
    await coco.map(process_chunk, chunks, file.file_path.path, IdGenerator(), table)


@coco.fn
async def index(source: Path, size: int, overlap: int) -> None:
    """Processes every Markdown file of a folder."""
    schema = await lancedb.TableSchema.from_class(Passage, primary_key=["id"])
    table = await lancedb.mount_table_target(DATABASE, table_name=TABLE, table_schema=schema)
    matcher = PatternFilePathMatcher(included_patterns=["**/*.md"])
    files = localfs.walk_dir(source, recursive=True, path_matcher=matcher)
    await coco.mount_each(process_file, files.items(), table, size, overlap)


def update(source: Path, db: Path, model: Path, size: int, overlap: int) -> float:
    """One catch-up update of the table at `db`, with chunks of `size` bytes; its duration in seconds."""

    @coco.lifespan
    async def _lifespan(builder: coco.EnvironmentBuilder) -> AsyncIterator[None]:
        builder.settings.db_path = db / "cocoindex.db"
        builder.provide(DATABASE, await lancedb.connect_async(str(db / "lancedb")))
        builder.provide(EMBEDDER, CountingEmbedder(str(model)))
        yield

    started = time.perf_counter()
    coco.App(coco.AppConfig(name="FreshetBench"), index, source, size, overlap).update_blocking()
    return time.perf_counter() - started


async def count_rows(db: Path) -> int:
    """Returns the number of rows of the table."""
    connection = await lancedb.connect_async(str(db / "lancedb"))
    return await (await connection.open_table(TABLE)).count_rows()


async def answer(source: Path, db: Path, model: Path, questions: dict[str, str]) -> dict[str, dict[str, float]]:
    """The best files for each question: exact cosine search over the passages, grouped by file."""
    from sentence_transformers import SentenceTransformer  # seconds; only questions need it

    table = await (await lancedb.connect_async(str(db / "lancedb"))).open_table(TABLE)
    vectors = SentenceTransformer(str(model)).encode(list(questions.values()), normalize_embeddings=True)
    run: dict[str, dict[str, float]] = {}
    for question, vector in zip(questions, vectors, strict=True):
        query = table.query().nearest_to(vector).distance_type("cosine").select(["filename", "_distance"])
        best: dict[str, float] = {}
        for row in await query.limit(PASSAGES).to_list():  # nearest first, so a file's first passage is its best
            if len(best) == FILES:
                break
            best.setdefault(str(Path(row["filename"]).relative_to(source)), 1.0 - row["_distance"])
        run[question] = best
    return run


def main() -> None:
    """Updates the table, answers questions where there are any, and prints the figures as JSON."""
    parser = argparse.ArgumentParser(description="One CocoIndex update of a folder of Markdown into LanceDB.")
    parser.add_argument("--source", type=Path, required=True, help="folder of *.md files")
    parser.add_argument("--db", type=Path, required=True, help="folder of the table and of CocoIndex's state")
    parser.add_argument("--model", type=Path, required=True, help="folder of the sentence-transformers model")
    parser.add_argument("--chunk-bytes", type=int, default=CHUNK_BYTES, help="default: %(default)s")
    parser.add_argument("--overlap-bytes", type=int, default=OVERLAP_BYTES, help="default: %(default)s")
    parser.add_argument("--query-file", type=Path, help="JSON object: question id → question")
    parser.add_argument("--out", type=Path, help="where the answers to --query-file go")
    options = parser.parse_args()
    if (options.query_file is None) != (options.out is None):
        parser.error("--query-file and --out go together")
    options.db.mkdir(parents=True, exist_ok=True)

    source = options.source.resolve()
    seconds = update(source, options.db, options.model, options.chunk_bytes, options.overlap_bytes)
    embedded, rows = CountingEmbedder.texts, asyncio.run(count_rows(options.db))
    total = time.time() - psutil.Process().create_time()
    if options.query_file:
        questions = json.loads(options.query_file.read_text(encoding="utf-8"))
        run = asyncio.run(answer(source, options.db, options.model, questions))
        options.out.write_text(json.dumps(run), encoding="utf-8")
    times = {"total": round(total, 3), "update": round(seconds, 3)}
    sys.stdout.write(json.dumps({"seconds": times, "rows": rows, "texts_embedded": embedded}) + "\n")


if __name__ == "__main__":
    main()
