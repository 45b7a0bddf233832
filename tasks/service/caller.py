"""Who sent a request, as a token or an identity provider says; never as the request itself says."""

from __future__ import annotations

from dataclasses import dataclass

from freshet.tasks.errors import FreshetError


@dataclass(frozen=True)
class Caller:
    """Whoever sent a request.

    Attributes:
        name: what limits and the service's own log know him by: `token ID`, `oidc ISSUER SUBJECT`, `anonymous` or
            `stdio`.
        principals: user:NAME and group:NAME, as the token or the identity provider says; `everyone` goes without
            saying, and the roster adds its groups at each request.
        may_impersonate: whether a request of his may name other principals to ask as.
        groups_unknown: whether he may be in groups that `principals` does not list, so that an access list that keeps
            out any group lets him see nothing.
    """

    name: str
    principals: tuple[str, ...] = ()
    may_impersonate: bool = False
    groups_unknown: bool = False


ANONYMOUS = Caller("anonymous", groups_unknown=True)
"""Whoever asks without a token, where the settings let him: anybody, so in any group."""


class NotSignedIn(FreshetError):
    """A request came without a token, or with one that is no good."""


class NotPermitted(FreshetError):
    """A caller may not do what he asks for."""


class TooMuch(FreshetError):
    """A caller, or all of them, ask too much at once.

    Args:
        seconds: after which he may try again.
    """

    def __init__(self, what: str, mend: str = "", seconds: int = 1) -> None:
        """Keeps the texts and the seconds."""
        super().__init__(what, mend)
        self.args = (what, mend, seconds)
        self.seconds = seconds


class NotThere(FreshetError):
    """There is no such thing that the caller may see: the words are the same whether there is none or he may not."""
