"""Finds the copies among rows with Freshet, datasketch and datatrove, on the same words, 5-grams, bands and rows."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dataset_rows import BATCH, as_table


def words_of(row: tuple[str, str]) -> list[str]:
    """Returns the words of a row in normal form, with symbols."""
    from freshet.tasks.text.symbols import normalise_with_symbols

    return [word for text in row for word in normalise_with_symbols(text).split()]


def grams_of(words: list[str]) -> list[bytes]:
    """Returns the 5-grams of some words."""
    return [" ".join(words[i : i + 5]).encode() for i in range(len(words) - 4)]


def remove_here(rows: list[tuple[str, str]], folder: Path) -> set[int]:
    """Returns the rows that Freshet drops as exact or near copies."""
    from freshet.tasks.datasets.copies.find import find_copies

    table = as_table(rows)

    def batches() -> Iterator[Any]:
        return (table.slice(start, BATCH) for start in range(0, table.num_rows, BATCH))

    found = find_copies(batches, folder, 0.8)
    return {row for row, one in found if one.code in {"COPY-EXACT", "COPY-NEAR"}}


def remove_datasketch(rows: list[tuple[str, str]], folder: Path) -> set[int]:
    """Returns the rows that datasketch finds: exact copies by a set, near ones by its index and the true similarity."""
    from datasketch import MinHash, MinHashLSH

    from freshet.tasks.text import minhash

    seen: set[tuple[str, str]] = set()
    sets: dict[int, set[bytes]] = {}
    signatures: dict[int, Any] = {}
    removed: set[int] = set()
    like = MinHash(num_perm=minhash.PERMUTATIONS)
    index = MinHashLSH(num_perm=minhash.PERMUTATIONS, params=(minhash.BANDS, minhash.ROWS))
    with index.insertion_session() as session:
        for number, row in enumerate(rows):
            words = words_of(row)
            form = " ".join(words) or "\0".join(row)
            if form in seen:
                removed.add(number)
                continue
            seen.add(form)
            grams = grams_of(words)
            if grams:
                signature = like.copy()
                signature.update_batch(grams)
                sets[number], signatures[number] = set(grams), signature
                session.insert(number, signature, check_duplication=False)
    for number, signature in signatures.items():
        mine = sets[number]
        for other in sorted(index.query(signature)):
            if other >= number:
                break
            if other in removed:
                continue
            its = sets[other]
            if min(len(mine), len(its)) < 0.8 * max(len(mine), len(its)):
                continue
            shared = len(mine & its)
            if shared >= 0.8 * (len(mine) + len(its) - shared):
                removed.add(number)
                break
    return removed


def remove_datatrove(rows: list[tuple[str, str]], folder: Path) -> set[int]:
    """Returns the rows that datatrove's MinHash steps propose, one step after the other; nothing is verified."""
    import xxhash
    from datatrove.data import Document
    from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.utils.logging import logger
    from datatrove.utils.text import TextNormConfig
    from datatrove.utils.word_tokenizers import WordTokenizer

    from freshet.tasks.text import minhash
    from freshet.tasks.text.symbols import normalise_with_symbols

    class Tokens(WordTokenizer):
        def word_tokenize(self, text: str) -> list[str]:
            return normalise_with_symbols(text).split()

        def sent_tokenize(self, text: str) -> list[str]:
            return [text]

        def span_tokenize(self, text: str) -> list[tuple[int, int]]:
            return [(0, len(text))]

    logger.remove()
    plain = TextNormConfig(
        **dict.fromkeys(TextNormConfig.__dataclass_fields__, False)  # Freshet's tokens do it
    )
    config = MinhashConfig(n_grams=5, num_buckets=minhash.BANDS, hashes_per_bucket=minhash.ROWS, norm_config=plain)
    documents = (Document(text="\n".join(row), id=str(number)) for number, row in enumerate(rows))
    signed, met, out = (str(folder / name) for name in ("signed", "met", "removed"))
    signer = MinhashDedupSignature(signed, config, language=Tokens())
    signer._hash_func = lambda text: xxhash.xxh64_intdigest(text.encode())  # its own gives today's xxhash no bytes
    signer.run(documents, 0, 1)
    for bucket in range(minhash.BANDS):
        MinhashDedupBuckets(signed, met, config=config).run(None, bucket, minhash.BANDS)
    MinhashDedupCluster(met, out, config=config).run(None, 0, 1)
    content = (folder / "removed" / "000000.remove").read_bytes()
    return {number for (number,) in struct.iter_unpack("<I", content)}


REMOVERS = {"Freshet": remove_here, "datasketch": remove_datasketch, "datatrove": remove_datatrove}
"""By name of the library, a function that returns the numbers of the rows that are copies."""
