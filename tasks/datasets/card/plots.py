"""The plots of a dataset card: SVG files that stand alone, in light and dark, without scripts or fonts of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from freshet.tasks.render.charts import number, text

WIDTH = 760
_BAR = 22
_ROW = 30
_HEAD = 40
_SIDE = 24
_NAMES = 190
_COUNTS = 96
_CHARACTER = 7.4
"""Width of one at 13 pixels, in the chart's units."""

MOST_PARTS = 8
"""So many colours can be told apart."""

_STYLE = """
svg{--page:#fff;--ink:#1d2228;--soft:#5a6470;--line:#dfe3e7;--mark:#b3261e;--s0:#3f7fd0;--s1:#2a9d77;--s2:#d98a29;
--s3:#8e6bbf;--s4:#5aa9b8;--s5:#c4453b;--s6:#b58f2c;--s7:#7b8794;
font:13px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","DejaVu Sans",Arial,sans-serif}
@media(prefers-color-scheme:dark){svg{--page:#14171a;--ink:#e8ebee;--soft:#a0abb6;--line:#333a42;--mark:#ff8a80;
--s0:#5b95dd;--s1:#45b48e;--s2:#e0a04c;--s3:#a98bd6;--s4:#74bfcc;--s5:#e06b61;--s6:#cfad4f;--s7:#8d98a4}}
.page{fill:var(--page)}text{fill:var(--ink)}.soft{fill:var(--soft)}.over{paint-order:stroke;stroke:var(--page);stroke-width:4px}
.tick{fill:var(--soft);font-size:11px}.title{font-weight:600;font-size:15px}
.line{stroke:var(--line)}.mark{stroke:var(--mark);stroke-dasharray:5 4}.said{fill:var(--mark)}.r{text-anchor:end}
.m{text-anchor:middle}.s0{fill:var(--s0)}.s1{fill:var(--s1)}.s2{fill:var(--s2)}.s3{fill:var(--s3)}.s4{fill:var(--s4)}
.s5{fill:var(--s5)}.s6{fill:var(--s6)}.s7{fill:var(--s7)}
"""


def rows_plot(kept: int, by_code: Mapping[str, int]) -> str:
    """Rows that were kept, and those that each rule kept out, as bars."""
    ranked = sorted(by_code.items(), key=lambda one: (-one[1], one[0]))
    values = [("kept", kept), *ranked]
    most = max(1, *(count for _, count in values))
    room = WIDTH - _SIDE * 2 - _NAMES - _COUNTS
    parts = []
    for place, (name, count) in enumerate(values):
        at = _HEAD + place * _ROW
        wide = max(room * count / most, 1.5 if count else 0)
        parts += [
            _text(_SIDE, at + 16, _fitted(name, _NAMES)),
            f'<rect class="{"s1" if name == "kept" else "s2"}" x="{_SIDE + _NAMES}" y="{at}" width="{wide:.1f}" '
            f'height="{_BAR}" rx="3"/>',
            _text(_SIDE + _NAMES + wide + 8, at + 16, number(count), "soft"),
        ]
    note = "A row that several rules keep out is counted by each of them." if len(ranked) > 1 else ""
    foot = _HEAD + len(values) * _ROW + 12
    parts += [_text(_SIDE, foot, note, "soft")] if note else []
    return _drawing(foot + (14 if note else 0), "Rows kept, and rows left out by rule", parts)


def shares_plot(title: str, parts_of: Mapping[str, Mapping[str, int]]) -> str:
    """What each split is made of: one bar a split, a part for each name, and the key below.

    Args:
        title: what the parts are.
        parts_of: by split, rows by name; beyond the seven largest names the rest is one part.
    """
    names = _largest(parts_of)
    room = WIDTH - _SIDE * 2 - _NAMES
    drawn = []
    for place, (split, held) in enumerate(parts_of.items()):
        at, total = _HEAD + place * _ROW, sum(held.values())
        drawn.append(_text(_SIDE, at + 16, _fitted(f"{split}: {number(total)}", _NAMES)))
        left = float(_SIDE + _NAMES)
        for colour, (_, count) in enumerate(_parts(held, names)):
            wide = room * count / total if total else 0.0
            if count:
                drawn.append(
                    f'<rect class="s{colour}" x="{left:.1f}" y="{at}" width="{max(wide, 1):.1f}" height="{_BAR}"/>'
                )
            left += wide
    return _drawing(*_key(names, parts_of, drawn, title))


def _largest(parts_of: Mapping[str, Mapping[str, int]]) -> list[str]:
    """The names that have a colour of their own, the largest first."""
    totals: dict[str, int] = {}
    for held in parts_of.values():
        for name, count in held.items():
            totals[name] = totals.get(name, 0) + count
    ranked = sorted(totals, key=lambda name: (-totals[name], name))
    return ranked if len(ranked) <= MOST_PARTS else ranked[: MOST_PARTS - 1]


def _parts(held: Mapping[str, int], names: Sequence[str]) -> list[tuple[str, int]]:
    """Rows of each name that has a colour, then of all others."""
    others = sum(count for name, count in held.items() if name not in names)
    return [*((name, held.get(name, 0)) for name in names), ("others", others)]


def _key(
    names: Sequence[str], parts_of: Mapping[str, Mapping[str, int]], drawn: list[str], title: str
) -> tuple[int, str, list[str]]:
    """The height, the title and all shapes, with the names of the colours below the bars."""
    every = [_parts(held, names) for held in parts_of.values()]
    counts = [sum(one[place][1] for one in every) for place in range(len(names) + 1)]
    known = {name for held in parts_of.values() for name in held}
    last = f"{len(known) - len(names)} others"
    left, line = float(_SIDE), _HEAD + len(parts_of) * _ROW + 16
    for colour, (name, count) in enumerate(zip([*names, last], counts, strict=True)):
        if not count:
            continue
        said = f"{_fitted(name, 220)} {number(count)}"
        wide = 20 + _CHARACTER * len(said) + 16
        if left + wide > WIDTH - _SIDE and left > _SIDE:
            left, line = float(_SIDE), line + 24
        drawn += [
            f'<rect class="s{colour}" x="{left:.1f}" y="{line - 11}" width="12" height="12" rx="2"/>',
            _text(left + 18, line, said),
        ]
        left += wide
    return line + 14, title, drawn


def lengths_plot(bins: Sequence[Sequence[int]], max_tokens: int) -> str:
    """Rows by length, a bar for each bin, with a mark where training cuts.

    Args:
        bins: (least tokens, rows) of each, ascending; a bin ends where the next one begins, and the last is open. Empty
            ones at both ends are left out.
        max_tokens: tokens that training takes of a row.
    """
    filled = [place for place, (_, count) in enumerate(bins) if count]
    shown = bins[filled[0] : filled[-1] + 1] if filled else bins[:1]
    ends = [least for least, _ in bins[1:]]
    most = max(1, *(count for _, count in shown))
    height, bottom = 230, 190
    step = min(90.0, (WIDTH - 2 * _SIDE) / len(shown))
    right = _SIDE + step * len(shown)
    parts = [f'<line class="line" x1="{_SIDE}" x2="{right:.1f}" y1="{bottom}" y2="{bottom}"/>']
    said = []
    for place, (least, count) in enumerate(shown):
        end = next((one - 1 for one in ends if one > least), None)
        tall, left = (bottom - _HEAD - 36) * count / most, _SIDE + place * step
        high = max(tall, 1.0 if count else 0.0)
        parts.append(
            f'<rect class="s0" x="{left + 2:.1f}" y="{bottom - high:.1f}" width="{step - 4:.1f}" height="{high:.1f}"/>'
        )
        span = f"{least}+" if end is None else f"{least}–{end}"
        said += [
            _text(left + step / 2, bottom - high - 6, number(count), "soft over m"),
            _text(left + step / 2, bottom + 18, span, "tick m"),
        ]
    at = _SIDE + step * _place(shown, ends, max_tokens)
    if at <= right:
        near_the_end = at > WIDTH * 0.75
        parts += [
            f'<line class="mark" x1="{at:.1f}" x2="{at:.1f}" y1="{_HEAD}" y2="{bottom}"/>',
            _text(at + (-6 if near_the_end else 6), _HEAD + 10, f"max_tokens {number(max_tokens)}",
                  "said r" if near_the_end else "said"),
        ]  # fmt: skip
    return _drawing(height, "Rows by length in tokens", [*parts, *said])


def _place(shown: Sequence[Sequence[int]], ends: Sequence[int], tokens: int) -> float:
    """How many bars from the left a length stands; more than there are where it is beyond them, or before the first."""
    for place, (least, _) in enumerate(shown):
        end = next((one for one in ends if one > least), None)
        if least <= tokens and (end is None or tokens < end):
            return place + (0.5 if end is None else (tokens - least) / (end - least))
    return float("inf")


def _fitted(name: str, room: float) -> str:
    most = int(room / _CHARACTER) - 1
    return name if len(name) <= most else name[: most - 1] + "…"


def _text(x: float, y: float, said: str, kind: str = "") -> str:
    of = f' class="{kind}"' if kind else ""
    return f'<text{of} x="{x:.1f}" y="{y:.1f}">{text(said)}</text>'


def _drawing(height: int, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{text(title)}" width="{WIDTH}" '
        f'height="{height}" viewBox="0 0 {WIDTH} {height}"><title>{text(title)}</title><style>{_STYLE}</style>'
        f'<rect class="page" width="{WIDTH}" height="{height}" rx="8"/>'
        f"{_text(_SIDE, 26, title, 'title')}{''.join(parts)}</svg>\n"
    )
