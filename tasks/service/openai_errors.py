"""Errors in the shape that programs for OpenAI's interface show to people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PATHS = ("/v1/chat/completions", "/v1/models", "/v1/embeddings")

_KINDS: Mapping[int, tuple[str, str | None]] = {
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("permission_error", None),
    404: ("invalid_request_error", "model_not_found"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
}
"""`type` and `code` by status; below 500 any other is an `invalid_request_error`, from 500 on a `server_error`."""


class OpenAIError(BaseModel):
    """What went wrong."""

    message: str = Field(examples=["there is no corpus wiki that you may see. Name one of these: handbook."])
    type: str = Field(examples=["invalid_request_error"])
    param: str | None = Field(description="the parameter that does not fit")
    code: str | None = Field(examples=["model_not_found"])


class OpenAIProblem(BaseModel):
    """An error in OpenAI's shape."""

    error: OpenAIError


TROUBLES: dict[int | str, dict[str, Any]] = {
    status: {"model": OpenAIProblem, "description": said}
    for status, said in {
        400: "The request does not fit, or nothing is asked.",
        401: "There is no token, or it is no good.",
        404: "There is no such model that the caller may see.",
        413: "The request is too long.",
        429: "Too much at once; Retry-After says when to try again.",
        502: "The language model gave no answer.",
        503: "The store cannot be read now.",
    }.items()
}
"""What may go wrong, for OpenAPI."""


def openai_error(problem: Mapping[str, Any]) -> dict[str, Any]:
    """Problem details in OpenAI's shape."""
    status = problem["status"]
    kind, code = _KINDS.get(status, ("server_error" if status >= 500 else "invalid_request_error", None))
    wrong = [one["where"].removeprefix("body.") for one in problem.get("errors", [])]
    message = ". ".join(part.rstrip(".") for part in (problem["detail"], problem.get("mend")) if part) + "."
    return {"error": {"message": message, "type": kind, "param": wrong[0] if wrong else None, "code": code}}


class OpenAIErrors:
    """ASGI middleware, outside of everything that answers with problem details: puts those of `PATHS` into the shape.

    A request that does not fit has the status 400, as there, in place of 422.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Keeps the application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on."""
        ours = scope["type"] == "http" and scope["path"].startswith(PATHS)
        await self._app(scope, receive, _Reshaped(send).send if ours else send)


class _Reshaped:
    """A response whose problem details are put into the shape."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            kind = dict(message.get("headers", [])).get(b"content-type", b"")
            if kind.startswith(b"application/problem+json"):
                self._start = message
                return
        if self._start is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if message.get("more_body", False):
            return
        body = json.dumps(openai_error(json.loads(self._body))).encode()
        others = [one for one in self._start["headers"] if one[0] not in (b"content-type", b"content-length")]
        length = (b"content-length", str(len(body)).encode())
        status = 400 if self._start["status"] == 422 else self._start["status"]
        headers = [*others, (b"content-type", b"application/json"), length]
        start, self._start = {**self._start, "status": status, "headers": headers}, None
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})
