"""Keys, tokens and passwords in text, by the detectors of detect-secrets.

Its plugins are asked directly, line by line, and only about lines that could hold something: its own scan
changes settings of the whole process, wants a file, and takes longer than all other checks together. Its
filters for what is no secret after all (placeholders, sequences, references) are applied as it applies them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from freshet.tasks.text.findings import Finding, without_overlaps
from freshet.tasks.text.made_up import (
    base64_spans,
    is_placeholder,
    is_reference,
    is_sample_key,
    is_sample_login,
    is_sample_token,
    private_key_end,
)

PASSWORD = "password"
"""The kind of what is named a password or secret. All other kinds are keys."""

_PLUGINS = (
    ("artifactory", "ArtifactoryDetector"), ("aws", "AWSKeyDetector"), ("azure_storage_key", "AzureStorageKeyDetector"),
    ("basic_auth", "BasicAuthDetector"), ("cloudant", "CloudantDetector"), ("discord", "DiscordBotTokenDetector"),
    ("github_token", "GitHubTokenDetector"), ("gitlab_token", "GitLabTokenDetector"),
    ("ibm_cloud_iam", "IbmCloudIamDetector"), ("ibm_cos_hmac", "IbmCosHmacDetector"), ("jwt", "JwtTokenDetector"),
    ("mailchimp", "MailchimpDetector"),
    ("private_key", "PrivateKeyDetector"), ("pypi_token", "PypiTokenDetector"), ("sendgrid", "SendGridDetector"),
    ("slack", "SlackDetector"), ("softlayer", "SoftlayerDetector"), ("square_oauth", "SquareOAuthDetector"),
    ("stripe", "StripeDetector"), ("telegram_token", "TelegramBotTokenDetector"), ("twilio", "TwilioKeyDetector"),
)  # fmt: skip
_OURS = {
    # Kinds that detect-secrets 1.5 does not know.
    "Google API key": r"\bAIza[\w-]{35}(?![\w-])",
    "Google client secret": r"\bGOCSPX-[\w-]{28}(?![\w-])",
    "GitHub fine-grained token": r"\bgithub_pat_\w{22}_\w{59}\b",
    "Hugging Face token": r"\bhf_[A-Za-z]{34}\b",
    "Anthropic key": r"\bsk-ant-[\w-]{20,}",
    "Freshet token": r"\bfsh_[0-9a-f]{12}_[0-9a-f]{64}\b",
    "DigitalOcean token": r"\bdo[opr]_v1_[0-9a-f]{64}\b",
    # The library's own patterns of these two take the square of a line: they look for an end from each beginning.
    "OpenAI Token": r"(?<![A-Za-z0-9])(?<!sk-)sk-[\w-]{0,200}?[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}",
    "NPM tokens": r"/:_authToken=\s*+(npm_\w+|[A-Fa-f0-9-]{36})",
}
_PRIVATE_KEY = "Private Key"
_BASIC_AUTH = "Basic Auth Credentials"
_TOKEN_KIND = "JSON Web Token"
_LEAST_PASSWORD, _MOST_PASSWORD, _LEAST_CLASSES = 8, 128, 3
_PLAIN_NAMES = ("passw", "kennwort", "mot de passe", "contrase", "passphrase", "pwd", "secret", "key", "token")
_NAMES = (
    "passw(?:or)?[dt]",
    "kennwort",
    "mot de passe",
    "contrase[ñn]a",
    "passphrase",
    r"\bpwd",
    "secret",
    "key",
    "token",
)
_MARKS = ("-----BEGIN", "AKIA", "hf_", "://")
_DIGIT = re.compile(r"\d")
_CLASSES = (re.compile(r"[a-z]"), re.compile(r"[A-Z]"), _DIGIT, re.compile(r"[^\w\s]|_"))
_LONG_LINE = 5000
_WINDOW = 400


@dataclass(frozen=True)
class _Detectors:
    keys: list[tuple[Any, list[re.Pattern[str]]]]
    ours: dict[str, re.Pattern[str]]
    named: re.Pattern[str]
    filters: list[Any]


@lru_cache(maxsize=1)
def _detectors() -> _Detectors:
    from importlib import import_module

    from detect_secrets.filters import heuristic

    plugins = [getattr(import_module(f"detect_secrets.plugins.{module}"), name)() for module, name in _PLUGINS]
    return _Detectors(
        keys=[(plugin, [_made_linear(pattern) for pattern in plugin.denylist]) for plugin in plugins],
        ours={kind: re.compile(pattern) for kind, pattern in _OURS.items()},
        named=re.compile(
            r"(?:passw(?:or)?d|passwort|kennwort|mot de passe|contrase[ñn]a|passphrase|pwd|secret"
            r"|(?:api|auth|access|private)[ _-]?key|client[ _-]?secret|(?:access|auth|bearer|api)[ _-]?token)\w{0,40}"
            r"[\"'`\])]{0,2}[ \t]*(?:(?:is|lautet|est|es)\b(?:[ \t]*:)?|:=|[:=]{1,3}>?)[ \t]*+"
            r"(?P<quote>[\"'`]?)(?P<value>[^\s\"'`,;|]+)(?P=quote)",
            re.I,
        ),
        filters=[
            heuristic.is_sequential_string,
            heuristic.is_potential_uuid,
            heuristic.is_templated_secret,
            heuristic.is_prefixed_with_dollar_sign,
            heuristic.is_not_alphanumeric_string,
        ],
    )


def _made_linear(pattern: re.Pattern[str]) -> re.Pattern[str]:
    """A pattern that crosses a run of spaces in bounded steps, and begins a web token where a word begins.

    Three runs of spaces that follow each other take the cube of a run, and a token in a token the square of a line.
    """
    bounded = pattern.pattern.replace("(?: *)", "(?: {0,8})").replace("| +|", "| {1,8}|")
    if bounded.startswith("eyJ"):
        bounded = f"(?<![A-Za-z0-9]){bounded}"
    return re.compile(bounded, pattern.flags)


@lru_cache(maxsize=1)
def _token() -> re.Pattern[str]:
    return re.compile(r"[\w\-+/=.:]{20,}")


@lru_cache(maxsize=1)
def _name() -> re.Pattern[str]:
    return re.compile(rf"(?:{'|'.join(_NAMES)})\w{{0,40}}[\"'`\])]{{0,2}}[ \t]*(?:is\b|lautet\b|est\b|es\b|[:=])", re.I)


def find_secrets(text: str) -> list[Finding]:
    """Finds keys, tokens and passwords. A finding's kind is the kind of key, or `password`.

    Placeholders, examples that everybody knows, names in code, and pictures in base64 are none. A private key has a
    body, and its place is all of it.
    """
    found: list[Finding] = []
    for start, end in _places(text):
        line = text[start:end]
        for kind, value, at in _in_line(line):
            begin = start + at
            stop = private_key_end(text, begin) if kind == _PRIVATE_KEY else begin + len(value)
            if stop is not None:
                found.append(Finding(begin, stop, kind))
    return _outside_of_files(text, without_overlaps(found)) if found else []


def _outside_of_files(text: str, found: list[Finding]) -> list[Finding]:
    """Leaves out what stands within a picture in base64: by chance, such data has the form of a short key."""
    spans = list(base64_spans(text))
    return [
        one
        for one in found
        if one.kind == _PRIVATE_KEY or not any(start <= one.start and one.end <= end for start, end in spans)
    ]


def _places(text: str) -> Iterator[tuple[int, int]]:
    """Yields the lines that could hold a secret; of an overlong line, what stands around the candidate."""
    done = 0
    for begin, stop in sorted(_candidates(text)):
        if begin < done:
            continue
        start = text.rfind("\n", 0, begin) + 1
        end = text.find("\n", begin)
        end = len(text) if end < 0 else end
        if end - start > _LONG_LINE:
            start, end = max(start, done, begin - _WINDOW), min(end, stop + _WINDOW)
        done = end
        # Patterns may take the square of a line's length: an overlong token is looked at in pieces that overlap.
        for at in range(start, end, _LONG_LINE):
            yield at, min(end, at + _LONG_LINE + _WINDOW)


def _candidates(text: str) -> Iterator[tuple[int, int]]:
    """Yields long tokens with digits, names of secrets with a value, users in addresses, heads of key files."""
    for match in _token().finditer(text):
        if _DIGIT.search(match[0]) or ":" in match[0]:
            yield match.span()
    lower = text.lower()
    if any(name in lower for name in _PLAIN_NAMES):
        yield from (match.span() for match in _name().finditer(text))
    for mark in _MARKS:
        at = text.find(mark)
        while at >= 0:
            yield at, at + len(mark)
            at = text.find(mark, at + len(mark))


def _in_line(line: str) -> Iterator[tuple[str, str, int]]:
    detectors = _detectors()
    for plugin, patterns in detectors.keys:
        for match in (match for pattern in patterns for match in pattern.finditer(line)):
            value, at = _value(match)
            if plugin.secret_type == _BASIC_AUTH and is_sample_login(match[0]):
                continue
            if _is_kept(plugin.secret_type, value) and _is_formal(plugin, value):
                yield plugin.secret_type, value, at
    for kind, pattern in detectors.ours.items():
        for match in pattern.finditer(line):
            value, at = _value(match)
            if not is_placeholder(value):
                yield kind, value, at
    for match in detectors.named.finditer(line):
        value = match["value"].rstrip(".)")
        if _looks_chosen(value) and not _is_named(line, match) and _is_kept(PASSWORD, value):
            yield PASSWORD, value, match.start("value")


def _is_named(line: str, match: re.Match[str]) -> bool:
    """Whether what follows the word is what a secret is called: in code, or in Amazon's name for it."""
    before = line[max(0, match.start() - _WINDOW) : match.start("value")]
    return before.rsplit(None, 1)[-1].lstrip("\"'`(").startswith("arn:") or is_reference(match["value"])


def _value(match: re.Match[str]) -> tuple[str, int]:
    """Returns what a pattern marks as the secret and where it begins; the whole match where only a prefix is marked."""
    groups = [number for number, group in enumerate(match.groups(), 1) if group and len(group) >= _LEAST_PASSWORD]
    longest = max(groups, key=lambda number: len(match[number]), default=0)
    return match[longest], match.start(longest)


def _is_formal(plugin: Any, value: str) -> bool:
    check = getattr(plugin, "is_formally_valid", None)
    return bool(check(value)) if check else True


def _is_kept(kind: str, value: str) -> bool:
    if kind == _PRIVATE_KEY:
        return True
    is_key = kind not in (PASSWORD, _BASIC_AUTH)
    if is_placeholder(value) or (is_key and is_sample_key(value)) or (kind == _TOKEN_KIND and is_sample_token(value)):
        return False
    return not any(drop(value) for drop in _detectors().filters)


def _looks_chosen(value: str) -> bool:
    """Whether a value that is called a password is one: words and addresses are not, mixed characters are."""
    if not _LEAST_PASSWORD <= len(value) <= _MOST_PASSWORD or "://" in value or value[:1] in "<{$([":
        return False
    return sum(1 for one in _CLASSES if one.search(value)) >= _LEAST_CLASSES and bool(_DIGIT.search(value))
