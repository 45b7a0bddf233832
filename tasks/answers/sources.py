"""Passages as a language model is given them: between delimiters, and nothing in them that could pass for one.

What a document says is data. Whoever writes it must not be able to end his source, to speak as the user or the system,
or to plant a key. Only the prompt has the texts of this file; the check of support sees the passages as they are.
"""

from __future__ import annotations

import re

from freshet.tasks.answers.answer import Passage
from freshet.tasks.text.invisible import without_misplaced

NONCE = "000000"
"""Stands for a nonce where only the length of a source counts."""

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_TAG = re.compile(r"([<＜﹤])(?=[/|｜!?▁a-z_<＜﹤])", re.IGNORECASE)
"""How a delimiter begins, a tag of HTML, or a token of a chat template like `<|im_start|>`, `<s>` and `<<SYS>>`."""

_TAG_END = re.compile(r"([|｜])(?=[>＞])")
_BRACKET_TOKEN = re.compile(r"([\[［])(?=/?[A-Z_]{2,32}[\]］])")
"""A token like `[INST]` or `[/INST]`."""

_KEY = re.compile(
    r"[\[［(（【〔{<]{1,8}[ \t]{0,2}\^?(?:(?:source|key)[ \t:]{1,2})?(k[a-z0-9]{2,8})[ \t]{0,2}[\]］)）】〕}>]{1,8}",
    re.IGNORECASE,
)
_TURN = re.compile(
    r"^([ \t]{0,8}#{0,6}[ \t*]{0,4}(?:system|user|assistant|human|ai|instructions?|response|question|input|output)"
    r"[ \t*]{0,4})(?=[:：])",
    re.IGNORECASE | re.MULTILINE,
)
"""How a turn begins where a model's template has words in place of tokens: `### Assistant:`, `USER:`."""


def neutral(text: str) -> str:
    """A text that is data, without anything that could pass for a delimiter, a key, or a token of a chat template.

    A space parts such tokens, so that they can still be read. Characters that cannot be seen and are out of place are
    taken out, control characters too.
    """
    text = _SURROGATE.sub("\ufffd", _CONTROL.sub(" ", text.replace("\r\n", "\n")))
    text = _KEY.sub(r"\1", without_misplaced(text))
    text = _TAG_END.sub(r"\1 ", _TAG.sub(r"\1 ", text))
    return _TURN.sub(r"\1 ", _BRACKET_TOKEN.sub(r"\1 ", text))


def neutral_line(text: str) -> str:
    """A title or a heading, as data, on one line."""
    return neutral(" ".join(text.split()))


def source_text(passage: Passage, nonce: str) -> str:
    """A passage under its key, title and headings, between delimiters that carry the nonce."""
    hit = passage.hit
    heads = dict.fromkeys([hit.title, *(hit.heading or "").split(" > ")])
    line = " > ".join(neutral_line(head) for head in heads if head)
    return f"<source {nonce}>\n[{passage.key}] {line}\n{neutral(hit.text)}\n</source {nonce}>\n"
