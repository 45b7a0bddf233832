"""What every row of the document ledger must be.

The columns are facts (tasks/index/gate/facts.py): numbers worked out of the rows, such as how many required
fields are empty. The rows themselves, with their titles and paths, never reach Great Expectations.
"""

from __future__ import annotations

from freshet.expectations.declared import Declared, Suite, between, equal, none_of

DOCUMENTS = Suite(
    name="documents",
    identity="doc_id",
    declared=(
        between("DOCUMENT-REPEATED", "occurrences", 1, 1),
        none_of("DOCUMENT-INCOMPLETE", "empty_fields"),
        none_of("DOCUMENT-HASH", "malformed_hashes"),
        none_of("DOCUMENT-PRINCIPAL", "unknown_classes"),
        between("DOCUMENT-USE", "uses", 1, None),
        none_of("DOCUMENT-USE", "unknown_uses"),
        none_of("DOCUMENT-UNSERVED", "is_unexplained"),
        equal("DOCUMENT-GAP", "numbers_expected", "numbers_found"),
        Declared(
            "DOCUMENT-DATES",
            "ExpectColumnPairValuesAToBeGreaterThanB",
            {"column_A": "blocked_after", "column_B": "stale_after", "ignore_row_if": "either_value_is_missing"},
        ),
    ),
)
