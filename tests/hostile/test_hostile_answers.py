"""What a model writes, and what a document says to one, is read in time in proportion to it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from freshet.tasks.answers.harmless import harmless
from freshet.tasks.answers.sources import neutral
from freshet.tasks.answers.stream import SentenceStream
from tests.hostile.made_up import texts_of, that_grows_too_fast

CITING = (
    "[k3f]", "[k3f] ", "[", "[a", "([", "k", "k3f ", "k3f, ", "**[k3f]", "`[k3f]", "\\[", "<k", "<b ", "![a](",
    "[a](b", "<!--",
    "Source: ", "Source: [k3f] ", "- ", "1. ", "|", "| a", "#", "```\n", "s", "S. ", "[1]", "[1,", "【", "†", "> ",
    ">", "**", "__",
)  # fmt: skip


def sentences_of(text: str) -> object:
    stream = SentenceStream(["k3f", "k9q"])
    return [*stream.feed(text), *stream.close()]


@pytest.mark.parametrize("read", [sentences_of, harmless, neutral])
def test_a_reader_of_answers_is_linear_on_any_mark_that_is_repeated(read: Callable[[str], object]) -> None:
    assert that_grows_too_fast(read, texts_of([("It is 5. ", piece, "") for piece in CITING])) is None
