"""The Model Context Protocol over HTTP: the tools of `mcp_tools`, for the caller of each request."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING

from starlette.routing import Route

from freshet.tasks.errors import MissingExtra
from freshet.tasks.service.problems import LOG, Trouble, trouble_of

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import Receive, Scope, Send

_NOT_INSTALLED = MissingExtra("/mcp needs the package mcp", "Install it: pip install 'freshet[serve]'")


def need_mcp() -> None:
    """Sees that the package which speaks the protocol is there.

    Raises:
        MissingExtra: it is not.
    """
    try:
        import mcp.server.mcpserver  # noqa: F401
    except ImportError:
        raise _NOT_INSTALLED from None


def add_mcp(app: FastAPI) -> None:
    """Adds `/mcp`; it is open while `mcp_lifespan` is entered, and says what to install where the package is absent."""
    try:
        need_mcp()
    except MissingExtra as error:
        LOG.warning("%s", error)
    app.state.mcp = None
    app.router.routes.append(Route("/mcp", _Endpoint(app)))


class _Endpoint:
    """The address of the protocol, as ASGI."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (manager := self._app.state.mcp) is None:
            await trouble_of(_NOT_INSTALLED).response()(scope, receive, send)
        elif scope["method"] != "POST":
            # Nothing is said without being asked: a stream that says nothing would hold one of the caller's places.
            trouble = Trouble(405, "this address takes POST alone", headers={"Allow": "POST"})
            await trouble.response()(scope, receive, send)
        else:
            await manager.handle_request(scope, receive, send)


@contextlib.asynccontextmanager
async def mcp_lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keeps `/mcp` open; nothing where the package is absent."""
    try:
        need_mcp()
    except MissingExtra:
        yield
        return
    from mcp.server.transport_security import TransportSecuritySettings

    from freshet.tasks.service.mcp_tools import MODE, make_server

    state = app.state
    server = make_server(state.desk, state.limits, answered=partial(state.metrics.answered, mode=MODE))
    # Hosts are looked at by the door, before everything else; a token is needed, so that a page elsewhere has none.
    server.streamable_http_app(
        stateless_http=True,
        max_request_body_size=int(state.desk.project.settings.service.limits.body),
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    async with server.session_manager.run():
        state.mcp = server.session_manager
        try:
            yield
        finally:
            state.mcp = None
