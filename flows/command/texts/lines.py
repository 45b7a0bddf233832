"""Lines for a terminal, none of which can be more than a line."""

from __future__ import annotations

from collections.abc import Iterable

from freshet.tasks.settings.addresses import escaped


def text_of(lines: Iterable[str]) -> str:
    """The lines as one text. A name with a line break or a control character in it stays within its line, escaped."""
    return "".join(f"{escaped(line)}\n" for line in lines)
