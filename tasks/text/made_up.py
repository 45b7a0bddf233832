"""What looks like a secret and is none: placeholders, examples that everybody knows, names in code, data in base64."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

_PLACEHOLDER = re.compile(
    r":(?:pass|pwd|token|secret)@|example|sample|placeholder|dummy|redacted|your[_-]?|change_?me|replace_?me|x{5,}|\*{3,}"
    r"|\.{3}|…|<[^<>]*>|\$\{|\{\{|%[({]\w|(?:key|token|secret|password)[_-]?(?:goes[_-]?)?here|not[_-]?(?:a[_-]?)?real"
    r"|\bfake|\bmy[_-]?(?:api|key|secret|token|pass)|\binsert[_-]",
    re.I,
)
_MADE_UP = re.compile(r"123456|abcdefg|ABCDEFG|fedcba|FEDCBA|qwert|deadbeef|foobar|(.)\1{6,}")
_KNOWN = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq",  # the storage emulator of Azure, for everyone
    "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",  # the signature on jwt.io's first page
)
_JOHN_DOE = re.compile(r"John Doe|Jane Doe|1234567890|example\.(?:com|org|net)", re.I)

_DOTTED = re.compile(r"[A-Za-z_$][\w$]*(?:(?:\.|->|::)[A-Za-z_$][\w$]*)+(?:[(\[].*)?")
_CALL = re.compile(r"[A-Za-z_$][\w$.]*[(\[].*")
_SNAKE = re.compile(r"(?:[a-z][a-z0-9]*(?:[_-][a-z0-9]+)+|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)")
_NAMES = """
key keys secret secrets token tokens password passwd pass pwd code name value id var env file path body pem ref arn
credential credentials config
"""
_NAME_WORDS = frozenset(_NAMES.split())

_LEET = str.maketrans("013457@$!", "oieastasi")
_SAMPLE_WORDS = re.compile(
    r"pass|word|pwd|secret|hunter2|test|demo|admin|user|login|guest|root|default|temp|welcome|letmein|qwert|monkey|dragon"
    r"|horse|battery|staple|troubador|summer|winter|spring|autumn|foobar|super|strong|secur|company|hello|world"
    r"|mysql|postgres|oracle|mongo|database|master|access|abcd|1234",
)
_COMMON_PASSWORDS = """
password passwd passw pass pwd pw p secret token guest admin root test demo user username user1 postgres mysql mongo
redis rabbitmq sa letmein hunter2 qwerty 1234 12345 123456 12345678 xxx xxxx foo bar foobar s3cret s3cr3t passw0rd
p@ssw0rd p4ssw0rd pass123 password1 password123 admin123 test123 my-password mypassword mysecret
"""
_COMMON = frozenset(_COMMON_PASSWORDS.split())

_HEAD_END = re.compile(r"-----END|-----BEGIN")
_MOST_KEY = 20_000
_BODY = re.compile(r"[A-Za-z0-9+/=]{16,}")
_LEAST_BODY, _LEAST_CHARACTERS = 60, 20
_SAMPLE_BODY = re.compile(r"EXAMPLE|SAMPLE|\.{3}|…|[xX*]{8,}|<[a-z]|redacted|REDACTED")
_LINE_ENDS = re.compile(r"\\r\\n|\\n|\\r")

_DUMP = re.compile(
    r"(?<![A-Za-z0-9+/])(?:(?:[A-Za-z0-9+/]{40,}+\s++)++[A-Za-z0-9+/]*+={0,2}|[A-Za-z0-9+/]{300,}+={0,2})"
)
_LEAST_DUMP = 120


def is_placeholder(value: str) -> bool:
    """Whether a value stands for a secret: `AKIAIOSFODNN7EXAMPLE`, `your-api-key-here`, `changeme`, `<password>`."""
    return bool(_PLACEHOLDER.search(value))


def is_sample_key(value: str) -> bool:
    """Whether a key is in an order that no machine draws, or is one that everybody has read."""
    return bool(_MADE_UP.search(value)) or any(known in value for known in _KNOWN)


def is_sample_login(address: str) -> bool:
    """Whether `://user:password@` in an address has a password that is none: the user's name, or a common word."""
    user, _, password = address.partition("://")[2].rstrip("@").rpartition(":")
    password = password.lower()
    return password in _COMMON or password == user.lower() or not password.strip("x*.")


def is_sample_token(token: str) -> bool:
    """Whether the claims of a JSON Web Token are about those who never lived, as in its specification."""
    parts = token.split(".")
    body = parts[1] if len(parts) > 1 else ""
    try:
        claims = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return False
    return bool(_JOHN_DOE.search(claims))


def is_reference(value: str) -> bool:
    """Whether a value is the name of something in code, or the call of it: `settings.KEY_1`, `ssl_key_pem_body`."""
    if _DOTTED.fullmatch(value) or _CALL.fullmatch(value):
        return True
    return bool(_SNAKE.fullmatch(value)) and not _NAME_WORDS.isdisjoint(re.split("[_-]", value.lower()))


def is_sample_password(value: str) -> bool:
    """Whether a password is made of such words as examples have: `pass@word1357`, `Tr0ub4dor&3`.

    People choose such passwords, too. So it depends on where one stands whether it is an example.
    """
    plain = value.lower()
    return bool(_SAMPLE_WORDS.search(plain) or _SAMPLE_WORDS.search(plain.translate(_LEET)))


def private_key_end(text: str, start: int) -> int | None:
    """Returns where a private key ends whose first line holds `start`; None where no key follows.

    A key of the smallest kind has 64 characters of base64. In JSON and in code its lines end with `\\n`.
    """
    line = text.find("-----", start)
    begin = line + 5 if 0 <= line - start < 40 else start + 20
    match = _HEAD_END.search(text, begin, begin + _MOST_KEY)
    end = match.start() if match else min(len(text), begin + _MOST_KEY)
    block = _LINE_ENDS.sub(lambda one: " " * len(one[0]), text[begin:end])
    pieces = list(_BODY.finditer(block))
    body = "".join(piece[0] for piece in pieces)
    if len(body) < _LEAST_BODY or len(set(body)) < _LEAST_CHARACTERS or _SAMPLE_BODY.search(block):
        return None
    return begin + pieces[-1].end()


def base64_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yields the places of pictures and other files that are written as text: long runs of base64, in lines or not."""
    for match in _DUMP.finditer(text):
        # Hexadecimal digits and sequences of genes have few different characters.
        if match.end() - match.start() >= _LEAST_DUMP and len(set(match[0][:_MOST_KEY])) >= _LEAST_CHARACTERS:
            yield match.span()
