"""Lines for a terminal, none of which can be more than a line; and the words that several commands share."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from freshet.tasks.governance.expressions import Expression
from freshet.tasks.settings.addresses import escaped


def text_of(lines: Iterable[str]) -> str:
    """The lines as one text. A name with a line break or a control character in it stays within its line, escaped."""
    return "".join(f"{escaped(line)}\n" for line in lines)


def in_words(said: Any) -> str:
    """Says whom an access expression lets in, in the form that settings have: a list as it is, others in words."""
    if said and isinstance(said, list):
        return ", ".join(said)
    return Expression.read(json.dumps(said)).in_words
