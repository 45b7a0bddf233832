"""Renders what `freshet maintain` prints for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from freshet.flows.command.texts.lines import text_of


def size_text(size: int) -> str:
    """Renders bytes as people read them: 1536 → '1.5 kB'."""
    number, unit = float(size), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if number < 1000 or unit == "TB":
            break
        number /= 1000
    return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"


def maintained_text(found: Sequence[Mapping[str, Any]], dry_run: bool) -> str:
    """Renders what was removed from each corpus and dataset, or would be."""
    lines = []
    for one in found:
        if one["outcome"] == "empty":
            lines.append(f"{one['target']}: nothing is there yet")
            continue
        lines.append(f"{one['target']}: {_outcome(one, dry_run)}")
        lines += [
            f"  {part['count']:>8,} {_kind(part, dry_run):<44} {size_text(part['bytes']) if part['bytes'] else '':>10}"
            for part in one["freed"]
        ]
        if one["release"]:
            lines.append(f"           readers moved to release {one['release']}, which holds the same in fewer files")
        lines += [f"  note: {note}" for note in one["notes"]]
    return text_of(lines)


def _outcome(one: Mapping[str, Any], dry_run: bool) -> str:
    if one["outcome"] == "busy":
        return "left alone"
    if not one["freed"]:
        return "nothing to do"
    if dry_run:
        return f"would free {size_text(sum(part['bytes'] for part in one['freed']))} of {size_text(one['before'])}"
    change = one["before"] - one["after"]
    freed = f"freed {size_text(change)}" if change >= 0 else f"took {size_text(-change)} until old versions go"
    return f"{freed}; {size_text(one['before'])} before, {size_text(one['after'])} now"


def _kind(part: Mapping[str, Any], dry_run: bool) -> str:
    kind = "files fewer" if part["kind"] == "compaction" else part["kind"]
    return f"{kind} in {part['where']}"
