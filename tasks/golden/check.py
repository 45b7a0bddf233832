"""Whether golden questions still have their answers in the corpus, where those stand, and what to mend."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from freshet.tasks.golden.moved import Moved
from freshet.tasks.golden.standing import Corpus, Place, Texts
from freshet.tasks.ledger.access_classes import mark_of
from freshet.tasks.settings.golden import GoldenAnswer, GoldenQuestion

if TYPE_CHECKING:
    from freshet.tasks.governance.roster import Roster
    from freshet.tasks.search.sight import Sight
    from freshet.tasks.store.tables import Store


@dataclass(frozen=True)
class Problem:
    """What keeps a golden question from asking what it says.

    Attributes:
        code: `gone`, `quarantined`, `too old`, `not released`, `not for whoever asks`, `across passages`, `not in it`,
            `guards nothing`, `may be seen` or `may be answered`.
    """

    code: str
    what: str
    mend: str


@dataclass
class CheckedAnswer:
    """A document that a golden question names.

    Attributes:
        doc_id, uri: None where the corpus has no such document.
        released: whether the live release has its text.
        served: whether anybody is shown it: it is released, not refused, and not too old.
        admits: whether it lets whoever asks in.
        stands_in: path of the document whose passages answer for it, having the same text; None where it is itself.
        places: passages that hold `contains`; empty where the question does not say what.
        passages: how many the live release has of it.
    """

    document: str
    contains: str | None
    doc_id: str | None = None
    uri: str | None = None
    released: bool = False
    served: bool = False
    admits: bool = False
    stands_in: str | None = None
    passages: int = 0
    places: list[Place] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class CheckedQuestion:
    """A golden question as it stands.

    Attributes:
        answers: those of each document that it names; of a name that several documents have, each.
        problems: those that are no answer's: of `never` and `refused_for`.
    """

    id: str
    question: str
    principals: tuple[str, ...]
    refused_for: tuple[str, ...]
    answers: list[CheckedAnswer] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def all_problems(self) -> list[Problem]:
        """Everything that is to be mended."""
        return [*(problem for answer in self.answers for problem in answer.problems), *self.problems]

    def as_dict(self) -> dict[str, Any]:
        """Gives the question in the shape that `freshet golden check --json` prints."""
        shown = asdict(self)
        shown["as"] = shown.pop("principals")
        return {**shown, "asked_to_be_refused": not self.answers, "ok": not self.all_problems}


@dataclass
class Checked:
    """What came of checking the golden questions of a corpus against its live release."""

    corpus: str
    release: int
    questions: list[CheckedQuestion]

    @property
    def problems(self) -> int:
        """How many there are."""
        return sum(len(one.all_problems) for one in self.questions)

    def as_dict(self) -> dict[str, Any]:
        """Gives it in the shape that `freshet golden check --json` prints."""
        return {
            "corpus": self.corpus,
            "release": self.release,
            "problems": self.problems,
            "questions": [one.as_dict() for one in self.questions],
        }


def check_golden(
    store: Store, corpus: str, golden: Sequence[GoldenQuestion], roster: Roster | None, now: datetime
) -> Checked:
    """Checks golden questions against the live release, the newest ledger and what the access classes mean now.

    No model is asked. Passages are read of the documents that answer, and of all documents where a text is not where
    it should be.

    Raises:
        StoreError: the corpus has no release yet, or its tables are gone.
    """
    state = Corpus.open(store, corpus, roster, now)
    checks = _Checks(state, golden)
    found = [checks.question(one) for one in golden]
    checks.find_places([answer for one in found for answer in one.answers])
    return Checked(corpus, state.standing.live.release, found)


class _Checks:
    def __init__(self, state: Corpus, golden: Sequence[GoldenQuestion]) -> None:
        self._state = state
        names = {name for one in golden for name in [*(answer.document for answer in one.answers), *one.never]}
        self._named = state.named(names)
        rows = [row for rows in self._named.values() for row in rows]
        ids = {row["doc_id"] for row in rows} | {row["duplicate_of"] for row in rows if row["duplicate_of"]}
        self._released = state.released_rows(ids)
        self._moved = Moved(state)

    def question(self, one: GoldenQuestion) -> CheckedQuestion:
        checked = CheckedQuestion(one.id, one.question, one.principals, one.refused_for)
        sight = self._state.access.sight(one.principals)
        for answer in one.answers:
            rows = self._named.get(answer.document, [])
            if not rows:
                checked.answers.append(self._gone(answer))
            for row in rows:
                checked.answers.append(self._answer(answer, row, sight, one.principals))
            if len(rows) > 1:
                checked.answers[-1].notes.append(f"{len(rows)} documents have this path; a URI names one")
        checked.problems += self._never(one, sight)
        checked.problems += self._refused(one)
        return checked

    def _gone(self, answer: GoldenAnswer) -> CheckedAnswer:
        checked = CheckedAnswer(answer.document, answer.contains)
        now_called = self._moved.document(answer.document)
        mend = "Name the document that answers, or take it out."
        if now_called:
            mend = f"If it is called {now_called} now, write that. Else: {mend[0].lower()}{mend[1:]}"
        checked.problems.append(Problem("gone", "the corpus has no document of this path or URI", mend))
        return checked

    def _answer(
        self, answer: GoldenAnswer, row: dict[str, Any], sight: Sight, principals: Iterable[str]
    ) -> CheckedAnswer:
        state, corpus, path = self._state, self._state.name, row["path"]
        kept = row["duplicate_of"] or row["doc_id"]
        released, standing = self._released.get(row["doc_id"]), self._released.get(kept)
        checked = CheckedAnswer(answer.document, answer.contains, row["doc_id"], row["uri"])
        checked.released = standing is not None and standing["chunks"] > 0
        checked.admits = sight.admits(mark_of(row)) and (released is None or sight.admits(mark_of(released)))
        checked.passages = standing["chunks"] if standing is not None else 0
        aged = state.aged(row)
        checked.served = checked.released and row["content_hash"] is not None and aged is None
        if kept != row["doc_id"]:
            checked.stands_in = (standing or {}).get("path", kept)
            checked.notes.append(f"its text is the same as that of {checked.stands_in}, which is found in its place")
        problems = checked.problems
        if row["content_hash"] is None:
            mend = f"See why: freshet quarantine {corpus} show {path}"
            problems.append(Problem("quarantined", "it waits in quarantine, and no version of it is served", mend))
        elif not checked.released:
            mend = f"Type: freshet refresh {corpus}, and look at freshet gate {corpus} if it is not released then."
            problems.append(Problem("not released", f"release {state.standing.live.release} has no text of it", mend))
        elif row["seen_hash"] != row["content_hash"]:
            checked.notes.append("its newest version waits in quarantine; an earlier one is served")
        if aged is not None:
            mend = "Bring the document up to date, or take the question out."
            problems.append(Problem("too old", f"it is too old to be shown, or not valid any more ({aged})", mend))
        if not checked.admits:
            problems.append(self._kept_from(row, released, principals))
        return checked

    def _kept_from(self, row: dict[str, Any], released: dict[str, Any] | None, principals: Iterable[str]) -> Problem:
        state = self._state
        asks = ", ".join(principals) or "everyone"
        whom = state.whom(row)
        if released is not None and mark_of(released) != mark_of(row):
            whom = f"{whom}, and until the next release must let in {state.whom(released)} as well"
        who = state.asks(row)
        mend = f"Write as: [{', '.join(who)}]" if who else "Take the question out"
        why = f"it lets in {whom}, and the question is asked by {asks}"
        return Problem("not for whoever asks", why, f"{mend}, or see: freshet access explain {asks.split(', ')[0]} …")

    def _never(self, one: GoldenQuestion, sight: Sight) -> Iterator[Problem]:
        for name in one.never:
            rows = self._named.get(name, [])
            if not rows:
                what = f"never: the corpus has no document {name}, so that nothing is guarded"
                yield Problem("guards nothing", what, "Name the document as it is called now, or take it out.")
            for row in rows:
                if self._state.is_shown(row, self._released.get(row["doc_id"]), sight):
                    what = f"never: whoever asks may see {name}"
                    yield Problem("may be seen", what, "Narrow who may see it, or take it out of never.")

    def _refused(self, one: GoldenQuestion) -> Iterator[Problem]:
        rows = [row for answer in one.answers for row in self._named.get(answer.document, [])]
        for principal in one.refused_for:
            sight = self._state.access.sight([principal])
            for row in rows:
                if self._state.is_shown(row, self._released.get(row["doc_id"]), sight):
                    what = f"refused_for: {principal} may see {row['path']}, which answers"
                    yield Problem("may be answered", what, "Narrow who may see it, or take it out of refused_for.")

    def find_places(self, answers: Sequence[CheckedAnswer]) -> None:
        """Looks for what answers contain; what is not there is looked for in other documents."""
        texts = Texts(self._state)
        asked = [(self._kept(one), one) for one in answers if one.contains and one.released]
        wanted: dict[str, set[str]] = {}
        for kept, one in asked:
            wanted.setdefault(kept, set()).add(str(one.contains))
        found, across = texts.within(wanted)
        lost = {str(one.contains) for one in answers if one.contains and one.doc_id is None}
        lost |= {str(one.contains) for kept, one in asked if not found.get((kept, str(one.contains)))}
        elsewhere = self._moved.names(texts.anywhere(lost))
        for kept, one in asked:
            one.places = found.get((kept, str(one.contains)), [])
            if one.places:
                continue
            if (kept, one.contains) in across:
                mend = "Shorten contains, so that it stands in one passage."
                one.problems.append(Problem("across passages", "what it contains stands across two passages", mend))
            else:
                one.problems.append(self._not_in(one, elsewhere.get(str(one.contains), [])))
        for one in answers:
            others = elsewhere.get(one.contains or "", [])
            if one.doc_id is None and others:
                one.notes.append(f"what it contains stands in {', '.join(others)}")

    def _kept(self, answer: CheckedAnswer) -> str:
        row = next((row for row in self._named[answer.document] if row["doc_id"] == answer.doc_id), None)
        return str((row or {}).get("duplicate_of") or answer.doc_id)

    def _not_in(self, answer: CheckedAnswer, others: list[str]) -> Problem:
        what = "no passage of it holds what the question says it contains"
        read = f"freshet document {self._state.name} {answer.document} --text"
        if others:
            mend = f"Write document: {others[0]}, or what it says now ({read})."
            return Problem("not in it", f"{what}; {', '.join(others)} does", mend)
        return Problem("not in it", what, f"Write what it says now ({read}), or take contains away.")
