"""Finds where a sentence says the opposite of its passages by a word of a pair: at least, at most; may, must."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, pairwise

from freshet.tasks.answers.support.coverage import covered
from freshet.tasks.answers.support.held import Held, held
from freshet.tasks.answers.support.quoting import supporting_span
from freshet.tasks.answers.support.tokenized import NUMBER, WORD, TokenizedText, read
from freshet.tasks.answers.support.vocabulary import CARDINALS, EMPTY, RESTRICTIONS
from freshet.tasks.text.borders import sentences
from freshet.tasks.text.stems import stem

ANYWHERE, BEFORE_THE_SAME, BY_THE_SAME = 0, 1, 2
"""Which opposites count: any; those before the same word of meaning; these, and those near the same number."""

PAIRS: tuple[tuple[int, str, str], ...] = (
    (
        BY_THE_SAME,
        "at least, minimum, or more, more than, longer than, above, over, no less than, not less than, no fewer than, "
        "mindestens, mehr als, über",
        "at most, maximum, or less, or fewer, less than, fewer than, shorter than, below, under, up to, no more than, "
        "not more than, no longer than, höchstens, maximal, weniger als, unter",
    ),
    (BY_THE_SAME, "earlier, earliest, frühestens, no earlier", "later, latest, spätestens, no later"),
    (BEFORE_THE_SAME, "before, vor", "after, nach"),
    (BEFORE_THE_SAME, "until, till, bis", "from, since, ab, seit"),
    (BEFORE_THE_SAME, "first, erste, ersten, erster", "last, letzte, letzten, letzter"),
    (BEFORE_THE_SAME, "always, immer", "never, rarely, seldom, sometimes, nie, niemals, selten, manchmal"),
    (BEFORE_THE_SAME, "never, nie, niemals", "sometimes, often, manchmal, oft"),
    (BEFORE_THE_SAME, "with, mit", "without, ohne"),
    (
        BEFORE_THE_SAME,
        "may, can, might, darf, dürfen, kann, können",
        "must, has to, have to, needs to, need to, shall, muss, müssen",
    ),
    (BY_THE_SAME, "open, geöffnet, offen", "closed, geschlossen"),
    (ANYWHERE, "optional, voluntary, freiwillig", "required, mandatory, compulsory, obligatory, verpflichtend"),
    (ANYWHERE, "allowed, permitted, erlaubt", "forbidden, prohibited, banned, verboten, untersagt"),
    (
        ANYWHERE,
        "include, includes, included, including, inklusive",
        "exclude, excludes, excluded, excluding, exklusive",
    ),
    (ANYWHERE, "oral, orally, verbal, verbally, mündlich", "written, writing, schriftlich"),
    (
        ANYWHERE,
        "increase, increases, increased, rise, rises, rose, steigt, stieg",
        "decrease, decreases, decreased, fall, falls, fell, sinkt, sank",
    ),
)
"""Opposites: which count, and the words of the one side and of the other. A phrase stands before its shorter ones."""

_MAY = frozenset({"can", "may", "might", "could", "allowed", "permitted", "kann", "können", "darf", "dürfen"})
_FORBIDDEN = frozenset(["forbidden", "prohibited", "banned", "verboten", "untersagt"])
_ALLOWED = (["allowed"], ["permitted"], ["erlaubt"], ["gestattet"])
_UNTIL = frozenset(["until", "till", "before", "bis", "bevor"])
_LEAST = 0.5
"""A passage's sentence must have this share of a sentence's words, for the two to be compared."""

_MOST = 64
_REACH = 4
_SAME = 3
"""Letters in which two forms of a verb agree: copy, copying."""

_AUXILIARY = frozenset({"may", "must", "can", "might", "shall", "darf", "dürfen", "muss", "müssen", "kann", "können"})

_Phrases = dict[str, list[tuple[tuple[str, ...], int, bool]]]


def _phrases() -> _Phrases:
    """Returns by its first word each phrase with its pair and whether it is of the first side; the longest first."""
    found: _Phrases = {}
    for pair, (_, one, other) in enumerate(PAIRS):
        for words, is_first in ((one, True), (other, False)):
            for phrase in words.split(", "):
                parts = tuple(phrase.split())
                found.setdefault(parts[0], []).append((parts, pair, is_first))
    return {word: sorted(entries, key=lambda entry: -len(entry[0])) for word, entries in found.items()}


_PHRASES = _phrases()


@dataclass(frozen=True, slots=True)
class Cue:
    """A phrase of a pair at the words from `start` to before `end`."""

    start: int
    end: int
    pair: int
    is_first: bool


def opposed(sentence: Held, passages: Sequence[Held]) -> int:
    """Returns how many sentences of a text say the opposite of what supports them best.

    Opposites and denials are counted together: what is forbidden is not allowed, so that two of them say the same.
    """
    text = sentence.raw
    parts = [text[start:end] for start, end in pairwise([0, *sentences(text), len(text)])]
    return sum(_is_opposed(Held(part, read(part)), passages) for part in parts)


def _is_opposed(said: Held, passages: Sequence[Held]) -> bool:
    cues = list(islice(_cues(said.reading), _MOST))
    verbs = set(_permitted(said.reading))
    if not verbs and not any(_has_opposite(cues, passage) for passage in passages):
        return False
    best = _best(said, passages)
    if best is None:
        return False
    there = list(islice(_cues(best.reading), _MOST))
    turned = [(one, other) for one in cues for other in there if _is_turned(said.reading, one, best.reading, other)]
    both = [
        {cue.pair for cue in some if cue.is_first} & {cue.pair for cue in some if not cue.is_first}
        for some in (cues, there)
    ]
    turned = [pair for pair in turned if pair[0].pair not in both[0] | both[1]]
    here = _denials(said.reading, [one for one, _ in turned])
    other = _denials(best.reading, [other for _, other in turned])
    if turned:
        return (len({one.pair for one, _ in turned}) + here + other) % 2 == 1
    return bool(verbs) and _is_prohibited(best.reading, verbs, here, other, said.reading)


def _has_opposite(cues: Sequence[Cue], passage: Held) -> bool:
    """Whether a passage has a word of the other side of a pair anywhere; the rest is not worth looking for without."""
    sides = _sides(passage.raw)
    return any((cue.pair, not cue.is_first) in sides for cue in cues)


@lru_cache(maxsize=256)
def _sides(text: str) -> frozenset[tuple[int, bool]]:
    return frozenset((cue.pair, cue.is_first) for cue in _cues(held(text).reading))


def _best(said: Held, passages: Sequence[Held]) -> Held | None:
    """Returns the sentences of the passages that support a sentence best, where they have enough of its words."""
    found: list[tuple[float, Held]] = []
    for passage in passages:
        start, end = supporting_span(said.raw, passage.raw)
        span = Held(passage.raw[start:end], read(passage.raw[start:end]))
        whole, _ = covered(said, [span])
        if whole.words >= _LEAST:
            found.append((whole.both, span))
    return max(found, key=lambda one: one[0])[1] if found else None


def _cues(reading: TokenizedText) -> Iterator[Cue]:
    words = reading.words
    taken = 0
    for at, word in enumerate(words):
        if at < taken:
            continue
        for parts, pair, is_first in _PHRASES.get(word, ()):
            end = at + len(parts)
            if tuple(words[at:end]) == parts and not _is_other_word(reading, at, end):
                yield Cue(at, end, pair, is_first)
                taken = end if len(parts) > 1 else taken


def _is_other_word(reading: TokenizedText, at: int, end: int) -> bool:
    """Whether it is the month of May, or a word that a denial behind it makes another one: may not, must not."""
    word = reading.words[at]
    if word == "may" and reading.is_capital[at] and (at or reading.kinds[end : end + 1] == [NUMBER]):
        return True
    return word in _AUXILIARY and end in reading.denials and reading.words[end] not in RESTRICTIONS


def _following(reading: TokenizedText, at: int) -> str | None:
    """Returns the next word of meaning, as a stem; a number as it is."""
    for here in range(at, min(at + _REACH, len(reading.words))):
        word = reading.words[here]
        if reading.kinds[here] == NUMBER:
            return word
        if reading.kinds[here] == WORD and word not in EMPTY and here not in reading.denials:
            return stem(word, 3)
    return None


def _is_turned(reading: TokenizedText, one: Cue, there: TokenizedText, other: Cue) -> bool:
    if one.pair != other.pair or one.is_first == other.is_first:
        return False
    which = PAIRS[one.pair][0]
    following = _following(reading, one.end)
    if which == ANYWHERE or (following is not None and following == _following(there, other.end)):
        return True
    return which == BY_THE_SAME and bool(_numbers(reading, one) & _numbers(there, other))


def _numbers(reading: TokenizedText, cue: Cue) -> set[str]:
    near = reading.words[max(0, cue.start - _REACH) : cue.end + _REACH]
    return {number for word in near if (number := CARDINALS.get(word, word)).isdecimal()}


def _denials(reading: TokenizedText, cues: Sequence[Cue]) -> int:
    """Returns how many words deny, without those of the opposites that are compared."""
    compared = {at for cue in cues for at in range(cue.start, cue.end)}
    return sum(at not in compared and reading.words[at] not in RESTRICTIONS for at in reading.denials)


def _permitted(reading: TokenizedText) -> Iterator[str]:
    """Yields what a sentence says may be done."""
    for at, word in enumerate(reading.words):
        if word in _MAY and at + 1 not in reading.denials and (at == 0 or at - 1 not in reading.denials):
            verb = _following(reading, at + 1)
            if verb is not None:
                yield verb


def _is_prohibited(there: TokenizedText, verbs: set[str], here: int, other: int, said: TokenizedText) -> bool:
    """Whether what may be done by a sentence may not be done by the passages, under the same conditions."""
    if verbs & set(_permitted(there)) or (_UNTIL & set(there.words)) - set(said.words):
        return False
    is_forbidden = bool(_FORBIDDEN & set(there.words))
    if is_forbidden or any(there.words[at + 1 : at + 2] in _ALLOWED for at in there.denials):
        is_named = any(word.startswith(verb[:_SAME]) for verb in verbs for word in there.stream)
        return is_named and (is_forbidden + here + other) % 2 == 1
    denied = {_following(there, at + 1) for at in there.denials if there.words[at] not in RESTRICTIONS}
    return bool(verbs & denied) and (here + other) % 2 == 1
