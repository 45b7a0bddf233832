"""Who a caller of the service is, by the header that came with his request."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from freshet.tasks.errors import AccessCheckFailed, SettingsError
from freshet.tasks.service.caller import ANONYMOUS, Caller, NotSignedIn
from freshet.tasks.service.oidc import Provider
from freshet.tasks.service.tokens import MARK, Tokens
from freshet.tasks.settings.addresses import escaped

if TYPE_CHECKING:
    from freshet.tasks.settings.file import Project

_LONGEST = 16_384
"""Characters that a token may have."""

_LOG = logging.getLogger("freshet.service")


class Identity:
    """Tells callers apart: by a token of Freshet's own, by one of the identity provider, or not at all.

    Several threads may ask at once.
    """

    def __init__(self, project: Project) -> None:
        """Opens and fetches nothing.

        Raises:
            MissingExtra: the settings name an identity provider, and PyJWT is not installed.
        """
        said = project.settings.service
        self._anonymous = said.anonymous
        self._tokens = Tokens(project.root)
        has_roster = project.settings.roster is not None
        self._provider = None if said.oidc is None else Provider(said.oidc, has_roster=has_roster)

    def caller(self, authorization: str | None) -> Caller:
        """Who sent a request.

        Args:
            authorization: value of its header `Authorization`; None where it has none.

        Raises:
            NotSignedIn: it has none and must have one, or its token is no good. Of the second, the words are always
                the same; the reason is in the service's log.
            AccessCheckFailed: the token file or the identity provider cannot be asked.
        """
        if authorization is None:
            if self._anonymous:
                return ANONYMOUS
            raise NotSignedIn("nobody is answered without a token", "Send the header Authorization: Bearer TOKEN.")
        try:
            return self._caller(authorization)
        except NotSignedIn as error:
            _LOG.warning("somebody was not let in: %s", escaped(error.what[:300]))
            raise NotSignedIn(
                "the token is no good, or not any more", "Sign in again, or have a new token made: freshet token create"
            ) from None
        except SettingsError as error:
            _LOG.error("nobody can be let in by a token: %s", error)
            raise AccessCheckFailed(
                "it cannot be told who asks", "Whoever runs the service finds the reason in its log."
            ) from None

    def _caller(self, authorization: str) -> Caller:
        scheme, _, bearer = authorization.partition(" ")
        bearer = bearer.strip(" ")
        if scheme.lower() != "bearer" or not bearer or len(bearer) > _LONGEST:
            raise NotSignedIn("the header Authorization is not of the form: Bearer TOKEN")
        if bearer.startswith(MARK):
            return self._tokens.caller(bearer, datetime.now(UTC))
        if self._provider is None:
            raise NotSignedIn("a token is not Freshet's, and the settings name no identity provider")
        return self._provider.caller(bearer)
