"""What a passage opens with, and whether two passages are written to be found for one question. Pure; reads no store.

Whoever wants a passage to be found for a question writes that question, or a paraphrase of it, in front of an answer:
as a title, as a heading, or as a first sentence (PoisonedRAG, Zou et al., USENIX Security 2025). One such passage is
what an honest page of questions and answers has too; several in documents of their own are not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

from freshet.tasks.text.normalise import tokens

METHOD = 1
"""Goes up when passages are read or compared otherwise, so that all are compared anew."""

LEAST_WORDS = 2
"""Words with meaning that two openings share at least: "Questions?" and "What next?" ask for nothing in particular."""

LEAST_WORDS_TOLD = 5
"""Words with meaning of an opening that does not ask: "Weekly meeting of the platform team" is the name of a form."""

QUESTIONS_OF_A_PAGE = 3
"""Lines that are questions, from which a document is a page of questions and answers: those are not its opening."""

LEADS = 3
_LONGEST = 40  # words of a sentence that people might type as a question
_READ = 1200  # characters of a passage in which its first sentences are looked for
_STEM = 6
_IDEOGRAPHS = 0x2E80  # the first code point of the scripts of East Asia, which write words without spaces

_ASKS = """
what who whom whose which when where why how is are was were do does did can could should will would has have had
was wer wen wem wessen welche welcher welches welchen wann wo wohin woher warum wieso weshalb wie
que qui quel quelle quels quelles quand où pourquoi comment combien
qué quién quiénes cuál cuáles cuándo dónde cómo cuánto cuánta cuántos cuántas
che chi quale quali quando dove perché come quanto quanti o quem qual quais onde porque quantos
wat welk welke wanneer waar waarom hoe hoeveel vad vem vilken vilka när var varför hur
"""
_ASKING = frozenset(_ASKS.split())
"""Words that a question begins with, in languages that have such words at the front."""

_SAYS_NOTHING = """
a an the of in on at to for from by with about as into and or if than then that this these those there here it its
be been being am done may might must shall i me my we us our you your he she his her they them their one any some
no not so just also please tell know say explain describe give s t re ve ll d m
der die das den dem des ein eine einen einem einer eines und oder im an am auf zu zum zur von vom mit für ist
sind waren wird werden kann können hat haben es er sie ich wir ihr man bei nach aus über
le la les l un une du de et ou à au aux en dans par pour sur avec est sont était ont il elle on nous vous
el los las unos unas y del al por para con son fue ser ha han se su lo
gli uno di e nel della dei delle da per sono ho hanno os um uma em na dos das com é são foi
het een van op te voor met door zijn heeft ett och att av på med är det som
"""
_HOLLOW = _ASKING | frozenset(_SAYS_NOTHING.split())
"""Words that say nothing about what is asked for."""

_END = re.compile(r"(?<=[.!?。！？؟…])['\"”’)\]*_]*\s+|\n+")
_MARKED = re.compile(r"[?？؟][\s'\"”’)\]*_]*$")
_NO_PROSE = re.compile(r"[{}<>|=]|https?://")
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")


@dataclass(frozen=True)
class Opening:
    """A sentence or title that a passage opens with.

    Attributes:
        text: as it stands there.
        asks: whether it reads as a question.
        words: stems of its words that carry meaning, hashed to 32 bits; sorted and distinct.
    """

    text: str
    asks: bool
    words: tuple[int, ...]


def openings(passages: Sequence[str], title: str | None) -> list[list[Opening]]:
    """Returns for each passage of a document what it opens with: what of its first sentences could be typed to ask.

    The first passage has the title as well. Of the others, questions count alone; and none of a page of questions and
    answers, of which only the title and the first sentence count.
    """
    lines = [line.strip() for passage in passages for line in passage.splitlines()]
    is_page = len({line for line in lines if line and _MARKED.search(line) and _fits(line)}) >= QUESTIONS_OF_A_PAGE
    found: list[list[Opening]] = []
    for number, passage in enumerate(passages):
        sentences = [part.strip() for part in _END.split(passage[:_READ]) if part and part.strip()][:LEADS]
        if is_page:
            sentences = sentences[: 0 if number else 1]
        leads = [_opening(one) for one in ([title] if title and not number else []) + sentences if _fits(one)]
        chosen = {one.words: one for one in reversed(leads) if one.asks or not number}
        least = {True: LEAST_WORDS, False: LEAST_WORDS_TOLD}
        found.append([one for one in reversed(chosen.values()) if len(one.words) >= least[one.asks]])
    return found


def _fits(sentence: str) -> bool:
    return len(sentence.split()) <= _LONGEST and not _NO_PROSE.search(sentence)


def _opening(sentence: str) -> Opening:
    return Opening(sentence, is_question(sentence), meaning(sentence))


def is_question(sentence: str) -> bool:
    """Whether a sentence reads as a question, or as one that is typed into a search field."""
    words = tokens(sentence)
    return bool(_MARKED.search(sentence)) or bool(words and words[0] in _ASKING)


def meaning(sentence: str) -> tuple[int, ...]:
    """Returns the stems of the words that carry meaning, hashed to 32 bits; sorted and distinct."""
    return tuple(sorted({crc32(stem.encode("utf-8", "surrogatepass")) for stem in _stems(sentence)}))


def _stems(sentence: str) -> Iterable[str]:
    """Words without those that say nothing, cut to their first letters; pairs of signs where no space parts words."""
    for word in tokens(sentence):
        if word in _HOLLOW:
            continue
        if ord(word[0]) >= _IDEOGRAPHS:
            yield from (word[at : at + 2] for at in range(max(len(word) - 1, 1)))
        else:
            yield word[:_STEM]


def are_apart(left: tuple[str, str], right: tuple[str, str]) -> bool:
    """Whether each of two openings has a name or number that nothing of the other passage mentions.

    So one form that is filled in for each country, product, month or version is told from one question asked again.

    Args:
        left, right: an opening and the passage that it opens.
    """
    return _has_name_of_its_own(left, right) and _has_name_of_its_own(right, left)


def _has_name_of_its_own(one: tuple[str, str], other: tuple[str, str]) -> bool:
    own = set(tokens(one[0])) - {*tokens(other[0]), *tokens(other[1])}
    numbers = set(_NUMBER.findall(one[0])) - {*_NUMBER.findall(other[0]), *_NUMBER.findall(other[1])}
    return bool(numbers) or bool(own & _names(*one))


@lru_cache(maxsize=256)
def _names(opening: str, text: str) -> frozenset[str]:
    """Words that stand with a capital within a sentence, and nowhere without."""
    large: set[str] = set()
    small: set[str] = set()
    for part in (opening, text):
        for sentence in _END.split(part):
            words = _WORD.findall(unicodedata.normalize("NFKC", sentence))
            small.update(word for word in words if word[:1].islower())
            large.update(word.casefold() for word in words[1:] if word[:1].isupper())
    return frozenset(large - small)


def overlap(left: Sequence[int], right: Sequence[int]) -> float:
    """Returns the share of the words of two openings that both have: shared words over the longer one's."""
    return len(set(left) & set(right)) / max(len(left), len(right), 1)
