"""What the command prints for a person: pure renderers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import indent, shorten
from typing import TYPE_CHECKING, Any

from expectations.rules import RULES

if TYPE_CHECKING:
    from tasks.index.search import Answer
    from tasks.settings_file import Problem


def refresh_text(report: Mapping[str, Any]) -> str:
    """The report of a refresh on a terminal."""
    if "documents" not in report:
        return f"{report['corpus']}: {report['outcome']}\n"
    release = f"release {report['release']}" if report["release"] else "no release"
    counts = [f"{n:>7}  {name.replace('_', ' ')}" for name, n in report["documents"].items() if n]
    lines = [
        f"{report['corpus']}: {report['outcome']}; readers see {release}",
        *(counts or ["      0  documents"]),
        f"{report['chunks']} chunks, {report['texts_embedded']} texts embedded, {report['seconds']['total']:.1f} s",
    ]
    for code, n in sorted(report["quarantine"].items()):
        lines.append(f"in quarantine: {n} × {code}: {RULES[code].why} {RULES[code].mend}")
    lines += [f"note: {note}" for note in report["notes"]]
    return "\n".join(lines) + "\n"


def answer_text(answer: Answer) -> str:
    """Hits with their citations."""
    if not answer.hits:
        return "Nothing was found that may be shown.\n"
    blocks = []
    for number, hit in enumerate(answer.hits, 1):
        place = f"page {hit.page}" if hit.page else hit.heading
        cited = [hit.title, *([place] if place else []), f"characters {hit.chars[0]}–{hit.chars[1]}"]
        version = (hit.source_version or "")[:12]
        checked = f"{hit.uri} at {version}, verified {hit.verified_at:%Y-%m-%d}"
        stale = " — stale" if hit.stale else ""
        passage = indent(shorten(hit.text, 600, placeholder=" …"), "    ")
        blocks.append(f"{number}. {', '.join(cited)}{stale}\n{passage}\n    [{checked}; score {hit.score:.3f}]")
    return "\n\n".join(blocks) + "\n"


def releases_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Decisions, one a line."""
    if not rows:
        return "No release yet.\n"
    lines = []
    for row in rows:
        what = f"rollback to {row['rollback_of']}" if row["rollback_of"] else row["outcome"]
        live = "  ← readers" if row["live"] else ""
        size = f"{row['documents']} documents, {row['chunks']} chunks"
        lines.append(f"{row['release']:>5}  {row['published_at']:%Y-%m-%d %H:%M}  {what}: {size}{live}")
        lines += [f"       {reason}" for reason in row["reasons"]]
    return "\n".join(lines) + "\n"


def status_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Each corpus in a few lines."""
    blocks = []
    for row in rows:
        if row["release"] is None:
            blocks.append(f"{row['corpus']}: no release yet; run freshet refresh {row['corpus']}")
            continue
        blocks.append(
            f"{row['corpus']}: release {row['release']}, published {row['published_at']:%Y-%m-%d %H:%M}\n"
            f"  {row['documents']} documents, {row['chunks']} chunks, {row['stale']} stale, "
            f"{row['quarantined']} in quarantine\n"
            f"  last refresh {row['last_run']['as_of']:%Y-%m-%d %H:%M}: {row['last_run']['outcome']}"
        )
    return ("\n".join(blocks) or "freshet.yaml names no corpus") + "\n"


def document_text(found: Mapping[str, Any]) -> str:
    """A document's ledger row, verdicts and chunks."""
    lines = [f"{name:>16}  {value}" for name, value in found["document"].items()]
    lines += [f"{v['severity']:>16}  {v['code']}: {RULES[v['code']].why} {v['evidence']}" for v in found["verdicts"]]
    for chunk in found["chunks"]:
        place = " > ".join(chunk["headings"]) or (f"page {chunk['page_first']}" if chunk["page_first"] else "")
        lines.append(f"{chunk['chunk_id'][:16]}  {chunk['start']}–{chunk['end']}, {chunk['tokens']} tokens  {place}")
    return "\n".join(lines) + "\n"


def quarantine_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Refused documents and their verdicts."""
    if not rows:
        return "Nothing is in quarantine.\n"
    lines = []
    for row in rows:
        serving = " (an earlier version goes on serving)" if row["serving"] else ""
        lines.append(f"{row['path']}{serving}")
        for v in row["verdicts"]:
            rule = RULES[v["code"]]
            lines.append(f"  {v['severity']} {v['code']}: {rule.why} {rule.mend} {v['evidence'] or ''}".rstrip())
    return "\n".join(lines) + "\n"


def check_text(file: Path, problems: Sequence[Problem], notes: Sequence[Problem]) -> str:
    """Problems, then notes, or that all is well."""
    lines = [str(p) for p in problems] + [f"note: {n}" for n in notes]
    lines.append(f"{file.name}: {len(problems)} problems" if problems else f"{file.name} is valid")
    return "\n".join(lines) + "\n"
