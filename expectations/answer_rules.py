"""The rule book's part on answers: what is held against a sentence before anybody reads it.

A sentence with a finding of severity `block` is left out of the answer; `warn` lets it in, marked.
"""

from __future__ import annotations

from freshet.expectations.rule import Rule

_READ = "Read the cited passage; a better model, or a passage that says it in a sentence, helps."

ANSWER_RULES: tuple[Rule, ...] = (
    Rule(
        "NUMBER-UNSUPPORTED",
        "block",
        "The sentence has a number, or one with its unit, that the cited passages do not have, or not at that place.",
        _READ,
    ),
    Rule(
        "DATE-UNSUPPORTED",
        "block",
        "The sentence has a date, weekday or time of day that the cited passages do not have, or not at that place.",
        _READ,
    ),
    Rule(
        "NAME-UNSUPPORTED",
        "block",
        "The sentence has a name, identifier or address that the cited passages do not have, or not at that place.",
        _READ,
    ),
    Rule(
        "QUOTE-UNSUPPORTED",
        "block",
        "The sentence quotes words that do not stand so in the cited passages.",
        _READ,
    ),
    Rule(
        "NEGATION-UNSUPPORTED",
        "block",
        "The sentence denies what the cited passages say, says what they deny, or the opposite (at most, at least).",
        _READ,
    ),
    Rule(
        "WORDS-UNSUPPORTED",
        "block",
        "Too many words of a clause of the sentence are not in the cited passages; the threshold is the least share.",
        _READ,
        threshold=0.5,
    ),
    Rule(
        "SUPPORT-UNJUDGED",
        "warn",
        "The sentence shares so few words and word pairs with the cited passages, by a score below the threshold, that "
        "words alone cannot tell whether they say it.",
        "Compare it with the cited passages before you rely on it.",
        threshold=0.5,
    ),
    Rule(
        "CITATION-ELSEWHERE",
        "warn",
        "The sentence is not in the passages that it cited but in another one, which it cites now.",
        "Nothing; a language model that cites wrongly often is better replaced.",
    ),
    Rule(
        "CITATION-MISSING",
        "warn",
        "The sentence cited nothing; it cites the passage that says it now, and is left out where none does.",
        "Nothing; a language model that forgets to cite is better replaced, or told so in the prompt.",
    ),
    Rule(
        "CITATION-UNKNOWN",
        "warn",
        "The sentence cited something that is none of the passages, which was taken out.",
        "Nothing; a language model that makes citations up is better replaced.",
    ),
    Rule(
        "SENTENCE-REPEATED",
        "block",
        "The sentence was said in the same answer already.",
        "Nothing; a language model that repeats itself often is better replaced.",
    ),
)
