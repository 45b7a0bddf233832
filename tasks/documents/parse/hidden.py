"""Text that a file holds and its readers do not see, as entries for a document's property `hidden`.

An entry is {"kind", "count", "chars"}, with "page" where the format has pages and "instructs": true where the
text gives orders to a model. The hidden text itself is never kept. These functions run in the parser
process: what they read is untrusted. A file that they cannot read has no entries; the parser says why.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from freshet.tasks.text.instructions import gives_instructions

Entry = dict[str, Any]

_MOST_ENTRIES = 50
_UNREAD = frozenset({"script", "style", "template", "noscript", "head", "title", "svg", "math", "object", "iframe"})
_MOST_RULES = 2000


@dataclass
class Tally:
    """Collects hidden texts by kind and page."""

    texts: dict[tuple[str, int | None], list[str]] = field(default_factory=dict)

    def add(self, kind: str, text: str, page: int | None = None) -> None:
        text = " ".join(text.split())
        if text:
            self.texts.setdefault((kind, page), []).append(text)

    def entries(self) -> list[Entry]:
        described = []
        for (kind, page), texts in sorted(self.texts.items(), key=lambda item: (item[0][0], item[0][1] or 0)):
            entry: Entry = {"kind": kind, "count": len(texts), "chars": sum(map(len, texts))}
            entry |= {} if page is None else {"page": page}
            described.append(entry | ({"instructs": True} if gives_instructions("\n".join(texts)) else {}))
        return described[:_MOST_ENTRIES]


@lru_cache(maxsize=16)
def _compiled(name: str) -> re.Pattern[str]:
    return re.compile(_PATTERNS[name], re.I | re.S | re.M)


_PATTERNS = {
    "suspect": r"<!--|<style|<[a-z][^<>]{0,2000}?\b(?:hidden\b|style\s*=|color\s*=)",
    "conditional": r"\A\s*\[(?:if|endif)\b|\A\s*<?!\[endif",
    "no display": r"(?:^|;)\s*display\s*:\s*none",
    "no visibility": r"(?:^|;)\s*(?:visibility\s*:\s*(?:hidden|collapse)|opacity\s*:\s*0*(?:\.0+)?\s*(?:;|!|$))",
    "no size": r"(?:^|;)\s*(?:font-size\s*:\s*(?:0+(?:\.0+)?(?:px|pt|em|rem|%)?|(?:1|0?\.\d+)(?:px|pt))\s*(?:;|!|$)"
    r"|font\s*:[^;]*\b0(?:px|pt)\b)",
    "no room": r"(?:^|;)\s*(?:max-)?(?:height|width)\s*:\s*0(?:px|pt|em|%)?\s*(?:;|!|$)",
    "overflow": r"overflow(?:-[xy])?\s*:\s*(?:hidden|clip)",
    "off screen": r"(?:^|;)\s*(?:(?:left|top|right|bottom|margin-left|margin-top|text-indent)\s*:\s*-\d{3,}"
    r"|transform\s*:[^;]*translate[xy]?\(\s*-\d{4,})",
    "color": r"(?:^|;)\s*color\s*:\s*([^;!]+)",
    "background": r"(?:^|;)\s*background(?:-color)?\s*:\s*([^;!]+)",
    "rule": r"([^{}]+)\{([^{}]*)\}",
    "fenced": r"^(?P<fence>`{3,}|~{3,}).*?(?:^(?P=fence)[`~]*[ \t]*$|\Z)|(?P<tick>`+)(?!`)[^\n]*?(?<!`)(?P=tick)(?!`)",
    "markdown comment": r"^ {0,3}\[[^\]\n]{1,40}\]:[ \t]*(?:#|<>)[ \t]+(?:\(([^\n]*)\)|\"([^\n]*)\"|'([^\n]*)')[ \t]*$",
}  # fmt: skip


def hidden_in_html(text: str) -> list[Entry]:
    """Hidden text of an HTML page or fragment: comments, and elements that their style or attributes hide.

    Styles count where they stand in the element or in the page itself under a simple selector (a tag, class or
    id); style sheets elsewhere are not read. Kinds: `comment`, `hidden attribute`, `not displayed`,
    `not visible`, `too small`, `off screen`, `same colour`.
    """
    tally = Tally()
    _tally_html(text, tally)
    return tally.entries()


def hidden_in_markdown(text: str) -> list[Entry]:
    """Hidden text of Markdown: HTML comments and hidden elements outside of code, and `[//]: # (comments)`."""
    tally = Tally()
    body = _compiled("fenced").sub(" ", text) if "`" in text or "~~~" in text else text
    _tally_html(body, tally)
    if "]: #" in body or "]: <>" in body:
        for match in _compiled("markdown comment").finditer(body):
            tally.add("comment", match[1] or match[2] or match[3] or "")
    return tally.entries()


def _tally_html(text: str, tally: Tally) -> None:
    if not _compiled("suspect").search(text):
        return
    from lxml import etree, html

    try:
        parser = html.HTMLParser(encoding="utf-8", huge_tree=False)
        # libxml2 ends a page at its first NUL; browsers and the other parsers here read on.
        root = html.document_fromstring(text.replace("\0", "").encode("utf-8", errors="replace"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError, AssertionError):
        return
    for comment in root.iter(etree.Comment):
        if not _compiled("conditional").search(comment.text or ""):
            tally.add("comment", comment.text or "")
    _walk(root, _sheet(root), tally)


def _walk(root: Any, sheet: dict[str, str], tally: Tally) -> None:
    """Element by element, without recursion: pages nest deeper than Python does."""
    pending: list[tuple[Any, str | None]] = [(root, "white")]
    while pending:
        node, behind = pending.pop()
        if not isinstance(node.tag, str) or node.tag in _UNREAD:
            continue
        style = _style(node, sheet)
        behind = _background(node, style, behind)
        kind = _hidden_kind(node, style, behind)
        if kind:
            tally.add(kind, " ".join(_shown_texts(node)))
        else:
            pending += [(child, behind) for child in node]


def _shown_texts(node: Any) -> Iterable[str]:
    """Texts below a node, but for scripts and the like."""
    from lxml import etree

    pending = [(node, False)]
    while pending:
        current, tail = pending.pop()
        if tail:
            yield current.tail or ""
            continue
        if current is not node:
            pending.append((current, True))
        if isinstance(current.tag, str) and current.tag not in _UNREAD and current.tag is not etree.Comment:
            yield current.text or ""
            pending += [(child, False) for child in reversed(current)]


def _sheet(root: Any) -> dict[str, str]:
    """Simple selector → declarations, from the page's own style elements; rules for print and the like are left out."""
    sheet: dict[str, str] = {}
    for element in root.iter("style"):
        text = re.sub(r"/\*.*?\*/", "", element.text or "", flags=re.S)
        text = re.sub(r"@[^{};]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", "", text)
        for number, match in enumerate(_compiled("rule").finditer(text)):
            if number >= _MOST_RULES:
                break
            for selector in match[1].split(","):
                simple = selector.strip()
                if re.fullmatch(r"[a-zA-Z][\w-]*|(?:[a-zA-Z][\w-]*)?[.#][\w-]+", simple):
                    sheet[simple] = f"{sheet.get(simple, '')};{match[2]}"
    return sheet


def _style(node: Any, sheet: dict[str, str]) -> str:
    """The node's declarations, the strongest last."""
    parts = []
    if sheet:
        names = [node.tag, *(f".{name}" for name in (node.get("class") or "").split())]
        names += [f"{node.tag}{name}" for name in names[1:]]
        identity = node.get("id")
        names += [f"#{identity}", f"{node.tag}#{identity}"] if identity else []
        parts = [sheet[name] for name in names if name in sheet]
    return ";".join((*parts, node.get("style") or ""))


def _hidden_kind(node: Any, style: str, behind: str | None) -> str | None:
    if node.get("hidden") is not None and node.get("hidden") != "until-found":
        return "hidden attribute"
    if style:
        last_display = re.findall(r"display\s*:\s*([\w-]+)", style, re.I)
        if last_display and last_display[-1].lower() == "none":
            return "not displayed"
        if _compiled("no visibility").search(style):
            return "not visible"
        if _compiled("no size").search(style) or (
            _compiled("no room").search(style) and _compiled("overflow").search(style)
        ):
            return "too small"
        if _compiled("off screen").search(style):
            return "off screen"
    colour = _last(style, "color") or (node.get("color") if node.tag == "font" else None)
    if colour and behind and _colour(colour) == behind:
        return "same colour"
    return "same colour" if colour and _colour(colour) == "transparent" and "background-clip" not in style else None


def _background(node: Any, style: str, behind: str | None) -> str | None:
    """The colour behind a node's text; None where it is a picture, or cannot be told."""
    stated = _last(style, "background") or node.get("bgcolor")
    if not stated:
        return behind if not node.get("background") else None
    colour = _colour(stated)
    return behind if colour in ("transparent", "none", "inherit") else colour


def _last(style: str, name: str) -> str | None:
    found = _compiled(name).findall(style) if style else []
    return found[-1].strip() if found else None


def _colour(value: str) -> str | None:
    """A colour in one way to write it; None for what is none, such as a picture or a variable."""
    value = " ".join(value.lower().split())
    if value in (
        "white",
        "black",
        "transparent",
        "none",
        "inherit",
        "red",
        "green",
        "blue",
        "yellow",
        "gray",
        "grey",
        "navy",
    ):
        return value
    hexed = re.fullmatch(r"#([0-9a-f]{3,8})", value)
    if hexed:
        digits = hexed[1] if len(hexed[1]) > 4 else "".join(digit * 2 for digit in hexed[1])
        channels = [int(digits[at : at + 2], 16) for at in (0, 2, 4)] if len(digits) >= 6 else []
        clear = len(digits) == 8 and digits.endswith("00")
        return "transparent" if clear else _named(channels) if channels else None
    numbers = re.fullmatch(r"rgba?\(\s*([\d.]+)[\s,]+([\d.]+)[\s,]+([\d.]+)(?:[\s,/]+([\d.]+)(%?))?\s*\)", value)
    if not numbers:
        return None
    if numbers[4] and float(numbers[4]) == 0:
        return "transparent"
    return _named([round(float(numbers[at])) for at in (1, 2, 3)])


def _named(channels: list[int]) -> str:
    """Nearly white is white to an eye."""
    if min(channels) >= 250:
        return "white"
    return "black" if max(channels) <= 5 else "#" + "".join(f"{channel:02x}" for channel in channels)
