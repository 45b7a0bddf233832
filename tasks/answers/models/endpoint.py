"""A language model behind an address that speaks the OpenAI protocol."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from freshet.tasks.answers.models.events import Events, Refused, reason_in
from freshet.tasks.answers.models.model import Message
from freshet.tasks.answers.models.running import End, Running
from freshet.tasks.answers.models.thoughts import Thoughts
from freshet.tasks.embedding.line import Line
from freshet.tasks.errors import MissingExtra, ModelFailed
from freshet.tasks.settings.addresses import escaped, shown
from freshet.tasks.settings.generation import Endpoint

_LONGEST_REASON = 160
_SHARED = 16
"""Characters in a row that a server's words and a prompt have in common only where the server repeats the prompt."""

_PAUSE = 0.5
"""Seconds before a server that failed is asked again; twice as long each time."""

_TURNED_DOWN: dict[tuple[str, str], frozenset[str]] = {}
"""By server and model, the parameters that it said it does not know; learned once per process."""

_MAY_GO = ("stream_options", "seed", "temperature", "max_tokens", "stream")
"""Parameters that an answer can do without, in the order in which a refusal that names several is read."""


class _Again(Exception):
    """What may pass: `args` are what happened, and the seconds that the server asked to wait."""


@dataclass(frozen=True)
class EndpointModel:
    """A server's model as a `Model`.

    Attributes:
        endpoint: the server, as the settings have it.
        seconds: time for an answer.
        retries: how often a server that failed is asked again.
    """

    endpoint: Endpoint
    seconds: float
    retries: int

    def __post_init__(self) -> None:
        """Looks whether the package that speaks the protocol is there; nothing is sent.

        Raises:
            MissingExtra: it is not installed.
        """
        try:
            import openai  # noqa: F401
        except ImportError:
            raise MissingExtra(
                f"the model {self.name} needs the package openai", "Install it: pip install 'freshet[llm]'"
            ) from None

    @property
    def name(self) -> str:
        """The model and the host of its server."""
        return f"{shown(self.endpoint.name)} at {shown(urlsplit(self.endpoint.endpoint).netloc)}"

    def count_tokens(self, text: str) -> int:
        """A number that is not less than the tokens of a text: servers do not tell, and tokens are of many kinds.

        A token is hardly ever shorter than two bytes of a Western language or one character of another.
        """
        wide = sum(character > "\u024f" for character in text)
        return wide * 2 + (len(text) - wide + 1) // 2

    def generate(self, messages: Sequence[Message], max_tokens: int) -> Running:
        """Begins an answer of at most so many tokens.

        Raises:
            ModelFailed: a proxy or certificates that the environment names cannot be used.
        """
        line = Line(self.endpoint.endpoint, self.endpoint.api_key, self._who)
        late = ModelFailed(
            f"{self._who} did not begin an answer within {self.seconds:g} s",
            "Write a longer generation.timeout, or look why the server is slow.",
        )
        answer = _Answer(self, line, messages, max_tokens)
        return Running(answer.work, self.seconds, late, line.cut, daemon=True)

    @property
    def _who(self) -> str:
        return f"the model {self.name}"


class _Answer:
    """One answer of a server, with all its tries."""

    def __init__(self, model: EndpointModel, line: Line, messages: Sequence[Message], max_tokens: int) -> None:
        self._model, self._line, self._messages, self._most = model, line, list(messages), max_tokens
        self._who = model._who
        self._place = (model.endpoint.endpoint, model.endpoint.name)
        self._prompt = "\n".join(message["content"] for message in messages)
        self._begun = False

    def work(self, running: Running) -> End:
        """Asks until there is an answer, or no hope of one.

        Raises:
            ModelFailed: there is none.
        """
        with contextlib.closing(self._line):
            tries, without = 0, _TURNED_DOWN.get(self._place, frozenset())
            while True:
                try:
                    end = self._ask(running, without)
                except _Refusal as refusal:
                    without |= {refusal.parameter}
                except _Again as again:
                    tries = self._wait(running, tries, *again.args)
                else:
                    _TURNED_DOWN[self._place] = without
                    return end

    def _wait(self, running: Running, tries: int, what: str, asked: float) -> int:
        if self._begun or tries >= self._model.retries:
            times = f"; it was asked {tries + 1} times" if tries else ""
            raise ModelFailed(f"{self._who} {what}{times}", "Look whether the server runs, then ask again.")
        if asked >= running.seconds_left:
            raise ModelFailed(
                f"{self._who} {what}, and asks to wait {asked:g} s, longer than generation.timeout", "Ask again then."
            )
        if not running.wait(asked or _PAUSE * 2**tries):
            raise ModelFailed(f"{self._who} {what}")
        return tries + 1

    def _ask(self, running: Running, without: frozenset[str]) -> End:
        import httpx2
        import openai

        client = openai.OpenAI(
            base_url=self._place[0],
            # What is sent is up to the line; the package must not look for a key in the environment.
            api_key="-", organization="", project="", admin_api_key="-", webhook_secret="-",
            max_retries=0, http_client=self._line.client(running.seconds_left),
        )  # fmt: skip
        try:
            with client.post(
                "/chat/completions",
                body=self._request(without), cast_to=object, stream=True, stream_cls=openai.Stream[object],
            ) as stream:  # fmt: skip
                return self._read(running, stream.response.iter_bytes())
        except openai.APIStatusError as error:
            raise self._refused(error, without, client) from None
        except (openai.APIConnectionError, httpx2.TransportError, httpx2.StreamError) as error:
            raise self._broken(error) from None

    def _request(self, without: frozenset[str]) -> Any:
        limit = "max_completion_tokens" if "max_tokens" in without else "max_tokens"
        parameters = {
            "temperature": 0,
            "seed": 1,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if "stream" in without:
            without |= {"stream_options"}
        kept = {name: value for name, value in parameters.items() if name not in without}
        return {"model": self._place[1], "messages": self._messages, limit: self._most, **kept}

    def _read(self, running: Running, parts: Iterator[bytes]) -> End:
        events, thoughts, pieces = Events(self._who), Thoughts(self._who), 0
        try:
            for piece in events.read(parts):
                if running.is_over():
                    return End("time", events.usage)
                # A server that does not keep to the longest answer is not listened to any longer.
                pieces += bool(piece)
                if pieces > self._most:
                    return End("length", events.usage)
                self._put(running, thoughts.let_through(piece))
        except Refused as refused:
            raise ModelFailed(f"{self._who} failed{self._excerpt(refused.args[0])}") from None
        if not events.is_begun:
            what = "answers nothing" if not events.other else "answers what is no answer of the OpenAI protocol"
            raise ModelFailed(
                f"{self._who} {what}{self._excerpt(events.other)}",
                "Look whether generation.model.endpoint is the server's address, up to /v1.",
            )
        finish = events.end()
        self._put(running, thoughts.rest())
        if not self._begun:
            if finish == "length":
                what = f"{self._who} spent all its {self._most} tokens before it said anything"
                raise ModelFailed(what, "Write a larger generation.max_tokens, or choose a model that reasons less.")
            raise ModelFailed(f"{self._who} said nothing", "Ask again, or choose another model.")
        return End(finish, events.usage)

    def _put(self, running: Running, text: str) -> None:
        self._begun = self._begun or bool(text)
        running.put(text)

    def _broken(self, error: Exception) -> _Again | ModelFailed:
        """What a connection's error means."""
        inner: BaseException | None = error
        while inner is not None:
            if isinstance(inner, ModelFailed):
                return inner
            inner, last = inner.__cause__ or inner.__context__, inner
        if self._begun:
            return ModelFailed(f"{self._who} broke off in the middle of its answer", "Ask again; look at the server.")
        return _Again(f"cannot be reached{self._excerpt(str(last))}", 0.0)

    def _refused(self, error: Any, without: frozenset[str], client: Any) -> Exception:
        """What a status means: to ask otherwise, to ask again, or to give up."""
        said, status = reason_in(error.body) or error.response.text, error.status_code
        if status in {400, 404, 422} and (named := _named(said, error.param, without)):
            return _Refusal(named)
        if status == 429 or status >= 500:
            return _Again(f"answers {status}{self._excerpt(said)}", _seconds(error.response.headers.get("retry-after")))
        if status in {401, 403}:
            return ModelFailed(
                f"{self._who} lets nobody in with this key ({status})" if self._model.endpoint.api_key
                else f"{self._who} wants a key ({status})",
                "Write generation.model.api_key: ${NAME}, and put the key into that variable.",
            )  # fmt: skip
        mend = "Look whether generation.model.endpoint is the server's address, up to /v1."
        if status == 404 and (known := self._known(client)):
            mend = f"The server has the models {known}: write one as generation.model.name."
        return ModelFailed(f"{self._who} answers {status}{self._excerpt(said)}", mend)

    def _known(self, client: Any) -> str:
        """The models that the server says it has; empty where it does not say."""
        try:
            found = sorted({str(one.id) for one in client.models.list().data})
        except Exception:  # whatever it answers, the question that was asked has its own answer already
            return ""
        return ", ".join(map(shown, found[:8])) + (", …" if len(found) > 8 else "")

    def _excerpt(self, said: str) -> str:
        """The beginning of a server's words for a message; nothing where they repeat the prompt."""
        text = " ".join(said.split())
        if key := self._model.endpoint.api_key:
            text = text.replace(key, "***")
        text = text[:_LONGEST_REASON]  # only now: half of a key would not be known for one
        prompt = " ".join(self._prompt.split())
        if any(text[start : start + _SHARED] in prompt for start in range(max(1, len(text) - _SHARED + 1))):
            return ""
        return f": {escaped(shown(text))}" if text else ""


class _Refusal(Exception):
    """The server does not know a parameter."""

    def __init__(self, parameter: str) -> None:
        super().__init__(parameter)
        self.parameter = parameter


def _named(said: str, param: Any, without: frozenset[str]) -> str | None:
    """The parameter that a refusal names and an answer can do without."""
    return next((name for name in _MAY_GO if name not in without and (param == name or name in said)), None)


def _seconds(after: str | None) -> float:
    """What `Retry-After` says, in seconds; 0 where it says nothing, or a date."""
    try:
        return max(0.0, float(after or 0))
    except ValueError:
        return 0.0
