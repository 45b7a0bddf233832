"""The page before a service that fails, is slow, or says what nobody should: what a person then reads."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi import Response
from starlette.testclient import TestClient

from freshet.tasks.service.page import page_text, policy
from freshet.tasks.settings.service import Oidc, Service
from tests.deploy.browser import CHROMIUM, Page, open_browser
from tests.service.driving import WATCH, Seat
from tests.service.scripted_service import (
    QUOTE,
    STARTED,
    TEXT,
    Script,
    answer,
    app_of,
    citation,
    event,
    problem,
    sentence,
)
from tests.service.serving import listening
from tests.waiting import PATIENCE, until

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium: apt-get install chromium")
OIDC = Oidc(issuer="https://login.example.org/realms/alder", audience="freshet", client_id="page")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with open_browser(tmp_path_factory.mktemp("browser")) as opened:
        opened.call("Page.enable")
        opened.call("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        yield opened


@contextmanager
def before(page: Page, script: Script) -> Iterator[Seat]:
    """Somebody signed in before the page of a scripted service."""
    with listening(app_of(script)) as address:
        seat = Seat(page, address).sit_down()
        seat.sign_in("good")
        yield seat
        page.open("about:blank")


def test_the_script_makes_no_markup_of_text_and_the_page_fetches_nothing_from_elsewhere() -> None:
    text = page_text().decode()
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "srcdoc"):
        assert way not in text, way
    assert not re.search(r"\s(on\w+|style)=[\"']", re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL))
    assert set(re.findall(r"https?://[^\"'\s)]+", text)) == {"http://www.w3.org/2000/svg"}
    assert "localStorage" not in text
    assert "cookie" not in text


def test_the_policy_names_the_script_and_the_style_and_lets_in_nothing_else() -> None:
    said = TestClient(app_of(Script())).get("/")
    rules = dict(one.strip().split(" ", 1) for one in said.headers["Content-Security-Policy"].split(";"))
    assert rules["default-src"] == "'none'"
    assert re.fullmatch(r"'sha256-[\w+/]{43}='", rules["script-src"])
    assert re.fullmatch(r"'sha256-[\w+/]{43}='", rules["style-src"])
    assert rules["connect-src"] == "'self'"
    assert {rules[one] for one in ("base-uri", "form-action", "frame-ancestors")} == {"'none'"}
    assert "unsafe" not in said.headers["Content-Security-Policy"]
    assert said.headers["X-Content-Type-Options"] == "nosniff"
    assert said.headers["Referrer-Policy"] == "no-referrer"


def test_the_page_may_talk_to_the_identity_provider_and_knows_what_it_needs_of_it() -> None:
    client = TestClient(app_of(Script(Service(oidc=OIDC, anonymous=True))))
    assert "connect-src 'self' https://login.example.org;" in client.get("/").headers["Content-Security-Policy"]
    told = {"issuer": OIDC.issuer, "client_id": "page", "audience": "freshet"}
    assert client.get("/page/settings.json").json() == {"anonymous": True, "oidc": told}
    without = TestClient(app_of(Script(Service(oidc=OIDC.model_copy(update={"client_id": None})))))
    assert without.get("/page/settings.json").json() == {"anonymous": False, "oidc": None}
    assert "connect-src 'self';" in without.get("/").headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "issuer", ["https://a.example;script-src *", "https://a.example script-src", "javascript:x", ""]
)
def test_an_issuer_adds_no_rule_of_its_own_to_the_policy(issuer: str) -> None:
    assert policy(issuer) == policy(None)


@needs_browser
def test_what_the_policy_forbids_does_not_happen_even_where_the_script_is_made_to_try(page: Page) -> None:
    with before(page, Script()) as seat:
        tried = seat.page.evaluate(
            "(() => { try { document.body['inner' + 'HTML'] = '<b>x</b>'; } catch (e) { return e.name; } })()"
        )
        assert tried == "TypeError"
        seat.page.evaluate("fetch('http://127.0.0.1:9/').catch(() => 0)")
        until(lambda: "connect-src" in str(seat.page.evaluate("seen")), "the policy forbids it")


@needs_browser
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_stream_reads_the_same_wherever_its_bytes_are_split(page: Page, end: str) -> None:
    def split(_: str) -> Iterable[bytes]:
        told = {"started": STARTED, "sentence": sentence(), "done": answer(sentence())}
        said = [event(name, one, end) for name, one in told.items()]
        whole = f": a comment{end}{end}".encode() + b"".join(said)
        return (whole[i : i + 1] for i in range(len(whole)))

    with before(page, Script(asked=split)) as seat:
        shown = seat.ask("How much?", "Helpful")
        assert QUOTE in shown
        assert "handbook · release 7" in shown
        assert seat.is_calm()


@needs_browser
def test_sentences_appear_as_they_are_checked_and_the_citation_can_be_opened_before_the_answer_ends(page: Page) -> None:
    go_on = threading.Event()

    def slowly(_: str) -> Iterable[bytes]:
        yield event("started", STARTED)
        yield event("sentence", sentence())
        assert go_on.wait(PATIENCE)
        yield event("sentence", sentence("The insurer says the rest."))
        yield event("done", answer(sentence(), sentence("The insurer says the rest.")))

    with before(page, Script(asked=slowly)) as seat:
        assert "Helpful" not in seat.ask("How much?", QUOTE, "Stop")
        assert seat.open_citation() == QUOTE
        seat.press("Escape")
        go_on.set()
        assert "The insurer says the rest." in seat.page.wait_for("Helpful")
        assert "Stop" not in seat.page.text().split("\n")


@needs_browser
def test_stopping_ends_the_work_and_says_that_more_may_be_missing(page: Page) -> None:
    script = Script(asked=_endless)
    with before(page, script) as seat:
        seat.ask("How much?", QUOTE)
        seat.page.click("Stop")
        assert "The answer broke off here." in seat.page.wait_for("You stopped it.", "broken off")
        assert script.ended.wait(PATIENCE)
        assert seat.is_calm()


@needs_browser
def test_asking_again_ends_the_earlier_answer_and_shows_nothing_of_it(page: Page) -> None:
    script = Script(asked=lambda question: _endless(question) if question == "First?" else script.usual(question))
    with before(page, script) as seat:
        seat.ask("First?", QUOTE)
        shown = seat.ask("Second?", "Helpful")
        assert script.ended.wait(PATIENCE)
        assert "broke off" not in shown
        assert seat.page.evaluate("document.querySelectorAll('article').length") == 1


def _endless(_: str) -> Iterator[bytes]:
    yield event("started", STARTED)
    yield event("sentence", sentence())
    silence = threading.Event()
    while not silence.wait(0.05):
        yield b": still here\n\n"


@needs_browser
@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ([], "The connection ended before the answer did."),
        ([b"event: done\ndata: {"], "The connection ended before the answer did."),
        ([b"event: sentence\ndata: {nonsense\n\n"], "The connection was lost."),
        ([event("error", {"title": "Bad", "status": 502, "detail": "the model failed", "mend": "Ask later."})],
         "The model failed. Ask later."),
    ],
)  # fmt: skip
def test_an_answer_that_breaks_off_is_marked_and_can_be_asked_again(page: Page, rest: list[bytes], said: str) -> None:
    script = Script(asked=lambda _: [event("started", STARTED), event("sentence", sentence()), *rest])
    with before(page, script) as seat:
        shown = seat.ask("How much?", "The answer broke off here.")
        assert QUOTE in shown
        assert said in shown
        script.asked = None
        seat.page.click("Ask again")
        assert "broke off" not in seat.page.wait_for("handbook · release 7")


@needs_browser
def test_a_refusal_takes_back_what_was_let_go_before_it(page: Page) -> None:
    said = [event("started", STARTED), event("sentence", sentence()), event("done", answer(reason="NO-SUPPORT"))]
    with before(page, Script(asked=lambda _: said)) as seat:
        shown = seat.ask("How much?", "NO-SUPPORT")
        assert QUOTE not in shown
        assert "SOURCES" not in shown


@needs_browser
def test_what_was_left_out_cut_off_or_not_judged_is_said(page: Page) -> None:
    told = answer(sentence(QUOTE, "SUPPORT-UNJUDGED"), withheld={"NUMBER-UNSUPPORTED": 2}, finish="length")
    said = [event("started", STARTED), event("sentence", told["sentences"][0]), event("done", told)]
    with before(page, Script(asked=lambda _: said)) as seat:
        shown = seat.ask("How much?", "2 sentences were left out")
        assert "underlined with dots" in shown
        assert "came to the end of its longest answer" in shown


@needs_browser
@pytest.mark.parametrize(
    ("refused", "words"),
    [
        (lambda: problem(429, "too many questions at once", **{"Retry-After": "12"}), "Try again in 12 seconds."),
        (lambda: problem(503, "the store cannot be read", "Try later."), "The store cannot be read.\nTry later."),
        (lambda: Response("<h1>Bad gateway</h1>", 502), "The service answered with error 502."),
    ],
)
def test_errors_are_told_in_plain_words(page: Page, refused: Callable[[], Response], words: str) -> None:
    with before(page, Script(asked=lambda _: refused())) as seat:
        shown = seat.ask("How much?", "Ask again")
        assert words in re.sub(r"\n+", "\n", shown)
        assert "<h1>" not in shown


@needs_browser
def test_a_service_that_is_gone_is_told(page: Page) -> None:
    with before(page, Script()) as seat:
        seat.page.call("Network.enable")
        lost = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        seat.page.call("Network.emulateNetworkConditions", **lost)
        seat.ask("How much?", "The service cannot be reached.")
        seat.page.call("Network.emulateNetworkConditions", **{**lost, "offline": False})
        seat.page.click("Ask again")
        assert QUOTE in seat.page.wait_for("Helpful")


@needs_browser
def test_a_token_that_is_withdrawn_leads_back_to_signing_in_and_the_question_stays(page: Page) -> None:
    script = Script()
    with before(page, script) as seat:
        seat.ask("How much?")
        script.lets_in = lambda _: False
        seat.fill("question", "And for a cellar?")
        seat.press("Enter")
        shown = seat.page.wait_for("run out or was withdrawn")
        assert QUOTE not in shown
        assert seat.page.evaluate("[document.getElementById('question').value, sessionStorage.length]") == [
            "And for a cellar?", 0,
        ]  # fmt: skip


@needs_browser
def test_characters_of_any_plane_are_marked_where_they_stand(page: Page) -> None:
    with before(page, Script(text="🌊" * 3000 + TEXT + "🌊" * 9000, asked=_cites("🌊" * 3000 + TEXT))) as seat:
        seat.ask("How much?")
        assert seat.open_citation() == QUOTE
        assert str(seat.find(".text")).startswith("🌊" * 9)
        seat.page.click("Show more above")
        until(lambda: "Show more above" not in seat.page.text(), "it begins at the beginning")
        assert seat.find("mark") == QUOTE
        seat.page.click("Show more below")
        until(lambda: len(str(seat.find(".text"))) > 10_000, "more is shown")
        assert seat.find("mark") == QUOTE


def _cites(text: str, **document: str) -> Callable[[str], Iterable[bytes]]:
    said = sentence(cited=citation(text=text, **document))
    return lambda _: [event("started", STARTED), event("sentence", said), event("done", answer(said))]


@needs_browser
def test_a_quote_that_moved_is_found_and_one_that_is_gone_is_said_to_be(page: Page) -> None:
    script = Script(text="A sentence came before it. " + TEXT)
    with before(page, script) as seat:
        seat.ask("How much?")
        assert seat.open_citation() == QUOTE
        seat.press("Escape")
        script.text = "Nothing is paid any more."
        seat.page.evaluate("document.querySelector('.cite').click()")
        shown = seat.page.wait_for("The document is another one now", "Nothing is paid any more.")
        assert QUOTE in shown
        assert seat.find("mark") is None


@needs_browser
@pytest.mark.parametrize(
    ("uri", "is_link"),
    [
        ("https://example.org/claims", True),
        ("javascript:document.title='taken'", False),
        ("data:text/html,<b>x</b>", False),
        ("docs/claims.md", False),
    ],
)
def test_a_source_is_a_link_only_where_a_browser_may_follow_it(page: Page, uri: str, is_link: bool) -> None:
    document = {"id": "d1", "uri": uri, "title": "Claims\u202egnp.exe"}
    with before(page, Script(document=document, asked=_cites(TEXT, **document))) as seat:
        seat.ask("How much?")
        seat.open_citation()
        shown = seat.page.text()
        assert uri in shown
        assert "Claims\\u202egnp.exe" in shown, "what would turn a name round is told"
        assert "stale" in shown
        links = seat.page.evaluate("[...document.querySelectorAll('dialog a')].map(e => [e.href, e.target, e.rel])")
        assert links == ([[uri, "_blank", "noopener noreferrer"]] if is_link else [])


@needs_browser
def test_feedback_that_is_not_taken_is_not_thanked_for(page: Page) -> None:
    script = Script(feedback=lambda: problem(503, "the log cannot be written"))
    with before(page, script) as seat:
        seat.ask("How much?")
        seat.page.click("Helpful")
        shown = seat.page.wait_for("That was not put on record. The log cannot be written.")
        assert "Thank you" not in shown
        script.feedback = lambda: Response(status_code=204)
        seat.page.click("Helpful")
        seat.page.wait_for("Thank you")
        assert script.words == [{"id": "a1", "helpful": True}] * 2


@needs_browser
def test_the_corpus_is_chosen_where_there_are_several(page: Page) -> None:
    script = Script(corpora=["handbook", "minutes"])
    with before(page, script) as seat:
        seat.page.evaluate(
            "(e => { e.value = 'minutes'; e.dispatchEvent(new Event('change')); })(document.getElementById('corpus'))"
        )
        seat.ask("How much?")
        assert [one["corpus"] for one in script.questions] == ["minutes"]
    with before(page, Script()) as seat:
        assert seat.find("#corpus") is None
    script.corpora = []
    with listening(app_of(script)) as address:
        seat = Seat(page, address).sit_down()
        seat.page.wait_for("Sign in with the token")
        seat.fill("token", "good")
        seat.press("Enter")
        seat.page.wait_for("There is nothing yet that you may see.")
        assert seat.page.evaluate("document.getElementById('ask').disabled") is True


@needs_browser
def test_nobody_has_to_sign_in_where_the_settings_say_so(page: Page) -> None:
    with listening(app_of(Script(Service(anonymous=True), principals=["everyone"]))) as address:
        seat = Seat(page, address).sit_down()
        seat.page.wait_for("Your question", "Sign in")
        assert QUOTE in seat.ask("How much?")
        seat.page.click("Sign in")
        seat.page.wait_for("Ask without signing in")
        seat.fill("token", "bad")
        seat.press("Enter")
        seat.page.wait_for("This token is not accepted")
        seat.page.click("Ask without signing in")
        seat.page.wait_for("Your question", "published")


@needs_browser
def test_long_names_and_many_groups_fit_a_narrow_window(page: Page, tmp_path: Path) -> None:
    long = "x" * 300
    document = {"id": "d1", "uri": f"https://example.org/{long}", "title": f"Title{long}"}
    script = Script(
        principals=["everyone", *(f"group:{number}-{long[:60]}" for number in range(60)), f"user:{long[:80]}"],
        corpora=[long[:90], "minutes"], document=document, text=f"{long} {TEXT}",
        asked=_cites(f"{long} {TEXT}", **document),
    )  # fmt: skip
    with before(page, script) as seat:
        seat.look(360, 740)
        assert seat.is_readable(tmp_path / "signed-in.png")
        seat.page.evaluate("document.getElementById('who').open = true")
        assert seat.is_readable(tmp_path / "who.png")
        seat.ask(f"How much {long}?", "Helpful")
        assert seat.is_readable(tmp_path / "answer.png")
        seat.open_citation()
        assert seat.is_readable(tmp_path / "citation.png")
