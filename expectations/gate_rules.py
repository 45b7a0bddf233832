"""The gate's part of the rule book: what a whole state of a corpus is held to before readers move to it.

`GATE-*` speak of the state as a whole, `DOCUMENT-*` and `CHUNK-*` of rows of its tables.
"""

from __future__ import annotations

from freshet.expectations.rule import Rule

_FULL = "Run freshet refresh CORPUS --full."

_STATE = (
    Rule(
        "GATE-SUITE",
        "block",
        "An expectation raised an error or is missing from the results, so nobody knows whether it holds.",
        "Read the run's log for the expectation that the evidence names; it is a fault of Freshet or of its libraries.",
    ),
    Rule(
        "GATE-EXAM-FLOOR",
        "block",
        "Fewer questions of the exam find their document among the first five than gate.recall_at_5 asks for.",
        "Look at the questions that freshet gate CORPUS names; mend the documents, the questions, or lower the floor.",
    ),
    Rule(
        "GATE-EXAM-DROP",
        "block",
        "Answers to the exam are worse than in the last release, by more than gate.max_drop and not by chance.",
        "Look at the questions that freshet gate CORPUS names, and at what changed: model, chunking, or documents.",
        threshold=0.05,
    ),
    Rule(
        "GATE-EXAM-VECTOR",
        "block",
        "Searched by meaning alone, answers to the exam are worse than in the last release, by more than gate.max_drop "
        "and not by chance.",
        "The words may hide it from readers; look at what changed in the model, its pooling, or the passages' vectors; "
        f"{_FULL}",
        threshold=0.01,
    ),
    Rule(
        "GATE-EXAM-TEXT",
        "block",
        "Searched by words alone, answers to the exam are worse than in the last release, by more than gate.max_drop "
        "and not by chance.",
        f"The vectors may hide it from readers; look at what changed in how words are analysed and indexed; {_FULL}",
        threshold=0.01,
    ),
    Rule(
        "GATE-CHUNKING",
        "block",
        "Of the documents whose content, parsing and chunking are those of the last release, a larger share than the "
        "threshold is cut into another number of passages.",
        f"The same is cut in the same way, so look for a fault in what cuts; {_FULL}",
        threshold=0.02,
    ),
    Rule(
        "GATE-DOCUMENT-LOST",
        "block",
        "A document that the last release serves, and that its source still lists, is not in the ledger.",
        "Run freshet refresh CORPUS, which reads it anew.",
    ),
    Rule(
        "GATE-EXAM-QUESTIONS",
        "note",
        "Questions of the exam were set aside: the document that answers them was withdrawn, is too old, or is not for "
        "whoever asks.",
        "Take them out of the golden file, or name the documents that answer them now.",
    ),
    Rule(
        "GATE-ANSWERS",
        "block",
        "Answers to the golden questions fall short of gate.answers: too few are given, supported, rightly cited or, "
        "to those who may not read, refused.",
        "Look at them with freshet ask --exam CORPUS; mend the documents or the questions, or lower the floor.",
    ),
    Rule(
        "GATE-LOSS",
        "block",
        "Documents whose content did not change hold a smaller part of their text than in the last release.",
        f"Find what changed in parsing or chunking; {_FULL}",
        threshold=0.02,
    ),
    Rule("GATE-INDEX-MISSING", "block", "An index that the chunk table should have is not there.", _FULL),
    Rule(
        "GATE-INDEX-LAG",
        "block",
        "An index does not know more than a bounded number of the table's rows yet.",
        _FULL,
        threshold=1000,
    ),
    Rule(
        "GATE-INDEX-RECALL",
        "block",
        "The approximate vector index finds too few of the passages that exact search finds.",
        "Drop the vector index and refresh, which builds it anew.",
        threshold=0.9,
    ),
    Rule(
        "GATE-EMBEDDING",
        "block",
        "Vectors of sampled passages are not those that the model in force gives their texts.",
        f"Check that the model's files are the right ones; {_FULL}",
        threshold=0.98,
    ),
    Rule(
        "GATE-PROBE",
        "block",
        "A search as one principal gave a passage of a document that this principal may not see.",
        f"Tell whoever answers for access; {_FULL}",
    ),
    Rule(
        "GATE-POLICY",
        "block",
        "The ledger lets somebody see a document whom the settings of its source do not.",
        f"Compare acl and access of the source with what the evidence names; {_FULL}",
    ),
)
_DOCUMENTS = (
    Rule("DOCUMENT-REPEATED", "block", "A document id occurs more than once in the ledger.", _FULL),
    Rule("DOCUMENT-INCOMPLETE", "block", "A required field of a document's ledger row is empty.", _FULL),
    Rule("DOCUMENT-HASH", "block", "An id or hash of a document's ledger row is not of the right form.", _FULL),
    Rule(
        "DOCUMENT-PRINCIPAL",
        "block",
        "A document's access class is not known, so nobody may see it.",
        _FULL,
    ),
    Rule(
        "DOCUMENT-USE",
        "block",
        "A document's permitted uses are empty or unknown.",
        "Write retrieval, training, or both in uses.",
    ),
    Rule(
        "DOCUMENT-UNSERVED",
        "block",
        "A document has a good version but no chunk, and no verdict says why; or it has chunks but no good version.",
        _FULL,
    ),
    Rule("DOCUMENT-GAP", "block", "A document's chunks are not numbered without a gap, so some are missing.", _FULL),
    Rule(
        "DOCUMENT-DATES",
        "warn",
        "A document would be blocked for its age before it is marked stale.",
        "Check freshness of its source.",
    ),
)
_CHUNKS = (
    Rule("CHUNK-INCOMPLETE", "block", "A required field of a chunk is empty.", _FULL),
    Rule("CHUNK-HASH", "block", "An id or hash of a chunk is not of the right form.", _FULL),
    Rule("CHUNK-SPAN", "block", "A chunk's place in its document is impossible, or not as long as its text.", _FULL),
    Rule("CHUNK-TEXT", "block", "A chunk's text is empty, or is not the text that its hash was made of.", _FULL),
    Rule(
        "CHUNK-TOKENS",
        "warn",
        "A chunk has more tokens than chunking.max_tokens allows, or none.",
        "Run freshet refresh CORPUS --full, or raise chunking.max_tokens.",
    ),
    Rule(
        "CHUNK-PRINCIPAL",
        "block",
        "A chunk's access class is not known, so nobody may see it.",
        _FULL,
    ),
    Rule("CHUNK-PAGES", "block", "A chunk's last page comes before its first.", _FULL),
)

GATE_RULES: tuple[Rule, ...] = (*_STATE, *_DOCUMENTS, *_CHUNKS)
