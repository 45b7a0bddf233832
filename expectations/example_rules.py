"""The rules about the rows of a fine-tuning dataset: how they read, who permits them, and what they teach."""

from __future__ import annotations

from freshet.expectations.rule import Rule

_ROW_FILE = "Mend the row in its file; the evidence names the file, the line and the field."
_LEFT_OUT = "See what was left out, and why: freshet dataset show NAME --rejected."

_READING = (
    Rule("ROW-UNREADABLE", "block", "The row, or its whole file, cannot be read as what it is meant to be.", _ROW_FILE),
    Rule("ROW-ENCODING", "block", "The row holds bytes or characters that are no text.", "Save the file as UTF-8."),
    Rule("ROW-REPEATED-KEY", "block", "An object of the row names one key twice.", "Keep one of the two."),
    Rule("ROW-LONG", "block", "The line is longer than max_line of its input.", "Split the row, or raise max_line."),
    Rule("ROW-SCHEMA", "block", "A field of the row is missing, or holds something of another kind.", _ROW_FILE),
    Rule("ROW-ROLE", "block", "A turn has a role that no trainer knows, or comes where it cannot.", _ROW_FILE),
    Rule("ROW-EMPTY", "block", "The prompt or an answer of the row is empty.", _ROW_FILE),
    Rule(
        "ROW-PLACEHOLDER",
        "block",
        "The prompt or an answer of the row is a placeholder that stands for no text.",
        "Write what belongs there, or remove the row.",
    ),
)
_PERMISSION = (
    Rule(
        "USE-TRAINING",
        "block",
        "The owner of the row, or of the document that it derives from, does not permit training.",
        "Ask the owner; training is permitted in uses of the input, its permissions, or the document's source.",
    ),
    Rule(
        "USE-AUDIENCE",
        "block",
        "Not everyone in the dataset's audience may see the row, or the document that it derives from.",
        "Narrow audience to those who may use the model, or leave the row out.",
    ),
    Rule(
        "USE-LICENCE",
        "block",
        "The document that the row derives from names no licence, or one that licences of the dataset leaves out.",
        "State the licence of the document's source, or add it to licences.",
    ),
    Rule(
        "USE-DOCUMENT",
        "block",
        "The document that the row derives from is not served by its corpus: unknown, withdrawn or refused.",
        "Refresh the corpus, or correct the document that the row names.",
    ),
    Rule(
        "SPAN-MISSING",
        "block",
        "The answer that the row cites does not stand in its passage or document.",
        "Correct the answer or the passage.",
    ),
    Rule(
        "SPAN-AMBIGUOUS",
        "block",
        "The cited answer stands at two places of the passage, equally near to the stated one.",
        "Correct the place, or decide: freshet dataset review NAME.",
    ),
)
_COPIES = (
    Rule("COPY-EXACT", "block", "Another row is the same in normal form.", "Nothing: one of them is kept."),
    Rule(
        "COPY-NEAR",
        "block",
        "Another row is a near copy: the true Jaccard similarity of their word 5-grams reaches near_duplicates.",
        "Nothing: one of them is kept.",
    ),
    Rule("COPY-PROMPT", "note", "Another row has the same prompt and another answer.", "Nothing, where that is meant."),
    Rule(
        "CONFLICT-LABEL",
        "block",
        "The same text has different classes, so that at least one is wrong.",
        "Decide which class is right: freshet dataset review NAME.",
    ),
    Rule(
        "CONFLICT-ANSWER",
        "warn",
        "The same prompt is answered once as good and once as bad, or a pair says the opposite of another.",
        "Decide which is right: freshet dataset review NAME.",
    ),
)
_TEACHING = (
    Rule(
        "LABEL-SUSPECT",
        "warn",
        "The class is among the least plausible ones, for a model trained on the other rows.",
        "Look at the row: freshet dataset review NAME.",
    ),
    Rule(
        "ANSWER-IMPOSSIBLE",
        "warn",
        "The prompt refers to something that a model cannot see: a bare link, an image, an attachment.",
        "Put what it refers to into the prompt, or remove the row.",
    ),
    Rule("ANSWER-MERGED", "warn", "The row holds several instructions or turns in one text.", "Split the row."),
    Rule("ANSWER-TRUNCATED", "warn", "The answer breaks off.", "Complete the answer, or remove the row."),
    Rule("ANSWER-REFUSAL", "warn", "The answer refuses or speaks of itself as a model.", "Answer, or remove the row."),
    Rule(
        "ANSWER-ARITHMETIC",
        "block",
        "A step of the answer states a wrong result.",
        "Correct the step; the evidence names it.",
    ),
    Rule(
        "ANSWER-UNSUPPORTED",
        "warn",
        "The answer holds fewer of its words in the passage that it cites than the threshold asks for.",
        "Compare the answer with the passage.",
        threshold=0.5,
    ),
    Rule("PAIR-IDENTICAL", "block", "The chosen and the rejected answer are identical.", "Remove the row."),
    Rule(
        "PAIR-ALIKE",
        "block",
        "The chosen and the rejected answer differ in case or punctuation only.",
        "Remove the row.",
    ),
    Rule(
        "PAIR-TRUNCATED",
        "block",
        "The chosen and the rejected answer are identical within tokens.max_tokens.",
        "Raise tokens.max_tokens, or remove the row.",
    ),
    Rule("PAIR-ECHO", "warn", "An answer only repeats the prompt.", "Answer the prompt, or remove the row."),
    Rule(
        "LENGTH-TRUNCATED",
        "warn",
        "The row has more tokens than tokens.max_tokens, so that training would not see its end.",
        "Shorten the row, or raise tokens.max_tokens.",
    ),
    Rule(
        "LENGTH-MASKED",
        "block",
        "The prompt alone fills tokens.max_tokens, so that training would see nothing of the answer.",
        "Shorten the prompt, or raise tokens.max_tokens.",
    ),
    Rule(
        "ROW-PERSONAL",
        "block",
        "The row holds personal data.",
        "Remove it, or say personal_data: redact or allow.",
    ),
    Rule("ROW-SECRET", "block", "The row holds a password, key or token.", "Revoke it, then remove it from the row."),
)
_LEAKS = (
    Rule(
        "LEAK-BENCHMARK",
        "block",
        "The row repeats a benchmark: a whole short text, a near copy, or as many words on end as the threshold.",
        "Nothing: the row is left out.",
        threshold=13,
    ),
    Rule(
        "LEAK-BENCHMARK-REVIEW",
        "warn",
        "The row shares as many words in a row with a benchmark as the threshold says.",
        "Compare the two: freshet dataset review NAME.",
        threshold=8,
    ),
    Rule(
        "LEAK-SPLIT",
        "block",
        "The row repeats one of the dataset's own test or validation rows, so that it may not train.",
        "Nothing: the row is left out, and the other one stays.",
        threshold=13,
    ),
    Rule(
        "LEAK-SPLIT-REVIEW",
        "warn",
        "The row shares as many words in a row with a test or validation row as the threshold says.",
        "Compare the two: freshet dataset review NAME.",
        threshold=8,
    ),
    Rule(
        "REVIEW-DROPPED", "block", "A person decided that the row is left out.", "Decide otherwise, if that was wrong."
    ),
)
_VERSION = (
    Rule("VERSION-ROWS", "block", "Fewer rows are kept than gate.min_rows asks for.", _LEFT_OUT),
    Rule(
        "VERSION-KEPT",
        "block",
        "A smaller share is kept than gate.min_kept asks for.",
        _LEFT_OUT,
    ),
    Rule(
        "VERSION-FILE",
        "block",
        "A file that the last version has rows of cannot be read at all, so that all of them would go.",
        "Restore the file; or, if it is meant to go, remove it.",
    ),
    Rule(
        "VERSION-CHANGE",
        "block",
        "More of the last version's rows would go at once than gate.max_change allows.",
        "See freshet dataset show NAME; raise gate.max_change for this build if the change is meant.",
    ),
    Rule(
        "VERSION-CLASS",
        "block",
        "One class has a larger share than gate.max_class allows.",
        "Add rows of other classes.",
    ),
    Rule(
        "VERSION-SOURCE",
        "block",
        "One input has a larger share than gate.max_source allows.",
        "Add rows of other inputs.",
    ),
    Rule(
        "VERSION-SPLIT",
        "warn",
        "A side of the split has another share of the rows than wanted, by more than split.tolerance.",
        "Groups may be few or uneven: widen tolerance, or group by something finer.",
    ),
    Rule(
        "VERSION-LENGTH-BIAS",
        "warn",
        "The chosen answer is the longer one in a larger share of the pairs than the threshold, or in as small a one.",
        "Add pairs in which the shorter answer is the better one.",
        threshold=0.75,
    ),
    Rule(
        "VERSION-OPENAI",
        "block",
        "Fewer rows are there to train on than OpenAI asks for, whose fine-tuning takes no smaller file.",
        "Add rows, or take openai out of export. To export all the same what there is, say warn or off of this rule.",
        threshold=10,
    ),
    Rule(
        "VERSION-GROUP",
        "block",
        "Rows that belong together are on two sides of the split.",
        "It is a fault of Freshet.",
    ),
)
_ROWS = (
    Rule("EXAMPLE-REPEATED", "block", "An example's id occurs twice in the version.", "It is a fault of Freshet."),
    Rule("EXAMPLE-INCOMPLETE", "block", "A required field of an example is empty.", "It is a fault of Freshet."),
    Rule("EXAMPLE-DIGEST", "block", "An example's digest is not that of its content.", "It is a fault of Freshet."),
    Rule("EXAMPLE-USE", "block", "An example is in the version though training is not permitted.", "Tell its owner."),
    Rule("EXAMPLE-ORIGIN", "block", "An example does not say where it comes from.", "It is a fault of Freshet."),
    Rule(
        "EXAMPLE-SPLIT", "block", "An example is on a side that the split does not have.", "It is a fault of Freshet."
    ),
)

EXAMPLE_RULES: tuple[Rule, ...] = (*_READING, *_PERMISSION, *_COPIES, *_TEACHING, *_LEAKS, *_VERSION, *_ROWS)
"""`ROW-*` … `LEAK-*` speak of single rows, `VERSION-*` of a whole version, `EXAMPLE-*` of rows of its table."""
