"""A client of a service of Freshet: the same corpus as on the store's machine, asked over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack
from urllib.parse import quote

from freshet.answers import Answer, CorpusState, DocumentText, SearchResult, Sentence, Value
from freshet.connection import Connection, ServiceFailed, error_of, foreign
from freshet.corpus import Mode, Wishes, names_of
from freshet.tasks.errors import SettingsError

Made = TypeVar("Made", bound=Value)


@dataclass(frozen=True)
class Me(Value):
    """Who the service takes the client for.

    Attributes:
        principals: whom it is asked as, with the groups of its roster.
        owner: whether reports and metrics may be seen.
        may_impersonate: whether `as_` may name others.
    """

    name: str
    principals: tuple[str, ...]
    owner: bool
    may_impersonate: bool


@dataclass(frozen=True)
class _Corpora(Value):
    corpora: tuple[CorpusState, ...]


class Client:
    """A client of a service. It keeps connections open; several threads may use it. Close it, or use it with `with`.

    It follows no redirect, so that the token goes to the address that was given and to no other. Proxies and
    certificates are taken from the environment, as httpx does, but a service on this machine is asked directly.
    """

    def __init__(self, url: str, *, token: str | None = None, timeout: float = 120.0, insecure: bool = False) -> None:
        """Connects to nothing yet.

        Args:
            url: where the service is, like `http://127.0.0.1:4280` or `https://answers.example.org`.
            token: of `freshet token create`, or of the identity provider; None asks as everyone, where the service
                lets anybody.
            timeout: seconds without any sign from the service after which it counts as gone. While an answer is in
                the making the service gives a sign every 15 seconds.
            insecure: send the token over plain http to another machine, where whoever is between can read it.

        Raises:
            SettingsError: the address is none, the token is none, or it would be sent over plain http.
        """
        self._service = Connection(url, token, timeout, insecure)

    def corpus(self, name: str) -> ClientCorpus:
        """A corpus, by its name. The service is not asked yet whether there is one."""
        return ClientCorpus(self._service, name)

    def corpora(self) -> tuple[CorpusState, ...]:
        """The corpora of which the token's holder may see anything, with their live releases.

        Raises:
            NotSignedIn, TooMuch, StoreError, ServiceFailed: as the service says.
        """
        return _made(_Corpora, self._service.fetch("GET", "v1/corpora")).corpora

    def me(self) -> Me:
        """Who the service takes this client for.

        Raises:
            NotSignedIn, TooMuch, ServiceFailed: as the service says.
        """
        return _made(Me, self._service.fetch("GET", "v1/me"))

    def close(self) -> None:
        """Closes the connections."""
        self._service.close()

    def __enter__(self) -> Self:
        """The client itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the connections."""
        self.close()

    def __repr__(self) -> str:
        """The client and its address; never its token."""
        return f"Client({self._service.url!r})"


class ClientCorpus:
    """A corpus that a service answers from; a `freshet.Corpus`.

    Every method raises what the service says: `NotSignedIn`, `NotPermitted`, `NotThere` (of a corpus, too), `TooMuch`,
    `SettingsError`, `StoreError`, `ModelFailed`; and `ServiceFailed` where it does not answer.
    """

    def __init__(self, service: Connection, name: str) -> None:
        """Use `Client.corpus`."""
        self._service = service
        self._name = name

    @property
    def name(self) -> str:
        """What the service calls it."""
        return self._name

    def search(
        self, question: str, *, as_: Sequence[str] = (), mode: Mode = "hybrid", limit: int = 5,
        release: int | None = None, **wishes: Unpack[Wishes],
    ) -> SearchResult:  # fmt: skip
        """Finds passages, as `Corpus.search` says."""
        asked = self._asked(question, as_, release) | {"mode": mode, "limit": limit} | _wire(wishes)
        return _made(SearchResult, self._service.fetch("POST", "v1/search", asked))

    def ask(
        self, question: str, *, as_: Sequence[str] = (), release: int | None = None,
        on_sentence: Callable[[Sentence], object] | None = None,
    ) -> Answer:  # fmt: skip
        """Answers a question, as `Corpus.ask` says; what `on_sentence` raises ends the answer."""
        asked = self._asked(question, as_, release) | {"stream": True}
        with closing(self._service.listen("v1/ask", asked)) as events:
            for kind, said in events:
                if kind == "sentence" and on_sentence is not None:
                    on_sentence(_made(Sentence, said))
                elif kind == "done":
                    return _made(Answer, said)
                elif kind == "error":
                    raise error_of(said if isinstance(said, dict) else {})
        raise ServiceFailed("the answer broke off before its end", "Ask again.")

    def document(self, id: str, *, as_: Sequence[str] = (), start: int = 0, end: int | None = None) -> DocumentText:
        """The text of a document, as `Corpus.document` says; a service shows it to the token's holder alone."""
        if as_:
            raise SettingsError(
                "a service shows a document to the token's holder alone, and not as somebody else",
                "Leave as_ out, or use a token of whoever is meant.",
            )
        wanted = {"corpus": self._name, "start": start} | ({} if end is None else {"end": end})
        found = self._service.fetch("GET", f"v1/documents/{quote(id, safe='', errors='replace')}", params=wanted)
        return _made(DocumentText, found)

    def feedback(self, id: str, helpful: bool, note: str | None = None) -> None:
        """Puts on record whether an answer helped, as `Corpus.feedback` says."""
        said = {"id": id, "helpful": helpful} | ({} if note is None else {"note": note})
        self._service.fetch("POST", "v1/feedback", said)

    def __repr__(self) -> str:
        """The corpus and where it is asked."""
        return f"ClientCorpus({self._service.url!r}, {self._name!r})"

    def _asked(self, question: str, as_: Sequence[str], release: int | None) -> dict[str, Any]:
        asked: dict[str, Any] = {"corpus": self._name, "question": question}
        if release is not None:
            asked["release"] = release
        if as_:
            asked["as"] = names_of(as_)
        return asked


_LISTS = ("path", "source", "kind")


def _wire(wishes: Wishes) -> dict[str, Any]:
    """Wishes as JSON has them; what stands for none is left out."""
    if unknown := sorted(wishes.keys() - Wishes.__annotations__.keys()):
        raise TypeError(f"search() has no argument {', '.join(unknown)}")
    said: dict[str, Any] = {name: value for name, value in wishes.items() if value is not None}
    for name, value in said.items():
        if name in _LISTS:
            said[name] = names_of(value)
        elif isinstance(value, date):
            moment = value if isinstance(value, datetime) else datetime.combine(value, time(), UTC)
            said[name] = moment.isoformat()
    return said


def _made(kind: type[Made], said: Any) -> Made:
    try:
        return kind.from_dict(said)
    except ValueError:
        raise foreign() from None
