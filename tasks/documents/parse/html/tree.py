"""The tree of an HTML page, however deeply it nests, for the readers of its text, its hidden text and its links."""

from __future__ import annotations

import re
from typing import Any

_DEEPEST = 512
"""Elements within elements, beyond which an element is put beside the one before, as browsers do."""

_XML_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")


def html_tree(text: str) -> Any | None:
    """Returns the root of lxml's tree of HTML that is already text, whatever encoding it states; None without any."""
    from lxml import etree, html

    # libxml2 ends a page at its first NUL; browsers read on.
    data = _XML_DECLARATION.sub("", text).replace("\0", "").encode("utf-8", errors="replace")
    if not data.strip():
        return None
    # The native parser ends at a depth or size beyond its limits; it is fast, and nearly every page is within them.
    for parser in (html.HTMLParser(encoding="utf-8", huge_tree=False), _flattening_parser()):
        try:
            root = etree.fromstring(data, parser)
        except (etree.ParserError, etree.XMLSyntaxError, ValueError, AssertionError):
            continue
        if not any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
            return root
    return None


def _flattening_parser() -> Any:
    from lxml import etree

    class Flattening:
        """Builds a tree of bounded depth from the parser's events, of which there is no limit."""

        def __init__(self) -> None:
            self._builder = etree.TreeBuilder()
            self._open: list[tuple[str, bool]] = []  # the page's open elements: tag, whether the tree's is open, too
            self._depth: list[int] = []  # those of them that are open in the tree, by their place in the list above

        def start(self, tag: str, attributes: dict[str, str]) -> None:
            if len(self._depth) >= _DEEPEST:
                early = self._depth.pop()
                self._builder.end(self._open[early][0])
                self._open[early] = (self._open[early][0], False)
            self._depth.append(len(self._open))
            self._open.append((tag, True))
            self._builder.start(tag, dict(attributes))

        def end(self, _: str) -> None:
            tag, is_open = self._open.pop()
            if is_open:
                self._depth.pop()
                self._builder.end(tag)

        def data(self, text: str) -> None:
            self._builder.data(text)

        def comment(self, text: str) -> None:
            self._builder.comment(text)

        def close(self) -> Any:
            return self._builder.close()

    return etree.HTMLParser(encoding="utf-8", huge_tree=True, target=Flattening())
