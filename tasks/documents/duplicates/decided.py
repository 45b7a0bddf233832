"""The documents as it was decided last which of them are copies: what a revision asks of the store."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from freshet.tasks.documents.duplicates.precedence import Contender, Standing
from freshet.tasks.governance.expressions import NOBODY, Expression
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import in_parts

if TYPE_CHECKING:
    from freshet.tasks.documents.duplicates.signatures import Signatures
    from freshet.tasks.store.tables import Tables


def contender(row: Mapping[str, Any], expressions: Mapping[str, Expression]) -> Contender:
    """What decides between a document and its copies: of a row of `schemas.duplicates`, or one that is to be."""
    access = expressions.get(row["access"], NOBODY)
    return Contender(row["doc_id"], row["priority"], row["modified_at"], row["path"], access)


class Decided:
    """The documents as they were decided last, for `precedence.revise`."""

    def __init__(self, tables: Tables, signatures: Signatures, expressions: Mapping[str, Expression]) -> None:
        """Reads nothing yet; `expressions` say what each access class means."""
        self._table = tables.find(schemas.DUPLICATES)
        self.signatures = signatures
        self._expressions = expressions

    def dependants(self, doc_ids: Collection[str]) -> Iterator[Standing]:
        """The decided documents that are duplicates of any of these."""
        for row in self._find("duplicate_of", doc_ids):
            yield Standing(contender(row, self._expressions), row["duplicate_of"])

    def standings(self, doc_ids: Collection[str]) -> Iterator[Standing]:
        """Those of these documents that were decided, as they were."""
        for row in self._find("doc_id", doc_ids):
            yield Standing(contender(row, self._expressions), row["duplicate_of"])

    def meet(self, doc_ids: Collection[str]) -> Mapping[str, Collection[str]]:
        """For each of these documents all that may be copies of it."""
        return self.signatures.meet(doc_ids)

    def alike(self, left: str, right: str) -> bool:
        """Whether two documents that met are verified copies."""
        return self.signatures.alike(left, right)

    def rows(self, doc_ids: Collection[str]) -> dict[str, dict[str, Any]]:
        """Whole rows of `schemas.duplicates`, by doc_id."""
        return {row["doc_id"]: row for row in self._find("doc_id", doc_ids)}

    def _find(self, column: str, values: Collection[str]) -> Iterable[dict[str, Any]]:
        if self._table is None:
            return
        for predicate in in_parts(column, sorted(values)):
            yield from self._table.search().where(predicate).to_arrow().to_pylist()
