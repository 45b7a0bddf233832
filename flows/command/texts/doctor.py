"""Renders what `freshet doctor` prints for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from freshet.flows.command.texts.lines import text_of


def doctor_text(found: Mapping[str, Any], store: str) -> str:
    """Renders the findings, what became of each, and what a repair lost."""
    rows, notes = found["findings"], found.get("notes", [])
    if not rows:
        return text_of([f"{store} is healthy."])
    lines = []
    for row in rows:
        mended = " (mended)" if row.get("repaired") else ""
        lines += [f"{row['code']}{mended}  {row['where']}", f"    {row['what']}"]
        lines += [f"    lost: {one}" for one in row.get("lost", [])]
        if not mended:
            lines.append(f"    {row['mend']}")
    lines += [f"note: {one}" for one in notes]
    left = sum(not row.get("repaired") for row in rows)
    lines.append(f"{len(rows)} findings" + (f", {len(rows) - left} of them mended" if left < len(rows) else ""))
    return text_of(lines)
