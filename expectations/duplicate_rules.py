"""The rules about documents that say what another one says already."""

from __future__ import annotations

from freshet.expectations.rule import Rule

DUPLICATE_RULES: tuple[Rule, ...] = (
    Rule(
        "DUP-EXACT",
        "note",
        "The document says word for word what another one says; that one answers for both, and this one is hidden.",
        "Nothing; remove the copy from its source to keep one. It comes back by itself when the other one goes.",
    ),
    Rule(
        "DUP-NEAR",
        "note",
        "The document shares at least the threshold of its wording with another one, which answers for both; this one "
        "is hidden.",
        "Nothing; where both are needed, raise the threshold or switch the rule off for the corpus in freshet.yaml.",
        threshold=0.8,
    ),
)
