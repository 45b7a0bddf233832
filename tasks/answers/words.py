"""What a question asks with: its words and what each weighs, and the kind of answer that it wants.

Nothing here knows a corpus: a word's weight comes from the word itself and from the passages that whoever asks may see.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from freshet.tasks.text.normalise import tokens

_LITTLE = """
a about above after all also am an and any are as at be been before being both but by can could did do does doing for
from get gets give given had has have having he her here him his how i if in into is it its just kind know like made
make instead having taking making giving getting going being using may me might more most must my need no not now of
off on one only or other our out over own people please same shall she should so some such take tell than that the
their them then there these they this those to too under until up us use used using very was way we were what when
where whether which while who whom whose why will with would you your aber alle als auch auf aus bei bin bis da das
dass dem den der des die dies diese dieser doch du durch ein eine einem einen einer eines er es fur haben hat hatte
ich ihr ihre im ist ja kann kein keine konnen man mehr mein mir mit mussen nach nicht noch nur oder sein seine sich
sie sind uber um und uns unter vom von vor wann war waren warum weil welche welchem welchen welcher welches wenn wer
werden wie wieviel wieviele wird wo wurde zu zum zur au aux avec ce ces cette comment dans de elle en est et il ils je
la le les leur lui mais mon nous ou par pas pour qu que quel quelle quelles quels qui sa se ses son sont sur un une
vous al como con cual cuando del donde el ella esta este las lo los mas mi o para pero por porque quien si sin sobre
su sus una y che chi come dal dei della di dove e gli ho nel non per quale quando sono many
"""
_STOP = frozenset(_LITTLE.split())
"""Words that say little in English, German, French, Spanish and Italian, without accents."""

_GERMAN = frozenset(
    ("der", "die", "das", "den", "dem", "wie", "wann", "wer", "welche", "welcher", "welches", "wird", "im")
)

_NUMBERS = {
    word: str(number)
    for words in (
        "zero one two three four five six seven eight nine ten eleven twelve",
        "null eins zwei drei vier funf sechs sieben acht neun zehn elf zwolf",
    )
    for number, word in enumerate(words.split())
} | {"twenty": "20", "thirty": "30", "fifty": "50", "hundred": "100", "thousand": "1000"}

_WIDE = re.compile(r"[぀-ヿ㐀-鿿豈-﫿가-힯]")
_ENDINGS = (
    "ational", "ments", "ations", "ation", "ingly", "ment", "ings", "ions", "ies", "ied", "ing", "ion",
    "ers", "ed", "es", "en", "er", "ly", "e", "s", "y", "n",
)  # fmt: skip
_LEAST_STEM = 4

_QUANTITY = re.compile(
    r"\bhow (?:many|much|long|often|soon|far|fast|high|early|late|old|large|big|deep|quickly|wide|tall|heavy)\b"
    r"|\b(?:what|which) (?:percentage|share|amount|number|price|rate|limit|temperature|threshold|maximum|minimum)\b"
    r"|\bwie ?(?:viele?n?|lange?|oft|hoch|weit|schnell|gross|groß|alt)\b|\bcombien\b|\bcu[aá]nt[oa]s?\b|\bquant[oaie]\b"
    r"|多少|几个|几天|いくら|いくつ|何日|何人|몇"
)
_MOMENT = re.compile(
    r"\bwhen\b|\b(?:what|which) (?:years?|dates?|days?|months?|time|hours?|century|decade)\b"
    r"|\bwann\b|\bquand\b|\bcu[aá]ndo\b|\bquando\b|什么时候|何时|いつ|언제"
)
_PERSON = re.compile(r"\b(?:who|whom|whose)\b|\bwer\b|\bwem\b|\bqui[eé]n\b|\bchi\b|谁|誰|누가|누구")
_HAS_NUMBER = re.compile(
    r"\d|[一二三四五六七八九十百千万]|\b(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty"
    r"|fifty|sixty|ninety|hundreds?|thousands?|millions?|billions?|dozens?|half|quarter|thirds?|once|twice|every|each|daily"
    r"|weekly|monthly|yearly|annually|quarterly|several|no|none|never|always|unlimited|at once|immediately|ein|eine"
    r"|einen|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|elf|zwölf|hundert|tausend|täglich|wöchentlich|monatlich|jährlich|deux"
    r"|trois|quatre|cinq|dos|tres|cuatro|cinco)\b"
)
_HAS_MOMENT = re.compile(
    r"\d|[年月日]|\b(?:january|february|march|april|may|june|july|august|september|october|november|december|monday|tuesday"
    r"|wednesday|thursday|friday|saturday|sunday|januar|februar|märz|mai|juni|juli|oktober|dezember|montag|dienstag|mittwoch"
    r"|donnerstag|freitag|samstag|sonntag|century|centuries|year|years|month|week|day|days|morning|evening|night|noon|spring|summer"
    r"|autumn|winter|jahrhundert|jahr|monat|woche|tag|when|if|where|once|until|before|after|during|while|unless|only|always|never"
    r"|at once|immediately|as soon as|wenn|bevor|nachdem|sobald|bis)\b"
)
_NAMED = re.compile(r"(?<=\S )[A-ZÀ-ÖØ-Þ]|[@\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\b(?:each|every|all|any)")


@dataclass(frozen=True)
class Word:
    """A word of a question that says something.

    Attributes:
        stem: what is looked for.
        weight: above 0, by its length, and more for one that is written as names and identifiers are.
        is_name: whether it is written as names and identifiers are. In German, where all nouns are capitalised, that
            takes a digit or several capitals.
    """

    stem: str
    weight: float
    is_name: bool = False


def words_of(question: str) -> list[Word]:
    """Returns the words of a question that say something, each stem once; all of them where none does."""
    found: dict[str, Word] = {}
    spare: dict[str, Word] = {}
    plain = unicodedata.normalize("NFKC", question)
    is_german = not _GERMAN.isdisjoint(tokens(plain))
    end = 0
    for place in re.finditer(r"\w+", plain):
        written = place.group()
        begins = not end or any(mark in ".!?" for mark in plain[end : place.start()])
        end = place.end()
        is_acronym = len(written) > 1 and written.isupper()
        for stem in stems(written):
            is_name = any(char.isdigit() for char in written) or (not begins and written[0].isupper())
            is_name = is_name or is_acronym
            sure = any(char.isdigit() for char in written) or sum(map(str.isupper, written)) > 1
            weight = min(1.5, 0.4 + len(stem) / 8) * (1.3 if is_name else 1.0)
            word = Word(stem, weight, sure if is_german else is_name)
            says_little = _plain(written) in _STOP and not is_acronym
            (spare if says_little else found).setdefault(stem, word)
    return list((found or spare).values())


def stems(text: str) -> Iterator[str]:
    """Yields the stems of a text's words in order; of scripts without blanks, every two neighbouring characters."""
    for token in (part for whole in tokens(text) for part in whole.split("_") if part):
        if _WIDE.search(token):
            yield from (token[at : at + 2] for at in range(max(1, len(token) - 1)))
        else:
            yield _stem(token)


def _plain(token: str) -> str:
    if token.isascii():
        return token.lower()
    return "".join(char for char in unicodedata.normalize("NFKD", token.casefold()) if not unicodedata.combining(char))


def _stem(token: str) -> str:
    token = _plain(token)
    if token in _NUMBERS:
        return _NUMBERS[token]
    if token[:-2].isdigit() and token[-2:] in {"st", "nd", "rd", "th"}:
        return token[:-2]
    for ending in _ENDINGS:
        if token.endswith(ending) and len(token) - len(ending) >= _LEAST_STEM:
            return token[: -len(ending)]
    return token[:-1] if len(token) == _LEAST_STEM and token.endswith("s") else token


def covered(words: Sequence[Word], weights: Sequence[float], among: Collection[str]) -> float:
    """Returns the share, by weight, of a question's words that are among the stems of a text."""
    total = sum(weights)
    return sum(w for word, w in zip(words, weights, strict=True) if word.stem in among) / total if total else 0.0


def answers_in_kind(question: str, text: str) -> bool:
    """Whether a text has the kind of answer that is asked for: a number, a time, or a name."""
    asked, said = question.casefold(), text.casefold()
    if _QUANTITY.search(asked):
        return bool(_HAS_NUMBER.search(said))
    if _MOMENT.search(asked):
        return bool(_HAS_MOMENT.search(said))
    return not _PERSON.search(asked) or bool(_NAMED.search(text))
