"""OpenLineage's own schemas, offline: what an event, and every facet in it, must be valid against."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

FOLDER = Path(__file__).parents[1] / "standards" / "openlineage"
UNPUBLISHED = {"DatasourceDatasetFacet", "ProcessingEngineRunFacet"}
"""Facets whose schema is not among the copies: they are held against the schema of all facets."""

CHECKER = FormatChecker()


@CHECKER.checks("uri")
def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s\\\"<>^`{|}]+", value) is not None


@CHECKER.checks("date-time")
def _is_moment(value: object) -> bool:
    try:
        return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _retrieve(uri: str) -> Resource[Any]:
    """A schema by its name: facets of other ages refer to other versions of the one main schema."""
    return Resource.from_contents(json.loads((FOLDER / Path(urlsplit(uri).path).name).read_text("utf-8")))


_REGISTRY: Registry[Any] = Registry(retrieve=_retrieve)  # type: ignore[call-arg]


def errors(value: object, schema: str) -> list[str]:
    """What is wrong with a value by a schema's URI, with its pointer."""
    validator = Draft202012Validator({"$ref": schema}, registry=_REGISTRY, format_checker=CHECKER)
    return [f"{schema}: {error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def facets_of(event: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    holders = [event["run"], event["job"], *event["inputs"], *event["outputs"]]
    for holder in holders:
        for group in ("facets", "inputFacets", "outputFacets"):
            yield from holder.get(group, {}).values()


def problems(event: Mapping[str, Any]) -> list[str]:
    """What is wrong with an event and its facets; nothing for a valid one."""
    found = errors(event, event["schemaURL"]) + errors(event, "https://openlineage.io/spec/2-0-2/OpenLineage.json")
    for facet in facets_of(event):
        schema = facet["_schemaURL"]
        name = schema.rpartition("/")[2]
        if name in UNPUBLISHED:
            schema = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/BaseFacet"
        found += errors(facet, schema)
    return found
