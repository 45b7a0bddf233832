"""Drafts golden questions of the documents of a corpus."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from freshet.tasks.golden.drafts import Draft, Known, is_safe, stems_of
from freshet.tasks.golden.drawing import FOR_EACH_DRAFT, Drawn, draw, draw_documents, passages_of
from freshet.tasks.golden.questions.asked import Asked
from freshet.tasks.golden.questions.passages import Passage, questions_of_passage
from freshet.tasks.governance.roster import asker_of
from freshet.tasks.text.normalise import normalise

if TYPE_CHECKING:
    from freshet.tasks.governance.roster import Roster
    from freshet.tasks.ledger.releases import Standing
    from freshet.tasks.store.tables import Store

_SHARES = {
    "heading": 5, "time": 5, "date": 4, "amount": 5, "place": 3, "definition": 3, "code": 3, "who": 2, "table": 2,
    "abbreviation": 1,
}  # fmt: skip
"""How often each kind of question is drafted, where the documents hold all of them."""

_KINDS = {
    "heading": "asked by a heading", "time": "a stated time", "date": "a stated date", "amount": "a stated amount",
    "place": "a stated place", "definition": "a definition", "code": "a code that is explained",
    "who": "a stated duty", "table": "a row of a table", "abbreviation": "an abbreviation",
}  # fmt: skip

_NAMING = frozenset({"definition", "abbreviation", "code"})

_GENERAL = stems_of(
    "minutes hours days weeks months years working business calendar times when take takes number someone"
)
"""Words that a question of a time or number has anyway."""

_MOST_DOCUMENTS = 2
"""A question whose words stand together in more of the documents that were looked at asks for none of them."""

_LONGEST_SLICE = 160
_SAMPLE = 3000


@dataclass(frozen=True)
class _Candidate:
    """A question that a document answers below a `place`; `is_named` says whether it begins with a title."""

    document: Drawn
    question: str
    contains: str
    kind: str
    place: str
    is_named: bool = False


def draft_from_corpus(
    store: Store,
    corpus: str,
    standing: Standing,
    most: int,
    known: Known,
    *,
    roster: Roster | None,
    regions: Sequence[str],
    now: datetime,
) -> list[Draft]:
    """Drafts at most so many questions that the live release answers; what is drafted is added to `known`.

    The same state of the corpus gives the same drafts. Documents that no golden question asks for come first.

    Args:
        regions: of telephone numbers, as the corpus sets them.
    """
    if not standing.live.chunks or most < 1:
        return []
    drawn = [
        one for one in draw_documents(store, corpus, standing, FOR_EACH_DRAFT * most, now) if _may_ask(one, roster, now)
    ]
    chunks = store.corpus(corpus).at(standing.live.table, standing.live.table_version)
    held = passages_of(chunks, drawn)
    found = _candidates(drawn, held, regions)
    return list(_chosen(sorted(drawn, key=lambda one: one.name in known.documents), found, most, known))


def _may_ask(one: Drawn, roster: Roster | None, now: datetime) -> bool:
    return one.expression.admits(asker_of(one.asks, roster, now))


def _candidates(
    drawn: Sequence[Drawn], held: Mapping[str, Sequence[dict[str, Any]]], regions: Sequence[str]
) -> dict[str, list[_Candidate]]:
    """What can be asked of each document, by its id; nothing that several documents may answer."""
    small = {word for rows in held.values() for row in rows for word in _WORD.findall(row["text"]) if word.islower()}
    words = {doc_id: stems_of(" ".join(row["text"] for row in rows)) for doc_id, rows in held.items()}
    found: dict[str, list[_Candidate]] = {}
    for one in drawn:
        rows = held.get(one.doc_id, [])
        own = words.get(one.doc_id, frozenset()) | stems_of(one.title or "")
        for candidate in _of_document(one, rows, small, regions):
            if (made := _telling(candidate, own, words)) is not None:
                found.setdefault(one.doc_id, []).append(made)
    times = Counter(normalise(one.question) for many in found.values() for one in many)
    return {doc: [one for one in many if times[normalise(one.question)] == 1] for doc, many in found.items()}


_WORD = re.compile(r"[^\W\d_]+")
_WE = re.compile(r"\b(?:we|us|our)\b", re.I)


def _of_document(
    document: Drawn, rows: Sequence[Mapping[str, Any]], small: set[str], regions: Sequence[str]
) -> Iterator[_Candidate]:
    text = "\n".join(row["text"] for row in rows)
    whole = _folded(text)
    headings = {
        " ".join(heading.split()): tuple(row["headings"][:depth])
        for row in rows
        for depth, heading in enumerate(row["headings"])
    }
    is_english = _is_english(text[:_SAMPLE])
    for row in rows:
        passage = Passage(row["text"], headings, is_english)
        asked = [one for one in questions_of_passage(passage, small) if one.answer[0] < one.answer[1]]
        if not asked or not is_safe_passage(row["text"]):
            continue
        place = " > ".join(row["headings"]) or (f"page {row['page_first']}" if row["page_first"] else "")
        for one in asked:
            contains = _slice(row["text"], one, whole)
            if contains and is_safe(f"{one.question}\n{contains}", regions):
                yield _Candidate(document, one.question, contains, one.kind, place)


def is_safe_passage(text: str) -> bool:
    """Whether nothing in a passage speaks to a model, or is a secret: then nothing of it is drafted."""
    from freshet.tasks.text.instructions import gives_instructions
    from freshet.tasks.text.secrets import find_secrets

    return not (gives_instructions(text) or find_secrets(text))


def _slice(text: str, asked: Asked, whole: str) -> str | None:
    """The slice that answers, with as many words around it as make it the only one of its document."""
    start, end = asked.answer
    floor, ceiling = text.rfind("\n", 0, start) + 1, text.find("\n", end)
    ceiling = len(text) if ceiling < 0 else ceiling
    while True:
        found = " ".join(text[start:end].split())
        if whole.count(_folded(found)) == 1:
            is_told = len(found) <= _LONGEST_SLICE and _folded(found) not in _folded(asked.question)
            return found.rstrip(" ,;:") if is_told else None
        if (start <= floor and end >= ceiling) or end - start > _LONGEST_SLICE:
            return None
        start = max(floor, text.rfind(" ", floor, max(start - 1, floor)) + 1)
        following = text.find(" ", end + 1, ceiling)
        end = ceiling if following < 0 else following


def _telling(one: _Candidate, own: frozenset[str], words: Mapping[str, frozenset[str]]) -> _Candidate | None:
    """The question if it asks for one document, or with a title in front if that does; None for neither."""
    if one.kind in _NAMING:
        return one  # what has a name of its own is asked for by it, in however many documents it stands
    for made in (one, _with_title(one)):
        asked = stems_of(made.question) & own if made is not None else frozenset()
        least = 2 if one.kind == "heading" else 3
        if made is one and one.kind not in {"heading", "who"} and _WE.search(one.question):
            continue  # whoever asks may be somebody else
        if made and len(asked - _GENERAL) >= least and sum(asked <= held for held in words.values()) <= _MOST_DOCUMENTS:
            return made
    return None


def _with_title(one: _Candidate) -> _Candidate | None:
    named = one.place.rpartition(" > ")[2] if one.kind == "table" else one.document.title or ""
    title = re.sub(r"<[^<>]{0,40}>", "", " ".join(named.split())).partition(": ")[0]
    is_title = 1 <= len(title.split()) <= 8 and re.search(r"[^\W\d_]{3}", title) and not title.endswith((".", "?"))
    if not is_title or _folded(title) in _folded(one.question) or _folded(one.contains) in _folded(title):
        return None
    first = one.question.split()[0]
    question = one.question if first[1:] != first[1:].lower() else one.question[0].lower() + one.question[1:]
    return replace(one, question=f"{title}: {question}", is_named=True)


def _chosen(
    documents: Sequence[Drawn], found: Mapping[str, list[_Candidate]], most: int, known: Known
) -> Iterator[Draft]:
    used: Counter[str] = Counter()
    left = {one.doc_id: list(found.get(one.doc_id, ())) for one in documents}
    keeps_shares = True
    while any(left.values()):
        before = used.total()
        for document in documents:
            for one in sorted(left[document.doc_id], key=lambda one: _rank(one, used)):
                if keeps_shares and used[one.kind] >= _share(one.kind, most):
                    continue
                left[document.doc_id].remove(one)
                if not known.holds(one.question):
                    known.add(one.question, [document.name])
                    used[one.kind] += 1
                    below = f", below {one.place}" if one.place else ""
                    origin = f"{_KINDS[one.kind]} of {document.name}{below}"
                    yield Draft(one.question, (document.name,), one.contains, document.asks, origin)
                    break
            if used.total() >= most:
                return
        keeps_shares = keeps_shares and used.total() > before


def _rank(one: _Candidate, used: Mapping[str, int]) -> tuple[bool, float, str]:
    return one.is_named, used[one.kind] / _SHARES[one.kind], draw(one.question)


def _share(kind: str, most: int) -> int:
    return -(-most * _SHARES[kind] // sum(_SHARES.values()))


def _is_english(text: str) -> bool:
    from freshet.tasks.text.words.language import language_of

    language, sureness = language_of(text)
    return language == "en" or (sureness < 0.5 and text.isascii())


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()
