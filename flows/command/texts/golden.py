"""Renders what the commands on golden questions print for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freshet.flows.command.texts.lines import text_of

if TYPE_CHECKING:
    from freshet.tasks.golden.add import Added
    from freshet.tasks.golden.check import Checked, CheckedAnswer, CheckedQuestion
    from freshet.tasks.golden.propose import Proposed
    from freshet.tasks.golden.standing import Place

_MOST_PLACES = 3


def drafts_facts(corpus: str, found: Proposed, to: Path | None) -> Mapping[str, Any]:
    """The drafts in the shape that `freshet golden propose --json` prints."""
    rows = [
        {
            "from": origin,
            "question": one.question,
            "answers": [{"document": name, "contains": one.contains} for name in one.documents],
            "as": list(one.asks),
            "origin": one.origin,
        }
        for origin, drafts in (("corpus", found.from_corpus), ("questions", found.from_questions))
        for one in drafts
    ]
    return {"corpus": corpus, "file": None if to is None or not rows else str(to), "drafts": rows, "notes": found.notes}


def checked_text(found: Checked, golden: str) -> str:
    """Renders golden questions with where their answers stand, or what is to be done."""
    lines = [f"{golden}: {_many(len(found.questions))} of {found.corpus}, checked against release {found.release}"]
    for one in found.questions:
        lines += _question_lines(one)
    bad = sum(bool(one.all_problems) for one in found.questions)
    if bad:
        lines.append(f"{found.problems} to mend, in {_many(bad)}")
    else:
        lines.append("every answer is where the golden file says")
    return text_of(lines)


def _question_lines(one: CheckedQuestion) -> Iterator[str]:
    whom = f" (as {', '.join(one.principals)})" if one.principals else ""
    mark = "ok  " if not one.all_problems else "MEND"
    yield f"{mark}  {one.question}{whom}"
    if not one.answers:
        yield f"      asked to be refused, for {', '.join(one.refused_for)}"
    for answer in one.answers:
        yield from _answer_lines(answer)
    for problem in one.problems:
        yield f"      {problem.what}"
        yield f"        {problem.mend}"


def _answer_lines(answer: CheckedAnswer) -> Iterator[str]:
    if not answer.problems:
        many = f"{answer.passages} passages" if answer.passages != 1 else "1 passage"
        yield f"      {answer.document}: {_places(answer) if answer.contains else many}"
    for problem in answer.problems:
        yield f"      {answer.document}: {problem.what}"
        yield f"        {problem.mend}"
    for note in answer.notes:
        yield f"      note: {note}"


def _places(answer: CheckedAnswer) -> str:
    more = len(answer.places) - _MOST_PLACES
    shown = "; ".join(map(_place, answer.places[:_MOST_PLACES]))
    return f"{shown}; and {more} more" if more > 0 else shown


def _place(place: Place) -> str:
    page = f"page {place.page}, " if place.page else ""
    below = f"{place.heading}, " if place.heading else ""
    return f"{page}{below}characters {place.chars[0]}–{place.chars[1]}, passage {place.chunk[:16]}"


def added_text(added: Added, golden: str) -> str:
    """Renders how many questions were added, and where their answers stand."""
    lines = [f"{_many(len(added.ids))} added to {golden}, which has {added.questions} now"]
    for one in added.checked.questions:
        lines += _question_lines(one)
    return text_of(lines)


def _many(count: int) -> str:
    return f"{count} questions" if count != 1 else "1 question"
