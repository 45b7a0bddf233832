"""Checks of what the settings say of the service: what would be unsafe, and what is hardly meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from freshet.tasks.settings.generation import is_this_machine
from freshet.tasks.settings.model_checks import Fault, Shown
from freshet.tasks.settings.places import Place
from freshet.tasks.settings.project import EVERYONE
from freshet.tasks.settings.service import Service


def service_faults(service: Service, shown: Shown) -> Iterator[Fault]:
    """What is wrong with `service`."""
    if service.anonymous and not is_this_machine(service.host):
        what = f"whoever reaches {shown(('service', 'host'), service.host)} may ask without a token"
        yield "note", ("service", "anonymous"), what, "leave anonymous out, unless what everyone may see is public"
    for position, owner in enumerate(service.owners):
        if owner == EVERYONE:
            what = "everyone would see what access lists keep from others"
            yield "error", ("service", "owners", position), what, "write user:NAME or group:NAME"
    for position, name in enumerate(service.hosts):
        if not re.fullmatch(r"[0-9A-Za-z]([0-9A-Za-z.-]*[0-9A-Za-z])?", name):
            what = f"{shown(('service', 'hosts', position), name)} is no name of a host"
            yield "error", ("service", "hosts", position), what, "write a name without https://, port or *"
    if service.url is not None and not re.fullmatch(r"https?://[^\s/?#@\\]+(/[^\s?#]*)?", service.url):
        what = "url is no address of http or https, without user, ? or #"
        yield "error", ("service", "url"), what, "write one like https://answers.example.org"
    if service.oidc is not None:
        place: Place = ("service", "oidc", "issuer")
        if fault := _issuer_fault(service.oidc.issuer):
            yield "error", place, *fault


def _issuer_fault(address: str) -> tuple[str, str] | None:
    """What is wrong with a provider's address, without the address, which may hold a password; and what to do."""
    mend = "write it exactly as the provider's tokens state it in iss, like https://login.example.org"
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "issuer is no URL", mend
    if parts.scheme not in {"http", "https"} or not host or not address.isprintable() or " " in address:
        return "issuer is no URL of https with a host", mend
    if parts.username is not None or parts.password is not None or "?" in address or "#" in address:
        return "issuer holds a user, a password, or something after ? or #", mend
    if parts.scheme == "http" and not is_this_machine(host):
        return "issuer is reached unencrypted: whoever is on the way could sign in as anybody", "write https://"
    return None


def unlisted_owners(service: Service, members: Mapping[str, Sequence[str]]) -> Iterator[Fault]:
    """Owners that the roster does not name.

    Args:
        members: the users and groups that are directly in a group, by group.
    """
    named = {*members, *(one for listed in members.values() for one in listed)}
    for position, owner in enumerate(service.owners):
        if owner not in named and owner != EVERYONE:
            what = f"the roster does not name {owner}"
            mend = "correct the name, unless tokens or the identity provider name it"
            yield "note", ("service", "owners", position), what, mend
