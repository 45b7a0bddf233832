"""Reads the head of a GGUF file: what kind of model it holds, and how much memory that takes.

The format is described at https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Only what stands before the words
of the tokenizer is read; whatever is no such file, or is cut off in its head, is told in words.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from freshet.tasks.errors import ModelFailed

_FORMATS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _LIST = 8, 9
_MOST_KEYS = 100_000
_LONGEST_TEXT = 1 << 20
_LONGEST_LIST = 1 << 16
_BYTES_OF_A_VALUE = 2
"""What is kept of the context is in numbers of 16 bits."""


class _Damaged(Exception):
    """The head says what cannot be."""


@dataclass(frozen=True)
class Head:
    """What a GGUF file says of its model.

    Attributes:
        size: bytes of the file.
        trained: tokens that the model was trained to read; None where it does not say.
        token: bytes that a token of the context takes.
    """

    size: int
    trained: int | None
    token: int

    def memory(self, context: int) -> int:
        """Bytes that the model takes with a context of so many tokens, roughly."""
        return self.size + context * self.token


def read_head(path: Path, called: str) -> Head:
    """Reads the head of a GGUF file.

    Args:
        path: the file.
        called: the file as messages name it.

    Raises:
        ModelFailed: it cannot be read, or is no GGUF file.
    """
    mend = "Choose another file, or fetch this one again."
    try:
        with path.open("rb") as file:
            start = file.read(4)
            if start != b"GGUF":
                what = "is empty" if not start else "is no GGUF file"
                raise ModelFailed(f"the model {called} {what}", mend)
            said = _keys(file)
        size = path.stat().st_size
    except (_Damaged, UnicodeDecodeError, struct.error, EOFError, MemoryError):
        raise ModelFailed(f"the model {called} is damaged: its head cannot be read", mend) from None
    except OSError as error:
        raise ModelFailed(f"the model {called} cannot be read: {error.strerror}", mend) from None
    kind = said.get("general.architecture", "")

    def number(key: str) -> int:
        found = said.get(f"{kind}.{key}", 0)
        found = max(found, default=0) if isinstance(found, list) else found
        return int(found) if isinstance(found, int | float) else 0

    heads = number("attention.head_count")
    width = number("attention.key_length") or (number("embedding_length") // heads if heads else 0)
    both = width + (number("attention.value_length") or width)
    layer = both * (number("attention.head_count_kv") or heads) * _BYTES_OF_A_VALUE
    return Head(size, number("context_length") or None, number("block_count") * layer)


def _keys(file: BinaryIO) -> dict[str, object]:
    """The keys up to those of the tokenizer."""
    version, _, count = _unpack(file, "IQQ")
    if not 2 <= int(version) <= 3 or int(count) > _MOST_KEYS:
        raise _Damaged
    said: dict[str, object] = {}
    for _ in range(int(count)):
        key = _text(file)
        if key.startswith("tokenizer."):
            break
        said[key] = _value(file, int(_unpack(file, "I")[0]))
    return said


def _value(file: BinaryIO, kind: int) -> object:
    if kind == _TEXT:
        return _text(file)
    if kind == _LIST:
        of, length = (int(one) for one in _unpack(file, "IQ"))
        if length > _LONGEST_LIST or of == _LIST:
            raise _Damaged
        return [_value(file, of) for _ in range(length)]
    if kind not in _FORMATS:
        raise _Damaged
    return _unpack(file, _FORMATS[kind])[0]


def _text(file: BinaryIO) -> str:
    length = int(_unpack(file, "Q")[0])
    if length > _LONGEST_TEXT:
        raise _Damaged
    return _read(file, length).decode("utf-8")


def _unpack(file: BinaryIO, form: str) -> tuple[int | float | bool, ...]:
    return struct.unpack(f"<{form}", _read(file, struct.calcsize(f"<{form}")))


def _read(file: BinaryIO, length: int) -> bytes:
    found = file.read(length)
    if len(found) < length:
        raise EOFError
    return found
