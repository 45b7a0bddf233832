"""Corpora as models of OpenAI's chat interface, for programs in which people chat."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from freshet.tasks.errors import SettingsError
from freshet.tasks.search.questions import check_question
from freshet.tasks.service.chat_text import NOT_READ, ONLY_LAST, ChatText
from freshet.tasks.service.conversation import TURNS, Turn, question_alone, readable
from freshet.tasks.service.openai_errors import TROUBLES, openai_error
from freshet.tasks.service.problems import trouble_of
from freshet.tasks.service.running import Events, finished, stream_answer, streamed

if TYPE_CHECKING:
    from freshet.tasks.answers.answer import Answer
    from freshet.tasks.answers.ask import Explained
    from freshet.tasks.answers.compose import Writer
    from freshet.tasks.governance.expressions import Asker
    from freshet.tasks.service.desk import Desk

MODE = "chat"
"""What the record says of a question that was asked here."""


class Part(BaseModel):
    """A part of a message."""

    type: str = Field(max_length=100)
    text: str | None = None


class ChatMessage(BaseModel):
    """A message of a conversation; of `system` and `developer`, nothing is read."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None

    def text(self) -> str:
        """What it says.

        Raises:
            SettingsError: it is more than text.
        """
        if self.content is None or isinstance(self.content, str):
            return self.content or ""
        for part in self.content:
            if part.type not in ("text", "refusal"):
                raise SettingsError("a message has a part that is not text, and only text is read", "Leave it out.")
        return "\n".join(part.text for part in self.content if part.text)


class StreamOptions(BaseModel):
    """What else is streamed."""

    include_usage: bool = False


class ChatRequest(BaseModel):
    """A conversation whose last message of a user is to be answered.

    Parameters that are not named here, like `temperature`, are accepted and change nothing.
    """

    model: str | None = Field(None, max_length=200, description="a corpus", examples=["handbook"])
    messages: list[ChatMessage] = Field(min_length=1)
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: int | None = Field(None, le=1, ge=1, description="1, if anything")
    tools: list[Any] | None = Field(None, max_length=0, description="none")
    functions: list[Any] | None = Field(None, max_length=0, description="none")
    as_: None = Field(None, alias="as", description="nothing: who asks is what the token says")


@dataclass
class _Chat:
    """A conversation, and what comes of it.

    Attributes:
        turns: before the last one, oldest first.
        last: what is asked now.
        asked: as it was put in the end.
        note: why the conversation was not read; None where it was, or where there is none.
        answers_left_out: answers of earlier that were not read, since not all that they cite may be seen now.
        usage: whether a stream is to end with the usage.
    """

    desk: Desk
    asker: Asker
    asked_as: Collection[str]
    corpus: str
    turns: list[Turn]
    last: str
    usage: bool
    asked: str = ""
    note: str | None = None
    answers_left_out: int = 0
    made: int = field(default_factory=lambda: int(time.time()))

    @property
    def is_follow_up(self) -> bool:
        """Whether something was asked before."""
        return any(not turn.by_us for turn in self.turns)

    def question(self, writer: Writer) -> str:
        """What is asked, in one question that can be understood alone, as far as a language model is there."""
        self.asked = self.last
        if self.is_follow_up and writer.model is None:
            self.note = ONLY_LAST
        elif self.is_follow_up:
            latest = self.turns[-TURNS:]
            may_be_read = readable(latest, partial(self.desk.visible, self.asker, self.corpus))
            self.answers_left_out = len(latest) - len(may_be_read)
            alone = question_alone(may_be_read, self.last, writer)
            self.asked, self.note = (alone, None) if alone else (self.last, NOT_READ)
        return self.asked

    def remark(self) -> str | None:
        """What is said before the answer: how the question was put, or, once, that the conversation was not read."""
        if self.note is not None:
            return None if any(turn.by_us and self.note in turn.text for turn in self.turns) else self.note
        return f"Asked: {self.asked}" if self.asked != self.last else None

    def told(self, found: Explained) -> dict[str, Any]:
        """What programs that know Freshet are given besides."""
        told = {
            **found.answer.as_dict(),
            "corpus": self.corpus,
            "question": self.asked,
            "note": self.note,
            "answers_left_out": self.answers_left_out,
        }
        return cast("dict[str, Any]", jsonable_encoder(told))


def add_chat(app: FastAPI) -> None:
    """Adds `/v1/models` and `/v1/chat/completions`."""

    @app.get(
        "/v1/models", tags=["OpenAI"], summary="The corpora that the caller may ask, as models", responses=TROUBLES
    )
    def models(request: Request) -> dict[str, Any]:
        desk = app.state.desk
        return {"object": "list", "data": [_model(one) for one in desk.corpora(desk.asker(request.state.caller))]}

    @app.get("/v1/models/{model}", tags=["OpenAI"], summary="A corpus, as a model", responses=TROUBLES)
    def model(request: Request, model: str) -> dict[str, Any]:
        desk = app.state.desk
        asker = desk.asker(request.state.caller)
        name = desk.corpus(asker, model)
        return next(_model(one) for one in desk.corpora(asker) if one["name"] == name)

    @app.post(
        "/v1/chat/completions",
        tags=["OpenAI"],
        summary="An answer to the last message of a conversation",
        responses={**TROUBLES, 200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
    )
    async def completions(request: Request, body: ChatRequest) -> Response:
        chat = await run_in_threadpool(_chat, app.state.desk, request, body)
        events = stream_answer(
            chat.desk,
            app.state.limits,
            chat.asker,
            chat.corpus,
            chat.question,
            asked_as=list(chat.asked_as),
            mode=MODE,
        )
        answered = partial(app.state.metrics.answered, mode=MODE)
        if body.stream:
            return await streamed(events, lambda made: _stream(chat, made, answered))
        found = await finished(request, events)
        if found is None:
            return Response(status_code=499)  # nobody is there to read it
        answered(found.answer)
        return JSONResponse(_whole(chat, found), headers={"Cache-Control": "no-store"})


def _model(corpus: Mapping[str, Any]) -> dict[str, Any]:
    created = int(corpus["published_at"].timestamp())
    return {"id": corpus["name"], "object": "model", "created": created, "owned_by": "freshet"}


def _chat(desk: Desk, request: Request, body: ChatRequest) -> _Chat:
    """The conversation of a request.

    Raises:
        SettingsError: nothing is asked, or a message is not text.
        NotThere: there is no such corpus that the caller may see.
    """
    caller = request.state.caller
    asker = desk.asker(caller)
    corpus = desk.corpus(asker, body.model)
    turns = [Turn(one.role == "assistant", one.text()) for one in body.messages if one.role in ("user", "assistant")]
    while turns and turns[-1].by_us:
        turns.pop()
    if not turns:
        raise SettingsError("no message is of a user", 'Ask in the last message: {"role": "user", "content": "…"}.')
    check_question(turns[-1].text)
    usage = body.stream_options is not None and body.stream_options.include_usage
    return _Chat(desk, asker, desk.principals(caller), corpus, turns[:-1], turns[-1].text, usage)


def _usage(found: Explained) -> dict[str, int]:
    said = found.answer.usage
    prompt, completion = said.prompt_tokens or 0, said.completion_tokens or 0
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _finish(found: Explained) -> str:
    """Why it ended, in OpenAI's words: a refusal is an answer as well."""
    return "length" if found.answer.reason is None and found.answer.finish in ("length", "time") else "stop"


def _whole(chat: _Chat, found: Explained) -> dict[str, Any]:
    writer, remark = ChatText(), chat.remark()
    parts = [writer.remark(remark)] if remark else []
    parts += [writer.sentence(sentence) for sentence in found.answer.sentences]
    parts.append(writer.end(found.answer))
    message = {"role": "assistant", "content": "".join(parts), "refusal": None}
    return {
        **_head(chat, found.answer.id, "chat.completion"),
        "choices": [{"index": 0, "message": message, "finish_reason": _finish(found), "logprobs": None}],
        "usage": _usage(found),
        "freshet": chat.told(found),
    }


async def _stream(chat: _Chat, events: Events, answered: Callable[[Answer], None]) -> AsyncGenerator[str, None]:
    """Server-sent events: comments while nothing is known, pieces of the message, and `[DONE]`."""
    writer, known_as = ChatText(), ""

    def piece(delta: dict[str, Any], finish: str | None = None, **more: Any) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        usage = {"usage": None} if chat.usage else {}
        return _event({**_head(chat, known_as, "chat.completion.chunk"), "choices": [choice], **usage, **more})

    try:
        async for kind, what in events:
            if kind == "heartbeat":
                yield ": \n\n"
            elif kind == "started":
                known_as, remark = what["id"], chat.remark()
                yield piece({"role": "assistant", "content": writer.remark(remark) if remark else ""})
            elif kind == "sentence":
                yield piece({"content": writer.sentence(what)})
            elif kind == "done":
                answered(what.answer)
                yield piece({"content": writer.end(what.answer)})
                yield piece({}, _finish(what), freshet=chat.told(what))
                if chat.usage:
                    head = _head(chat, known_as, "chat.completion.chunk")
                    yield _event({**head, "choices": [], "usage": _usage(what)})
    except Exception as error:  # the response has begun: it can be told there alone
        yield _event(openai_error(trouble_of(error).as_dict()))
    yield "data: [DONE]\n\n"


def _head(chat: _Chat, known_as: str, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{known_as}", "object": kind, "created": chat.made, "model": chat.corpus}


def _event(held: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(held)}\n\n"
