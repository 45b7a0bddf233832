"""Groups the lines of a PDF's pages into paragraphs, titles, list items and tables, by place and type."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from freshet.tasks.documents.parse.build import Block, table_block
from freshet.tasks.documents.parse.pdf.drawn import Box
from freshet.tasks.documents.parse.pdf.lines import HYPHEN, Line
from freshet.tasks.documents.parse.pdf.tables import Item, Table

_BULLET = re.compile(r"\s*(?:[●•▪◦‣∙○■□–—*\-]\s|\(?(?:\d{1,3}|[a-zA-Z])[.)]\s)")
_NO_PUNCTUATION = str.maketrans(dict.fromkeys("!\"#$%&'()*+,./:;<=>?@[]^_`{|}~“”‘’…", " "))
_TITLE_SIZE = 1.12  # times the body's size
_TITLE_WEIGHT = 1.4  # times the body's weight, for a title in the body's size
_NO_TITLE = re.compile(r"@|://|[.,;]$|^[a-z\W]*$|^[a-z·•(]")
_TITLE_CHARS, _TITLE_LINES, _TITLE_LEVELS = 200, 3, 6
_TABLE_ROWS, _TABLE_NUMBERS, _TABLE_SHARE = 3, 2, 0.6
_NUMBER = re.compile(r"(?<!\S)[(\-−–$€£]?\d[\d.,]*%?\)?(?!\S)")
_IDEOGRAPHS = re.compile("[\u3001-\u303f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff01-\uff60]{2}")
_CONJUNCTIONS = frozenset({"and", "or", "to", "und", "oder", "bis", "et", "ou", "y", "e", "en", "of"})
_CLOSING, _OPENING = frozenset(",.;:!?)]}’”%"), frozenset("([{‘“")
_NO_SPACE = 0.12  # times the size: a smaller step is none between words
_SAME_SIZE = 0.15
_LINE_PITCH = 1.6  # times the line's height: more is a gap between paragraphs
_LOOSER_PITCH = 1.25  # times the pitch that the paragraph has kept so far


def item_blocks(items: list[Item]) -> list[Block]:
    """Returns the blocks that a document's lines and tables make up, in their order; titles are ranked by size."""
    lines = [line for item in items for line in ([item] if isinstance(item, Line) else item.lines())]
    size, weight = _body_font(lines)
    groups = list(_paragraphs(items))
    titles = [not isinstance(group, Table) and _is_title(group, size, weight) for group in groups]
    sizes = sorted(
        {
            round(group[0].size)
            for group, is_title in zip(groups, titles, strict=True)
            if is_title and not isinstance(group, Table)
        },
        reverse=True,
    )
    levels = {size: min(rank, _TITLE_LEVELS) for rank, size in enumerate(sizes, start=1)}
    words = _vocabulary(lines)
    blocks = []
    for group, is_title in zip(groups, titles, strict=True):
        if isinstance(group, Table):
            rows = [[_joined(cell, words) for cell in row] for row in group.rows]
            blocks.append(replace(table_block(rows, group.page), box=_union([group.box])))
            continue
        box, page = _union([line.page_box for line in group]), group[0].page
        if is_title:
            blocks.append(Block("Title", _joined(group, words), levels[round(group[0].size)], page, box))
        elif _is_table(group):
            blocks.append(
                Block("Table", "\n".join(line.text.replace(HYPHEN, "-") for line in group), page=page, box=box)
            )
        else:
            kind = "ListItem" if _BULLET.match(group[0].text) else "NarrativeText"
            blocks.append(Block(kind, _joined(group, words), page=page, box=box))
    return blocks


def _union(boxes: list[Box]) -> Box:
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return (round(min(lefts), 1), round(min(tops), 1), round(max(rights), 1), round(max(bottoms), 1))


def _body_font(lines: list[Line]) -> tuple[float, int]:
    """Returns (size, weight) of most of the text."""
    sizes: Counter[float] = Counter()
    weights: Counter[int] = Counter()
    for line in lines:
        sizes[line.size] += len(line.text)
        weights[line.weight] += len(line.text)
    return sizes.most_common(1)[0][0], weights.most_common(1)[0][0]


def _is_title(group: list[Line], size: float, weight: int) -> bool:
    """Whether lines are a title: a few words, larger than the body, or bolder in its size."""
    first, last = group[0], group[-1]
    if len(group) > _TITLE_LINES or sum(len(line.text) for line in group) > _TITLE_CHARS:
        return False
    if _NO_TITLE.search(first.text) or last.text.endswith((".", ",", ";")):
        return False
    if min(line.size for line in group) >= _TITLE_SIZE * size:
        return True
    bold = 0 < weight * _TITLE_WEIGHT <= min(line.weight for line in group)
    return bold and first.size >= 0.98 * size and len(group) < _TITLE_LINES


def _is_table(group: list[Line]) -> bool:
    """Whether lines are the rows of a table, most of which hold several numbers, and are not to be run together."""
    if len(group) < _TABLE_ROWS:
        return False
    rows = sum(1 for line in group if len(_NUMBER.findall(line.text)) >= _TABLE_NUMBERS)
    return rows > _TABLE_SHARE * len(group)


def _paragraphs(items: list[Item]) -> Iterator[list[Line] | Table]:
    group: list[Line] = []
    for item in items:
        if group and (isinstance(item, Table) or not _continues(group, item)):
            yield group
            group = []
        if isinstance(item, Table):
            yield item
        else:
            group.append(item)
    if group:
        yield group


def _continues(group: list[Line], line: Line) -> bool:
    """Whether the line belongs to the paragraph that the group holds so far."""
    last = group[-1]
    if line.page != last.page or line.turn != last.turn:
        return False
    height = max(last.size, 1.0)
    drop = line.foot - last.foot
    step = line.box[0] - last.box[2]
    if abs(drop) <= 0.6 * height:  # the same line, broken by a raised character or a change of font
        return -height <= step <= 3 * height
    if -max(height, line.size) <= step <= 0.5 * height and _overlap(last, line) > 0.5:
        return True
    if last.text.endswith(HYPHEN):
        return True
    if abs(line.size - last.size) > _SAME_SIZE * height or _BULLET.match(line.text):
        return False
    if not 0 < drop <= _LINE_PITCH * height:
        return False
    if len(group) > 1 and 0 < (kept := last.foot - group[-2].foot) < drop / _LOOSER_PITCH and kept > 0.6 * height:
        return False
    if line.box[0] > last.box[2] or line.box[2] < last.box[0]:
        return False
    if not last.text.endswith((".", "!", "?", ":")):
        return True
    return line.box[0] <= min(member.box[0] for member in group) + 0.8 * height  # else a first line, indented


def _overlap(one: Line, other: Line) -> float:
    """The share of the lower of two lines' heights that both have in common."""
    common = min(one.box[3], other.box[3]) - max(one.box[1], other.box[1])
    return common / max(min(one.box[3] - one.box[1], other.box[3] - other.box[1]), 0.1)


def _vocabulary(lines: list[Line]) -> frozenset[str]:
    """Returns every word of the document in lower case, which shows how a word that a line end cut is written.

    It is empty where no word is cut.
    """
    if not any(line.text.endswith(HYPHEN) for line in lines):
        return frozenset()
    return frozenset("\n".join(line.text for line in lines).lower().translate(_NO_PUNCTUATION).split())


def _joined(group: list[Line], words: frozenset[str]) -> str:
    text = ""
    last: Line | None = None
    for line in group:
        if last is None:
            text = line.text
        elif text.endswith(HYPHEN):
            text = _mended(text.removesuffix(HYPHEN), line.text, words)
        else:
            text = f"{text}{_space(last, line)}{line.text}"
        last = line
    return text.replace(HYPHEN, "-")


def _space(last: Line, line: Line) -> str:
    """What stands between two lines: nothing within a word or a range, nor between two ideographs."""
    before, after = last.text[-1], line.text[0]
    if before in "-–":
        return "" if after.isdigit() and last.text[-2:-1].isalnum() else " "
    if before >= "\u3001" and after >= "\u3001":
        return "" if _IDEOGRAPHS.match(before + after) else " "
    # What returns from a raised character is a line of its own, also within a sentence.
    if after in _CLOSING or before in _OPENING:
        step = line.box[0] - last.box[2]
        return "" if abs(step) <= _NO_SPACE * line.size and _overlap(last, line) > 0.5 else " "
    return " "


def _mended(head: str, tail: str, words: frozenset[str]) -> str:
    """Joins the two halves of a word that a line end cut, with the hyphen only where the word has one anyway."""
    first, second = re.match(r"\w*", head[::-1]), re.match(r"\w*", tail)
    one, two = (first[0][::-1] if first else ""), (second[0] if second else "")
    if f"{one}{two}".lower() in words:
        return f"{head}{tail}"
    if two.lower() in _CONJUNCTIONS:  # as in "pre- and postwar"
        return f"{head}- {tail}"
    if f"{one}-{two}".lower() in words or not (one[-1:].islower() and two[:1].islower()):
        return f"{head}-{tail}"
    return f"{head}{tail}"
