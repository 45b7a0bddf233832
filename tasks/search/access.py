"""Who may see what, for people who ask: the access classes of a corpus, and why somebody may see a document or not.

The answer is worked out from what a search looks at: the same ledger, the same classes, the same roster.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from freshet.tasks.errors import StoreError
from freshet.tasks.governance.expressions import Asker, Expression
from freshet.tasks.governance.freshness import staleness
from freshet.tasks.governance.roster import Roster, asker_of
from freshet.tasks.ledger.access_classes import (
    AccessClass,
    Mark,
    in_force,
    list_classes,
    mark_column,
    mark_of,
    meaning_of,
)
from freshet.tasks.ledger.releases import Standing, find_standing
from freshet.tasks.search.sight import reading_classes
from freshet.tasks.search.visible import rows_by_document
from freshet.tasks.settings.addresses import escaped
from freshet.tasks.settings.types import composed
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import equals

if TYPE_CHECKING:
    from lancedb.table import Table

    from freshet.tasks.store.tables import Store

Facts = dict[str, Any]


@dataclass(frozen=True)
class _State:
    """What holds for a corpus now."""

    standing: Standing | None
    classes: Mapping[str, AccessClass]

    @classmethod
    def of(cls, store: Store, corpus: str) -> _State:
        with reading_classes(corpus):
            return cls(find_standing(store, corpus), list_classes(store, corpus))

    @property
    def published(self) -> int:
        return self.standing.published if self.standing else 0

    def describe(self, mark: Mark) -> Facts:
        """A class: its id, scope, what it means now, and what it will mean once a release publishes it.

        `next` is None where nothing waits. Rows of an earlier version carry a list and no class: `access` is None then.
        """
        acl = meaning_of(mark, in_force(self.classes, self.published)).said
        known = self.classes.get(mark) if isinstance(mark, str) else None
        if known is None:
            access = mark if isinstance(mark, str) else None
            return {"access": access, "source": None, "rule": None, "acl": acl, "next": None, "effective_from": None}
        coming = Expression.read(known.expression).said
        return {
            "access": known.access,
            "source": known.source,
            "rule": known.rule,
            "acl": acl,
            "next": coming if coming != acl else None,
            "effective_from": known.effective_from,
        }


def list_access(store: Store, corpus: str) -> list[Facts]:
    """The access classes of a corpus and how many documents are in each, by source and rule.

    Classes that no document is in and that the settings may have left are among them, with 0 documents.

    Returns:
        the columns of a class (`access`, `source`, `rule`, `acl`, `next`, `effective_from`), `documents`, and
        `following`: how many of them readers still have in another class, which must let somebody in as well.

    Raises:
        AccessCheckFailed: the classes could not be read.
    """
    state = _State.of(store, corpus)
    tables = store.corpus(corpus)
    now = _marks(tables.find(schemas.DOCUMENTS))
    offered = state.standing.offered.ledger_version if state.standing else None
    then = now if offered is None else _marks(tables.at(schemas.DOCUMENTS, offered))
    documents: Counter[Mark] = Counter(now.values())
    following: Counter[Mark] = Counter(mark for doc_id, mark in now.items() if then.get(doc_id, mark) != mark)
    marks: list[Mark] = [*state.classes, *(mark for mark in documents if mark not in state.classes)]
    rows = [{**state.describe(mark), "documents": documents[mark], "following": following[mark]} for mark in marks]
    return sorted(rows, key=lambda row: (row["source"] or "", row["rule"] is None, row["rule"] or "", str(row["acl"])))


def _marks(ledger: Table | None) -> dict[str, Mark]:
    """Whom each document lets in, by a state of the ledger."""
    if ledger is None:
        return {}
    batches = ledger.search().select(["doc_id", mark_column(ledger)]).to_batches()
    return {row["doc_id"]: mark_of(row) for batch in batches for row in batch.to_pylist()}


def explain_access(
    store: Store, corpora: Iterable[str], principal: str, document: str, roster: Roster | None, now: datetime
) -> Facts:
    """Why somebody may see a document now, or may not.

    Args:
        corpora: names of the corpora to look in.
        principal: who asks; `everyone` for somebody of whom nothing is known.
        document: its path, URI or id.

    Returns:
        `principal`, `corpus`, `document`, `may_see`, `reasons` (in words), `asker` (`principals`, `is_believed`,
        `through`: by group, how the principal came into it; `roster_of`: when the roster was taken), `now` (the class
        that the newest ledger has it in) and `released` (the class that the live release has it in; None where it is
        not in it).

    Raises:
        SettingsError: the principal is none.
        StoreError: no corpus holds the document, or several do.
    """
    asker = asker_of([principal], roster, now)
    corpus, row = _find(store, list(corpora), composed(document))
    state = _State.of(store, corpus)
    released = _released(store, corpus, state.standing, row["doc_id"])
    reasons, marks = _judge(row, released, state, asker, roster, now)
    shown_as = None
    if released is not None and released["duplicate_of"] is not None:
        # Its text is in the release once, as that of another document, which must let somebody in as well.
        kept = released["duplicate_of"]
        held = rows_by_document(store.corpus(corpus).find(schemas.DOCUMENTS), [kept]).get(kept)
        then = _released(store, corpus, state.standing, kept)
        shown_as = (then or {}).get("path", kept)
        about = f"its text is in the release as that of {shown_as}"
        if held is None:
            reasons.append(f"{about}, which has been withdrawn")
        else:
            reasons += [f"{about}: {one}" for one in _judge(held, then, state, asker, roster, now)[0]]
    name = composed(principal)
    through = {} if roster is None else {one: roster.path_to(name, one) for one in sorted(asker.principals)}
    expressions = in_force(state.classes, state.published)
    return {
        "principal": name,
        "corpus": corpus,
        "document": {**{one: row[one] for one in ("doc_id", "source", "path", "uri")}, "shown_as": shown_as},
        "may_see": not reasons,
        "reasons": reasons or [f"its class lets in {meaning_of(mark, expressions).in_words}" for mark in marks],
        "asker": {
            "principals": sorted(asker.principals),
            "is_believed": roster is None or roster.is_current(now),
            "through": {group: chain for group, chain in through.items() if chain},
            "roster_of": roster.as_of if roster else None,
        },
        "now": state.describe(mark_of(row)),
        "released": None if released is None else state.describe(mark_of(released)),
    }


def _judge(
    row: Facts, released: Facts | None, state: _State, asker: Asker, roster: Roster | None, now: datetime
) -> tuple[list[str], list[Mark]]:
    """What keeps a document from somebody, in words; and the classes that decide, the newest first."""
    expressions = in_force(state.classes, state.published)
    reasons = list(_kept_from(row, released, state, now))
    marks = list(dict.fromkeys([mark_of(row), *([mark_of(released)] if released is not None else [])]))
    for mark in marks:
        where = "" if len(marks) == 1 else " now" if mark == mark_of(row) else " in the live release"
        if isinstance(mark, str) and mark not in expressions:
            reasons.append(f"nothing is known of its class{where}, so nobody may see it")
        else:
            reasons += [f"its class{where}: {one}" for one in _refusals(meaning_of(mark, expressions), asker, roster)]
    return reasons, marks


def _find(store: Store, corpora: list[str], document: str) -> tuple[str, Facts]:
    named = " OR ".join(equals(column, document) for column in ("path", "uri", "doc_id"))
    found = [(corpus, row) for corpus in corpora for row in store.corpus(corpus).rows(schemas.DOCUMENTS, named)]
    if not found:
        where = f"corpus {corpora[0]}" if len(corpora) == 1 else "no corpus"
        holds = "holds no document" if len(corpora) == 1 else "holds a document"
        raise StoreError(f"{where} {holds} {document!r}", "Give the path as it stands below its source, or the URI.")
    if len(found) > 1:
        places = ", ".join(sorted({f"{row['uri']} of {corpus}" for corpus, row in found}))
        raise StoreError(
            f"{document!r} is the name of several documents", escaped(f"Give a URI, or --corpus: {places}")
        )
    return found[0]


def _released(store: Store, corpus: str, standing: Standing | None, doc_id: str) -> Facts | None:
    """The row of a document in the live release, in the class that was published of it last; None where it has none."""
    if standing is None:
        return None
    tables = store.corpus(corpus)
    live = rows_by_document(tables.at(schemas.DOCUMENTS, standing.live.ledger_version), [doc_id])
    if doc_id not in live:
        return None
    # A rollback takes back neither a narrowing nor a widening (`sight.released_chunks`).
    offered = rows_by_document(tables.at(schemas.DOCUMENTS, standing.offered.ledger_version), [doc_id])
    mark = _mark_column_of(offered.get(doc_id, live[doc_id]))
    return {name: value for name, value in live[doc_id].items() if name not in ("access", "acl")} | mark


def _mark_column_of(row: Facts) -> Facts:
    """The column of a row that says whom it lets in."""
    return {name: row[name] for name in ("access", "acl") if name in row}


def _kept_from(row: Facts, released: Facts | None, state: _State, now: datetime) -> Iterator[str]:
    """What keeps a document from everybody."""
    if state.standing is None:
        yield "the corpus has no release yet"
    elif released is None:
        yield f"it is not in the live release, {state.standing.live.release}"
    elif not released["chunks"] and released["duplicate_of"] is None:
        yield f"the live release, {state.standing.live.release}, has no text of it"
    if row["content_hash"] is None:
        yield "it waits in quarantine, and no version of it is served"
    aged = staleness(row, now)
    if aged is not None and aged.severity == "block":
        yield f"it is too old to be shown, or not valid any more ({aged.code})"


def _refusals(expression: Expression, asker: Asker, roster: Roster | None) -> Iterator[str]:
    """What of an expression does not let somebody in, in words."""
    if not expression.all:
        yield "it lets nobody in"
    for some in expression.all:
        if asker.principals.isdisjoint(some):
            yield f"whoever asks is none of {', '.join(some)}"
    for one in sorted(asker.principals & set(expression.none)):
        yield f"it keeps {one} out"
    is_old = roster is not None and not asker.known_groups
    if unknown := expression.unknown_to(asker):
        why = "is not believed any more" if is_old else "says nothing of that"
        yield f"it keeps {', '.join(unknown)} out, and the roster {why}"
    elif is_old and not expression.admits(asker):
        yield "the roster is not believed any more, so nobody is in a group by it"
