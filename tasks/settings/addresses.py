"""Where an address leads, how it is named and shown: the one mask of credentials, and texts made safe to print."""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, unquote

from freshet.tasks.settings import logins

_LONGEST_SHOWN = 80
_LONGEST_REASON = 500
_MOST_PASSES = 8
"""One pass masks an address; where several run into each other, another may see what the first left."""


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


class Addressed(Protocol):
    """What is at an address, and may have a name of its own: a source of documents."""

    @property
    def name(self) -> str | None:
        """The name that the settings give it, if they do."""

    @property
    def address(self) -> str:
        """Where it is."""


def source_name(source: Addressed) -> str:
    """The stable name of a source: the one in the settings, or its address without credentials.

    It is part of every document's id, so that a new password must not change it, nor a better mask: a changed name
    makes other documents of all that the source holds, withdraws the old ones and loses what was decided about them.
    So the mask may come to hide more of an address that showed a secret, and must leave every other result as it is,
    be it `?***` for a harmless query or the odd `zip://docs:***@account` of a chained address without a password.
    """
    return source.name or address_name(source.address)


def address_name(address: str, *, queries: bool = True) -> str:
    """An address as a name: with its credentials masked; a path, which can hold none, stays as it is.

    Args:
        queries: see `mask_credentials`.
    """
    return mask_credentials(address, queries=queries) if _may_hold_some(address) else address


def _may_hold_some(address: str) -> bool:
    """Whether an address can hold credentials at all: a path cannot, whatever its folders are called."""
    return "://" in address or address.startswith("jdbc:") or next(logins.in_shells(address), None) is not None


_ORACLE = re.compile(r"(?P<user>jdbc:[\w:]{1,100}:[^\s/@:]{1,100})/(?P<password>[^\s'\"]*+)", re.I)
_TOKEN = re.compile(r"gh[a-z]_|github_pat_|glpat-|xox[a-z]-|eyJ|hf_")
"""How tokens begin that are put in the place of a user name."""

_BESIDE_A_TOKEN = ("x-oauth-basic",)
"""What is given for a password where the user is a token."""

_SECRET_NAME = (
    r"[\w.-]{0,64}(?:passw(?:or)?d|passphrase|pwd|secret|token|credentials?|signature"
    r"|(?:api|access|account|private|secret|shared|storage)[_-]?key(?:[_-]?id)?)"
)
_SECRET_IN_QUERY = (
    rf"(?:{_SECRET_NAME}|[\w.-]{{0,64}}key(?:[_-]?id)?|sig|code|auth|pass|pw|jwt|sas|session|sid|ticket|otp|pin)"
)
_QUERY_VALUE = re.compile(rf"(?<=[?&])(?P<name>{_SECRET_IN_QUERY}=)(?P<value>(?:[^\s&#'\"]|['\"](?=\w))+)", re.I)
_VALUE = re.compile(
    # As key=value anywhere but within a path: `;token=`, `#access_token=`, `PWD=`, `'secret': '…'`.
    rf"(?P<name>(?:(?<=[;#]){_SECRET_IN_QUERY}|(?<![\w/\\.?&-]){_SECRET_NAME})(?:['\"]?\s*=\s*|['\"]\s*:\s*))"
    r"(?!\*\*\*(?:\W|$))(?P<value>(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\{[^}]*\})(?!\w)"
    r"|(?:[^\s&;'\"]|[&;](?![\w .%-]*=|\s|$)|['\"](?=\w))+)",
    re.I,
)
_VARIABLE = re.compile(r"\$\{[^{}]*\}")
# What follows a beginning is read to its end also where it is no such address: no other beginning in it is one, either.
_JDBC = re.compile(r"jdbc:[^\s;]*+(?:;\S*)?", re.I)
_ENCODED = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,40}%3A%2F%2F[^\s&'\"]*", re.I)
_QUERY = re.compile(rf"(?P<url>{logins.SCHEME}[^\s?#'\"]*+)(?P<query>\?[^\s#'\"]+)?")


def mask_credentials(text: str, *, queries: bool = True) -> str:
    """`text` with what may be secret in its addresses replaced by ***: passwords, tokens as user names, query strings.

    It takes texts in which addresses stand amid other words, and its own results, which it leaves as they are.
    A user without a password (`git@host:repository`), a mail address, a path and a time are no secrets.

    Args:
        queries: hide whole query strings; else only the values in them that are secret by their name, for addresses
            by which data is told apart.
    """
    for _ in range(_MOST_PASSES):
        masked = _mask(text, [])
        masked = _QUERY.sub(_without_query, masked) if queries else masked
        if masked == text:
            break
        text = masked
    return text


def _without_query(match: re.Match[str]) -> str:
    return f"{match['url']}?***" if match["query"] else match[0]


def _mask(text: str, found: list[str]) -> str:
    """All of the mask but the query strings; what it hides is added to `found`."""

    def encoded(match: re.Match[str]) -> str:
        # White space and quotes end an address only where they stand as such.
        plain = re.sub(r"[\s'\"]", lambda one: quote(one[0]), unquote(match[0]))
        masked = _mask(plain, found)
        return match[0] if masked == plain else quote(masked, safe="*%")

    def user(login: logins.Login) -> str:
        scheme = login.prefix
        name, colon, password = _split(login.info)
        is_web = any(part.startswith("http") for part in scheme.lower().split("+"))
        is_token = bool(_TOKEN.match(name)) or password in _BESIDE_A_TOKEN
        found.extend([password] * bool(password) + [name] * (is_token or (is_web and not password)))
        if is_web or is_token:
            return f"{scheme}***@"
        return f"{scheme}{name}:***@" if colon else text[login.start : login.end]

    def shell(login: logins.Login) -> str:
        found.append(login.info)
        return f"{login.prefix}:***@"

    def oracle(match: re.Match[str]) -> str:
        password, _, host = match["password"].rpartition("@")
        found.extend([password] * bool(password))
        return f"{match['user']}/***@{host}" if password else match[0]

    def value(match: re.Match[str]) -> str:
        hidden = match["value"]
        found.append(hidden[1:-1] if hidden[0] in "'\"{" else hidden)
        return f"{match['name']}***"

    text = _ENCODED.sub(encoded, text)
    text = _JDBC.sub(lambda match: _VALUE.sub(value, match[0]) if ";" in match[0] else match[0], text)
    text = logins.replace(text, logins.in_urls(text), user)
    text = _ORACLE.sub(oracle, text)
    text = logins.replace(text, logins.in_shells(text), shell)
    return _VALUE.sub(value, _QUERY_VALUE.sub(value, text))


def _split(info: str) -> tuple[str, str, str]:
    """User, colon and password; the colon may be written %3A."""
    name, colon, password = info.partition(":")
    return (name, colon, password) if colon else re.sub("%3a", ":", info, count=1, flags=re.I).partition(":")


def without_credentials(address: str, *, web_queries: bool = True) -> str:
    """An address by which data is told apart: users and passwords are left out, and secret values masked.

    Versions of datasets and lineage events hold it, so that what it gives must not change (see `source_name`).

    Args:
        web_queries: keep what follows ? or # in web addresses, where it is not secret by its name.
    """
    links = re.split(r"::(?=[A-Za-z][\w+.-]*(?:://|::))", address)
    return "::".join(_bare(one, web_queries) if _may_hold_some(one) else one for one in links)


def _bare(link: str, web_queries: bool) -> str:
    masked = mask_credentials(link, queries=False)
    if "://" not in masked:
        return masked.replace(":***@", "@", 1)
    bare = re.sub(r"(?<=://)[^/]*@", "", masked, count=1)
    return bare if web_queries or not re.match("https?://", bare, re.I) else re.split("[?#]", bare, maxsplit=1)[0]


def has_credentials(address: str) -> bool:
    """Whether an address carries a password, a token in place of a user name, or a query with values.

    Variables (`${NAME}`) count as nothing, so of an address as written only what stands in the file is judged.
    """
    found: list[str] = []
    _mask(address, found)
    if any(_VARIABLE.sub("", one) for one in found):
        return True
    queries = (word.partition("://")[2].partition("?")[2] for word in _VARIABLE.sub("", address).split())
    return any(re.search(r"=[^&]", one) for one in queries)


def safe_reason(error: BaseException, address: str, named: str | None = None) -> str:
    """What went wrong at an address, in one line that shows no credential of it.

    Args:
        named: what the address is called where the message repeats it; by default, the address with its mask.
    """
    # urllib3 wraps the failure that a person can understand in one that repeats the request.
    reasons = (getattr(wrapper, "reason", None) for wrapper in (error, error.__cause__))
    told = next((reason for reason in reasons if isinstance(reason, BaseException)), error)
    # The operating system's own words do without the path, which may be this machine's.
    text = " ".join(str(getattr(told, "strerror", None) or told).split()) or type(told).__name__
    text = text.replace(address, mask_credentials(address) if named is None else named)
    secrets: list[str] = []
    _mask(address, secrets)
    # Libraries tell a password as it is written, as it is meant, or as they would write it.
    forms = {form for one in secrets for form in (one, unquote(one), quote(unquote(one), safe=""))} - {"", "***"}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, "***")
    return escaped(mask_credentials(text)[:_LONGEST_REASON])


_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def escaped(text: str) -> str:
    r"""`text` on one line, as terminals and logs may have it.

    Line breaks, control characters, what turns the direction of writing and halves of characters are written as JSON
    writes them (`\n`, `\u001b`). Names of documents and sources go through it wherever a person reads them, since
    whoever names a file could otherwise write lines of his own or steer the terminal.
    """
    return _UNSAFE.sub(lambda match: json.dumps(match[0])[1:-1], text)


def in_lines(text: str) -> str:
    """`text` as terminals and logs may have it, in the lines that it has."""
    return "\n".join(map(escaped, text.split("\n")))


def shown(text: str) -> str:
    """A text for a message: credentials masked, whatever cannot be seen escaped, cut to 80 characters."""
    seen = "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in mask_credentials(text))
    return seen if len(seen) <= _LONGEST_SHOWN else seen[: _LONGEST_SHOWN - 1] + "…"
