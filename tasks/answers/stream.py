"""Sentences and their citations, out of what a language model writes piece by piece.

Every character is looked at once, in order, and what comes of it depends on the characters before it alone; so it does
not matter where a text is cut into pieces. A sentence is given out once the next one has begun, since a citation behind
its full stop is its own.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from freshet.tasks.answers.citations import CITED, Citing, without_citations
from freshet.tasks.answers.harmless import harmless
from freshet.tasks.answers.prompt import NO_ANSWER
from freshet.tasks.answers.scanner import Scanner
from freshet.tasks.text.borders import sentences

_LONGEST = 1_200
"""Characters after which a sentence without an end is cut, between two words where there are any."""

_NEAR = 64
"""How much of a text before a border decides whether it is one."""

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f]")
_NEW_LINE = re.compile("[\x85\u2028\u2029]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_STOPS = frozenset(".!?…。！？｡\"'”’»›)]}*_`」』）】》")
"""What a sentence may end with."""

_MAY_MARK = re.compile(r"[ \t]{0,40}(?:#{0,6}|[-*+•–]|\d{1,3}[.)]?|`{0,3}|~{0,3})")
_MAY_FENCE = re.compile(r"[ \t]{0,40}(?:`{0,3}|~{0,3})")
_FENCE = re.compile(r"[ \t]*+(?:```|~~~)")
_QUOTE = re.compile(r"[ \t]*+>")
_ITEM = re.compile(r"[ \t]*+([-*+•–]|\d{1,3}[.)])[ \t]")
_WHOLE_LINE = re.compile(r"[ \t]*+(?:#{1,6}[ \t]|\|)")
"""A heading, or a row of a table."""

_STRONG_LINE = re.compile(r"\*\*[^*\n]+\*\*:?\s*")
_RULE = re.compile(r"(?:^|\n)[-=_*]{3,}\s?$")
"""A line across the page, or below a heading."""

_MAY_LABEL = re.compile(r"s(?:o(?:u(?:r(?:c(?:es?\s?:?\s{0,2})?)?)?)?)?", re.IGNORECASE)
_LABEL_ALONE = re.compile(r"\W*(?:sources?|references?|quellen?|citations?)\W*", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Drafted:
    """A sentence that a model wrote, which nobody has checked yet.

    Attributes:
        text: without citations, and with nothing in it that could be rendered.
        keys: what it cites, each once.
        unknown: how many citations of it are none of the keys.
    """

    text: str
    keys: tuple[str, ...]
    unknown: int


class SentenceStream:
    """Takes a model's text as it comes and gives it sentence by sentence.

    Items of lists, headings, rows of tables and lines of code are sentences of their own. A citation belongs to the
    sentence that it stands in or behind, also on the next line. One that stands before the first sentence is that
    sentence's own; and where a sentence begins with its citation, so does one on the next line.
    """

    def __init__(self, keys: Collection[str]) -> None:
        """Knows the keys that may be cited, and has read nothing."""
        self._given: list[Drafted] = []
        self._any = self._marker = False
        self._scanner = Scanner(keys, self._write, self._cite, self._around)
        self._head: str | None = ""  # the beginning of a line, until it is known what kind of line it is
        self._in_fence = self._in_code = self._in_span = False
        self._whole_line = False  # whether the line is a sentence, whatever stands in it
        self._begin()

    def _begin(self) -> None:
        self._text = self._prefix = self._label = ""
        self._cited: dict[str, None] = {}
        self._unknown = 0
        self._ended = self._code = False

    @property
    def declined(self) -> bool:
        """Whether the model has said that the sources do not answer, and nothing else."""
        return self._marker and not self._any

    def feed(self, piece: str) -> list[Drafted]:
        """Reads a piece of any size; returns the sentences that have ended, with their citations taken out."""
        piece = _SURROGATE.sub("\ufffd", _NEW_LINE.sub("\n", piece))
        for char in _CONTROL.sub(" ", piece):
            self._scanner.read(char)
        return self._taken()

    def close(self) -> list[Drafted]:
        """Returns what is left when the text has ended."""
        self._scanner.read("\n")
        self._end_label()
        self._give()
        return self._taken()

    def _taken(self) -> list[Drafted]:
        given, self._given = self._given, []
        return given

    # From text and citations to lines.

    def _around(self) -> tuple[str, bool]:
        return self._text[-_NEAR:], self._in_code or self._in_span

    def _write(self, char: str) -> None:
        if char == "\n":
            self._end_line()
        elif self._head is None:
            self._add(char)
        elif not self._in_fence:
            self._head += char
            if not (_MAY_FENCE if self._in_code else _MAY_MARK).fullmatch(self._head):
                self._begin_line()

    def _begin_line(self) -> None:
        """Enough of the line has been read to say what it is."""
        head, self._head = self._head or "", None
        if _FENCE.match(head):
            self._in_code, self._in_fence, self._head = not self._in_code, True, ""
        elif self._in_code:
            self._begin_sentence("")
            self._code, self._text = True, head
        elif _QUOTE.match(head):
            self._head = ""
            for char in head.lstrip()[1:]:
                self._write(char)
        elif item := _ITEM.match(head):
            self._begin_sentence(f"{item[1]} ")
            self._add_all(head[item.end() :])
        elif _WHOLE_LINE.match(head):
            self._begin_sentence("")
            self._whole_line = True
            self._add_all(head.lstrip(" \t#|"))
        else:
            self._add_all(head)

    def _end_line(self) -> None:
        if self._head and self._head.strip():
            self._begin_line()
        is_blank = self._head is not None
        if not self._code and (rule := _RULE.search(self._text)):
            self._text, self._ended = self._text[: rule.start()], True
        if is_blank or self._in_code or self._whole_line or _STRONG_LINE.fullmatch(self._text):
            self._ended = True
        self._in_fence = self._whole_line = self._in_span = False
        self._head = ""
        self._space("\n")

    # From lines to sentences.

    def _add_all(self, text: str) -> None:
        for char in text:
            self._add(char)

    def _add(self, char: str) -> None:
        if char.isspace():
            self._space(char)
        elif self._label and _MAY_LABEL.fullmatch(self._label + char):
            self._label += char
        else:
            self._end_label()
            if self._ended or self._is_border(char):
                if char in "sS":
                    self._label = char
                    return
                self._give()
            self._append(char)

    def _space(self, char: str) -> None:
        if self._label and _MAY_LABEL.fullmatch(self._label + " "):
            self._label += " "
            return
        self._end_label()
        if self._code and char != "\n":
            self._append(char)
        elif self._text and not self._text[-1].isspace():
            self._text += char
        elif self._text and char == "\n":
            self._text = self._text[:-1] + char

    def _append(self, char: str) -> None:
        if char == "`":
            self._in_span = not self._in_span
        self._text += char
        if len(self._text) > _LONGEST:
            cut = self._text.rfind(" ", _LONGEST // 2)
            rest = self._text[cut + 1 :] if cut > 0 else ""
            self._text = self._text[: len(self._text) - len(rest)]
            code, whole_line = self._code, self._whole_line
            self._give()
            self._code, self._whole_line, self._text = code, whole_line, rest

    def _is_border(self, char: str) -> bool:
        if self._code or self._whole_line:
            return False
        before = self._text[-2 * _NEAR :].rstrip(f"{CITED} \n\t")
        if before and self._text.endswith(f"{CITED}\n") and not char.islower():
            return True  # a line that ends with its citation, of a model that leaves out full stops
        if before[-1:] not in _STOPS:
            return False
        gap = " " if len(before) < len(self._text[-2 * _NEAR :]) else ""
        near = before[-_NEAR:].replace(CITED, " ")
        return any(border >= len(near) for border in sentences(near + gap + char))

    def _end_label(self) -> None:
        """What might have been the label of a citation, `Source:`, is the beginning of a sentence."""
        if self._label:
            label = self._label
            self._give()
            self._text = label

    def _cite(self, found: Citing) -> None:
        if self._in_fence:
            return
        if self._head is not None:
            if self._head.strip():
                self._begin_line()
            self._head = None
        if ":" in self._label:
            self._label = ""
        self._end_label()
        if self._text.startswith(CITED) and self._text.endswith("\n") and _WORD.search(self._text):
            self._give()
        self._cited |= dict.fromkeys(found.keys)
        self._unknown += found.unknown
        if not self._text.endswith(CITED):
            self._append(CITED)

    def _begin_sentence(self, prefix: str) -> None:
        self._end_label()
        self._give()
        self._prefix = prefix

    def _give(self) -> None:
        """Gives out the sentence that has ended, if it has a word, and begins the next one."""
        text, cited, unknown = _text_of(self._text, self._code), tuple(self._cited), self._unknown
        prefix = self._prefix
        self._begin()
        if " ".join(_WORD.findall(text)).casefold() == NO_ANSWER.casefold():
            self._marker = True
        elif _WORD.search(text) and not _LABEL_ALONE.fullmatch(text):
            self._any = True
            self._given.append(Drafted(prefix + text, cited, unknown))
        elif (cited or unknown) and not self._any:
            self._text, self._cited, self._unknown = CITED, dict.fromkeys(cited), unknown


def _text_of(text: str, in_code: bool) -> str:
    text = harmless(without_citations(text, in_code), in_code)
    return text.rstrip() if in_code else " ".join(text.split()).strip("| ")
