"""The Model Context Protocol, by the real client: over HTTP as the caller, over stdio as whoever it was begun as."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from freshet.tasks.answers.answer import REFUSALS
from freshet.tasks.ledger.query_log import read_log
from freshet.tasks.service.mcp_tools import MOST_CHARACTERS
from tests.answers.servers import serving, slow
from tests.conftest import COMMAND
from tests.flows.conftest import Project
from tests.service.chatting import with_model
from tests.service.serving import FLOOD, app_of, as_, listening
from tests.waiting import PATIENCE, until

MODES: Any = ["auto", "legacy"]
"""How clients begin: with the protocol of 2026 first, or with the handshake of before."""


@pytest.fixture(scope="module")
def service(served: Project) -> Iterator[str]:
    with listening(app_of(served.config)) as url:
        yield url


@asynccontextmanager
async def connected(url: str, who: str, mode: Any = "auto") -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(headers=as_(who), timeout=PATIENCE) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http), mode=mode) as client,
    ):
        yield client


def text_of(result: Any) -> str:
    return "\n".join(one.text for one in result.content)


def uris(result: Any) -> set[str]:
    return {hit["document"]["uri"] for hit in result.structured_content["hits"]}


@pytest.mark.parametrize("mode", MODES)
def test_the_tools_give_each_caller_what_he_may_see(service: str, mode: Any) -> None:
    async def use(who: str) -> tuple[Any, ...]:
        async with connected(service, who, mode) as client:
            tools = await client.list_tools()
            assert [(one.name, one.annotations.read_only_hint) for one in tools.tools if one.annotations] == [
                ("search", True), ("ask", True), ("read_document", True),
            ]  # fmt: skip
            found = await client.call_tool("search", {"question": FLOOD, "limit": 20})
            narrowed = {"path": ["legal/**"], "per_document": 1, "around": 1, "why_not": "legal/none.md"}
            legal = await client.call_tool("search", {"question": FLOOD, **narrowed})
            assert all("legal/" in uri for uri in uris(legal))
            assert ("(found) " in text_of(legal)) is (who == "lawyer")
            assert "legal/none.md: there is no document" in text_of(legal)
            answer = await client.call_tool("ask", {"question": FLOOD, "corpus": "docs"})
            first = answer.structured_content["sentences"][0]["citations"][0]
            start, end = first["citation"]["chars"]
            given = {"id": first["document"]["id"], "start": start, "end": end}
            return found, answer, first, await client.call_tool("read_document", given)

    for who, sees in (("anybody", False), ("lawyer", True)):
        found, answer, first, read = asyncio.run(use(who))
        assert any("legal/" in uri for uri in uris(found)) is sees
        assert ("legal/" in json.dumps(answer.structured_content)) is sees
        assert ("legal/" in text_of(answer)) is sees
        assert answer.structured_content["sentences"][0]["text"] in text_of(answer)
        assert first["document"]["id"] in text_of(answer)
        assert text_of(read) == read.structured_content["text"] == first["quote"]


@pytest.mark.parametrize("mode", MODES)
def test_callers_at_the_same_time_are_never_taken_for_each_other(service: str, mode: Any) -> None:
    async def ask_often(who: str) -> list[bool]:
        async with connected(service, who, mode) as client:
            found = []
            for _ in range(6):
                both = await asyncio.gather(
                    *(client.call_tool("search", {"question": FLOOD, "limit": 20}) for _ in range(3))
                )
                found += [any("legal/" in uri for uri in uris(one)) for one in both]
            return found

    async def at_once() -> list[list[bool]]:
        return await asyncio.gather(*(ask_often(who) for who in ("anybody", "lawyer") * 2))

    assert asyncio.run(at_once()) == [[False] * 18, [True] * 18] * 2


def test_a_document_that_may_not_be_seen_is_none(service: str) -> None:
    async def read() -> list[Any]:
        async with connected(service, "lawyer") as client:
            found = await client.call_tool("search", {"question": FLOOD, "limit": 20})
        hits = found.structured_content["hits"]
        hidden = next(hit["document"]["id"] for hit in hits if "legal/" in hit["document"]["uri"])
        async with connected(service, "anybody") as client:
            return [(one, await client.call_tool("read_document", {"id": one})) for one in (hidden, hidden[::-1])]

    (hidden, first), (absent, second) = asyncio.run(read())
    assert first.is_error
    assert text_of(first).replace(hidden, "ID") == text_of(second).replace(absent, "ID")
    assert first.structured_content is None


@pytest.mark.parametrize(
    ("tool", "given", "said"),
    [
        ("search", {"question": " "}, "the question is empty"),
        ("ask", {"question": " "}, "the question is empty"),
        ("search", {"question": "***"}, "no letter and no digit"),
        ("search", {"question": FLOOD, "path": ["!a"]}, "takes back"),
        ("search", {"question": FLOOD, "kind": ["tabel"]}, "'heading', 'text', 'list'"),
        ("ask", {"question": FLOOD, "corpus": "nope"}, "there is no corpus nope that you may see"),
        ("search", {"question": FLOOD, "limit": 5000}, "limit: "),
        ("search", {}, "question: "),
        ("read_document", {"id": "7"}, "there is no document 7 that you may see"),
    ],
)
def test_errors_are_told_in_words_and_repeat_nothing(service: str, tool: str, given: dict[str, Any], said: str) -> None:
    async def call() -> Any:
        async with connected(service, "anybody") as client:
            return await client.call_tool(tool, given)

    result = asyncio.run(call())
    assert result.is_error
    assert said in text_of(result)
    assert not any(word in text_of(result) for word in ("Traceback", "pydantic", "5000"))


def test_a_refusal_is_no_error_and_an_answer_is_on_record(served: Project, service: str) -> None:
    async def ask() -> Any:
        async with connected(service, "anybody") as client:
            return await client.call_tool("ask", {"question": "How do I book a flight to the moon colony?"})

    result = asyncio.run(ask())
    assert not result.is_error
    assert text_of(result) == REFUSALS["NOT-COVERED"]
    recorded = {row["id"]: row for row in read_log(served.store, "docs")}
    assert recorded[result.structured_content["id"]]["mode"] == "mcp"


def test_a_long_document_comes_in_parts(served: Project, tmp_path: Path) -> None:
    project = served.copy(tmp_path / "copy")
    paragraphs = [f"In room {number} of the long archive stands shelf {number}." for number in range(900)]
    project.write("archive.md", "# The long archive\n\n" + "\n\n".join(paragraphs))
    project.refresh()

    async def read(url: str) -> str:
        async with connected(url, "anybody") as client:
            found = await client.call_tool("search", {"question": "room of the long archive", "limit": 20})
            hits = found.structured_content["hits"]
            one = next(hit["document"]["id"] for hit in hits if hit["document"]["title"] == "The long archive")
            whole, length = "", None
            while length is None or len(whole) < length:
                part = (await client.call_tool("read_document", {"id": one, "start": len(whole)})).structured_content
                assert 0 < len(part["text"]) <= MOST_CHARACTERS
                whole, length = whole + part["text"], part["length"]
            return whole

    with listening(app_of(project.config)) as url:
        whole = asyncio.run(read(url))
    assert all(paragraph in whole for paragraph in paragraphs)
    assert len(whole) > MOST_CHARACTERS


def test_without_a_token_or_with_another_method_nobody_comes_in(service: str) -> None:
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    headers = {"Accept": "application/json, text/event-stream"}
    assert httpx.post(f"{service}/mcp", json=asked, headers=headers, timeout=PATIENCE).status_code == 401
    assert httpx.get(f"{service}/mcp", headers={**headers, **as_("anybody")}, timeout=PATIENCE).status_code == 405
    elsewhere = {**headers, **as_("anybody"), "Host": "evil.example"}
    assert httpx.post(f"{service}/mcp", json=asked, headers=elsewhere, timeout=PATIENCE).status_code == 421


@pytest.mark.parametrize("mode", MODES)
def test_a_client_that_leaves_ends_the_models_work(served: Project, tmp_path: Path, mode: Any) -> None:
    left = threading.Event()
    with serving(slow(b"", left)) as server:
        project = with_model(served, tmp_path / "copy", server)

        async def leave(url: str) -> None:
            async with connected(url, "anybody", mode) as client, anyio.create_task_group() as group:
                group.start_soon(client.call_tool, "ask", {"question": FLOOD})
                await anyio.to_thread.run_sync(until, lambda: server.asked, "the model is asked")
                group.cancel_scope.cancel()

        with listening(app_of(project.config)) as url:
            asyncio.run(leave(url))
            assert left.wait(PATIENCE)
            until(lambda: not [one for one in threading.enumerate() if "freshet" in one.name], "no thread is left")


def test_without_the_package_the_service_says_what_to_install(served: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp.server.mcpserver", None)
    with listening(app_of(served.config)) as url:
        told = httpx.post(f"{url}/mcp", json={}, headers=as_("anybody"), timeout=PATIENCE)
        assert told.status_code == 501
        assert "freshet[serve]" in told.text
        assert httpx.get(f"{url}/v1/corpora", headers=as_("anybody"), timeout=PATIENCE).status_code == 200


# Over stdio.


def begun(project: Project, *words: str) -> StdioServerParameters:
    args = ["-c", COMMAND, "mcp", *words, "--config", str(project.config)]
    return StdioServerParameters(command=sys.executable, args=args, env=os.environ.copy())


def test_over_stdio_everything_is_asked_as_whom_it_was_begun_as(served: Project) -> None:
    async def use(*words: str) -> tuple[Any, Any, Any]:
        async with Client(begun(served, *words)) as client:
            found = await client.call_tool("search", {"question": FLOOD, "limit": 20})
            answer = await client.call_tool("ask", {"question": FLOOD})
            return found, answer, await client.call_tool("ask", {"question": FLOOD, "corpus": "nope"})

    for words, sees in (((), False), (("--as", "group:legal"), True)):
        found, answer, wrong = asyncio.run(use(*words))
        assert any("legal/" in uri for uri in uris(found)) is sees
        assert ("legal/" in text_of(answer)) is sees
        assert wrong.is_error
    recorded = {row["id"]: row for row in read_log(served.store, "docs")}
    assert recorded[answer.structured_content["id"]]["mode"] == "mcp"


def test_nothing_but_the_protocol_is_on_standard_output_and_it_ends_with_its_input(
    served: Project, tmp_path: Path
) -> None:
    left = threading.Event()
    begins = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    asked = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": begins},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        *(
            {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": name, "arguments": given}}
            for number, name, given in ((2, "search", {"question": FLOOD}), (3, "ask", {"question": FLOOD}))
        ),
    ]
    with serving(slow(b"", left)) as server:
        project = with_model(served, tmp_path / "copy", server)
        begun_as = begun(project)
        running = subprocess.Popen(
            [begun_as.command, *begun_as.args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env=begun_as.env,
        )  # fmt: skip
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write("".join(json.dumps(one) + "\n" for one in asked))
        running.stdin.flush()
        lines = [json.loads(running.stdout.readline()) for _ in range(2)]
        assert {line["id"] for line in lines} == {1, 2}
        until(lambda: server.asked, "the model is asked")
        rest, told = running.communicate(timeout=PATIENCE)  # closes the input
        assert running.returncode == 0, told
        assert left.wait(PATIENCE)
    assert "Traceback" not in told
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in rest.splitlines())


def test_over_stdio_a_name_that_is_no_principal_is_refused_at_once(served: Project) -> None:
    done = served.freshet("mcp", "--as", "legal", code=1)
    assert "legal" in done.stderr
    assert done.stdout == ""
