"""Finds what an owner may read below `/reports`: pages about refreshes, and cards of dataset versions."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from freshet.tasks.datasets.card.describe import CROISSANT
from freshet.tasks.datasets.card.readme import CARD, PLOTS
from freshet.tasks.ledger.releases import list_releases
from freshet.tasks.ledger.versions import list_versions, sort_key
from freshet.tasks.rules.suite_pages import report_folder
from freshet.tasks.store.files import names_below, read_file

if TYPE_CHECKING:
    from freshet.tasks.store.tables import Store

HTML = "text/html; charset=utf-8"
_SEGMENT = re.compile(r"\w[\w.@+=, -]{0,254}")
"""A name of a file or folder that is no way out of the folder that it is in."""

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222;background:#fff}"
    "table{border-collapse:collapse}th,td{text-align:left;padding:.3em .7em;border-bottom:1px solid #ddd}"
    "img{max-width:100%;background:#fff}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}th,td{border-color:#444}a{color:#8bf}}"
)


def read_report(store: Store, path: str) -> tuple[str, bytes] | None:
    """A report, as its media type and what it holds; None where there is no such report.

    Args:
        path: `corpora/CORPUS/RUN/…`, as below the store's `reports`; or `datasets/DATASET/VERSION/README.md`, which
            becomes HTML, and `croissant.json` beside it. Nothing else of the store can be reached by any path.
    """
    kind, *names = path.split("/")
    if len(names) < 3 or not all(map(_SEGMENT.fullmatch, names)):
        return None
    first, second, *rest = names
    if kind == "corpora" and rest[-1].endswith(".html"):
        found = _read_within(store, report_folder(store, first, second), rest)
        return None if found is None else (HTML, found)
    if kind != "datasets" or rest not in ([CARD], [CROISSANT]):
        return None
    folder = f"{store.export_folder(first)}/{second}"
    found = _read_within(store, folder, rest)
    if found is None or rest == [CROISSANT]:
        return None if found is None else ("application/json", found)
    return HTML, _card_page(store, folder, f"{first} {second}", found.decode("utf-8")).encode()


def list_reports(store: Store) -> bytes:
    """A plain page with links to all reports, the newest first."""
    parts = []
    for corpus in _names(f"{store.address}/reports"):
        runs = set(_names(f"{store.address}/reports/{corpus}"))
        decided = [one for one in list_releases(store, corpus) if one.run_id in runs]
        rows = [
            (f"corpora/{corpus}/{one.run_id}/index.html",
             f"{one.published_at:%Y-%m-%d %H:%M} {one.outcome}, decision {one.release}")
            for one in decided
        ]  # fmt: skip
        undecided = sorted(runs - {one.run_id for one in decided})
        parts += [_section(corpus, [*rows, *((f"corpora/{corpus}/{run}/index.html", run) for run in undecided)])]
    versions = list_versions(store)
    for dataset in sorted({one.facts.dataset for one in versions}):
        there = set(_names(store.export_folder(dataset)))
        numbers = sorted({one.facts.version for one in versions if one.facts.dataset == dataset} & there, key=sort_key)
        parts += [_section(dataset, [(f"datasets/{dataset}/{one}/{CARD}", one) for one in reversed(numbers)])]
    return _page("Reports", "".join(parts) or "<p>There are none yet.</p>").encode()


def _names(folder: str) -> list[str]:
    return [name for name in names_below(folder) if _SEGMENT.fullmatch(name)]


def _section(title: str, links: Sequence[tuple[str, str]]) -> str:
    listed = "".join(f'<li><a href="{html.escape(to)}">{html.escape(text)}</a></li>' for to, text in links)
    return f"<h2>{html.escape(title)}</h2><ul>{listed}</ul>"


def _page(title: str, body: str) -> str:
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>\n'
        f"<body><h1>{html.escape(title)}</h1>\n{body}\n</body></html>\n"
    )


def _card_page(store: Store, folder: str, title: str, card: str) -> str:
    """A card as a page that holds its plots itself. HTML in the card is shown as text."""
    from markdown_it import MarkdownIt

    text = re.sub(r"\A---\n.*?\n---\n", "", card, count=1, flags=re.DOTALL)  # front matter, for machines
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)

    def held(match: re.Match[str]) -> str:
        plot = _read_within(store, folder, [PLOTS, match[1]])
        return match[0] if plot is None else f'src="data:image/svg+xml;base64,{base64.b64encode(plot).decode()}"'

    return _page(title, re.sub(rf'src="{PLOTS}/([a-z]+\.svg)"', held, body))


def _read_within(store: Store, folder: str, names: Sequence[str]) -> bytes | None:
    """A file of a folder of the store; None where there is none, or where links lead out of the folder."""
    address = "/".join([folder, *names])
    if store.is_local:
        path, root = Path(address), Path(store.address).resolve()
        below = root / Path(folder).relative_to(store.address)
        # Whoever writes to the store could have a link lead anywhere that the service may read.
        if not path.is_file() or not path.resolve().is_relative_to(below):
            return None
    return read_file(address)
