"""The parser process: reads requests, parses, answers. Run as `python -m freshet.tasks.documents.parse.worker`.

Requests come as lines of JSON on standard input, answers leave as frames on a pipe of their own: a line of
JSON, then as many bytes as its `size` says. Standard output and error carry nothing that anyone reads, so
that a library that prints cannot disturb the answers. The process ends when its standard input does.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freshet.tasks.documents.elements import to_json
from freshet.tasks.documents.parse.coverage.check import with_coverage
from freshet.tasks.documents.parse.kinds import CONVERTED, SUFFIXES, kind_of, suffix_of
from freshet.tasks.documents.parse.limits import deny_network, die_with_parent, leave_if_orphaned, limit_resources
from freshet.tasks.documents.parse.refusal import Refused
from freshet.tasks.documents.parse.registry import PARSERS, Context, Registry

_BEAT_SECONDS = 0.5
_NICENESS = 5


@dataclass(frozen=True)
class _Limits:
    memory: int
    output: int
    comments: bool


class _NotInstalled(Exception):
    """A library that every document of a kind needs is not there: no fault of the document that met it first."""

    def __init__(self, module: str) -> None:
        super().__init__(module)
        self.module = module


class _Answers:
    """The pipe to the parent."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._last_beat = 0.0

    def send(self, kind: str, body: bytes = b"", **fields: Any) -> None:
        data = json.dumps({"kind": kind, "size": len(body), **fields}).encode() + b"\n" + body
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def beat(self) -> None:
        """Reports that the work advances; it is cheap enough to be called for every page."""
        now = time.monotonic()
        if now - self._last_beat >= _BEAT_SECONDS:
            self._last_beat = now
            self.send("beat")


def main(extra_parsers: Registry | None = None) -> None:
    """Serves requests until standard input ends.

    Args:
        extra_parsers: suffix → parser, beside and before the ordinary ones. Tests inject faults with it; no
            setting reaches it.
    """
    descriptor, parent, memory, output, comments = (int(argument) for argument in sys.argv[1:6])
    die_with_parent()
    leave_if_orphaned(parent)
    requests = _requests()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends its children in order
    os.nice(_NICENESS)
    _keep_out("torch", "transformers", "tensorflow", "cupy")
    deny_network()
    limit_resources(memory)
    answers = _Answers(descriptor)
    answers.send("ready")
    limits = _Limits(memory, output, bool(comments))
    while (request := requests.get()) is not None:
        _serve(request, answers, limits, extra_parsers or {})


def _requests() -> queue.SimpleQueue[dict[str, Any] | None]:
    """Yields requests as they come, from a thread that also notices during a parse that the parent is gone."""
    stream = os.fdopen(os.dup(0), "rb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    requests: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def read() -> None:
        for line in stream:
            requests.put(json.loads(line))
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return requests


def _keep_out(*modules: str) -> None:
    """Hides libraries that others import where they find them: none is needed here, and each takes seconds."""
    for module in modules:
        sys.modules.setdefault(module, None)  # type: ignore[arg-type]


def _serve(request: dict[str, Any], answers: _Answers, limits: _Limits, extra: Registry) -> None:
    try:
        body = _document(request["path"], request["name"], answers, limits, extra)
        answers.send("document", body)
    except Refused as refusal:
        answers.send("refused", code=refusal.code, evidence=refusal.evidence)
    except MemoryError:
        answers.send("refused", code="PARSE-MEMORY", evidence={"limit": limits.memory}, retire=True)
    except FileNotFoundError:
        present = Path(request["path"]).exists()
        code = "PARSE-CORRUPT" if present else "SOURCE-UNREADABLE"
        answers.send("refused", code=code, evidence={"error": "FileNotFoundError"})
    except _NotInstalled as error:
        answers.send("broken", module=error.module)
    except ImportError as error:
        evidence = {"type": suffix_of(request["name"]), "module": error.name or type(error).__name__}
        answers.send("refused", code="PARSE-UNSUPPORTED", evidence=evidence)
    except Exception as error:
        # The message may quote the document, the name of the error's class cannot.
        evidence = {"type": suffix_of(request["name"]), "error": type(error).__name__}
        answers.send("refused", code="PARSE-CORRUPT", evidence=evidence)


def _document(path: str, name: str, answers: _Answers, limits: _Limits, extra: Registry) -> bytes:
    suffix, kind = suffix_of(name), ""
    make: Callable[[], Any] | None = extra.get(suffix)
    if make is None:
        if os.path.getsize(path) == 0 and suffix in SUFFIXES:
            raise Refused("PARSE-EMPTY")
        kind = kind_of(path, name)
        make = PARSERS.get(kind)
        if make is None:
            convert = {"convert_to": CONVERTED[kind]} if kind in CONVERTED else {}
            raise Refused("PARSE-UNSUPPORTED", type=kind, **convert)
    parser = _loaded(make)
    answers.send("started")
    context = Context(limits.memory, answers.beat, limits.comments)
    document = with_coverage(parser.parse(path, context), path, kind)
    if len(document.text) > limits.output:
        raise Refused("PARSE-OUTPUT", limit=limits.output)
    body = to_json(document).encode("utf-8")
    if len(body) > limits.output:
        raise Refused("PARSE-OUTPUT", limit=limits.output)
    return body


def _loaded(make: Callable[[], Any]) -> Any:
    try:
        parser = make()
        parser.load()
    except ImportError as error:
        raise _NotInstalled(error.name or type(error).__name__) from error
    return parser


if __name__ == "__main__":
    main()
