"""Personal data in text: e-mail addresses, phone numbers, bank accounts, payment cards, national ids.

What has a checksum is checked, by python-stdnum; phone numbers are judged by phonenumbers. Numbers that
documentation uses as examples are nobody's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from freshet.tasks.text.findings import Finding, mask_addresses, without_overlaps
from freshet.tasks.text.identity_numbers import find_identity_numbers

EMAIL, PHONE, IBAN, CARD = "email", "phone", "iban", "card"

_LOCAL_CHARS, _DOMAIN_CHARS = 64, 255
_MOST_PHONE_CANDIDATES = 5000
"""Judging one takes some 80 µs; a table of numbers has any number of them, and what it is shows in the first ones."""
_RESERVED = (".example", ".test", ".invalid", ".localhost", ".local", "example.com", "example.org", "example.net")
_FILES = frozenset({"png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "css", "js", "json", "html", "md", "py", "pdf"})
_EXAMPLE_CARDS = frozenset(
    """
    4111111111111111 4242424242424242 4012888888881881 4000056655665556 4222222222222 5555555555554444 5105105105105100
    2223003122003222 5200828282828210 378282246310005 371449635398431 378734493671000 6011111111111117 6011000990139424
    30569309025904 38520000023237 3056930009020004 3530111333300000 3566002020360505 6200000000000005 4000000000000002
    4917610000000000 4444333322221111 4988438843884305 5454545454545454 4000000000009995 4532015112830366
    """.split()  # noqa: SIM905 -- a list of words
)
_EXAMPLE_IBANS = frozenset(
    """
    GB29NWBK60161331926819 GB82WEST12345698765432 GB33BUKB20201555555555 DE89370400440532013000 DE75512108001245126199
    DE91100000000123456789 FR1420041010050500013M02606 FR7630006000011234567890189 NL91ABNA0417164300
    ES9121000418450200051332 IT60X0542811101000000123456 CH9300762011623852957 CH5604835012345678009
    AT611904300234573201 BE68539007547034 BE71096123456769
    """.split()  # noqa: SIM905 -- a list of words
)


@dataclass(frozen=True)
class _Patterns:
    address: re.Pattern[str]
    line: re.Pattern[str]
    phone: re.Pattern[str]
    phone_word: re.Pattern[str]
    card: re.Pattern[str]
    card_shape: re.Pattern[str]
    iban: re.Pattern[str]


@lru_cache(maxsize=1)
def _patterns() -> _Patterns:
    return _Patterns(
        address=re.compile(
            rf"(?<![\w.+\-])\w(?:[\w.+'%\-]{{0,{_LOCAL_CHARS}}}\w)?@"
            r"((?:[^\W_](?:[\w\-]*[^\W_])?\.)+([^\W\d_]{2,24}))(?![\w@]|-\w)"
        ),
        line=re.compile(r"^(?:[^\n\d]*\d){7}[^\n]*$", re.M),
        phone=re.compile(
            r"(?<![\w.@#$€£/=&?\-])(?:\+\s?|\(\+?)?\d(?:[ \t\xa0().\-\u2010-\u2015/]{0,3}\d){6,16}(?![\w@%]|[.,]\d|-\w)"
        ),
        phone_word=re.compile(
            r"(?:tel(?:e(?:phone|fon|foon|fax))?|t[ée]l(?:[ée]fono?)?|phone|mobile?|cell|fax|call(?:ing)?|dial|hotline|sms|whatsapp|handy|rufnummer)\b[^\w\n]{0,4}(?:\w+[^\w\n]{1,3}){0,3}$",
            re.I,
        ),
        card=re.compile(r"(?<![\w.\-])\d(?:[ \-]?\d){12,18}(?![\w\-]|\.\d)"),
        card_shape=re.compile(r"\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{1,4}(?:\1\d{1,3})?|\d{4}([ -])\d{6}\2\d{4,5}"),
        iban=re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ \xa0\-]?[A-Z0-9]){11,40}(?![a-z])"),
    )


def find_personal_data(text: str, regions: Sequence[str] = ("US",)) -> list[Finding]:
    """Finds personal data of all kinds, in the order of the text; no two findings overlap.

    Args:
        regions: countries (ISO 3166, two letters) whose phone numbers are known without their country code.
    """
    found = find_emails(text)
    masked = mask_addresses(text)
    budget = iter(range(_MOST_PHONE_CANDIDATES))
    for line in _patterns().line.finditer(masked):
        start, end = line.span()
        numbers = [*_ibans(masked, start, end), *_cards(masked, start, end), *find_identity_numbers(masked, start, end)]
        taken = [(number.start, number.end) for number in numbers]
        phones = (
            phone
            for phone in _phones(masked, start, end, regions, budget)
            if not any(phone.start < stop and begin < phone.end for begin, stop in taken)
        )
        found += [*numbers, *phones]
    return without_overlaps(found)


def find_emails(text: str) -> list[Finding]:
    """Finds e-mail addresses, but for those of domains that are reserved for examples, and `git@host:path`."""
    found = []
    at = text.find("@")
    while at >= 0:
        # From the sign outwards: looking for the local part first would try every word of the text.
        for match in _patterns().address.finditer(text, max(0, at - _LOCAL_CHARS - 1), at + _DOMAIN_CHARS):
            if match.start() < at < match.end():
                if _is_address(text, match):
                    found.append(Finding(*match.span(), EMAIL))
                break
        at = text.find("@", at + 1)
    return found


def _is_address(text: str, match: re.Match[str]) -> bool:
    domain, top = match[1].lower(), match[2].lower()
    if top in _FILES or domain.endswith(_RESERVED):
        return False
    rest = text[match.end() : match.end() + 2]
    return not (rest[:1] == ":" and rest[1:] and not rest[1:].isspace())


def find_phones(text: str, regions: Sequence[str] = ("US",)) -> list[Finding]:
    """Finds phone numbers that exist in the regions, or anywhere when written with a country code.

    A run of digits without any separator is one only after a word that says so.
    """
    masked = mask_addresses(text)
    budget = iter(range(_MOST_PHONE_CANDIDATES))
    lines = (line.span() for line in _patterns().line.finditer(masked))
    return [finding for start, end in lines for finding in _phones(masked, start, end, regions, budget)]


def _phones(text: str, start: int, end: int, regions: Sequence[str], budget: Iterator[int]) -> Iterator[Finding]:
    for match in _patterns().phone.finditer(text, start, end):
        candidate = match[0]
        if candidate.isdigit() and not _patterns().phone_word.search(
            text, max(start, match.start() - 40), match.start()
        ):
            continue
        if next(budget, None) is None:
            return
        if _is_phone(candidate, regions):
            yield Finding(*match.span(), PHONE)


def _is_phone(candidate: str, regions: Sequence[str]) -> bool:
    import phonenumbers

    for region in (None,) if candidate.lstrip("( ").startswith("+") else regions:
        matcher = phonenumbers.PhoneNumberMatcher(
            candidate, region, leniency=phonenumbers.Leniency.STRICT_GROUPING, max_tries=3
        )
        if any(found.end - found.start >= len(candidate) - 2 for found in matcher):
            return True
    return False


def find_cards(text: str) -> list[Finding]:
    """Finds payment card numbers: of an issuer's range and length, grouped as on cards, with a right Luhn digit."""
    masked = mask_addresses(text)
    return list(_cards(masked, 0, len(masked)))


def _cards(text: str, start: int, end: int) -> Iterator[Finding]:
    from stdnum import luhn

    for match in _patterns().card.finditer(text, start, end):
        digits = re.sub(r"\D", "", match[0])
        if not _patterns().card_shape.fullmatch(match[0]) or not _is_issued(digits):
            continue
        if digits not in _EXAMPLE_CARDS and len(set(digits)) > 2 and luhn.is_valid(digits):
            yield Finding(*match.span(), CARD)


def _is_issued(digits: str) -> bool:
    """Whether a card network issues numbers of this beginning and length."""
    size, two, three, four = len(digits), int(digits[:2]), int(digits[:3]), int(digits[:4])
    if size == 16:
        master = 51 <= two <= 55 or 2221 <= four <= 2720
        return (
            digits[0] == "4" or master or two in (62, 65) or four == 6011 or 644 <= three <= 649 or 3528 <= four <= 3589
        )
    if size == 15:
        return two in (34, 37)
    if size == 14:
        return 300 <= three <= 305 or two in (36, 38)
    return size == 19 and two == 62


def find_ibans(text: str) -> list[Finding]:
    """Finds bank account numbers (IBAN) of the length and shape of their country, with a right checksum."""
    masked = mask_addresses(text)
    return list(_ibans(masked, 0, len(masked)))


def _ibans(text: str, start: int, end: int) -> Iterator[Finding]:
    from stdnum import iban

    for match in _patterns().iban.finditer(text, start, end):
        pieces = [piece.end() for piece in re.finditer(r"[A-Z0-9]+", match[0])]
        # A word in capitals may follow the number: the longest beginning that is one counts.
        for stop in reversed(pieces):
            compact = re.sub(r"[^A-Z0-9]", "", match[0][:stop])
            if len(compact) < 15:
                break
            if iban.is_valid(compact, check_country=False):
                if compact not in _EXAMPLE_IBANS:
                    yield Finding(match.start(), match.start() + stop, IBAN)
                break
