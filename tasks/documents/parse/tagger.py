"""A stand-in for the spaCy model that unstructured asks about sentences and verbs.

Its text classifier needs two things only: where sentences end, and whether a token is a verb. Where the
real model (en_core_web_sm) is not installed, unstructured would try to download it, which is neither
possible nor wanted here; these rules answer the same two questions, and much faster.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

MODEL = "en_core_web_sm"
RULES_VERSION = "1"

_TOKEN = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
# From the first stop of several in a row, and no way back: a row without white space behind it is read once.
_SENTENCE_END = re.compile(r"(?<![.!?…。!?])[.!?…。!?]++[\"'”’)\]]*+\s++")
_VERB_LIST = """
add adds allow allows am appear appears applies apply are ask asks be became become becomes been began begin
begins begun being believe believes bought bring brings brought build builds built buy buys call calls came can
change changes check checks choose chose chosen click come comes consider contain contains continue continues
could create creates cut cuts decide decides describe describes did do does done ensure ensures expect expects
fall falls feel feels fell felt find finds follow follows found gave get gets give given gives go goes gone got
grew grow grown grows had happen happens has have having hear heard hears held help helps hold holds include
includes is keep keeps kept knew know knows lead leads learn learns leave leaves led left let lets live lives
lose loses lost made make makes may meet meets met might move moves must need needs offer offers open opens paid
pass passes pay pays provide provides pull pulls raise raises ran reach reaches read reads remain remains
remember report reports represent represents require requires run runs said sat saw say says see seem seems seen
sees sell sells send sends sent serve serves set sets shall should show shown shows sit sits sold speak speaks
spend spends spent spoke spoken stand stands stay stays stood stop stops submit submits suggest suggests take
taken takes tell tells think thinks thought told took tries try understand understands understood use uses wait
waits want wants was watch watches went were will work works would write writes written wrote
"""
_VERBS = frozenset(_VERB_LIST.split())
_VERB_ENDING = re.compile(r"[a-z]{2,}(?:ed|ing|ized|ises|izes|ifies)$")


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    tag_: str


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str


class _Doc:
    """As much of a spaCy Doc as unstructured reads."""

    max_length = sys.maxsize
    """unstructured cuts off what is longer than this attribute of a pipeline, for which this class stands as well."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __iter__(self) -> Iterator[_Token]:
        for word in words(self._text):
            yield _Token(word, "VB" if is_verb(word) else "NN")

    @property
    def sents(self) -> Iterator[_Sentence]:
        return map(_Sentence, sentences(self._text))


def words(text: str) -> Iterator[str]:
    """Yields the words and the punctuation marks of a text, one by one."""
    return (match[0] for match in _TOKEN.finditer(text))


def sentences(text: str) -> Iterator[str]:
    """Yields the sentences of a text, without white space around them."""
    start = 0
    for match in _SENTENCE_END.finditer(text):
        yield text[start : match.end()].strip()
        start = match.end()
    if text[start:].strip():
        yield text[start:].strip()


@lru_cache(maxsize=8192)
def is_verb(word: str) -> bool:
    """Whether an English word can be a verb, by a list of common ones and by its ending."""
    lower = word.lower()
    return (
        lower in _VERBS or lower.endswith(("n't", "n’t", "'re", "'ve", "'ll", "'m")) or bool(_VERB_ENDING.match(lower))
    )


def has_model() -> bool:
    """Whether the real model is installed (found without importing spaCy)."""
    return importlib.util.find_spec(MODEL) is not None


def install_tagger() -> None:
    """Makes unstructured use the rules of this module, unless the real model is there."""
    if has_model():
        return
    from unstructured.nlp import tokenize

    tokenize._get_nlp = lambda: _Doc
