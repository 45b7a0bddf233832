"""A corpus of very many kept signatures, and the decision about new documents among them, by Freshet and datasketch."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from common import made_up_words
from planted_copies import WORDS, edited

NEW, COPIES = 1000, 200
"""New documents that come to the corpus, and how many of them are near copies."""

NOW = datetime(2026, 1, 1, tzinfo=UTC)

ACCESS = "0123456789abcdef"
"""The access class of all documents."""


def old_and_new() -> tuple[list[str], list[str]]:
    """Returns the texts of COPIES old documents, and NEW texts, the first of which are near copies of the old ones."""
    chance = random.Random(3)
    words = made_up_words(chance, 5000)
    old = [chance.choices(words, k=WORDS) for _ in range(COPIES)]
    new = [edited(text, chance.randint(1, 8) / WORDS, chance, scattered=True) for text in old]
    new += [chance.choices(words, k=WORDS) for _ in range(NEW - COPIES)]
    return [" ".join(text) for text in old], [" ".join(text) for text in new]


def write_corpus(folder: Path, count: int, beside: bool) -> None:
    """Writes the tables of a corpus of `count` decided documents, and a ledger with NEW more.

    Args:
        folder: where they are written.
        count: documents, COPIES at least.
        beside: whether the signatures of datasketch are written as well.
    """
    import numpy as np
    import pyarrow as pa
    from pyarrow import feather

    from freshet.tasks.documents.duplicates.find import DOCUMENT_COLUMNS
    from freshet.tasks.documents.duplicates.signatures import Signatures, Text, signature_rows
    from freshet.tasks.documents.elements import ParsedDocument, to_json
    from freshet.tasks.documents.keep import keep_parsed
    from freshet.tasks.governance.expressions import Expression
    from freshet.tasks.store import schemas
    from freshet.tasks.store.tables import Store
    from freshet.tasks.text import minhash

    tables, draw = Store(str(folder)).corpus("bench"), np.random.default_rng(1)
    old, new = old_and_new()
    made_by, rule = f"parser|{minhash.METHOD}", f"{minhash.NEAR}-{minhash.METHOD}"
    signatures = Signatures(tables)
    signatures.write(signature_rows(Text(f"old-{n:07}", f"old-{n:07}", made_by, text) for n, text in enumerate(old)))
    schema = schemas.signatures(minhash.BANDS)

    def rows(each: int = 50) -> Iterator[Any]:
        for start in range(COPIES, count, 50_000):
            size = min(50_000, count - start)
            ids = pa.array([f"old-{n:07}" for n in range(start, start + size)])
            keys = draw.integers(0, 2**32, size * minhash.BANDS, dtype=np.uint32)
            hashes = np.sort(draw.integers(0, 2**64, (size, each), dtype=np.uint64), axis=1)
            offsets = pa.py_buffer(np.arange(0, (size + 1) * each * 8, each * 8, dtype=np.int32))
            yield pa.record_batch(
                [
                    ids, ids, pa.array([made_by] * size), pa.array([f"{n:032x}" for n in range(start, start + size)]),
                    pa.FixedSizeListArray.from_arrays(pa.array(keys), minhash.BANDS),
                    pa.array(np.full(size, each, np.int32)),
                    pa.Array.from_buffers(pa.binary(), size, [None, offsets, pa.py_buffer(hashes.tobytes())]),
                ],
                schema=schema,
            )  # fmt: skip

    tables.open(schemas.SIGNATURES, schema).add(pa.RecordBatchReader.from_batches(schema, rows()))
    ids = pa.array([f"old-{n:07}" for n in range(count)] + [f"new-{n:07}" for n in range(NEW)])
    total = len(ids)
    ledger = {
        "doc_id": ids, "source": pa.array(["docs"] * total), "path": ids,
        "modified_at": pa.array([NOW] * total, pa.timestamp("us", tz="UTC")),
        "access": pa.array([ACCESS] * total), "content_hash": ids, "seen_hash": ids,
        "parser": pa.array(["parser"] * total), "duplicate_of": pa.nulls(total, pa.string()),
    }  # fmt: skip
    feather.write_feather(
        pa.table(ledger).select(DOCUMENT_COLUMNS), folder / "ledger.arrow", compression="uncompressed"
    )
    decided = {
        **{c: ledger[c] for c in ("doc_id", "path", "modified_at", "access")},
        "expression": pa.array([Expression.of(["everyone"]).text] * total),
        "priority": pa.array([0] * total, pa.int32()), "content_hash": ids, "parser": ledger["parser"],
        "rule": pa.array([rule] * total), "duplicate_of": pa.nulls(total, pa.string()),
        "similarity": pa.nulls(total, pa.float64()),
    }  # fmt: skip
    tables.open(schemas.DUPLICATES, schemas.duplicates()).add(
        pa.table(decided).slice(0, count).cast(schemas.duplicates())
    )
    parsed = {(f"new-{n:07}", "parser"): to_json(ParsedDocument(text, [])) for n, text in enumerate(new)}
    keep_parsed(tables, parsed, NOW)
    if beside:
        write_peer(folder, count, old, draw)


def write_peer(folder: Path, count: int, old: list[str], draw: Any) -> None:
    """Writes as many signatures of datasketch: those of the old texts, and made-up ones from the generator `draw`."""
    import numpy as np
    from datasketch import MinHash

    from freshet.tasks.text import minhash
    from freshet.tasks.text.normalise import tokens

    matrix = np.lib.format.open_memmap(folder / "peer.npy", "w+", np.uint32, (count, minhash.PERMUTATIONS))
    for start in range(0, count, 50_000):
        matrix[start : start + 50_000] = draw.integers(0, 2**32, matrix[start : start + 50_000].shape, dtype=np.uint32)
    for n, text in enumerate(old):
        matrix[n] = peer_signature(MinHash, tokens(text)).hashvalues
    matrix.flush()


def peer_signature(minhash_class: Any, words: list[str]) -> Any:
    """Returns datasketch's signature of the 5-grams of some words."""
    from freshet.tasks.text import minhash

    signature = minhash_class(num_perm=minhash.PERMUTATIONS)
    signature.update_batch([" ".join(words[i : i + 5]).encode() for i in range(len(words) - 4)])
    return signature


def decide_here(folder: Path) -> dict[str, Any]:
    """Updates the duplicates of the corpus once, as a refresh does, and returns what was found."""
    from pyarrow import feather

    from freshet.tasks.documents.duplicates.find import update_duplicates
    from freshet.tasks.governance.expressions import Expression
    from freshet.tasks.store.tables import Store

    documents = feather.read_table(folder / "ledger.arrow")
    meaning = {ACCESS: Expression.of(["everyone"])}
    changes = update_duplicates(Store(str(folder)).corpus("bench"), documents, {"docs": 0}, meaning)
    pairs = {frozenset((doc_id, duplicate.kept)) for doc_id, duplicate in changes.hidden.items()}
    right = {frozenset((f"new-{n:07}", f"old-{n:07}")) for n in range(COPIES)}
    return {"found": len(pairs & right), "decided": changes.decided}


def rebuild_peer(folder: Path) -> dict[str, Any]:
    """Builds datasketch's index of all kept signatures, looks the new texts up in it, and returns what was found."""
    import numpy as np
    from datasketch import MinHash, MinHashLSH

    from freshet.tasks.text import minhash
    from freshet.tasks.text.normalise import tokens

    matrix = np.load(folder / "peer.npy", mmap_mode="r")
    index = MinHashLSH(num_perm=minhash.PERMUTATIONS, params=(minhash.BANDS, minhash.ROWS))
    like = MinHash(num_perm=minhash.PERMUTATIONS)
    with index.insertion_session() as session:
        for number, row in enumerate(matrix):
            signature = MinHash(
                minhash.PERMUTATIONS,
                hashvalues=row.astype(like.hashvalues.dtype),
                permutations=like.permutations,
                scheme=like.scheme,
            )
            session.insert(number, signature, check_duplication=False)
    new = [peer_signature(MinHash, tokens(text)) for text in old_and_new()[1]]
    found = sum(number in index.query(signature) for number, signature in enumerate(new))
    return {"found": found, "decided": NEW}
