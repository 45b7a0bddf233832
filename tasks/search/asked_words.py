"""The words that a question looks for in one state of a corpus, by the rules of its passages' languages."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING

from freshet.tasks.text.words.analysis import question_terms
from freshet.tasks.text.words.language import Spoken, languages_of_question

if TYPE_CHECKING:
    from lancedb.table import Table

WORDS = "words"
"""The column that full text is searched by. Releases that an earlier version of Freshet made have none."""

_MANY, _SHARE = 4, 0.05
"""So many languages at most are those of many passages, each that of such a share of them at least."""

_REMEMBERED = 1024
"""Versions of tables, as somebody may see them, of which the languages are remembered: a version stays as it is."""

_known: OrderedDict[tuple[str, int, str], Spoken] = OrderedDict()
_guard = threading.Lock()


def terms_of(chunks: Table, question: str, visible: str) -> list[str]:
    """The terms that a question looks for among the passages that may be seen.

    Args:
        visible: the predicate that a chunk must satisfy to be seen.
    """
    return question_terms(question, languages_of_question(question, spoken_in(chunks, visible)))


def spoken_in(chunks: Table, visible: str) -> Spoken:
    """The languages of the passages that may be seen; what is hidden has no part in how a question is read."""
    key = chunks.uri, int(chunks.version), visible
    with _guard:
        if key in _known:
            _known.move_to_end(key)
            return _known[key]
    counts: Counter[str] = Counter()
    for batch in chunks.search().where(visible).select(["language"]).to_batches():
        counts.update({one["values"]: one["counts"] for one in batch["language"].value_counts().to_pylist()})
    least = _SHARE * counts.total()
    mostly = sorted(language for language, count in counts.most_common(_MANY) if count >= least)
    found = Spoken(tuple(mostly), tuple(sorted(counts.keys() - set(mostly))))
    with _guard:
        _known[key] = found
        if len(_known) > _REMEMBERED:
            _known.popitem(last=False)
    return found
