"""Brings the texts of an example into one form, and names what was changed.

| transform | what |
|---|---|
| `nfc` | Unicode's composed form, NFC |
| `line-ends` | `\\r\\n`, `\\r`, and Unicode's line and paragraph separators → `\\n` |
| `control-characters` | controls but tab and newline, and marks that turn the direction of text out of place, go |
| `zero-width` | characters without width go where nothing needs them, see `text/invisible.py` |
| `trailing-space` | white space at the end of a text goes |

Arguments of calls and declarations of functions keep their line ends and trailing space: `", "` is a value. So does a
plain prompt, since the trainer sets the answer right behind it.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Any

from freshet.tasks.datasets.shapes.texts import TextKind, change_texts
from freshet.tasks.text.invisible import DIRECTION, find_invisible

NFC, LINE_ENDS, CONTROLS, ZERO_WIDTH, TRAILING = (
    "nfc", "line-ends", "control-characters", "zero-width", "trailing-space",
)  # fmt: skip


@lru_cache(maxsize=1)
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """Returns patterns for line ends, for control characters that are no line ends, and for either."""
    ends, controls = "\r\x85\u2028\u2029", "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f"
    return re.compile(f"\r\n|[{ends}]"), re.compile(f"[{controls}]"), re.compile(f"[{ends}{controls}]")


def normalise_content(content: dict[str, Any], passage: str | None) -> tuple[dict[str, Any], str | None, set[str]]:
    """Returns the content and the cited passage in normal form, and the names of the transforms.

    Applying the function to its result changes nothing.
    """
    done: set[str] = set()

    def change(text: str, kind: TextKind) -> str:
        return normal_text(text, kind, done)

    content, passage = change_texts(content, passage, change)
    return content, passage, done


def normal_text(text: str, kind: TextKind, done: set[str]) -> str:
    """Returns a text in normal form, and adds the names of what was changed to `done`."""
    either = _patterns()[2]
    while True:
        before = text
        if not text.isascii():
            text = _composed_and_seen(text, done)
        if either.search(text):
            text = _without_controls(text, kind, done)
        # What was between two characters may have kept them from composing, or hidden a space at the end.
        if text == before or (text.isascii() and before.isascii()):
            break
    if kind == "text" and text and text[-1].isspace():
        text = text.rstrip()
        done.add(TRAILING)
        return normal_text(text, kind, done)
    return text


def _composed_and_seen(text: str, done: set[str]) -> str:
    """Returns a text in NFC, without characters that have no width or turn the direction of text."""
    if not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", text)
        done.add(NFC)
    found = find_invisible(text)
    mark = text.startswith("\ufeff")
    if found or mark:
        pieces, at = [], int(mark)
        for finding in found:
            pieces.append(text[at : max(at, finding.start)])
            at = max(at, finding.end)
            done.add(CONTROLS if finding.kind == DIRECTION else ZERO_WIDTH)
        text = "".join(pieces) + text[at:]
        if mark:
            done.add(ZERO_WIDTH)
    return text


def _without_controls(text: str, kind: TextKind, done: set[str]) -> str:
    ends, controls, _ = _patterns()
    if kind != "data":
        changed = ends.sub("\n", text)
        if changed != text:
            done.add(LINE_ENDS)
        text = changed
    changed = controls.sub("", text)
    if changed != text:
        done.add(CONTROLS)
    return changed
