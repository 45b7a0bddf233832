"""What `acl` and `audience` may be: a list of principals, or an expression of several lists."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from freshet.tasks.settings.types import Principal, Strict

ANY_OF, ALL_AND_NONE = "any of", "all and none"
"""Tags of the two ways to write an access list, as they occur in the locations of pydantic's errors."""

Principals = Annotated[list[Principal], Field(min_length=1)]


class AccessExpression(Strict):
    """Whoever is in each of some lists, and in none of another."""

    all: list[Principals] = Field(
        min_length=1, description="lists of principals: whoever reads must be one of each list, like a wiki's page "
        "and the space that it lies in"
    )  # fmt: skip
    none: list[Principal] = Field([], description="principals who may not read, whatever the lists say")


def _way(value: Any) -> str:
    return ALL_AND_NONE if isinstance(value, dict | AccessExpression) else ANY_OF


Acl = Annotated[
    Annotated[Principals, Tag(ANY_OF)] | Annotated[AccessExpression, Tag(ALL_AND_NONE)], Discriminator(_way)
]
"""Who may read: a list, one of which is enough, or an expression."""
