"""The JSON Schema of freshet.yaml, for editors and for saying what is expected at a place."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter

from freshet.tasks.settings.places import Place
from freshet.tasks.settings.project import SOURCE_KINDS, Settings
from freshet.tasks.settings.types import (
    CORPUS_PATTERN,
    DURATION_PATTERN,
    GLOB_PATTERN,
    LANGUAGE_PATTERN,
    POSITIVE_GLOB_PATTERN,
    PRINCIPAL_PATTERN,
    REGION_PATTERN,
    SIZE_PATTERN,
    duration_text,
)

_NOUNS = {
    DURATION_PATTERN: "a duration like 180d",
    SIZE_PATTERN: "a size like 100MB",
    PRINCIPAL_PATTERN: "a principal: everyone, user:NAME or group:NAME",
    GLOB_PATTERN: "a glob like legal/**",
    POSITIVE_GLOB_PATTERN: "a glob like legal/**",
    CORPUS_PATTERN: "a corpus name like staff-handbook",
    LANGUAGE_PATTERN: "a language like en",
    REGION_PATTERN: "a country like US",
}


_ISO_DURATION = re.compile(r"P(?=.)(\d+[YMWD])*(T[\d.HMS]+)?")


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a settings file, with its variables replaced.

    What a schema cannot say is left to `freshet check`: relations between keys, globs, folders.
    """
    schema = Settings.model_json_schema()
    _tidy(schema)
    # `propertyNames` makes a bad name of a corpus an error; `patternProperties` alone would let it pass unchecked.
    for key in ("corpora", "datasets"):
        named = schema["properties"][key]
        (named["additionalProperties"],) = named.pop("patternProperties").values()
        named["propertyNames"] = {"pattern": CORPUS_PATTERN}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "freshet.yaml",
        "description": "Settings of Freshet: corpora and datasets, their sources, and who may see and use them.",
    }


def _tidy(part: Any) -> None:
    """Drops pydantic's titles of keys ("Max Tokens") and defaults of null, which editors would insert."""
    if isinstance(part, dict):
        for name, child in part.items():
            if name == "properties":
                for key in child.values():
                    key.pop("title", None)
                    if "default" in key:
                        key["default"] = _written(key["default"])
                    if "default" in key and key["default"] is None:
                        del key["default"]
                        (kept,) = (one for one in key.pop("anyOf") if one.get("type") != "null")
                        key.update(kept)
            _tidy(child)
    elif isinstance(part, list):
        for child in part:
            _tidy(child)


def _written(default: Any) -> Any:
    """A default as one writes it in the file; pydantic writes durations as ISO 8601."""
    if isinstance(default, dict):
        return {name: _written(value) for name, value in default.items() if value is not None}
    if isinstance(default, str) and _ISO_DURATION.fullmatch(default):
        return duration_text(TypeAdapter(timedelta).validate_python(default))
    return default


def schema_at(schema: dict[str, Any], place: Place, data: Any) -> dict[str, Any]:
    """The part of the schema that is about one place; {} where the schema knows nothing of it."""
    part = _plain(schema, schema, data)
    for step in place:
        if isinstance(step, int):
            part, data = part.get("items", {}), _child(data, step)
        else:
            part, data = (
                part.get("properties", {}).get(step, part.get("additionalProperties") or {}),
                _child(data, step),
            )
        part = _plain(schema, part, data)
    return part


def _child(data: Any, step: str | int) -> Any:
    try:
        return data[step]
    except (KeyError, IndexError, TypeError):
        return None


def _plain(schema: dict[str, Any], part: dict[str, Any], data: Any) -> dict[str, Any]:
    """Follows references; of several kinds of source, or ways to write a value, takes the one of the data."""
    description = {"description": part.get("description", "")}
    if "oneOf" in part:
        options = [_plain(schema, one, data) for one in part["oneOf"]]
        if lists := [one for one in options if one.get("type") == "array"]:
            mappings = [one for one in options if one not in lists]
            return {**(mappings if isinstance(data, dict) else lists)[0], **description}
        if texts := [one for one in options if one.get("type") == "string"]:
            mappings = [one for one in options if one not in texts]
            return {**(mappings if isinstance(data, dict) else texts)[0], **description}
        kinds = [kind for kind in SOURCE_KINDS if isinstance(data, dict) and kind in data] or SOURCE_KINDS[:1]
        return next(one for one in options if kinds[0] in one["properties"])
    if "$ref" in part:
        return {**schema["$defs"][part["$ref"].rsplit("/", 1)[1]], **description}
    return part


def keys_of(part: dict[str, Any]) -> list[str]:
    """The keys that may stand at a place; none where any name may."""
    return list(part.get("properties", {}))


def expected(part: dict[str, Any]) -> str:
    """What a place takes, in a reader's words: 'a whole number from 16 to 8192'."""
    if "enum" in part or "const" in part:
        return "one of " + ", ".join(part.get("enum") or [part["const"]])
    if part.get("pattern") in _NOUNS:
        return _NOUNS[part["pattern"]]
    if part.get("format") == "date":
        return "a date like 2026-11-22"
    kind = part.get("type")
    if kind == "integer":
        return f"a whole number from {part['minimum']} to {part['maximum']}"
    if kind == "number":
        return f"a number from {part['minimum']:g} to {part['maximum']:.15g}"
    if kind == "boolean":
        return "yes or no"
    if kind == "string":
        return "text"
    if kind == "array":
        return "a list with at least one item" if part.get("minItems") else "a list"
    return "a group of keys"
