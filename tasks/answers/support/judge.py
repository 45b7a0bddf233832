"""Decides, without a language model, how far cited passages say what a sentence of an answer says.

A sentence that stands in a cited passage as it is, is supported. Of any other, numbers, dates, names, quotes and
denials are held against the passages one by one, also against what stands at the same place there, and its words and
word pairs are counted, clause by clause. What words cannot tell it does not find: who did what to whom ("A pays B",
"B pays A"), opposites that are not in the list of `opposites.py`, and what belongs to which column of a table. It knows
words of denial in English, German, French and Spanish, and opposites in English and German.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from freshet.expectations.rules import RULES, Rule
from freshet.tasks.answers.support.coverage import covered
from freshet.tasks.answers.support.findings import (
    unsupported_dates,
    unsupported_names,
    unsupported_numbers,
    unsupported_quotes,
)
from freshet.tasks.answers.support.held import Held, held
from freshet.tasks.answers.support.opposites import opposed
from freshet.tasks.answers.support.polarity import denied, is_cut_from_denial
from freshet.tasks.answers.support.rows import cut_off, misplaced
from freshet.tasks.answers.support.tokenized import read
from freshet.tasks.rules.verdicts import Verdict
from freshet.tasks.text.borders import sentences

_PLACES = 16
_PENALTY = 0.5
_BETTER = 0.1
"""By so much another passage must support a sentence better than those that it cites."""


@dataclass(frozen=True)
class Judgement:
    """What came of the check of one sentence.

    Attributes:
        score: from 0 to 1, how far the passages that it cites now say what it says.
        findings: what was found; their evidence names kinds and counts, never a word of a passage.
        cited: positions of the passages that it cites now.
    """

    score: float
    findings: tuple[Verdict, ...]
    cited: tuple[int, ...]


def judge(sentence: str, passages: Sequence[str], cited: Sequence[int], rules: Mapping[str, Rule] = RULES) -> Judgement:
    """Judges a sentence by the passages that it cites, and looks for a better one where those do not support it.

    Args:
        passages: the texts of all passages that the language model was given.
        cited: positions in `passages` of those that the sentence cites.
        rules: the rule book as tuned; a rule that is not in it finds nothing.
    """
    read_passages = [held(text) for text in passages]
    said = Held(sentence, read(sentence))
    if not said.reading.words:
        return Judgement(1.0, (), tuple(cited))
    own = _against(said, [read_passages[at] for at in cited], rules)
    if cited and not _is_blocked(own) and own[0] >= _PENALTY:
        return Judgement(*own, tuple(cited))
    others = [at for at in range(len(passages)) if at not in set(cited)]
    each = {at: _against(said, [read_passages[at]], rules) for at in others}
    supporting = [at for at in others if not _is_blocked(each[at]) and each[at][0] >= own[0] + _BETTER]
    if supporting and (_is_blocked(own) or not cited or max(each[at][0] for at in supporting) >= _PENALTY):
        best = max(supporting, key=lambda at: (each[at][0], passages[at], -at))
        code = "CITATION-ELSEWHERE" if cited else "CITATION-MISSING"
        score, findings = each[best]
        return Judgement(score, (*findings, *_verdict(code, rules)), (best,))
    if not cited and each:
        own = max(each.values(), key=lambda one: one[0])
    return Judgement(*own, tuple(cited))


Outcome = tuple[float, tuple[Verdict, ...]]


def _is_blocked(outcome: Outcome) -> bool:
    return any(finding.severity == "block" for finding in outcome[1])


def _verdict(code: str, rules: Mapping[str, Rule], **evidence: float) -> tuple[Verdict, ...]:
    return (Verdict(code, rules[code].severity, dict(evidence)),) if code in rules else ()


def _against(sentence: Held, passages: Sequence[Held], rules: Mapping[str, Rule]) -> Outcome:
    """Returns the score of a sentence, and what is found against it, by passages taken together."""
    stands, cut = _stands(sentence, passages)
    short = cut_off(sentence, passages)
    if stands and not short:
        return 1.0, ()
    numbers = unsupported_numbers(sentence, passages) or misplaced(sentence, passages) + short
    counts = {
        "NUMBER-UNSUPPORTED": ("numbers", numbers),
        "DATE-UNSUPPORTED": ("dates", unsupported_dates(sentence, passages)),
        "NAME-UNSUPPORTED": ("names", unsupported_names(sentence, passages)),
        "QUOTE-UNSUPPORTED": ("quotes", unsupported_quotes(sentence, passages)),
        "NEGATION-UNSUPPORTED": ("places", (denied(sentence, passages) or opposed(sentence, passages)) + cut),
    }
    whole, clauses = covered(sentence, passages)
    found = [code for code, (_, count) in counts.items() if count and code in rules]
    least = min(clauses, key=lambda one: one.words)
    score = (whole.words + whole.pairs + least.words) / 3 * _PENALTY ** len(found)
    findings = [one for code in found for one in _verdict(code, rules, **dict([counts[code]]))]
    words = rules.get("WORDS-UNSUPPORTED")
    unjudged = rules.get("SUPPORT-UNJUDGED")
    if words is not None and words.threshold is not None and least.words < words.threshold:
        share = round(least.words, 2)
        findings += _verdict("WORDS-UNSUPPORTED", rules, words=least.count, share=share, least=words.threshold)
    elif not findings and unjudged is not None and unjudged.threshold is not None and score < unjudged.threshold:
        findings += _verdict("SUPPORT-UNJUDGED", rules, score=round(score, 2), least=unjudged.threshold)
    return score, tuple(findings)


def _stands(sentence: Held, passages: Sequence[Held]) -> tuple[bool, bool]:
    """Returns whether each sentence stands in a passage as it is, and whether one does whose denial was cut off."""
    text = sentence.raw
    borders = [0, *sentences(text), len(text)]
    parts = [text[start:end] for start, end in pairwise(borders)]
    readings = [Held(part, read(part)) for part in parts] if len(parts) > 1 else [sentence]
    states = [_place(one, passages) for one in readings if one.reading.words]
    return all(state == "stands" for state in states), "cut" in states


def _place(sentence: Held, passages: Sequence[Held]) -> str:
    wanted = sentence.reading.joined
    cut = False
    for passage in passages:
        joined = passage.reading.joined
        at = joined.find(wanted)
        for _ in range(_PLACES):
            if at < 0:
                break
            if not is_cut_from_denial(passage.reading, joined.count(" ", 0, at)):
                return "stands"
            cut = True
            at = joined.find(wanted, at + 1)
    if any(sentence.raw_words in passage.raw_words for passage in passages) and not cut:
        return "stands"
    return "cut" if cut else "none"
