"""Which language model is opened, and what is said of one that is not there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from freshet.tasks.answers.models.endpoint import EndpointModel
from freshet.tasks.answers.models.local import LocalModel
from freshet.tasks.answers.models.model import Model
from freshet.tasks.answers.models.open import open_model
from freshet.tasks.errors import MissingExtra, ModelFailed, SettingsError
from freshet.tasks.settings.file import Project, load_project

SERVER = {"endpoint": "https://models.example.org/v1", "name": "parrot", "api_key": "${PARROT:-sk-secret}"}


def project(folder: Path, model: Any = None) -> Project:
    file = folder / "freshet.yaml"
    file.write_text(yaml.safe_dump({"generation": {"model": model or "extractive"}}))
    return load_project(file)


def test_extractive_needs_no_model(tmp_path: Path) -> None:
    assert open_model(project(tmp_path)) is None
    assert open_model(project(tmp_path, SERVER), "extractive") is None


def test_a_server_is_opened_by_settings_or_by_its_models_name(tmp_path: Path) -> None:
    for chosen in (None, "parrot"):
        model: Model | None = open_model(project(tmp_path, SERVER), chosen)
        assert isinstance(model, EndpointModel)
        assert model.name == "parrot at models.example.org"
        assert "sk-secret" not in repr(model)


def test_a_file_is_found_from_the_settings_file_or_the_working_folder(
    tmp_path: Path, model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a.gguf").symlink_to(model_file)
    monkeypatch.chdir(tmp_path / "here")
    model = open_model(project(tmp_path / "there", "./a.gguf"))
    assert isinstance(model, LocalModel)
    assert model.name == "a.gguf"
    assert open_model(project(tmp_path, "extractive"), "../there/a.gguf") is not None
    with pytest.raises(SettingsError, match=r"the model a\.gguf does not exist\n  Looked for .*/here/a\.gguf"):
        open_model(project(tmp_path / "there", "./a.gguf"), "a.gguf")


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (
            "extractiv",
            r"extractiv\n  Did you mean extractive\? Choose extractive, bundled, parrot, or the path",
        ),
        ("parot", r"Did you mean parrot\?"),
        ("model.bin", r"there is no model model\.bin\n  Choose"),
    ],
)
def test_what_is_no_model_is_told_with_the_choices(chosen: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=words):
        open_model(project(tmp_path, SERVER), chosen)


def test_the_bundled_model_says_how_to_fetch_it(
    tmp_path: Path, model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = open_model(project(tmp_path, "bundled"))
    assert isinstance(model, LocalModel)
    assert model.name == "bundled"
    monkeypatch.setenv("FRESHET_MODELS", str(tmp_path / "none"))
    with pytest.raises(ModelFailed, match=r"is not in .*/none\n  Fetch it: freshet model add smollm2"):
        open_model(project(tmp_path), "bundled")


def test_a_package_that_is_missing_is_named_with_its_extra(
    tmp_path: Path, model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("openai", "xllamacpp"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=r"pip install 'freshet\[llm\]'"):
        open_model(project(tmp_path, SERVER))
    with pytest.raises(MissingExtra, match=r"pip install 'freshet\[local-llm\]'"):
        open_model(project(tmp_path, "bundled"))
