"""Renders what `freshet dataset` prints for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from freshet.expectations.rules import RULES
from freshet.flows.command.texts.lines import text_of
from freshet.tasks.lineage.places import row_place
from freshet.tasks.reports.build import standing
from freshet.tasks.rules.verdicts import Verdict, describe, with_advice

if TYPE_CHECKING:
    from freshet.tasks.ledger.row_decisions import RowDecision


def build_text(report: Mapping[str, Any]) -> str:
    """Renders the report of a build on a terminal."""
    if "rows" not in report:
        live = f"; version {report['version']} is live" if report["version"] else ""
        return text_of([f"{report['dataset']}: {report['outcome']}{live}"])
    version = report["version"]
    live = f"version {version} {standing(version)}" if version else "there is no version yet"
    rows = report["rows"]
    lines = [f"{report['dataset']}: {report['outcome']}; {live}"]
    if rows["read"]:
        sides = ", ".join(f"{n} {side}" for side, n in report["splits"].items() if n)
        lines.append(f"{rows['read']} rows read, {rows['kept']} kept ({sides or 'none'}), {rows['rejected']} left out")
        lines += _rules_lines(rows["by_code"])
        lines += [_see_left_out(report["dataset"])] if rows["rejected"] else []
    lines += [f"because of {with_advice(reason)}" for reason in report["reasons"]]
    if report["change"] and report["previous"]:
        what = ", ".join(f"{n} {name}" for name, n in report["change"].items() if n) or "the same rows"
        lines.append(f"since version {report['previous']}: {what}")
    if report["review"]:
        lines.append(f"{report['review']} rows wait for a decision: freshet dataset review {report['dataset']}")
    lines += [f"note: {note}" for note in report["notes"]]
    lines += [f"exported: {one['path']}" for one in report["exports"]]
    return text_of([*lines, f"{report['seconds']['total']:.1f} s"])


def _rules_lines(by_code: Mapping[str, int]) -> list[str]:
    return [f"  {n} × {code}: {RULES[code].why} {RULES[code].mend}" for code, n in sorted(by_code.items())]


def _see_left_out(dataset: str) -> str:
    return f"see them: freshet dataset show {dataset} --rejected"


def versions_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Renders the decisions on versions, one a line."""
    if not rows:
        return "No version yet.\n"
    lines = []
    for row in rows:
        live = "  ← live" if row["live"] else ""
        kept = f"{row['rows']['kept']} of {row['rows']['read']} rows"
        what = ", ".join(f"{n} {name}" for name, n in row["change"].items() if n)
        lines.append(
            f"{row['version']:>8}  {row['published_at']:%Y-%m-%d %H:%M}  {row['outcome']}: {kept}"
            + (f"; {what}" if what else "")
            + live
        )
        lines += [f"          {reason}" for reason in row["reasons"]]
    return text_of(lines)


def version_text(found: Mapping[str, Any]) -> str:
    """Renders a version in full."""
    rows = found["rows"]
    lines = [
        f"{found['dataset']} {found['version']}, published {found['published_at']:%Y-%m-%d %H:%M}, "
        f"digest {found['digest'][:16]}",
        f"{rows['read']} rows read, {rows['kept']} kept, {rows['rejected']} left out",
        *_rules_lines(rows["by_code"]),
        *([_see_left_out(found["dataset"])] if rows["rejected"] else []),
        "sides: " + ", ".join(f"{side} {n}" for side, n in found["splits"].items()),
        f"documents that rows derive from: {found['documents']}",
    ]
    for source in found["sources"]:
        lines.append(
            f"from {source['uri']} at {source['source_version'][:12]}: {source['rows_kept']} of "
            f"{source['rows_read']} rows; {source['licence']}, owner {source['owner']}"
        )
    lines += [f"exported: {one['path']}" for one in found["exports"]]
    return text_of(lines)


def left_out_text(found: Mapping[str, Any]) -> str:
    """Renders the rows that a version leaves out, each with the reason (`left_out_rows`)."""
    what = f"{found['dataset']} {found['version']}"
    if found["outcome"] == "rejected":
        what = f"the build of {what}, which the gate refused,"
    by = f", {found['matching']} of them by {found['code']}" if found["code"] else ""
    lines = [f"{what} left {found['rejected']} rows out{by}"]
    for row in found["rows"]:
        lines.append(
            "  ".join([row_place(row["uri"], row["place"], row["field"]), (row["digest"] or "")[:12]]).rstrip()
        )
        lines += [f"    {why}" for why in row["why"]]
        lines += [f"    {name}: {text}" for name, text in (row["excerpt"] or {}).items()]
    more = found["matching"] - len(found["rows"])
    lines += [f"… and {more} more: --limit {found['matching']}"] if more else []
    return text_of(lines)


def diff_text(found: Mapping[str, Any]) -> str:
    """Renders what became of rows between two versions."""
    counts = ", ".join(f"{n} {what}" for what, n in found["change"].items())
    lines = [f"{found['dataset']}: {found['before']} → {found['after']}: {counts}"]
    lines += [f"  {n} removed because of {reason}" for reason, n in found["reasons"].items()]
    for row in found["rows"]:
        why = (
            row.get("reason") or ", ".join(row.get("columns") or ()) or (f"from {row['from']}" if "from" in row else "")
        )
        why += "".join(
            f"; {v['code']} of {v['evidence']['of']}" for v in row.get("verdicts", ()) if "of" in v["evidence"]
        )
        place = row_place(row["uri"], row["place"], row["field"])
        lines.append(
            f"  {row['change']:8} {row['example_id']}  {row['split']:10}  {place}" + (f"  ({why})" if why else "")
        )
    lines += [f"  … and {found['left_out']} more"] if found["left_out"] else []
    return text_of(lines)


def review_text(found: Mapping[str, Any]) -> str:
    """Renders the rows that wait for a person's decision."""
    if not found["rows"]:
        return f"No row of {found['dataset']} waits for a decision.\n"
    lines = []
    for row in found["rows"]:
        lines.append(f"{row['digest'][:12]}  {row['state']}  {row_place(row['uri'], row['place'], row['field'])}")
        lines += [f"    {v['severity']} {describe(Verdict(**v))}" for v in row["verdicts"]]
        for name, value in (row["content"] or {}).items():
            lines.append(f"    {name}: {shorten(str(value), 200, placeholder=' …')}")
    more = found["waiting"] - len(found["rows"])
    lines += [f"… and {more} more: --limit {found['waiting']}"] if more else []
    lines.append(f"Decide: freshet dataset review {found['dataset']} DIGEST keep --why TEXT, or drop")
    return text_of(lines)


def decided_text(made: RowDecision) -> str:
    """Renders what was decided about a row."""
    said = f"{made.digest[:12]}: {made.kind}, says {made.who}. It is on record; the next build acts on it"
    return text_of([f"{said}: freshet dataset build {made.dataset}"])


def exported_text(found: Mapping[str, Any]) -> str:
    """Renders where a version was copied to."""
    copied = f"{found['dataset']} {found['version']}: {found['files']} files copied to {found['folder']}"
    return text_of([f"{copied}; every one is what the manifest says"])
