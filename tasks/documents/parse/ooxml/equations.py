"""Equations (Office Math) as one line of text, much as Word writes them when they are made linear."""

from __future__ import annotations

from typing import Any

M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_TEXTS = frozenset({f"{M}t", f"{_W}t"})
_UNREAD = frozenset({f"{_W}del", f"{_W}moveFrom", f"{_W}instrText", f"{_W}rPr", f"{M}rPr", f"{M}ctrlPr"})


def equation(node: Any) -> str:
    """Returns the text of an m:oMath, or of any part of one."""
    parts: list[str] = []
    for child in node:
        if child.tag in _TEXTS:
            parts.append(child.text or "")
        elif isinstance(child.tag, str) and child.tag not in _UNREAD:
            parts.append(_structure(child))
    return "".join(parts)


def _structure(node: Any) -> str:
    """Returns the text of a structure. Each part is read once: structures nest."""
    name = node.tag[len(M) :] if node.tag.startswith(M) else ""
    if name == "f":
        return f"{_grouped(_part(node, 'num'))}/{_grouped(_part(node, 'den'))}"
    if name in ("sSup", "sSub", "sSubSup", "nary"):
        return _scripts(node, name)
    if name == "sPre":
        return f"_{_grouped(_part(node, 'sub'))}^{_grouped(_part(node, 'sup'))}{_grouped(_part(node, 'e'))}"
    if name == "rad":
        degree, root = _part(node, "deg"), _part(node, "e")
        return f"√({degree}&{root})" if degree.strip() else f"√{_grouped(root)}"
    if name == "d":
        inner = _stated(node, "dPr", "sepChr", "|").join(equation(part) for part in node.iterchildren(f"{M}e"))
        return f"{_stated(node, 'dPr', 'begChr', '(')}{inner}{_stated(node, 'dPr', 'endChr', ')')}"
    if name in ("acc", "bar"):
        return _part(node, "e") + (_stated(node, "accPr", "chr", "\u0302") if name == "acc" else "\u0305")
    if name == "func":
        return f"{_part(node, 'fName')} {_part(node, 'e')}"
    if name in ("limLow", "limUpp"):
        return f"{_part(node, 'e')}{'_' if name == 'limLow' else '^'}{_grouped(_part(node, 'lim'))}"
    if name == "m":
        rows = (" & ".join(equation(cell) for cell in row.iterchildren(f"{M}e")) for row in node.iterchildren(f"{M}mr"))
        return "; ".join(rows)
    if name == "eqArr":
        return "; ".join(equation(row) for row in node.iterchildren(f"{M}e"))
    return "" if name.endswith("Pr") else equation(node)


def _scripts(node: Any, name: str) -> str:
    """Returns a base with what is below and above it; before it stands the sign of a sum or an integral."""
    base, below, above = _part(node, "e"), _part(node, "sub"), _part(node, "sup")
    sign = _stated(node, "naryPr", "chr", "∫") if name == "nary" else base
    scripts = "".join(mark + _grouped(text) for mark, text in (("_", below), ("^", above)) if text.strip())
    return f"{sign}{scripts} {base}" if name == "nary" else sign + scripts


def _part(node: Any, name: str) -> str:
    found = node.find(f"{M}{name}")
    return "" if found is None else equation(found)


def _grouped(text: str) -> str:
    """Returns a part, in brackets unless it is a single word or number."""
    text = text.strip()
    return text if text.replace(".", "").isalnum() else f"({text})"


def _stated(node: Any, properties: str, name: str, default: str) -> str:
    found = node.find(f"{M}{properties}/{M}{name}")
    return default if found is None else str(found.get(f"{M}val") or "")
