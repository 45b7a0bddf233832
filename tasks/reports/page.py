"""The page about one refresh: a single HTML file that somebody who has never seen Freshet can read.

Nothing of a document's text is among the facts that it is made of, and every name is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from freshet.expectations.rules import RULES, Severity
from freshet.tasks.render.charts import MOST_POINTS, bar_chart, line_chart, share_chart
from freshet.tasks.render.values import html_text as text
from freshet.tasks.render.values import number
from freshet.tasks.reports.page_facts import ReportFacts, SourceState, VerdictCount
from freshet.tasks.reports.page_style import STYLE

_FATES = {
    "unchanged": "unchanged",
    "added": "added",
    "changed": "changed",
    "moved": "moved",
    "access_changed": "access changed",
    "quarantined": "in quarantine",
    "withheld": "withdrawal withheld",
    "withdrawn": "withdrawn",
}
_EFFECT: dict[Severity, str] = {"block": "kept out", "warn": "served, marked", "note": "recorded only"}
_ORDER: dict[Severity, int] = {"block": 0, "warn": 1, "note": 2}
_WORDS = {
    "document": "one item of a source: a file, a page.",
    "chunk": "a passage of a document, which search finds and a language model is given.",
    "release": "a state of the corpus that passed the gate. Readers see the newest one and nothing else.",
    "gate": "the checks and the exam that a new state has to pass before readers see it.",
    "exam": "questions whose answers are known. The score says how often search finds them.",
    "quarantine": "where a document waits that a rule keeps out. An earlier good version of it goes on serving.",
    "verdict": "what a check found about one document. It names kinds and places, never what the document says.",
}


def sentence(facts: ReportFacts) -> str:
    """Describes what happened in one or two sentences."""
    live = f"release {facts.release}" if facts.release else None
    changed = sum(facts.documents.get(name, 0) for name in ("added", "changed", "moved", "access_changed", "withdrawn"))
    documents = f"{number(changed)} document{'s' * (changed != 1)}"
    if facts.outcome == "released":
        return f"{documents} differed from before; the new state passed the gate, and readers now see {live}."
    if facts.outcome == "unchanged":
        return f"Nothing that readers see has changed. They go on seeing {live or 'no release'}."
    still = f"Readers go on seeing {live}, as before." if live else "Readers see no release."
    if facts.outcome == "rejected":
        return f"{documents} differed from before, but the new state did not pass the gate. {still}"
    return f"The refresh did not run to its end. {still}"


def render_report_page(facts: ReportFacts) -> str:
    """Renders the page as HTML. It refers to no other host, runs no script, and fits on paper."""
    sections = [
        _head(facts),
        _reasons("Why it was turned down", facts.reasons, "alarm"),
        _reasons("Please read", facts.notes, "notice"),
        _figures(facts),
        _fates(facts),
        _quality(facts),
        _verdicts(facts.verdicts),
        _sources(facts.sources),
        _ages(facts),
        _size(facts),
        _time(facts),
        _foot(facts),
    ]
    title = f"{text(facts.corpus)}: {text(facts.outcome)}, {facts.as_of:%Y-%m-%d}"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="color-scheme" content="light dark">'
        f"<title>{title}</title><style>{STYLE}</style></head><body><main>\n"
        + "\n".join(section for section in sections if section)
        + "\n</main></body></html>\n"
    )


def _section(title: str, explained: str, body: str) -> str:
    line = f'<p class="explained">{explained}</p>' if explained else ""
    return f"<section><h2>{text(title)}</h2>{line}{body}</section>" if body else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], label: str, numeric: Sequence[int] = ()) -> str:
    """Returns an HTML table of cells that are HTML already."""
    body = []
    for row in rows:
        cells = (f"<td{' class=n' if place in numeric else ''}>{cell}</td>" for place, cell in enumerate(row))
        body.append(f"<tr>{''.join(cells)}</tr>")
    names = (
        f'<th scope="col"{" class=n" if place in numeric else ""}>{text(name)}</th>' for place, name in enumerate(head)
    )
    return (
        f'<div class="wide"><table aria-label="{text(label)}"><thead><tr>{"".join(names)}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _head(facts: ReportFacts) -> str:
    moment = f"{facts.as_of:%-d %B %Y, %H:%M} {facts.as_of.tzname() or ''}".strip()
    return (
        f'<header><p class="kind">Refresh of a corpus, as of {text(moment)}</p>'
        f'<h1>{text(facts.corpus)} <span class="badge {text(facts.outcome)}">{text(facts.outcome)}</span></h1>'
        f'<p class="lead">{text(sentence(facts))}</p></header>'
    )


def _reasons(title: str, reasons: Sequence[str], kind: str) -> str:
    if not reasons:
        return ""
    items = "".join(f"<li>{text(reason)}</li>" for reason in reasons)
    return f'<section class="box {kind}"><h2>{text(title)}</h2><ul>{items}</ul></section>'


def _figures(facts: ReportFacts) -> str:
    newest = facts.history[-1] if facts.history else None
    figures = [
        ("documents in the corpus", number(newest.documents) if newest else "–"),
        ("passages that search can find", number(facts.chunks)),
        ("documents in quarantine", number(facts.documents.get("quarantined", 0))),
    ]
    if newest and facts.main_score and facts.main_score in newest.scores:
        figures.insert(0, (f"exam score ({facts.main_score})", f"{100 * newest.scores[facts.main_score]:.1f} %"))
    cells = "".join(f"<div><dd>{value}</dd><dt>{text(name)}</dt></div>" for name, value in figures)
    return f'<dl class="figures">{cells}</dl>'


def _fates(facts: ReportFacts) -> str:
    parts = {fate: facts.documents.get(name, 0) for name, fate in _FATES.items()}
    texts = f"{number(facts.texts_embedded)} text{'s were' if facts.texts_embedded != 1 else ' was'} new to the index."
    chart = share_chart({"": parts}, "documents by what became of them").inline()
    return _section("What became of the documents", texts, _figure(chart))


def _figure(chart: str, caption: str = "") -> str:
    name = f"<figcaption>{caption}</figcaption>" if caption else ""
    return f'<figure class="wide">{name}{chart}</figure>' if chart else ""


def _quality(facts: ReportFacts) -> str:
    history = [point for point in facts.history if point.scores][-MOST_POINTS:]
    names = list(dict.fromkeys(name for point in history for name in point.scores))
    names.sort(key=lambda name: name != facts.main_score)
    series = {name: [point.scores.get(name) for point in history] for name in names[:4]}
    has_floor = facts.floor is not None and facts.main_score in series
    floor = (f"least {facts.main_score} {100 * (facts.floor or 0):.0f} %", facts.floor or 0.0) if has_floor else None
    chart = line_chart(
        [str(point.release) for point in history],
        series,
        f"Exam scores of the last {len(history)} releases",
        marks=[not point.published for point in history],
        floor=floor,
        percent=True,
    ).inline()
    rows = [
        [
            str(point.release),
            f"{point.at:%Y-%m-%d}",
            "published" if point.published else "rejected",
            *(f"{100 * point.scores[name]:.1f} %" if name in point.scores else "–" for name in series),
        ]
        for point in reversed(history)
    ]
    head = ["release", "decided", "outcome", *series]
    table = _table(head, ([text(c) for c in row] for row in rows), "exam scores", range(3, 3 + len(series)))
    return _section(
        "Quality over releases",
        "How well search finds the answers to questions whose answers are known. Hollow points were rejected, "
        "and readers never saw them.",
        f"{_figure(chart)}{_details(table)}" if chart else "",
    )


def _details(table: str) -> str:
    return f"<details><summary>The figures</summary>{table}</details>"


def _verdicts(verdicts: Sequence[VerdictCount]) -> str:
    rows = []
    for one in sorted(verdicts, key=lambda v: (_ORDER[v.severity], -v.documents, v.code, v.source)):
        rule = RULES.get(one.code)
        why, mend = (rule.why, rule.mend) if rule else ("This rule is no longer in the rule book.", "")
        rows.append(
            [
                f'<span class="severity {one.severity}">{text(_EFFECT[one.severity])}</span>',
                f"{text(why)} <code>{text(one.code)}</code>",
                _name(one.source),
                number(one.documents),
                text(mend),
            ]
        )
    if not rows:
        return _section(
            "What the checks found", "", '<p class="fine">Nothing to report: every document passed every check.</p>'
        )
    table = _table(["effect", "what was found", "source", "documents", "what to do"], rows, "verdicts", [3])
    return _section("What the checks found", "By rule and source, the gravest first.", table)


def _sources(sources: Sequence[SourceState]) -> str:
    rows = []
    for one in sources:
        state = "read to the end" if one.complete else f"not read to the end: {one.error or 'no reason given'}"
        kind = "fine" if one.complete else "bad"
        rows.append(
            [
                _name(one.name),
                text(one.kind),
                text(one.owner),
                number(one.listed),
                f'<span class="{kind}">{text(state)}</span>',
            ]
        )
    table = _table(["source", "kind", "owner", "documents", "state"], rows, "sources", [3]) if rows else ""
    return _section("Sources", "Where the documents come from, and who answers for them.", table)


def _name(source: str) -> str:
    """Returns a source's name, which may be long, as HTML with places where its line may break."""
    return f'<span class="from">{text(source).replace("/", "/<wbr>")}</span>'


def _ages(facts: ReportFacts) -> str:
    chart = bar_chart(facts.ages, "documents by age").inline() if sum(facts.ages.values()) else ""
    return _section("Age of the documents", f"Since their last change, on {facts.as_of:%-d %B %Y}.", _figure(chart))


def _size(facts: ReportFacts) -> str:
    history = [point for point in facts.history if point.published][-MOST_POINTS:]
    if not history:
        return ""
    labels = [str(point.release) for point in history]
    charts = (
        ("Documents", [float(point.documents) for point in history]),
        ("Chunks", [float(point.chunks) for point in history]),
    )
    drawn = "".join(
        _figure(
            line_chart(labels, {name: values}, f"{name} in the last {len(history)} releases", size=(430, 190)).inline(),
            name,
        )
        for name, values in charts
    )
    return _section("Size over releases", "", f'<div class="pair">{drawn}</div>')


def _time(facts: ReportFacts) -> str:
    total = facts.seconds.get("total")
    steps = {name: spent for name, spent in facts.seconds.items() if name != "total"}
    ordered = dict(sorted(steps.items(), key=lambda item: -item[1]))
    sum_of_all = (
        f"{total:.1f} s in all. Steps may overlap, so that they need not add up to it." if total is not None else ""
    )
    chart = bar_chart(ordered, "seconds by step", unit="s", decimals=2)
    return _section("Time by step", sum_of_all, _figure(chart.inline()))


def _foot(facts: ReportFacts) -> str:
    words = "".join(f"<dt>{word}</dt><dd>{meaning}</dd>" for word, meaning in _WORDS.items())
    links = "".join(
        f'<li><a href="{text(to)}">{text(name)}</a></li>' for name, to in facts.more.items() if _is_beside(to)
    )
    more = f"<h2>More</h2><ul>{links}</ul>" if links else ""
    return (
        f'<footer>{more}<h2>Words</h2><dl class="words">{words}</dl>'
        "<p>For the store's owners: the access lists keep nothing from this page.</p>"
        f"<p>Written by Freshet. Run <code>{text(facts.run_id)}</code>.</p></footer>"
    )


def _is_beside(to: str) -> bool:
    """Whether a link stays with this page: the page refers to nothing elsewhere."""
    return ":" not in to and not to.startswith(("/", "\\"))
