"""The parent's side of one parser process: starts it, hands it documents, and ends it when it goes astray.

Limits are enforced from here, because a process that is stuck, or out of memory, cannot be relied on to
notice it.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from typing import Any

import psutil

from freshet.tasks.documents.parse.kinds import suffix_of
from freshet.tasks.documents.parse.watch import Astray, Watch, environment
from freshet.tasks.errors import FreshetError, MissingExtra
from freshet.tasks.rules.verdicts import Verdict, verdict
from freshet.tasks.settings.project import Parsing

DEFAULT_WORKER = "freshet.tasks.documents.parse.worker"

_POLL_SECONDS = 0.03
_START_SECONDS = 120.0
_RECYCLE_AFTER = 500
_RECYCLE_SHARE = 0.5
_READ = 1 << 20
_TAIL = 2000


@dataclass(frozen=True)
class ParseFile:
    """A document to parse.

    Attributes:
        path: the local file that holds its bytes.
        name: its path in its source; the suffix decides how it is read.
    """

    path: str
    name: str


@dataclass(frozen=True)
class ParseOutcome:
    """What became of a document: `document_json` (see `elements.from_json`), or a verdict that blocks it."""

    document_json: str | None
    verdicts: list[Verdict]


class ParserProcess:
    """One parser process, started with the first document and again whenever it has ended.

    It is used by one thread at a time; `close` may be called from any.
    """

    def __init__(self, limits: Parsing, worker_module: str = DEFAULT_WORKER) -> None:
        """Takes what one document may take, and the module that the process runs."""
        self._limits = limits
        self._worker_module = worker_module
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._in_use = threading.Lock()

    @property
    def pid(self) -> int | None:
        """Returns the process's id while it runs."""
        return self._process.pid if self._process else None

    def parse(self, file: ParseFile) -> ParseOutcome:
        """Parses one document, and returns the outcome within the time that the limits allow.

        Raises:
            MissingExtra: a library of the default install cannot be imported.
            FreshetError: the process does not start, or `close` was called meanwhile.
        """
        with self._in_use:
            return self._parse(file)

    def _parse(self, file: ParseFile) -> ParseOutcome:
        if self._process is not None and self._process.poll() is not None:
            self._end()  # something else ended it between two documents, which is no fault of the next
        if self._process is None:
            self._start()
        try:
            answer, body = self._ask(file)
        except Astray as astray:
            self._end()
            return ParseOutcome(None, [astray.verdict])
        except BaseException:
            self._end()
            raise
        self._documents += 1
        self._recycle_if_due(answer)
        return self._outcome(answer, body)

    def close(self) -> None:
        """Ends the process for good, whatever it is doing."""
        self._closed = True  # seen within a moment by the thread that waits for an answer, if one does
        with self._in_use:
            self._end()

    def _check_open(self) -> None:
        if self._closed:
            raise FreshetError("the parser pool is closed", "take its outcomes inside its with block")

    def _start(self) -> None:
        self._check_open()
        limits = self._limits
        answers_read, answers_write = os.pipe()
        noise_read, noise_write = os.pipe()
        self._scratch = tempfile.mkdtemp(prefix="freshet-parser-")
        try:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-m", self._worker_module),
                    *(str(int(n)) for n in (answers_write, os.getpid(), limits.memory, limits.output, limits.comments)),
                ],
                stdin=subprocess.PIPE,
                stdout=noise_write,
                stderr=noise_write,
                pass_fds=(answers_write,),
                start_new_session=True,
                cwd=self._scratch,
                env=environment(self._scratch),
            )
        except BaseException:
            os.close(answers_read)
            os.close(noise_read)
            shutil.rmtree(self._scratch, ignore_errors=True)
            raise
        finally:
            os.close(answers_write)
            os.close(noise_write)
        self._answers, self._noise = answers_read, noise_read
        self._noise_open = True
        self._buffer = bytearray()
        self._documents = 0
        self._settled = 0
        self._await_ready()

    def _await_ready(self) -> None:
        assert self._process is not None
        tail = bytearray()
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            ready, _, _ = select.select([self._answers, *([self._noise] if self._noise_open else [])], [], [], 1.0)
            if self._noise in ready:
                # No document has been read yet, so that what the process says can be shown.
                tail = (tail + self._read_noise())[-_TAIL:]
            if self._answers in ready:
                if not self._fill():
                    break
                if (answer := self._frame()) is not None and answer[0]["kind"] == "ready":
                    with contextlib.suppress(psutil.Error):
                        self._watched = psutil.Process(self._process.pid)
                    return
        while self._noise_open and (more := self._read_noise()):
            tail = (tail + more)[-_TAIL:]
        self._end()
        message = tail.decode("utf-8", errors="replace").strip()
        raise FreshetError(
            f"the parser process does not start: {message or 'it says nothing'}", "run make install again"
        )

    def _ask(self, file: ParseFile) -> tuple[dict[str, Any], bytes]:
        """Sends the document and watches the process until its answer is there."""
        assert self._process is not None
        assert self._process.stdin is not None
        request = json.dumps({"path": os.path.abspath(file.path), "name": file.name}) + "\n"
        kind = suffix_of(file.name)
        try:
            self._process.stdin.write(request.encode("utf-8", errors="surrogateescape"))
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._crashed(kind) from None
        watch = Watch(self._watched, self._limits, kind)
        next_look = 0.0
        while True:
            self._check_open()
            streams = [self._answers, *([self._noise] if self._noise_open else [])]
            ready, _, _ = select.select(streams, [], [], _POLL_SECONDS)
            if self._noise in ready:
                watch.add_noise(len(self._read_noise()))
            if self._answers in ready:
                if not self._fill():
                    raise self._crashed(kind)
                while (answer := self._frame()) is not None:
                    if answer[0]["kind"] == "started":
                        watch.start()
                    elif answer[0]["kind"] == "beat":
                        watch.advance()
                    else:
                        return answer
                if len(self._buffer) > self._limits.output + _READ:
                    raise Astray(verdict("PARSE-OUTPUT", type=kind, limit=int(self._limits.output)))
            now = time.monotonic()
            if now >= next_look:
                watch.look(now)
                next_look = now + _POLL_SECONDS

    def _fill(self) -> bool:
        data = os.read(self._answers, _READ)
        self._buffer += data
        return bool(data)

    def _frame(self) -> tuple[dict[str, Any], bytes] | None:
        """Returns the next whole answer in the buffer; None while there is none."""
        end = self._buffer.find(b"\n")
        if end < 0:
            return None
        header = json.loads(self._buffer[:end])
        stop = end + 1 + header["size"]
        if len(self._buffer) < stop:
            return None
        body = bytes(self._buffer[end + 1 : stop])
        del self._buffer[:stop]
        return header, body

    def _read_noise(self) -> bytes:
        data = os.read(self._noise, 65536)
        self._noise_open = bool(data)
        return data

    def _crashed(self, kind: str) -> Astray:
        assert self._process is not None
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return Astray(verdict("PARSE-CRASHED", type=kind))
        if code < 0:
            return Astray(verdict("PARSE-CRASHED", type=kind, signal=signal.Signals(-code).name))
        return Astray(verdict("PARSE-CRASHED", type=kind, exit_code=code))

    def _outcome(self, answer: dict[str, Any], body: bytes) -> ParseOutcome:
        if answer["kind"] == "document":
            return ParseOutcome(body.decode("utf-8"), [])
        if answer["kind"] == "refused":
            return ParseOutcome(None, [verdict(answer["code"], **answer["evidence"])])
        raise MissingExtra(
            f"a parser needs the Python module {answer['module']!r}, which cannot be imported", "run make install again"
        )

    def _recycle_if_due(self, answer: dict[str, Any]) -> None:
        """Ends a process that has grown or served long, since parsers leak and the next start is cheap."""
        try:
            used = self._watched.memory_info().rss
        except psutil.Error:
            self._end()
            return
        self._settled = self._settled or used
        grown = used - self._settled > _RECYCLE_SHARE * self._limits.memory
        if grown or answer.get("retire") or self._documents >= _RECYCLE_AFTER:
            self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        # The session's other processes (pandoc, tesseract) go with it.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        os.close(self._answers)
        os.close(self._noise)
        shutil.rmtree(self._scratch, ignore_errors=True)
