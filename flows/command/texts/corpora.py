"""Renders what the commands on corpora print for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freshet.expectations.rules import RULES
from freshet.flows.command.texts.lines import text_of
from freshet.tasks.ledger.runs import missed_question
from freshet.tasks.reports.page_facts import SCORES
from freshet.tasks.rules.verdicts import with_advice

if TYPE_CHECKING:
    from freshet.tasks.ledger.decisions import Decision
    from freshet.tasks.settings.file import Problem


MOST_NAMED = 5


def refresh_text(report: Mapping[str, Any]) -> str:
    """Renders the report of a refresh on a terminal."""
    if "documents" not in report:
        live = f"; readers see release {report['release']}" if report["release"] else ""
        return text_of([f"{report['corpus']}: {report['outcome']}{live}"])
    release = f"release {report['release']}" if report["release"] else "no release"
    counts = [f"{n:>7}  {name.replace('_', ' ')}" for name, n in report["documents"].items() if n]
    texts = f"{report['texts_embedded']} text{'s' * (report['texts_embedded'] != 1)} embedded"
    lines = [
        f"{report['corpus']}: {report['outcome']}; readers see {release}",
        *(counts or ["      0  documents"]),
        f"{report['chunks']} chunks, {texts}, {report['seconds']['total']:.1f} s",
    ]
    for code, n in sorted(report["quarantine"].items()):
        lines.append(f"in quarantine: {n} × {code}: {RULES[code].why} {RULES[code].mend}")
    lines += [f"note: {note}" for note in report["notes"]]
    lines += [f"report page: {report['page']}"] if report.get("page") else []
    return text_of(lines)


def releases_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Renders the decisions on releases, one a line."""
    if not rows:
        return "No release yet.\n"
    lines = []
    for row in rows:
        what = f"rollback to {row['rollback_of']}" if row["rollback_of"] else row["outcome"]
        live = "  ← readers" if row["live"] else ""
        size = f"{row['documents']} documents, {row['chunks']} chunks"
        lines.append(f"{row['release']:>5}  {row['published_at']:%Y-%m-%d %H:%M}  {what}: {size}{live}")
        lines += [f"       {reason}" for reason in row["reasons"]]
    return text_of(lines)


def gate_text(found: Mapping[str, Any]) -> str:
    """Renders the gate's last decision, its reasons and its exam, as `explain_decision` gives them."""
    readers = f"readers see release {found['live']}" if found["live"] else "readers see no release"
    lines = [
        f"{found['corpus']}: release {found['release']} was {found['outcome']} on "
        f"{found['published_at']:%Y-%m-%d %H:%M}; {readers}",
        f"{found['documents']} documents, {found['chunks']} chunks",
    ]
    why = "because of" if found["outcome"] == "rejected" else "in spite of"
    lines += [f"{why} {with_advice(reason)}" for reason in found["reasons"]]
    if by := found["override"]:
        lines.append(f"{by['who']} published it all the same: {by['why']}")
    lines += _exam_lines(found["exam"]) if found["exam"] else ["exam: it was not sat"]
    if found["outcome"] == "rejected":
        lines.append(f"to publish it all the same: freshet gate {found['corpus']} --override --reason TEXT")
    lines += [f"rule pages: {found['site']}"] if found["site"] else []
    return text_of(line.rstrip() for line in lines)


def _exam_lines(exam: Mapping[str, Any]) -> list[str]:
    """Returns the exam's figures as a table, then what to know about its questions."""
    head, compared = exam["head"], exam.get("comparison")
    origin = f"of {exam['golden']}" if exam.get("golden") else "drawn from the corpus"
    lines = [f"exam: {head['questions']} questions {origin}"]
    changes = compared["measures"] if compared else {}
    if compared and changes:
        lines += [
            f"  on the {compared['questions']} of them that the last release was asked as well:",
            f"  {'':10} {'last':>8} {'now':>8} {'change':>8} {'chance*':>8}",
        ]
    for name, label in SCORES.items():
        if name in changes:
            lines.append(_change_line(label, changes[name]))
        elif head["questions"] and name in head:
            lines.append(f"  {label:10} {head[name]:>8.1%}")
    lines += _half_lines(exam.get("halves") or {})
    if changes:
        lines.append("  * the chance of so great a loss where nothing has become worse")
    if exam.get("not_compared"):
        lines.append(f"  not compared with the last release: {exam['not_compared']}")
    if compared and compared["worse"]:
        lines.append(f"  lost most: {_first(compared['worse'])}")
    lines += [f"  missed: {missed_question(one)}" for one in exam.get("missed", [])]
    if exam.get("set_aside"):
        aside = ["{id} ({reason})".format(**one) for one in exam["set_aside"]]
        lines.append(f"  set aside: {_first(aside)}")
    return lines


def _half_lines(halves: Mapping[str, Any]) -> list[str]:
    """Returns nDCG@10 of each half of a hybrid search by itself, with its change where the release has one, too."""
    lines = []
    for half, found in halves.items():
        compared = found["comparison"]
        if compared:
            lines.append(_change_line(f"by {half}", compared["measures"]["ndcg_at_10"]))
        elif found["head"]["questions"]:
            lines.append(f"  {f'by {half}':10} {found['head']['ndcg_at_10']:>8.1%}")
    return ["  nDCG@10 of each half of the search alone:", *lines] if lines else []


def _change_line(label: str, one: Mapping[str, Any]) -> str:
    change = 100 * (one["new"] - one["old"])
    return f"  {label:10} {one['old']:>8.1%} {one['new']:>8.1%} {change:>+8.1f} {one['p']:>8.3f}"


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def document_text(found: Mapping[str, Any]) -> str:
    """Renders a document's ledger row, verdicts and chunks."""
    lines = [f"{name:>16}  {value}" for name, value in found["document"].items()]
    lines += [f"{v['severity']:>16}  {v['code']}: {RULES[v['code']].why} {v['evidence']}" for v in found["verdicts"]]
    for chunk in found["chunks"]:
        place = " > ".join(chunk["headings"]) or (f"page {chunk['page_first']}" if chunk["page_first"] else "")
        lines.append(f"{chunk['chunk_id'][:16]}  {chunk['start']}–{chunk['end']}, {chunk['tokens']} tokens  {place}")
    return text_of(lines)


def missing_text(read: Mapping[str, Any]) -> str:
    """Renders which words of a document's file are not in the text that was read of it."""
    coverage, lines = read["coverage"], []
    if coverage is None:
        lines.append(f"{read['path']}: it was not compared, since files of its type are read in one way only")
    elif "error" in coverage:
        lines.append(f"{read['path']}: it was not compared, since reading it again failed ({coverage['error']})")
    else:
        lines.append(f"{read['path']}: {coverage['share']:.2%} of {coverage['words']:,} words were read")
        lines += [f"  {one['place']}: {one['text']}" for one in coverage["missing"]]
    lines += [f"  not readable: {count} × {kind}" for kind, count in sorted(read["left_out"].items())]
    return text_of(lines)


def quarantine_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Renders the refused documents and their verdicts."""
    if not rows:
        return "Nothing is in quarantine.\n"
    lines = []
    for row in rows:
        serving = " (an earlier version goes on serving)" if row["serving"] else ""
        lines.append(f"{row['path']}{serving}")
        for v in row["verdicts"]:
            rule = RULES[v["code"]]
            lines.append(f"  {v['severity']} {v['code']}: {rule.why} {rule.mend} {v['evidence'] or ''}".rstrip())
    return text_of(lines)


def check_text(file: Path, problems: Sequence[Problem], notes: Sequence[Problem]) -> str:
    """Renders the problems of a settings file, then the notes; or that the file is valid."""
    found = [str(p) for p in problems] + [f"note: {n}" for n in notes]
    lines = [line for one in found for line in one.split("\n")]
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    lines.append(f"{file.name}: {count}" if problems else f"{file.name} is valid")
    return text_of(lines)


def decided_text(decision: Decision) -> str:
    """Renders what was decided about a refused document."""
    what = f"accepted in spite of {', '.join(decision.codes)}" if decision.kind == "accept" else "to be tried again"
    said = f"{decision.path}: {what}, says {decision.who}. It is on record; the next refresh acts on it"
    return text_of([f"{said}: freshet refresh {decision.corpus}"])


def refused_text(row: Mapping[str, Any], decisions: Sequence[Mapping[str, Any]]) -> str:
    """Renders a refused document with its verdicts, and what was decided about it."""
    text = quarantine_text([row])
    version = row["seen_hash"] or "none could be read"
    lines = [f"  refused version: {version}"]
    for one in decisions:
        why = f": {one['why']}" if one["why"] else ""
        lines.append(f"  {one['at']:%Y-%m-%d %H:%M} {one['kind']} by {one['who']}{why}")
    return text + text_of(lines)
