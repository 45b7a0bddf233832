"""The parts of an Office file and the relationships between them; names of Strict Open XML become the usual ones."""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import IO, Any

from freshet.tasks.documents.parse.refusal import Refused

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"

UNREADABLE = (zipfile.BadZipFile, zlib.error, SyntaxError, KeyError, OSError, EOFError, ValueError, RuntimeError)
"""What a damaged part raises; lxml's errors are SyntaxErrors, an unknown compression is a RuntimeError."""

_STRICT = re.compile(rb"""(xmlns(?::[\w.\-]+)?\s{0,9}=\s{0,9}["'])http://purl\.oclc\.org/ooxml/(\w+)/""")
_USUAL = rb"\g<1>http://schemas.openxmlformats.org/\g<2>/2006/"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")
_MAIN = ("word/document.xml", "ppt/presentation.xml", "xl/workbook.xml")


@dataclass(frozen=True)
class Target:
    """Where a relationship leads: its type's last word ("footnotes", "slide"), and a part's name or an address."""

    kind: str
    name: str
    external: bool = False


def parse_part(raw: bytes) -> Any:
    """Returns the root of a part's XML, without comments; entities are not resolved, and nothing else is read.

    ISO 29500 Strict, which Word and Excel offer when saving, has namespaces of its own for the same elements.
    """
    from lxml import etree

    if raw[:2] in _UTF16:
        raw = _DECLARATION.sub("", raw.decode("utf-16")).encode("utf-8")
    if b"purl.oclc.org/ooxml/" in raw:
        raw = _STRICT.sub(_USUAL, raw)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    return etree.fromstring(raw, parser)


class Package:
    """An open Office file. Names of parts are compared without regard to case and to the slash that was used."""

    def __init__(self, file: str | IO[bytes]) -> None:
        """Opens the container at a path or in a file object."""
        self._archive = zipfile.ZipFile(file)
        self._names = {_key(name): name for name in self._archive.namelist()}
        self._targets: dict[str, dict[str, Target]] = {}

    def __enter__(self) -> Package:
        """Returns the package itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the container."""
        self._archive.close()

    def __contains__(self, part: str) -> bool:
        """Whether there is a part of this name."""
        return _key(part) in self._names

    def read(self, part: str) -> bytes:
        """Returns the bytes of a part; raises KeyError where there is none, or another of UNREADABLE."""
        return self._archive.read(self._names[_key(part)])

    def tree(self, part: str) -> Any:
        """Returns the root of a part's XML; raises one of UNREADABLE."""
        return parse_part(self.read(part))

    @property
    def names(self) -> list[str]:
        """The names of all parts, in lower case and alphabetical order."""
        return sorted(self._names)

    @property
    def parts_with_relationships(self) -> list[str]:
        """The names of the parts that refer to others or to addresses, in alphabetical order."""
        files = sorted(name for name in self._names if posixpath.basename(posixpath.dirname(name)) == "_rels")
        parts = [posixpath.join(posixpath.dirname(posixpath.dirname(name)), posixpath.basename(name)) for name in files]
        return [part.removesuffix(".rels") for part in parts if part.removesuffix(".rels") in self]

    @property
    def unfolds_to(self) -> int:
        """The bytes of all parts, by the container's own account."""
        return sum(entry.file_size for entry in self._archive.infolist())

    @cached_property
    def main(self) -> str:
        """The name of the part that the package is about: the document, the presentation."""
        names = [target.name for target in self.targets("").values() if target.kind == "officeDocument"]
        found = [name for name in (*names, *_MAIN) if name in self]
        if not found:
            raise KeyError("no main part")
        return found[0]

    @cached_property
    def root(self) -> Any:
        """The root of the main part, which is read once, however many look through it; raises one of UNREADABLE."""
        return self.tree(self.main)

    def targets(self, part: str) -> dict[str, Target]:
        """Returns where the relationships of a part lead, by their ids; "" stands for the package itself."""
        if part not in self._targets:
            self._targets[part] = self._read_targets(part)
        return self._targets[part]

    def _read_targets(self, part: str) -> dict[str, Target]:
        folder, name = posixpath.split(part)
        try:
            root = self.tree(posixpath.join(folder, "_rels", f"{name}.rels"))
        except UNREADABLE:
            return {}
        found = {}
        for node in root.iterchildren("{*}Relationship"):
            target, external = str(node.get("Target") or ""), node.get("TargetMode") == "External"
            if not external:
                target = posixpath.normpath(posixpath.join("/", folder, target.replace("\\", "/"))).lstrip("/")
            kind = str(node.get("Type") or "").rpartition("/")[2]
            found[str(node.get("Id"))] = Target(kind, target, external)
        return found

    def parts(self, part: str, kind: str) -> list[str]:
        """Returns the names of the parts to which a part has relationships of a kind, in the order of their ids."""
        found = [target.name for target in self.targets(part).values() if target.kind == kind and not target.external]
        return [name for name in dict.fromkeys(found) if name in self]

    def media_type(self, part: str) -> str:
        """Returns the media type that the container states for a part, in lower case; "" where it states none."""
        by_part, by_suffix = self._media_types
        return by_part.get(_key(part)) or by_suffix.get(posixpath.splitext(part)[1].lstrip(".").lower(), "")

    @cached_property
    def _media_types(self) -> tuple[dict[str, str], dict[str, str]]:
        try:
            root = self.tree("[Content_Types].xml")
        except UNREADABLE:
            return {}, {}
        by_part = {_key(str(node.get("PartName"))): _stated(node) for node in root.iterchildren("{*}Override")}
        return by_part, {str(node.get("Extension")).lower(): _stated(node) for node in root.iterchildren("{*}Default")}


def open_package(file: str | IO[bytes], kind: str) -> Package:
    """Opens an Office file, and reads its main part.

    Raises:
        Refused: PARSE-CORRUPT where there is no main part, or where its XML cannot be read.
    """
    package = Package(file)
    try:
        package.root  # noqa: B018 -- whoever goes on may rely on it
    except UNREADABLE as error:
        package.__exit__(None, None, None)
        raise Refused("PARSE-CORRUPT", type=kind, error=type(error).__name__) from None
    return package


def branches_of(alternatives: Any) -> list[Any]:
    """Returns the children of mc:AlternateContent, the best first: each says the same, and one alone may be read."""
    return [*alternatives.iterchildren(f"{MC}Choice"), *alternatives.iterchildren(f"{MC}Fallback")]


def _key(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()


def _stated(node: Any) -> str:
    return str(node.get("ContentType") or "").partition(";")[0].strip().lower()
