"""Takes personal data and secrets out of a text."""

from __future__ import annotations

from collections.abc import Sequence

from freshet.tasks.text.findings import replace_findings
from freshet.tasks.text.personal_data import find_personal_data
from freshet.tasks.text.secrets import find_secrets

ROUNDS = 5
"""Rounds of redaction at most. After one round, findings that overlapped the redacted ones may come to light."""


def redacted(text: str, regions: Sequence[str]) -> str:
    """Returns the text with the kind of everything that was found in its place, like `[EMAIL]`.

    Args:
        regions: as for `find_personal_data`.
    """
    for find in (find_secrets, lambda text: find_personal_data(text, regions)):
        for _ in range(ROUNDS):
            found = find(text)
            if not found:
                break
            text = replace_findings(text, found)
    return text
