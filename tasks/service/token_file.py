"""The file of the service's tokens. It holds a hash of each token's secret, so that nobody can ask who has the file.

It is the file that FRESHET_TOKENS_FILE names, or else `.freshet.tokens` beside the settings, and never in the store.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, ValidationError

from freshet.tasks.errors import SettingsError
from freshet.tasks.governance.policy import principals_of
from freshet.tasks.settings.places import place_text
from freshet.tasks.settings.types import Strict

TOKENS_VARIABLE = "FRESHET_TOKENS_FILE"
TOKENS_FILE = ".freshet.tokens"
_MOST_BYTES = 16_000_000
_OTHERS = 0o027
"""What a token file's mode must not allow: others nothing, its group no writing. A group may read it, as it must where
a cluster mounts the file for the user of a container."""

PATIENCE = timedelta(seconds=30)
"""How long whoever changes the file waits for another process that does."""


class Token(Strict):
    """What is kept of a token.

    Attributes:
        id: 12 hexadecimal digits by which people know it; no secret.
        hash: SHA-256 of its secret, in hexadecimal.
        principals: whom it is for: user:NAME and group:NAME, in NFC.
        expires_at: from when on it is no good; None for never.
        last_used_at: when it was used last, to the minute; None where it has not been, or the file cannot be written.
    """

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
    hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", repr=False)]
    principals: tuple[str, ...]
    created_at: AwareDatetime
    expires_at: AwareDatetime | None
    note: str | None
    may_impersonate: bool
    last_used_at: AwareDatetime | None

    def is_expired(self, now: datetime) -> bool:
        """Whether it is no good any more."""
        return self.expires_at is not None and now >= self.expires_at


class _Contents(Strict):
    version: Literal[1] = 1
    tokens: list[Token]


_Seen = tuple[int, ...]


def token_file(root: Path) -> Path:
    """Where the tokens are, or will be.

    Args:
        root: the folder of the settings.
    """
    named = os.environ.get(TOKENS_VARIABLE)
    return Path(named).absolute() if named else root / TOKENS_FILE


class TokenFile:
    """The tokens as the file has them at any moment. Several threads may look at once."""

    def __init__(self, path: Path) -> None:
        """Opens nothing."""
        self.path = path
        self._held: tuple[_Seen, Mapping[str, Token]] | None = None

    def tokens(self) -> Mapping[str, Token]:
        """The tokens by id. The file is read anew when it is another one than before; without a file there are none.

        Raises:
            SettingsError: as `read_tokens` says.
        """
        held = self._held
        try:
            if held is not None and held[0] == _seen(self.path.stat()):
                return held[1]
        except OSError:
            pass  # what is wrong is told by reading
        found = _read(self.path)
        self._held = found
        return {} if found is None else found[1]


def read_tokens(path: Path) -> Mapping[str, Token]:
    """The tokens by id; none where there is no file.

    Raises:
        SettingsError: the file cannot be read, is damaged, or is open to others.
    """
    found = _read(path)
    return {} if found is None else found[1]


def _read(path: Path) -> tuple[_Seen, Mapping[str, Token]] | None:
    try:
        # A pipe in its place would keep whoever opens it waiting.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            looked = os.fstat(file.fileno())
            if not stat.S_ISREG(looked.st_mode):
                raise OSError(errno.EINVAL, "it is no plain file")
            raw = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(
            f"the token file {path} cannot be read: {error.strerror or error}",
            f"Give whoever runs Freshet the right to read it, or name another file in {TOKENS_VARIABLE}.",
        ) from None
    if looked.st_mode & _OTHERS:
        raise SettingsError(
            f"the token file {path} is open to others (mode {stat.S_IMODE(looked.st_mode):04o})",
            f"Type: chmod 600 {path}",
        )
    return _seen(looked), _parse(path, raw)


def _parse(path: Path, raw: bytes) -> Mapping[str, Token]:
    wrong = f"it is longer than {_MOST_BYTES:,} bytes"
    if len(raw) <= _MOST_BYTES:
        try:
            tokens = _Contents.model_validate_json(raw, strict=True).tokens
            for one in tokens:
                principals_of(one.principals)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            wrong = f"{place_text(first['loc']) or 'its text'}: {first['msg']}"
        except SettingsError as error:
            wrong = error.what
        else:
            found = {one.id: one for one in tokens}
            if len(found) == len(tokens):
                return found
            wrong = "two tokens have the same id"
    raise SettingsError(
        f"the token file {path} is damaged, or was written by a later version of Freshet ({wrong})",
        "Restore it from a backup; or remove it, which revokes all tokens, and create them anew.",
    )


@contextmanager
def changing(path: Path, wait: timedelta = PATIENCE) -> Iterator[dict[str, Token]]:
    """Gives the tokens by id, to be changed: what is in the dictionary at the end is in the file.

    Only one process at a time changes the file, and whoever reads it sees it as before or as after. A new file is its
    owner's alone (0600); one that is replaced keeps its owner and mode.

    Raises:
        SettingsError: the file cannot be read or written, is damaged or open to others, or another process changes it
            for longer than `wait`.
    """
    from filelock import FileLock, Timeout

    try:
        real = path.resolve()  # a link stays one
        with FileLock(real.with_name(f"{real.name}.lock"), timeout=wait.total_seconds(), mode=0o600):
            before = read_tokens(real)
            tokens = dict(before)
            yield tokens
            if tokens != before:
                _write(real, list(tokens.values()))
    except Timeout:
        raise SettingsError(f"the token file {path} is being changed by another process", "Try again.") from None
    except OSError as error:
        raise SettingsError(
            f"the token file {path} cannot be written: {error.strerror or error}",
            f"Have {TOKENS_VARIABLE} name a file in a folder that can be written to.",
        ) from None


def _write(path: Path, tokens: list[Token]) -> None:
    """Replaces the file, whole or not at all."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    opened = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(opened, "wb") as file:
            if path.exists():
                former, own = path.stat(), os.fstat(file.fileno())
                if (former.st_uid, former.st_gid) != (own.st_uid, own.st_gid):
                    os.fchown(file.fileno(), former.st_uid, former.st_gid)
                os.fchmod(file.fileno(), stat.S_IMODE(former.st_mode))
            file.write(_Contents(tokens=tokens).model_dump_json(indent=1).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _seen(looked: os.stat_result) -> _Seen:
    """What tells a file from what it was: its right to be read as well, which may be given to others at any time."""
    return looked.st_mtime_ns, looked.st_ctime_ns, looked.st_size, looked.st_ino, looked.st_mode
