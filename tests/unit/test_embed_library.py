"""What is embedded without sentence-transformers equals what it makes, and all else is left to it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from freshet.tasks.embedding.embed import Embedder
from freshet.tasks.embedding.encoders import LibraryEncoder
from freshet.tasks.embedding.models import ModelFiles, read_model
from freshet.tasks.embedding.packed_bert import Bert, is_plain_bert

TEXTS = [
    "Holiday requests go to your supervisor, at least two weeks before the first day.",
    "",
    "Ünïcödé, 漢字, ﬁ ligatures, tabs\tand\nlines, control \x00 and \u200b characters, emoji 🎉.",
    "[CLS] [SEP] [MASK] [PAD] are tokens of their own.",
    "A laptop that was lost is reported within the hour. " * 40,
    "x" * 5000,
    "Short.",
]


@pytest.fixture(scope="module")
def library(model: ModelFiles) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(model.folder), device="cpu")


@pytest.fixture
def copy(model: ModelFiles, tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    shutil.copytree(model.folder, folder)
    return folder


def edit(file: Path, **changes: object) -> None:
    file.write_text(json.dumps((json.loads(file.read_text("utf-8")) if file.exists() else {}) | changes), "utf-8")


def test_plain_bert_equals_the_library(model: ModelFiles, library: Any) -> None:
    embedder = Embedder(model, "fp32")
    assert isinstance(embedder._encoder, Bert)
    assert np.abs(embedder.embed(TEXTS) - library.encode(TEXTS)).max() < 1e-6
    assert np.abs(embedder.embed_query(TEXTS[0]) - library.encode_query(TEXTS[0])).max() < 1e-6


def test_plain_bert_with_prompts_equals_the_library(copy: Path) -> None:
    from sentence_transformers import SentenceTransformer

    edit(copy / "config_sentence_transformers.json", prompts={"query": "query: ", "document": "passage: "})
    embedder, library = Embedder(read_model("m", copy), "fp32"), SentenceTransformer(str(copy), device="cpu")
    assert isinstance(embedder._encoder, Bert)
    assert np.abs(embedder.embed(TEXTS) - library.encode_document(TEXTS)).max() < 1e-6
    assert np.abs(embedder.embed_query(TEXTS[0]) - library.encode_query(TEXTS[0])).max() < 1e-6
    assert np.abs(embedder.embed_query(TEXTS[0]) - embedder.embed(TEXTS[:1])[0]).max() > 0.01


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("config.json", {"model_type": "roberta"}),
        ("config.json", {"hidden_act": "gelu_new"}),
        ("config.json", {"position_embedding_type": "relative_key"}),
        ("config.json", {"is_decoder": True}),
        ("1_Pooling/config.json", {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}),
        ("1_Pooling/config.json", {"include_prompt": False}),
        ("sentence_bert_config.json", {"do_lower_case": True}),
        ("tokenizer_config.json", {"do_lower_case": False}),
        ("tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast"}),
        ("tokenizer_config.json", {"truncation_side": "left"}),
        ("tokenizer.json", {"normalizer": None}),
        ("tokenizer.json", {"pre_tokenizer": {"type": "Whitespace"}}),
        ("modules.json", None),
    ],
)
def test_whatever_is_not_plain_bert_is_left_to_the_library(copy: Path, file: str, change: dict[str, Any]) -> None:
    assert is_plain_bert(copy)
    if change is None:
        (copy / file).unlink()
    else:
        edit(copy / file, **change)
    assert not is_plain_bert(copy)


def test_another_pooling_goes_through_the_library_and_equals_it(copy: Path) -> None:
    from sentence_transformers import SentenceTransformer

    edit(copy / "1_Pooling" / "config.json", pooling_mode_mean_tokens=False, pooling_mode_cls_token=True)
    edit(copy / "config_sentence_transformers.json", prompts={"query": "query: ", "passage": "passage: "})
    model = read_model("m", copy)
    embedder, library = Embedder(model, "fp32"), SentenceTransformer(str(copy), device="cpu")
    assert isinstance(embedder._encoder, LibraryEncoder)
    expected = library.encode(TEXTS, prompt="passage: ")
    assert np.abs(embedder.embed(TEXTS) - expected).max() < 1e-5
    assert np.abs(embedder.embed_query(TEXTS[0]) - library.encode_query(TEXTS[0])).max() < 1e-5
    low = Embedder(model, "bf16")
    assert low.precision == "bf16"
    assert (low.embed(TEXTS) * expected).sum(axis=1).min() > 0.999


def test_a_model_without_a_transformer_works_and_says_its_precision(tmp_path: Path, model: ModelFiles) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model.folder / "tokenizer.json"))
    tokenizer.no_padding()
    made = SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=32)], device="cpu")
    made.save_pretrained(str(tmp_path / "static"))
    files = read_model("static", tmp_path / "static")
    assert (files.dimension, files.normalised) == (32, False)
    embedder = Embedder(files, "bf16")
    assert embedder.precision == "fp32"
    expected = made.encode(TEXTS[2:], normalize_embeddings=True)
    assert np.abs(embedder.embed(TEXTS[2:]) - expected).max() < 1e-6
