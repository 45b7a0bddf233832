"""What a suite is made of: expectations under the codes of the rule book."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Declared:
    """One expectation, as Great Expectations knows it, under a rule.

    Attributes:
        code: the rule of the rule book that it stands for. A rule may have several expectations.
        kind: the class of `great_expectations.expectations`, like `ExpectColumnValuesToBeBetween`.
        arguments: what the class takes, like `{"column": "nulls", "max_value": 0}`.
    """

    code: str
    kind: str
    arguments: dict[str, Any] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """The facts that it looks at."""
        return [str(value) for name, value in self.arguments.items() if name.startswith("column")]

    @property
    def key(self) -> str:
        """What tells it from all others of a suite: results are counted by this."""
        given = ", ".join(f"{name}={value}" for name, value in sorted(self.arguments.items()))
        return f"{self.code}: {self.kind}({given})"


@dataclass(frozen=True)
class Suite:
    """The expectations that one table is held to.

    Attributes:
        name: of the table, as reports call it.
        identity: the column by which failing rows are named.
        declared: the expectations.
    """

    name: str
    identity: str
    declared: tuple[Declared, ...]


def between(code: str, column: str, least: float | None, most: float | None) -> Declared:
    """Every value of the column lies between the two, both included; None is no bound."""
    bounds = {"min_value": least, "max_value": most}
    given = {name: value for name, value in bounds.items() if value is not None}
    return Declared(code, "ExpectColumnValuesToBeBetween", {"column": column, **given})


def none_of(code: str, column: str) -> Declared:
    """The column counts faults: it is 0 in every row."""
    return between(code, column, 0, 0)


def equal(code: str, first: str, second: str) -> Declared:
    """Two columns are equal in every row."""
    return Declared(code, "ExpectColumnPairValuesToBeEqual", {"column_A": first, "column_B": second})
