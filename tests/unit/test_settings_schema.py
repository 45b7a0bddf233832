"""The JSON Schema tells an editor what the reader would tell."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from freshet.tasks.settings.file import json_schema

SCHEMA = json_schema()
SOURCE: dict[str, Any] = {"folder": "docs", "owner": "o", "acl": ["everyone"]}


def _valid(data: dict[str, Any]) -> bool:
    return jsonschema.Draft202012Validator(SCHEMA).is_valid(data)


def _with_source(**changes: Any) -> dict[str, Any]:
    source = {key: value for key, value in {**SOURCE, **changes}.items() if value is not ...}
    return {"corpora": {"handbook": {"sources": [source]}}}


def test_the_schema_is_one_and_describes_every_key() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"].endswith("2020-12/schema")
    assert "$id" not in SCHEMA
    assert SCHEMA["title"]
    assert SCHEMA["description"]
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
    for model in (SCHEMA, *SCHEMA["$defs"].values()):
        assert model["additionalProperties"] is False
        assert [key for key, part in model["properties"].items() if not part.get("description")] == []


def test_defaults_in_the_schema_are_valid_by_the_schema() -> None:
    for model in (SCHEMA, *SCHEMA["$defs"].values()):
        for part in model["properties"].values():
            if "default" in part:
                jsonschema.Draft202012Validator({**part, "$defs": SCHEMA["$defs"]}).validate(part["default"])


@pytest.mark.parametrize(
    "data",
    [
        {},
        _with_source(),
        _with_source(folder=..., git="https://example.org/x.git", ref="main"),
        _with_source(max_size="100MB", freshness={"warn_after": "180d"}),
        _with_source(max_size=5, uses=["retrieval", "training"], access=[{"path": "legal/**", "acl": ["group:legal"]}]),
        _with_source(acl={"all": [["group:a", "user:b"], ["group:c"]]}),
        _with_source(acl={"all": [["everyone"]], "none": ["user:eve"]}),
        _with_source(access=[{"path": "legal/**", "acl": {"all": [["group:a"]]}}]),
        {"roster": {"file": "groups.yaml", "max_age": "7d"}},
    ],
)
def test_it_accepts_what_is_right(data: dict[str, Any]) -> None:
    assert _valid(data)


@pytest.mark.parametrize(
    "data",
    [
        {"stor": "x"},
        {"store": 5},
        {"task_runner": "thread"},
        {"embedding": {"precision": "fp8"}},
        {"corpora": {"Hand Book": {"sources": [SOURCE]}}},
        {"corpora": {"handbook": {}}},
        {"corpora": {"handbook": {"sources": []}}},
        {"corpora": {"handbook": {"sources": [SOURCE], "chunking": {"max_tokens": 5}}}},
        {"corpora": {"handbook": {"sources": [SOURCE], "parsing": {"workers": True}}}},
        _with_source(acl=...),
        _with_source(acl="everyone"),
        _with_source(acl=["ada"]),
        _with_source(acl=[]),
        _with_source(acl=None),
        _with_source(acl={}),
        _with_source(acl={"none": ["user:eve"]}),
        _with_source(acl={"any": [["user:a"]]}),
        _with_source(acl={"all": []}),
        _with_source(acl={"all": [[]]}),
        _with_source(acl={"all": ["user:a"]}),
        _with_source(acl={"all": [["ada"]]}),
        _with_source(acl={"all": [["user:a"]], "none": "user:b"}),
        {"roster": {}},
        {"roster": {"file": "groups.yaml", "max_age": 7}},
        {"roster": None},
        _with_source(owner=...),
        _with_source(git="x"),
        _with_source(folder=...),
        _with_source(ref="main"),
        _with_source(uses=["traning"]),
        _with_source(freshness={"warn_after": 180}),
        _with_source(freshness={"warn_after": "180"}),
        _with_source(max_size="lots"),
        _with_source(max_size=0),
        _with_source(licence=None),
        _with_source(access=[{"path": "!a", "acl": ["user:a"]}]),
        _with_source(license="MIT"),
    ],
)
def test_it_refuses_typical_mistakes(data: dict[str, Any]) -> None:
    assert not _valid(data)


def test_it_takes_the_two_ways_to_say_who_may_read_wherever_that_is_said() -> None:
    dataset = {"format": "prompt_completion", "audience": {"all": [["group:a"]], "none": ["user:b"]}}
    rows = {"rows": "x", "owner": "o", "licence": "MIT", "uses": ["training"], "acl": {"all": [["group:a"]]}}
    assert _valid({"datasets": {"d": {**dataset, "inputs": [rows]}}})
    assert not _valid({"datasets": {"d": {**dataset, "audience": {"all": ["group:a"]}, "inputs": [rows]}}})
    assert not _valid({"datasets": {"d": {**dataset, "inputs": [{**rows, "acl": {"any": ["group:a"]}}]}}})
