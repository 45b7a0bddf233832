"""Renders the status of a project for a terminal and as an artifact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from freshet.tasks.render.markdown import Markup, table

Row = Mapping[str, Any]


def status_text(found: Row) -> str:
    """Renders each corpus and dataset in a few lines, then the message of a server that gave nothing else.

    Args:
        found: as `freshet.tasks.status.project.project_status` gives it.
    """
    blocks = [_corpus_lines(row) for row in found["corpora"]] + [_dataset_lines(row) for row in found["datasets"]]
    if not blocks:
        return "freshet.yaml names no corpus and no dataset\n"
    server = [[found["server"]["message"]]] if found["server"]["message"] else []
    questions = [lines] if (lines := _question_lines(found["questions"])) else []
    return "\n".join("\n".join(lines) for lines in [*blocks, *questions, *server]) + "\n"


def _question_lines(row: Row) -> list[str]:
    """A line on the questions where there were any, and one on the events that are not on record."""
    lines = []
    if row["asked"]:
        outcomes = ", ".join(f"{count:,} {outcome}" for outcome, count in row["outcomes"].items())
        lines.append(f"questions of the last {row['days']} days: {row['asked']:,} ({outcomes})")
    if row["unwritten"]:
        lines.append(f"events of questions that could not be written into the query log: {row['unwritten']:,}")
    return lines


def _corpus_lines(row: Row) -> list[str]:
    name = row["corpus"]
    if row["release"] is None:
        head = [f"{name}: no release yet; run freshet refresh {name}"]
    else:
        head = [
            f"{name}: release {row['release']}, published {_moment(row['published_at'])}",
            f"  {row['documents']:,} documents, {row['chunks']:,} chunks, {row['stale']:,} stale, "
            f"{row['quarantined']:,} in quarantine",
            *([f"  {_flooding(row)}"] if row["flooding"] else []),
        ]
    return [*head, *_common_lines(row)]


def _flooding(row: Row) -> str:
    return f"{row['flooding']:,} documents answer one question with others (SAFETY-FLOODING): see the report's notes"


def _dataset_lines(row: Row) -> list[str]:
    name = row["dataset"]
    if row["version"] is None:
        head = [f"{name}: no version yet; run freshet dataset build {name}"]
    else:
        head = [
            f"{name}: version {row['version']}, published {_moment(row['published_at'])}",
            f"  {row['rows']['kept']:,} rows ({_sides(row)}), {row['rows']['rejected']:,} rejected, "
            f"{row['review']:,} waiting for review",
        ]
    return [*head, *_common_lines(row)]


def _common_lines(row: Row) -> list[str]:
    lines = [f"  {age(row)}"] if row["overdue"] or row["up_to_date_at"] is not None else []
    if running := row["running"]:
        lines.append(_linked(f"  running since {_moment(running['began_at'])}", running["url"]))
    if last := row["last_run"]:
        lines.append(_linked(f"  last run {_moment(last['ended_at'] or last['began_at'])}: {last['outcome']}", last))
        lines += [f"  waits for you: {reason}" for reason in last.get("degraded", [])]
    if due := row["next_run"]:
        lines.append(f"  next run {_moment(due['at'])}{', late' if due['late'] else ''}")
    return lines


def _linked(text: str, run: Row | str | None) -> str:
    url = run if isinstance(run, str) or run is None else run["url"]
    return f"{text}  {url}" if url else text


def age(row: Row) -> str:
    """Describes how old a corpus or dataset is against its objective."""
    allowed = row["objective_seconds"]
    objective = f"allowed are {span(allowed)}" if allowed is not None else "no objective"
    seconds = row["age_seconds"]
    state = "never brought up to date" if seconds is None else f"up to date {span(seconds)} ago"
    return f"{'OUT OF DATE: ' if row['overdue'] else ''}{state}; {objective}"


def span(seconds: float) -> str:
    """Writes a length of time in its two largest units, like 2 d 3 h."""
    left, parts = int(seconds), []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def status_page(found: Row, now: datetime) -> str:
    """Renders the status of a project as Markdown, for the artifact."""
    parts = [f"# Status\n\nAs of {now:%Y-%m-%d %H:%M %Z}."]
    if late := [row for row in [*found["corpora"], *found["datasets"]] if row["overdue"]]:
        named = ", ".join(row.get("corpus") or row["dataset"] for row in late)
        parts.append(f"> **{len(late)} out of date**: {named}")
    if found["corpora"]:
        head = ["corpus", "release", "age", "documents", "chunks", "stale", "in quarantine", "last run", "next run"]
        parts += ["## Corpora", table(head, [_corpus_cells(row) for row in found["corpora"]])]
        parts += [f"> {row['corpus']}: {_flooding(row)}" for row in found["corpora"] if row["flooding"]]
    if found["datasets"]:
        head = ["dataset", "version", "age", "rows", "splits", "for review", "rejected", "last run", "next run"]
        parts += ["## Datasets", table(head, [_dataset_cells(row) for row in found["datasets"]])]
    parts += [f"> {line}" for line in _question_lines(found["questions"])]
    if found["server"]["message"]:
        parts.append(f"> {found['server']['message']}")
    return "\n\n".join(parts) + "\n"


def _corpus_cells(row: Row) -> Sequence[Any]:
    counts = [row[name] for name in ("documents", "chunks", "stale", "quarantined")]
    return [row["corpus"], row["release"] or "none", age(row), *counts, *_run_cells(row)]


def _dataset_cells(row: Row) -> Sequence[Any]:
    counts = [row["rows"]["kept"], _sides(row), row["review"], row["rows"]["rejected"]]
    return [row["dataset"], row["version"] or "none", age(row), *counts, *_run_cells(row)]


def _run_cells(row: Row) -> list[Markup]:
    def cell(run: Row | None, moment: datetime | None, state: str) -> str:
        if run is None or moment is None:
            return ""
        text = f"{_moment(moment)} {state}".rstrip()
        return f"[{text}]({run['url']})" if run["url"] else text

    last, due = row["last_run"], row["next_run"]
    running = row["running"]
    outcome = f"{last['outcome']}{', degraded' if last.get('degraded') else ''}" if last else ""
    ran = cell(last, last and (last["ended_at"] or last["began_at"]), outcome)
    going = cell(running, running and running["began_at"], "running")
    later = cell(due, due and due["at"], "late" if due and due["late"] else "")
    return [Markup("; ".join(one for one in (going, ran) if one)), Markup(later)]


def _sides(row: Row) -> str:
    return ", ".join(f"{count:,} {side}" for side, count in row["splits"].items() if count)


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def publish_status(found: Row, now: datetime, key: str) -> None:
    """Publishes the status as an artifact.

    Args:
        key: of the artifact; the Artifacts page shows the history of each key.
    """
    from prefect.artifacts import create_markdown_artifact

    create_markdown_artifact(status_page(found, now), key=key, description="Corpora and datasets")
