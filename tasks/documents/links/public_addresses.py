"""Decides which hosts a request may go to: public ones alone, since anybody may have written a document's links."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

MOST_URL = 2000

_PRIVATE_NAMES = frozenset(
    {"localhost", "localdomain", "local", "internal", "intranet", "lan", "home", "corp", "test", "invalid", "onion"}
)
_PRIVATE_ENDINGS = (".home.arpa", ".in-addr.arpa", ".ip6.arpa")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*", re.I)
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\x9f\\]")

_UNICAST_V6 = ipaddress.IPv6Network("2000::/3")
"""All of IPv6 that is given out to the public internet. Mapped and translated (NAT64) addresses of IPv4 are outside."""

_ALSO_REFUSED = {
    # Python calls these global, or did in one of its releases.
    ipaddress.ip_network("168.63.129.16/32"): "a cloud's metadata",
    ipaddress.ip_network("192.0.0.0/24"): "reserved",
    ipaddress.ip_network("192.88.99.0/24"): "6to4 relay",
    ipaddress.ip_network("2001::/23"): "Teredo or reserved",
    ipaddress.ip_network("2002::/16"): "6to4",
    ipaddress.ip_network("3fff::/20"): "documentation",
}
_PROPERTIES = {
    "is_unspecified": "this machine",
    "is_loopback": "loopback",
    "is_link_local": "link-local",
    "is_multicast": "multicast",
    "is_site_local": "site-local",
    "is_reserved": "reserved",
    "is_private": "private",
}


class AddressRefused(Exception):
    """A request is not made. The message says why, by kinds, and quotes nothing of the URL."""


@dataclass(frozen=True)
class Place:
    """Where a request goes.

    Attributes:
        secure: whether by https.
        host: as a server knows it: lower case, ASCII; a name, or an address without brackets.
        target: the path and query on it.
    """

    secure: bool
    host: str
    port: int
    target: str

    @property
    def is_literal(self) -> bool:
        """Whether the host is an address rather than a name."""
        return ":" in self.host or self.host.rpartition(".")[2].isdigit()


def read_url(url: str, ports: frozenset[int]) -> Place:
    """Reads the place that a URL names, whose port has to be one of `ports`.

    Raises:
        AddressRefused: no http or https, credentials, another port, or a host that is malformed, private by its
            name, or a number in any spelling but the usual one.
    """
    if len(url) > MOST_URL:
        raise AddressRefused("the URL is too long")
    if _UNPRINTABLE.search(url.strip()):
        raise AddressRefused("the URL holds characters that no URL may hold")
    try:
        parts = urlsplit(url.strip())
        given = parts.port
    except ValueError:
        raise AddressRefused("the URL is malformed") from None
    if parts.scheme not in ("http", "https"):
        raise AddressRefused("neither http nor https")
    if "@" in parts.netloc:
        raise AddressRefused("the URL holds credentials")
    secure = parts.scheme == "https"
    port = given if given is not None else (443 if secure else 80)
    if port not in ports:
        raise AddressRefused(f"port {port} is not allowed")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(secure, _host(parts.netloc, parts.hostname or ""), port, _ascii_target(target))


def _ascii_target(target: str) -> str:
    from urllib.parse import quote

    return quote(target, safe="%/:?#[]@!$&'()*+,;=~-._|")


def _host(netloc: str, host: str) -> str:
    if netloc.startswith("["):
        try:
            address = ipaddress.IPv6Address(host)
        except ValueError:
            raise AddressRefused("the host is malformed") from None
        if address.scope_id:
            raise AddressRefused("the address names an interface")
        return address.compressed
    name = _ascii_name(host)
    last = name.rpartition(".")[2]
    if _NUMBER.fullmatch(last):
        # Systems read 2130706433, 0x7f.1 and 0177.0.0.1 as addresses too, each in its own way.
        try:
            return str(ipaddress.IPv4Address(name))
        except ValueError:
            raise AddressRefused("the host is a number in an unusual spelling") from None
    if "." not in name or last in _PRIVATE_NAMES or name.endswith(_PRIVATE_ENDINGS):
        raise AddressRefused("the host is a private name")
    return name


def _ascii_name(host: str) -> str:
    """Returns the name as DNS knows it, without the dot that may end it."""
    import idna

    if not host or "%" in host:
        raise AddressRefused("the host is malformed")
    name = host
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            raise AddressRefused("the host is malformed") from None
    name = name.lower().removesuffix(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise AddressRefused("the host is malformed")
    return name


def refused_kind(address: str) -> str | None:
    """Returns why an address is not public (`loopback`, `private` …); None for one that is.

    An IPv6 address that carries one of IPv4 is refused whatever it carries: nobody publishes a page under one.
    """
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return "malformed"
    if isinstance(known, ipaddress.IPv6Address) and known.scope_id:
        return "link-local"
    kinds = [kind for network, kind in _ALSO_REFUSED.items() if known in network]
    kinds += [kind for name, kind in _PROPERTIES.items() if getattr(known, name, False)]
    is_public = known.is_global and (known.version == 4 or known in _UNICAST_V6)
    return next(iter(kinds), None if is_public else "reserved")
