"""The client of a service: the same face as on the store's machine, the same errors, a token that stays home."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import freshet
from freshet.client import ClientCorpus
from freshet.tasks.service.identity import Identity
from freshet.tasks.service.limits import Limits
from freshet.tasks.service.tokens import create_token, revoke_token
from freshet.tasks.settings.file import load_project
from tests.conftest import ROOT
from tests.flows.conftest import Project
from tests.service.serving import FLOOD, People, Unlimited, app_of, listening

MOON = "How do I book a flight to the moon colony?"


@pytest.fixture(scope="module")
def service(served: Project) -> Iterator[str]:
    with listening(app_of(served.config)) as address:
        yield address


@contextmanager
def asking(address: str, who: str | None, **more: Any) -> Iterator[ClientCorpus]:
    with freshet.Client(address, token=who, **more) as client:
        yield client.corpus("docs")


def test_a_corpus_answers_alike_on_this_machine_and_through_a_service(served: Project, service: str) -> None:
    here = freshet.Project.open(served.folder).corpus("docs")
    for who, as_ in (("anybody", ()), ("lawyer", ("group:legal",))):
        with asking(service, who) as there:
            assert there.name == here.name
            for mode in ("hybrid", "vector", "text"):
                assert there.search(FLOOD, mode=mode, limit=7) == here.search(FLOOD, as_=as_, mode=mode, limit=7)
            wishes = {
                "path": "members/**", "title": "claims", "modified_after": date(2000, 1, 1), "per_document": 2,
                "around": 1, "explain": True, "why_not": "members/damage-claims.md",
            }  # fmt: skip
            assert there.search(FLOOD, **wishes) == here.search(FLOOD, as_=as_, **wishes) != there.search(FLOOD)
            for question in (FLOOD, MOON):
                heard: list[freshet.Sentence] = []
                through, local = there.ask(question, on_sentence=heard.append), here.ask(question, as_=as_)
                assert tuple(heard) == through.sentences == local.sentences
                told = ("id", "seconds")
                assert {name: one for name, one in through.as_dict().items() if name not in told} == {
                    name: one for name, one in local.as_dict().items() if name not in told
                }
                there.feedback(through.id, False, "no")
            document = here.search(FLOOD, as_=as_)[0].document.id
            for span in ({}, {"start": 10, "end": 60}):
                assert there.document(document, **span) == here.document(document, as_=as_, **span)


def test_a_client_is_told_who_it_is_and_what_it_may_see(service: str) -> None:
    with freshet.Client(service + "/", token="lawyer\n") as client:
        me = client.me()
        assert (me.name, me.owner, me.may_impersonate) == ("token lawyer", False, False)
        assert {"user:ada", "group:legal"} <= set(me.principals)
        assert [(one.name, one.release) for one in client.corpora()] == [("docs", 1)]
        assert "lawyer" not in repr(client) + repr(client.corpus("docs"))


def test_only_a_token_that_may_impersonate_may_name_others(service: str) -> None:
    with asking(service, "proxy") as proxy, asking(service, "lawyer") as lawyer:
        assert proxy.search(FLOOD, as_="group:legal") == lawyer.search(FLOOD)
        assert proxy.ask(FLOOD, as_=["group:legal"]).text == lawyer.ask(FLOOD).text
        for ask in (lawyer.search, lawyer.ask):
            with pytest.raises(freshet.NotPermitted, match="somebody else"):
                ask(FLOOD, as_=["group:data"])
        with pytest.raises(freshet.SettingsError, match="token's holder"):
            proxy.document("x", as_=["group:legal"])


@pytest.mark.parametrize(
    ("wrong", "kind", "says"),
    [
        (lambda docs: docs.search(" "), freshet.SettingsError, "empty"),
        (lambda docs: docs.search("\ud800"), freshet.SettingsError, None),
        (lambda docs: docs.search(FLOOD, limit=101), freshet.SettingsError, "limit"),
        (lambda docs: docs.search(FLOOD, mode="fuzzy"), freshet.SettingsError, "mode"),
        (lambda docs: docs.search(FLOOD, kind="tabel"), freshet.SettingsError, "heading"),
        (lambda docs: docs.search(FLOOD, path=["!a"]), freshet.SettingsError, "takes back"),
        (lambda docs: docs.ask("?!"), freshet.SettingsError, "no letter"),
        (lambda docs: docs.ask(FLOOD, release=9), freshet.NotThere, "release 9"),
        (lambda docs: docs.ask(" "), freshet.SettingsError, "empty"),
        (lambda docs: docs.document("no such id"), freshet.NotThere, "no document"),
        (lambda docs: docs.document("a/../b"), freshet.NotThere, None),
        (lambda docs: docs.document("\ud800"), freshet.NotThere, None),
        (lambda docs: docs.feedback("x", True), freshet.SettingsError, "no id"),
    ],
)
def test_what_a_service_refuses_is_the_error_that_it_is_on_this_machine(
    service: str, wrong: Callable[[ClientCorpus], Any], kind: type[freshet.FreshetError], says: str | None
) -> None:
    with asking(service, "anybody") as docs, pytest.raises(kind, match=says) as raised:
        wrong(docs)
    assert raised.value.mend


def test_a_corpus_that_is_not_there_and_a_token_that_is_no_good_are_told(service: str) -> None:
    with freshet.Client(service, token="anybody") as client, pytest.raises(freshet.NotThere, match="docs"):
        client.corpus("wiki").ask(FLOOD)
    for token in ("stranger", None):
        with asking(service, token) as docs, pytest.raises(freshet.NotSignedIn):
            docs.search(FLOOD)


def test_without_a_token_whoever_may_asks_as_everyone(served: Project) -> None:
    with listening(app_of(served.config, People(anonymous=True))) as address, asking(address, None) as docs:
        assert docs.search(FLOOD) == freshet.Project.open(served.folder).corpus("docs").search(FLOOD)


def test_who_asks_too_much_is_told_after_how_long_to_try_again(served: Project) -> None:
    class Full(Unlimited):
        def admit(self, _: Any) -> Any:
            raise freshet.TooMuch("you ask too much", "Wait.", 7)

    with listening(app_of(served.config, limits=Full())) as address, asking(address, "anybody") as docs:
        for ask in (docs.search, docs.ask):
            with pytest.raises(freshet.TooMuch, match="too much") as raised:
                ask(FLOOD)
            assert raised.value.seconds == 7


def test_a_token_that_was_created_is_good_until_it_is_revoked_and_limits_hold(served: Project, tmp_path: Path) -> None:
    copy = served.copy(tmp_path / "copy")
    copy.settings["service"]["limits"] = {"requests_per_minute": 1}
    copy.save()
    project = load_project(copy.config)
    limits = Limits(project.settings.service.limits)
    token, kept = create_token(project.root, ["group:legal"], datetime.now(UTC), expires=timedelta(days=1))
    short, _ = create_token(project.root, [], datetime.now(UTC), expires=timedelta(days=1))
    with listening(app_of(copy.config, Identity(project), limits)) as address:
        with asking(address, token) as docs:
            assert any("/legal/" in hit.document.uri for hit in docs.search(FLOOD))
            revoke_token(project.root, kept.id)
            with pytest.raises(freshet.NotSignedIn):
                docs.search(FLOOD)
        with asking(address, short) as docs:
            assert not any("/legal/" in hit.document.uri for hit in docs.search(FLOOD))
            with pytest.raises(freshet.TooMuch) as raised:
                # One is let through for each minute that passes.
                [docs.search(FLOOD, mode="text") for _ in range(100)]
            assert raised.value.seconds > 0


def test_what_hears_the_sentences_may_end_the_answer(service: str) -> None:
    def enough(_: freshet.Sentence) -> None:
        raise InterruptedError("enough")

    with asking(service, "lawyer") as docs:
        with pytest.raises(InterruptedError, match="enough"):
            docs.ask(FLOOD, on_sentence=enough)
        assert docs.ask(FLOOD).outcome == "answered"


# Services that are none, or that fail.


class Other:
    """A server that answers every request with what it is told to, and keeps what it was sent."""

    def __init__(self) -> None:
        self.status, self.headers, self.body = 200, dict[str, str](), b""
        self.sent: list[Mapping[str, str]] = []

    def say(self, body: bytes | str, status: int = 200, **headers: str) -> None:
        self.status = status
        self.body = body if isinstance(body, bytes) else body.encode()
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.fixture
def other() -> Iterator[tuple[str, Other]]:
    told = Other()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            told.sent.append(dict(self.headers))
            self.send_response(told.status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(told.body)

        do_GET = do_POST = answer

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", told
    server.shutdown()
    thread.join()
    server.server_close()


EVENTS = {"content_type": "text/event-stream; charset=utf-8"}
ANSWER = {
    "id": "1", "corpus": "docs", "outcome": "answered", "reason": None, "refusal": None, "release": 1, "model": "m",
    "prompt": None, "usage": {}, "seconds": 0.1, "sentences": [], "newer": "is left out",
}  # fmt: skip


def stream(*events: tuple[str, Any], end: str = "\n") -> str:
    blocks = (f"event: {kind}{end}data: {json.dumps(data, ensure_ascii=False)}{end}{end}" for kind, data in events)
    return f": here{end}{end}" + "".join(blocks)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_an_answer_may_hold_every_character(other: tuple[str, Other], end: str) -> None:
    """Line separators of Unicode end no line of server-sent events."""
    address, told = other
    text = "a\u2028b\u2029c\x85d\x0be\x1cf: ä漢😀\n\ndata: g"
    sentence = {"text": text, "support": 1.0, "findings": [], "citations": []}
    events = stream(
        ("started", {"id": "1"}), ("sentence", sentence), ("done", ANSWER | {"sentences": [sentence]}), end=end
    )
    told.say(events, **EVENTS)
    heard: list[str] = []
    with asking(address, "t") as docs:
        assert docs.ask("?", on_sentence=lambda one: heard.append(one.text)).text == text
    assert heard == [text]


@pytest.mark.parametrize(
    ("status", "body", "headers", "kind", "says"),
    [
        (200, "<html>", {"content_type": "text/html"}, freshet.ServiceFailed, "no service of Freshet"),
        (200, "[1]", {"content_type": "application/json"}, freshet.ServiceFailed, "no service of Freshet"),
        (200, "", EVENTS, freshet.ServiceFailed, "broke off"),
        (200, stream(("started", {}), ("sentence", 1)), EVENTS, freshet.ServiceFailed, "broke off"),
        (200, stream(("done", {"id": "1"})), EVENTS, freshet.ServiceFailed, "no service of Freshet"),
        (200, "event: done\ndata: {broken\n\n", EVENTS, freshet.ServiceFailed, "no service of Freshet"),
        (200, stream(("error", {"status": 502, "detail": "no model"})), EVENTS, freshet.ModelFailed, "no model"),
        (200, stream(("error", {"status": 503, "detail": "no store"})), EVENTS, freshet.StoreError, "no store"),
        (200, stream(("error", None)), EVENTS, freshet.ServiceFailed, None),
        (502, "<html>", {"content_type": "text/html"}, freshet.ServiceFailed, "status 502"),
        (401, "{}", {"content_type": "application/problem+json"}, freshet.NotSignedIn, "401"),
        (401, "{", {"content_type": "application/problem+json"}, freshet.ServiceFailed, None),
        (429, "slow", {"content_type": "text/plain", "retry_after": "3"}, freshet.TooMuch, None),
        (429, "slow", {"retry_after": "Wed, 21 Oct 2026 07:28:00 GMT"}, freshet.TooMuch, None),
        (500, '{"detail": "x"}', {"content_type": "application/problem+json"}, freshet.ServiceFailed, "x"),
    ],
)
def test_what_is_no_answer_is_an_error_that_says_so(
    other: tuple[str, Other], status: int, body: str, headers: dict[str, str], kind: type[Exception], says: str | None
) -> None:
    address, told = other
    told.say(body, status, **headers)
    with asking(address, "t") as docs, pytest.raises(kind, match=says) as raised:
        docs.ask("?")
    assert type(raised.value) is kind


def test_no_redirect_is_followed_with_the_token(other: tuple[str, Other]) -> None:
    address, told = other
    for to in ("http://127.0.0.1:1/v1/search", f"{address}/elsewhere", "https://u:secret@example.org/"):
        told.say("", 307, location=to)
        with asking(address, "t") as docs, pytest.raises(freshet.ServiceFailed, match="not followed") as raised:
            docs.search("?")
        assert "secret" not in str(raised.value)
    assert [sent["Authorization"] for sent in told.sent] == ["Bearer t"] * 3


def test_a_service_on_this_machine_is_asked_directly(other: tuple[str, Other], monkeypatch: pytest.MonkeyPatch) -> None:
    address, told = other
    told.say('{"corpora": []}')
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with freshet.Client(address, token="t") as client:
        assert client.corpora() == ()
    assert len(told.sent) == 1


def test_a_service_that_is_not_there_is_told(other: tuple[str, Other]) -> None:
    with asking("http://127.0.0.1:1", "t") as docs:
        for ask in (docs.search, docs.ask):
            with pytest.raises(freshet.ServiceFailed, match=r"127\.0\.0\.1:1.*does not answer") as raised:
                ask("?")
            assert "freshet serve" in raised.value.mend


@pytest.mark.parametrize(
    ("address", "token", "says"),
    [
        ("localhost:4280", None, "no address"),
        ("", None, "no address"),
        ("ftp://example.org", None, "no address"),
        ("https://", None, "no address"),
        ("http://[::1", None, "no address"),
        ("https://example.org/?a=b", None, "no address"),
        ("https://u:pass@example.org", None, "a user or a password"),
        ("http://example.org", "t", "plain http to example.org"),
        ("http://127.0.0.1.example.org", "t", "plain http"),
        ("http://0.0.0.0:4280", "t", "plain http"),
        ("https://example.org", "", "the token is none"),
        ("https://example.org", "a\r\nX-Evil: 1", "the token is none"),
        ("https://example.org", "ä", "the token is none"),
    ],
)
def test_an_address_or_token_that_will_not_do_is_refused_at_once(address: str, token: str | None, says: str) -> None:
    with pytest.raises(freshet.SettingsError, match=says) as raised:
        freshet.Client(address, token=token)
    assert "pass" not in str(raised.value).replace("password", "")


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:4280", "http://localhost", "http://[::1]:4280", "https://example.org"]
)
def test_an_address_that_will_do(address: str) -> None:
    freshet.Client(address, token="t").close()
    freshet.Client("http://example.org", token="t", insecure=True).close()
    freshet.Client("http://example.org").close()


PROGRAM = """
from freshet import Answer, Client, Corpus, Hit, Project

def first(corpus: Corpus) -> Hit:
    answer: Answer = corpus.ask("?", as_=["group:legal"], on_sentence=lambda sentence: print(sentence.text))
    print(answer.text.upper())
    return corpus.search("?", mode="text")[0]

first(Project.open().corpus("handbook"))
first(Client("https://example.org").corpus("handbook"))
first(Project.open())  # wrong
Project.open().corpus("handbook").search("?", mode="fuzzy")  # wrong
Client("https://example.org").corpus("handbook").refresh()  # wrong
"""


def test_both_kinds_of_corpus_have_one_type(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", str(ROOT / "pyproject.toml"), str(file)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = re.findall(rf"^.*{file.name}:(\d+): error:", done.stdout, re.MULTILINE)
    wrong = [number for number, line in enumerate(PROGRAM.splitlines(), 1) if line.endswith("# wrong")]
    assert sorted(set(map(int, found))) == wrong, done.stdout + done.stderr
