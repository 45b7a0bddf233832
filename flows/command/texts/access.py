"""Renders what the commands on access print for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from freshet.flows.command.texts.lines import in_words, text_of


def _scope(row: Mapping[str, Any]) -> str:
    if row["source"] is None:
        return "unknown"
    return f"{row['source']}: {row['rule'] if row['rule'] is not None else 'all that no rule takes'}"


def classes_text(corpus: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Renders the access classes of a corpus."""
    if not rows:
        return f"Nothing is known of who may see what in {corpus}. Type: freshet refresh {corpus}\n"
    lines = []
    for row in rows:
        lines.append(f"{row['documents']:>7}  {_scope(row)}  →  {in_words(row['acl'])}")
        if row["next"] is not None:
            lines.append(f"         once a release is published: {in_words(row['next'])}")
        if row["following"]:
            lines.append(f"         readers still have {row['following']} of them in another class, too")
    return text_of(lines)


def explained_text(found: Mapping[str, Any]) -> str:
    """Renders why somebody may see a document, or may not."""
    asker, now, released = found["asker"], found["now"], found["released"]
    may = "may see" if found["may_see"] else "may not see"
    doubt = "" if asker["is_believed"] else "; the roster is not believed any more"
    lines = [
        f"{found['principal']} {may} {found['document']['path']} of {found['corpus']}:",
        *(f"  {reason}" for reason in found["reasons"]),
        f"asks as {', '.join(asker['principals'])}{doubt}",
        *(f"  {' → '.join(chain)}" for chain in asker["through"].values() if len(chain) > 1),
        f"class {now['access'] or '(a list of an earlier version)'}, {_scope(now)}: {in_words(now['acl'])}",
    ]
    if now["next"] is not None:
        lines.append(f"  once a release is published: {in_words(now['next'])}")
    if released is not None and released["access"] != now["access"]:
        lines.append(
            f"the live release has it in class {released['access']}, {_scope(released)}: {in_words(released['acl'])}"
        )
    if found["document"]["shown_as"]:
        lines.append(f"its text is shown as that of {found['document']['shown_as']}, which is the same")
    return text_of(lines)
