"""Which hosts a request may go to: public ones alone. What a document links to is written by anybody."""

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

_REFUSED_V4 = {
    "0.0.0.0/8": "this machine",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "carrier-grade NAT",
    "127.0.0.0/8": "loopback",
    "168.63.129.16/32": "a cloud's metadata",
    "169.254.0.0/16": "link-local",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "reserved",
    "192.0.2.0/24": "documentation",
    "192.88.99.0/24": "6to4 relay",
    "192.168.0.0/16": "private",
    "198.18.0.0/15": "benchmarking",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
}
_REFUSED_V6 = {
    # Of IPv6, only 2000::/3 is given out to the public internet; ranges of it carry IPv4 or are not for it.
    "2001::/23": "Teredo or reserved",
    "2001:db8::/32": "documentation",
    "2002::/16": "6to4",
    "3fff::/20": "documentation",
}
_NAMED_V6 = {
    "::1/128": "loopback",
    "::/128": "this machine",
    "::ffff:0:0/96": "IPv4-mapped",
    "::ffff:0:0:0/96": "IPv4-translated",
    "::/96": "IPv4-compatible",
    "64:ff9b::/96": "NAT64",
    "64:ff9b:1::/48": "NAT64",
    "100::/64": "discarded",
    "fc00::/7": "unique-local",
    "fe80::/10": "link-local",
    "fec0::/10": "site-local",
    "ff00::/8": "multicast",
}


class AddressRefused(Exception):
    """A request that is not made, and why. The message names kinds, not what the URL holds."""


@dataclass(frozen=True)
class Place:
    """Where a request goes: `host` as a server knows it (lower case, ASCII), `port`, and `target` on it."""

    secure: bool
    host: str
    port: int
    target: str

    @property
    def is_literal(self) -> bool:
        return ":" in self.host or self.host.rpartition(".")[2].isdigit()


def read_url(url: str, ports: frozenset[int]) -> Place:
    """The place that a URL names.

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
    """The name as DNS knows it, without the dot that may end it."""
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
    """Why an address is not public (`loopback`, `private` …); None for one that is."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return "malformed"
    if isinstance(known, ipaddress.IPv4Address):
        return _range_of(known, _REFUSED_V4)
    if known.scope_id:
        return "link-local"
    named = _range_of(known, {**_NAMED_V6, **_REFUSED_V6})
    return named or (None if known in ipaddress.IPv6Network("2000::/3") else "reserved")


def _range_of(address: ipaddress.IPv4Address | ipaddress.IPv6Address, ranges: dict[str, str]) -> str | None:
    return next((kind for network, kind in ranges.items() if address in ipaddress.ip_network(network)), None)
