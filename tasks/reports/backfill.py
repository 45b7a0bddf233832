"""Renders the report of a backfill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from freshet.tasks.render.markdown import table
from freshet.tasks.runs.on_server import unless_gone
from freshet.tasks.settings.spans import Window

_HEADS = {
    "corpus": ["window", "to do", "why", "documents", "from kept elements", "chunks", "seconds"],
    "dataset": ["window", "to do", "why", "rows", "seconds"],
}


def backfill_text(report: Mapping[str, Any]) -> str:
    """Renders the report of a backfill on a terminal."""
    blocks = [_text(one, report["dry_run"]) for one in report.get("targets", [])]
    if report["dry_run"] and report["outcome"] == "planned":
        blocks.append("Nothing was done. To do it, type it again with: --no-dry-run")
    return "\n\n".join(blocks) + "\n" if blocks else ""


def render_target(target: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    """Renders the report of a backfill on one target as Markdown, for the Artifacts page."""
    parts = [
        f"# Backfill of {target['target']}: {'plan' if report['dry_run'] else report['outcome']}",
        f"{_counted(target)}. As of {report['as_of'][:16]}; backfill `{target['backfill']}`; "
        f"reprocess {report['reprocess']}, {report['order']} first.",
        *(f"> {note}" for note in target["notes"]),
        table(*_table(target, report["dry_run"])),
    ]
    failed = [[_window(one), one["error"]] for one in target["windows"] if one["error"]]
    if failed:
        parts += ["## What failed", table(["window", "error"], failed)]
    if report["dry_run"]:
        parts.append("Nothing was done: this is the plan. Run it with `dry_run` off (`--no-dry-run`) to do it.")
    return "\n\n".join(parts) + "\n"


def publish_target(target: Mapping[str, Any], report: Mapping[str, Any], key: str) -> None:
    """Makes an artifact of what a backfill says of one target, under a stable key.

    Args:
        key: of the artifact; the Artifacts page shows the history of each key.
    """
    from prefect.artifacts import create_markdown_artifact

    description = f"Backfill of {target['kind']} {target['target']}"
    with unless_gone():
        create_markdown_artifact(render_target(target, report), key=key, description=description)


def _counted(target: Mapping[str, Any]) -> str:
    windows = target["windows"]
    due = [one for one in windows if one["due"]]
    known = [one["seconds"] for one in due if one["seconds"] is not None]
    about = f", about {sum(known):.0f} s" if due and len(known) == len(due) else ""
    return f"{len(due)} of {len(windows)} windows to do{about}"


def _table(target: Mapping[str, Any], is_plan: bool) -> tuple[list[str], list[list[Any]]]:
    head = list(_HEADS[target["kind"]]) + ([] if is_plan else ["became", "came to"])
    return head, [_cells(target["kind"], one, is_plan) for one in target["windows"]]


def _cells(kind: str, one: Mapping[str, Any], is_plan: bool) -> list[Any]:
    def known(value: Any) -> Any:
        return "?" if value is None else value

    work = [known(one["items"])]
    if kind == "corpus":
        work += [known(one["kept"]), known(one["chunks"])]
    cells = [_window(one), "yes" if one["due"] else "no", one["why"], *work, known(one["seconds"])]
    return cells if is_plan else [*cells, one["state"] or "", one["outcome"] or ""]


def _window(one: Mapping[str, Any]) -> str:
    return str(Window(start=datetime.fromisoformat(one["start"]), end=datetime.fromisoformat(one["end"])))


def _text(target: Mapping[str, Any], is_plan: bool) -> str:
    head, rows = _table(target, is_plan)
    lines = [f"{target['kind']} {target['target']}: {_counted(target)}", *_aligned(head, rows)]
    lines += [f"{_window(one)}: {one['error']}" for one in target["windows"] if one["error"]]
    return "\n".join([*lines, *(f"note: {note}" for note in target["notes"])])


def _aligned(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    texts = [list(head), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in texts) for i in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in texts]
