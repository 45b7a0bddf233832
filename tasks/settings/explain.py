"""Pydantic's errors → findings in plain words, each at its line."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from freshet.expectations.rules import RULES
from freshet.tasks.settings.access import ALL_AND_NONE, ANY_OF, AccessExpression
from freshet.tasks.settings.addresses import shown
from freshet.tasks.settings.generation import NAMED, SERVED
from freshet.tasks.settings.lines import Located
from freshet.tasks.settings.places import Finding, Place, kind_text
from freshet.tasks.settings.project import SOURCE_KINDS, FolderSource, Settings
from freshet.tasks.settings.schema import expected, json_schema, keys_of, schema_at
from freshet.tasks.settings.types import PRINCIPAL_PATTERN


def validate(located: Located) -> tuple[Settings | None, list[Finding]]:
    """The settings, or everything in which the data departs from the models."""
    settings, findings = None, []
    try:
        settings = Settings.model_validate(located.data)
    except ValidationError as error:
        findings = _Explainer(located).explain(error)
    told = {finding.place for finding in findings}
    # The models take None for "not said"; in a file, a key without a value is a line left unfinished.
    for place in located.empty - told:
        findings.append(
            Finding(place, located.line(place), f"{place_name(place)} has no value", "write one, or remove the line")
        )
    return (None if findings else settings), findings


@functools.cache
def _schema() -> dict[str, Any]:
    return json_schema()


class _Explainer:
    def __init__(self, located: Located) -> None:
        self._located = located
        self._schema = _schema()

    def explain(self, error: ValidationError, under: Place = ()) -> list[Finding]:
        findings: list[Finding] = []
        # Inputs and URLs are left out: an input may hold a secret, and the URLs explain pydantic.
        for one in error.errors(include_url=False, include_input=False):
            place = _place_of((*under, *one["loc"]))
            if any(place[: len(broken)] == broken for broken in self._located.broken):
                continue
            findings += self._one(str(one["type"]), place, one.get("ctx") or {}, str(one["msg"]))
        return list(dict.fromkeys(findings))

    def _one(self, kind: str, place: Place, context: dict[str, Any], message: str) -> list[Finding]:
        if kind.startswith("union_tag"):
            return self._no_source_kind(place)
        if kind == "missing":
            # A mapping of other keys is told by them: its author meant a list, or a key that there is not.
            others = _is_expression(place[:-1]) and self._value(place[:-1])
            return [] if others and set(others) - _WAYS else [self._missing(place)]
        if kind == "extra_forbidden":
            return [self._unknown_key(place)]
        if kind == "relation":
            at = (*place, context["key"])
            return [Finding(at, self._located.line(at), message, context["mend"])]
        if place and place[-1] == "[key]":
            place = place[:-1]
            if place[-2] == "rules":
                return [self._unknown_rule(place)]
            what = f"{shown(str(place[-1]))} is no name of a corpus"
            return [Finding(place, self._located.line(place), what, str(context.get("error", "")))]
        return [self._wrong_value(place, str(context["error"]) if kind == "value_error" else "")]

    def _missing(self, place: Place) -> Finding:
        part = schema_at(self._schema, place, self._located.data)
        example = "[[everyone]]" if _is_expression(place[:-1]) else "[everyone]" if place[-1] == "acl" else "…"
        meaning = part.get("description") or expected(part)
        mend = f"add {place[-1]}: {example} ({meaning})"
        return Finding(place, self._located.line(place[:-1]), f"the key {place[-1]} is missing", mend)

    def _unknown_key(self, place: Place) -> Finding:
        key = str(place[-1])
        parent = self._value(place[:-1])
        valid = keys_of(schema_at(self._schema, place[:-1], self._located.data))
        what = f"unknown key {shown(key)}"
        if len(place) > 2 and place[-3] == "sources":
            kinds = [kind for kind in SOURCE_KINDS if kind in parent]
            if key in SOURCE_KINDS:
                what = f"a source has one of {' and '.join(SOURCE_KINDS)}, this one has both"
                return Finding(place[:-1], self._located.line(place[:-1]), what, "make two sources of it")
            # The kind itself may be what was misspelt.
            valid = valid if kinds else [*SOURCE_KINDS, *(one for one in valid if one not in SOURCE_KINDS)]
        near = nearest(key, [one for one in valid if one not in parent]) or nearest(key, valid)
        mend = (f"did you mean {near}? " if near else "") + "valid keys here: " + ", ".join(valid)
        if _is_expression(place[:-1]):
            mend += f"; a list, one of which is enough, needs no key: {place[-2]}: [user:NAME, group:NAME]"
        return Finding(place, self._located.line(place), what, mend)

    def _unknown_rule(self, place: Place) -> Finding:
        code = str(place[-1])
        near = difflib.get_close_matches(code.upper().replace("_", "-").strip(), RULES, n=1, cutoff=0.55)
        mend = (f"did you mean {near[0]}? " if near else "") + "freshet rules lists them all"
        return Finding(place, self._located.line(place), f"there is no rule {shown(code)}", mend)

    def _no_source_kind(self, place: Place) -> list[Finding]:
        """A source of no known kind; what else is wrong with it is found by taking it for a folder."""
        data = self._value(place)
        try:
            FolderSource.model_validate({**data, "folder": "."} if isinstance(data, dict) else data)
            others = []
        except ValidationError as error:
            others = self.explain(error, (*place, "folder"))
        others = [one for one in others if one.place[len(place) :] != ("ref",)]
        if not isinstance(data, dict) or any(
            one.mend.startswith(f"did you mean {kind}?") for one in others for kind in SOURCE_KINDS
        ):
            return others
        what = f"a source needs one of {', '.join(SOURCE_KINDS)}, this one has none"
        return [Finding(place, self._located.line(place), what, "add folder: PATH or git: URL"), *others]

    def _wrong_value(self, place: Place, help_text: str) -> Finding:
        if flat := self._flat(place):
            return flat
        value = self._value(place)
        part = schema_at(self._schema, place, self._located.data)
        wanted = expected(part)
        line = self._located.line(place)
        name = place_name(place)
        if value is None:
            return Finding(place, line, f"{name} has no value", f"{_write(part)}, or remove the line")
        if value in ("", [], {}):
            return Finding(place, line, f"{name} is empty", help_text or _write(part))
        written = self._located.written.get(place)
        if place[-1] == "api_key":
            return Finding(
                place, line, f"{name} is {kind_text(value)}, not text", f"{name}: ${{NAME}} keeps it out of here"
            )
        if written is None:
            what = f"{name} is {kind_text(value)}, not {wanted}"
            return Finding(place, line, what, help_text or self._mend_collection(value, part))
        what = f"{shown(written)} is not {wanted}"
        if part.get("pattern") == PRINCIPAL_PATTERN and isinstance(value, str) and "$" not in written:
            help_text += principal_hint(written)
        return Finding(place, line, what, help_text or self._mend_scalar(value, written, part))

    def _flat(self, place: Place) -> Finding | None:
        """One finding for a list of principals where a list of such lists is wanted, else None."""
        above = place[:-1]
        if above[-1:] != ("all",) or not _is_expression(above[:-1]):
            return None
        items = self._value(above)
        if not isinstance(items, list) or not all(isinstance(one, str) for one in items):
            return None
        texts = [shown(self._located.written.get((*above, position), "…")) for position in range(len(items))]
        each, one_of = ", ".join(f"[{text}]" for text in texts), ", ".join(texts)
        mend = f"write [[{one_of}]]" + (f" if one of them is enough, [{each}] if all are needed" if texts[1:] else "")
        return Finding(above, self._located.line(above), "all is a list of principals, not of lists", mend)

    def _mend_collection(self, value: Any, part: dict[str, Any]) -> str:
        if part.get("type") == "array" and isinstance(value, dict):
            return "start each item of the list with a hyphen"
        if part.get("type") == "string" and isinstance(value, dict) and len(value) == 1:
            return "remove the space after the colon, or put the text in quotes"
        return _write(part)

    def _mend_scalar(self, value: Any, written: str, part: dict[str, Any]) -> str:
        if part.get("type") == "array":
            of_lists = part["items"].get("type") == "array"
            return f"write a list of lists: [[{shown(written)}]]" if of_lists else f"write a list: [{shown(written)}]"
        if not isinstance(value, str) and part.get("type") == "string" and "enum" not in part:
            return f'YAML reads it as {kind_text(value)}; write "{shown(written)}" in quotes'
        if near := nearest(written, part.get("enum", [])):
            return f"did you mean {near}?"
        return _write(part)

    def _value(self, place: Place) -> Any:
        data = self._located.data
        for step in place:
            data = data[step]
        return data


def _place_of(location: Sequence[Any]) -> Place:
    """Pydantic's location without its tags: after a source's position, an access list's key, and `model`."""
    place = tuple(location)
    if place[:2] in (("generation", "model"), ("reranker", "model")) and place[2:3] in ((NAMED,), (SERVED,)):
        return (*place[:2], *place[3:])
    for position in range(2, len(place)):
        if place[position - 2] == "sources" and isinstance(place[position - 1], int):
            place = (*place[:position], *place[position + 1 :])
            break
    for position in range(2, len(place)):
        if place[position] in (ANY_OF, ALL_AND_NONE) and _is_expression(place[:position]):
            return (*place[:position], *place[position + 1 :])
    return place


_WAYS = frozenset(AccessExpression.model_fields)


def _is_expression(place: Place) -> bool:
    """Whether an access list may stand at a place, and with it an expression."""
    if len(place) < 2 or place[-1] not in ("acl", "audience"):
        return False
    return isinstance(place[-2], int) if place[-1] == "acl" else (place[0], len(place)) == ("datasets", 3)


def _write(part: dict[str, Any]) -> str:
    if keys := keys_of(part):
        return f"write keys below it: {', '.join(keys)}"
    return f"write {expected(part)}"


def nearest(word: str, valid: Sequence[str]) -> str | None:
    """The valid word that `word` was probably meant to be."""
    plain = word.casefold().replace("-", "_").strip()
    return next(iter(difflib.get_close_matches(plain, valid, n=1, cutoff=0.55)), None)


def place_name(place: Place) -> str:
    """How a sentence calls a place: 'acl', 'sources[0]', 'the file'."""
    if not place:
        return "the file"
    if isinstance(place[-1], int):
        return f"{place_name(place[:-1])}[{place[-1]}]"
    return shown(place[-1])


def principal_hint(text: str) -> str:
    """'; did you mean user:ada or group:ada?' for a bare word, else nothing."""
    word = text.strip()
    if word.casefold() in {"all", "any", "anyone", "public", "everybody", "everyone", "*"}:
        return "; did you mean everyone?"
    return f"; did you mean user:{word} or group:{word}?" if word.isalnum() else ""
