"""What may be done with a row, and who may see it: what its input says, narrowed by the document that it derives from.

A row of a corpus's document needs the consent of both: uses are those that input and document both permit, and
whoever may see the row may see both. What the ledger holds of a document is narrowed further by what the settings say
of its source now, since they may have changed after the last refresh. A document that several sources hold under one
name, or that the corpus does not serve, permits nothing.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from freshet.tasks.datasets.origins.documents import DocumentLedger, Found
from freshet.tasks.datasets.origins.licences import spdx_identifier
from freshet.tasks.governance.expressions import NOBODY, Asker, Expression
from freshet.tasks.governance.policy import effective_expression
from freshet.tasks.rules.verdicts import Verdict, verdict
from freshet.tasks.settings.access import AccessExpression
from freshet.tasks.settings.addresses import source_name
from freshet.tasks.settings.project import EVERYONE

if TYPE_CHECKING:
    from pathspec import Pattern

    from freshet.tasks.settings.datasets import Dataset, RowsInput
    from freshet.tasks.settings.file import Project
    from freshet.tasks.settings.project import Source
    from freshet.tasks.store.tables import Store

_TRAINING = "training"
_MOST_KEPT = 50_000
_LONGEST_NAME = 300


@dataclass(frozen=True)
class Grant:
    """What holds for the rows of one document.

    Attributes:
        document: as its row names it.
        corpus, doc_id, doc_version: where it is a document that a corpus serves.
        answered_by: the document whose chunks hold its text: itself, or the one that it is a duplicate of.
        verdicts: USE-*, each of which keeps the rows out and their texts unseen.
    """

    document: str | None
    uses: tuple[str, ...]
    licence: str
    owner: str
    access: Expression
    corpus: str | None = None
    doc_id: str | None = None
    doc_version: str | None = None
    answered_by: str | None = None
    verdicts: tuple[Verdict, ...] = ()


class Permissions:
    """What holds for the rows of one input, document by document.

    Args:
        store: of the corpora; read only where the input names one.
        past: the moment that its documents are looked up as of. What has been forbidden since is forbidden.

    Raises:
        SettingsError: the input's corpus was never refreshed.
    """

    def __init__(
        self, given: RowsInput, dataset: Dataset, project: Project, store: Store, *, past: datetime | None = None
    ) -> None:
        """Reads what the input and its corpus permit; `past` is the moment by which it must have been so."""
        self._given = given
        self._dataset = dataset
        self._licences = frozenset(_licence(one) for one in dataset.licences)
        self._rules = [(_pattern(rule.document), tuple(sorted(set(rule.uses)))) for rule in given.permissions]
        self._grants: dict[str | None, Grant] = {}
        self.ledger: DocumentLedger | None = None
        self._sources: dict[str, Source] = {}
        if given.corpus is not None:
            self.ledger = DocumentLedger(given.corpus, given.called, store, past=past)
            corpus = project.settings.corpora.get(given.corpus)
            self._sources = {source_name(one): one for one in corpus.sources} if corpus else {}

    @property
    def is_one_for_all(self) -> bool:
        """Whether all rows of the input are permitted, whatever document they derive from."""
        return self.ledger is None and not self._rules and not self.of(None).verdicts

    def prepare(self, documents: Iterable[str | None]) -> None:
        """Looks up the documents of many rows at once, so that `of` need not one by one."""
        if len(self._grants) > _MOST_KEPT:
            self._grants.clear()
        wanted = sorted({one for one in documents if one is not None and one not in self._grants})
        found = self.ledger.find(wanted) if self.ledger is not None and wanted else {}
        for document in wanted:
            self._grants[document] = self._grant(document, found.get(document, ()))
        if None not in self._grants:
            self._grants[None] = self._grant(None, ())

    def of(self, document: str | None) -> Grant:
        """What holds for rows that derive from the document of this name; None for rows that name none."""
        if document not in self._grants:
            self.prepare([document])
        return self._grants[document]

    def _grant(self, document: str | None, found: Sequence[Found]) -> Grant:
        given = self._given
        grant = Grant(
            document,
            self._uses(document, found),
            given.licence,
            given.owner,
            Expression.of(given.acl),
        )
        if self.ledger is None:
            return replace(grant, verdicts=tuple(self._verdicts(grant, "input", given.licence)))
        if len(found) != 1 or not found[0].is_served:
            return replace(grant, uses=(), access=NOBODY, verdicts=(self._unserved(document, found),))
        (one,) = found
        source = self._sources.get(one.source)
        uses, access = set(one.uses), grant.access.both(one.access)
        licence = one.licence
        if one.now is not None:
            uses &= set(one.now.uses)
            access = access.both(one.now.access)
        if source is not None:
            uses &= set(source.uses)
            access = access.both(effective_expression(one.path, source))
            licence = source.licence or licence
        grant = replace(
            grant,
            uses=tuple(sorted(uses & set(grant.uses))),
            access=access,
            licence=licence or given.licence,
            corpus=given.corpus,
            doc_id=one.doc_id,
            doc_version=one.content_hash,
            answered_by=one.duplicate_of or one.doc_id,
        )
        by = "input" if _TRAINING not in self._uses(document, found) else "document"
        return replace(grant, verdicts=tuple(self._verdicts(grant, by, licence)))

    def _uses(self, document: str | None, found: Sequence[Found]) -> tuple[str, ...]:
        """The input's uses, or those of the first rule that matches the document by any of its names."""
        otherwise = tuple(sorted(set(self._given.uses)))
        if document is None or not self._rules:
            return otherwise
        names = {_plain(name) for name in (document, *(name for one in found for name in (one.path, one.uri)))}
        return next((uses for rule, uses in self._rules if any(rule.match_file(name) for name in names)), otherwise)

    def _unserved(self, document: str | None, found: Sequence[Found]) -> Verdict:
        if document is None:
            why = "the row names no document"
        elif not found:
            why = "the corpus has no such document"
        elif len(found) > 1:
            why = f"{len(found)} documents of the corpus have this name: name it by its URI"
        elif found[0].is_withdrawn:
            why = "the document has been withdrawn since"
        else:
            why = "the document waits in quarantine, and no version of it is served"
        return verdict("USE-DOCUMENT", corpus=self._given.corpus, why=why, **_named(document))

    def _verdicts(self, grant: Grant, by: str, licence: str | None) -> list[Verdict]:
        named = _named(grant.document)
        found = []
        if _TRAINING not in grant.uses:
            found.append(verdict("USE-TRAINING", by=by, uses=list(grant.uses), owner=grant.owner, **named))
        unseen = _unseen(self._dataset.audience, grant.access)
        if unseen:
            found.append(verdict("USE-AUDIENCE", without=unseen, acl=grant.access.said, **named))
        if licence is None or (self._licences and _licence(licence) not in self._licences):
            found.append(verdict("USE-LICENCE", licence=licence, permitted=list(self._dataset.licences), **named))
        return found


def _unseen(audience: Sequence[str] | AccessExpression, access: Expression) -> list[str] | dict[str, Any]:
    """Returns those of an audience whom an expression may keep out: some of a list, or an expression as a whole.

    An audience that holds nobody is a mistake, and is kept out as well.
    """
    if not isinstance(audience, AccessExpression):
        return sorted(one for one in set(audience) if not _is_let_in(one, access))
    wanted = Expression.of(audience)
    return [] if wanted.all and wanted.implies(access) else wanted.said


def _is_let_in(principal: str, access: Expression) -> bool:
    """Returns whether an expression lets in a user, or all of a group, whatever other groups they are in."""
    if principal.startswith("user:"):
        return access.admits(Asker(frozenset({principal, EVERYONE}), known_groups=frozenset()))
    return Expression.of([principal]).implies(access)


def _pattern(glob: str) -> Pattern:
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines([glob]).patterns[0]


def _plain(name: str) -> str:
    """A document's name as globs see it: `./a/../b.md` must not escape a rule for `b.md`."""
    if "://" not in name:
        name = posixpath.normpath(name)
    # To a regular expression a line break ends the text; in a name it is a character like another.
    return name.replace("\n", "\r").lstrip("/")


def _named(document: str | None) -> dict[str, str]:
    return {} if document is None else {"document": document[:_LONGEST_NAME]}


def _licence(licence: str) -> str:
    return (spdx_identifier(licence) or licence.strip()).casefold()
