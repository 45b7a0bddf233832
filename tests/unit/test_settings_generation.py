"""What the settings may say of language models, and what is said of mistakes in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from freshet.tasks.settings.file import find_notes, find_problems, load_project
from freshet.tasks.settings.generation import Endpoint

SERVER = {"endpoint": "https://models.example.org/v1", "name": "parrot"}


def _file(folder: Path, **generation: Any) -> Path:
    file = folder / "freshet.yaml"
    file.write_text(yaml.safe_dump({"corpora": {}, "generation": generation}))
    return file


@pytest.mark.parametrize(
    "model",
    ["extractive", "bundled", SERVER, {**SERVER, "endpoint": "http://127.0.0.1:8080/v1", "api_key": "${KEY:-k}"}],
)
def test_the_ways_to_name_a_model(model: Any, tmp_path: Path) -> None:
    file = _file(tmp_path, model=model)
    assert find_problems(file) == []
    assert [note.where for note in find_notes(file)] == []
    found = load_project(file).settings.generation.model
    assert isinstance(found, Endpoint) is isinstance(model, dict)


@pytest.mark.parametrize(
    ("generation", "where", "words"),
    [
        ({"model": 5}, "generation.model", "5 is not text"),
        ({"model": ""}, "generation.model", "model is empty"),
        ({"model": "extractiv"}, "generation.model", "did you mean extractive?"),
        ({"model": "mine.bin"}, "generation.model", "there is no model mine.bin"),
        ({"model": "./mine.gguf"}, "generation.model", "looked for "),
        ({"prompt": "prompt.j2"}, "generation.prompt", "looked for "),
        ({"model": {"name": "a"}}, "generation.model.endpoint", "the key endpoint is missing"),
        ({"model": {**SERVER, "apikey": "k"}}, "generation.model.apikey", "did you mean api_key?"),
        ({"model": {**SERVER, "name": 5}}, "generation.model.name", "5 is not text"),
        ({"max_tokens": 5}, "generation.max_tokens", "from 16 to 8192"),
    ],
)
def test_a_mistake_is_told_at_its_key(generation: Any, where: str, words: str, tmp_path: Path) -> None:
    (problem,) = find_problems(_file(tmp_path, **generation))
    assert problem.where == where
    assert words.format(folder=tmp_path) in f"{problem.what}\n{problem.mend}"


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ftp://models.example.org", "no URL of http or https"),
        ("models.example.org/v1", "no URL of http or https"),
        ("https:///v1", "no URL of http or https"),
        ("https://models.example.org:99999/v1", "no URL"),
        ("https://[::1/v1", "no URL"),
        ("https://models example.org/v1", "no URL of http or https"),
        ("https://ada:sk-secret@models.example.org/v1", "holds a user or a password"),
        ("https://sk-secret@models.example.org/v1", "holds a user or a password"),
        ("https://models.example.org/v1?key=sk-secret", "has something after ?"),
        ("https://models.example.org/v1/chat/completions", "the address of one call"),
    ],
)
def test_an_address_that_cannot_be_one_is_told_and_not_shown(address: str, words: str, tmp_path: Path) -> None:
    (problem,) = find_problems(_file(tmp_path, model={**SERVER, "endpoint": address}))
    assert problem.where == "generation.model.endpoint"
    assert words in problem.what
    assert "sk-secret" not in str(problem)


@pytest.mark.parametrize("key", ["sk-secret with space", "sk-secret\n", "sk-secreté", 123456789, ["sk-secret"]])
def test_a_key_that_cannot_be_one_is_told_and_not_shown(key: Any, tmp_path: Path) -> None:
    (problem,) = find_problems(_file(tmp_path, model={**SERVER, "api_key": key}))
    assert problem.where == "generation.model.api_key"
    assert "secret" not in str(problem)
    assert "123456789" not in str(problem)


def test_a_key_is_never_shown(tmp_path: Path) -> None:
    file = _file(tmp_path, model={**SERVER, "api_key": "sk-secret"})
    (note,) = find_notes(file)
    assert note.where == "generation.model.api_key"
    assert "write ${NAME} in its place" in note.mend
    assert "sk-secret" not in f"{note}{load_project(file)!r}"


def test_documents_that_travel_unencrypted_are_noted(tmp_path: Path) -> None:
    (note,) = find_notes(_file(tmp_path, model={**SERVER, "endpoint": "http://models.example.org/v1"}))
    assert note.where == "generation.model.endpoint"
    assert "unencrypted" in note.what


def test_a_model_that_is_not_there_stops_nobody_who_wants_no_answer(tmp_path: Path) -> None:
    file = _file(tmp_path, model="./mine.gguf", prompt="prompt.j2")
    assert len(find_problems(file)) == 2
    load_project(file)
