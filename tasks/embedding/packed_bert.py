"""BERT in plain torch: the very common chain BERT → mean pooling → normalising, without two heavy libraries.

It gives what sentence-transformers gives for the same files (a test compares them), starts seconds sooner, and
spends less time beside the matrix products. `is_plain_bert` says for which models that holds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.embedding.encoders import Role, role_prompt
from freshet.tasks.embedding.models import WEIGHTS, ModelFiles, pooling_modes, read_modules

if TYPE_CHECKING:
    from torch import Tensor

    Layer = dict[str, tuple[Tensor, Tensor]]

Tokens = NDArray[np.int64]

# Softmax over rows whose length is a multiple of the vector unit's width is up to twice as fast.
_ROUND = 16
_REQUIRED = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "add_cross_attention": False,
}
_DEFAULTS = {"position_embedding_type": "absolute", "is_decoder": False, "add_cross_attention": False}


def is_plain_bert(folder: Path) -> bool:
    """Whether `Bert` gives the same vectors for these files as sentence-transformers does."""
    modules = read_modules(folder)
    if [module.kind for module in modules] != ["Transformer", "Pooling", "Normalize"]:
        return False
    transformer, pooling, normalize = modules
    if transformer.folder != folder or set(transformer.config) - {"max_seq_length", "do_lower_case"}:
        return False
    if pooling_modes(pooling) != ["mean"] or not pooling.config.get("include_prompt", True) or normalize.config:
        return False
    files = [folder / name for name in ("config.json", "tokenizer.json", "tokenizer_config.json", WEIGHTS)]
    if not all(file.is_file() for file in files) or (folder / "adapter_config.json").exists():
        return False
    config, tokenizer, names = (json.loads(file.read_text("utf-8")) for file in files[:3])
    wanted = {key: config.get(key, _DEFAULTS.get(key)) for key in _REQUIRED} == _REQUIRED
    return wanted and not transformer.config.get("do_lower_case") and _is_plain_tokenizer(tokenizer, names)


def _is_plain_tokenizer(tokenizer: dict[str, Any], names: dict[str, Any]) -> bool:
    """Whether tokenizer.json alone says what transformers would make of the folder's tokenizer files."""
    normalizer, model = tokenizer.get("normalizer") or {}, tokenizer.get("model") or {}
    is_word_piece = (
        names.get("tokenizer_class") in ("BertTokenizer", "BertTokenizerFast")
        and model.get("type") == "WordPiece"
        and normalizer.get("type") == "BertNormalizer"
        and normalizer.get("clean_text") is True
        and normalizer.get("lowercase") == names.get("do_lower_case", True)
        and normalizer.get("strip_accents") == names.get("strip_accents")
        and normalizer.get("handle_chinese_chars") == names.get("tokenize_chinese_chars", True)
        and (tokenizer.get("pre_tokenizer") or {}).get("type") == "BertPreTokenizer"
    )
    # A tokenizer of no class of its own is its file, whatever else tokenizer_config.json says of letters.
    is_unigram = names.get("tokenizer_class") == "PreTrainedTokenizerFast" and model.get("type") == "Unigram"
    return (
        (is_word_piece or is_unigram)
        and (tokenizer.get("post_processor") or {}).get("type") == "TemplateProcessing"
        and all(token.get("special") for token in tokenizer.get("added_tokens", []))
        and names.get("truncation_side", "right") == names.get("padding_side", "right") == "right"
    )


class Bert:
    """Encoder of a folder for which `is_plain_bert` holds.

    Args:
        model: the model's files.
        precision: fp32, bf16 or fp16: of the weights and of all between the words and the pooling.
        device: torch's name of where it runs.

    Raises:
        KeyError, OSError, ValueError: the files are not what config.json promises.
    """

    def __init__(self, model: ModelFiles, precision: str, device: str) -> None:
        """Loads the weights and the tokenizer of a BERT model."""
        import torch
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        config = json.loads((model.folder / "config.json").read_text("utf-8"))
        self._files, self.device, self.precision = model, device, precision
        self._heads, self._eps = int(config["num_attention_heads"]), float(config.get("layer_norm_eps", 1e-12))
        self._padding = int(config.get("pad_token_id") or 0)
        self._positions = int(config["max_position_embeddings"])
        self._tokenizer: Any = Tokenizer.from_file(str(model.folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
        tensors = {
            name.removeprefix("bert."): tensor.to(device=device, dtype=dtype)
            for name, tensor in load_file(model.folder / WEIGHTS).items()
            if tensor.is_floating_point()
        }
        # Every text is one segment, so its embedding is part of every position's.
        segment = tensors["embeddings.token_type_embeddings.weight"][0]
        self._places = tensors["embeddings.position_embeddings.weight"] + segment
        self._words = tensors["embeddings.word_embeddings.weight"]
        self._norm = _pair(tensors, "embeddings.LayerNorm")
        self._layers = [self._layer(tensors, f"encoder.layer.{i}.") for i in range(int(config["num_hidden_layers"]))]

    def _layer(self, tensors: dict[str, Tensor], name: str) -> Layer:
        """One layer's weights: query, key and value as one matrix, the query scaled beforehand."""
        import torch

        parts = [_pair(tensors, f"{name}attention.self.{part}") for part in ("query", "key", "value")]
        scale = (parts[0][0].shape[0] // self._heads) ** -0.5
        parts[0] = (parts[0][0] * scale, parts[0][1] * scale)
        return {
            "attend": (torch.cat([weight for weight, _ in parts]), torch.cat([bias for _, bias in parts])),
            "mix": _pair(tensors, f"{name}attention.output.dense"),
            "norm": _pair(tensors, f"{name}attention.output.LayerNorm"),
            "widen": _pair(tensors, f"{name}intermediate.dense"),
            "narrow": _pair(tensors, f"{name}output.dense"),
            "norm2": _pair(tensors, f"{name}output.LayerNorm"),
        }

    def prepare(self, texts: Sequence[str], role: Role, reads: int) -> tuple[list[Tokens], NDArray[np.int64]]:
        """Texts as the model reads them, cut to so many tokens, and how many tokens each has."""
        prompt, most = role_prompt(self._files, role), min(reads, self._positions)
        encoded = self._tokenizer.encode_batch_fast([prompt + text for text in texts])
        tokens = [_cut(np.asarray(one.ids, dtype=np.int64), most) for one in encoded]
        return tokens, np.fromiter((len(one) for one in tokens), dtype=np.int64, count=len(tokens))

    def encode(self, batch: Sequence[Tokens]) -> NDArray[np.float32]:
        """Vectors of unit length for one batch, shape (len(batch), dimension)."""
        import torch
        from torch.nn import functional

        lengths = np.array([len(tokens) for tokens in batch])
        width = min(-(-int(lengths.max()) // _ROUND) * _ROUND, self._positions)
        ids = np.full((len(batch), width), self._padding, dtype=np.int64)
        for row, tokens in zip(ids, batch, strict=True):
            row[: len(tokens)] = tokens
        with torch.inference_mode():
            real = torch.from_numpy(np.arange(width) < lengths[:, None]).to(self.device)
            hidden = self._forward(torch.from_numpy(ids).to(self.device), real).float()
            weight = real.unsqueeze(-1).float()
            vectors = functional.normalize((hidden * weight).sum(1) / weight.sum(1))
            return np.asarray(vectors.cpu().numpy(), dtype=np.float32)

    def _forward(self, ids: Tensor, real: Tensor) -> Tensor:
        """Token embeddings, shape (texts, width, hidden), from ids and which of them are real."""
        import torch
        from torch.nn.functional import embedding, layer_norm

        texts, width = ids.shape
        hidden = self._words.shape[1]
        masked = torch.zeros((texts, 1, 1, width), dtype=self._words.dtype, device=self.device)
        masked.masked_fill_(~real[:, None, None, :], torch.finfo(masked.dtype).min)
        x = embedding(ids, self._words) + self._places[:width]
        x = layer_norm(x, (hidden,), *self._norm, self._eps).view(-1, hidden)
        # Results of a layer lie where those of the layer before lay: fresh memory would cost a tenth of the time.
        joined, wide = x.new_empty((len(x), 3 * hidden)), x.new_empty((len(x), len(self._layers[0]["widen"][1])))
        heads = x.new_empty((3, texts * self._heads, width, hidden // self._heads))
        scores, seen = x.new_empty((len(heads[0]), width, width)), torch.empty_like(heads[0])
        mixed, y = torch.empty_like(x), torch.empty_like(x)
        for layer in self._layers:
            _linear(x, layer["attend"], joined)
            heads.view(3, texts, self._heads, width, -1).copy_(
                joined.view(texts, width, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
            )
            query, key, value = heads
            # Explicit products: torch's fused attention takes three times as long on a CPU in bf16.
            torch.bmm(query, key.transpose(1, 2), out=scores)
            scores.view(texts, self._heads, width, width).add_(masked)
            torch.softmax(scores, -1, out=scores)
            torch.bmm(scores, value, out=seen)
            mixed.view(texts, width, self._heads, -1).copy_(seen.view(texts, self._heads, width, -1).transpose(1, 2))
            x = layer_norm(_linear(mixed, layer["mix"], y).add_(x), (hidden,), *layer["norm"], self._eps)
            torch.ops.aten.gelu_(_linear(x, layer["widen"], wide))
            x = layer_norm(_linear(wide, layer["narrow"], y).add_(x), (hidden,), *layer["norm2"], self._eps)
        return x.view(texts, width, hidden)


def _cut(tokens: Tokens, most: int) -> Tokens:
    """The first tokens of a text and the last, which ends every text."""
    return tokens if len(tokens) <= most else np.concatenate([tokens[: most - 1], tokens[-1:]])


def _linear(x: Tensor, weights: tuple[Tensor, Tensor], out: Tensor) -> Tensor:
    import torch

    return torch.addmm(weights[1], x, weights[0].t(), out=out)


def _pair(tensors: dict[str, Tensor], name: str) -> tuple[Tensor, Tensor]:
    return tensors[f"{name}.weight"], tensors[f"{name}.bias"]
