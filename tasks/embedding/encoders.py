"""Any sentence-transformers model, run by the library itself: what `Bert` does for the plain chain."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.embedding.models import ModelFiles, prompt_for

if TYPE_CHECKING:
    from torch import Tensor

Role = Literal["document", "query"]
_Prepared = tuple[str, Role, int]
"""A text, what it is to the model, and how many of its tokens are read."""

_PROMPTS: dict[Role, tuple[str, ...]] = {"document": ("document", "passage", "corpus"), "query": ("query",)}


class Encoder(Protocol):
    """What turns prepared texts into vectors. `encode` may be called from several threads at once."""

    def prepare(self, texts: Sequence[str], role: Role, reads: int) -> tuple[list[Any], NDArray[np.int64]]:
        """Texts as `encode` takes them, cut to so many tokens, and how many tokens each has."""
        ...

    def encode(self, batch: Sequence[Any]) -> NDArray[np.float32]:
        """Vectors of unit length, shape (len(batch), dimension)."""
        ...


def role_prompt(model: ModelFiles, role: Role) -> str:
    """What the model wants written before a document or a question."""
    return prompt_for(model.folder, *_PROMPTS[role])


class LibraryEncoder:
    """Encoder over SentenceTransformer.

    The transformer runs in the precision asked for, and pooling and all that follows in fp32. A model whose first
    module is no transformer runs in fp32 altogether; `precision` says what is in force.

    Raises:
        Exception: whatever the library raises for files that it cannot load.
    """

    def __init__(self, model: ModelFiles, precision: str, device: str) -> None:
        """Loads the model with sentence-transformers."""
        import torch
        import transformers
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.base.modules import Transformer

        transformers.utils.logging.disable_progress_bar()
        self._files = model
        # The tokenizer keeps its truncation and padding as state, so it serves one thread at a time.
        self._lock = Lock()
        self._model = SentenceTransformer(str(model.folder), device=device, local_files_only=True)
        self._model.eval().float()
        self._split = isinstance(self._model[0], Transformer)
        self.precision = precision if self._split else "fp32"
        if self._split:
            self._model[0].to({"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision])

    def prepare(self, texts: Sequence[str], role: Role, reads: int) -> tuple[list[_Prepared], NDArray[np.int64]]:
        """Returns the texts as `encode` takes them, and the tokens of each, int64, (texts,)."""
        prompt = role_prompt(self._files, role)
        return [(text, role, reads) for text in texts], np.minimum(self._count(texts, prompt), reads)

    def _count(self, texts: Sequence[str], prompt: str) -> NDArray[np.int64]:
        with self._lock:
            tokenizer = self._model.tokenizer
            fast = getattr(tokenizer, "backend_tokenizer", None)
            if fast is None:  # a tokenizer in Python: an estimate does for sorting and filling batches
                return np.array([len(prompt + text) // 4 + 2 for text in texts], dtype=np.int64)
            encoded = fast.encode_batch_fast([prompt + text for text in texts])
        return np.array([sum(one.attention_mask) for one in encoded], dtype=np.int64)

    def encode(self, batch: Sequence[_Prepared]) -> NDArray[np.float32]:
        """Returns the vectors of prepared texts, float32, (texts, dimension), not normalised."""
        import torch
        from torch.nn import functional

        texts, (_, role, reads) = [text for text, _, _ in batch], batch[0]
        with torch.inference_mode():
            vectors = self._split_forward(texts, role, reads) if self._split else self._whole(texts, role)
            return np.asarray(functional.normalize(vectors.float(), dim=-1).cpu().numpy(), dtype=np.float32)

    def _split_forward(self, texts: list[str], role: Role, reads: int) -> Tensor:
        import torch

        with self._lock:
            self._model[0].max_seq_length = reads
            features = self._model.preprocess(texts, prompt=role_prompt(self._files, role) or None)
        device = self._model.device
        features = {key: value.to(device) if torch.is_tensor(value) else value for key, value in features.items()}
        for position, module in enumerate(self._model):
            features = module(features)
            if position == 0:
                features = {key: _as_fp32(value) for key, value in features.items()}
        vectors: Tensor = features["sentence_embedding"]
        return vectors

    def _whole(self, texts: list[str], role: Role) -> Tensor:
        encode = self._model.encode_query if role == "query" else self._model.encode_document
        prompt = role_prompt(self._files, role)
        with self._lock:
            vectors: Tensor = encode(texts, prompt=prompt, convert_to_tensor=True, show_progress_bar=False)
        return vectors


def _as_fp32(value: Any) -> Any:
    import torch

    return value.float() if torch.is_tensor(value) and value.is_floating_point() else value
