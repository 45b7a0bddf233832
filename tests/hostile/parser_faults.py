"""A parser process with faults: what `python -m parser_faults` runs, started by the tests of the pool.

Each suffix is one way in which a parser goes astray.
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from freshet.tasks.documents.elements import ParsedDocument
from freshet.tasks.documents.parse.build import Block, build
from freshet.tasks.documents.parse.registry import PARSERS, Context, Parser, Registry
from freshet.tasks.documents.parse.worker import main

FORBIDDEN = ("torch", "transformers", "prefect", "lancedb", "great_expectations", "sentence_transformers")
NEVER = threading.Event()


def _said(text: str) -> ParsedDocument:
    return build([Block("NarrativeText", text)])


def busy(path: str, _: Context) -> ParsedDocument:
    """Never ends; a file beside the document tells that it has begun."""
    Path(path).with_suffix(".begun").touch()
    while True:
        pass


def sleeping(path: str, _: Context) -> ParsedDocument:
    NEVER.wait()
    return _said("woke up")


def advancing(path: str, context: Context) -> ParsedDocument:
    """Uses no CPU, but says that it advances: neither stalled nor late."""
    for _ in range(8):
        NEVER.wait(0.5)
        context.progress()
    return _said("advanced")


def meeting(path: str, context: Context) -> ParsedDocument:
    """Ends once another document of its folder is parsed as well, which has to be in another process."""
    Path(path).with_suffix(".here").touch()
    while len(list(Path(path).parent.glob("*.here"))) < 2:
        NEVER.wait(0.02)
        context.progress()
    return _said("met")


def growing(path: str, _: Context) -> ParsedDocument:
    """Takes memory bit by bit, as a leak does."""
    held = []
    while True:
        held.append(bytearray(os.urandom(1 << 20)) * 4)
        NEVER.wait(0.002)


def grabbing(path: str, _: Context) -> ParsedDocument:
    """Asks for everything at once."""
    return _said(str(len(bytearray(1 << 40))))


def leaving(path: str, _: Context) -> ParsedDocument:
    os._exit(7)


def crashing(path: str, _: Context) -> ParsedDocument:
    ctypes.string_at(0)
    return _said("survived")


def flooding(path: str, _: Context) -> ParsedDocument:
    while True:
        os.write(1, b"x" * 65536)


def chatting(path: str, _: Context) -> ParsedDocument:
    """Prints what looks like an answer, on both streams."""
    for stream in (sys.stdout, sys.stderr):
        print('{"kind": "document", "size": 2}\n{}', file=stream, flush=True)
    return _said("chatted")


def giant(path: str, _: Context) -> ParsedDocument:
    return _said("word " * 2_000_000)


def raising(path: str, _: Context) -> ParsedDocument:
    raise ValueError(f"cannot read {Path(path).read_text()}")


def importing(path: str, _: Context) -> ParsedDocument:
    raise ModuleNotFoundError("No module named 'some_reader'", name="some_reader")


def recursing(path: str, context: Context) -> ParsedDocument:
    return recursing(path, context)


def calling(path: str, _: Context) -> ParsedDocument:
    """Tries the network, and tells whether it was let."""
    try:
        socket.create_connection(("127.0.0.1", int(Path(path).read_text())), timeout=60).close()
    except PermissionError as refused:
        return _said(f"refused: {refused}")
    return _said("connected")


def telling(path: str, _: Context) -> ParsedDocument:
    """Loads every parser there is, and tells what came with them and what the process was given."""
    for make in PARSERS.values():
        make().load()
    loaded = [module for module in FORBIDDEN if sys.modules.get(module) is not None]
    secrets = [key for key in os.environ if "SECRET" in key]
    return _said(f"loaded={loaded} secrets={secrets} DO_NOT_TRACK={os.environ.get('DO_NOT_TRACK')} pid={os.getpid()}")


def _fault(parse: Callable[[str, Context], ParsedDocument]) -> Callable[[], Parser]:
    return lambda: Parser(lambda: None, parse)


FAULTS: Registry = {
    parse.__name__: _fault(parse)
    for parse in (
        busy, sleeping, advancing, meeting, growing, grabbing, leaving, crashing,
        flooding, chatting, giant, raising, importing, recursing, calling, telling,
    )
}  # fmt: skip

if __name__ == "__main__":
    main(FAULTS)
