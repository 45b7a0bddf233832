"""Where an address leads, and how it is named and shown: a source's stable name, and the one mask of credentials."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from freshet.tasks.settings.project import FolderSource, GitSource


def is_remote(address: str) -> bool:
    """Whether an address is a URL of another place than this machine's disk."""
    if address.startswith("file://"):
        return False
    # A scp-like address of git, host:path, is remote; one letter before the colon is a drive of Windows.
    return "://" in address or "::" in address or bool(re.match(r"[^/\\]{2,}:[^\\]", address))


def resolve(address: str, root: Path) -> str:
    """Returns an address with a local path made absolute, against `root`; anything remote as it is."""
    if is_remote(address):
        return address
    try:
        path = Path(address.removeprefix("file://")).expanduser()
    except RuntimeError:  # ~nobody: no such user, so a folder of that name
        path = Path(address)
    return str((root / path).absolute())


def normal_path(address: str) -> str:
    """Returns an address with the path of it normalised (`a/../b` is `b`), so that equal ones can be compared."""
    scheme, mark, rest = address.rpartition("://")
    return scheme + mark + posixpath.normpath(rest) if rest else address


def source_name(settings: FolderSource | GitSource) -> str:
    """The stable name of a source: the one in the settings, or its address without credentials.

    It is part of every document's id, so a new password must not change it.
    """
    return settings.name or mask_credentials(settings.address)


_USERINFO = re.compile(
    # A password that holds an unescaped slash, or else everything up to the last @ of the host's part.
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)"
    r"(?P<userinfo>[^/?#\s:@]*:(?!\d*(?:[/?#\s]|$))[^\s'\"]*|[^/?#\s]*)@"
)


_QUERY = re.compile(r"(?P<url>[A-Za-z][A-Za-z0-9+.-]*://[^\s?#'\"]*)\?[^\s#'\"]+")


def mask_credentials(text: str) -> str:
    """`text` with what may be secret in its URLs replaced by ***: passwords, tokens as user names, query strings."""

    def hide(match: re.Match[str]) -> str:
        scheme, userinfo = match["scheme"], match["userinfo"]
        if scheme.lower().startswith(("http", "git+http")):
            return f"{scheme}***@"
        user, colon, _ = userinfo.partition(":")
        return f"{scheme}{user}:***@" if colon else f"{scheme}{user}@"

    return _QUERY.sub(lambda match: f"{match['url']}?***", _USERINFO.sub(hide, text))


def safe_reason(error: BaseException, address: str) -> str:
    """What went wrong, in one line that shows no credential of `address`."""
    # urllib3 wraps the failure that a person can understand in one that repeats the request.
    reasons = (getattr(wrapper, "reason", None) for wrapper in (error, error.__cause__))
    shown = next((reason for reason in reasons if isinstance(reason, BaseException)), error)
    text = " ".join(str(shown).split()) or type(shown).__name__
    text = text.replace(address, mask_credentials(address))
    _, _, userinfo_host = address.partition("://")
    userinfo, at, _ = userinfo_host.rpartition("@")
    if at:
        for secret in (userinfo, *userinfo.split(":", 1)[1:]):
            if secret and (":" in userinfo or address.startswith("http")):
                text = text.replace(secret, "***")
    return mask_credentials(text)[:500]
