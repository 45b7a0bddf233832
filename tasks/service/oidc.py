"""Who somebody is by a token (JWT) of the identity provider."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from freshet.tasks.errors import MissingExtra, SettingsError
from freshet.tasks.governance.policy import principals_of
from freshet.tasks.service.caller import Caller, NotSignedIn
from freshet.tasks.service.provider_keys import Key, ProviderKeys
from freshet.tasks.settings.addresses import escaped
from freshet.tasks.settings.project import EVERYONE
from freshet.tasks.settings.service import Oidc

_LEEWAY = 60
"""Seconds by which the clocks of the provider and of this machine may differ."""


class Provider:
    """The identity provider of the settings. Several threads may ask at once."""

    def __init__(self, said: Oidc, *, has_roster: bool, now: Callable[[], float] = time.monotonic) -> None:
        """Fetches nothing.

        Args:
            has_roster: whether a roster says which groups people are in.
            now: a clock that never goes back, in seconds, by which keys grow old.

        Raises:
            MissingExtra: PyJWT is not installed.
        """
        try:
            import cryptography  # noqa: F401
            import jwt  # noqa: F401
        except ImportError:
            raise MissingExtra(
                "signing in with an identity provider needs PyJWT and cryptography",
                "Install them: pip install 'freshet[serve]'",
            ) from None
        self._said = said
        self._has_roster = has_roster
        self._keys = ProviderKeys(said.issuer, now)

    def caller(self, bearer: str) -> Caller:
        """Who somebody is by his token.

        He is the user that the claim `user` of the settings names, and in the groups that the claim `groups` lists.
        Where the provider leaves the groups out because they are too many, he is in none, and may be in any.

        Raises:
            NotSignedIn: the token is no good; the message says why, and is for the log alone.
            AccessCheckFailed: no keys of the provider are known.
        """
        claims = self._verified(bearer)
        said, user = self._said, claims.get(self._said.user)
        if not isinstance(user, str) or not user:
            raise NotSignedIn(f"the claim {said.user} is no text")
        unlisted = said.groups is None or _has_too_many(claims, said.groups)
        groups = [] if said.groups is None or unlisted else claims.get(said.groups, [])
        if not isinstance(groups, list) or not all(isinstance(one, str) for one in groups):
            raise NotSignedIn(f"the claim {said.groups} is no list of texts")
        try:
            named = principals_of([f"user:{user}", *(f"group:{one}" for one in groups)])
        except SettingsError as error:
            raise NotSignedIn(error.what) from None
        subject = claims.get("sub", user)
        return Caller(
            escaped(f"oidc {said.issuer} {subject}"),
            tuple(one for one in named if one != EVERYONE),
            # Without a claim for groups, the roster says what there is to know.
            groups_unknown=unlisted and not (said.groups is None and self._has_roster),
        )

    def _verified(self, bearer: str) -> Mapping[str, Any]:
        """The claims of a token that is the provider's, for us, and good now."""
        import jwt

        try:
            header = jwt.get_unverified_header(bearer)
            kid, algorithm = header.get("kid"), header.get("alg")
            if algorithm not in self._said.algorithms:
                raise NotSignedIn(f"a token is signed by {algorithm}, which is not accepted")
            failed: list[Key] = []
            # Keys that have just been fetched differ from those before where the provider has replaced one.
            while keys := self._keys.find(kid, algorithm, failed):
                for key in keys:
                    try:
                        return self._decoded(bearer, key, algorithm)
                    except jwt.InvalidSignatureError:
                        failed.append(key)
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise NotSignedIn(f"a token of the identity provider is no good: {type(error).__name__}: {error}") from None
        raise NotSignedIn(f"a token was not signed with a key of the provider's ({algorithm}, {kid})")

    def _decoded(self, bearer: str, key: Key, algorithm: str) -> Mapping[str, Any]:
        import jwt

        found: dict[str, Any] = jwt.decode(
            bearer,
            jwt.PyJWK(key, algorithm),
            algorithms=[algorithm],
            audience=self._said.audience,
            issuer=self._said.issuer,
            leeway=_LEEWAY,
            options={"require": ["exp", "iss", "aud"], "enforce_minimum_key_length": True},
        )
        return found


def _has_too_many(claims: Mapping[str, Any], groups: str) -> bool:
    """Whether the provider has left out the groups because they are too many, as Entra does: `_claim_names`."""
    elsewhere = claims.get("_claim_names")
    return bool(claims.get("hasgroups")) or (isinstance(elsewhere, dict) and groups in elsewhere)
