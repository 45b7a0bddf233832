"""Errors as problem details (RFC 9457): what the caller may know of them, and never more.

What went wrong with the store, a file or a model is for whoever runs the service, and goes to its log: its words name
paths and tables. What the caller did wrong is told to him.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import Request

from freshet.tasks.errors import (
    AccessCheckFailed,
    FreshetError,
    MissingExtra,
    ModelFailed,
    SettingsError,
    StoreError,
)
from freshet.tasks.service.caller import NotPermitted, NotSignedIn, NotThere, TooMuch
from freshet.tasks.settings.addresses import shown

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.responses import Response

LOG = logging.getLogger("freshet.service")

PROBLEM_JSON = "application/problem+json"

_TOLD: Mapping[type[FreshetError], int] = {
    NotSignedIn: HTTPStatus.UNAUTHORIZED,
    NotPermitted: HTTPStatus.FORBIDDEN,
    NotThere: HTTPStatus.NOT_FOUND,
    TooMuch: HTTPStatus.TOO_MANY_REQUESTS,
    SettingsError: HTTPStatus.BAD_REQUEST,
}
"""What the caller can mend himself, and is told in full: the status of each."""

_KEPT: Mapping[type[FreshetError], tuple[int, str, str]] = {
    AccessCheckFailed: (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "it could not be established what you may see, so nothing is shown",
        "Ask again later, or tell whoever runs the service.",
    ),
    ModelFailed: (HTTPStatus.BAD_GATEWAY, "the language model gave no answer", "Ask again later."),
    MissingExtra: (
        HTTPStatus.NOT_IMPLEMENTED,
        "this is not installed here",
        "Whoever runs the service installs the extra: pip install 'freshet[serve]'",
    ),
    StoreError: (HTTPStatus.SERVICE_UNAVAILABLE, "the store cannot be read now", "Ask again later."),
    FreshetError: (HTTPStatus.SERVICE_UNAVAILABLE, "the service cannot answer now", "Ask again later."),
}
"""What whoever runs the service must mend: the status, and what the caller is told in place of it."""


@dataclass(frozen=True)
class Trouble:
    """An error as the caller is told of it.

    Attributes:
        headers: of the response, besides.
    """

    status: int
    detail: str
    mend: str | None = None
    headers: Mapping[str, str] | None = None
    errors: list[dict[str, Any]] | None = None

    def as_dict(self) -> dict[str, Any]:
        """The problem details."""
        said = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": int(self.status),
            "detail": self.detail,
            "mend": self.mend or None,
            "errors": self.errors,
        }
        return {name: value for name, value in said.items() if value is not None}

    def response(self) -> Response:
        """The problem details as a response."""
        from starlette.responses import JSONResponse

        headers = {"Cache-Control": "no-store", **(self.headers or {})}
        return JSONResponse(self.as_dict(), self.status, headers, PROBLEM_JSON)


def trouble_of(error: BaseException) -> Trouble:
    """What the caller is told of an error; what he is not told goes to the service's log."""
    for kind, status in _TOLD.items():
        if isinstance(error, kind):
            headers = {}
            if isinstance(error, NotSignedIn):
                headers = {"WWW-Authenticate": "Bearer"}
            if isinstance(error, TooMuch):
                headers = {"Retry-After": str(error.seconds)}
            return Trouble(status, error.what, error.mend, headers)
    for kind, (status, detail, mend) in _KEPT.items():
        if isinstance(error, kind):
            LOG.error("%s: %s", type(error).__name__, error)
            return Trouble(status, detail, mend, {"Retry-After": "5"} if status == 503 else None)
    LOG.error("a request failed", exc_info=error)
    return Trouble(HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong that should not", "It is in the log.")


def no_unknown_parameters(request: Request) -> None:
    """Sees that the address has no parameter that would be ignored: `as`, say, which only a body may hold.

    Raises:
        SettingsError: it has one.
    """
    known = {one.alias for one in request.scope["route"].dependant.query_params}
    if unknown := sorted(request.query_params.keys() - known):
        raise SettingsError(
            f"this address has no parameter {', '.join(map(shown, unknown))}",
            f"It has {', '.join(sorted(known))}." if known else "Leave it out.",
        )


def add_problems(app: FastAPI) -> None:
    """Makes every error of an app one of problem details."""
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException

    async def of_freshet(_: Request, error: Exception) -> Response:
        return trouble_of(error).response()

    async def of_form(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        # What was sent is not repeated: it may be a question, or a token in the wrong place.
        wrong = [{"where": ".".join(map(str, one["loc"])), "what": one["msg"]} for one in error.errors()]
        first = f"{wrong[0]['where']}: {wrong[0]['what']}" if wrong else "it does not fit"
        return Trouble(422, f"the request does not fit: {first}", "See /openapi.json.", errors=wrong).response()

    async def of_http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        detail = {404: "there is nothing at this address", 405: "this address does not take such a request"}
        said = detail.get(error.status_code, str(error.detail))
        return Trouble(error.status_code, said, "See /openapi.json.", error.headers).response()

    app.add_exception_handler(FreshetError, of_freshet)
    app.add_exception_handler(RequestValidationError, of_form)
    app.add_exception_handler(HTTPException, of_http)
