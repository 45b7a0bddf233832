"""The plots of a dataset card, as SVG files that stand alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from freshet.tasks.render.charts import bar_chart, column_chart, share_chart
from freshet.tasks.render.palette import MOST_PARTS
from freshet.tasks.render.values import number

if TYPE_CHECKING:
    from freshet.tasks.ledger.versions import VersionFacts

ROWS = "Rows kept, and rows left out by rule"
CLASSES = "Classes by split"
INPUTS = "Inputs by split"
LENGTHS = "Rows by length in tokens"


def card_plots(
    facts: VersionFacts, inputs: Mapping[str, Mapping[str, int]], lengths: Sequence[Sequence[int]], max_tokens: int
) -> dict[str, tuple[str, str]]:
    """Draws the plots of which a version has something to show: by file name, the title and the SVG.

    Args:
        inputs: by split, kept rows by input.
        lengths: (least tokens, rows) of the bins of a histogram, ascending; none where nobody counted.
        max_tokens: tokens that training takes of a row.
    """
    plots = {"rows.svg": (ROWS, rows_plot(facts.rows["kept"], facts.rows["by_code"]))}
    # Where nearly every row has a class of its own, they are answers rather than classes, and not for showing.
    if facts.classes and len(facts.classes) * 5 <= facts.rows["kept"]:
        by_split = {
            split: {name: sides[split] for name, sides in sorted(facts.classes.items()) if sides.get(split)}
            for split in facts.splits
        }
        plots["classes.svg"] = (CLASSES, shares_plot(CLASSES, by_split))
    if len({name for held in inputs.values() for name in held}) > 1:
        plots["inputs.svg"] = (INPUTS, shares_plot(INPUTS, inputs))
    if lengths:
        plots["lengths.svg"] = (LENGTHS, lengths_plot(lengths, max_tokens))
    return plots


def rows_plot(kept: int, by_code: Mapping[str, int]) -> str:
    """Draws the rows that were kept, and those that each rule kept out, as bars."""
    ranked = sorted(by_code.items(), key=lambda one: (-one[1], one[0]))
    return bar_chart({"kept": kept, **dict(ranked)}, ROWS, parts={"kept": 1, **dict.fromkeys(by_code, 2)}).file(ROWS)


def shares_plot(title: str, parts_of: Mapping[str, Mapping[str, int]]) -> str:
    """Draws what each split is made of.

    Args:
        title: what the parts are.
        parts_of: by split, rows by name. Of more names than there are colours, all but the largest become one part.
    """
    totals = sum((Counter(held) for held in parts_of.values()), Counter())
    names = sorted(totals, key=lambda name: (-totals[name], name))
    shown = names if len(names) <= MOST_PARTS else names[: MOST_PARTS - 1]
    shares = {split: {name: held.get(name, 0) for name in shown} for split, held in parts_of.items()}
    if len(shown) < len(names):
        others = f"{len(names) - len(shown)} others"
        for split, held in shares.items():
            held[others] = sum(parts_of[split].values()) - sum(held.values())
    return share_chart(shares, title).file(title)


def lengths_plot(bins: Sequence[Sequence[int]], max_tokens: int) -> str:
    """Draws the rows by length, a bar for each bin, with a mark where training cuts.

    Args:
        bins: (least tokens, rows) of each, ascending; a bin ends where the next one begins, and the last is open. Empty
            ones at both ends are left out.
        max_tokens: tokens that training takes of a row.
    """
    ends = [*(least for least, _ in bins[1:]), None]
    filled = [place for place, (_, count) in enumerate(bins) if count] or [0]
    first, last = filled[0], filled[-1]
    columns, mark = [], None
    for place, ((least, count), end) in enumerate(zip(bins[first : last + 1], ends[first : last + 1], strict=True)):
        columns.append((f"{least}+" if end is None else f"{least}–{end - 1}", count))
        if least <= max_tokens and (end is None or max_tokens < end):
            within = 0.5 if end is None else (max_tokens - least) / (end - least)
            mark = (place + within, f"max_tokens {number(max_tokens)}")
    return column_chart(columns, LENGTHS, mark).file(LENGTHS)
