"""The application: all parts of the service behind one door."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from freshet.tasks.errors import FreshetError
from freshet.tasks.service.desk import Desk
from freshet.tasks.service.door import Admits, Door, Knows
from freshet.tasks.service.metrics import Metrics
from freshet.tasks.service.openai_errors import OpenAIErrors
from freshet.tasks.service.problems import LOG, add_problems, no_unknown_parameters

if TYPE_CHECKING:
    from fastapi import FastAPI

API_VERSION = "1"

_ABOUT = """Answers from documents, each for whoever asks. Every request but those for the page and for health carries a
bearer token: one that `freshet token create` made, or one of the identity provider. Errors are problem details."""


def make_app(desk: Desk, identity: Knows, limits: Admits) -> FastAPI:
    """The application of a service, as ASGI.

    Args:
        desk: what answers.
        identity: who callers are.
        limits: how much they may ask.
    """
    from fastapi import Depends, FastAPI

    from freshet.tasks.service.asking import add_asking
    from freshet.tasks.service.chat import add_chat
    from freshet.tasks.service.embeddings import add_embeddings
    from freshet.tasks.service.health import add_health
    from freshet.tasks.service.looking import add_looking
    from freshet.tasks.service.mcp_http import add_mcp
    from freshet.tasks.service.page import add_page
    from freshet.tasks.service.reports import add_reports

    app = FastAPI(
        title="Freshet",
        version=API_VERSION,
        description=_ABOUT,
        docs_url=None,  # its pages are fetched from a host elsewhere
        redoc_url=None,
        lifespan=_lifespan,
        separate_input_output_schemas=False,
        redirect_slashes=False,  # it would lead from https to http behind a proxy
        dependencies=[Depends(no_unknown_parameters)],
    )
    app.state.desk, app.state.limits, app.state.metrics = desk, limits, Metrics(desk.log)
    app.state.trouble = _Warming()
    for add in (
        add_problems, add_asking, add_looking, add_health, add_chat, add_embeddings, add_page, add_reports, add_mcp
    ):  # fmt: skip
        add(app)
    _tell_who_may(app)
    app.add_middleware(
        Door, said=desk.project.settings.service, identity=identity, limits=limits, metrics=app.state.metrics
    )
    app.add_middleware(OpenAIErrors)
    return app


class _Warming:
    """How far the models are loaded: `reason` says why no answer can be given yet; None where it can."""

    reason: str | None = "models are being loaded"


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Loads models beside the first requests, which wait for what they need."""
    from freshet.tasks.service.mcp_http import mcp_lifespan

    threading.Thread(target=_warm, args=(app,), name="warm", daemon=True).start()
    async with mcp_lifespan(app):
        yield


def _warm(app: FastAPI) -> None:
    try:
        app.state.desk.warm()
        app.state.trouble.reason = None
    except FreshetError as error:
        app.state.trouble.reason = "a model or the store cannot be opened"
        LOG.error("%s: %s", type(error).__name__, error)
    except Exception:
        app.state.trouble.reason = "a model or the store cannot be opened"
        LOG.exception("models could not be loaded")


def _tell_who_may(app: FastAPI) -> None:
    """Says in OpenAPI that requests carry a bearer token."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        said = made()
        said.setdefault("components", {})["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
        for path, held in said["paths"].items():
            for one in held.values():
                one["security"] = [] if path in ("/healthz", "/readyz") else [{"bearer": []}]
        return said

    app.openapi = openapi  # type: ignore[method-assign]


def run_logged(level: int = logging.INFO) -> None:
    """Sends the service's log to standard error, a line for each request."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    LOG.handlers[:] = [handler]
    LOG.setLevel(level)
    LOG.propagate = False
