"""Renders what `freshet doctor` prints for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def doctor_text(found: Mapping[str, Any], store: str) -> str:
    """Renders the findings, what became of each, and what a repair lost."""
    rows, notes = found["findings"], found.get("notes", [])
    if not rows:
        return f"{store} is healthy.\n"
    lines = []
    for row in rows:
        mended = " (mended)" if row.get("repaired") else ""
        lines.append(f"{row['code']}{mended}  {row['where']}\n    {row['what']}")
        lines += [f"    lost: {one}" for one in row.get("lost", [])]
        if not mended:
            lines.append(f"    {row['mend']}")
    lines += [f"note: {one}" for one in notes]
    left = sum(not row.get("repaired") for row in rows)
    lines.append(f"{len(rows)} findings" + (f", {len(rows) - left} of them mended" if left < len(rows) else ""))
    return "\n".join(lines) + "\n"
