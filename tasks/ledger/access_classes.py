"""The `access_classes` table of the ledger: what each access class means, and since when. The newest row counts.

Until a release publishes what a row says, its `meanwhile` holds: what held before *and* what it says. So what narrows
holds from the moment the row is written, and what widens waits for the gate. A rollback changes none of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from freshet.tasks.governance.expressions import NOBODY, Asker, Expression
from freshet.tasks.store import schemas
from freshet.tasks.store.commits import insert_all_new
from freshet.tasks.store.predicates import equals

if TYPE_CHECKING:
    from lancedb.table import Table

    from freshet.tasks.governance.policy import Scope
    from freshet.tasks.store.tables import Store


@dataclass(frozen=True)
class AccessClass:
    """A row of `schemas.access_classes`.

    Attributes:
        access: the id of the class.
        revision: counts the changes of a corpus's classes from 1; rows that were written together share it.
        rule: the glob of the rule; None for the source's own `acl`.
        expression, meanwhile: texts of expressions (`Expression.text`).
        after: the decision that publishes `expression` has a higher number; None for a class that was new.
        effective_from: when it was put on record.
    """

    access: str
    revision: int
    corpus: str
    source: str
    rule: str | None
    expression: str
    meanwhile: str
    after: int | None
    effective_from: datetime
    run_id: str

    def is_waiting(self, published: int) -> bool:
        """Whether no release has published it yet.

        Args:
            published: `Standing.published`, 0 before the first release.
        """
        return _is_waiting(self.after, published)


def _is_waiting(after: int | None, published: int) -> bool:
    return after is not None and after >= published


def list_classes(store: Store, corpus: str) -> dict[str, AccessClass]:
    """The newest row of each class of a corpus, by its id."""
    rows = store.ledger.rows(schemas.ACCESS_CLASSES, equals("corpus", corpus))
    return {row["access"]: AccessClass(**row) for row in sorted(rows, key=lambda row: row["revision"])}


def newest_revision(store: Store, corpus: str) -> int:
    """Number of the newest change of a corpus's classes; 0 before the first."""
    rows = store.ledger.rows(schemas.ACCESS_CLASSES, equals("corpus", corpus), ["revision"])
    return max((row["revision"] for row in rows), default=0)


def in_force(classes: Mapping[str, AccessClass], published: int) -> dict[str, Expression]:
    """What holds for each class now."""
    return {
        access: Expression.read(one.meanwhile if one.is_waiting(published) else one.expression)
        for access, one in classes.items()
    }


def read_in_force(store: Store, corpus: str, published: int) -> Mapping[str, Expression]:
    """What holds for each class of a corpus now, as `in_force` says.

    The table is read again only where it has another version than when it was read last.
    """
    table = store.ledger.find(schemas.ACCESS_CLASSES)
    return {} if table is None else _in_force_at(store, corpus, int(table.version), published)


@lru_cache(maxsize=64)
def _in_force_at(store: Store, corpus: str, version: int, published: int) -> Mapping[str, Expression]:
    columns = ["access", "revision", "expression", "meanwhile", "after"]
    query = store.ledger.at(schemas.ACCESS_CLASSES, version).search().where(equals("corpus", corpus)).select(columns)
    rows = query.to_arrow().to_pylist()
    newest = {row["access"]: row for row in sorted(rows, key=lambda row: row["revision"])}
    return {
        access: Expression.read(row["meanwhile"] if _is_waiting(row["after"], published) else row["expression"])
        for access, row in newest.items()
    }


def once_published(classes: Mapping[str, AccessClass]) -> dict[str, Expression]:
    """What will hold for each class once the next release is published."""
    return {access: Expression.read(one.expression) for access, one in classes.items()}


def admitting(expressions: Mapping[str, Expression], asker: Asker) -> frozenset[str]:
    """The classes that let somebody in. A class of which nothing is known is not among them."""
    return frozenset(access for access, expression in expressions.items() if expression.admits(asker))


def record_scopes(
    store: Store,
    corpus: str,
    scopes: Iterable[Scope],
    *,
    published: int,
    decided: int,
    now: datetime,
    run_id: str,
    are_lost: bool = False,
) -> list[AccessClass]:
    """Puts on record what the settings say of each scope, where that is not what was put on record last.

    Args:
        published: `Standing.published`, 0 before the first release.
        decided: number of the newest decision of any kind, 0 before the first.
        are_lost: whether documents have classes of which nothing is on record any more. Nobody knows what they meant,
            so that they let nobody in until a release publishes what they mean now.

    Returns:
        The rows that were written.
    """
    wanted = {scope.access: scope for scope in scopes}
    while True:
        known = list_classes(store, corpus)
        revision = max((one.revision for one in known.values()), default=0) + 1
        held = in_force(known, published)
        rows = []
        for access, scope in wanted.items():
            text = scope.expression.text
            if access in known and known[access].expression == text:
                continue
            # Nobody has seen anything of a class that is new: documents that come into it leave another one, which
            # their released chunks still carry.
            before = held.get(access, NOBODY if are_lost else None)
            meanwhile = scope.expression if before is None else before.both(scope.expression)
            rows.append(
                AccessClass(
                    access=access, revision=revision, corpus=corpus, source=scope.source, rule=scope.rule,
                    expression=text, meanwhile=meanwhile.text, after=None if before is None else decided,
                    effective_from=now, run_id=run_id,
                )
            )  # fmt: skip
        keys = ("access", "revision")
        if not rows or insert_all_new(
            store.ledger, schemas.ACCESS_CLASSES, schemas.access_classes(), keys, list(map(asdict, rows))
        ):
            return rows


Mark = str | tuple[str, ...]
"""Whom a row lets in: the id of its class, or the list that rows of an earlier version carry in its place."""


def mark_column(table: Table) -> str:
    """The column of a table that says whom its rows let in: `access`, or `acl` where an earlier version made it."""
    return "access" if "access" in table.schema.names else "acl"


def mark_of(row: Mapping[str, Any]) -> Mark:
    """Whom a row lets in."""
    return str(row["access"]) if "access" in row else tuple(row["acl"])


def meaning_of(mark: Mark, expressions: Mapping[str, Expression]) -> Expression:
    """Whom a row's mark lets in. A class of which nothing is known lets nobody in."""
    return expressions.get(mark, NOBODY) if isinstance(mark, str) else Expression.of(mark)
