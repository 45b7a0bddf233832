"""Health, readiness and metrics."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from freshet.tasks.errors import FreshetError
from freshet.tasks.ledger.releases import find_standing
from freshet.tasks.service.caller import ANONYMOUS, NotPermitted
from freshet.tasks.service.problems import LOG
from freshet.tasks.service.shapes import Problem, ReadyResponse
from freshet.tasks.service.token_file import read_tokens, token_file


def add_health(app: FastAPI) -> None:
    """Adds `/healthz`, `/readyz` and `/metrics`."""

    @app.get("/healthz", tags=["health"], summary="Whether the process is alive")
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @app.get(
        "/readyz",
        tags=["health"],
        summary="Whether it can answer",
        response_model=ReadyResponse,
        responses={503: {"model": ReadyResponse, "description": "It cannot answer yet, or not now."}},
    )
    def readyz() -> JSONResponse:
        reasons = [one for one in (app.state.trouble.reason, _store_trouble(), _asker_trouble()) if one]
        return JSONResponse({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)

    def _store_trouble() -> str | None:
        desk = app.state.desk
        try:
            if any(find_standing(desk.store, corpus) for corpus in desk.project.settings.corpora):
                return None
        except (FreshetError, OSError) as error:
            LOG.error("%s: %s", type(error).__name__, error)
            return "the store cannot be read"
        return "no corpus has a release"

    def _asker_trouble() -> str | None:
        desk = app.state.desk
        try:
            desk.asker(ANONYMOUS)
            read_tokens(token_file(desk.project.root))
        except FreshetError as error:
            LOG.error("%s: %s", type(error).__name__, error)
            return "the tokens or the roster cannot be read"
        return None

    @app.get(
        "/metrics",
        tags=["health"],
        summary="Counters for Prometheus; for owners",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, 403: {"model": Problem}},
    )
    def metrics(request: Request) -> Response:
        if not app.state.desk.is_owner(request.state.caller):
            raise NotPermitted("metrics are for owners", "Whoever runs the service names owners in service.owners.")
        return Response(app.state.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
