"""YAML text → plain data, with the line of every key, and everything wrong with the YAML itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from freshet.tasks.settings.addresses import shown
from freshet.tasks.settings.places import Finding, Place
from freshet.tasks.settings.variables import expand

MAX_BYTES = 1_000_000
MAX_DEPTH = 32
MAX_VALUES = 50_000
"""Settings go seven levels deep and to some thousands of values. These bounds stop anchors that
expand a thousandfold, and nesting that would exhaust the parser's stack."""

# What YAML lets a file hold; both loaders refuse the rest, but only with an offset.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Pure-Python YAML lets an escape name half of a UTF-16 pair, which no text may hold; libyaml refuses it.
_SURROGATE = re.compile("[\ud800-\udfff]")
_TEXT_TAGS = {"tag:yaml.org,2002:str", "tag:yaml.org,2002:value"}
_PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float", "timestamp")} | _TEXT_TAGS
_MERGE = "tag:yaml.org,2002:merge"
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass
class Located:
    """What a settings file says.

    Attributes:
        data: plain dicts, lists, texts and numbers, variables replaced.
        lines: line, from 1, of each key or list item.
        written: each scalar as the file writes it, variables not replaced: safe to show once masked.
        findings: what is wrong with the YAML.
        broken: places whose value could not be made out, so that nothing more is said of them.
        empty: places of keys and list items without a value.
    """

    data: Any = None
    lines: dict[Place, int] = field(default_factory=dict)
    written: dict[Place, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    broken: set[Place] = field(default_factory=set)
    empty: set[Place] = field(default_factory=set)

    def forget(self, place: Place) -> None:
        """Drops what is known of a place, because another value takes it."""
        for known in (self.lines, self.written):
            for other in [one for one in known if one[: len(place)] == place]:
                del known[other]
        for places in (self.broken, self.empty):
            places -= {one for one in places if one[: len(place)] == place}

    def line(self, place: Place) -> int | None:
        """The line of a place, or of the nearest one around it that the file has."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place)


def read_yaml(
    raw: bytes, environ: Mapping[str, str], max_bytes: int = MAX_BYTES, max_values: int = MAX_VALUES
) -> Located:
    """Reads a settings file's bytes. Never raises: what is wrong is in `findings`.

    Args:
        environ: the variables that texts may name.
        max_bytes: a longer file is refused, unread.
        max_values: how many values the file may have once its anchors are expanded.
    """
    located = Located()
    text = _decode(raw, located, max_bytes)
    node = None if text is None else _compose(text, located)
    if node is not None:
        located.lines[()] = 1
        located.data = _Reader(located, environ, max_values).value(node, ())
    return located


def _fatal(located: Located, line: int | None, what: str, mend: str) -> None:
    located.findings.append(Finding((), line, what, mend))


def _decode(raw: bytes, located: Located, max_bytes: int) -> str | None:
    if len(raw) > max_bytes:
        _fatal(
            located,
            None,
            f"the file has {len(raw):,} bytes",
            f"such a file has at most {max_bytes:,}; is this the right file?",
        )
        return None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        _fatal(located, line, "the file is not UTF-8 text", "save it as UTF-8")
        return None
    if found := _UNPRINTABLE.search(text):
        line = text.count("\n", 0, found.start()) + 1
        _fatal(
            located,
            line,
            f"a control character (U+{ord(found[0]):04X}) stands in the file",
            "remove it; settings are plain text",
        )
        return None
    return text


def _compose(text: str, located: Located) -> yaml.Node | None:
    try:
        # The events come without recursion, so depth is known before anything recursive starts.
        depth = 0
        event: Any
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > MAX_DEPTH:
                line = event.start_mark.line + 1
                _fatal(
                    located,
                    line,
                    f"values are nested more than {MAX_DEPTH} deep",
                    "settings are far flatter; is this the right file?",
                )
                return None
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        _fatal(located, mark.line + 1 if mark else None, *_syntax(error, text, mark.line if mark else 0))
        return None
    except (yaml.YAMLError, RecursionError, ValueError):
        _fatal(located, None, "the file is not valid YAML", "compare it with docs/configuration.md")
        return None
    if node is None:
        _fatal(located, 1, "the file is empty", "docs/configuration.md has an example to start from")
    return node


def _syntax(error: yaml.MarkedYAMLError, text: str, line: int) -> tuple[str, str]:
    reason = error.problem or "something does not fit"
    lines = text.splitlines()
    if line < len(lines) and re.match(r" *\t", lines[line]):
        return "the line is indented with a tab", "indent with spaces; YAML takes no tabs"
    if "cannot start any token" in reason:
        return "a value starts with a character that YAML keeps for itself", "put the value in quotes"
    if "undefined alias" in reason:
        return f"YAML: {shown(reason)}", "name an anchor (&name) that stands above, or put a value with * in quotes"
    if "expected a single document" in (error.context or ""):
        return "the file holds more than one YAML document", "remove the line with ---"
    if any("${" in near for near in lines[max(0, line - 1) : line + 1]):
        return f"not valid YAML: {shown(reason)}", 'within [ ] and { }, a variable stands in quotes: ["${NAME}"]'
    return f"not valid YAML: {shown(reason)}", "check the indentation, quotes and brackets here and on the line above"


class _Reader:
    """Walks the node tree once, so that aliases are counted each time they are used."""

    def __init__(self, located: Located, environ: Mapping[str, str], max_values: int) -> None:
        self._out = located
        self._environ = environ
        self._left = max_values
        self._merging = 0
        self._scalars = yaml.SafeLoader("")

    def value(self, node: yaml.Node, place: Place) -> Any:
        self._left -= 1
        if self._left < 0 or len(place) > MAX_DEPTH:
            if not any("too many values" in finding.what for finding in self._out.findings):
                self._tell(
                    (),
                    node,
                    "the file expands to too many values",
                    "anchors that contain themselves or multiply are not read",
                )
            self._out.broken.add(())
            return None
        if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            return self._sequence(node, place)
        if isinstance(node, yaml.ScalarNode) and node.tag in _PLAIN_TAGS:
            return self._scalar(node, place)
        self._tell(place, node, f"the YAML tag {shown(node.tag)} is not read", "write a plain value, without a tag")
        self._out.broken.add(place)
        return None

    def _tell(self, place: Place, node: yaml.Node, what: str, mend: str) -> None:
        self._out.findings.append(Finding(place, node.start_mark.line + 1, what, mend))

    def _sequence(self, node: yaml.SequenceNode, place: Place) -> list[Any]:
        items = []
        for position, item in enumerate(node.value):
            self._out.lines[(*place, position)] = item.start_mark.line + 1
            items.append(self.value(item, (*place, position)))
            if self._left < 0:
                break
        return items

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        found = self._merged(node, place)
        inherited = set(found)
        first_lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            if self._left < 0:
                break
            if key_node.tag == _MERGE:
                continue
            key, line = self._key(key_node, place), key_node.start_mark.line + 1
            if key is None:
                continue
            if key in first_lines:
                what = f"the key {shown(key)} is there twice, first on line {first_lines[key]}"
                self._tell((*place, key), key_node, what, "remove one of the two")
                continue
            if key in inherited:
                self._out.forget((*place, key))
            first_lines[key] = self._out.lines[(*place, key)] = line
            found[key] = self.value(value_node, (*place, key))
        return found

    def _merged(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        """What `<<:` brings in. The first of several groups wins, and the group's own keys over all."""
        groups: list[yaml.Node] = []
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                groups += value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
        found: dict[str, Any] = {}
        for group in reversed(groups):
            if not isinstance(group, yaml.MappingNode):
                self._tell(
                    place,
                    group,
                    "<< merges groups of keys only",
                    "write <<: *anchor, where the anchor marks a group of keys",
                )
                continue
            self._merging += 1
            if self._merging > MAX_DEPTH:
                self._left = 0
            found.update(self.value(group, place) or {})
            self._merging -= 1
        return found

    def _key(self, node: yaml.Node, place: Place) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self._tell(
                place, node, "a list or a group of keys stands where a key should", "write a plain name and a colon"
            )
        elif node.tag not in _TEXT_TAGS:
            name = shown(node.value)
            self._tell(
                place, node, f"the key {name} is read by YAML as something other than text", f'write "{name}" in quotes'
            )
        elif _SURROGATE.search(node.value):
            self._tell(place, node, "the key has half a character in it", "remove the \\ud… escape")
        else:
            return str(node.value)
        return None

    def _scalar(self, node: yaml.ScalarNode, place: Place) -> Any:
        self._out.written[place] = node.value
        if _SURROGATE.search(node.value):
            self._tell(place, node, "the text has half a character in it", "remove the \\ud… escape")
            self._out.broken.add(place)
            return None
        if node.tag in _TEXT_TAGS:
            text, problems = expand(node.value, self._environ) if "${" in node.value else (node.value, [])
            for what, mend in problems:
                self._tell(place, node, what, mend)
                self._out.broken.add(place)
            return text
        try:
            value = self._scalars.construct_object(node)
        except (ValueError, OverflowError, yaml.YAMLError, LookupError, AttributeError):
            self._tell(
                place, node, f"{shown(node.value)} looks like a number or a date, but is none", "put it in quotes"
            )
            self._out.broken.add(place)
            return None
        if value is None:
            self._out.empty.add(place)
        return value
