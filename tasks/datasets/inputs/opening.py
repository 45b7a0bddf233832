"""The bytes of an input file: opened, unpacked, and known to be those that were listed."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from freshet.tasks.errors import MissingExtra, SourceError
from freshet.tasks.settings.addresses import escaped, safe_reason
from freshet.tasks.settings.datasets import FileKind

BLOCK = 1 << 20
"""Bytes read at once."""

PACKED: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
"""Compressions that Python reads by itself, so that they read alike everywhere."""

_BOM = b"\xef\xbb\xbf"
_WIDE_MARKS = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)

_OTHER_MARKS = (
    (b"PAR1", "Parquet"),
    (b"\x1f\x8b", "compressed by gzip"),
    (b"BZh", "compressed by bzip2"),
    (b"\xfd7zXZ", "compressed by xz"),
    (b"\x28\xb5\x2f\xfd", "compressed by Zstandard"),
    (b"PK\x03\x04", "a zip archive"),
)


@dataclass(frozen=True)
class InputFile:
    """A file of rows.

    Attributes:
        input: what its input is called.
        uri: how lineage and exports name it: relative to the project for files in it; a URL without credentials.
        address: where it is read from; may hold credentials, so it is never shown.
        version: SHA-256 of its bytes, 64 hexadecimal digits.
    """

    input: str
    uri: str
    address: str
    kind: FileKind
    version: str


class TornArchive(Exception):
    """A compressed file cannot be unpacked further."""


def is_url(text: str) -> bool:
    """Whether an address is a URL, and not a path."""
    return "://" in text


def without_query(url: str) -> str:
    """Returns a web address without its query string; any other address as it is."""
    return url.partition("?")[0] if url.lower().startswith(("http://", "https://")) else url


def connected(called: str, shown: str, url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path within it.

    Raises:
        MissingExtra: the package that reads such URLs is not installed.
        SourceError: there is no such file system, or it cannot be reached.
    """
    from fsspec.core import url_to_fs

    try:
        fs, path = url_to_fs(url)
    except ImportError as error:
        extra = 'pip install "freshet[s3]"' if url.startswith(("s3://", "s3a://")) else "install that package"
        what = f"input {called}: {shown} needs a package that is not installed: {safe_reason(error, url, shown)}"
        raise MissingExtra(escaped(what), extra) from None
    except ValueError as error:
        what = f"input {called}: {shown} cannot be used: {safe_reason(error, url, shown)}"
        raise SourceError(escaped(what), _ADDRESS) from None
    except Exception as error:  # file systems are plug-ins and raise anything
        raise unreadable(called, shown, url, error) from None
    return fs, str(path)


_ADDRESS = "write a path, a glob, or a URL that fsspec knows"


def unreadable(called: str, shown: str, address: str, error: BaseException) -> SourceError:
    """Returns the error that says why an input cannot be read, without a credential of its address."""
    return SourceError(
        escaped(f"input {called}: {shown} cannot be read: {safe_reason(error, address, shown)}"),
        "see that the file is there and may be read, then run it again",
    )


@contextmanager
def opened_raw(called: str, uri: str, address: str) -> Iterator[IO[bytes]]:
    """The file's bytes as they are stored."""
    with _open(called, uri, address) as stream:
        yield stream


def _open(called: str, uri: str, address: str) -> IO[bytes]:
    try:
        if not is_url(address):
            return Path(address).open("rb")
        fs, path = connected(called, uri, address)
        stream: IO[bytes] = fs.open(path, "rb")
        return stream
    except (SourceError, MissingExtra):
        raise
    except Exception as error:  # as in connected
        raise unreadable(called, uri, address, error) from None


class _Stored:
    """A file's bytes, hashed as they are read."""

    def __init__(self, file: InputFile, stream: IO[bytes]) -> None:
        self._file = file
        self._stream = stream
        self._digest = sha256()

    def read(self, size: int = -1) -> bytes:
        try:
            data = self._stream.read(size)
        except Exception as error:  # as in connected
            raise unreadable(self._file.input, self._file.uri, self._file.address, error) from None
        self._digest.update(data)
        return data

    def settle(self) -> None:
        """Reads what is left, and makes sure that the rows are those of the version that was listed."""
        while self.read(BLOCK):
            pass
        if self._digest.hexdigest() != self._file.version:
            raise changed(self._file)


def changed(file: InputFile) -> SourceError:
    """Returns the error that says that a file was changed while it was read."""
    return SourceError(
        escaped(f"input {file.input}: {file.uri} was changed while it was read"),
        "run it again when nobody writes to it",
    )


class Unpacked:
    """The bytes of a text file: unpacked, and without the mark that some programs put before UTF-8."""

    def __init__(self, stored: Any) -> None:
        """Wraps a stream of stored bytes; nothing is read yet."""
        self._stored = stored
        self._begun = False

    def read(self, size: int = BLOCK) -> bytes:
        """
        Raises:
            TornArchive: the compressed file is cut off or damaged.
        """
        try:
            data: bytes = self._stored.read(size)
        except (EOFError, OSError, zlib.error, lzma.LZMAError):
            raise TornArchive from None
        if not self._begun:
            self._begun = True
            if data.startswith(_BOM):
                return data[len(_BOM) :] or self.read(size)
        return data


@contextmanager
def opened(file: InputFile, whole: bool = True) -> Iterator[Unpacked]:
    """A text file's bytes.

    Args:
        whole: it is read for its rows; else somebody only looks into it.

    Raises:
        SourceError: it cannot be read, or it is no longer the version that was listed.
    """
    with opened_raw(file.input, file.uri, file.address) as stream:
        stored = _Stored(file, stream)
        unpack = PACKED.get(Path(without_query(file.address)).suffix.lower())
        yield Unpacked(unpack(stored, "rb") if unpack else stored)
        if whole:
            stored.settle()


def digest_of(stream: IO[bytes]) -> str:
    """SHA-256 of what a file holds, block by block."""
    digest = sha256()
    while data := stream.read(BLOCK):
        digest.update(data)
    return digest.hexdigest()


def no_utf8(head: bytes) -> str | None:
    """UTF-16 or UTF-32, where a file begins like one of them."""
    for mark, name in _WIDE_MARKS:
        if head.startswith(mark):
            return name
    nulls = [byte == 0 for byte in head[:4]]
    return "UTF-16" if nulls in ([True, False, True, False], [False, True, False, True]) else None


def no_text(head: bytes) -> str | None:
    """What else a file is that begins like no text."""
    return next((what for mark, what in _OTHER_MARKS if head.startswith(mark)), None)
