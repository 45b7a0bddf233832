"""Tells what type of file a document is, by its suffix and its first bytes."""

from __future__ import annotations

import re
import zipfile
import zlib
from pathlib import PurePosixPath

IMAGE_SUFFIXES = ("png", "jpg", "jpeg", "tif", "tiff", "bmp", "heic", "webp", "gif")

SUFFIXES: dict[str, str] = {
    "pdf": "pdf",
    **dict.fromkeys(("docx", "docm", "dotx", "dotm"), "docx"),
    **dict.fromkeys(("pptx", "pptm", "potx", "potm", "ppsx", "ppsm"), "pptx"),
    **dict.fromkeys(("xlsx", "xlsm", "xltx", "xltm"), "xlsx"),
    "xls": "xls",
    "xlsb": "xlsb",
    "ods": "ods",
    "odp": "odp",
    "csv": "csv",
    "tsv": "tsv",
    "tab": "tsv",
    "html": "html",
    "htm": "html",
    "xhtml": "html",
    "xml": "xml",
    "md": "markdown",
    "markdown": "markdown",
    "txt": "text",
    "text": "text",
    "log": "text",
    "eml": "eml",
    "msg": "msg",
    "epub": "epub",
    "odt": "odt",
    "rtf": "rtf",
    "rst": "rst",
    "org": "org",
    **dict.fromkeys(IMAGE_SUFFIXES, "image"),
}
"""Suffix, in lower case and without its dot → kind."""

CONVERTED = {
    **dict.fromkeys(("doc", "dot", "pages", "wpd", "wps"), "docx"),
    **dict.fromkeys(("ppt", "pps", "pot", "key"), "pptx"),
    "numbers": "xlsx",
}
"""Suffix that no parser reads → the one under which the program that wrote the file saves it so that one does."""

PANDOC_KINDS = frozenset({"odt", "rtf", "rst", "org"})

_IMAGE_MAGIC = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"II*\x00", b"MM\x00*", b"GIF8")
_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MAIN_TYPE = re.compile(
    rb"(wordprocessingml|ms-word|presentationml|ms-powerpoint|spreadsheetml|ms-excel)\.[\w.]{1,60}\.main\+xml"
)
"""The media type of the part that an Office file is about; parts put in from other files have others."""

_OFFICE_TYPES = {
    **dict.fromkeys((b"wordprocessingml", b"ms-word"), "docx"),
    **dict.fromkeys((b"presentationml", b"ms-powerpoint"), "pptx"),
    **dict.fromkeys((b"spreadsheetml", b"ms-excel"), "xlsx"),
}
_MOST_TYPES = 5_000_000
_ZIP_MARKS = (("word/", "docx"), ("ppt/", "pptx"), ("xl/workbook.bin", "xlsb"), ("xl/", "xlsx"))
_MEDIA_TYPES = (
    (b"epub", "epub"), (b"opendocument.text", "odt"), (b"opendocument.spreadsheet", "ods"),
    (b"opendocument.presentation", "odp"),
)  # fmt: skip
_HEAD_BYTES = 2048


def suffix_of(name: str) -> str:
    """Returns the suffix that decides, in lower case and without its dot; '' where there is none."""
    return PurePosixPath(name).suffix.lower().removeprefix(".")


def kind_of(path: str, name: str) -> str:
    """Returns the kind of the file at `path`, whose path in its source is `name`.

    Bytes that can only be one thing (a PDF, an Office file, an image) outweigh the suffix. Where they say nothing, the
    suffix stands, so that a damaged file is reported as a damaged file of its type. Kinds outside the registry are
    plain suffixes ('zip', 'mp4').
    """
    suffix = suffix_of(name)
    named = SUFFIXES.get(suffix)
    with open(path, "rb") as file:
        head = file.read(_HEAD_BYTES)
    seen = _by_magic(path, head)
    if named is None:
        return seen or suffix or _plain(head)
    if seen:
        return seen
    # Programs export pages under the name of a workbook, which Excel opens.
    return "html" if named == "xls" and _plain(head) == "html" else named


def is_ole(path: str) -> bool:
    """Whether a file is an OLE2 container: legacy Office, Outlook, and Office files under a password."""
    with open(path, "rb") as file:
        return file.read(len(_OLE_MAGIC)) == _OLE_MAGIC


def _by_magic(path: str, head: bytes) -> str | None:
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith(b"PK\x03\x04"):
        return _zip_kind(path)
    if head.startswith(b"{\\rtf"):
        return "rtf"
    if head.startswith(_IMAGE_MAGIC) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return "image"
    return None


def _zip_kind(path: str) -> str | None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if (stated := _stated_kind(archive, names)) is not None:
                return stated
            for mark, kind in _ZIP_MARKS:
                if any(name.startswith(mark) for name in names):
                    return kind
            # These formats store their own media type, uncompressed and first; it is under 100 bytes.
            if "mimetype" in names and archive.getinfo("mimetype").file_size < 100:
                media = archive.read("mimetype")
                return next((kind for mark, kind in _MEDIA_TYPES if mark in media), None)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError):
        return None
    return None


def _stated_kind(archive: zipfile.ZipFile, names: list[str]) -> str | None:
    """Returns the kind that an Office file's own list of types states; its folders may have any name."""
    listed = "[Content_Types].xml"
    if listed not in names or archive.getinfo(listed).file_size > _MOST_TYPES:
        return None
    main = _MAIN_TYPE.search(archive.read(listed).replace(b"\0", b""))
    return _OFFICE_TYPES[main[1]] if main else None


def _plain(head: bytes) -> str:
    """Returns the kind of a file without a suffix (README): text where its bytes look like it, else unknown."""
    start = head.lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "html"
    if start.startswith(b"<?xml"):
        return "xml"
    has_bom = head.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf"))
    return "text" if has_bom or b"\x00" not in head else "binary"
