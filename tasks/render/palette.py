"""The colours of all pages and charts, in light and in dark, and how charts use them."""

from __future__ import annotations

_COLOURS: dict[str, tuple[str, str]] = {
    "page": ("#fbfbfa", "#14171a"),
    "card": ("#fff", "#1b1f24"),
    "ink": ("#1d2228", "#e8ebee"),
    "soft": ("#5a6470", "#a0abb6"),
    "line": ("#dfe3e7", "#333a42"),
    "good": ("#1a7f4b", "#5cc98f"),
    "bad": ("#b3261e", "#ff8a80"),
    "warn": ("#8a5a00", "#f2b84b"),
    # Series and parts of a chart. Text is written in the first four, which stand out enough from the card for that.
    "s0": ("#1f6feb", "#6ca8ff"),
    "s1": ("#12805c", "#55c9a0"),
    "s2": ("#b4560d", "#f0a05a"),
    "s3": ("#8b3fc7", "#c795f5"),
    "s4": ("#5aa9b8", "#74bfcc"),
    "s5": ("#c4453b", "#e06b61"),
    "s6": ("#b58f2c", "#cfad4f"),
    "s7": ("#7b8794", "#8d98a4"),
}
MOST_PARTS = 8
"""So many parts of a chart can be told apart by their colours, `s0` to `s7`."""

FONT = 'system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","DejaVu Sans",Arial,sans-serif'


def colour_style(selector: str) -> str:
    """Returns CSS that gives what the selector names the colours as variables: `--ink`, `--s0` and so on."""
    light, dark = (";".join(f"--{name}:{pair[at]}" for name, pair in _COLOURS.items()) for at in (0, 1))
    return f"{selector}{{{light}}}\n@media(prefers-color-scheme:dark){{{selector}{{{dark}}}}}\n"


_PARTS = "".join(f".chart .s{n}{{fill:var(--s{n})}}.chart .l{n}{{stroke:var(--s{n})}}" for n in range(MOST_PARTS))
CHART_STYLE = f"""
.chart text{{fill:var(--ink);font-size:13px}}
.chart .soft,.chart .tick{{fill:var(--soft)}}.chart .tick{{font-size:12px}}.chart .name{{font-weight:600}}
.chart .over{{paint-order:stroke;stroke:var(--card);stroke-width:4px}}
.chart .grid{{stroke:var(--line)}}.chart .mark{{stroke:var(--bad);stroke-dasharray:5 4}}
.chart path{{fill:none;stroke-width:2.2}}.chart circle{{stroke-width:1.8}}
{_PARTS}
.chart .mark-name{{fill:var(--bad)}}.chart .hollow{{fill:var(--card)}}
"""
"""CSS of the shapes of charts, for a page or a file that has the palette's colours."""
