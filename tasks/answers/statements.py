"""Which of a model's sentences say anything that could be held against a passage."""

from __future__ import annotations

import re
from collections.abc import Sequence

from freshet.tasks.answers.answer import Passage
from freshet.tasks.answers.stream import Drafted
from freshet.tasks.text.instructions import gives_instructions
from freshet.tasks.text.normalise import normalise


def without_number(text: str, items: set[int]) -> str:
    """The text without the number of an item that goes on with a list: the passages need not number it so.

    Any other number with a full stop may be the answer, and is judged with the text.

    Args:
        items: numbers of the items before, and 0; gets this one as well.
    """
    found = _ITEM.match(text)
    if found is None or int(found[1]) - 1 not in items:
        return text
    items.add(int(found[1]))
    return text[found.end() :]


_ITEM = re.compile(r"(\d{1,3})[.)] (?=.*\w)", re.ASCII)


def is_statement(drafted: Drafted, passages: Sequence[Passage]) -> bool:
    """Whether a sentence says anything: a repeated title does not, nor does a letter, a `Sure!`, a question.

    Orders to a model, which a document may have planted, are for nobody to read.
    """
    if drafted.text.rstrip().endswith(("?", "？", "؟")) or gives_instructions(drafted.text):
        return False
    said = f" {normalise(drafted.text)} "
    for passage in passages:
        for head in (passage.hit.title, *(passage.hit.heading or "").split(" > ")):
            if named := normalise(head):
                said = said.replace(f" {named} ", " ").replace(f" {named} ", " ")
    words = said.split()
    is_short = len(words) < _LEAST_WORDS and said.isascii() and not any(map(str.isdigit, said))
    return bool(words) and (bool(drafted.keys) or not is_short)


_LEAST_WORDS = 3
"""A shorter sentence says something only with a number in it, or a citation, or in a script without spaces."""
