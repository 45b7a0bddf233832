"""An answer as a chat program shows it: Markdown, in which nothing of a document is markup."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from freshet.tasks.answers.answer import REFUSALS
from freshet.tasks.answers.numbering import Numbering, doubt_of, place_of
from freshet.tasks.render.markdown import code, plain
from freshet.tasks.service.conversation import cited_line

if TYPE_CHECKING:
    from freshet.tasks.answers.answer import Answer, Sentence
    from freshet.tasks.search.hits import Hit

ONLY_LAST = "Only your last message was read: there is no language model here to read the conversation with."
NOT_READ = "Only your last message was read: the language model made no question of the conversation."


class ChatText:
    """Writes an answer piece by piece; the pieces together are the message."""

    def __init__(self) -> None:
        """Has written nothing."""
        self._numbering = Numbering()
        self._begun = False

    def remark(self, text: str) -> str:
        """A line before the answer, about it."""
        return f"*{plain(text)}*\n\n"

    def sentence(self, sentence: Sentence) -> str:
        """A sentence, with the numbers of what it cites."""
        numbers = "".join(f"[{one}]" for one in self._numbering.numbers(sentence))
        doubt = doubt_of(sentence)
        before, self._begun = " " if self._begun else "", True
        return f"{before}{plain(sentence.text)} {numbers}" + (f" ({plain(doubt)})" if doubt else "")

    def end(self, answer: Answer) -> str:
        """What follows the sentences: the sources, or why there is no answer."""
        if answer.reason is not None:
            return REFUSALS[answer.reason]
        hits = [citation.passage.hit for citation in self._numbering.first.values()]
        lines = [f"{number}. {_source(hit)}" for number, hit in enumerate(hits, 1)]
        return "\n\n**Sources**\n\n" + "\n".join([*lines, "", cited_line([hit.doc_id for hit in hits])])


def _source(hit: Hit) -> str:
    title, place = plain(hit.title), plain(place_of(hit))
    stale = " — stale" if hit.stale else ""
    if urlsplit(hit.uri).scheme in ("http", "https"):
        where, at = f"[{title}](<{quote(hit.uri, safe=_IN_URLS)}>)", ""
    else:
        where, at = title, f" — {code(hit.uri)}"
    return where + (f", {place}" if place else "") + at + stale


_IN_URLS = ":/?#[]@!$&'()*+,;=%-._~"
"""What stands in an address as it is; anything else could end the link."""
