"""Checks for known faults of generated answers: turns glued together, text broken off, refusals, wrong arithmetic.

Every rule here would rather miss a bad answer than accuse a good one, since a person has to look at the hits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

from freshet.tasks.datasets.checks.rows import Row
from freshet.tasks.rules.verdicts import Verdict, verdict

_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[^`\n]*$", re.MULTILINE)

# Markers that stand in prompts for models, and nowhere in an answer that ends where it should.
_CHAT_TOKEN = re.compile(
    r"<\|(?:im_start|im_end|user|assistant|system|eot_id|start_header_id|end_header_id|endoftext|end)\|>"
    r"|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>"
)
_INSTRUCTION = re.compile(
    r"^[ \t]*(?:#{2,3}[ \t]*(?:instruction|response)s?|\d+\.[ \t]*instruction)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
_TURN = re.compile(r"^[ \t]*(human|user|assistant|ai|chatgpt|bot)[ \t]*:", re.IGNORECASE | re.MULTILINE)
_PERSON = ("human", "user")
_WANTS_TURNS = re.compile(
    r"\b(?:conversation|dialog(?:ue)?s?|chat\w*|script|transcript|interview|role-?play\w*|turns?|exchange|assistant"
    r"|messages?|prompts?|instructions?|template|tokens?|skit|scene|story)\b",
    re.IGNORECASE,
)

_I = r"(?:i|we)"
_UNABLE = (
    rf"{_I}(?:['’]m| am|['’]re| are) (?:unable|not (?:able|(?:currently )?capable|allowed|permitted|programmed))"
    rf"|{_I} (?:can['’]?t|can ?not|could not|won['’]t|will not|do not have the (?:ability|capability)"
    r"|don['’]t have the (?:ability|capability))"
)
_DENY = (
    r"(?:assist|help(?! (?:but|\w+ing)\b)|fulfil\w*|comply|provide|answer|respond|generate|create|write|produce|engage"
    r"|support|condone|do that|access|browse|view|perform|process|execute|participate|discuss|order|book|predict)\b"
)
_SORRY = (
    r"(?:(?:i['’]?m |i am |we are |we['’]re )?(?:very |so |really |truly )?sorry"
    r"|(?:my |i )?apolog(?:ies|i[sz]e)|unfortunately)"
)
_MODEL = (
    r"as an? (?:\w+ )?(?:ai|artificial intelligence|(?:large )?language model)\b"
    r"(?:[ -](?:powered |based |large )?(?:language )?(?:model|assistant|chatbot|bot|system|program|tool))?"
    r"(?: (?:developed|trained|created|made|named|called) (?:by )?[\w{}]+)?"
)
_REFUSES = re.compile(
    rf"(?:{_SORRY}[^.!?\n]{{0,60}}?[,.!;:]? (?:but |however,? )?(?:{_UNABLE})(?: to)?(?: \w+){{0,2}}? {_DENY}"
    # Without an apology, only what speaks to the person who asked.
    rf"|(?:{_UNABLE})(?: to)? (?:assist|help|fulfil\w*|comply|provide|answer|generate|create|respond|engage)\b"
    r" (?:you with |(?:with |to |in |you |any )*(?:that|this|your|such)"
    r"(?: (?:request|question|prompt|task|content|kind|type)s?\b|[.,;]|$)))",
    re.IGNORECASE,
)
_DISCLAIMS = re.compile(
    rf"(?:{_SORRY},? (?:but )?)?{_MODEL}, (?:{_UNABLE}|{_I} (?:do not|don['’]t|have no|lack|am not|cannot)|i['’]m not)",
    re.IGNORECASE,
)
_QUOTES = "\"'“”‘’*_ \n\t"

_WORD_END = re.compile(r"(?<!\w)\w++\Z")
# Words with which no sentence ends, unless the sentence speaks of the word itself.
_GOES_ON = frozenset(
    ("the", "an", "and", "or", "because", "than", "their", "its", "your", "our", "my", "his", "whose", "which", "into")
)
_GOES_ON_MOSTLY = frozenset(("a", "of", "to", "with", "for", "from", "by"))
_TAGS = ("#", "@", "http")
_SIGNATURES = ("-", "–", "—", "(", "©")
_EMPTY_ITEM = re.compile(r"\n[ \t]*(?:\d{1,3}[.)]|[-*•])\Z")
_PROSE_END = re.compile(r"[.!?][\"'”’)\]]*(?=\s)")
_CODE = re.compile(r"[{};=<>\\|]|\b(?:def|return|import|function|var|class|SELECT|FROM)\b|^(?: {4}|\t)", re.MULTILINE)
_LEAST_WORDS = 8


def merged(row: Row) -> Iterator[Verdict]:
    """Yields ANSWER-MERGED where turns of a conversation or further instructions are glued to an answer.

    Answers to prompts that ask for a dialogue or for instructions pass, and so do answers that begin as a dialogue.
    """
    if not row.learnt or _WANTS_TURNS.search(row.asked):
        return
    prose = _without_code(row.answer)
    if _CHAT_TOKEN.search(prose):
        yield verdict("ANSWER-MERGED", part="answer", kind="markers of a chat template")
    elif (found := _INSTRUCTION.search(prose)) and found.start():
        yield verdict("ANSWER-MERGED", part="answer", kind="further instruction")
    else:
        turns = list(_TURN.finditer(prose))
        speaks_first = bool(turns) and not prose[: turns[0].start()].strip()
        if turns and not speaks_first and turns[0][1].casefold() in _PERSON:
            yield verdict("ANSWER-MERGED", part="answer", kind="further turn", turns=len(turns))


def merged_prompt(row: Row) -> Iterator[Verdict]:
    """Yields ANSWER-MERGED where a prompt holds several numbered instructions with their outputs."""
    if row.learnt and len(_INSTRUCTION.findall(row.asked)) > 2:
        yield verdict("ANSWER-MERGED", part="prompt", kind="several instructions")


def refusal(row: Row) -> Iterator[Verdict]:
    """Yields ANSWER-REFUSAL where an answer begins by declining, or by saying what a model is not."""
    if not row.learnt:
        return
    beginning = row.answer[:400].lstrip(_QUOTES)
    if _DISCLAIMS.match(beginning):
        yield verdict("ANSWER-REFUSAL", kind="speaks of itself as a model")
    elif _REFUSES.match(beginning):
        yield verdict("ANSWER-REFUSAL", kind="declines")


def truncated(row: Row) -> Iterator[Verdict]:
    """Yields ANSWER-TRUNCATED where an answer breaks off, with the first sign that it does.

    An answer that is a span of the cited passage ends where the span was cut, and counts as whole.
    """
    if row.learnt and not row.cites_literally and (sign := _breaks_off(row.answer)):
        yield verdict("ANSWER-TRUNCATED", sign=sign)


def wrong_steps(row: Row) -> Iterator[Verdict]:
    """Yields ANSWER-ARITHMETIC once for each turn with wrong steps; the evidence numbers the first twenty of them."""
    if not (row.learnt or row.format == "language_modeling"):
        return
    for turn, found in groupby(row.steps, key=itemgetter(0)):
        wrong = [step.number for _, step in found if step.right is False]
        if wrong:
            where = {"turn": turn} if turn else {}
            yield verdict("ANSWER-ARITHMETIC", steps=wrong[:20], wrong=len(wrong), **where)


def _without_code(text: str) -> str:
    """Returns the text without its fenced blocks; a block that is not closed reaches to the end."""
    if "```" not in text and "~~~" not in text:
        return text
    kept, position, fence = [], 0, ""
    for found in _FENCE.finditer(text):
        if not fence:
            kept.append(text[position : found.start()])
            fence = found[1]
        elif found[1].startswith(fence):
            position, fence = found.end(), ""
    return "".join(kept) + ("" if fence else text[position:])


def _open_fence(text: str) -> bool:
    """Returns whether a fenced block has no end; a stray fence at the very end opens no block."""
    if "```" not in text and "~~~" not in text:
        return False
    fence = ""
    for found in _FENCE.finditer(text):
        if not fence:
            fence = found[1] if found.end() < len(text) else ""
        elif found[1].startswith(fence) and found[0].strip() == found[1]:
            fence = ""
    return bool(fence) and not text.endswith(fence)


def _breaks_off(answer: str) -> str | None:
    """Returns the first sign that an answer breaks off; None where there is none."""
    text = answer.rstrip()
    if _open_fence(text):
        return "open code block"
    if text[:2] in ('{"', "[{", '["') and _torn_json(text):
        return "open JSON"
    if _EMPTY_ITEM.search(text):
        return "empty list item"
    prose = _without_code(text).rstrip()
    last = prose.rpartition("\n")[2].strip()
    if prose != text or _CODE.search(last):
        return None
    words = last.split()
    if last.endswith(":") and len(words) >= 3 and len(text.split()) >= _LEAST_WORDS:
        return "announces what does not follow"
    if len(words) < _LEAST_WORDS:
        return None
    if last.endswith((",", "(", "—", " -")):
        return "ends within a sentence"
    word = _WORD_END.search(last[-20:])
    if word and (word[0] in _GOES_ON or (word[0] in _GOES_ON_MOSTLY and len(_PROSE_END.findall(prose)) >= 2)):
        return "ends within a sentence"
    return "last sentence has no end" if _only_last_is_open(prose, last) else None


def _torn_json(text: str) -> bool:
    """Returns whether a text is the beginning of JSON, and not the whole of it."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return error.pos >= len(text) or (error.msg.startswith("Unterminated string") and "\n" not in text[error.pos :])
    except (ValueError, RecursionError):  # a number or a depth beyond what is read
        return False
    return False


def _only_last_is_open(prose: str, last: str) -> bool:
    """Returns whether a long line of several sentences has no mark at its end, while all other long lines have one.

    A name, tags or a link after the last sentence need no such mark.
    """
    if not last[-1:].isalnum() or len(_PROSE_END.findall(last)) < 2:
        return False
    open_words = _PROSE_END.split(last)[-1].split()
    if len(open_words) < 3 or open_words[0].startswith(_SIGNATURES):
        return False
    if any(word.startswith(_TAGS) for word in open_words):
        return False
    lines = [line.rstrip() for line in prose.split("\n")[:-1] if len(line.split()) >= _LEAST_WORDS]
    is_name = all(word[0].isupper() for word in open_words)
    return not is_name and all(line[-1] in ".!?:\"'”’)" for line in lines)
