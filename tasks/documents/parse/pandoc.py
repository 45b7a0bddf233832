"""ODT, RTF, RST and Org: pandoc makes HTML of them, in its sandbox and with bounded memory."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import tempfile
import zipfile
import zlib
from pathlib import Path

from freshet.tasks.documents.elements import ParsedDocument
from freshet.tasks.documents.parse.active.found import with_active
from freshet.tasks.documents.parse.active.opendocument import active_in_opendocument
from freshet.tasks.documents.parse.active.texts import active_in_rtf
from freshet.tasks.documents.parse.adapter import prepare
from freshet.tasks.documents.parse.build import build, first_title
from freshet.tasks.documents.parse.decode import Decoded, decoded
from freshet.tasks.documents.parse.hidden import Entry
from freshet.tasks.documents.parse.html.reader import html_blocks
from freshet.tasks.documents.parse.limits import die_with_parent
from freshet.tasks.documents.parse.office import check_container
from freshet.tasks.documents.parse.opendocument_hidden import hidden_in_opendocument
from freshet.tasks.documents.parse.pandoc_containers import margin_blocks, refuse_locked
from freshet.tasks.documents.parse.pandoc_includes import included_files, without_included_tables
from freshet.tasks.documents.parse.refusal import INSTALL_PANDOC, Refused
from freshet.tasks.documents.parse.rtf import rtf_in_unicode
from freshet.tasks.documents.parse.rtf_hidden import hidden_in_rtf

_TEXT_KINDS = frozenset({"rst", "org"})
_CONTAINER_KINDS = frozenset({"odt"})
_EXIT_HEAP_EXHAUSTED = 251
_EXIT_FILE_WANTED = 99
_SHARE_OF_MEMORY = 0.8


def has_pandoc() -> bool:
    """Whether the extra is installed (found without importing it)."""
    return importlib.util.find_spec("pypandoc") is not None


def load_pandoc() -> None:
    """Loads what parsing needs, so that it is not counted as the first document's time."""
    if has_pandoc():
        prepare("html")


def parse_pandoc(path: str, kind: str, memory: int) -> ParsedDocument:
    """Parses a document of one of `kinds.PANDOC_KINDS`.

    Files that it includes are not read: the sandbox keeps pandoc from any file but its input. The property `includes`
    names them.

    Raises:
        Refused: PARSE-EXTRA without the extra; PARSE-CORRUPT, PARSE-MEMORY, PARSE-EMPTY.
    """
    if not has_pandoc():
        raise Refused("PARSE-EXTRA", extra="pandoc", type=kind, install=INSTALL_PANDOC)
    if kind in _CONTAINER_KINDS:
        check_container(path, kind, memory)
        _check_true_sizes(path, memory)
        refuse_locked(path, kind)
    source = _source(path, kind)
    includes = included_files(source.text, kind) if source and kind in _TEXT_KINDS else []
    html = _html(path, source and source.text, kind, memory)
    if html is None and source is not None:
        html = _html(path, without_included_tables(source.text), kind, memory)
    if html is None:
        raise Refused("PARSE-CORRUPT", type=kind, exit_code=_EXIT_FILE_WANTED)
    blocks = html_blocks(html)
    margins = margin_blocks(path) if kind == "odt" else []
    stated, guessed = {"includes": includes} if includes else {}, source.guessed if source else None
    hidden = _hidden(path, source.text if source else None, kind)
    left_out = {"included files": len(includes)} if includes else None
    document = build([*blocks, *margins], first_title(blocks), stated, hidden, guessed, left_out)
    return with_active(document, _active(path, kind))


def _hidden(path: str, source: str | None, kind: str) -> list[Entry]:
    if kind == "odt":
        return hidden_in_opendocument(path, kind)
    return hidden_in_rtf(source) if kind == "rtf" and source is not None else []


def _active(path: str, kind: str) -> list[Entry]:
    if kind == "odt":
        return active_in_opendocument(path)
    return active_in_rtf(Path(path).read_bytes()) if kind == "rtf" else []


def _check_true_sizes(path: str, memory: int) -> None:
    """Unfolds a container once and keeps nothing, since pandoc unfolds it to its end whatever size it declares."""
    left = int(memory * _SHARE_OF_MEMORY)
    try:
        with zipfile.ZipFile(path) as archive, open(path, "rb") as file:
            for entry in archive.infolist():
                if entry.compress_type != zipfile.ZIP_DEFLATED:
                    continue
                file.seek(entry.header_offset + 26)
                name_size, extra_size = (int.from_bytes(file.read(2), "little") for _ in range(2))
                file.seek(name_size + extra_size, os.SEEK_CUR)
                inflate = zlib.decompressobj(-15)
                while not inflate.eof and (data := inflate.unconsumed_tail or file.read(65536)):
                    left -= len(inflate.decompress(data, 1 << 20))
                    if left < 0:
                        raise Refused("PARSE-MEMORY", type="zip", limit=int(memory * _SHARE_OF_MEMORY))
    except (zipfile.BadZipFile, zlib.error, OSError) as error:
        raise Refused("PARSE-CORRUPT", type="zip", error=type(error).__name__) from None


def _source(path: str, kind: str) -> Decoded | None:
    """Returns what pandoc is to read in place of the file; None where it reads the file itself."""
    if kind in _CONTAINER_KINDS:
        return None
    data = Path(path).read_bytes()
    return Decoded(rtf_in_unicode(data)) if kind == "rtf" else decoded(data)


def _html(path: str, source: str | None, kind: str, memory: int) -> str | None:
    """Returns the document as HTML; None where pandoc ends because it may not read another file."""
    import pypandoc

    with tempfile.TemporaryDirectory() as folder:
        document = Path(path).resolve()
        if source is not None:
            document = Path(folder) / "document"
            document.write_text(source, encoding="utf-8", errors="replace", newline="")
        heap = max(64, int(memory * _SHARE_OF_MEMORY) >> 20)
        command = [pypandoc.get_pandoc_path(), "--sandbox", "--from", kind, "--to", "html5", "--wrap", "none"]
        command += [str(document), "+RTS", f"-M{heap}m", "-RTS"]
        done = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, cwd=folder, preexec_fn=die_with_parent, check=False
        )
    if done.returncode == _EXIT_HEAP_EXHAUSTED:
        raise Refused("PARSE-MEMORY", type=kind, limit=heap << 20)
    if done.returncode == _EXIT_FILE_WANTED:
        return None
    if done.returncode != 0:
        raise Refused("PARSE-CORRUPT", type=kind, exit_code=done.returncode)
    return done.stdout.decode("utf-8", errors="replace")
