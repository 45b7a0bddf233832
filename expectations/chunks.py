"""What every row of the chunk table must be.

The columns are facts (tasks/index/gate/facts.py): numbers worked out of the rows, such as how long a text is.
The texts themselves never reach Great Expectations, so no report of it can quote one.
"""

from __future__ import annotations

from freshet.expectations.declared import Declared, Suite, between, equal, none_of


def chunk_suite(max_tokens: int) -> Suite:
    """The suite over the chunk table of a corpus whose chunks may have so many tokens."""
    return Suite(
        name="chunks",
        identity="chunk_id",
        declared=(
            none_of("CHUNK-INCOMPLETE", "empty_fields"),
            none_of("CHUNK-HASH", "malformed_hashes"),
            between("CHUNK-SPAN", "start", 0, None),
            between("CHUNK-SPAN", "ordinal", 0, None),
            equal("CHUNK-SPAN", "span", "characters"),
            between("CHUNK-TEXT", "characters", 1, None),
            none_of("CHUNK-TEXT", "is_altered"),
            between("CHUNK-TOKENS", "tokens", 1, max_tokens),
            none_of("CHUNK-PRINCIPAL", "unknown_classes"),
            Declared(
                "CHUNK-PAGES",
                "ExpectColumnPairValuesAToBeGreaterThanB",
                {
                    "column_A": "page_last",
                    "column_B": "page_first",
                    "or_equal": True,
                    "ignore_row_if": "either_value_is_missing",
                },
            ),
        ),
    )
