"""What somebody may see of a corpus: which access classes let them in, and how that becomes a filter over its chunks.

Releases that an earlier version of Freshet made carry lists of principals in place of classes; they are read as they
are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from freshet.tasks.errors import AccessCheckFailed, FreshetError
from freshet.tasks.governance.expressions import Asker, Expression
from freshet.tasks.ledger.access_classes import Mark, admitting, mark_column, mark_of, read_in_force
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import both, either, is_any, is_none, permits

if TYPE_CHECKING:
    from lancedb.table import Table

    from freshet.tasks.ledger.releases import Release, Standing
    from freshet.tasks.store.tables import Store


@dataclass(frozen=True)
class Sight:
    """Somebody who asks, and the access classes of a corpus that let them in.

    Attributes:
        is_known: whether anything is known of the classes of the corpus.
    """

    asker: Asker
    classes: frozenset[str]
    is_known: bool = True

    def admits(self, mark: Mark) -> bool:
        """Whether a row with this mark may be seen."""
        return mark in self.classes if isinstance(mark, str) else Expression.of(mark).admits(self.asker)

    def chunks_of(self, table: Table) -> str:
        """The predicate that the chunks of a table meet which may be seen by what they carry themselves.

        Raises:
            AccessCheckFailed: they carry classes, and nothing is known of any.
        """
        if mark_column(table) == "access":
            if not self.is_known:
                raise AccessCheckFailed(
                    "the access classes are gone, so nothing is shown",
                    "Type: freshet refresh CORPUS, which writes them anew, or restore the store from a backup.",
                )
            return is_any("access", sorted(self.classes))
        return permits(sorted(self.asker.principals))


@contextmanager
def reading_classes(corpus: str) -> Iterator[None]:
    """Around what reads the access classes of a corpus.

    Raises:
        AccessCheckFailed: they could not be read.
    """
    try:
        yield
    except FreshetError:
        raise
    except Exception as error:
        raise AccessCheckFailed(
            f"the access classes could not be read ({type(error).__name__}), so nothing is shown", _mend(corpus)
        ) from error


def _mend(corpus: str) -> str:
    return f"Type: freshet doctor --repair, then: freshet refresh {corpus}; or restore the store from a backup."


def sight_of(store: Store, corpus: str, asker: Asker, standing: Standing) -> Sight:
    """What somebody may see of a corpus now.

    Raises:
        AccessCheckFailed: what the access classes mean could not be read.
    """
    with reading_classes(corpus):
        expressions = read_in_force(store, corpus, standing.published)
    return Sight(asker, admitting(expressions, asker), is_known=bool(expressions))


def released_chunks(store: Store, chunks: Table, standing: Standing, sight: Sight) -> str:
    """The predicate that chunks of the live release meet which may be seen.

    A rollback takes back neither what was narrowed nor what was widened. So where readers are back at an earlier
    release, documents that a later one had in another class keep that class, whatever the earlier chunks carry.
    """
    carried = sight.chunks_of(chunks)
    if standing.live.ledger_version == standing.offered.ledger_version:
        return carried
    moved = _moved(store, standing.live, standing.offered)
    if not moved:
        return carried
    let_in = sorted(doc_id for doc_id, mark in moved.items() if sight.admits(mark))
    return either(both(carried, is_none("doc_id", sorted(moved))), is_any("doc_id", let_in))


def _moved(store: Store, live: Release, offered: Release) -> Mapping[str, Mark]:
    """Documents of the live release that the newest state that was published has in another class, with that class."""
    return _moved_between(store, live.corpus, live.ledger_version, offered.ledger_version)


@lru_cache(maxsize=8)
def _moved_between(store: Store, corpus: str, then: int, later: int) -> Mapping[str, Mark]:
    def marks(version: int) -> dict[str, Mark]:
        ledger = store.corpus(corpus).at(schemas.DOCUMENTS, version)
        query = ledger.search().select(["doc_id", mark_column(ledger)])
        return {row["doc_id"]: mark_of(row) for batch in query.to_batches() for row in batch.to_pylist()}

    held, since = marks(then), marks(later)
    return {doc_id: since[doc_id] for doc_id, mark in held.items() if doc_id in since and since[doc_id] != mark}
