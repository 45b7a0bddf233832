"""A service that says what a test tells it to: the faults that a real one shows once in a long while."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from freshet.tasks.service.page import add_page
from freshet.tasks.settings.service import Service

NOW = "2026-11-29T08:00:00+00:00"
TEXT = "How much may be paid. 𝔘p to €2,500 🌊 per household. The rest is for the insurer to say."
QUOTE = "𝔘p to €2,500 🌊 per household."


def citation(quote: str = QUOTE, text: str = TEXT, **document: str) -> dict[str, Any]:
    start = text.index(quote)
    said = {"id": "d1", "uri": "members/damage-claims.md", "title": "Damage claims"} | document
    place = {"page": 3, "heading": "Damage claims > How much may be paid", "chars": [start, start + len(quote)]}
    return {
        "document": said,
        "citation": {**place, "source_version": "v1", "verified_at": NOW},
        "quote": quote,
        "stale": False,
    }


def sentence(text: str = QUOTE, *findings: str, cited: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"text": text, "support": 1.0, "findings": list(findings), "citations": [cited or citation()]}


def answer(*sentences: dict[str, Any], reason: str | None = None, **usage: Any) -> dict[str, Any]:
    return {
        "id": "a1", "outcome": "refused" if reason else "answered", "reason": reason,
        "refusal": "Nothing that you may see answers this question." if reason else None, "corpus": "handbook",
        "release": 7, "sentences": list(sentences), "model": "extractive", "prompt": None,
        "usage": {"passages": 1, "left_out": 0, "withheld": {}, "finish": None} | usage, "seconds": 0.3,
    }  # fmt: skip


STARTED = {"id": "a1", "corpus": "handbook", "release": 7, "model": "extractive"}


def event(name: str, told: Any, end: str = "\n") -> bytes:
    return f"event: {name}{end}data: {json.dumps(told, ensure_ascii=False)}{end}{end}".encode()


def problem(status: int, detail: str, mend: str = "", **headers: str) -> Response:
    told = {"type": "about:blank", "title": "No", "status": status, "detail": detail, "mend": mend}
    return JSONResponse(told, status, headers, media_type="application/problem+json")


@dataclass
class Script:
    """What the service does next, and what it was asked.

    Attributes:
        asked: gives the answer to a question: the parts of a stream, or a response. None says the usual one.
        text: of the one document.
        lets_in: whether a token is good; the page may go without, where the settings say `anonymous`.
        principals: whoever signs in asks as.
        questions, words: what it was asked, and what it was told of answers.
        ended: the stream of an answer has been ended, from whichever side.
    """

    settings: Service = field(default_factory=Service)
    asked: Callable[[str], Iterable[bytes] | Response] | None = None
    text: str = TEXT
    document: dict[str, Any] = field(default_factory=lambda: citation()["document"])
    lets_in: Callable[[str], bool] = lambda token: token == "good"
    principals: list[str] = field(default_factory=lambda: ["everyone", "group:claims", "user:ada"])
    feedback: Callable[[], Response] = lambda: Response(status_code=204)
    corpora: list[str] = field(default_factory=lambda: ["handbook"])
    questions: list[dict[str, Any]] = field(default_factory=list)
    words: list[dict[str, Any]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def usual(self, _: str) -> Iterable[bytes]:
        yield b": here\n\n"
        yield event("started", STARTED)
        yield event("sentence", sentence())
        yield event("done", answer(sentence()))


class Told(StreamingResponse):
    """A stream that says when it has ended, from whichever side."""

    def __init__(self, ended: threading.Event, parts: Iterable[bytes]) -> None:
        super().__init__(iter(parts), media_type="text/event-stream")
        self.ended = ended

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.ended.set()


def app_of(script: Script) -> FastAPI:
    app = FastAPI()
    app.state.desk = SimpleNamespace(project=SimpleNamespace(settings=SimpleNamespace(service=script.settings)))
    add_page(app)

    @app.middleware("http")
    async def only_signed_in(request: Request, go_on: Any) -> Any:
        token = (request.headers.get("Authorization") or "").removeprefix("Bearer ")
        is_let_in = script.lets_in(token) or (script.settings.anonymous and not token)
        if request.url.path.startswith("/v1/") and not is_let_in:
            return problem(401, "this token is not known")
        return await go_on(request)

    @app.get("/v1/me")
    def me() -> dict[str, Any]:
        return {"name": "token 1", "principals": script.principals, "owner": False, "may_impersonate": False}

    @app.get("/v1/corpora")
    def corpora() -> dict[str, Any]:
        return {"corpora": [{"name": one, "release": 7, "published_at": NOW} for one in script.corpora]}

    @app.post("/v1/ask")
    def ask(body: dict[str, Any]) -> Response:
        script.questions.append(body)
        said = (script.asked or script.usual)(body["question"])
        if isinstance(said, Response):
            return said

        return Told(script.ended, said)

    @app.get("/v1/documents/{doc_id}")
    def document(start: int, end: int) -> dict[str, Any]:
        end = min(end, len(script.text))
        return {
            "corpus": "handbook", "release": 7, "document": script.document, "source_version": "v1",
            "verified_at": NOW, "stale": True, "length": len(script.text), "chars": [start, end],
            "text": script.text[start:end], "passages": [],
        }  # fmt: skip

    @app.post("/v1/feedback")
    def feedback(body: dict[str, Any]) -> Response:
        script.words.append(body)
        return script.feedback()

    return app
