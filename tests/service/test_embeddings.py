"""Embeddings over OpenAI's interface, by the real client."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import openai
import pytest

from freshet.tasks.service.desk import Desk
from freshet.tasks.settings.file import load_project
from tests.flows.conftest import Project
from tests.service.chatting import client
from tests.service.serving import app_of, listening


@pytest.fixture(scope="module")
def service(served: Project) -> Iterator[str]:
    with listening(app_of(served.config)) as url:
        yield url


@pytest.mark.parametrize("form", ["float", "base64"])
def test_embeddings_are_those_of_the_projects_model(served: Project, service: str, form: Any) -> None:
    texts = ["A flood in the cellar.", "Parental leave."]
    wanted = Desk(load_project(served.config)).embed(texts)
    given = client(service).embeddings.create(model="default", input=texts, encoding_format=form)
    vectors = [
        np.frombuffer(base64.b64decode(one.embedding), "<f4") if isinstance(one.embedding, str) else one.embedding
        for one in given.data
    ]
    np.testing.assert_allclose(np.array(vectors), wanted, atol=1e-6)
    (one,) = client(service).embeddings.create(model="bundled", input=texts[0]).data
    np.testing.assert_allclose(np.array(one.embedding), wanted[0], atol=2e-2)  # alone, rounded another way


@pytest.mark.parametrize(
    ("who", "sent", "kind"),
    [
        ("nobody", {}, openai.AuthenticationError),
        ("anybody", {"model": "text-embedding-3-small"}, openai.NotFoundError),
        ("anybody", {"input": ""}, openai.BadRequestError),
        ("anybody", {"input": []}, openai.BadRequestError),
        ("anybody", {"input": ["x"] * 129}, openai.BadRequestError),
        ("anybody", {"input": "x" * 10_001}, openai.BadRequestError),
        ("anybody", {"input": [[1, 2]]}, openai.BadRequestError),
        ("anybody", {"dimensions": 7}, openai.BadRequestError),
    ],
)
def test_what_cannot_be_embedded_is_refused(service: str, who: str, sent: dict[str, Any], kind: Any) -> None:
    with pytest.raises(kind):
        client(service, who).embeddings.create(**{"model": "default", "input": "x", **sent})
