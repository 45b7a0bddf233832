"""A language model behind an address: what a server may do, good or bad, and what comes of it."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from freshet.tasks.answers.models import endpoint as module
from freshet.tasks.answers.models.endpoint import EndpointModel
from freshet.tasks.answers.models.model import Message, Usage
from freshet.tasks.answers.models.running import Running
from freshet.tasks.errors import ModelFailed
from tests.answers.servers import (
    DONE,
    KEY,
    Reply,
    Server,
    certificate,
    endlessly,
    event,
    raw,
    said,
    serving,
    slow,
    whole,
)
from tests.waiting import PATIENCE, until

SECRET = "the board meets at midnight in the old mill"
MESSAGES: list[Message] = [{"role": "system", "content": "Answer."}, {"role": "user", "content": SECRET}]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSE", 0.001)
    monkeypatch.setattr(module, "_TURNED_DOWN", {})


def ask(server: Server, seconds: float = PATIENCE, retries: int = 0, most: int = 50) -> Running:
    return EndpointModel(server.endpoint(), seconds, retries).generate(MESSAGES, most)


def failure(server: Server, **how: Any) -> str:
    """What a server's answer fails with; it must name server and model, and repeat neither key nor prompt."""
    with pytest.raises(ModelFailed) as error:
        list(ask(server, **how))
    told = str(error.value)
    assert "the model parrot at 127.0.0.1:" in told
    assert KEY not in told
    assert SECRET[:20] not in told
    assert "\x1b" not in told
    return told


def test_a_key_as_long_as_a_token_of_an_identity_provider_is_not_repeated() -> None:
    key = "".join(f"{number:03}" for number in range(300))
    with serving(whole({"error": f"bad key {key}"}, 400)) as server:
        with pytest.raises(ModelFailed) as error:
            list(EndpointModel(server.endpoint(api_key=key), PATIENCE, 0).generate(MESSAGES, 50))
        assert str(error.value.what).endswith("answers 400: bad key ***")


def test_pieces_come_in_order_and_then_the_usage() -> None:
    with serving(said("Thirty", " days", ".")) as server:
        running = ask(server)
        assert (running.finish, running.usage) == (None, Usage())
        assert list(running) == ["Thirty", " days", "."]
    assert (running.finish, running.usage) == ("stop", Usage(7, 3))
    assert server.paths == ["/v1/chat/completions"]
    assert server.asked[0] == {
        "model": "parrot", "messages": MESSAGES, "max_tokens": 50, "temperature": 0, "seed": 1, "stream": True,
        "stream_options": {"include_usage": True},
    }  # fmt: skip
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"


def test_nothing_of_this_machine_or_its_environment_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(said("no")) as other, serving(said("yes")) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
        monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-of-the-environment")
        monkeypatch.setenv("OPENAI_BASE_URL", f"{other.url}/v1")
        monkeypatch.setenv("OPENAI_ORG_ID", "an-organisation")
        monkeypatch.setenv("OPENAI_PROJECT_ID", "a-project")
        monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Mine: secret\nAuthorization: Bearer mine")
        monkeypatch.setenv("HTTP_PROXY", other.url)
        monkeypatch.setenv("ALL_PROXY", other.url)
        assert list(EndpointModel(server.endpoint(api_key=None), PATIENCE, 0).generate(MESSAGES, 50)) == ["yes"]
    assert other.asked == []
    assert set(server.headers[0]) == {
        "host", "accept", "accept-encoding", "connection", "content-type", "content-length", "user-agent"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("scheme", "host", "proxy"),
    [
        ("https", "models.example.org", "http://proxy.example.org:3128"),
        ("http", "models.example.org", None),
        ("https", "127.0.0.1", None),
        ("https", "localhost", None),
        ("https", "inside.example.net", None),
    ],
)
def test_a_proxy_is_used_only_where_it_cannot_read(
    scheme: str, host: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from freshet.tasks.embedding.line import proxy_of

    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://proxy.example.org:3128")
    monkeypatch.setenv("no_proxy", "example.net")
    assert proxy_of(f"{scheme}://{host}/v1") == proxy


@pytest.mark.parametrize(
    "reply",
    [
        whole({"choices": [{"message": {"content": "All of it."}, "finish_reason": "stop"}], "usage": None}),
        raw(json.dumps({"choices": [{"message": {"content": "All of it."}}]}, indent=1).encode()),
        raw(event("All of it.").replace(b"\n", b"\r\n") + DONE.replace(b"\n", b"\r\n"), "text/plain"),
        raw(b": ping\n\nevent: x\nid: 1\n" + event("All") + b": ping\n\n" + event(" of it.") + event(finish="eos")),
        raw(event("All of it.", reasoning_content="Hm", reasoning="Hm") + DONE),
        raw(event("<thi") + event("nk>Hm <") + event("b></th") + event("ink>All of") + event(" it.") + DONE),
        raw(event("All of it.<think>H") + event("m") + DONE),
    ],
)
def test_forms_of_an_answer_that_servers_use(reply: Reply) -> None:
    with serving(reply) as server:
        running = ask(server)
        assert "".join(running) == "All of it."
    assert running.finish == "stop"


def test_a_line_ends_at_a_line_feed_only_and_half_a_character_is_none() -> None:
    text = "a\u2028b\u0085c"
    chunk = json.dumps({"choices": [{"delta": {"content": text}}]}, ensure_ascii=False).encode()
    with serving(raw(b"data: " + chunk + b"\n\n" + event("\ud83d") + DONE)) as server:
        assert list(ask(server)) == [text, "\ufffd"]


@pytest.mark.parametrize("count", [-1, "7", None, True, 1.5, {}])
def test_a_usage_that_is_none_is_none(count: Any) -> None:
    usage = {"choices": [], "usage": {"prompt_tokens": count, "completion_tokens": 3}}
    with serving(raw(event("a") + b"data: " + json.dumps(usage).encode() + b"\n\n" + DONE)) as server:
        running = ask(server)
        assert list(running) == ["a"]
    assert running.usage == Usage(None, 3)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (raw(b"<html>\x1b[2J<h1>Welcome</h1></html>", "text/html"), "answers what is no answer of the OpenAI protocol"),
        (raw(b""), "answers nothing"),
        (raw(b"data: {oops\n\n"), "answers what is no JSON"),
        (raw(b"data: " + b"[" * 100_000 + b"\n\n"), "answers what is no JSON"),
        (raw(b"data: 5\n\n"), "answers what is no JSON"),
        (raw(b'{"choices": ', "application/json"), "answers what is no JSON"),
        (whole({"object": "list", "data": []}), "answers JSON without choices"),
        (whole({"choices": [None]}), "answers choices that are none"),
        (whole({"choices": [{"message": "text"}]}), "answers choices that are none"),
        (whole({"choices": []}), "said nothing"),
        (whole({"choices": [{"message": {"content": None}, "finish_reason": "stop"}]}), "said nothing"),
        (raw(event([{"type": "text", "text": "a"}]) + DONE), "answers content that is no text"),
        (raw(event(tool_calls=[{"function": {"name": "rm"}}]) + event(finish="tool_calls") + DONE), "asked for a tool"),
        (raw(event(finish="content_filter") + DONE), "keeps its answer back"),
        (raw(event("<think>Hm") + event(finish="length") + DONE), "spent all its 50 tokens before it said anything"),
        (raw(b'data: {"error": {"message": "out of memory"}}\n\n'), "failed: out of memory"),
        (whole({"error": {"message": f"cannot read {SECRET}"}}), "failed\n"),
        (whole({"error": f"bad key {KEY}"}), "failed: bad key ***"),
        (raw(b"x" * 3_000_000 + b"\n"), "sends more than an answer can be"),
        (raw(b"\x1f\x8b", Content_Encoding="gzip"), "in a compressed form"),
        (whole({"error": {"message": "nope"}}, 400), "answers 400: nope"),
        (whole({"detail": "Not Found"}, 404), "answers 404: Not Found"),
        (whole({}, 401), "lets nobody in with this key (401)"),
        (whole({"error": {"message": f"too long: {SECRET}"}}, 400), "answers 400\n"),
        (raw(b"x" * 3_000_000, status=400), "sends more than an answer can be"),
    ],
)  # fmt: skip
def test_a_server_that_lies_or_fails_is_told_in_words(reply: Reply, words: str) -> None:
    with serving(reply) as server:
        assert words in f"{failure(server)}\n"


def test_a_server_that_breaks_off_has_said_what_it_said() -> None:
    with serving(raw(event("Thirty") + event(" days"))) as server:
        running = ask(server, retries=3)
        pieces = iter(running)
        assert [next(pieces), next(pieces)] == ["Thirty", " days"]
        with pytest.raises(ModelFailed, match="broke off in the middle of its answer"):
            next(pieces)
    assert running.finish is None
    assert len(server.asked) == 1


def test_a_chunk_that_is_cut_off_is_a_break_as_well() -> None:
    def reply(handler: Any, _: Any) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        data = event("Thirty")
        handler.wfile.write(b"%x\r\n%s\r\n400\r\ndata:" % (len(data), data))

    with serving(reply) as server, pytest.raises(ModelFailed, match="broke off"):
        list(ask(server, retries=3))
    assert len(server.asked) == 1


def test_a_thought_that_never_began_is_none_of_the_answer() -> None:
    with serving(raw(event("Hm, let me see") + event("</think>Yes.") + DONE)) as server:
        assert "sends what it thinks as its answer" in failure(server)


def test_an_answer_that_is_too_long_ends_as_one() -> None:
    with serving(said("Thirty", finish="length")) as server:
        running = ask(server)
        assert list(running) == ["Thirty"]
    assert running.finish == "length"


def test_a_server_that_goes_on_for_ever_is_left_after_so_many_pieces() -> None:
    with serving(endlessly(event("na "))) as server:
        running = ask(server, most=20)
        assert "".join(running) == "na " * 20
        assert running.finish == "length"
        assert server.gone.wait(PATIENCE)


@pytest.mark.parametrize("data", [b": ping\n\n", b"x"])
def test_a_server_that_says_nothing_for_ever_is_left_in_time_and_memory(data: bytes) -> None:
    with serving(endlessly(data)) as server:
        told = failure(server, seconds=0.5)
        assert "did not begin an answer within 0.5 s" in told or "sends more than an answer can be" in told
        assert server.gone.wait(PATIENCE)


@pytest.mark.parametrize("first", [b"", event("Thirty"), b"dat"])
def test_a_server_that_falls_silent_is_left_when_the_time_is_over(first: bytes) -> None:
    gone = threading.Event()
    with serving(slow(first, gone)) as server:
        if first.endswith(b"\n"):
            running = ask(server, seconds=2.0)
            assert list(running) == ["Thirty"]
            assert running.finish == "time"
        else:
            assert "did not begin an answer within 0.3 s" in failure(server, seconds=0.3, retries=5)
        assert gone.wait(PATIENCE)


def test_closing_ends_the_connection_at_once_also_before_the_server_said_anything() -> None:
    gone = threading.Event()
    with serving(slow(b"", gone)) as server:
        running = ask(server)
        reader = threading.Thread(target=lambda: list(running))
        reader.start()
        until(lambda: server.asked, "the server was asked")
        running.close()
        running.close()
        assert gone.wait(PATIENCE)
        reader.join(PATIENCE)
        assert not reader.is_alive()
    assert running.finish is None


def test_leaving_off_reading_closes_as_well() -> None:
    gone = threading.Event()
    with serving(slow(event("Thirty"), gone)) as server:
        for piece in ask(server):
            assert piece == "Thirty"
            break
        assert gone.wait(PATIENCE)


def _hang_up(handler: Any, _: Any) -> None:
    handler.connection.close()


@pytest.mark.parametrize("fault", [whole({}, 429), whole({}, 503, Retry_After="0.01"), whole({}, 500), _hang_up])
def test_a_server_that_failed_is_asked_again_so_often(fault: Reply) -> None:
    with serving(fault, fault, said("yes")) as server:
        assert list(ask(server, retries=2)) == ["yes"]
        assert len(server.asked) == 3
    with serving(fault) as server:
        assert "it was asked 3 times" in failure(server, retries=2)
        assert len(server.asked) == 3


def test_a_wait_that_is_longer_than_the_time_is_not_begun() -> None:
    with serving(whole({}, 429, Retry_After="86400")) as server:
        assert "asks to wait 86400 s" in failure(server, retries=5)
        assert len(server.asked) == 1


def test_what_is_wrong_with_a_request_is_not_asked_again() -> None:
    with serving(whole({"error": "nope"}, 400)) as server:
        failure(server, retries=5)
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("message", "param", "left_out"),
    [
        ("Unknown parameter: seed", None, {"seed"}),
        ("extra fields not permitted", "stream_options", {"stream_options"}),
        ("'temperature' does not support 0 with this model.", "temperature", {"temperature"}),
        ("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", "max_tokens", {"max_tokens"}),
        ("stream is not supported", None, {"stream", "stream_options"}),
    ],
)
def test_a_parameter_that_a_server_does_not_know_is_left_out_from_then_on(
    message: str, param: str | None, left_out: set[str]
) -> None:
    refusal = whole({"error": {"message": message, "param": param}}, 400)
    with serving(refusal, said("yes")) as server:
        assert list(ask(server)) == ["yes"]
        assert list(ask(server)) == ["yes"]
        first, second, third = server.asked
    assert first.keys() - second.keys() == left_out
    assert second == third
    assert ("max_completion_tokens" in second) is (left_out == {"max_tokens"})


def test_a_server_that_refuses_everything_is_asked_a_few_times_only() -> None:
    refusal = whole({"error": "stream_options seed temperature max_tokens stream"}, 400)
    with serving(refusal) as server:
        assert "answers 400" in failure(server, retries=5)
        assert len(server.asked) == 6


def test_another_host_gets_neither_key_nor_question() -> None:
    with serving(said("gotcha")) as other:
        away = raw(b"", status=307, Location=f"{other.url}/v1/chat/completions")
        with serving(away) as server:
            assert "leads to 127.0.0.1 elsewhere, which is not followed" in failure(server)
    assert other.asked == []


def test_an_unknown_model_is_told_with_those_that_there_are() -> None:
    models = whole({"object": "list", "data": [{"id": "cockatoo"}, {"id": "budgie\x1b"}]})
    with serving(whole({"error": {"message": "no such model"}}, 404), models) as server:
        assert "The server has the models budgie\\u001b, cockatoo" in failure(server)
        assert server.paths == ["/v1/chat/completions", "/v1/models"]


def test_a_server_that_is_not_there_is_told_by_its_name() -> None:
    with serving(said("a")) as server:
        pass
    assert "cannot be reached" in failure(server, retries=1)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("https_proxy", "socks9://proxy.example.org", "cannot be asked through the proxy"),
        ("SSL_CERT_FILE", "/none/such.pem", "certificates cannot be read: No such file or directory"),
    ],
)
def test_an_environment_that_cannot_be_used_is_told(
    name: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    model = EndpointModel(Server(url="https://models.example.org").endpoint(), PATIENCE, 0)
    with pytest.raises(ModelFailed, match=words):
        model.generate(MESSAGES, 50)


def test_a_server_behind_tls_is_believed_by_its_certificate_and_can_be_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, file = threading.Event(), certificate(tmp_path)
    with serving(said("yes"), slow(event("Thirty"), gone), certificate=file) as server:
        assert "cannot be reached: [SSL: CERTIFICATE_VERIFY_FAILED]" in failure(server)
        assert server.asked == []
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        assert list(ask(server)) == ["yes"]
        running = ask(server)
        assert next(iter(running)) == "Thirty"
        running.close()
        assert gone.wait(PATIENCE)


def test_a_count_of_tokens_is_rather_too_high() -> None:
    model = EndpointModel(Server(url="http://127.0.0.1:1").endpoint(), 1, 0)
    assert model.name == "parrot at 127.0.0.1:1"
    assert model.count_tokens("Everyone has thirty days of leave.") >= 8
    assert model.count_tokens("二十八日の休暇") >= 7
