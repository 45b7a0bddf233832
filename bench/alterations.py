"""What `support.py` does to a sentence that was true: one thing is changed, in one of several forms.

Nothing here is taken from Freshet, so that an alteration does not know how it is found.
"""

from __future__ import annotations

import calendar
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Alter = Callable[["Chosen", random.Random], list[str]]


@dataclass(frozen=True)
class Chosen:
    """A sentence, the passage that it stands in, and names and clauses of the corpus's other passages."""

    sentence: str
    passage: str
    names: Sequence[str]
    clauses: Sequence[str]


NUMBER = re.compile(r"(?<![\w.,/\-\\#=?&])\d+(?:[.,]\d+)*(?![\w/\-\\]|[.,:]\d)")
NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}(?: [A-Z][a-z]{2,})*\b")
MONTHS = list(calendar.month_name)[1:]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
UNITS = (
    ("second", "minute", "hour", "day", "week", "month", "year", "decade"), ("KB", "MB", "GB", "TB"),
    ("kilometers", "miles", "meters", "feet"), ("km", "mi", "m"), ("million", "billion", "thousand"),
    ("dollars", "euros", "pounds"), ("percent", "per mille"), ("bytes", "bits"), ("acres", "hectares"),
    ("kilograms", "pounds", "grams"),
)  # fmt: skip
_NUMBERED = r"\b(?:\d[\d,.]*|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|thirty)[ -]?"
_HELPER = r"\b(is|are|was|were|can|could|must|should|will|would|may|has|have|had)\b (?!not\b|no\b|never\b|only\b)"
_VERBS = [
    "require",
    "contain",
    "include",
    "provide",
    "support",
    "return",
    "use",
    "allow",
    "need",
    "apply",
    "create",
    "make",
    "show",
    "begin",
    "occur",
    "remain",
]
_IMPERATIVE = re.compile(
    r"^(Use|Choose|Create|Open|Add|Send|Make|Ask|Include|Select|Enter|Run|Check|Specify|Remember)\b"
)


def _at(found: re.Match[str], sentence: str, new: str) -> str:
    return sentence[: found.start()] + new + sentence[found.end() :]


def _replaced(sentence: str, pattern: str, new: str) -> list[str]:
    found = re.search(pattern, sentence)
    return [_at(found, sentence, found.expand(new))] if found else []


def number(chosen: Chosen, chance: random.Random) -> list[str]:
    """Changes a digit, moves the point by one, or takes another number of the passage."""
    made = []
    others = sorted(set(NUMBER.findall(chosen.passage)))
    for found in NUMBER.finditer(chosen.sentence):
        old = found.group()
        place = chance.choice([at for at, char in enumerate(old) if char.isdigit()])
        digit = chance.choice([one for one in "123456789" if one != old[place]])
        made.append(_at(found, chosen.sentence, old[:place] + digit + old[place + 1 :]))
        if "," not in old and "." not in old:
            made.append(_at(found, chosen.sentence, old[:-1] if old.endswith("0") and len(old) > 1 else f"{old}0"))
        if rest := [one for one in others if one.replace(",", "") != old.replace(",", "")]:
            made.append(_at(found, chosen.sentence, chance.choice(rest)))
    for word, other in (
        ("two", "three"),
        ("three", "five"),
        ("four", "two"),
        ("five", "nine"),
        ("six", "4"),
        ("ten", "12"),
    ):
        made += _replaced(chosen.sentence, rf"\b{word}\b", other)
    return made


def unit(chosen: Chosen, chance: random.Random) -> list[str]:
    """Puts another unit of its kind behind a number, or another currency before it."""
    made = []
    for kind in UNITS:
        for word in kind:
            other = chance.choice([one for one in kind if one != word])
            made += _replaced(chosen.sentence, rf"({_NUMBERED}){word}(?=s?\b)", rf"\g<1>{other}")
    made += _replaced(chosen.sentence, r"\$(?=\d)", "€") + _replaced(chosen.sentence, r"£(?=\d)", "$")
    return made + _replaced(chosen.sentence, r"(?<=\d) ?%", " euros")


def date(chosen: Chosen, chance: random.Random) -> list[str]:
    """Names another month, weekday, year or day."""
    made = []
    sentence = chosen.sentence
    for names in (MONTHS, DAYS):
        for found in re.finditer(rf"(?<! to )\b(?:{'|'.join(names)})\b(?= \d|,|\.| of| and| through|$)", sentence):
            made.append(_at(found, sentence, chance.choice([one for one in names if one != found.group()])))
    for found in re.finditer(r"(?<![\d,.$€£/-])(?:1\d|20)\d\d(?![\d,%/-]|\.\d)", sentence):
        made.append(_at(found, sentence, str(int(found.group()) + chance.choice([-30, -10, -2, -1, 1, 2, 10, 30]))))
    months = "|".join(MONTHS)
    for found in re.finditer(rf"\b({months}) (\d{{1,2}})\b", sentence):
        made.append(_at(found, sentence, f"{found[1]} {int(found[2]) % 28 + 1}"))
    for found in re.finditer(rf"\b(\d{{1,2}}) ({months})\b", sentence):
        made.append(_at(found, sentence, f"{int(found[1]) % 28 + 1} {found[2]}"))
    return made


def name(chosen: Chosen, chance: random.Random) -> list[str]:
    """Puts another name of the corpus in the place of one."""
    made = []
    for found in NAME.finditer(chosen.sentence):
        words = set(found.group().split())
        if found.group() in (*MONTHS, *DAYS):
            continue
        other = chance.choice(chosen.names)
        if not words & set(other.split()):
            made.append(_at(found, chosen.sentence, other))
    return made


def deny(chosen: Chosen, chance: random.Random) -> list[str]:
    """Puts in a denial at the verb, or one that stands for a word: never, without, no, un-."""
    sentence = chosen.sentence
    made = _replaced(sentence, _HELPER, r"\1 not ") + _replaced(sentence, _HELPER, r"\1 never ")
    made += _replaced(sentence, r"\b(is|are|was|were|should|could|would) (?!not\b|no\b|never\b)", r"\1n't ")
    made += _replaced(sentence, r"\bcan\b(?! not)", "cannot") + _replaced(sentence, r"\b[Aa]lways\b", "never")
    made += _replaced(sentence, r" with (?=[a-z])", " without ")
    made += _replaced(sentence, r"\b([Tt]here (?:is|are)) (?:a |an )?(?!no\b|not\b)", r"\1 no ")
    for verb in _VERBS:
        made += _replaced(sentence, rf"(?<=\w )\b{verb}s\b (?!no\b)", f"does not {verb} ")
    made += _replaced(sentence, r"\b(you|they|we|who) (?=(?:use|need|want|have|make|create|work)\b)", r"\1 do not ")
    for word in ("available", "able", "necessary", "likely", "limited", "common", "usual", "clear"):
        made += _replaced(sentence, rf"(?<= ){word}\b", f"un{word}")
    found = _IMPERATIVE.match(sentence)
    return made + ([_at(found, sentence, f"Do not {found.group().lower()}")] if found else [])


def affirm(chosen: Chosen, chance: random.Random) -> list[str]:
    """Takes a denial out, or puts its opposite in its place."""
    sentence = chosen.sentence
    made = _replaced(sentence, r"\b(do|does|did) not ", "")
    made += _replaced(sentence, r"\b(is|are|was|were|can|could|must|should|will|may|has|have) not (?!only)", r"\1 ")
    made += _replaced(sentence, r"\b(do|does|did)n['’]t ", "")
    made += _replaced(sentence, r"\b(is|are|was|were|could|should|would|has|have)n['’]t ", r"\1 ")
    made += _replaced(sentence, r"\b(?:can['’]t|cannot)\b", "can") + _replaced(sentence, r"\bnever\b", "always")
    made += _replaced(sentence, r" never\b", "") + _replaced(sentence, r"(?<=[a-z]) no (?=[a-z])(?!longer|more)", " ")
    made += _replaced(sentence, r"\bwithout\b", "with") + _replaced(sentence, r"^No (?=[a-z])", "All ")
    for word in ("available", "able", "necessary", "likely", "limited", "common", "clear"):
        made += _replaced(sentence, rf"\bun{word}\b", word)
    return made


def quote(chosen: Chosen, chance: random.Random) -> list[str]:
    """Changes a word of what is quoted, leaves one out, or quotes words that do not stand so."""
    made = []
    words = [word for word in re.findall(r"[a-z]{5,}", chosen.passage) if word not in chosen.sentence]
    for found in re.finditer(r"[\"“]([^\"“”\n]{8,200})[\"”]", chosen.sentence):
        inner = found[1].split(" ")
        if len(inner) > 2 and words:
            at = chance.randrange(1, len(inner) - 1)
            changed = [*inner[:at], chance.choice(words), *inner[at + 1 :]]
            left_out = inner[:at] + inner[at + 1 :]
            made += [_at(found, chosen.sentence, f'"{" ".join(one)}"') for one in (changed, left_out)]
    plain = [*re.finditer(r"(?<= )[a-z]{3,}(?: [a-z]{3,}){3,5}(?= )", chosen.sentence)]
    if plain and words and '"' not in chosen.sentence:
        found = chance.choice(plain)
        inner = found.group().split(" ")
        changed = [*inner[:2], chance.choice(words), *inner[3:]]
        turned = [inner[1], inner[0], *inner[2:]]
        made += [_at(found, chosen.sentence, f"“{' '.join(one)}”") for one in (changed, turned) if one != inner]
    return made


INVENTED = (
    "and visitors receive a voucher at the entrance", "because the council had voted for it unanimously",
    "although most experts consider this outdated", "which caused heavy protests among farmers",
    "and the remaining budget goes to charity", "so everybody should bring a warm jacket",
    "while the competitors charge twice as much", "and this has been confirmed by independent auditors",
)  # fmt: skip


def invent(chosen: Chosen, chance: random.Random) -> list[str]:
    """Adds a clause: an invented one, or one of another document of the corpus."""
    end = chosen.sentence[-1]
    body = chosen.sentence[:-1]
    made = [f"{body}, {chance.choice(INVENTED)}{end}", f"{body} {chance.choice(INVENTED)}{end}"]
    clause = chance.choice(chosen.clauses)
    joint = chance.choice([", and ", "; ", " because ", ", while "])
    lead = INVENTED[chance.randrange(len(INVENTED))].partition(" ")[2]
    return [*made, f"{body}{joint}{clause}{end}", f"{lead[0].upper()}{lead[1:]}, and {body[0].lower()}{body[1:]}{end}"]


ALTERATIONS: dict[str, Alter] = {
    "number": number, "unit": unit, "date": date, "name": name, "negation put in": deny, "negation taken out": affirm,
    "quote": quote, "invented clause": invent,
}  # fmt: skip


def with_roles_swapped(sentence: str) -> str | None:
    """Swaps two names of a sentence; None where there are not two."""
    names = [*re.finditer(r"\b(?!The\b|In\b|On\b|If\b|It\b)[A-Z][a-z]{2,}(?: [A-Z][a-z]{2,})*\b", sentence)]
    if len(names) < 2 or names[0].group() == names[1].group():
        return None
    one, two = names[:2]
    return (
        sentence[: one.start()] + two.group() + sentence[one.end() : two.start()] + one.group() + sentence[two.end() :]
    )
