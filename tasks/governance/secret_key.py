"""The one secret key of a project: what is hashed with it tells equal from equal, and nothing without the key.

It is in the file that FRESHET_KEY_FILE names, or else in `.freshet.key` beside the settings, and never in the store: a
copy of the store alone gives nobody a way to try names or questions out.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from freshet.tasks.errors import SettingsError

KEY_VARIABLE = "FRESHET_KEY_FILE"
KEY_FILE = ".freshet.key"
_BYTES = 32
_FORM = re.compile(rb"[0-9a-f]{64}\s*")


@dataclass(frozen=True)
class SecretKey:
    """A key for hashes."""

    secret: bytes = field(repr=False)

    def hash(self, purpose: str, text: str) -> str:
        """The HMAC-SHA-256 of a text, in hexadecimal. Hashes of one text for two purposes have nothing in common."""
        said = purpose.encode() + b"\0" + text.encode("utf-8", "surrogatepass")
        return hmac.digest(self.secret, said, "sha256").hex()

    @cached_property
    def id(self) -> str:
        """What the key is known by: 16 hexadecimal digits that stand beside its hashes and do not give it away."""
        return self.hash("key", "freshet")[:16]


def key_file(root: Path) -> Path:
    """Where the key is, or will be.

    Args:
        root: the folder of the settings.
    """
    named = os.environ.get(KEY_VARIABLE)
    return Path(named).absolute() if named else root / KEY_FILE


def find_key(root: Path) -> SecretKey | None:
    """The key of a project; None where there is none yet.

    Raises:
        SettingsError: its file cannot be read, or does not hold a key.
    """
    path = key_file(root)
    try:
        with path.open("rb") as file:
            held = file.read(2 * _BYTES + 16)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(
            f"the secret key {path} cannot be read: {error.strerror or error}",
            f"Give whoever runs Freshet the right to read it, or name another file in {KEY_VARIABLE}.",
        ) from None
    if not _FORM.fullmatch(held):
        raise SettingsError(
            f"the file {path} does not hold a secret key: 64 hexadecimal digits, in lower case",
            "Restore it from a backup, or remove it, so that a new key is made.",
        )
    return SecretKey(bytes.fromhex(held.decode().strip()))


def need_key(root: Path) -> SecretKey:
    """The key of a project, which is made where there is none. Of two processes that make one, both get the same.

    Raises:
        SettingsError: its file cannot be read or made, or does not hold a key.
    """
    if (found := find_key(root)) is not None:
        return found
    path, why = key_file(root), "it is a link to a file that is not there"
    try:
        _make(path)
    except OSError as error:
        why = error.strerror or str(error)
    if (found := find_key(root)) is None:
        raise SettingsError(
            f"the secret key {path} cannot be made: {why}",
            f"Have {KEY_VARIABLE} name a file in a folder that can be written to, or make it: openssl rand -hex 32",
        )
    return found


def _make(path: Path) -> None:
    """Writes a new key, whole or not at all, unless there is one: linking never replaces a file."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(file, "wb") as opened:
            opened.write(secrets.token_hex(_BYTES).encode() + b"\n")
            opened.flush()
            os.fsync(opened.fileno())
        with suppress(FileExistsError):
            os.link(beside, path)
    finally:
        beside.unlink()
