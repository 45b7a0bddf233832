"""What tests of the service share: an application of a project, with callers of whom the test knows."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freshet.tasks.service.app import make_app
from freshet.tasks.service.caller import ANONYMOUS, Caller, NotSignedIn
from freshet.tasks.service.desk import Desk
from freshet.tasks.settings.file import load_project
from tests.waiting import until

if TYPE_CHECKING:
    from fastapi import FastAPI

FLOOD = "How much may we pay to settle a flood damage claim?"
"""Answered from different pages for everyone and for group:legal."""

PEOPLE: Mapping[str, Caller] = {
    "anybody": Caller("token anybody", ()),
    "lawyer": Caller("token lawyer", ("user:ada", "group:legal")),
    "owner": Caller("token owner", ("user:olga", "group:data")),
    "proxy": Caller("token proxy", ("user:proxy",), may_impersonate=True),
}
"""Callers by their token."""


class People:
    """An identity of callers that a test knows; without a token, `anonymous`."""

    def __init__(self, people: Mapping[str, Caller] = PEOPLE, *, anonymous: bool = False) -> None:
        self.people, self.anonymous = people, anonymous

    def caller(self, authorization: str | None) -> Caller:
        if authorization is None and self.anonymous:
            return ANONYMOUS
        found = self.people.get((authorization or "").removeprefix("Bearer "))
        if found is None:
            raise NotSignedIn("nobody is signed in", "Send a token.")
        return found


class Unlimited:
    """Limits that let everybody in."""

    def admit(self, _: Caller) -> nullcontext[None]:
        return nullcontext()

    def answering(self) -> nullcontext[None]:
        return nullcontext()


def app_of(config: Path, identity: Any = None, limits: Any = None, *, warm: bool = True) -> FastAPI:
    """The application of a project, with its models loaded."""
    desk = Desk(load_project(config))
    if warm:
        desk.warm()
    return make_app(desk, identity or People(), limits or Unlimited())


def as_(name: str) -> dict[str, str]:
    """The headers of somebody among PEOPLE."""
    return {"Authorization": f"Bearer {name}"}


@contextmanager
def listening(app: FastAPI, http: Any = "auto") -> Iterator[str]:
    """Serves an application at a free port, and gives its address."""
    import uvicorn

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", ws="none", http=http))
    thread = threading.Thread(target=server.run, name="service")
    thread.start()
    try:
        until(lambda: server.started, "the service listens")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
