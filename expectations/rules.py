"""The rule book: every rule once, with its code, severity, threshold and the reason in plain words.

A code is an interface: it travels from here to verdicts, reports, documentation and tests, and keeps
its meaning.
"""

from __future__ import annotations

from freshet.expectations.answer_rules import ANSWER_RULES
from freshet.expectations.document_rules import DOCUMENT_RULES
from freshet.expectations.duplicate_rules import DUPLICATE_RULES
from freshet.expectations.example_rules import EXAMPLE_RULES
from freshet.expectations.gate_rules import GATE_RULES
from freshet.expectations.provenance_rules import PROVENANCE_RULES
from freshet.expectations.rule import Rule, Severity

__all__ = ["RULES", "Rule", "Severity"]

_PARSING = (
    Rule("PARSE-EMPTY", "block", "The document holds no text.", "Remove it from the source, or fill it."),
    Rule("PARSE-ENCRYPTED", "block", "The document is locked with a password.", "Save it without a password."),
    Rule(
        "PARSE-CORRUPT",
        "block",
        "The document cannot be read as its type.",
        "Open it and save it again, or restore it.",
    ),
    Rule(
        "PARSE-UNSUPPORTED",
        "block",
        "No parser reads this type of file.",
        "Save it as what the evidence names after convert_to, or exclude it in freshet.yaml.",
    ),
    Rule(
        "PARSE-EXTRA",
        "block",
        "Reading this type needs an optional extra that is not installed.",
        "Install the extra that the evidence names.",
    ),
    Rule(
        "PARSE-COVERAGE",
        "warn",
        "A larger share of the words in the file than the threshold is not in the text that was read of it.",
        "See which with freshet document CORPUS PATH --missing, and save them in another form; report the file's kind.",
        threshold=0.02,
    ),
    Rule(
        "PARSE-TIMEOUT", "block", "Parsing took longer than its limit.", "Split the document, or raise parsing.timeout."
    ),
    Rule(
        "PARSE-STALLED", "block", "The parser stopped making progress.", "Split the document, or raise parsing.stall."
    ),
    Rule(
        "PARSE-MEMORY",
        "block",
        "Parsing needed more memory than its limit.",
        "Split the document, or raise parsing.memory.",
    ),
    Rule(
        "PARSE-CRASHED",
        "block",
        "The parser died on this document.",
        "Open it and save it again; report the file's kind if that does not help.",
    ),
    Rule(
        "PARSE-OUTPUT",
        "block",
        "Parsing gave more output than its limit.",
        "Split the document, or raise parsing.output.",
    ),
)
_SOURCE = (
    Rule(
        "SOURCE-SIZE",
        "block",
        "The file is larger than the source's limit.",
        "Split it, or raise max_size of the source.",
    ),
    Rule(
        "SOURCE-UNREADABLE",
        "block",
        "The source listed the document but could not deliver it.",
        "Check permissions and connection, then refresh again.",
    ),
    Rule(
        "STALE-SOURCE",
        "warn",
        "The document has not changed for longer than its source allows.",
        "Review it; changing it, or freshness.warn_after, ends the warning.",
    ),
    Rule(
        "STALE-BLOCKED",
        "block",
        "The document is older than its source may serve.",
        "Review and change it, or raise freshness.block_after.",
    ),
)
_GATE = (
    Rule("GATE-DUPLICATE-CHUNK", "block", "A chunk id occurs more than once.", "Run freshet refresh CORPUS --full."),
    Rule(
        "GATE-ORPHAN-CHUNK",
        "block",
        "A chunk belongs to no document of the ledger.",
        "Run freshet refresh CORPUS --full.",
    ),
    Rule(
        "GATE-MISSING-CHUNK",
        "block",
        "A document of the ledger lacks chunks that it should have.",
        "Run freshet refresh CORPUS --full.",
    ),
    Rule(
        "GATE-VECTOR",
        "block",
        "A vector is not finite or not of unit length.",
        "Check the model, then run freshet refresh CORPUS --full.",
    ),
    Rule(
        "GATE-ACCESS",
        "block",
        "A chunk has no access list, or another one than its document.",
        "Run freshet refresh CORPUS --full.",
    ),
)

RULES: dict[str, Rule] = {
    rule.code: rule
    for rule in (
        *_PARSING,
        *_SOURCE,
        *DUPLICATE_RULES,
        *DOCUMENT_RULES,
        *PROVENANCE_RULES,
        *_GATE,
        *GATE_RULES,
        *ANSWER_RULES,
        *EXAMPLE_RULES,
    )
}
