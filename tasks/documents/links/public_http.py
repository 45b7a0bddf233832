"""HTTP requests that reach public addresses and nothing else.

A name is resolved once; every address that it has is checked; the connection goes to one of just those. So
there is no moment in which a name can come to mean another address, and what is refused is never connected to.
The environment's proxies are not used: a proxy would resolve names for itself.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urljoin

from freshet.tasks.documents.links.public_addresses import AddressRefused, Place, read_url, refused_kind

MOST_REDIRECTS = 5
AGENT = "Freshet-link-check/1"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

Resolve = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True)
class Reply:
    """The last answer of a server: its status, and the number of redirects before it."""

    status: int
    redirects: int


class NoReply(Exception):
    """No server answered. `is_final` says that no such host exists; any other fault may pass."""

    def __init__(self, reason: str, is_final: bool = False) -> None:
        """Takes the reason in plain words."""
        super().__init__(reason, is_final)
        self.reason = reason
        self.is_final = is_final


def resolve(host: str, port: int) -> list[str]:
    """Returns all addresses of a host.

    Raises:
        OSError: there are none, or nobody could say.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class PublicHttp:
    """Asks public servers for the status of a page. Safe to use from several threads.

    Args:
        ports: that a URL may name.
        timeout: seconds for one request, redirects not counted in.
        pace: called with the host before each connection; may wait.
        lookup: in place of the system's resolver.
        allow: (address, port) that are reached although they are not public; for tests, which have no other
            servers. No setting leads here.
    """

    def __init__(
        self,
        ports: frozenset[int] = frozenset({80, 443}),
        timeout: float = 10.0,
        pace: Callable[[str], None] | None = None,
        lookup: Resolve = resolve,
        allow: frozenset[tuple[str, int]] = frozenset(),
    ) -> None:
        """Takes the limits; no connection is made."""
        self._ports = ports | {port for _, port in allow}
        self._timeout = timeout
        self._pace = pace
        self._lookup = lookup
        self._allow = allow

    def ask(self, url: str, method: str) -> Reply:
        """Asks for a page, and returns its status after up to MOST_REDIRECTS redirects. No body is read.

        Raises:
            AddressRefused: the URL, or one that it redirects to, may not be asked.
            NoReply: nothing answered.
        """
        for redirects in range(MOST_REDIRECTS + 1):
            place = read_url(url, self._ports)
            status, location = self._request(place, method)
            if status not in _REDIRECTS or not location:
                return Reply(status, redirects)
            try:
                url = urljoin(url, location)
            except ValueError:
                raise AddressRefused("the URL is malformed") from None
        raise NoReply(f"more than {MOST_REDIRECTS} redirects")

    def _request(self, place: Place, method: str) -> tuple[int, str | None]:
        addresses = self._checked(place)
        if self._pace is not None:
            self._pace(place.host)
        connection = _PinnedConnection(place, addresses, self._timeout, self._tls if place.secure else None)
        # A socket's timeout starts anew with every byte; this one does not.
        alarm = threading.Timer(self._timeout, connection.abort)
        alarm.daemon = True
        alarm.start()
        try:
            connection.request(method, place.target, headers={"User-Agent": AGENT, "Accept": "*/*"})
            response = connection.getresponse()
            if connection.is_aborted:
                # What was cut off in its headers looks like an answer that has fewer of them.
                raise NoReply("no answer in time")
            return response.status, response.headers.get("Location")
        except ssl.SSLError:
            raise NoReply("no secure connection") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NoReply(f"no answer ({type(error).__name__})") from None
        finally:
            alarm.cancel()
            connection.close()

    def _checked(self, place: Place) -> list[str]:
        """Returns the addresses of a place, all of them public."""
        if place.is_literal:
            addresses: Sequence[str] = [place.host]
        else:
            try:
                addresses = self._lookup(place.host, place.port)
            except (OSError, UnicodeError) as error:
                missing = getattr(error, "errno", None) in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", -5))
                raise NoReply("no such host", is_final=missing) from None
        if not addresses:
            raise NoReply("no such host", is_final=True)
        for address in addresses:
            kind = None if (address, place.port) in self._allow else refused_kind(address)
            if kind is not None:
                raise AddressRefused(f"the address is not public ({kind})")
        return list(addresses)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()


class _PinnedConnection(http.client.HTTPConnection):
    """A connection to one of given addresses, under the name that the server is asked for."""

    def __init__(self, place: Place, addresses: Sequence[str], timeout: float, tls: ssl.SSLContext | None) -> None:
        super().__init__(place.host, place.port, timeout=timeout)
        # Instance over class attribute: decides whether the Host header names the port.
        self.default_port = 443 if place.secure else 80
        self._place = place
        self._addresses = addresses
        self._tls = tls
        self.is_aborted = False

    def connect(self) -> None:
        self.sock = self._open()
        if self._tls is not None:
            self.sock = self._tls.wrap_socket(
                self.sock, server_hostname=self._place.host, do_handshake_on_connect=False
            )
            self.sock.do_handshake()

    def _open(self) -> socket.socket:
        failure: OSError = OSError("no address")
        for address in self._addresses[:4]:
            opened = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
            opened.settimeout(self.timeout)
            try:
                opened.connect((address, self._place.port))
            except OSError as error:
                opened.close()
                failure = error
            else:
                return opened
        raise failure

    def abort(self) -> None:
        """Ends the request that is under way, from another thread."""
        self.is_aborted = True
        sock = self.sock
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                sock.close()
