"""The door of the service: who calls, whether he may come in now, and a line in the log when he has left.

It is plain ASGI, around everything else, so that nothing that is added later can stand beside it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import AbstractContextManager
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Protocol

from starlette.exceptions import HTTPException

from freshet.tasks.service.problems import LOG, Trouble, trouble_of

if TYPE_CHECKING:
    from freshet.tasks.service.caller import Caller
    from freshet.tasks.service.metrics import Metrics
    from freshet.tasks.settings.service import Service

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN = ("/", "/healthz", "/readyz", "/openapi.json", "/favicon.ico")
"""Addresses that anybody may read, and all below OPEN_BELOW: nothing of the store is in them."""
OPEN_BELOW = ("/page/",)

_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
)


class Knows(Protocol):
    """Tells who a caller is (`identity.Identity`)."""

    def caller(self, authorization: str | None) -> Caller:
        """Who sent this header. Blocks.

        Raises:
            NotSignedIn: nobody who may ask.
        """


class Admits(Protocol):
    """Counts what callers ask (`limits.Limits`)."""

    def admit(self, caller: Caller) -> AbstractContextManager[None]:
        """Holds the place of one request.

        Raises:
            TooMuch: there is none.
        """

    def answering(self) -> AbstractContextManager[None]:
        """Holds the place of one answer in the making.

        Raises:
            TooMuch: there is none.
        """


class Unfit(HTTPException):
    """A request is not let in, whoever sent it. It is what frameworks let through that read a body for their routes."""


class Door:
    """ASGI middleware: hosts, callers, limits, sizes, and the log."""

    def __init__(self, app: App, said: Service, identity: Knows, limits: Admits, metrics: Metrics) -> None:
        """Keeps what it needs."""
        self._app, self._said, self._identity, self._limits = app, said, identity, limits
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request in, or answers why not."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return  # a websocket is closed: the service has none
        visit = _Visit(send)
        scope.setdefault("state", {})
        begun = time.perf_counter()
        try:
            await self._let_in(scope, receive, visit)
        except Exception as error:
            await visit.tell(_trouble(error), scope, receive)
        finally:
            self._note(scope, visit, time.perf_counter() - begun)

    async def _let_in(self, scope: Scope, receive: Receive, visit: _Visit) -> None:
        headers = {name.lower(): value for name, value in scope["headers"]}
        _check_headers([name.lower() for name, _ in scope["headers"]])
        if not self._is_ours(headers.get(b"host", b"").decode("latin-1")):
            raise Unfit(421, "the service is not known by this host; whoever runs it names it in service.hosts")
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self._said.limits.body:
            raise Unfit(413, f"a request may have {int(self._said.limits.body):,} bytes")
        bounded = self._bounded(receive)
        if scope["path"] in OPEN or scope["path"].startswith(OPEN_BELOW):
            await self._app(scope, bounded, visit.send)
            return
        said = headers.get(b"authorization")
        caller = await asyncio.to_thread(self._identity.caller, None if said is None else said.decode("latin-1"))
        scope["state"]["caller"] = caller
        with self._limits.admit(caller):
            await self._app(scope, bounded, visit.send)

    def _is_ours(self, host: str) -> bool:
        """Whether a request names a host that is the service's: a page elsewhere could have its own name lead here."""
        name = (host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host).strip("[]").lower()
        if name in {"localhost", self._said.host.lower(), *(one.lower() for one in self._said.hosts)}:
            return True
        try:
            ip_address(name)
        except ValueError:
            return False
        return True  # a number is no name that somebody else could lead here

    def _bounded(self, receive: Receive) -> Receive:
        """Receives a body of bounded length within a bounded time."""
        most, deadline = int(self._said.limits.body), time.monotonic() + self._said.limits.timeout.total_seconds()
        taken, is_whole = 0, False

        async def bounded() -> Message:
            nonlocal taken, is_whole
            if is_whole:
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                raise Unfit(408, "the request did not arrive whole in time") from None
            taken += len(message.get("body", b""))
            is_whole = not message.get("more_body", False)
            if taken > most:
                raise Unfit(413, f"a request may have {most:,} bytes")
            return message

        return bounded

    def _note(self, scope: Scope, visit: _Visit, seconds: float) -> None:
        """Notes a visit: never its texts, nor the query of its address."""
        caller = scope["state"].get("caller")
        route = getattr(scope.get("route"), "path", None) or ("/mcp" if scope["path"].startswith("/mcp") else "other")
        self._metrics.visited(scope["method"], route, visit.status, seconds)
        who = caller.name if caller else "-"
        LOG.info("%s %s %d %.0f ms %s", scope["method"], route, visit.status, seconds * 1000, who)


def _check_headers(names: Sequence[bytes]) -> None:
    """Sees that no header says two things, of which a proxy may have read the other one.

    Raises:
        Unfit: one does.
    """
    for name in (b"authorization", b"host", b"content-length"):
        if names.count(name) > 1:
            raise Unfit(400, f"the header {name.decode().title()} is there more than once")
    if b"content-length" in names and b"transfer-encoding" in names:
        raise Unfit(400, "a request has Content-Length or Transfer-Encoding, not both", {"Connection": "close"})


class _Visit:
    """A response as it is sent."""

    def __init__(self, send: Send) -> None:
        self._send, self.status, self.has_begun = send, 499, False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.has_begun = message["status"], True
            held = {name.lower() for name, _ in message.get("headers", [])}
            message = {
                **message,
                "headers": [*message.get("headers", []), *(one for one in _HEADERS if one[0] not in held)],
            }
        await self._send(message)

    async def tell(self, trouble: Trouble, scope: Scope, receive: Receive) -> None:
        """Answers with problem details, unless an answer has begun: that one is cut off, and the caller sees it."""
        if self.has_begun:
            LOG.error("an answer broke off: %s", trouble.detail)
            return
        await trouble.response()(scope, receive, self.send)


def _trouble(error: Exception) -> Trouble:
    if isinstance(error, Unfit):
        return Trouble(error.status_code, error.detail, headers=error.headers)
    return trouble_of(error)
