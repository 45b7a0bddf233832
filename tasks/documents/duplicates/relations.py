"""What access classes have to do with copies: of two classes, which one covers the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from freshet.tasks.governance.expressions import NOBODY, Expression

if TYPE_CHECKING:
    import pyarrow as pa


def texts_of(classes: pa.ChunkedArray, expressions: Mapping[str, Expression]) -> pa.Array:
    """What each class means, as text."""
    import pyarrow as pa

    encoded = classes.combine_chunks().dictionary_encode()
    texts = [expressions.get(access, NOBODY).text for access in encoded.dictionary.to_pylist()]
    return pa.array(texts, pa.string()).take(encoded.indices)


def relate_as_before(was: pa.Table, expressions: Mapping[str, Expression]) -> bool:
    """Whether of any two classes one covers the other now just where it did when documents were decided.

    Nothing else about what a class means decides between copies. So a change that leaves this as it was, like one of
    the only class of a corpus, leaves every decision as it was.

    Args:
        was: `access` and `expression` of the documents, as they were decided last.
        expressions: what each class means now.
    """
    columns = ["access", "expression"]
    then = {(row["access"], row["expression"]) for row in was.group_by(columns).aggregate([]).to_pylist()}
    now = {access: expressions.get(access, NOBODY) for access, _ in then}
    read = {one: Expression.read(one[1]) for one in then}
    changed = [one for one in then if now[one[0]].text != one[1]]
    return all(
        read[one].implies(read[other]) == now[one[0]].implies(now[other[0]])
        and read[other].implies(read[one]) == now[other[0]].implies(now[one[0]])
        for one in changed
        for other in then
    )
