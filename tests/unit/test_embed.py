"""Texts → vectors, with the bundled model."""

from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from freshet.tasks.embedding.embed import Embedder, check_vectors, load_embedder
from freshet.tasks.embedding.models import ModelFiles, read_model
from freshet.tasks.errors import EmbeddingError

TEXTS = [
    "Holiday requests go to your supervisor, at least two weeks before the first day.",
    "Buy only what the team's budget covers.",
    "",
    "Ünïcödé, 漢字 and emoji 🎉 are words as well.",
    "A laptop that was lost is reported within the hour. " * 12,
    "word " * 700,
    "x" * 5000,
    "Short.",
]


@pytest.fixture(scope="module")
def embedder(model: ModelFiles) -> Embedder:
    return load_embedder(model, "fp32")


def test_vectors_are_float32_of_unit_length_in_the_order_of_the_texts(embedder: Embedder) -> None:
    vectors = embedder.embed(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), 384)
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-5
    for text, vector in zip(TEXTS, vectors, strict=True):
        assert embedder.embed([text])[0] @ vector > 0.99999


def test_a_text_is_nearer_to_what_it_means(embedder: Embedder) -> None:
    question = embedder.embed_query("How do I ask for vacation?")
    assert question.shape == (384,)
    assert (embedder.embed(TEXTS) @ question).argmax() == 0


def test_identical_texts_are_embedded_once(embedder: Embedder, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    prepare = embedder._encoder.prepare

    def counting(texts: list[str], role: Any, reads: int) -> Any:
        seen.extend(texts)
        return prepare(texts, role, reads)

    monkeypatch.setattr(embedder._encoder, "prepare", counting)
    vectors = embedder.embed(["again", "once", "again", "again"])
    assert sorted(seen) == ["again", "once"]
    assert (vectors[0] == vectors[2]).all()
    assert (vectors[0] == vectors[3]).all()
    assert vectors[0] @ vectors[1] < 0.99


def test_no_texts_give_no_vectors(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, 384)


def test_what_lies_beyond_the_model_s_length_is_cut_off(embedder: Embedder) -> None:
    long = "word " * 254
    vectors = embedder.embed([long, long + "elephant " * 5000])
    assert vectors[0] @ vectors[1] > 0.99999


def test_bf16_is_nearly_fp32(model: ModelFiles, embedder: Embedder) -> None:
    low = Embedder(model, "bf16")
    assert low.precision == "bf16"
    assert (low.embed(TEXTS) * embedder.embed(TEXTS)).sum(axis=1).min() > 0.9995


def test_vectors_do_not_depend_on_what_else_is_embedded(embedder: Embedder) -> None:
    alone = embedder.embed(TEXTS[:1])
    among = embedder.embed([f"{number} {TEXTS[4]}" for number in range(40)] + TEXTS[:1])
    assert np.abs(alone[0] - among[-1]).max() < 1e-5


def test_several_threads_may_share_one_embedder(embedder: Embedder) -> None:
    expected = embedder.embed(TEXTS)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: embedder.embed(TEXTS), range(8)):
            assert (found == expected).all()


def test_torch_s_thread_setting_is_left_as_it_was(embedder: Embedder) -> None:
    import torch

    before = torch.get_num_threads()
    embedder.embed(TEXTS)
    assert torch.get_num_threads() == before


def test_a_model_is_loaded_once_a_process(model: ModelFiles, embedder: Embedder) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: load_embedder(model, "fp32"), range(4))) == {embedder}


def test_the_bundled_model_needs_neither_transformers_nor_sentence_transformers() -> None:
    code = (
        "import sys; from pathlib import Path; from freshet.tasks.settings.embedding import Embedding\n"
        "from freshet.tasks.embedding.embed import load_embedder\n"
        "from freshet.tasks.embedding.models import resolve_model\n"
        "load_embedder(resolve_model(Embedding(), Path()), 'auto').embed_query('anything')\n"
        "print([m for m in ('transformers', 'sentence_transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_tampered_weights_are_refused(model: ModelFiles, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(model.folder, folder)
    weights = folder / "model.safetensors"
    with weights.open("r+b") as file:
        file.seek(50_000_000)
        byte = file.read(1)[0]
        file.seek(50_000_000)
        file.write(bytes([byte ^ 1]))
    tampered = read_model("bundled", folder, weights_sha256=model.weights_sha256)
    with pytest.raises(EmbeddingError, match=f"expected {model.weights_sha256}"):
        Embedder(tampered, "fp32")
    weights.unlink()
    with pytest.raises(EmbeddingError, match="cannot be read"):
        Embedder(tampered, "fp32")


def test_damaged_files_are_an_error_without_a_traceback_of_torch(model: ModelFiles, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(model.folder, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(EmbeddingError, match="cannot be loaded"):
        Embedder(read_model("mine", folder), "fp32")


def test_an_encoder_that_loses_a_text_is_noticed(model: ModelFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = Embedder(model, "fp32")
    encode = embedder._encoder.encode
    monkeypatch.setattr(embedder._encoder, "encode", lambda batch: encode(batch)[1:])
    with pytest.raises(EmbeddingError, match="shape"):
        embedder.embed(TEXTS)
    monkeypatch.setattr(embedder._encoder, "encode", lambda batch: encode(batch) * np.float32("nan"))
    with pytest.raises(EmbeddingError, match="NaN"):
        embedder.embed(TEXTS)


UNIT = np.eye(4, dtype=np.float32)


def test_good_vectors_pass() -> None:
    check_vectors(UNIT[:3], 3, 4)
    check_vectors(UNIT[:0], 0, 4)


@pytest.mark.parametrize(
    ("vectors", "count", "dimension", "reason"),
    [
        (UNIT, 3, 4, "shape"),
        (UNIT, 4, 5, "shape"),
        (UNIT[0], 1, 4, "shape"),
        (np.where(UNIT > 0, np.nan, UNIT), 4, 4, "NaN"),
        (np.where(UNIT > 0, np.inf, UNIT), 4, 4, "infinity"),
        (UNIT * 1.01, 4, 4, "unit length"),
        (np.zeros((4, 4), np.float32), 4, 4, "unit length"),
    ],
)
def test_unusable_vectors_are_refused(vectors: Any, count: int, dimension: int, reason: str) -> None:
    with pytest.raises(EmbeddingError, match=reason):
        check_vectors(vectors, count, dimension)
