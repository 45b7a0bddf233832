"""The rules that need more than one document or look outside: altered bytes, where links lead, floods."""

from __future__ import annotations

from freshet.expectations.rule import Rule

PROVENANCE_RULES: tuple[Rule, ...] = (
    Rule(
        "PROV-ALTERED",
        "warn",
        "The content changed although the source said that it had not: it was altered in secret, or was damaged.",
        "Compare the document with a copy that you trust and restore it, then run freshet refresh CORPUS --full.",
    ),
    Rule(
        "PROV-LINK",
        "warn",
        "The document links to a document or a heading of its corpus that is not there.",
        "Correct or remove the links that the evidence names, or restore what they led to.",
    ),
    Rule(
        "PROV-LINK-EXTERNAL",
        "warn",
        "The document links to a web page that is gone.",
        "Correct or remove the links that the evidence names.",
    ),
    Rule(
        "PROV-LINK-REFUSED",
        "note",
        "A link leads to an address that is not public, or that is malformed; it was not checked, and nothing was "
        "connected to.",
        "Nothing, where readers are meant to follow it inside the organisation; otherwise correct or remove it.",
    ),
    Rule(
        "SAFETY-FLOODING",
        "warn",
        "At least as many documents of one source as the threshold are written to be found for one and the same "
        "question, as if to crowd out what others say about it.",
        "Find out who wrote the documents that the evidence names, and keep one of them.",
        threshold=3,
    ),
)
