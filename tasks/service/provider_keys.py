"""The keys of an identity provider, fetched from it and kept for a while."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from freshet.tasks.errors import AccessCheckFailed
from freshet.tasks.settings.addresses import escaped, shown
from freshet.tasks.settings.generation import is_this_machine

if TYPE_CHECKING:
    import httpx

Key = dict[str, Any]
"""A key as JSON Web Key (RFC 7517)."""

_FRESH, _KEPT, _PAUSE = 300.0, 6 * 3600.0, 30.0
"""Seconds after which keys are fetched anew, for which they serve where that fails, and between two attempts."""

_PATIENCE, _MOST_BYTES = 5.0, 1_000_000
"""Seconds that an attempt may take, and bytes that an answer of the provider may have."""

_KINDS = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
"""`kty` of the keys that make signatures, by how the name of the algorithm begins."""

_LOG = logging.getLogger("freshet.service")


@dataclass(frozen=True)
class _Held:
    keys: Sequence[Key]
    at: float


class ProviderKeys:
    """The keys of one provider. Several threads may ask at once."""

    def __init__(self, issuer: str, now: Callable[[], float] = time.monotonic) -> None:
        """Fetches nothing.

        Args:
            issuer: the provider's address.
            now: a clock that never goes back, in seconds.
        """
        self._issuer = issuer
        self._now = now
        self._looking = threading.Lock()
        self._held: _Held | None = None
        self._tried: float | None = None

    def find(self, kid: str | None, algorithm: str, failed: Sequence[Key] = ()) -> Sequence[Key]:
        """The keys that a token may be signed with; none where the provider has none such.

        Keys are fetched at first need, when they are older than five minutes, and where none fits, so that a replaced
        key is known at once: every 30 seconds at most. While the provider does not answer, they serve for six hours.

        Args:
            kid: the key's name; None where the token names none.
            failed: keys that it is not signed with, as was tried.

        Raises:
            AccessCheckFailed: no keys are known.
        """
        held = self._held
        found = [] if held is None else _fitting(held.keys, kid, algorithm, failed)
        if held is None or not found or self._now() - held.at > _FRESH:
            # Whoever has a key that will do does not wait for somebody else who is fetching.
            if self._looking.acquire(blocking=not found):
                try:
                    if self._held is held and (self._tried is None or self._now() - self._tried >= _PAUSE):
                        self._look()
                finally:
                    self._looking.release()
            held = self._held
        if held is None or self._now() - held.at > _KEPT:
            raise AccessCheckFailed(
                "the identity provider does not answer, so that it cannot be told who asks", "Try again in a minute."
            )
        return _fitting(held.keys, kid, algorithm, failed)

    def _look(self) -> None:
        import httpx

        self._tried = self._now()
        try:
            self._held = _Held(_fetch(self._issuer), self._now())
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, RecursionError) as error:
            _LOG.warning(
                "the keys of the identity provider %s could not be fetched: %s: %s",
                shown(self._issuer),
                type(error).__name__,
                escaped(str(error)[:300]),
            )


def _fitting(keys: Sequence[Key], kid: str | None, algorithm: str, failed: Sequence[Key]) -> Sequence[Key]:
    return [
        one
        for one in keys
        if one.get("kty") == _KINDS[algorithm[:2]]
        and one.get("alg") in (None, algorithm)
        and one.get("use") in (None, "sig")
        and kid in (None, one.get("kid"))
        and one not in failed
    ]


def _fetch(issuer: str) -> Sequence[Key]:
    """The keys that a provider has now.

    Raises:
        httpx.HTTPError, httpx.InvalidURL, OSError: it does not answer.
        ValueError: it answers what is no answer.
    """
    import httpx

    until = time.monotonic() + _PATIENCE
    with httpx.Client(
        timeout=_PATIENCE,
        follow_redirects=False,
        headers={"Accept-Encoding": "identity"},
        trust_env=issuer.startswith("https:"),  # no proxy stands between this machine and itself
    ) as client:
        said = _read(client, issuer.rstrip("/") + "/.well-known/openid-configuration", until)
        if said.get("issuer") != issuer:
            raise ValueError(f"it calls itself {shown(str(said.get('issuer')))}")
        address = said.get("jwks_uri")
        if not isinstance(address, str) or not _is_safe(address, issuer):
            raise ValueError(f"its jwks_uri {shown(str(address))} is no https address")
        keys = _read(client, address, until).get("keys")
    found = [one for one in keys if isinstance(one, dict)] if isinstance(keys, list) else []
    if not found:
        raise ValueError("it has no keys")
    return found


def _read(client: httpx.Client, address: str, until: float) -> dict[str, Any]:
    with client.stream("GET", address) as answer:
        if answer.status_code != 200:
            raise ValueError(f"{shown(address)} answers {answer.status_code}")
        raw = b""
        for part in answer.iter_bytes():
            raw += part
            if len(raw) > _MOST_BYTES or time.monotonic() > until:
                raise ValueError(f"{shown(address)} answers too much or too slowly")
    found = json.loads(raw)
    if not isinstance(found, dict):
        raise ValueError(f"{shown(address)} answers something else than a JSON object")
    return found


def _is_safe(address: str, issuer: str) -> bool:
    """Whether keys from an address are the provider's: nobody on the way can have exchanged them."""
    parts, own = urlsplit(address), urlsplit(issuer)
    if parts.scheme == "https":
        return bool(parts.hostname)
    local = [is_this_machine(one.hostname or "") for one in (parts, own)]
    return parts.scheme == own.scheme == "http" and all(local)
