"""The kinds of value that a setting may have: durations, sizes, principals, globs, names."""

from __future__ import annotations

import re
import unicodedata
from datetime import timedelta
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

from freshet.expectations.fixed_rules import MOST
from freshet.expectations.rules import RULES

DURATION_PATTERN = r"^[0-9]{1,9}(\.[0-9]{1,6})?[smhdwy]$"
SIZE_PATTERN = r"^[0-9]{1,15}(\.[0-9]{1,6})? ?([kKmMgGtT]i?)?[bB]$"
PRINCIPAL_PATTERN = r"^(everyone|(user|group):\S+)$"
GLOB_PATTERN = r"^[^#]"
POSITIVE_GLOB_PATTERN = r"^[^#!]"
CORPUS_PATTERN = r"^[a-z0-9][a-z0-9-]*$"
LANGUAGE_PATTERN = r"^[a-z]{2}$"
REGION_PATTERN = r"^[A-Z]{2}$"
LANGUAGES = frozenset({
    "af", "am", "an", "ar", "as", "az", "ba", "be", "bg", "bn", "br", "bs", "ca", "cs", "cy", "da", "de", "dz",
    "el", "en", "eo", "es", "et", "eu", "fa", "fi", "fo", "fr", "fy", "ga", "gd", "gl", "gu", "ha", "he", "hi",
    "hr", "ht", "hu", "hy", "id", "ig", "is", "it", "ja", "jv", "ka", "kk", "km", "kn", "ko", "ku", "ky", "la",
    "lb", "lg", "ln", "lo", "lt", "lv", "mg", "mk", "ml", "mn", "mr", "ms", "mt", "my", "ne", "nl", "nn", "no",
    "oc", "om", "or", "pa", "pl", "ps", "pt", "qu", "ro", "ru", "rw", "sa", "se", "si", "sk", "sl", "sn", "so",
    "sq", "sr", "st", "sv", "sw", "ta", "te", "tg", "th", "tk", "tl", "tr", "tt", "ug", "uk", "ur", "uz", "vi",
    "vo", "wa", "xh", "yo", "zh", "zu",
})  # fmt: skip
"""Languages that a text can be told to be in."""

# The validators below never repeat the value they refuse: it may have come from the environment and
# be secret. Whoever reports the error shows the text as it was written.
DURATION_HELP = "write a number and s, m (minutes), h, d, w or y (365 days), like 180d"
SIZE_HELP = "write a number of bytes, or a number and B, KB, MB, GB, TB, KiB, MiB, GiB or TiB, like 100MB"
PRINCIPAL_HELP = "write everyone, user:NAME or group:NAME, without spaces"
CORPUS_HELP = "write lower-case letters, digits and hyphens, like staff-handbook"
STORE_MODE_HELP = 'write private, group or shared, or a mode in quotes: "0700", "0750", "0770", "0755" or "0775"'
LANGUAGE_HELP = "write the two lower-case letters of ISO 639-1, like en; of a rare language texts cannot be told"
REGION_HELP = "write the two upper-case letters of ISO 3166, like US or GB"


class Strict(BaseModel):
    """A part of the settings: an unknown key is an error, and nothing is changed once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400, "y": 365 * 86_400}
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def _duration(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or not re.fullmatch(DURATION_PATTERN, value.strip()):
        raise ValueError(DURATION_HELP)
    text = value.strip()
    try:
        span = timedelta(seconds=_SECONDS[text[-1]]) * float(text[:-1])
    except OverflowError:
        raise ValueError("write a shorter duration") from None
    if not span:
        raise ValueError("write a duration longer than nothing")
    return span


def duration_text(span: timedelta) -> str:
    """The shortest way to write a duration in freshet.yaml: timedelta(minutes=5) → '5m'."""
    seconds = span.total_seconds()
    for unit in "ydhm":
        if seconds and seconds % _SECONDS[unit] == 0:
            return f"{int(seconds) // _SECONDS[unit]}{unit}"
    return f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"


def _size(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value.strip()):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63:
        return value
    if not isinstance(value, str) or not re.fullmatch(SIZE_PATTERN, value.strip()):
        raise ValueError(SIZE_HELP)
    number, unit = re.split(r" ?(?=[a-zA-Z])", value.strip().lower(), maxsplit=1)
    size = int(float(number) * (1024 if "i" in unit else 1000) ** _POWERS[unit.rstrip("ib")])
    if not 0 < size < 2**63:
        raise ValueError("write a size of at least one byte and less than 8 EiB")
    return size


def _count(value: Any) -> Any:
    # YAML reads a bare `yes` as true, which pydantic would take for 1.
    if isinstance(value, bool):
        raise ValueError("")
    return value


def composed(text: str) -> str:
    """`text` in NFC: the one form in which names, paths and globs are compared, however an é was typed."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def is_principal(text: str) -> bool:
    """Whether settings may grant something to `text`: everyone, user:NAME or group:NAME.

    A name may hold anything printable but white space, quotes too; names are compared in NFC and then exactly,
    letter case included, so a strange one matches itself only. White space is refused because lists of
    principals are written and stored with spaces between.
    """
    return text.isprintable() and re.fullmatch(PRINCIPAL_PATTERN, text) is not None


def _principal(text: str) -> str:
    if not is_principal(text):
        raise ValueError(PRINCIPAL_HELP)
    return composed(text)


def _corpus_name(text: str) -> str:
    if not re.fullmatch(CORPUS_PATTERN, text):
        raise ValueError(CORPUS_HELP)
    return text


def _language(text: str) -> str:
    if text not in LANGUAGES:
        raise ValueError(LANGUAGE_HELP)
    return text


def _region(text: str) -> str:
    from phonenumbers import SUPPORTED_REGIONS

    if text not in SUPPORTED_REGIONS:
        raise ValueError(REGION_HELP)
    return text


def _rule_code(text: str) -> str:
    if text not in RULES:
        raise ValueError("")
    return text


def _unbooled(value: Any) -> Any:
    # YAML reads a bare `off` as false.
    return "off" if value is False else value


def _glob(text: str) -> str:
    from pathspec import GitIgnoreSpec

    try:
        patterns = GitIgnoreSpec.from_lines([text]).patterns
    except ValueError:
        patterns = []
    # pathspec turns comments, blank lines and broken brackets into a pattern that matches nothing.
    if not patterns or patterns[0].include is None:
        raise ValueError("write a glob as in .gitignore, like legal/** or *.md")
    return composed(text)  # paths are compared in NFC: a glob in another form would match nothing


def _positive_glob(text: str) -> str:
    if text.startswith("!"):
        raise ValueError("write what it matches, without the leading !, like legal/**")
    return _glob(text)


def _globs(texts: list[str]) -> list[str]:
    if texts and all(text.startswith("!") for text in texts):
        raise ValueError("a glob with ! takes back what an earlier one took; write one without ! before it")
    return texts


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(duration_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN}),
]
STORE_MODES = {
    "private": 0o700, "group": 0o750, "shared": 0o755,
    "0700": 0o700, "0750": 0o750, "0770": 0o770, "0755": 0o755, "0775": 0o775,
}  # fmt: skip
"""What the mode of the store's folders may be called. Its owner may do everything, others never write."""


def _store_mode(text: Any) -> str:
    # YAML reads a bare 0750 as a number, of which editors and Freshet would have different ideas.
    if not isinstance(text, str) or text not in STORE_MODES:
        raise ValueError(STORE_MODE_HELP)
    return text


StoreMode = Annotated[str, BeforeValidator(_store_mode), WithJsonSchema({"type": "string", "enum": list(STORE_MODES)})]
Size = Annotated[
    ByteSize,
    BeforeValidator(_size),
    WithJsonSchema({"type": ["integer", "string"], "minimum": 1, "pattern": SIZE_PATTERN}),
]
Count = Annotated[int, BeforeValidator(_count)]
Share = Annotated[float, Field(ge=0, le=1), BeforeValidator(_count)]
Threshold = Annotated[float, Field(ge=0, le=MOST), BeforeValidator(_count)]
Unbooled = BeforeValidator(_unbooled)
Language = Annotated[str, AfterValidator(_language), WithJsonSchema({"type": "string", "pattern": LANGUAGE_PATTERN})]
Region = Annotated[str, AfterValidator(_region), WithJsonSchema({"type": "string", "pattern": REGION_PATTERN})]
RuleCode = Annotated[str, AfterValidator(_rule_code), WithJsonSchema({"type": "string", "enum": sorted(RULES)})]
Text = Annotated[str, Field(min_length=1)]
Principal = Annotated[str, AfterValidator(_principal), WithJsonSchema({"type": "string", "pattern": PRINCIPAL_PATTERN})]
Glob = Annotated[str, AfterValidator(_glob), WithJsonSchema({"type": "string", "pattern": GLOB_PATTERN})]
PositiveGlob = Annotated[
    str, AfterValidator(_positive_glob), WithJsonSchema({"type": "string", "pattern": POSITIVE_GLOB_PATTERN})
]
Globs = Annotated[list[Glob], AfterValidator(_globs)]
CorpusName = Annotated[str, AfterValidator(_corpus_name), WithJsonSchema({"type": "string", "pattern": CORPUS_PATTERN})]
