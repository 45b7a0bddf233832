"""Whoever asks the service is told what the model of access says, by every way in, and by no response more."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from freshet.tasks.answers import ask as asking
from freshet.tasks.search import candidates
from freshet.tasks.service import desk as desks
from freshet.tasks.service.caller import Caller
from tests.chaos import some_of
from tests.flows.test_access_model import GROUPS, MODES, PATHS, STEPS, USERS, World, _vector
from tests.service.serving import People, app_of

ASKERS = 60
"""Requests after each step. Nine scenarios of four steps are 2,160."""


class Embedder:
    """Vectors of words, in the space of the small store."""

    def embed_query(self, text: str) -> Any:
        return _vector(text)

    def embed(self, texts: Any) -> Any:
        return np.array([_vector(text) for text in texts])


class Principals(People):
    """A token is the principal that it stands for."""

    def caller(self, authorization: str | None) -> Caller:
        name = (authorization or "").removeprefix("Bearer ")
        return Caller(f"token {name}", () if name == "everyone" else (name,))


@pytest.fixture(autouse=True)
def _words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desks, "query_embedder", lambda _: lambda __, text: _vector(text))
    monkeypatch.setattr(asking, "embedder_of", lambda *_: Embedder())
    monkeypatch.setattr(asking, "floor_of", lambda *_: 0.0)
    monkeypatch.setattr(desks.Desk, "warm", lambda _: None)


def words_of(path: str) -> str:
    """What stands in every passage of a page, and in no other page."""
    return path.replace("/", "")


class Served:
    """A world that is asked over HTTP."""

    def __init__(self, world: World) -> None:
        self.world, self.seen = world, Counter[str]()
        rows = world.held.corpus("docs").rows("documents", columns=["doc_id", "path"])
        self.ids = {row["path"]: row["doc_id"] for row in rows}

    def ask_as(self, askers: int) -> None:
        app = app_of(self.world.folder / "freshet.yaml", Principals(), warm=False)
        with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
            self._ask_as(client, askers)

    def _ask_as(self, client: TestClient, askers: int) -> None:
        chance = self.world.chance
        for number in range(askers):
            principal = chance.choice([*USERS, *GROUPS, "user:stranger", "everyone"])
            names, known = self.world.names_of(principal)
            expected = self.world.model.shown(names, known)
            way = chance.choice(WAYS)
            response, shown = way(self, client, {"Authorization": f"Bearer {principal}"}, number, expected)
            assert response.status_code < 500, response.text
            said = response.text + str(response.headers)
            for path in PATHS:
                if path not in expected:
                    assert words_of(path) not in said, (principal, way, path, "a leak of text")
                    assert f"docs/{path}" not in said, (principal, way, path, "a leak of a name")
            self.seen[way.__name__] += bool(shown)

    def search(self, client: TestClient, headers: dict[str, str], number: int, expected: set[str]) -> Any:
        asked = {"question": f"spring part {number % 14}", "mode": MODES[number % len(MODES)], "limit": 100}
        response = client.post("/v1/search", json=asked, headers=headers)
        hits = response.json()["hits"] if response.status_code == 200 else []
        assert len(hits) == min(100, sum(self.world.chunks[path] for path in expected)), "starved"
        return response, hits

    def ask(self, client: TestClient, headers: dict[str, str], number: int, expected: set[str]) -> Any:
        asked = {"question": f"What is said of part {number % 14} in spring?", "stream": bool(number % 2)}
        response = client.post("/v1/ask", json=asked, headers=headers)
        # Where he may see nothing at all, there is no corpus for him.
        assert response.status_code == 200 or not expected
        return response, '"outcome": "answered"' in response.text or '"outcome":"answered"' in response.text

    def document(self, client: TestClient, headers: dict[str, str], _: int, expected: set[str]) -> Any:
        path = self.world.chance.choice(PATHS)
        given = client.get(f"/v1/documents/{self.ids[path]}", headers=headers)
        absent = client.get(f"/v1/documents/{'0' * 32}", headers=headers)
        assert given.status_code == (200 if path in expected else 404)
        if path in expected:
            assert words_of(path) in given.json()["text"]
        else:
            assert given.text.replace(self.ids[path], "ID") == absent.text.replace("0" * 32, "ID")
            assert given.headers.items() - absent.headers.items() <= set(), "a leak by a header"
        return given, path in expected

    def corpora(self, client: TestClient, headers: dict[str, str], _: int, expected: set[str]) -> Any:
        response = client.get("/v1/corpora", headers=headers)
        assert not expected or response.json()["corpora"]
        return response, expected

    def chat(self, client: TestClient, headers: dict[str, str], number: int, expected: set[str]) -> Any:
        turns = [{"role": "user", "content": f"What is said of part {number % 14} in spring?"}]
        asked = {"model": "docs", "messages": turns, "stream": bool(number % 2)}
        response = client.post("/v1/chat/completions", json=asked, headers=headers)
        assert response.status_code == 200 or not expected
        return response, "said of part" in response.text

    def agent(self, client: TestClient, headers: dict[str, str], number: int, expected: set[str]) -> Any:
        question = f"What is said of part {number % 14} in spring?"
        path = self.world.chance.choice(PATHS)
        tool, given = [
            ("search", {"question": question, "limit": 50}), ("ask", {"question": question}),
            ("read_document", {"id": self.ids[path]}),
        ][number % 3]  # fmt: skip
        called = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": given}}
        accept = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}
        response = client.post("/mcp", json=called, headers={**headers, **accept})
        assert response.status_code == 200, response.text
        return response, "In spring" in response.text and bool(expected)

    def other(self, client: TestClient, headers: dict[str, str], number: int, _: set[str]) -> Any:
        address = [
            "/v1/me",
            "/metrics",
            "/v1/nothing",
            "/readyz",
            "/openapi.json",
            "/v1/documents/docs%2Fa%2F0.md",
            "/v1/models",
            "/v1/models/docs",
            "/reports/",
            "/reports/corpora/docs/x/index.html",
        ]
        response = client.get(address[number % len(address)], headers=headers)
        if response.status_code == 404:  # what was asked for is repeated
            response = client.get("/v1/nothing", headers=headers)
        return (response, True) if response.status_code != 503 else (client.get("/healthz"), True)


WAYS = (
    Served.search,
    Served.search,
    Served.ask,
    Served.document,
    Served.chat,
    Served.agent,
    Served.corpora,
    Served.other,
)
WORTH = ("search", "ask", "document", "chat", "agent")
"""Ways by which somebody must have been shown something, or a world proves nothing."""
SEEDS = range(9)


@pytest.mark.parametrize("seed", some_of(SEEDS, 0, 1))
def test_whoever_asks_the_service_is_told_what_the_model_says(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if seed % 2:
        monkeypatch.setattr(candidates, "EXACT_ROWS", 100)
    served = Served(World(tmp_path, "store", random.Random(1000 + seed)))
    done = 0
    # A world may have nothing that one of the ways could show: such a one goes on until it has.
    while done < 4 or (not all(served.seen[way] for way in WORTH) and done < 16):
        served.world.step(served.world.chance.choice(STEPS))
        if served.world.chance.random() < 0.2:
            served.world.write_roster(current=False)
        served.ask_as(ASKERS)
        done += 1
    for way in WORTH:
        assert served.seen[way], f"nobody was shown anything by {way}, which proves nothing"
