"""Characters that Word keeps as places in a symbol font, as Unicode."""

from __future__ import annotations

_PRIVATE = 0xF000
"""Added to a place by Word, so that it cannot be taken for a character."""

_SYMBOL = (
    " !∀#∃%&∋()∗+,−./0123456789:;<=>?≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼",
    "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐─↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊〈®©™∑",
)
"""The font Symbol from 0x20, and from 0xA0."""

_WINGDINGS = {
    0x21: "✏", 0x22: "✂", 0x28: "☎", 0x29: "✆", 0x2A: "✉", 0x36: "⌛", 0x37: "⌨", 0x3A: "💻", 0x3F: "✍", 0x41: "✌",
    0x45: "☜", 0x46: "☞", 0x47: "☝", 0x48: "☟", 0x4A: "☺", 0x4B: "😐", 0x4C: "☹", 0x4D: "💣", 0x4E: "☠", 0x4F: "⚐",
    0x51: "✈", 0x52: "☼", 0x53: "💧", 0x54: "❄", 0x6C: "●", 0x6D: "❍", 0x6E: "■", 0x6F: "□", 0x71: "❑", 0x72: "❒",
    0x73: "⬧", 0x74: "⧫", 0x75: "◆", 0x76: "❖", 0x77: "⬥", 0x78: "☒", 0x9E: "·", 0x9F: "•", 0xA1: "○", 0xA4: "◉",
    0xA7: "▪", 0xA8: "☐", 0xAB: "★", 0xB7: "🕐", 0xD8: "➢", 0xDF: "←", 0xE0: "→", 0xE1: "↑", 0xE2: "↓", 0xE7: "⇐",
    0xE8: "➔", 0xEF: "⇦", 0xF0: "⇨", 0xF1: "⇧", 0xF2: "⇩", 0xF3: "⬄", 0xFB: "✗", 0xFC: "✓", 0xFD: "☒", 0xFE: "☑",
}  # fmt: skip
_WINGDINGS_2 = {0x4F: "✗", 0x50: "✓", 0x51: "☒", 0x52: "☑", 0x53: "☒", 0x54: "☒", 0xA3: "☐", 0x97: "●", 0x98: "•"}


def symbol(font: str, place: str) -> str:
    """Returns the character at a place (hexadecimal) of a font; what is not known keeps its private place."""
    try:
        code = int(place, 16)
    except ValueError:
        return ""
    low, font = (code - _PRIVATE if _PRIVATE <= code <= _PRIVATE + 0xFF else code), font.casefold()
    known: str | None = None
    if font == "symbol":
        row, at = (_SYMBOL[0], low - 0x20) if low < 0xA0 else (_SYMBOL[1], low - 0xA0)
        known = row[at] if 0 <= at < len(row) else None
    elif font in ("wingdings", "wingdings 2"):
        known = (_WINGDINGS if font == "wingdings" else _WINGDINGS_2).get(low)
    elif not font.startswith(("wingdings", "webdings")):
        code = low
    if known is not None:
        return known
    return chr(code) if 0x20 <= code <= 0x10FFFF else ""
