"""What the settings may say of a reranker, and what is said of mistakes in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from freshet.tasks.settings.file import find_notes, find_problems, load_project

SERVER = {"endpoint": "https://models.example.org/v1", "name": "judge"}


def _file(folder: Path, reranker: Any) -> Path:
    file = folder / "freshet.yaml"
    file.write_text(yaml.safe_dump({"corpora": {}, "reranker": reranker}))
    return file


@pytest.mark.parametrize("model", ["team/cross-encoder", SERVER, {**SERVER, "api_key": "${KEY:-k}"}])
def test_the_ways_to_name_a_reranker(model: Any, tmp_path: Path) -> None:
    file = _file(tmp_path, {"model": model, "candidates": 20, "timeout": "2s"})
    assert find_problems(file) == []
    assert find_notes(file) == []
    found = load_project(file).settings.reranker
    assert found is not None
    assert (found.candidates, found.timeout.total_seconds()) == (20, 2)


def test_there_is_none_by_default(tmp_path: Path) -> None:
    file = tmp_path / "freshet.yaml"
    file.write_text("corpora: {}\n")
    assert load_project(file).settings.reranker is None


@pytest.mark.parametrize(
    ("reranker", "where", "words"),
    [
        ("team/cross-encoder", "reranker", "write keys below it: model, candidates, timeout"),
        ({}, "reranker.model", "the key model is missing"),
        ({"model": 5}, "reranker.model", "5 is not text"),
        ({"model": {"name": "judge"}}, "reranker.model.endpoint", "the key endpoint is missing"),
        ({"model": {**SERVER, "key": "k"}}, "reranker.model.key", "api_key"),
        ({"model": {**SERVER, "endpoint": SERVER["endpoint"] + "/rerank"}}, "reranker.model.endpoint",
         "the address of one call, not of the server\nend it with /v1"),
        ({"model": SERVER, "candidates": 1}, "reranker.candidates", "from 2 to 1000"),
        ({"model": SERVER, "timeout": 5}, "reranker.timeout", "a number and s, m (minutes)"),
        ({"model": SERVER, "candidate": 5}, "reranker.candidate", "did you mean candidates?"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_at_its_key(reranker: Any, where: str, words: str, tmp_path: Path) -> None:
    (problem,) = find_problems(_file(tmp_path, reranker))
    assert problem.where == where
    assert words in f"{problem.what}\n{problem.mend}"


def test_a_key_in_the_file_and_a_way_that_others_can_read_are_noted(tmp_path: Path) -> None:
    model = {**SERVER, "endpoint": "http://models.example.org/v1", "api_key": "sk-secret"}
    notes = find_notes(_file(tmp_path, {"model": model}))
    assert {note.where for note in notes} == {"reranker.model.endpoint", "reranker.model.api_key"}
    assert "sk-secret" not in str(notes)
