"""Tells citations from text, one character at a time.

What may become a citation, a bracket that is open or a word that begins like a key, is held until it is known.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from freshet.tasks.answers.citations import CLOSING, OPENING, Citing, citing

_LONGEST = 120
"""Characters of a citation with its brackets."""

_DEEPEST = 3
_LONGEST_KEY = 12


class Scanner:
    """Hands on text, character by character, and citations, in their order.

    Args:
        keys: those that may be cited, in whatever case.
        write: takes a character of text.
        cite: takes a citation.
        around: tells the text before, and whether it is code.
    """

    def __init__(
        self,
        keys: Collection[str],
        write: Callable[[str], None],
        cite: Callable[[Citing], None],
        around: Callable[[], tuple[str, bool]],
    ) -> None:
        """Has read nothing."""
        self._keys = frozenset(key.lower() for key in keys)
        self._write, self._cite, self._around = write, cite, around
        self._held = ""
        self._last = "\n"

    def read(self, char: str) -> None:
        """Reads the next character. The end of a line ends what is held."""
        if self._held and self._held[0] in OPENING:
            self._read_in_brackets(char)
        elif self._held:
            if _is_ascii_word(char) and len(self._held) <= _LONGEST_KEY:
                self._held += char
            else:
                self._end_word()
                self.read(char)
        elif char in OPENING or (char in "kK" and not _is_ascii_word(self._last)):
            self._held = char
        else:
            self._hand_on(char)

    def _read_in_brackets(self, char: str) -> None:
        if char == "\n" or len(self._held) >= _LONGEST:
            self._give_up()
            self.read(char)
            return
        self._held += char
        if char not in OPENING and char not in CLOSING:
            return
        opened, closed = (sum(map(self._held.count, marks)) for marks in (OPENING, CLOSING))
        if opened > _DEEPEST:
            self._give_up()
        elif opened == closed:
            before, in_code = self._around()
            found = citing(self._held, self._keys, before=before, in_code=in_code)
            if found is None:
                self._give_up()
            else:
                self._held, self._last = "", char
                self._cite(found)

    def _give_up(self) -> None:
        """What is held is no citation as a whole: its first character is text, and the rest is read again."""
        held, self._held = self._held, ""
        self._hand_on(held[0])
        for char in held[1:]:
            self.read(char)

    def _end_word(self) -> None:
        word, self._held = self._held, ""
        if word.lower() in self._keys:
            self._last = word[-1]
            self._cite(Citing((word.lower(),), 0))
        else:
            for char in word:
                self._hand_on(char)

    def _hand_on(self, char: str) -> None:
        self._last = char
        self._write(char)


def _is_ascii_word(char: str) -> bool:
    return char.isascii() and (char.isalnum() or char == "_")
