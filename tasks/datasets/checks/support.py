"""Checks that the passage which a row cites holds what the row's answer says."""

from __future__ import annotations

from collections.abc import Iterator

from freshet.tasks.datasets.checks.rows import Row
from freshet.tasks.rules.verdicts import Verdict, verdict
from freshet.tasks.text.normalise import tokens
from freshet.tasks.text.stems import stem
from freshet.tasks.text.unspaced import UNSPACED

# Words that say nothing of the matter, and whole answers that no passage needs to spell out.
_EMPTY_WORDS = frozenset({
    "a", "about", "according", "after", "all", "also", "although", "am", "an", "and", "answer", "any", "are", "as",
    "at", "be", "because", "been", "before", "being", "between", "both", "but", "by", "can", "context", "could",
    "d", "did", "do", "does", "doing", "done", "during", "each", "else", "even", "false", "for", "from", "further",
    "had", "has", "have", "having", "he", "her", "here", "hers", "him", "his", "how", "i", "if", "in", "into", "is",
    "it", "its", "itself", "just", "ll", "m", "may", "me", "mentioned", "might", "more", "most", "must", "my", "no",
    "nor", "not", "of", "off", "on", "one", "only", "onto", "or", "other", "our", "out", "over", "own", "passage",
    "provided", "re", "s", "same", "shall", "she", "should", "so", "some", "stated", "such", "t", "text", "than",
    "that", "the", "their", "theirs", "them", "then", "there", "these", "they", "this", "those", "through", "to",
    "too", "true", "unanswerable", "under", "unknown", "until", "up", "upon", "us", "ve", "very", "was", "we",
    "were", "what", "when", "where", "whether", "which", "while", "who", "whom", "whose", "why", "will", "with",
    "within", "without", "would", "yes", "you", "your", "yours",
})  # fmt: skip


def unsupported(row: Row, least: float) -> Iterator[Verdict]:
    """Yields ANSWER-UNSUPPORTED where too few of the answer's content words stand in the passage.

    A literal span is always supported. An answer without content words (yes, no, a pronoun), or in a script without
    spaces, is not judged. Endings of words do not count: `infected` supports `infection`.

    Args:
        least: the share of the content words that must stand in the passage.
    """
    if not row.passage or not row.learnt or row.cites_literally or UNSPACED.search(row.answer):
        return
    said = tokens(row.answer)
    cited = tokens(row.passage)
    if f" {' '.join(said)} " in f" {' '.join(cited)} ":
        return
    words = {stem(word) for word in said if word not in _EMPTY_WORDS}
    found = words & {stem(word) for word in cited}
    if words and len(found) / len(words) < least:
        yield verdict("ANSWER-UNSUPPORTED", words=len(words), found=len(found), least=least)
