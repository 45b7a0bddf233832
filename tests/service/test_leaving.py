"""Clients that go away in the middle, and time that is over: the model's work ends, and nothing is left."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import openai
import pytest

from freshet.tasks.answers.answer import REFUSALS
from freshet.tasks.service.caller import TooMuch
from tests.answers.servers import event, serving, slow
from tests.flows.conftest import Project
from tests.service.chatting import ASKED, assistant, completion, content, key_before, prompt, settles, with_model
from tests.service.serving import FLOOD, app_of, listening
from tests.waiting import PATIENCE, until


def threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("freshet")]


class OneAtATime:
    """Limits of one answer at once."""

    def __init__(self) -> None:
        self.free = threading.Semaphore(1)

    def admit(self, _: Any) -> AbstractContextManager[None]:
        return nullcontext()

    def answering(self) -> AbstractContextManager[None]:
        @contextmanager
        def held() -> Iterator[None]:
            if not self.free.acquire(blocking=False):
                raise TooMuch("an answer is being made", "Wait.", 3)
            try:
                yield
            finally:
                self.free.release()

        return held()


def stalls(left: threading.Event) -> Callable[[BaseHTTPRequestHandler, dict[str, Any]], None]:
    """A reply that says one sentence, begins another, and notes when whoever asked has left."""

    def reply(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        key = key_before(prompt(body), "Member Services may settle")
        spoken = f"Member Services may settle a flood damage claim with up to €2,500 per household [{key}]. And"
        slow(event(spoken), left)(handler, body)

    return reply


def send(url: str, path: str, body: Any) -> http.client.HTTPConnection:
    """Sends a request and does not wait for an answer."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)
    headers = {"Authorization": "Bearer anybody", "Content-Type": "application/json"}
    connection.request("POST", path, json.dumps(body), headers)
    return connection


def test_a_client_that_leaves_in_the_middle_of_a_stream_ends_the_models_work(served: Project, tmp_path: Path) -> None:
    left, limits = threading.Event(), OneAtATime()
    with serving(stalls(left), settles) as server:
        project = with_model(served, tmp_path / "copy", server)
        with listening(app_of(project.config, limits=limits)) as url:
            stream = completion(url, ASKED, stream=True)
            assert any("2,500" in (chunk.choices[0].delta.content or "") for chunk in _until(stream, "2,500"))
            with pytest.raises(openai.RateLimitError) as refused:
                completion(url, ASKED)
            assert refused.value.response.headers["retry-after"] == "3"
            stream.close()
            assert left.wait(PATIENCE)
            until(lambda: not threads(), "no thread is left")
            assert "2,500" in content(completion(url, ASKED))


def _until(stream: Any, words: str) -> list[Any]:
    taken = []
    for chunk in stream:
        taken.append(chunk)
        if words in (chunk.choices[0].delta.content or ""):
            break
    return taken


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/v1/chat/completions", {"messages": [ASKED]}),
        ("/v1/chat/completions", {"messages": [ASKED], "stream": True}),
        ("/v1/chat/completions", {"messages": [ASKED, assistant("x"), ASKED], "stream": True}),
        ("/v1/ask", {"question": FLOOD}),
        ("/v1/ask", {"question": FLOOD, "stream": True}),
    ],
)
def test_a_client_that_leaves_before_the_first_word_ends_the_models_work(
    served: Project, tmp_path: Path, path: str, more: dict[str, Any]
) -> None:
    left, limits = threading.Event(), OneAtATime()
    with serving(slow(b"", left)) as server:
        project = with_model(served, tmp_path / "copy", server)
        with listening(app_of(project.config, limits=limits)) as url:
            connection = send(url, path, more)
            until(lambda: server.asked, "the model is asked")
            connection.close()
            assert left.wait(PATIENCE)
            until(lambda: not threads(), "no thread is left")
            assert limits.free.acquire(timeout=PATIENCE)


def test_an_answer_ends_when_its_time_is_over(served: Project, tmp_path: Path) -> None:
    left, silent = threading.Event(), threading.Event()
    with serving(stalls(left), slow(b"", silent)) as server:
        project = with_model(served, tmp_path / "copy", server, limits={"timeout": "3s"})
        with listening(app_of(project.config)) as url:
            cut, nothing = completion(url, ASKED), completion(url, ASKED)
    assert "2,500" in content(cut)
    assert cut.choices[0].finish_reason == "length"
    assert cut.model_extra["freshet"]["usage"]["finish"] == "time"
    assert content(nothing) == REFUSALS["MODEL-FAILED"]
    assert left.wait(PATIENCE)
    assert silent.wait(PATIENCE)
    until(lambda: not threads(), "no thread is left")
