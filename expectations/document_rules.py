"""The rules about what a document says and holds: its dates, its text, hidden text, personal data, secrets."""

from __future__ import annotations

from freshet.expectations.rule import Rule

_DATES = (
    Rule(
        "STALE-REVIEW",
        "warn",
        "The review date that the document states has passed, by more days than the threshold.",
        "Review it, and state the next review date.",
        threshold=0,
    ),
    Rule(
        "STALE-EXPIRED",
        "block",
        "The document states that it is no longer valid: its last day has passed.",
        "Withdraw it from the source, or state a later day.",
    ),
    Rule(
        "STALE-SUPERSEDED",
        "warn",
        "The document names another one that has taken its place.",
        "Withdraw it from the source, or remove the statement.",
    ),
    Rule(
        "STALE-DEPRECATED",
        "warn",
        "The document calls itself deprecated, obsolete, outdated, archived or withdrawn.",
        "Withdraw it from the source, or bring it up to date and change its status.",
    ),
    Rule(
        "STALE-DRAFT",
        "note",
        "The document calls itself a draft.",
        "Finish it and change its status, or exclude it in freshet.yaml.",
    ),
    Rule(
        "STALE-DATE",
        "note",
        "The document states a date for its review or its end that cannot be read.",
        "Write the date as YYYY-MM-DD.",
    ),
    Rule(
        "STALE-FUTURE",
        "warn",
        "The document was changed in the future, by more days than the threshold: a clock was wrong.",
        "Set the clock of the machine that wrote it, and save it again.",
        threshold=1,
    ),
    Rule(
        "STALE-UNVERIFIED",
        "warn",
        "Nobody has compared the document with its source for more days than the threshold.",
        "Make the source reachable and run freshet refresh CORPUS.",
        threshold=30,
    ),
)
_CONTENT = (
    Rule(
        "CONTENT-ENCODING",
        "warn",
        "A larger share of the text than the threshold was read in the wrong encoding, somewhere on its way here.",
        "Save the document again as UTF-8 from its original.",
        threshold=0.001,
    ),
    Rule(
        "CONTENT-GUESSED",
        "note",
        "The file does not say in which encoding its text is, and it is not UTF-8: the encoding was guessed.",
        "Read a line of it with freshet document, and save the file as UTF-8.",
    ),
    Rule(
        "CONTENT-GARBLED",
        "block",
        "A larger share of the text than the threshold cannot be read: no characters, or mostly symbols or no words.",
        "Save the document again from its original; a PDF, with its fonts' character maps.",
        threshold=0.1,
    ),
    Rule(
        "CONTENT-BOILERPLATE",
        "warn",
        "A larger share of the text than the threshold is navigation, site boilerplate or the debris of tables.",
        "Export the page's content without its frame, or exclude it in freshet.yaml.",
        threshold=0.6,
    ),
    Rule(
        "CONTENT-SHORT",
        "warn",
        "The document has fewer words than the threshold, too few to answer anything.",
        "Fill it, merge it into another, or exclude it in freshet.yaml.",
        threshold=10,
    ),
    Rule(
        "CONTENT-LANGUAGE",
        "warn",
        "The text is in none of the corpus's languages, at least as surely as the threshold.",
        "Add the language to the corpus's settings, or exclude the document in freshet.yaml.",
        threshold=0.95,
    ),
    Rule(
        "CONTENT-COVERAGE",
        "block",
        "The chunks hold a smaller share of the document's text than the threshold.",
        "Run freshet refresh CORPUS --full; report the document's kind if that does not help.",
        threshold=0.99,
    ),
    Rule(
        "CONTENT-LEFT-OUT",
        "warn",
        "Parts of the document cannot be read, and are not in its text.",
        "Open it, and save what the evidence names as text in it, or as files of their own.",
    ),
)
_SAFETY = (
    Rule(
        "SAFETY-HIDDEN",
        "warn",
        "The file holds text that its readers cannot see, in more characters than the threshold.",
        "Open it, show the hidden text, and remove what should not be there.",
        threshold=20,
    ),
    Rule(
        "SAFETY-COMMENT",
        "note",
        "The document holds comments, which its readers do not see.",
        "Nothing, unless they hold what should not be known; "
        "the setting parsing.comments makes text of those in Office files and PDFs.",
        threshold=0,
    ),
    Rule(
        "SAFETY-ACTIVE",
        "warn",
        "The file can run a program when it is opened or clicked on: by macros, scripts, DDE, templates.",
        "Remove what the evidence names, with its macros switched off, and save it again.",
    ),
    Rule(
        "SAFETY-EXTERNAL",
        "note",
        "The file loads pictures, data or text from elsewhere when it is opened, or holds files of other programs.",
        "Nothing, unless its readers should not be seen where it loads from; else put in what it links to.",
    ),
    Rule(
        "SAFETY-ZEROWIDTH",
        "note",
        "More characters than the threshold have no width, so that words look the same and are not.",
        "Remove them; they come along when text is copied out of other programs.",
        threshold=0,
    ),
    Rule(
        "SAFETY-BIDI",
        "warn",
        "More characters than the threshold change the direction of text without need, which hides its order.",
        "Remove the direction marks and read what the text says then.",
        threshold=0,
    ),
    Rule(
        "SAFETY-SMUGGLED",
        "block",
        "Invisible characters, more than the threshold, spell a message that only machines read.",
        "Find out who wrote the document, and remove them.",
        threshold=0,
    ),
    Rule(
        "SAFETY-INSTRUCTION",
        "warn",
        "The text gives instructions to a language model instead of information to a reader.",
        "Read the place that the evidence names, and remove it unless it is about such attacks.",
    ),
    Rule(
        "SAFETY-HIDDEN-INSTRUCTION",
        "block",
        "Text that readers cannot see gives instructions to a language model.",
        "Find out who wrote the document, and remove the hidden text.",
    ),
)
_PERSONAL = (
    Rule(
        "PERSONAL-EMAIL",
        "note",
        "The document holds e-mail addresses.",
        "Nothing where they are published contacts, else remove them.",
    ),
    Rule(
        "PERSONAL-PHONE",
        "note",
        "The document holds phone numbers.",
        "Nothing where they are published contacts, else remove them.",
    ),
    Rule(
        "PERSONAL-IBAN",
        "warn",
        "The document holds bank account numbers (IBAN) with a right checksum.",
        "Remove them, unless the account is a published one.",
    ),
    Rule(
        "PERSONAL-CARD",
        "block",
        "The document holds payment card numbers with a right checksum.",
        "Remove them from the source.",
    ),
    Rule(
        "PERSONAL-ID",
        "block",
        "The document holds the numbers by which a state knows a person.",
        "Remove them from the source.",
    ),
)
_SECRETS = (
    Rule(
        "SECRET-KEY",
        "block",
        "The document holds a key or token that opens something.",
        "Revoke it where it was issued, then remove it from the source.",
    ),
    Rule(
        "SECRET-PASSWORD",
        "block",
        "The document holds what looks like a password.",
        "Change it, then remove it from the source.",
    ),
    Rule(
        "SECRET-SAMPLE",
        "note",
        "The document's code holds passwords made of such words as examples have.",
        "Nothing where they are examples; change those that open something, and remove them from the source.",
    ),
)
_PROVENANCE = (
    Rule(
        "PROV-OWNER",
        "warn",
        "The document has no owner who answers for it.",
        "Name an owner for its source in freshet.yaml.",
    ),
    Rule(
        "PROV-LICENCE",
        "note",
        "The document has no licence, so that nobody can tell what may be done with it.",
        "Name a licence for its source in freshet.yaml.",
    ),
    Rule(
        "PROV-HASH",
        "block",
        "The document's content hash is missing, or is none.",
        "Run freshet refresh CORPUS --full.",
    ),
    Rule(
        "PROV-VERSION",
        "warn",
        "The source has versions of its own and gives none for the document.",
        "Refresh again; report the kind of source if that does not help.",
    ),
)

DOCUMENT_RULES: tuple[Rule, ...] = (*_DATES, *_CONTENT, *_SAFETY, *_PERSONAL, *_SECRETS, *_PROVENANCE)
