"""How a client speaks with a service: over HTTP, with errors of the kinds that the service means."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from freshet.tasks.errors import FreshetError, MissingExtra, ModelFailed, SettingsError, StoreError
from freshet.tasks.service.caller import NotPermitted, NotSignedIn, NotThere, TooMuch
from freshet.tasks.settings.addresses import mask_credentials, shown

JSON = "application/json"
PROBLEM = "application/problem+json"
EVENTS = "text/event-stream"


class ServiceFailed(FreshetError):
    """The service does not answer, or not as a service of Freshet does."""


KINDS: dict[int, type[FreshetError]] = {
    400: SettingsError,
    401: NotSignedIn,
    403: NotPermitted,
    404: NotThere,
    413: SettingsError,
    422: SettingsError,
    501: MissingExtra,
    502: ModelFailed,
    503: StoreError,
}
"""What a status of the service is raised as; 429 is `TooMuch`, and any other `ServiceFailed`."""


class Connection:
    """A connection with a service, of which several threads may make use.

    Attributes:
        url: the service's address.
    """

    def __init__(self, url: str, token: str | None, timeout: float, insecure: bool) -> None:
        """Connects to nothing yet; `Client` says what the arguments are.

        Raises:
            SettingsError: the address is none, the token is none, or it would be sent over plain http.
        """
        address = _address(url)
        is_here = _is_loopback(address.host)
        headers = {"User-Agent": "freshet"}
        if token is not None:
            if not token.strip().isascii() or not token.strip().isprintable() or not token.strip():
                raise SettingsError("the token is none", "Give it as `freshet token create` printed it.")
            if address.scheme == "http" and not is_here and not insecure:
                raise SettingsError(
                    f"a token would go over plain http to {address.host}, where others can read it",
                    "Use an https address, or say insecure=True if nobody is between.",
                )
            headers["Authorization"] = f"Bearer {token.strip()}"
        self.url = str(address)
        self._http = httpx.Client(
            base_url=address, headers=headers, timeout=timeout, follow_redirects=False, trust_env=not is_here
        )

    def close(self) -> None:
        """Closes what is open."""
        self._http.close()

    @contextmanager
    def _send(
        self, method: str, path: str, body: dict[str, Any] | None = None, accept: str = JSON, **more: Any
    ) -> Iterator[httpx.Response]:
        """A response that went well, not yet read.

        Raises:
            FreshetError: of the kind that `KINDS` has for the service's status, or `ServiceFailed`.
        """
        headers = {"Accept": accept}
        if body is not None:
            # In ASCII: half of a pair of code units could not be encoded, and is for the service to refuse.
            more["content"] = json.dumps(body)
            headers["Content-Type"] = JSON
        with _reaching(self.url):
            response = self._http.send(self._http.build_request(method, path, headers=headers, **more), stream=True)
        try:
            if not response.is_success:
                with _reaching(self.url):
                    response.read()
                raise _problem(response)
            yield response
        finally:
            response.close()

    def fetch(self, method: str, path: str, body: dict[str, Any] | None = None, **more: Any) -> Any:
        """The JSON that the service answers; None where it answers nothing."""
        with self._send(method, path, body, **more) as response:
            with _reaching(self.url):
                told = response.read()
            return _json(told) if told else None

    def listen(self, path: str, body: dict[str, Any]) -> Generator[tuple[str, Any]]:
        """The server-sent events that the service answers with: the name of each, and its JSON."""
        with self._send("POST", path, body, EVENTS) as response:
            if not response.headers.get("content-type", "").startswith(EVENTS):
                raise foreign()
            yield from _events(_lines(response, self.url))


def _address(url: str) -> httpx.URL:
    mend = "Give one like http://127.0.0.1:4280 or https://answers.example.org."
    try:
        address = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        raise SettingsError(f"{shown(str(url))} is no address of a service", mend) from None
    if address.scheme not in ("http", "https") or not address.host or address.query or address.fragment:
        raise SettingsError(f"{shown(mask_credentials(url))} is no address of a service", mend)
    if address.userinfo:
        raise SettingsError("the address of the service holds a user or a password", "Give a token: token=….")
    return address


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def _reaching(url: str) -> Iterator[None]:
    """Tells of a connection that fails in one way.

    Raises:
        ServiceFailed: it did.
    """
    try:
        yield
    except httpx.TimeoutException:
        raise ServiceFailed(f"the service at {url} gave no sign in time", "Ask again, or raise timeout.") from None
    except (httpx.HTTPError, httpx.StreamError) as error:
        what = f"the service at {url} does not answer ({type(error).__name__})"
        raise ServiceFailed(what, "See that freshet serve runs there, and that the address is right.") from None


def _problem(response: httpx.Response) -> FreshetError:
    """The error of a response that did not go well."""
    if response.is_redirect:
        where = mask_credentials(str(response.headers.get("location", "")))
        return ServiceFailed(f"the service sends on to {shown(where)}, which is not followed", "Give that address.")
    waits = response.headers.get("retry-after", "")
    if response.headers.get("content-type", "").startswith(PROBLEM):
        said = _json(response.content)
        return error_of(said if isinstance(said, dict) else {}, response.status_code, waits)
    if response.status_code == 429:
        return error_of({"detail": "too much is asked at once"}, 429, waits)
    return ServiceFailed(f"the service answers with status {response.status_code}", "See that the address is right.")


def error_of(said: dict[str, Any], status: int | None = None, waits: str = "") -> FreshetError:
    """The error that problem details tell of."""
    found = status or said.get("status")
    what, mend = str(said.get("detail") or said.get("title") or f"status {found}"), str(said.get("mend") or "")
    if found == 429:
        return TooMuch(what, mend, int(waits) if waits.isdecimal() else 1)
    return KINDS.get(found if isinstance(found, int) else 0, ServiceFailed)(what, mend)


def _json(body: str | bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        raise foreign() from None


def foreign() -> ServiceFailed:
    """The error of an answer that no service of Freshet gives."""
    return ServiceFailed(
        "what answers is no service of Freshet that this client knows", "See that the address is right."
    )


def _lines(response: httpx.Response, url: str) -> Iterator[str]:
    """The lines of a stream. Only CR and LF end one: `iter_lines` would cut JSON at a line separator of Unicode."""
    rest = b""
    with _reaching(url):
        for part in response.iter_bytes():
            *whole, rest = (rest + part).split(b"\n")
            yield from (line.removesuffix(b"\r").decode("utf-8", "replace") for line in whole)


def _events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    kind, data = "", list[str]()
    for line in lines:
        name, _, value = line.partition(":")
        if not line and data:
            yield kind, _json("\n".join(data))
        if not line:
            kind, data = "", []
        elif name == "event":
            kind = value.removeprefix(" ")
        elif name == "data":
            data.append(value.removeprefix(" "))
