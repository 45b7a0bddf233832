"""The OpenAPI description is complete, and whatever is sent by it is answered, never by a fault of the service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error

from freshet.tasks.service.caller import Caller
from tests.flows.conftest import Project
from tests.service.serving import FLOOD, People, app_of, as_, listening

OWNER = {"owner": Caller("token owner", ("group:data", "group:legal"), may_impersonate=True)}

ADDRESSES = (
    "POST /v1/search", "POST /v1/ask", "POST /v1/feedback", "GET /v1/corpora", "GET /v1/documents/{id}", "GET /v1/me",
    "GET /v1/models", "GET /v1/models/{model}", "POST /v1/chat/completions", "POST /v1/embeddings", "GET /healthz",
    "GET /readyz", "GET /metrics",
)  # fmt: skip


@pytest.fixture(scope="module")
def app(served: Project) -> Any:
    return app_of(served.config, People(OWNER))


@pytest.fixture(scope="module")
def address(app: Any) -> Iterator[str]:
    with listening(app) as url:
        yield url


@pytest.mark.parametrize("name", ADDRESSES)
def test_nothing_that_is_sent_by_the_description_is_a_fault_of_the_service(app: Any, address: str, name: str) -> None:
    method, path = name.split()
    operation = schemathesis.openapi.from_dict(app.openapi())[path][method]

    @given(case=operation.as_strategy())
    @settings(max_examples=20, suppress_health_check=list(HealthCheck), database=None)
    def send(case: Any) -> None:
        case.call_and_validate(base_url=address, headers=as_("owner"), checks=[not_a_server_error])

    send()


def test_the_description_has_examples_and_says_what_errors_look_like(app: Any) -> None:
    said = app.openapi()
    assert said["info"]["version"] == "1"
    assert FLOOD in json.dumps(said["components"]["schemas"]["AskRequest"])
    described = {f"{method.upper()} {path}" for path, held in said["paths"].items() for method in held}
    assert described - {one for one in described if "/reports" in one} == set(ADDRESSES)
    for path, held in said["paths"].items():
        for method, one in held.items():
            assert one.get("summary"), (method, path)
            if path.startswith("/v1/"):
                assert "401" in one["responses"], (method, path)


def test_every_address_and_key_is_documented(app: Any) -> None:
    text = (Path(__file__).parents[2] / "docs" / "service.md").read_text("utf-8")
    for path in app.openapi()["paths"]:
        assert path in text, path
    for name in ("SearchRequest", "AskRequest", "FeedbackRequest"):
        for key in app.openapi()["components"]["schemas"][name]["properties"]:
            assert f"`{key}`" in text, (name, key)
