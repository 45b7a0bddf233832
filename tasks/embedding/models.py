"""What an embedding model is, known from its files alone: no torch, transformers or sentence-transformers is loaded.

A refresh with nothing to do needs the name of the embedding space, and nothing else of the model.
"""

from __future__ import annotations

import json
import re
import struct
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from freshet.tasks.embedding.fetched import E5
from freshet.tasks.embedding.folders import bundled_folder, e5_folder, hub_folder, is_hub_name, weight_files
from freshet.tasks.errors import EmbeddingError
from freshet.tasks.settings.embedding import Context, Embedding
from freshet.tasks.settings.named_models import BUNDLED, EMBEDDING_MODELS

CONTEXT_TOKENS = 48
"""Tokens that are read of a passage's context at most, beside those of the passage."""

_CONTEXT_VERSION = 1
"""Raised whenever the same document would give its passages another context than before."""

BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""SHA-256 of the weights of sentence-transformers/all-MiniLM-L6-v2, as its authors publish them."""

WEIGHTS = "model.safetensors"
_UNBOUNDED = 8192  # tokens of a passage for a model without a limit of its own: the highest that chunking allows
_POOLING_MODES = ("cls_token", "max_tokens", "mean_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken")
_TOKENIZER = ("tokenizer.json", "vocab.txt", "vocab.json", "merges.txt", "spiece.model", "sentencepiece.bpe.model")
_SAYS_NOTHING = {"_name_or_path", "name_or_path", "transformers_version", "torch_dtype", "dtype", "architectures"}


@dataclass(frozen=True)
class ModelFiles:
    """An embedding model on this machine.

    Attributes:
        name: as in the settings.
        folder: local folder with the model's files.
        dimension: of its vectors.
        max_tokens: the longest text that it reads, special tokens included; the rest of a longer one is cut off.
        normalised: whether the model itself makes vectors of unit length. An Embedder's always are.
        longest: tokens that it has positions for, special ones included: never fewer than `max_tokens`.
        space: fingerprint of the embedding space: weights, tokenizer, architecture, pooling, normalisation, dimension,
            maximum length, prompts and context. Not the precision, which moves vectors by less than search can see.
        weights_sha256: what the weights must hash to, checked when an Embedder starts; None where `space` was
            made from the weights as they are.
    """

    name: str
    folder: Path
    dimension: int
    max_tokens: int
    normalised: bool
    space: str
    longest: int
    weights_sha256: str | None = None
    context: Context = "none"

    @property
    def reads(self) -> int:
        """Tokens of a passage with its context that are read: the rest is cut off."""
        return self.max_tokens if self.context == "none" else min(self.longest, self.max_tokens + CONTEXT_TOKENS)

    def with_context(self, context: Context) -> ModelFiles:
        """The same model, embedding passages in this context, which makes a space of its own."""
        if context == self.context:
            return self
        if context == "none":
            raise ValueError("a model with a context is made of the one without")
        space = sha256(f"{self.space}\n{context}\n{_CONTEXT_VERSION}".encode()).hexdigest()[:12]
        return replace(self, context=context, space=space)


@dataclass(frozen=True)
class Module:
    """One step of a model: its kind (Transformer, Pooling, ...), its folder and its configuration."""

    kind: str
    folder: Path
    config: dict[str, Any] = field(hash=False)


def resolve_model(settings: Embedding, root: Path) -> ModelFiles:
    """Finds the model that the settings name.

    Args:
        settings: `model` is 'bundled', 'multilingual-e5-small', a folder (absolute or below root), or the name of a
            model on the hub.
        root: what a relative folder is relative to: the folder of freshet.yaml.

    Raises:
        EmbeddingError: there is no such model here, it cannot be fetched, or its files are incomplete.
    """
    name = settings.model
    if name == BUNDLED:
        return read_model(name, bundled_folder(), weights_sha256=BUNDLED_SHA256)
    if name == E5.name:
        return read_model(name, e5_folder(), weights_sha256=E5.weights_sha256)
    folder = (root / Path(name).expanduser()).resolve()
    if folder.is_dir():
        return read_model(name, folder)
    if not is_hub_name(name):
        raise EmbeddingError(
            f"embedding.model {name!r}: there is no folder {folder}",
            f"Name the folder of a sentence-transformers model, a model of the hub, {', '.join(EMBEDDING_MODELS)}.",
        )
    return read_model(name, hub_folder("embedding.model", name, folder, f"write model: {BUNDLED}"))


def read_model(name: str, folder: Path, weights_sha256: str | None = None) -> ModelFiles:
    """Reads what a model is from its folder.

    Args:
        weights_sha256: taken for the hash of model.safetensors, which then is not read. An Embedder checks it.

    Raises:
        EmbeddingError: the folder does not hold a model whose files can be understood.
    """
    try:
        modules = read_modules(folder)
        dimension, max_tokens = _dimension(modules), _max_tokens(modules[0])
        longest = max(max_tokens, _positions(modules[0]))
        normalised = modules[-1].kind == "Normalize"
        space = _space(folder, modules, weights_sha256, dimension, max_tokens, normalised)
    except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
        raise EmbeddingError(
            f"embedding.model {name!r}: {folder} cannot be read as a sentence-transformers model: {error}",
            "Save the model again with SentenceTransformer(...).save_pretrained(FOLDER) and name that folder.",
        ) from None
    return ModelFiles(name, folder, dimension, max_tokens, normalised, space, longest, weights_sha256)


def read_modules(folder: Path) -> list[Module]:
    """The chain of modules that makes a vector of a text, as the model's folder declares it."""
    declared = folder / "modules.json"
    if not declared.is_file():
        # A plain transformers model: sentence-transformers adds mean pooling, and so does this.
        config = _json(folder / "config.json")
        pooling = {"embedding_dimension": config["hidden_size"], "pooling_mode": "mean"}
        return [Module("Transformer", folder, _optional(folder / "sentence_bert_config.json")),
                Module("Pooling", folder, pooling)]  # fmt: skip
    modules = []
    for entry in json.loads(declared.read_text("utf-8")):
        kind, where = entry["type"].rsplit(".", 1)[-1], folder / entry["path"]
        file = "sentence_bert_config.json" if kind == "Transformer" else "config.json"
        modules.append(Module(kind, where, _optional(where / file)))
    if not modules:
        raise ValueError("modules.json names no module")
    return modules


def pooling_modes(pooling: Module) -> list[str]:
    """The pooling modes in force, in the short names of today; older files have one flag for each."""
    mode = pooling.config.get("pooling_mode")
    if mode is not None:
        return [mode] if isinstance(mode, str) else list(mode)
    short = [name for name in _POOLING_MODES if pooling.config.get(f"pooling_mode_{name}")]
    return [name.removesuffix("_tokens") if name != "mean_sqrt_len_tokens" else name for name in short] or ["mean"]


def read_prompts(folder: Path) -> dict[str, str]:
    """The prompts that the model declares, empty ones left out; the default one stands under ''."""
    config = _optional(folder / "config_sentence_transformers.json")
    prompts = {name: text for name, text in (config.get("prompts") or {}).items() if text}
    default = config.get("default_prompt_name")
    return prompts | ({"": prompts[default]} if default in prompts else {})


def prompt_for(folder: Path, *names: str) -> str:
    """The first of the named prompts that the model declares, else its default prompt, else none at all."""
    prompts = read_prompts(folder)
    return next((prompts[name] for name in (*names, "") if name in prompts), "")


def weights_digest(files: list[Path]) -> str:
    """SHA-256 of the files, in hex: of the content where there is one, else of their hashes in the order given."""
    hashes = [_file_sha256(file) for file in files]
    return hashes[0] if len(hashes) == 1 else sha256(" ".join(hashes).encode()).hexdigest()


def _file_sha256(file: Path) -> str:
    target = file.resolve()
    if target.parent.name == "blobs" and re.fullmatch(r"[0-9a-f]{64}", target.name):
        return target.name  # the hub's cache names a large file by its hash, and checked it on arrival
    digest = sha256()
    with file.open("rb") as stream:
        while part := stream.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def _json(file: Path) -> dict[str, Any]:
    content = json.loads(file.read_text("utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"{file.name} holds no object")
    return content


def _optional(file: Path) -> dict[str, Any]:
    return _json(file) if file.is_file() else {}


def _dimension(modules: list[Module]) -> int:
    """Length of the vectors: the last module that changes it decides."""
    for module in reversed(modules):
        config = module.config
        if module.kind == "Dense":
            return int(config["out_features"])
        if module.kind == "Pooling":
            if size := config.get("embedding_dimension") or config.get("word_embedding_dimension"):
                return int(size) * len(pooling_modes(module))
            break
        if module.kind == "StaticEmbedding":
            return _safetensors_shape(module.folder / WEIGHTS)[-1]
        if module.kind not in ("Normalize", "LayerNorm", "Dropout"):
            break
    kinds = " → ".join(module.kind for module in modules)
    raise ValueError(f"the dimension of its vectors is not in the files of {kinds}")


def _max_tokens(first: Module) -> int:
    """As sentence-transformers has it: its own setting, else the least of the tokenizer's and the positions."""
    if own := first.config.get("max_seq_length"):
        return int(own)
    if first.kind != "Transformer":
        return _UNBOUNDED
    tokenizer = _optional(first.folder / "tokenizer_config.json").get("model_max_length")
    positions = _json(first.folder / "config.json").get("max_position_embeddings")
    return int(min([limit for limit in (tokenizer, positions) if limit and limit > 0] or [_UNBOUNDED]))


def _positions(first: Module) -> int:
    """Tokens that a model has positions for; those of the RoBERTa family begin behind the padding's."""
    if first.kind != "Transformer":
        return _UNBOUNDED
    config = _json(first.folder / "config.json")
    positions = int(config.get("max_position_embeddings") or _UNBOUNDED)
    if "roberta" in str(config.get("model_type")):
        positions -= int(config.get("pad_token_id") or 0) + 1
    return positions


def _safetensors_shape(file: Path) -> list[int]:
    """Shape of the first tensor, from the header: eight bytes of length, then JSON."""
    with file.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        header = json.loads(stream.read(length))
    return next(list(entry["shape"]) for key, entry in header.items() if key != "__metadata__")


def _space(
    folder: Path, modules: list[Module], known: str | None, dimension: int, max_tokens: int, normalised: bool
) -> str:
    weights = known or weights_digest(weight_files(folder) or _no_weights(folder))
    architecture = _optional(modules[0].folder / "config.json") if modules[0].kind == "Transformer" else {}
    tokenizers = [path for name in _TOKENIZER if (path := modules[0].folder / name).is_file()]
    parts = {
        "weights": weights,
        "architecture": {key: value for key, value in architecture.items() if key not in _SAYS_NOTHING},
        "tokenizer": weights_digest(tokenizers[:1]) if tokenizers else None,
        "modules": [
            [module.kind, pooling_modes(module), module.config.get("include_prompt", True)]
            if module.kind == "Pooling"
            else [module.kind, {key: value for key, value in module.config.items() if key != "max_seq_length"}]
            for module in modules
        ],
        "normalised": normalised,
        "dimension": dimension,
        "max_tokens": max_tokens,
        "prompts": read_prompts(folder),
    }
    return sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:12]


def _no_weights(folder: Path) -> list[Path]:
    raise ValueError(f"no *.safetensors and no pytorch_model*.bin in {folder}")
