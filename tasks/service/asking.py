"""Answers over HTTP, whole or sentence by sentence, and what people say of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from freshet.tasks.errors import StoreError
from freshet.tasks.service.looking import TROUBLES
from freshet.tasks.service.problems import trouble_of
from freshet.tasks.service.running import Events, finished, stream_answer, streamed
from freshet.tasks.service.shapes import AskRequest, AskResponse, FeedbackRequest

if TYPE_CHECKING:
    from freshet.tasks.answers.ask import Explained
    from freshet.tasks.service.caller import Caller
    from freshet.tasks.service.desk import Desk

MODE = "http"
"""What the record says of a question that was asked here."""

EVENTS = "text/event-stream"

_STREAM = {
    EVENTS: {
        "schema": {"type": "string"},
        "example": 'event: started\ndata: {"id": "…", "corpus": "handbook", "release": 3, "model": "extractive"}\n\n'
        'event: sentence\ndata: {"text": "…", "support": 1.0, "findings": [], "citations": []}\n\n'
        'event: done\ndata: {"id": "…", "outcome": "answered", "sentences": []}\n\n',
    }
}


def add_asking(app: FastAPI) -> None:
    """Adds `/v1/ask` and `/v1/feedback`."""

    @app.post(
        "/v1/ask",
        tags=["answers"],
        summary="An answer whose every sentence was checked, or a refusal with its reason",
        response_model=AskResponse,
        responses={**TROUBLES, 200: {"content": _STREAM}},
    )
    async def ask(request: Request, body: AskRequest) -> Response:
        desk, caller = app.state.desk, request.state.caller
        asker, corpus = await asyncio.to_thread(_place, desk, caller, body)
        events = stream_answer(
            desk,
            app.state.limits,
            asker,
            corpus,
            body.question,
            asked_as=desk.principals(caller, body.as_),
            mode=mode_of(caller, body.as_),
            release=body.release,
        )
        if body.stream or EVENTS in request.headers.get("accept", ""):
            return await streamed(events, lambda made: _events(app, made, corpus))
        found = await finished(request, events)
        if found is None:
            return Response(status_code=499)  # nobody is there to read it
        app.state.metrics.answered(found.answer, MODE)
        return Response(
            _json(_told(found, corpus)), headers={"Cache-Control": "no-store"}, media_type="application/json"
        )

    @app.post("/v1/feedback", tags=["answers"], summary="Whether an answer helped", status_code=204, responses=TROUBLES)
    def feedback(body: FeedbackRequest) -> Response:
        log = app.state.desk.log
        if not log.feedback(body.id, body.helpful, body.note):
            raise StoreError(f"feedback could not be put on record: {log.trouble}")
        return Response(status_code=204)


def mode_of(caller: Caller, as_: object, mode: str = MODE) -> str:
    """What the record says a question was asked by; of one that was asked as somebody else, also who did so."""
    return f"{mode}, as another by {caller.name}" if as_ else mode


def _place(desk: Desk, caller: Caller, body: AskRequest) -> tuple[Any, str]:
    asker = desk.asker(caller, body.as_)
    return asker, desk.corpus(asker, body.corpus)


def _told(found: Explained, corpus: str) -> dict[str, Any]:
    return {"corpus": corpus, **found.answer.as_dict()}


async def _events(app: FastAPI, events: Events, corpus: str) -> AsyncGenerator[str, None]:
    """Server-sent events: what is raised in the middle is told in an event, since the status is gone."""
    yield ": here\n\n"
    try:
        async for kind, what in events:
            if kind == "heartbeat":
                yield ": still here\n\n"
            elif kind == "sentence":
                yield _event(kind, what.as_dict())
            elif kind == "done":
                app.state.metrics.answered(what.answer, MODE)
                yield _event(kind, _told(what, corpus))
            else:
                yield _event(kind, what)
    except Exception as error:
        yield _event("error", trouble_of(error).as_dict())


def _event(kind: str, what: dict[str, Any]) -> str:
    return f"event: {kind}\ndata: {_json(what)}\n\n"


def _json(what: Any) -> str:
    return json.dumps(what, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> str:
    assert isinstance(value, datetime)
    return value.isoformat()
