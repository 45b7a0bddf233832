"""`freshet serve`: answers over HTTP, until it is told to end."""

from __future__ import annotations

import errno
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter, validators

from freshet.flows.command.answering import DONE, Config, complain
from freshet.tasks.errors import SettingsError
from freshet.tasks.settings.addresses import shown
from freshet.tasks.settings.file import CONFIG_VARIABLE, Project, load_project

if TYPE_CHECKING:
    from fastapi import FastAPI

GRACE = 20
"""Seconds that answers in the making have when the service ends."""


def serve(
    *,
    host: Annotated[str | None, Parameter(help="Address to listen at, in place of the one in the settings.")] = None,
    port: Annotated[
        int | None,
        Parameter(validator=validators.Number(gte=1, lte=65535), help="Port, in place of the one in the settings."),
    ] = None,
    workers: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=64), help="Processes.")] = 1,
    config: Config = None,
) -> int:
    """Answer over HTTP: search, ask, chat, MCP and a page, each for those who may.

    Callers come with a token that `freshet token create` made, or one of the identity provider of the settings.
    """
    project = load_project(config)
    said = project.settings.service
    _check_somebody_may(project)
    host, port = host or said.host, port or said.port
    _see_that_it_is_free(host, port)
    os.environ[CONFIG_VARIABLE] = str(project.file)  # for the processes, which begin with it
    complain(f"Freshet answers at http://{f'[{host}]' if ':' in host else host}:{port}/ (Ctrl+C ends it)")
    # Once all has ended well, uvicorn sends itself the signal that ended it: that is no reason to die of it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(DONE))
    with suppress(KeyboardInterrupt):
        _run(host, port, workers)
    return DONE


def _run(host: str, port: int, workers: int) -> None:
    import uvicorn

    from freshet.tasks.service.patience import PatientProtocol

    uvicorn.run(
        "freshet.flows.command.serve:app",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        access_log=False,  # its own log has no texts
        server_header=False,
        log_level="warning",
        timeout_graceful_shutdown=GRACE,
        http=PatientProtocol,
        timeout_keep_alive=30,
        proxy_headers=False,
        ws="none",
    )


def app() -> FastAPI:
    """The application of one process, of the project that FRESHET_CONFIG names."""
    from freshet.tasks.service.app import make_app, run_logged
    from freshet.tasks.service.desk import Desk
    from freshet.tasks.service.identity import Identity
    from freshet.tasks.service.limits import Limits

    project = load_project(Path(os.environ[CONFIG_VARIABLE]))
    run_logged()
    return make_app(Desk(project), Identity(project), Limits(project.settings.service.limits))


def _check_somebody_may(project: Project) -> None:
    """Says so where nobody could sign in: it is not wrong, since a token may be made at any time."""
    from freshet.tasks.service.tokens import list_tokens

    said = project.settings.service
    if not said.anonymous and said.oidc is None and not list_tokens(project.root):
        complain("note: nobody may ask yet. Make a token: freshet token create --as user:NAME")


def _see_that_it_is_free(host: str, port: int) -> None:
    """Sees that an address can be listened at, before anything is loaded.

    Raises:
        SettingsError: it cannot.
    """
    import socket

    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        with socket.socket(found[0][0]) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(found[0][4])
    except (OSError, UnicodeError) as error:
        if isinstance(error, socket.gaierror | UnicodeError) or error.errno == errno.EADDRNOTAVAIL:
            raise SettingsError(
                f"{shown(host)} is no address of this machine",
                "Write 127.0.0.1 for this machine alone, or 0.0.0.0 for all its addresses, as service.host or --host.",
            ) from None
        raise SettingsError(
            f"port {port} of {host} cannot be used: {error.strerror}",
            "Stop what uses it, or choose another: freshet serve --port 4281",
        ) from None
