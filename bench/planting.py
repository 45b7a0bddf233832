"""Makes documents with a planted defect out of honest texts, the same on every run."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

_SENTENCES = """
The travel desk books every journey that is longer than a day. Managers approve requests within three working days.
Receipts are kept for seven years and sent to the finance team. New colleagues meet their buddy on the first morning.
Laptops are returned to the service desk when somebody leaves. A meeting without an agenda may be declined by anyone.
Security training is repeated once a year by everybody. The kitchen on the second floor is cleaned every Friday.
Leave is requested in the calendar and confirmed by the team lead. Contracts above the limit need two signatures.
Interview notes are deleted after six months. The library lends books for four weeks and renews them twice.
Visitors register at the front desk and wear a badge. Questions about pay are answered by the people team.
Software is bought through the catalogue unless it is free. Teams publish what they learned after every project.
"""


@dataclass
class Planted:
    """A document to write.

    Attributes:
        text: the text of its file, after the front matter.
        suffix: the suffix of its file.
        front: its front matter.
        changed: attributes of the checked `Subject` that are other than usual; `cover` is the share of the text that
            the chunks cover.
    """

    text: str
    suffix: str = "md"
    front: dict[str, str] = field(default_factory=dict)
    changed: dict[str, Any] = field(default_factory=dict)


Form = Callable[[random.Random, str], Planted]
"""Makes a document out of an honest text."""


def prose(chosen: random.Random, sentences: int = 12) -> str:
    """Returns an honest text of three sentences a paragraph."""
    lines = [s.strip() + "." for line in _SENTENCES.strip().splitlines() for s in line.split(". ")]
    picked = [line.rstrip(".") + "." for line in chosen.choices(lines, k=sentences)]
    return "\n\n".join(" ".join(picked[at : at + 3]) for at in range(0, sentences, 3))


def within(chosen: random.Random, text: str, piece: str) -> str:
    """Returns the text with a piece between two of its words."""
    words = text.split(" ")
    at = chosen.randrange(1, len(words))
    return " ".join([*words[:at], piece, *words[at:]])


def stated(name: str, *values: str) -> Form:
    """Returns a form that states one of the values in the front matter."""
    return lambda chosen, text: Planted(text, front={name: chosen.choice(values)})


def inserted(*pieces: str) -> Form:
    """Returns a form that puts one of the pieces between two words."""
    return lambda chosen, text: Planted(within(chosen, text, chosen.choice(pieces)))


def whole(make: Callable[[random.Random, str], str]) -> Form:
    """Returns a form that makes the whole text anew."""
    return lambda chosen, text: Planted(make(chosen, text))


def page(*pieces: str) -> Form:
    """Returns a form that makes an HTML page with one of the pieces between two paragraphs."""

    def form(chosen: random.Random, text: str) -> Planted:
        paragraphs = [f"<p>{paragraph}</p>" for paragraph in text.split("\n\n")]
        paragraphs.insert(chosen.randrange(len(paragraphs) + 1), chosen.choice(pieces))
        return Planted(f"<html><body><h1>Rules</h1>{''.join(paragraphs)}</body></html>", "html")

    return form


def known(**changed: Any) -> Form:
    """Returns a form that leaves the text as it is, and changes what is known of the document beside its bytes."""
    return lambda _, text: Planted(text, changed=changed)


def card(chosen: random.Random) -> str:
    """Returns the number of a payment card, with a valid check digit."""
    from stdnum import luhn

    body = chosen.choice(["4539", "5425", "6011"]) + "".join(chosen.choices("0123456789", k=11))
    number = body + luhn.calc_check_digit(body)
    return chosen.choice([number, " ".join(number[at : at + 4] for at in range(0, 16, 4))])


def account(chosen: random.Random) -> str:
    """Returns a German IBAN, with valid check digits."""
    bank = "".join(chosen.choices("0123456789", k=18))
    number = f"DE{98 - int(bank + '131400') % 97:02}{bank}"
    return chosen.choice([number, " ".join(number[at : at + 4] for at in range(0, 22, 4))])


def token(chosen: random.Random, letters: int) -> str:
    """Returns random letters and digits, as secrets have them."""
    return "".join(chosen.choices("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=letters))


def any_of(make: Callable[[random.Random], str], sentence: str = "{}") -> Form:
    """Returns a form that puts what `make` returns, within a sentence, between two words."""
    return lambda chosen, text: Planted(within(chosen, text, sentence.format(make(chosen))))


def misread(chosen: random.Random, text: str) -> str:
    """Returns the text with German letters in it, decoded with a wrong encoding."""
    german = text.replace("u", "ü").replace("desk", "Büro – „Straße“") + " Grüße aus Köln, schöne Tage für alle."
    return german.encode().decode(chosen.choice(["cp1252", "latin-1", "cp437"]), errors="replace")


def navigation(chosen: random.Random, text: str) -> str:
    """Returns a text that is nearly all menus and links."""
    parts = [
        "Skip to main content",
        "Menu",
        "Sign in",
        "Search",
        "Accept all cookies",
        "Subscribe to our newsletter",
        "Share on Facebook",
        "Privacy policy",
        "Terms of use",
        "Home › Products › Contact",
        "© 2025 ACME Inc. All rights reserved.",
        "Read more",
        "Follow us on LinkedIn",
    ]
    chosen.shuffle(parts)
    return "\n\n".join([*parts, *parts, text.split(".", maxsplit=1)[0] + "."])


def debris(chosen: random.Random, text: str) -> str:
    """Returns a text that is nearly all empty cells of a table."""
    rows = "\n".join("| " + " | ".join(["", "", "", chosen.choice(["", "–", "·"])] * 3) + " |" for _ in range(40))
    head = f"| a | b | c | d | e | f | g | h | i | j | k | l |\n|{'---|' * 12}"
    return f"{text.split('.', maxsplit=1)[0]}.\n\n{head}\n{rows}"
