"""Bearer tokens: who is given one, whom it is for, and whether one that came with a request is good."""

from __future__ import annotations

import hmac
import logging
import re
import secrets
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from freshet.tasks.errors import SettingsError
from freshet.tasks.governance.policy import principals_of
from freshet.tasks.service.caller import Caller, NotSignedIn
from freshet.tasks.service.token_file import Token, TokenFile, changing, read_tokens, token_file
from freshet.tasks.settings.addresses import shown
from freshet.tasks.settings.project import EVERYONE

MARK = "fsh_"
"""How tokens begin: `fsh_ID_SECRET`."""

_FORM = re.compile(r"fsh_(?P<id>[0-9a-f]{12})_(?P<secret>[0-9a-f]{64})")
_LONGEST_NOTE = 200
_MINUTE, _SECOND = timedelta(minutes=1), timedelta(seconds=1)
_LOG = logging.getLogger("freshet.service")


def create_token(
    root: Path,
    as_: Sequence[str],
    now: datetime,
    *,
    expires: timedelta | None,
    note: str | None = None,
    may_impersonate: bool = False,
) -> tuple[str, Token]:
    """Makes a token for somebody.

    Args:
        root: the folder of the settings.
        as_: whom it is for, as user:NAME and group:NAME; nobody for what everyone may see.
        expires: after which time it is no good; None for never.
        note: what it is for, for people.
        may_impersonate: whether whoever has it may ask as anybody.

    Returns:
        the token, which is kept nowhere, and what is kept of it.

    Raises:
        SettingsError: a name is no principal, or everyone; the note or the time is too long; or the token file cannot
            be changed, as `changing` says.
    """
    if EVERYONE in as_:
        raise SettingsError("everyone goes without saying: each token sees what everyone may", "Leave it out.")
    if note is not None and len(note) > _LONGEST_NOTE:
        raise SettingsError(
            f"the note has {len(note)} characters, and {_LONGEST_NOTE} are the most", "Write a shorter one."
        )
    try:
        until = None if expires is None else now + expires
    except OverflowError:
        raise SettingsError("the token would expire after the year 9999", "Write --expires never.") from None
    secret = secrets.token_hex(32)
    with changing(token_file(root)) as tokens:
        own = next(one for one in iter(lambda: secrets.token_hex(6), "") if one not in tokens)
        tokens[own] = Token(
            id=own,
            hash=_hash(secret),
            principals=_named(as_),
            created_at=now,
            expires_at=until,
            note=note,
            may_impersonate=may_impersonate,
            last_used_at=None,
        )
    return f"{MARK}{own}_{secret}", tokens[own]


def list_tokens(root: Path) -> list[Token]:
    """The tokens that there are, expired ones too, oldest first.

    Raises:
        SettingsError: as `read_tokens` says.
    """
    return sorted(read_tokens(token_file(root)).values(), key=lambda one: (one.created_at, one.id))


def revoke_token(root: Path, token_id: str) -> Token:
    """Takes a token away, which running services heed with their next request.

    Args:
        token_id: its id, or the token itself.

    Returns:
        what was kept of it.

    Raises:
        SettingsError: there is none, or the token file cannot be changed, as `changing` says.
    """
    known_as = token_id.removeprefix(MARK).partition("_")[0]
    with changing(token_file(root)) as tokens:
        if (found := tokens.pop(known_as, None)) is None:
            raise SettingsError(f"there is no token {shown(known_as)}", "See those that there are: freshet token list")
    return found


class Tokens:
    """The tokens of a running service. Several threads may ask at once."""

    def __init__(self, root: Path) -> None:
        """Opens nothing.

        Args:
            root: the folder of the settings.
        """
        self._file = TokenFile(token_file(root))
        self._guard = threading.Lock()
        self._used_at: dict[str, datetime] = {}
        self._untold: set[str] = set()
        self._told_at: datetime | None = None

    def caller(self, bearer: str, now: datetime) -> Caller:
        """Whose token it is.

        Raises:
            NotSignedIn: it is no token, or no good any more; the message says why, and is for the log alone.
            SettingsError: as `read_tokens` says.
        """
        match = _FORM.fullmatch(bearer)
        if match is None:
            raise NotSignedIn("a token is not of the form fsh_ID_SECRET")
        token = self._file.tokens().get(match["id"])
        if token is None:
            raise NotSignedIn(f"there is no token {match['id']}")
        if not hmac.compare_digest(_hash(match["secret"]), token.hash):
            raise NotSignedIn(f"the secret of token {token.id} is another one")
        if token.is_expired(now):
            raise NotSignedIn(f"token {token.id} has expired")
        self._used(token, now)
        return Caller(f"token {token.id}", token.principals, token.may_impersonate)

    def _used(self, token: Token, now: datetime) -> None:
        """Notes when a token was used last, once a minute at most; where that cannot be written, it is not.

        The file is written once a second at most, with whatever has come since, so that many tokens cost little.
        """
        last = self._used_at.get(token.id) or token.last_used_at
        if last is not None and abs(now - last) < _MINUTE:
            return
        with self._guard:
            self._used_at[token.id] = now
            self._untold.add(token.id)
            if self._told_at is not None and abs(now - self._told_at) < _SECOND:
                return
            self._told_at = now
            untold, self._untold = self._untold, set()
        try:
            with changing(self._file.path, wait=timedelta()) as tokens:
                for one in untold & tokens.keys():
                    tokens[one] = tokens[one].model_copy(update={"last_used_at": self._used_at[one]})
        except SettingsError as error:
            _LOG.debug("the last use of tokens could not be noted: %s", error.what)
            with self._guard:
                self._untold |= untold


def _named(as_: Sequence[str]) -> tuple[str, ...]:
    return tuple(one for one in principals_of(as_) if one != EVERYONE)


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
