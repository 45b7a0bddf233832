"""EPUB, ODT, RTF, RST and Org: pandoc makes HTML of them, in its sandbox and with bounded memory."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import tempfile
import zipfile
import zlib
from pathlib import Path

from freshet.tasks.documents.elements import ParsedDocument
from freshet.tasks.documents.parse.adapter import prepare
from freshet.tasks.documents.parse.build import build, first_title
from freshet.tasks.documents.parse.decode import decode
from freshet.tasks.documents.parse.limits import die_with_parent
from freshet.tasks.documents.parse.markup import html_blocks
from freshet.tasks.documents.parse.office import check_container
from freshet.tasks.documents.parse.refusal import INSTALL_PANDOC, Refused

_TEXT_KINDS = frozenset({"rst", "org"})
_CONTAINER_KINDS = frozenset({"epub", "odt"})
_EXIT_HEAP_EXHAUSTED = 251
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

    Files that it includes are not read: the sandbox keeps pandoc from any file but its input.

    Raises:
        Refused: PARSE-EXTRA without the extra; PARSE-CORRUPT, PARSE-MEMORY, PARSE-EMPTY.
    """
    if not has_pandoc():
        raise Refused("PARSE-EXTRA", extra="pandoc", type=kind, install=INSTALL_PANDOC)
    if kind in _CONTAINER_KINDS:
        check_container(path, kind, memory)
        _check_true_sizes(path, memory)
    html = _html(path, kind, memory)
    blocks = html_blocks(html)
    return build(blocks, first_title(blocks))


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


def _html(path: str, kind: str, memory: int) -> str:
    import pypandoc

    source = Path(path)
    with tempfile.TemporaryDirectory() as folder:
        if kind in _TEXT_KINDS:
            source = Path(folder) / "document"
            source.write_text(decode(Path(path).read_bytes()), encoding="utf-8")
        heap = max(64, int(memory * _SHARE_OF_MEMORY) >> 20)
        command = [pypandoc.get_pandoc_path(), "--sandbox", "--from", kind, "--to", "html5", "--wrap", "none"]
        command += [str(source.resolve()), "+RTS", f"-M{heap}m", "-RTS"]
        done = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, cwd=folder, preexec_fn=die_with_parent, check=False
        )
    if done.returncode == _EXIT_HEAP_EXHAUSTED:
        raise Refused("PARSE-MEMORY", type=kind, limit=heap << 20)
    if done.returncode != 0:
        raise Refused("PARSE-CORRUPT", type=kind, exit_code=done.returncode)
    return done.stdout.decode("utf-8", errors="replace")
