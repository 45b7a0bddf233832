"""How the cells of a workbook of Excel show their values: formats, and white on nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from freshet.tasks.documents.parse.sheets.number_formats import BUILT_IN

_WHITE = frozenset({"FFFFFFFF", "00FFFFFF"})
_WHITE_THEME = "0"


def cell_styles(tree: Any) -> tuple[list[str], list[bool]]:
    """Returns, by the number of a cell's style, its format, and whether it writes white on nothing."""
    codes = dict(BUILT_IN)
    for one in all_below(tree, "numFmt"):
        codes[int(one.get("numFmtId") or 0)] = one.get("formatCode") or "General"
    fonts = [_is_white(font) for fonts in all_below(tree, "fonts") for font in fonts if isinstance(font.tag, str)]
    fills = [_is_filled(fill) for fills in all_below(tree, "fills") for fill in fills if isinstance(fill.tag, str)]
    formats, white = [], []
    for used in all_below(tree, "cellXfs"):
        for one in used:
            formats.append(codes.get(int(one.get("numFmtId") or 0), "General"))
            font, fill = int(one.get("fontId") or 0), int(one.get("fillId") or 0)
            white.append(font < len(fonts) and fonts[font] and not (fill < len(fills) and fills[fill]))
    return formats, white


def _is_white(font: Any) -> bool:
    return any(
        (one.get("rgb") or "").upper() in _WHITE or (one.get("theme") == _WHITE_THEME and not one.get("tint"))
        for one in all_below(font, "color")
    )


def _is_filled(fill: Any) -> bool:
    pattern = next(iter(all_below(fill, "patternFill")), None)
    if pattern is None:
        return bool(list(all_below(fill, "gradientFill")))
    colour = next(iter(all_below(fill, "fgColor")), None)
    is_white = colour is not None and (colour.get("rgb") or "").upper() in _WHITE
    return pattern.get("patternType") not in (None, "none") and not is_white


def all_below(node: Any, name: str) -> Iterator[Any]:
    """Yields the node itself and all below it that have this name, in any namespace."""
    return iter(node.iter(f"{{*}}{name}"))
