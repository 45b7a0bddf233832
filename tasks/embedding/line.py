"""The line to a server: one connection for one answer, bounded in what it reads, that can be cut from any thread.

It carries what Freshet sends and nothing else: no cookies, no user or key from the environment or from ~/.netrc, no
redirects. Proxies of the environment are used as by any other program for https, where they pass on what they cannot
read; over http one could read documents, so that a server without TLS is spoken to directly. Certificates are those
that the system trusts, or `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx2

from freshet.tasks.errors import ModelFailed
from freshet.tasks.settings.generation import is_this_machine

_SENT = {"host", "accept", "content-type", "content-length", "user-agent", "connection"}
"""Headers that a server needs; the openai package has more, of this machine and from the environment."""

_LONGEST_LINE = 1 << 20
_MOST_BYTES = 64 << 20
_CONNECT_SECONDS = 10.0


def proxy_of(url: str) -> str | None:
    """The proxy that the environment names for an address; None for http and for this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" or is_this_machine(host) or urllib.request.proxy_bypass(host):
        return None
    proxies = urllib.request.getproxies()
    return proxies.get("https") or proxies.get("all")


class Line(httpx2.BaseTransport):
    """A transport for one answer."""

    def __init__(self, url: str, key: str | None, who: str, setting: str = "generation.model.endpoint") -> None:
        """Opens nothing yet.

        Args:
            url: base URL of the server.
            key: what is sent as the key; without one, none is.
            who: the server and model as errors name them.
            setting: the key of the settings that has the URL.

        Raises:
            ModelFailed: a proxy or certificates that the environment names cannot be used.
        """
        try:
            self._http = httpx2.HTTPTransport(proxy=proxy_of(url))
        except (ImportError, ValueError, httpx2.InvalidURL):
            raise ModelFailed(
                f"{who} cannot be asked through the proxy that the environment names",
                "Name one that speaks http in HTTPS_PROXY, or leave the host out with NO_PROXY.",
            ) from None
        except OSError as error:
            raise ModelFailed(
                f"{who} cannot be asked: certificates cannot be read: {error.strerror or error}",
                "Look at SSL_CERT_FILE and SSL_CERT_DIR.",
            ) from None
        self._key, self._who, self._setting = key, who, setting
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._is_cut = False

    def client(self, seconds: float) -> httpx2.Client:
        """A client that speaks over the line, and waits for each part so long at most."""
        timeout = httpx2.Timeout(max(seconds, 0.001), connect=max(0.001, min(seconds, _CONNECT_SECONDS)))
        return httpx2.Client(transport=self, timeout=timeout, follow_redirects=False, trust_env=False)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Sends a request; what the server answers is read as far as it is bounded."""
        headers = [(name, value) for name, value in request.headers.raw if name.decode().lower() in _SENT]
        headers.append((b"Accept-Encoding", b"identity"))
        if self._key is not None:
            headers.append((b"Authorization", b"Bearer " + self._key.encode()))
        request.headers = httpx2.Headers(headers)
        request.extensions = {**request.extensions, "trace": self._traced}
        response = self._http.handle_request(request)
        if response.is_redirect:
            to = urlsplit(response.headers.get("location", "")).hostname
            response.close()
            where = f" to {to}" if to else ""
            raise ModelFailed(
                f"{self._who} leads{where} elsewhere, which is not followed",
                f"Write the address that it leads to as {self._setting}, if that is meant.",
            )
        if response.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
            response.close()
            raise ModelFailed(f"{self._who} answers in a compressed form that it was not asked for")
        response.stream = _Bounded(response.stream, self._who)
        return response

    def cut(self) -> None:
        """Ends it at once, also for a thread that is waiting for the server."""
        with self._lock:
            self._is_cut = True
            for one in self._sockets:
                _shut(one)

    def close(self) -> None:
        """Gives its connection back."""
        self._http.close()

    def _traced(self, event: str, info: dict[str, Any]) -> None:
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            with self._lock:
                found = info["return_value"].get_extra_info("socket")
                self._sockets.append(found)
                if self._is_cut:
                    _shut(found)


class _Bounded(httpx2.SyncByteStream):
    """Bytes of a server, of which there are not too many."""

    def __init__(self, inner: Any, who: str) -> None:
        self._inner, self._who = inner, who

    def __iter__(self) -> Iterator[bytes]:
        line = total = 0
        for part in self._inner:
            total += len(part)
            line = line + len(part) if b"\n" not in part else len(part) - part.rindex(b"\n") - 1
            if line > _LONGEST_LINE or total > _MOST_BYTES:
                raise ModelFailed(f"{self._who} sends more than an answer can be, and was cut off")
            yield part

    def close(self) -> None:
        self._inner.close()


def _shut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
