"""Drafts golden questions of what people asked: with what was cited, or to be filled in where nothing was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from freshet.tasks.golden.drafts import Draft, Known, is_safe
from freshet.tasks.golden.drawing import draw, name_of
from freshet.tasks.governance.roster import asker_of
from freshet.tasks.ledger.access_classes import mark_of, meaning_of, read_in_force
from freshet.tasks.ledger.query_log import read_log
from freshet.tasks.search.visible import is_blocked
from freshet.tasks.settings.project import EVERYONE
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import in_parts
from freshet.tasks.text.normalise import normalise

if TYPE_CHECKING:
    from freshet.tasks.governance.expressions import Expression
    from freshet.tasks.governance.roster import Roster
    from freshet.tasks.ledger.releases import Standing
    from freshet.tasks.store.tables import Store

_MOST_ANSWERS = 3
_LEAST_WORDS = 3
_LONGEST = 300


@dataclass
class Passed:
    """Questions of the log that are no drafts, by why.

    Attributes:
        without_text: only a hash is kept, or nothing.
        unsafe: the text holds personal data, a secret, or an order to a model; also where it was taken out.
    """

    without_text: int = 0
    unsafe: int = 0


@dataclass
class _Question:
    """What is known of all times that a question was asked."""

    text: str
    times: int = 0
    helped: int = 0
    failed: int = 0
    is_everyones: bool = True
    reason: str | None = None
    cited: dict[str, int] = field(default_factory=dict)


def draft_from_log(
    store: Store,
    corpus: str,
    standing: Standing,
    most: int,
    known: Known,
    *,
    roster: Roster | None,
    regions: Sequence[str],
    now: datetime,
) -> tuple[list[Draft], Passed]:
    """Drafts at most so many questions of the query log; what is drafted is added to `known`.

    Those whose answer helped come first, then those that were answered, then those that failed, each with those that
    were asked most often in front. A question that failed has no documents: whoever reviews it says which.

    Returns:
        The drafts, and how many questions of the log are none, and why.
    """
    asked, passed = _gathered(read_log(store, corpus), regions)
    rows = _documents(store, corpus, {doc_id for one in asked for doc_id in one.cited}, now)
    expressions = read_in_force(store, corpus, standing.published)
    drafts: list[Draft] = []
    for one in sorted(asked, key=_rank):
        if len(drafts) >= most:
            break
        if known.holds(one.text):
            continue
        documents, asks = _answers(one, rows, expressions, roster, now)
        known.add(one.text, documents)
        drafts.append(Draft(one.text, documents, None, asks, _origin(one, bool(documents))))
    return drafts, passed


def _gathered(log: Iterable[Mapping[str, Any]], regions: Sequence[str]) -> tuple[list[_Question], Passed]:
    found: dict[str, _Question] = {}
    passed = Passed()
    for row in log:
        if row["outcome"] is None:
            continue  # it is being answered, or its process died
        text = " ".join((row["question"] or "").split())
        if not text:
            passed.without_text += 1
            continue
        if len(normalise(text).split()) < _LEAST_WORDS and text.isascii():
            continue
        # A text that was redacted has the kind of what was there in its place, like [EMAIL].
        if len(text) > _LONGEST or not is_safe(text, regions) or _is_redacted(text):
            passed.unsafe += 1
            continue
        one = found.setdefault(normalise(text), _Question(text))
        one.times += 1
        one.is_everyones &= row["asker"] == ""
        if row["helpful"] is False or row["outcome"] != "answered":
            one.failed += 1
            one.reason = row["reason"] or one.reason
            continue
        one.helped += row["helpful"] is True
        for doc_id in row["cited"]:
            one.cited[doc_id] = one.cited.get(doc_id, 0) + 1
    return list(found.values()), passed


def _is_redacted(text: str) -> bool:
    return any(word[:1] == "[" and word.strip("[].,;:?!").isupper() and "]" in word for word in text.split())


def _rank(one: _Question) -> tuple[Any, ...]:
    is_good = bool(one.cited) and one.failed <= one.times - one.failed
    return not one.helped, not is_good, -one.helped, -one.times, draw(one.text)


def _documents(store: Store, corpus: str, doc_ids: set[str], now: datetime) -> dict[str, dict[str, Any]]:
    """Rows of the newest ledger by document id, of those that are served."""
    ledger = store.corpus(corpus).find(schemas.DOCUMENTS)
    if ledger is None:
        return {}
    rows = [row for part in in_parts("doc_id", sorted(doc_ids)) for row in ledger.search().where(part).to_list()]
    named = name_of(ledger, rows)
    return {
        row["doc_id"]: row | {"name": named[row["doc_id"]]}
        for row in rows
        if row["content_hash"] is not None and not is_blocked(row, now)
    }


def _answers(
    one: _Question,
    rows: Mapping[str, Mapping[str, Any]],
    expressions: Mapping[str, Expression],
    roster: Roster | None,
    now: datetime,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The documents that were cited most often, as far as one asker may see them all; and that asker."""
    if one.failed > one.times - one.failed:
        return (), ()
    names: list[str] = []
    asks: frozenset[str] = frozenset({EVERYONE})
    for doc_id in sorted(one.cited, key=lambda doc_id: (-one.cited[doc_id], doc_id)):
        row = rows.get(doc_id)
        expression = None if row is None else meaning_of(mark_of(row), expressions)
        if row is None or expression is None or expression.somebody is None or len(names) >= _MOST_ANSWERS:
            continue
        if not names:
            asks = expression.somebody
        if expression.admits(asker_of(sorted(asks), roster, now)):
            names.append(row["name"])
    return tuple(names), tuple(sorted(asks - {EVERYONE})) if names else ()


def _origin(one: _Question, is_answered: bool) -> str:
    times = "once" if one.times == 1 else f"{one.times} times"
    helped = f", and helped {one.helped} of them" if one.helped else ""
    told = f"asked {times}, answered with citations{helped}" if is_answered else f"asked {times}, without a good answer"
    reason = f" ({one.reason})" if one.reason and not is_answered else ""
    whose = "" if one.is_everyones else "; it was asked by somebody with a name or a group: is it for all to read?"
    fill = "" if is_answered else "; name what answers it, or write refused_for in place of answers"
    return f"{told}{reason}{whose}{fill}"
