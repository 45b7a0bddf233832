"""Reads what a server of the OpenAI protocol answers: server-sent events, or one whole body of JSON.

A server may answer anything. Nothing is believed of it but what has the form that the protocol says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from freshet.tasks.answers.models.model import Finish, Usage
from freshet.tasks.errors import ModelFailed

_CUT = {"length", "max_tokens"}
_TOOLS = {"tool_calls", "function_call"}
_HALVES = re.compile("[\ud800-\udfff]")
"""Halves of characters, which JSON can say and no text can hold."""


class Refused(Exception):
    """The server says, in the middle of its answer, that it cannot go on; `args[0]` are its own words."""


class Events:
    """An answer, as it is read.

    Attributes:
        finish: why it ended, as the protocol says; None before.
        usage: what it took.
        is_done: whether the server said that it had said all.
        is_begun: whether anything came that the protocol knows.
        other: the beginning of what came and is nothing that the protocol knows.
    """

    def __init__(self, who: str) -> None:
        """Has read nothing yet.

        Args:
            who: the server and model as errors name them.
        """
        self._who = who
        self.finish: str | None = None
        self.usage = Usage()
        self.is_done = False
        self.is_begun = False
        self.other = ""

    def read(self, parts: Iterable[bytes]) -> Iterator[str]:
        """Gives the text of each event of a stream, which may be empty; or that of the whole body.

        Raises:
            ModelFailed: what came is no answer.
            Refused: the server said that it failed.
        """
        lines = _lines(parts)
        for line in lines:
            if not self.is_begun and not self.other and line.startswith("{"):
                yield self._text(self._json("\n".join([line, *lines])), "message")
                self.is_done = True
                return
            if not line.startswith("data:"):
                if line and not line.startswith((":", "event:", "id:", "retry:")):
                    self.other = self.other or line
                continue
            data = line.removeprefix("data:").strip()
            if data == "[DONE]":
                self.is_done = True
                return
            if data:
                yield self._text(self._json(data), "delta")

    def end(self) -> Finish:
        """Why it ended.

        Raises:
            ModelFailed: it asked for a tool, held its answer back, or broke off.
        """
        if self.finish in _TOOLS:
            raise ModelFailed(f"{self._who} asked for a tool in place of an answer", "Choose another model.")
        if self.finish == "content_filter":
            raise ModelFailed(f"{self._who} keeps its answer back, by a filter of its own")
        if not self.is_done and self.finish is None:
            raise ModelFailed(f"{self._who} broke off in the middle of its answer", "Ask again; look at the server.")
        return "length" if self.finish in _CUT else "stop"

    def _json(self, text: str) -> Mapping[str, Any]:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise self._strange("what is no JSON")
        self.is_begun = True
        if found.get("error") is not None or found.get("object") == "error":
            raise Refused(reason_in(found))
        return found

    def _text(self, found: Mapping[str, Any], part: str) -> str:
        if isinstance(usage := found.get("usage"), dict):
            self.usage = Usage(_count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")))
        choices = found.get("choices")
        if not isinstance(choices, list):
            raise self._strange("JSON without choices")
        if not choices:
            return ""
        choice = choices[0]
        said = choice.get(part) if isinstance(choice, dict) else None
        if not isinstance(choice, dict) or not isinstance(said, dict | None):
            raise self._strange("choices that are none")
        self.finish = str(choice.get("finish_reason") or "") or self.finish
        text = (said or {}).get("content")
        if not isinstance(text, str | None):
            raise self._strange("content that is no text")
        return _HALVES.sub("\ufffd", text or "")

    def _strange(self, what: str) -> ModelFailed:
        return ModelFailed(
            f"{self._who} answers {what}", "Look whether generation.model.endpoint is the server's address, up to /v1."
        )


def _lines(parts: Iterable[bytes]) -> Iterator[str]:
    """Lines as the protocol has them, which end with a line feed and not at U+2028."""
    held: list[bytes] = []
    for part in parts:
        *whole, rest = part.split(b"\n")
        for line in whole:
            yield _decoded(b"".join([*held, line]))
            held = []
        held.append(rest)
    yield _decoded(b"".join(held))


def _decoded(line: bytes) -> str:
    return line.decode("utf-8", "replace").strip("\r\ufeff")


def reason_in(found: Any) -> str:
    """The words in which a server says that it failed; empty where there are none."""
    while isinstance(found, dict):
        found = next((found[key] for key in ("error", "message", "detail") if found.get(key)), "")
    return found if isinstance(found, str) else ""


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
