"""The service over HTTP: who asks gets what he may see, errors say no more, and a stream ends well."""

from __future__ import annotations

import errno
import json
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from starlette.testclient import TestClient

from freshet.tasks.ledger import query_spool
from freshet.tasks.ledger.query_log import read_log
from freshet.tasks.runs.run import store_of
from freshet.tasks.service import patience
from freshet.tasks.settings.file import load_project
from tests.flows.conftest import Project
from tests.service.serving import FLOOD, app_of, as_, listening
from tests.waiting import PATIENCE, until


@pytest.fixture(scope="module")
def client(served: Project) -> Iterator[TestClient]:
    with TestClient(app_of(served.config), base_url="http://localhost") as opened:
        yield opened


def uris(found: Any) -> set[str]:
    return {hit["document"]["uri"] for hit in found["hits"]}


def events(text: str) -> list[tuple[str, Any]]:
    """The server-sent events of a response; comments are none."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


def record(served: Project) -> list[dict[str, Any]]:
    """What is on record of all questions."""
    return list(read_log(store_of(load_project(served.config)), "docs"))


def test_two_callers_find_what_each_may_see(client: TestClient) -> None:
    asked = {"question": FLOOD, "limit": 20}
    anybody, lawyer = (
        client.post("/v1/search", json=asked, headers=as_(who)).raise_for_status().json()
        for who in ("anybody", "lawyer")
    )
    assert anybody["corpus"] == lawyer["corpus"] == "docs"
    assert not any("/legal/" in uri for uri in uris(anybody))
    assert any("/legal/" in uri for uri in uris(lawyer))


def test_filters_and_wishes_are_met_over_http(client: TestClient) -> None:
    asked = {
        "question": FLOOD, "limit": 20, "path": ["legal/**", "members/**"], "kind": ["list", "text"], "around": 1,
        "modified_after": "2000-01-01", "per_document": 1, "explain": True,
        "why_not": "legal/flood-claims-settlement.md",
    }  # fmt: skip
    found = {
        who: client.post("/v1/search", json=asked, headers=as_(who)).raise_for_status().json()
        for who in ("anybody", "lawyer")
    }
    assert {uri.split("/")[1] for uri in uris(found["anybody"])} == {"members"}
    assert {uri.split("/")[1] for uri in uris(found["lawyer"])} == {"members", "legal"}
    for one in found.values():
        assert len(uris(one)) == len(one["hits"])
        assert any(hit["before"] or hit["after"] for hit in one["hits"])
        assert all(set(hit["explain"]) == {"cosine", "bm25", "shares", "words"} for hit in one["hits"])
    assert found["lawyer"]["why_not"]["reason"] == "hit"
    assert found["anybody"]["why_not"]["reason"] == "not_there"


@pytest.mark.parametrize(
    ("wish", "status", "says"),
    [
        ({"kind": ["tabel"]}, 422, "'heading', 'text', 'list', 'table', 'code' or 'image'"),
        ({"path": ["a"] * 21}, 422, "at most 20"),
        ({"path": ["a" * 501]}, 422, "at most 500"),
        ({"path": ["!a"]}, 400, "takes back"),
        ({"title": " "}, 400, "title is empty"),
        ({"modified_after": "2026-02-02", "modified_before": "2026-02-01"}, 400, "nothing is modified"),
        ({"per_document": 0}, 422, "per_document"),
        ({"around": 11}, 422, "around"),
        ({"question": "😀 ?"}, 400, "no letter and no digit"),
    ],
)
def test_a_wish_that_cannot_be_met_is_told(client: TestClient, wish: Any, status: int, says: str) -> None:
    response = client.post("/v1/search", json={"question": FLOOD, **wish}, headers=as_("anybody"))
    assert (response.status_code, says in response.json()["detail"]) == (status, True), response.text


def test_an_answer_comes_whole_or_sentence_by_sentence_and_is_on_record(served: Project, client: TestClient) -> None:
    asked = {"question": FLOOD, "corpus": "docs"}
    whole = client.post("/v1/ask", json=asked, headers=as_("lawyer")).raise_for_status().json()
    streamed = client.post("/v1/ask", json={**asked, "stream": True}, headers=as_("lawyer")).raise_for_status()
    assert streamed.headers["content-type"].startswith("text/event-stream")
    found = events(streamed.text)
    assert [kind for kind, _ in found] == ["started", *["sentence"] * len(whole["sentences"]), "done"]
    assert [what for kind, what in found if kind == "sentence"] == whole["sentences"] == found[-1][1]["sentences"]
    assert found[0][1]["id"] == found[-1][1]["id"]
    recorded = {row["id"]: row for row in record(served)}
    assert recorded[whole["id"]]["mode"] == "http"


def test_feedback_is_on_record(served: Project, client: TestClient) -> None:
    asked = client.post("/v1/ask", json={"question": FLOOD}, headers=as_("anybody")).json()
    said = {"id": asked["id"], "helpful": False, "note": "It is more now."}
    assert client.post("/v1/feedback", json=said, headers=as_("anybody")).status_code == 204
    assert client.post("/v1/feedback", json={**said, "id": "7"}, headers=as_("anybody")).status_code == 400
    assert "It is more now." in json.dumps(record(served), default=str)


def test_a_document_is_shown_to_whoever_may_see_it_and_is_nothing_to_others(client: TestClient) -> None:
    hits = client.post("/v1/search", json={"question": FLOOD, "limit": 20}, headers=as_("lawyer")).json()["hits"]
    for hit in hits:
        address, (start, end) = f"/v1/documents/{hit['document']['id']}", hit["citation"]["chars"]
        seen = client.get(address, params={"start": start, "end": end}, headers=as_("lawyer")).raise_for_status().json()
        assert seen["text"] == hit["text"]
        assert seen["document"] == hit["document"]
    hidden = next(hit for hit in hits if "/legal/" in hit["document"]["uri"])["document"]["id"]
    refused = [client.get(f"/v1/documents/{one}", headers=as_("anybody")) for one in (hidden, hidden[::-1])]
    assert [one.status_code for one in refused] == [404, 404]
    assert refused[0].text.replace(hidden, "ID") == refused[1].text.replace(hidden[::-1], "ID")


def test_a_corpus_of_which_nothing_may_be_seen_is_none(served: Project, tmp_path: Path) -> None:
    project = served.copy(tmp_path / "closed")
    project.settings["corpora"]["docs"]["sources"][0] |= {"acl": ["group:legal"], "access": []}
    project.save()
    project.refresh()
    with TestClient(app_of(project.config), base_url="http://localhost") as client:
        assert client.get("/v1/corpora", headers=as_("anybody")).json() == {"corpora": []}
        assert [one["name"] for one in client.get("/v1/corpora", headers=as_("lawyer")).json()["corpora"]] == ["docs"]
        told = [
            client.post(path, json={"question": FLOOD, "corpus": name}, headers=as_("anybody"))
            for path in ("/v1/search", "/v1/ask")
            for name in ("docs", "nope")
        ]
        assert [one.status_code for one in told] == [404] * 4
        assert told[0].text.replace("docs", "X") == told[1].text.replace("nope", "X")


def test_only_a_token_that_may_impersonate_names_others_and_that_is_on_record(
    served: Project, client: TestClient
) -> None:
    asked = {"question": FLOOD, "limit": 20, "as": ["group:legal"]}
    assert client.post("/v1/search", json=asked, headers=as_("lawyer")).status_code == 403
    found = client.post("/v1/search", json=asked, headers=as_("proxy")).raise_for_status().json()
    assert any("/legal/" in uri for uri in uris(found))
    answer = client.post("/v1/ask", json={"question": FLOOD, "as": ["group:legal"]}, headers=as_("proxy")).json()
    recorded = {row["id"]: row for row in record(served)}
    assert recorded[answer["id"]]["mode"] == "http, as another by token proxy"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/search", {"question": " "}, 400),
        ("/v1/search", {"question": "x", "corpus": "nope"}, 404),
        ("/v1/search", {"question": "x", "release": 77}, 404),
        ("/v1/search", {"question": "x", "limit": 0}, 422),
        ("/v1/search", {"question": "x", "top_k": 3}, 422),
        ("/v1/search", {"question": "\ud800"}, 422),
        ("/v1/ask", {"question": " "}, 400),
        ("/v1/ask", {"question": "x", "release": 77, "stream": True}, 404),
        ("/v1/ask", {}, 422),
        ("/v1/feedback", {"id": "x", "helpful": "maybe"}, 422),
    ],
)
def test_a_request_that_cannot_be_answered_is_told_as_a_problem(
    client: TestClient, path: str, body: dict[str, Any], status: int
) -> None:
    told = client.post(path, content=json.dumps(body), headers={**as_("anybody"), "Content-Type": "application/json"})
    assert told.status_code == status
    assert told.headers["content-type"] == "application/problem+json"
    assert told.json()["status"] == status
    assert told.json()["detail"]
    assert "Traceback" not in told.text


def test_nobody_is_let_in_without_a_token_but_to_the_page_and_to_health(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for path, held in paths.items():
        for method in held:
            told = client.request(method, path.replace("{id}", "x"))
            assert told.status_code == (200 if path in ("/healthz", "/readyz") else 401), (method, path)
    assert client.get("/v1/nothing").status_code == 401
    assert client.get("/v1/nothing", headers=as_("anybody")).status_code == 404


def test_metrics_are_for_owners_and_count_without_texts(client: TestClient) -> None:
    client.post("/v1/ask", json={"question": FLOOD}, headers=as_("lawyer"))
    assert client.get("/metrics", headers=as_("lawyer")).status_code == 403
    text = client.get("/metrics", headers=as_("owner")).raise_for_status().text
    assert 'freshet_answers_total{mode="http",outcome="answered",reason=""}' in text
    assert 'freshet_requests_total{method="POST",route="/v1/ask",status="200"}' in text
    assert "flood" not in text.lower()
    assert "lawyer" not in text


def test_a_host_that_is_not_the_services_own_is_turned_away(client: TestClient) -> None:
    assert client.get("/healthz", headers={"Host": "evil.example.org"}).status_code == 421
    assert client.get("/healthz", headers={"Host": "127.0.0.1:4280"}).status_code == 200


def test_a_request_that_is_too_long_is_refused_before_it_is_read(served: Project) -> None:
    with listening(app_of(served.config, warm=False)) as address:
        long = b'{"question": "' + b"x" * 1_100_000 + b'"}'
        told = httpx.post(f"{address}/v1/search", content=long, headers=as_("anybody"), timeout=PATIENCE)
        assert told.status_code == 413

        def in_pieces() -> Iterator[bytes]:
            for _ in range(20):
                yield b"x" * 100_000

        assert (
            httpx.post(
                f"{address}/v1/search", content=in_pieces(), headers=as_("anybody"), timeout=PATIENCE
            ).status_code
            == 413
        )


def test_who_asks_is_refused_wherever_it_would_not_be_heeded(client: TestClient) -> None:
    asked = {"question": FLOOD, "limit": 1}
    hit = client.post("/v1/search", json=asked, headers=as_("lawyer")).json()["hits"][0]["document"]["id"]
    for path in (f"/v1/documents/{hit}", "/v1/corpora", "/v1/me", "/v1/models"):
        assert client.get(path, headers=as_("proxy")).status_code in (200, 404)
        assert client.get(path, params={"as": "user:eve"}, headers=as_("proxy")).status_code == 400, path
    assert client.post("/v1/search", json=asked, params={"as": "user:eve"}, headers=as_("proxy")).status_code == 400
    chat = {"model": "docs", "messages": [{"role": "user", "content": FLOOD}], "as": ["user:eve"]}
    assert client.post("/v1/chat/completions", json=chat, headers=as_("proxy")).status_code == 400
    vectors = {"model": "default", "input": "x", "as": ["user:eve"]}
    assert client.post("/v1/embeddings", json=vectors, headers=as_("proxy")).status_code == 400
    called = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
    called |= {"params": {"name": "search", "arguments": {"question": FLOOD, "as": ["user:eve"]}}}
    accept = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}
    told = client.post("/mcp", json=called, headers={**as_("proxy"), **accept})
    assert "search has no argument as" in told.text


@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", "Bearer anybody"), ("Authorization", "Bearer owner")],
        [("Authorization", "Bearer owner"), ("Content-Length", "0"), ("Transfer-Encoding", "chunked")],
    ],
)
def test_headers_that_say_two_things_are_refused(client: TestClient, headers: list[tuple[str, str]]) -> None:
    assert client.get("/v1/me", headers=headers).status_code == 400


def test_an_id_that_cannot_be_one_is_no_document(client: TestClient) -> None:
    assert client.get("/v1/documents/%00", headers=as_("anybody")).status_code == 404


def test_a_store_that_is_gone_is_said_to_be_and_one_that_is_back_is_read(served: Project, tmp_path: Path) -> None:
    project = served.copy(tmp_path / "moved")
    store, away = project.folder / "store", project.folder / "away"
    with TestClient(app_of(project.config), base_url="http://localhost") as client:

        def ask() -> int:
            return client.post("/v1/search", json={"question": FLOOD}, headers=as_("anybody")).status_code

        until(lambda: client.get("/readyz").status_code == 200, "the service is ready")
        assert ask() == 200
        store.rename(away)
        assert (ask(), client.get("/readyz").status_code) == (503, 503)
        assert client.get("/v1/corpora", headers=as_("anybody")).status_code == 503
        away.rename(store)
        assert (ask(), client.get("/readyz").status_code) == (200, 200)


def test_what_keeps_everybody_from_being_answered_is_told_by_readyz(served: Project, tmp_path: Path) -> None:
    project = served.copy(tmp_path / "roster")
    project.settings["roster"] = {"file": "groups.yaml"}
    project.save()
    roster = project.folder / "groups.yaml"
    said = {"as_of": datetime.now(UTC).isoformat(), "groups": {"group:legal": ["user:ada"]}}
    roster.write_text(yaml.safe_dump(said))
    with TestClient(app_of(project.config), base_url="http://localhost") as client:
        until(lambda: client.get("/readyz").status_code == 200, "the service is ready")
        roster.unlink()
        assert client.get("/readyz").json() == {"ready": False, "reasons": ["the tokens or the roster cannot be read"]}
        told = client.post("/v1/search", json={"question": FLOOD}, headers=as_("anybody"))
        assert told.status_code == 503
        assert "groups.yaml" not in told.text


def test_feedback_that_is_not_on_record_is_not_said_to_be(
    served: Project, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    asked = client.post("/v1/ask", json={"question": FLOOD}, headers=as_("anybody")).json()
    monkeypatch.setattr(query_spool, "append", full)
    told = client.post("/v1/feedback", json={"id": asked["id"], "helpful": True}, headers=as_("anybody"))
    assert told.status_code == 503
    assert client.post("/v1/ask", json={"question": FLOOD}, headers=as_("anybody")).status_code == 200


def test_a_connection_on_which_no_request_arrives_is_closed(served: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.5)
    with listening(app_of(served.config, warm=False), http=patience.PatientProtocol) as address:
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as idle:
            idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ")
            assert idle.recv(100) == b"", "it was closed"
        assert httpx.get(f"{address}/healthz", timeout=PATIENCE).status_code == 200
