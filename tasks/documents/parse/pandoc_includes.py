"""The files that RST and Org documents include, which are not read."""

from __future__ import annotations

import re

_RST = re.compile(r"^[ \t]*\.\.[ \t]+(?:include|literalinclude)::[ \t]*(\S[^\n]*)", re.M | re.I)
_RST_OPTION = re.compile(r"^[ \t]+:(?:file|url):[ \t]*(\S[^\n]*)", re.M | re.I)
_ORG = re.compile(r"^[ \t]*#\+INCLUDE:[ \t]*(?:\"([^\"\n]+)\"|(\S+))", re.M | re.I)
_TABLE = re.compile(r"[ \t]*\.\.[ \t]+csv-table::", re.I)
_FIELD = re.compile(r"[ \t]+:[a-z-]+:", re.I)


def included_files(text: str, kind: str) -> list[str]:
    """Returns the names of the files and addresses that a document includes, as they stand, each once."""
    if kind == "org":
        found = [(match[1] or match[2]) for match in _ORG.finditer(text)]
    else:
        found = [match[1] for pattern in (_RST, _RST_OPTION) for match in pattern.finditer(text)]
    return list(dict.fromkeys(name.strip() for name in found))


def without_included_tables(source: str) -> str:
    """Returns RST whose CSV tables name no file: they keep their titles and headers. Pandoc refuses them otherwise."""
    lines: list[str] = []
    is_in_fields = False
    for line in source.split("\n"):
        is_in_fields = bool(_TABLE.match(line)) or (is_in_fields and bool(_FIELD.match(line)))
        if not (is_in_fields and _RST_OPTION.match(line)):
            lines.append(line)
    return "\n".join(lines)
