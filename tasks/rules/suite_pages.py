"""Data Docs of a run: what Great Expectations found, as pages that ask no other host for anything.

GX renders the findings; its own pages around them load some fifteen scripts and fonts from other hosts and bring
4 MB of pictures a run, and its index is blank without them. So its sections are put into plain pages of our
own: no script, one short style sheet in the page, links within the site only.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from freshet.expectations.rules import RULES
from freshet.tasks.rules.suites import UNANSWERED, Checked, Tally
from freshet.tasks.store.bucket import file_system, reaching

if TYPE_CHECKING:
    from freshet.tasks.store.tables import Store

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em;color:#222;background:#fff}"
    "table{border-collapse:collapse;width:100%;margin:.6em 0}"
    "th,td{text-align:left;vertical-align:top;padding:.3em .7em;border-bottom:1px solid #ddd}"
    "code{font-size:90%}.bad{color:#a00;font-weight:600}.good{color:#060}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}th,td{border-color:#444}.bad{color:#f77}"
    ".good{color:#7c7}a{color:#8bf}}"
)
_DROPPED = ("script", "style", "link", "form", "iframe", "button", "img", "input", "meta", "object", "embed")
_KEPT = {"id", "href", "colspan", "rowspan"}


def report_folder(store: Store, corpus: str, run: str) -> str:
    """Where a run's pages lie: <store>/reports/<corpus>/<run>."""
    return f"{store.address}/reports/{corpus}/{run}"


def write_site(folder: str, title: str, checked: Sequence[Checked]) -> str:
    """Writes the pages below a folder or a bucket's prefix, and returns the address of their index."""
    pages = {f"{one.suite.name}.html": _page(f"{title}: {one.suite.name}", _suite(one)) for one in checked}
    write_pages(folder, {**pages, "index.html": _page(title, _index(checked))})
    return f"{folder}/index.html"


def write_pages(folder: str, pages: Mapping[str, str]) -> None:
    """Writes files below a folder or a bucket's prefix, each whole or not at all."""
    from fsspec.implementations.local import LocalFileSystem

    files, root = file_system(folder)
    with reaching(folder):
        files.makedirs(root, exist_ok=True)
        for name, text in pages.items():
            path = f"{root}/{name}"
            # A bucket shows an object once it is complete; a disk shows a file as it grows.
            part = f"{path}.part" if isinstance(files, LocalFileSystem) else path
            files.pipe_file(part, text.encode())
            if part != path:
                files.mv(part, path)


def _page(title: str, body: str) -> str:
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>\n'
        f"<body><h1>{html.escape(title)}</h1>\n{body}\n</body></html>\n"
    )


def _index(checked: Sequence[Checked]) -> str:
    rows = "".join(
        f'<tr><td><a href="{html.escape(one.suite.name)}.html">{html.escape(one.suite.name)}</a></td>'
        f"<td>{one.rows:,}</td><td>{len(one.tallies)}</td><td>{_outcome(one.holds)}</td></tr>"
        for one in checked
    )
    return (
        "<p>The tables of this run, each held to its rules. Rows that break one are named by their id, without "
        "their text.</p>\n<table><tr><th>table</th><th>rows</th><th>expectations</th><th>outcome</th></tr>"
        f"{rows}</table>"
    )


def _suite(one: Checked) -> str:
    rows = "".join(_row(tally) for tally in one.tallies)
    return (
        f'<p><a href="index.html">All tables</a> · {one.rows:,} rows · {_outcome(one.holds)}</p>\n<h2>By rule</h2>\n'
        "<table><tr><th>rule</th><th>about</th><th>what breaks it, and what to do then</th><th>rows</th>"
        f"<th>first</th></tr>{rows}</table>\n<h2>As Great Expectations reports it</h2>\n{_rendered(one)}"
    )


def _row(tally: Tally) -> str:
    rule = RULES[UNANSWERED if tally.fault else tally.declared.code]
    outcome = f'<span class="bad">{html.escape(tally.fault)}</span>' if tally.fault else f"{tally.failed:,}"
    if tally.failed:
        outcome = f'<span class="bad">{outcome}</span>'
    first = " ".join(f"<code>{html.escape(name)}</code>" for name in tally.first)
    return (
        f"<tr><td><code>{html.escape(tally.declared.code)}</code></td>"
        f"<td>{html.escape(' and '.join(tally.declared.columns))}</td>"
        f"<td>{html.escape(rule.why)} {html.escape(rule.mend)}</td><td>{outcome}</td><td>{first}</td></tr>"
    )


def _outcome(holds: bool) -> str:
    return '<span class="good">holds</span>' if holds else '<span class="bad">broken</span>'


def _rendered(one: Checked) -> str:
    """GX's own page on the added-up results, reduced to its sections."""
    from great_expectations.core import ExpectationSuiteValidationResult
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view.view import DefaultJinjaPageView
    from lxml import html as parser

    results = [_result(tally) for tally in one.tallies if tally.configuration is not None]
    if not results:
        return "<p>It was asked nothing.</p>"
    held = sum(bool(result.success) for result in results)
    whole = ExpectationSuiteValidationResult(
        success=one.holds,
        results=results,
        suite_name=one.suite.name,
        statistics={
            "evaluated_expectations": len(results),
            "successful_expectations": held,
            "unsuccessful_expectations": len(results) - held,
            "success_percent": 100 * held / len(results),
        },
        meta={},
    )
    view: Any = DefaultJinjaPageView()
    page = parser.document_fromstring(view.render(ValidationResultsPageRenderer().render(whole)))
    sections = [node for node in page.iter("div") if "ge-section" in (node.get("class") or "").split()]
    return "\n".join(_plain(parser, node) for node in sections)


def _result(tally: Tally) -> Any:
    from great_expectations.core import ExpectationValidationResult

    return ExpectationValidationResult(
        success=not tally.failed and not tally.fault,
        expectation_config=tally.configuration,
        result={
            "element_count": tally.rows,
            "unexpected_count": tally.failed,
            "unexpected_percent": 100 * tally.failed / tally.rows if tally.rows else 0.0,
            "partial_unexpected_list": [],
        },
        exception_info={
            "raised_exception": bool(tally.fault),
            "exception_message": tally.fault,
            "exception_traceback": "",
        },
    )


def _plain(parser: Any, node: Any) -> str:
    """A section without scripts, pictures, and anything that leads out of the site."""
    for part in list(node.iter(*_DROPPED)):
        part.drop_tree()
    for icon in list(node.iter("i")):
        icon.text = "✓ " if "text-success" in (icon.get("class") or "") else "✗ "
    for part in node.iter():
        for name in list(part.attrib):
            if name not in _KEPT or (name == "href" and not part.get(name).startswith("#")):
                del part.attrib[name]
    return str(parser.tostring(node, encoding="unicode"))
