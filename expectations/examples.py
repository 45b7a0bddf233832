"""What every row of a dataset version must be.

The columns are numbers that tasks/datasets/versions/example_numbers.py works out of the rows, never their texts.
"""

from __future__ import annotations

from freshet.expectations.declared import Suite, between, none_of


def example_suite() -> Suite:
    """The suite over the examples that a version would publish."""
    return Suite(
        name="examples",
        identity="example_id",
        declared=(
            none_of("EXAMPLE-REPEATED", "is_repeated"),
            none_of("EXAMPLE-INCOMPLETE", "empty_fields"),
            none_of("EXAMPLE-DIGEST", "is_altered"),
            none_of("EXAMPLE-USE", "lacks_training"),
            between("EXAMPLE-ORIGIN", "origins", 1, None),
            none_of("EXAMPLE-ORIGIN", "origins_without_place"),
            none_of("EXAMPLE-SPLIT", "has_unknown_side"),
        ),
    )
