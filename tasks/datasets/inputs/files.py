"""Which files an input names, and what each of them is."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from glob import glob, has_magic
from pathlib import Path, PurePosixPath
from typing import Any

from freshet.tasks.datasets.inputs.opening import (
    PACKED,
    InputFile,
    connected,
    digest_of,
    is_url,
    opened_raw,
    unreadable,
    without_query,
)
from freshet.tasks.errors import FreshetError, SourceError
from freshet.tasks.settings.addresses import escaped, without_credentials
from freshet.tasks.settings.datasets import FileKind, RowsInput

_KINDS: dict[str, FileKind] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
}
_MOST_NAMED = 5


def list_files(given: RowsInput, root: Path) -> list[InputFile]:
    """The files of an input, by uri. Each is read once, for its version.

    Args:
        root: the folder that the input's path is relative to: that of the settings file.

    Raises:
        SourceError: nothing is there, a file cannot be read, or no suffix says what it is.
        MissingExtra: its URL needs a package that is not installed.
    """
    pairs = _in_url(given) if is_url(given.rows) else _in_folder(given, Path(os.path.abspath(root)))
    return [_described(given, uri, address) for uri, address in sorted(pairs)]


def _described(given: RowsInput, uri: str, address: str) -> InputFile:
    kind = given.kind or kind_of(address)
    if kind is None:
        raise SourceError(
            escaped(f"input {given.called}: the suffix of {uri} does not say what the file is"),
            f"say kind: jsonl, json, csv or parquet; or name files that end in {', '.join(_KINDS)}",
        )
    with opened_raw(given.called, uri, address) as stream:
        try:
            version = digest_of(stream)
        except Exception as error:  # file systems are plug-ins and raise anything
            raise unreadable(given.called, uri, address, error) from None
    return InputFile(given.called, uri, address, kind, version)


def kind_of(address: str) -> FileKind | None:
    """What the suffix of a path or URL says; text files may be compressed besides."""
    path = PurePosixPath(without_query(address.split("::", maxsplit=1)[0]))
    if path.suffix.lower() not in PACKED:
        return _KINDS.get(path.suffix.lower())
    kind = _KINDS.get(PurePosixPath(path.stem).suffix.lower())
    return kind if kind != "parquet" else None


def _in_folder(given: RowsInput, root: Path) -> list[tuple[str, str]]:
    """Pairs of uri and address."""
    pattern = given.rows
    if (root / pattern).is_file():
        names = [pattern]
    elif has_magic(pattern):
        names = [name for name in glob(pattern, root_dir=root, recursive=True) if (root / name).is_file()]
    else:
        names = []
    if not names:
        raise _nothing(given, pattern, *_near(root, pattern))
    pairs = {}
    for name in names:
        address = os.path.abspath(root / name)
        uri = _uri(address, name, root)
        if not _is_text(uri):
            what = escaped(f"input {given.called}: the name of {uri} is not valid UTF-8")
            raise SourceError(what, "rename the file")
        pairs[uri] = address
    return list(pairs.items())


def _uri(address: str, name: str, root: Path) -> str:
    path = Path(address)
    if path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    return Path(os.path.normpath(name)).as_posix()


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _near(root: Path, pattern: str) -> tuple[str, list[str]]:
    """The nearest folder that is there, as it would be written, and the names in it."""
    fixed = []
    for part in PurePosixPath(pattern).parts:
        if has_magic(part):
            break
        fixed.append(part)
    folder = PurePosixPath(*fixed) if len(fixed) < len(PurePosixPath(pattern).parts) else PurePosixPath(*fixed[:-1])
    if (root / pattern).is_dir():
        folder = PurePosixPath(pattern)
    while not (root / folder).is_dir() and folder != folder.parent:
        folder = folder.parent
    try:
        names = sorted(entry.name + ("/" if entry.is_dir() else "") for entry in (root / folder).iterdir())
    except OSError:
        names = []
    return str(folder), [name for name in names if not name.startswith(".") and _is_text(name)]


def _nothing(given: RowsInput, shown: str, folder: str, names: Sequence[str]) -> SourceError:
    """Says what was found near an address that matches nothing."""
    where = "the project's folder" if folder == "." else folder
    likely = get_close_matches(PurePosixPath(shown).name, names, n=_MOST_NAMED, cutoff=0.6)
    named = [*likely, *(name for name in names if name not in likely)][:_MOST_NAMED]
    more = f" and {len(names) - len(named)} more" if len(names) > len(named) else ""
    found = f"{where} holds {', '.join(named)}{more}" if named else f"{where} is empty, or is not there"
    what = escaped(f"input {given.called}: rows names no file: {shown}; {found}")
    mend = f"did you mean {likely[0]}?" if likely else "correct rows of that input"
    if folder.rstrip("/") == shown.rstrip("/") and names:
        mend = f"name its files, like {shown.rstrip('/')}/*.jsonl"
    return SourceError(what, escaped(mend))


def _in_url(given: RowsInput) -> list[tuple[str, str]]:
    """Pairs of uri and address, for an address that fsspec knows."""
    url = given.rows
    shown = _named(url)
    fs, path = connected(given.called, shown, url)
    try:
        # fsspec keeps listings for the life of the process, which would hide every change from a worker.
        fs.invalidate_cache()
        if not has_magic(without_query(url.split("::", maxsplit=1)[0])) or fs.isfile(path):
            stored = [path] if fs.isfile(path) else []
        else:
            stored = [name for name in fs.glob(path) if fs.isfile(name)]
        if not stored:
            raise _nothing(given, shown, *_near_url(fs, path, shown))
    except FreshetError:
        raise
    except Exception as error:  # file systems are plug-ins and raise anything
        raise unreadable(given.called, shown, url, error) from None
    addresses = {_full(fs, url, path, name) for name in stored}
    return [(_named(address), address) for address in addresses]


def _full(fs: Any, url: str, path: str, name: str) -> str:
    """The URL of a file whose name the file system gave, written as the input's own is."""
    if name == path:
        return url
    head, chain, tail = url.partition("::")
    inside = path.lstrip("/")
    start = head[: -len(inside)] if inside and head.endswith(inside) else None
    full = f"{start}{name.lstrip('/')}" if start is not None else str(fs.unstrip_protocol(name))
    return f"{full}{chain}{tail}"


def _named(url: str) -> str:
    """The URL as rows and messages name it: without credentials, nor a query of a web address, which may be signed."""
    return without_credentials(url, web_queries=False)


def _near_url(fs: Any, path: str, shown: str) -> tuple[str, list[str]]:
    folder = path.rstrip("/").rpartition("/")[0]
    while has_magic(folder):
        folder = folder.rpartition("/")[0]
    depth = path.rstrip("/").count("/") - folder.count("/")
    try:
        names = sorted(_listed(fs, folder))
    except Exception:  # as in _in_url; what is near is a help and no more
        names = []
    return shown.rstrip("/").rsplit("/", depth)[0], names


def _listed(fs: Any, folder: str) -> Iterator[str]:
    for entry in fs.ls(folder, detail=True):
        name = str(entry["name"]).rstrip("/").rpartition("/")[2]
        yield name + ("/" if entry.get("type") == "directory" else "")
