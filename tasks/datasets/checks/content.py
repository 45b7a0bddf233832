"""Checks that a row holds anything, and that its prompt can be answered."""

from __future__ import annotations

import re
from collections.abc import Iterator

from freshet.tasks.datasets.checks.rows import Row
from freshet.tasks.datasets.shapes.example import message_text
from freshet.tasks.rules.verdicts import Verdict, verdict

_LINK = r"<?(?:https?://|www\.)[^\s<>]+>?"
_IMAGE = (
    r"!\[[^\]\n]*\]\([^)\n]*\)"  # Markdown's
    r"|<(?:image|img|video|audio|file|attachment)(?:\s[^>\n]*)?/?>"
    r"|\[(?:image|picture|photo|figure|video|audio|file|attachment|screenshot)(?:[ :#][^\]\n]*)?\]"
    r"|\((?:image|picture|photo|video|attachment|screenshot) (?:attached|provided|of [^)\n]*)\)"
    r"|(?:see |please see )?(?:the )?(?:image|picture|photo|file|screenshot|attachment)s? attached"
    r"|(?:see |please see )(?:the )?attach(?:ed(?: (?:image|picture|photo|file|screenshot))?|ment)"
    r"|[\w./\\-]+\.(?:jpe?g|png|gif|bmp|webp|tiff?|heic|mp[34]|wav|avi|mov|pdf|docx?|xlsx?|pptx?)"
)
# Possessive, so that no text makes the time grow with more than its length.
_ONLY_LINK = re.compile(rf"(?:{_LINK}\s*+)++", re.IGNORECASE)
_ONLY_IMAGE = re.compile(rf"(?:(?:{_IMAGE})[.!:\s]*+)++", re.IGNORECASE)
# Words of an instruction that wants the thing behind a link or in a picture, and not the address itself.
_WANTS_CONTENT = re.compile(
    r"\b(?:summar\w+|articles?|passage|pages?|blog|post|story|text|papers?|report|document|news|image|picture|photo\w*"
    r"|painting|video|song|describe|caption|transcri\w+|review|analy[sz]e|read|translate|identify|look at"
    r")\b",
    re.IGNORECASE,
)
_WANTS_ADDRESS = re.compile(
    r"\b(?:urls?|uris?|links?|domains?|hosts?(?:name)?|address\w*|hyperlinks?|protocol|path|query|markdown|html|tag"
    r"|filename|file name|extension|regex|shorten\w*|parse|cite|citation|categori[sz]e|classify)\b",
    re.IGNORECASE,
)


def empties(row: Row) -> Iterator[Verdict]:
    """Yields ROW-EMPTY for every part, and every turn of a person or the assistant, that holds nothing."""
    if row.format != "language_modeling" and not row.turns and not row.prompt.strip():
        yield verdict("ROW-EMPTY", part="prompt")
    for name, answer in row.answers:
        if not answer.strip():
            yield verdict("ROW-EMPTY", part=name)
    last = max((i for i, one in enumerate(row.turns) if one["role"] == "assistant"), default=-1)
    learnt = last if row.format == "conversational" else -1  # named as the answer already
    for number, message in enumerate(row.turns):
        if message["role"] in ("user", "assistant") and number != learnt and not message_text(message).strip():
            yield verdict("ROW-EMPTY", part="turn", turn=number + 1)


def placeholders(row: Row, known: frozenset[str]) -> Iterator[Verdict]:
    """Yields ROW-PLACEHOLDER for every part that is nothing but a placeholder.

    Only the placeholders that the settings name count, since `none` or `n/a` may be the right answer.

    Args:
        known: the placeholders, in the form that `plain` returns.
    """
    parts = [("prompt", row.asked), *row.answers]
    for name, text in parts:
        if len(text) < 100 and plain(text) in known:
            yield verdict("ROW-PLACEHOLDER", part=name)


def plain(placeholder: str) -> str:
    """Returns a placeholder in the form in which placeholders are compared."""
    return placeholder.strip().casefold()


def impossible(row: Row) -> Iterator[Verdict]:
    """Yields ANSWER-IMPOSSIBLE where a prompt is nothing but a link or a picture, or asks about what is behind one.

    A prompt about the address itself can be answered, like one that asks for the domain. A prompt whose link comes with
    the text behind it can be answered, too.
    """
    if row.format == "language_modeling" or row.passage:
        return
    asked = row.asked.strip()
    if _ONLY_LINK.fullmatch(asked):
        yield verdict("ANSWER-IMPOSSIBLE", kind="link")
    elif _is_image(asked):
        yield verdict("ANSWER-IMPOSSIBLE", kind="image or file")
    else:
        # An instruction and, on a line of its own, what it is about.
        instruction, _, given = asked.rpartition("\n")
        if 0 < len(instruction) < 300 and len(given) < 500:
            kind = "link" if _ONLY_LINK.fullmatch(given.strip()) else "image or file" if _is_image(given) else None
            if kind and _WANTS_CONTENT.search(instruction) and not _WANTS_ADDRESS.search(instruction):
                yield verdict("ANSWER-IMPOSSIBLE", kind=kind)


def _is_image(text: str) -> bool:
    return len(text) < 500 and _ONLY_IMAGE.fullmatch(text.strip()) is not None
