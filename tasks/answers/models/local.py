"""A language model in this process: a GGUF file, run by llama.cpp, as the package xllamacpp brings it.

The library cannot do without a port, which it opens for this machine only: the key of it is made at random and never
leaves the process. Answers do not pass through it; only texts whose tokens are counted do.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from freshet.tasks.answers.models.gguf import read_head
from freshet.tasks.answers.models.memory import memory_left
from freshet.tasks.answers.models.model import Message, Usage
from freshet.tasks.answers.models.running import End, Running
from freshet.tasks.answers.models.thoughts import Thoughts
from freshet.tasks.embedding.hardware import usable_cores
from freshet.tasks.errors import MissingExtra, ModelFailed
from freshet.tasks.settings.addresses import escaped

_BATCH = 128
"""Tokens of the prompt that are read at once: between two batches, an answer can be ended."""

_BESIDES = 256_000_000
"""Bytes that the library takes besides the model and its context."""

_SECONDS_TO_COUNT = 60.0
_LONGEST_REASON = 200

_loading = threading.Lock()


class LocalModel:
    """A GGUF file as a `Model`: loaded when it is first needed, and kept for the process.

    Attributes:
        name: what the record says of it.
    """

    def __init__(self, path: Path, name: str, context_tokens: int, seconds: float) -> None:
        """Looks at the file's head.

        Args:
            path: the file.
            name: what the record and messages say of it.
            context_tokens: longest prompt and answer together, in tokens.
            seconds: time for an answer.

        Raises:
            ModelFailed: it is no GGUF file, or its head is damaged.
            MissingExtra: the package that runs it is not installed.
        """
        try:
            import xllamacpp  # noqa: F401
        except ImportError:
            raise MissingExtra(
                f"the model {name} needs the package xllamacpp", "Install it: pip install 'freshet[local-llm]'"
            ) from None
        self.name = name
        self._path = path.absolute()
        self._seconds = seconds
        self._head = read_head(self._path, name)
        self._context = min(context_tokens, self._head.trained or context_tokens)

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, by the model's own tokenizer."""
        host, _, port = self._server().listening_address.removeprefix("http://").partition(":")
        with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=_SECONDS_TO_COUNT)) as connection:
            headers = {"Authorization": f"Bearer {_key()}", "Content-Type": "application/json"}
            try:
                connection.request("POST", "/tokenize", json.dumps({"content": text}), headers)
                return len(json.loads(connection.getresponse().read())["tokens"])
            except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
                raise ModelFailed(f"the model {self.name} does not count tokens: {type(error).__name__}") from None

    def generate(self, messages: Sequence[Message], max_tokens: int) -> Running:
        """Begins an answer of at most so many tokens: of all words the likeliest, so that it can be had again.

        Raises:
            ModelFailed: the model cannot be loaded.
        """
        server, asked = self._server(), [dict(message) for message in messages]
        request = {
            "messages": asked,
            "max_tokens": max_tokens,
            "temperature": 0,
            "top_k": 1,
            "seed": 1,
            "stream": True,
            "stream_options": {"include_usage": True},
            # Without progress, nothing could be ended before the first word.
            "return_progress": True,
            # What is left of another question changes how numbers are rounded, and so may change words.
            "cache_prompt": False,
        }
        late = ModelFailed(
            f"the model {self.name} did not begin an answer within {self._seconds:g} s",
            "Write a longer generation.timeout, or a shorter generation.context_tokens.",
        )
        return Running(lambda running: self._answer(server, request, running), self._seconds, late, daemon=False)

    def _answer(self, server: Any, request: Mapping[str, Any], running: Running) -> End:
        thoughts, reader = Thoughts(f"the model {self.name}"), _Reader()

        def take(chunk: Mapping[str, Any]) -> bool:
            """Whether the library is to stop; what it calls must not raise."""
            if running.is_over():
                return True
            try:
                running.put(thoughts.let_through(reader.read(chunk)))
            except ModelFailed as error:
                reader.failed = error
            return reader.failed is not None

        try:
            server.handle_chat_completions(dict(request), take)
        except (RuntimeError, ValueError, TypeError) as error:
            raise self._refused(str(error)) from None
        if reader.failed:
            raise reader.failed
        if reader.refusal is not None:
            raise self._refused(reader.refusal)
        running.put(thoughts.rest())
        return End("length" if reader.finish == "length" else "stop", reader.usage)

    def _refused(self, reason: str) -> ModelFailed:
        told = escaped(" ".join(reason.split())[:_LONGEST_REASON]) or "no reason given"
        mend = "A longer generation.context_tokens, or fewer passages, help where the prompt is too long."
        return ModelFailed(f"the model {self.name} gave no answer: {told}", mend)

    def _server(self) -> Any:
        with _loading:
            return _load(self._path, self.name, self._context)


class _Reader:
    """What the library says of an answer, piece by piece.

    Attributes:
        refusal: the library's own words, where it refused.
        failed: what ended the reading from this side.
    """

    def __init__(self) -> None:
        self.usage = Usage()
        self.finish: str | None = None
        self.refusal: str | None = None
        self.failed: ModelFailed | None = None

    def read(self, chunk: Mapping[str, Any]) -> str:
        """Takes the next piece; gives its text."""
        if error := chunk.get("error"):
            self.refusal = str(error.get("message", error))
        if usage := chunk.get("usage"):
            self.usage = Usage(usage.get("prompt_tokens"), usage.get("completion_tokens"))
        text = ""
        for choice in chunk.get("choices", ()):
            self.finish = choice.get("finish_reason") or self.finish
            text += choice.get("delta", {}).get("content") or ""
        return text


@cache
def _key() -> str:
    return secrets.token_urlsafe(32)


def _check_memory(path: Path, name: str, context: int) -> None:
    needed, left = read_head(path, name).memory(context) + _BESIDES, memory_left()
    if needed > left:
        raise ModelFailed(
            f"the model {name} takes about {needed / 1e9:.1f} GB of memory, and {left / 1e9:.1f} GB are left",
            "Choose a smaller model, or a shorter generation.context_tokens.",
        )


def _threads() -> int:
    """Cores that are free now; at least one.

    Threads of llama.cpp wait for each other at every step: on two cores with a load of 13, two of them wrote 0.2 tokens
    a second where one wrote 7.
    """
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return max(1, round(usable_cores() - busy))


@cache
def _load(path: Path, name: str, context: int) -> Any:
    """The library with a model in it.

    Raises:
        ModelFailed: it does not fit into the memory, or the library does not know it.
    """
    import xllamacpp

    _check_memory(path, name, context)
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = context
    params.n_batch = params.n_ubatch = _BATCH
    params.n_parallel = 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = _threads()
    params.cache_ram_mib = 0
    params.warmup = False
    params.verbosity = -1  # it would write to standard error
    params.hostnames = ["127.0.0.1"]
    params.api_keys = [_key()]
    params.ui = params.endpoint_slots = False
    try:
        return xllamacpp.Server(params)
    except RuntimeError:
        raise ModelFailed(
            f"the model {name} cannot be loaded: the file is damaged, or of a kind that xllamacpp does not know",
            "Fetch it again, choose another file, or install a newer xllamacpp.",
        ) from None
