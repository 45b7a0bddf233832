"""Texts in the tokens of a model: where each token stands, and how many a text has.

Only the `tokenizers` library is loaded, and only when a tokenizer is opened: cutting documents needs
neither torch nor transformers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.errors import EmbeddingError

# One encoding holds some 150 bytes a token: long texts are encoded in windows, so that memory stays bounded.
_WINDOW = 100_000


_FILE = "tokenizer.json"
_MEND = "Save the model with a fast tokenizer: AutoTokenizer.from_pretrained(MODEL).save_pretrained(FOLDER)."


class Tokenizer:
    """The tokenizer of an embedding model, without truncation or padding.

    Args:
        folder: the model's folder, which holds `tokenizer.json`.

    Attributes:
        special: tokens that the model adds around every text, like [CLS] and [SEP].
        fingerprint: SHA-256 of tokenizer.json, in hex.
        exact_at_spaces: whether white space always separates tokens and is none itself, so that a slice
            whose ends fall on white space has exactly the tokens that it has inside the whole text.

    Raises:
        EmbeddingError: the folder holds no readable tokenizer.json.
    """

    def __init__(self, folder: Path) -> None:
        """Loads the tokenizer from a model's folder."""
        import tokenizers

        raw = _tokenizer_file(folder)
        try:
            # From the very bytes that are hashed, not from a second reading of the file.
            self._tokenizer: Any = tokenizers.Tokenizer.from_str(raw.decode("utf-8"))
        except Exception as error:  # the library raises bare Exception
            raise EmbeddingError(f"{folder / _FILE} is no tokenizer: {error}", _MEND) from None
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.fingerprint = sha256(raw).hexdigest()
        self.special = len(self._tokenizer.encode("").ids)
        parts = json.loads(raw)
        self.exact_at_spaces = (parts.get("pre_tokenizer") or {}).get("type") == "BertPreTokenizer" and (
            parts.get("model") or {}
        ).get("type") == "WordPiece"

    def spans(self, text: str) -> NDArray[np.int32]:
        """Where the tokens of a text stand, special ones left out.

        Returns:
            shape (tokens, 2): start and end of each, half-open, in code points, in the order of the text.
        """
        found = []
        for start, end in _windows(text):
            offsets = self._tokenizer.encode(text[start:end], add_special_tokens=False).offsets
            found.append(np.fromiter(chain.from_iterable(offsets), dtype=np.int32, count=2 * len(offsets)) + start)
        return np.concatenate(found).reshape(-1, 2) if found else np.zeros((0, 2), dtype=np.int32)

    def count(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Tokens of each text, special ones included: what the model's maximum length is compared with."""
        encoded = self._tokenizer.encode_batch_fast(list(texts)) if texts else []
        return np.fromiter((len(one) for one in encoded), dtype=np.int64, count=len(texts))


def _windows(text: str) -> Iterator[tuple[int, int]]:
    """Spans of at most _WINDOW code points that cover the text and part at white space where there is some."""
    start = 0
    while start < len(text):
        end = min(start + _WINDOW, len(text))
        if end < len(text):
            space = max(text.rfind(" ", start + 1, end), text.rfind("\n", start + 1, end))
            end = space if space > start else end
        yield start, end
        start = end


def _tokenizer_file(folder: Path) -> bytes:
    try:
        return (folder / _FILE).read_bytes()
    except OSError as error:
        raise EmbeddingError(f"no tokenizer at {folder / _FILE}: {error.strerror}", _MEND) from None


def tokenizer_fingerprint(folder: Path) -> str:
    """The `fingerprint` of the folder's tokenizer, without loading it."""
    return sha256(_tokenizer_file(folder)).hexdigest()


@lru_cache(maxsize=4)
def load_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a model's folder, loaded once a process."""
    return Tokenizer(folder)
