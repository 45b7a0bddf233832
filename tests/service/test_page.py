"""The page in a browser before the real service: two people, their answers, a citation, feedback, a refusal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from freshet.tasks.ledger.query_log import read_log
from freshet.tasks.runs.run import store_of
from freshet.tasks.settings.file import load_project
from tests.deploy.browser import CHROMIUM, Page, open_browser
from tests.flows.conftest import Project
from tests.service.driving import WATCH, Seat
from tests.service.serving import FLOOD, app_of, listening
from tests.waiting import until

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium: apt-get install chromium")

MOON = "How do I book a flight to the moon colony?"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with open_browser(tmp_path_factory.mktemp("browser")) as opened:
        opened.call("Page.enable")
        opened.call("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        yield opened


@pytest.fixture(scope="module")
def address(served: Project) -> Iterator[str]:
    with listening(app_of(served.config)) as address:
        yield address


@pytest.fixture
def seat(page: Page, address: str) -> Seat:
    page.open(address)
    page.evaluate("sessionStorage.clear()")
    return Seat(page, address).sit_down()


def test_two_people_read_different_answers_and_nothing_of_the_first_is_left_for_the_second(seat: Seat) -> None:
    assert "legal" not in seat.sign_in("anybody")
    everyones = seat.ask(FLOOD)
    assert "€2,500 per household" in everyones
    assert "docs · release 1 · quoted word for word" in everyones
    assert "Settlement guidelines" not in everyones
    seat.page.evaluate("document.getElementById('who').open = true")
    seat.page.click("Sign out")
    left = seat.page.wait_for("Sign in with the token")
    assert "2,500" not in left
    assert seat.page.evaluate("document.getElementById('question').value") == ""
    seat.sign_in("lawyer")
    seat.page.evaluate("document.getElementById('who').open = true")
    assert {"group:legal", "user:ada", "everyone"} <= set(seat.page.wait_for("Sign out").split())
    lawyers = seat.ask(FLOOD)
    assert "Settlement guidelines for flood damage claims" in lawyers
    assert seat.is_calm()


def test_a_token_that_is_not_known_is_said_to_be_so_and_the_one_before_is_not_kept(seat: Seat) -> None:
    seat.page.wait_for("Sign in with the token")
    seat.fill("token", "somebody-else")
    seat.press("Enter")
    seat.page.wait_for("This token is not accepted")
    assert seat.page.evaluate("sessionStorage.length + localStorage.length + document.cookie.length") == 0
    seat.sign_in("anybody")
    assert seat.page.evaluate("[Object.values(sessionStorage), localStorage.length, document.cookie]") == [
        ["anybody"], 0, "",
    ]  # fmt: skip
    seat.page.open(seat.address)
    seat.page.wait_for("Your question", "published")  # a reload asks for nothing


def test_a_citation_opens_the_passage_in_its_surroundings_with_its_words_marked(seat: Seat) -> None:
    seat.sign_in("lawyer")
    answer = seat.ask(FLOOD)
    marked = seat.open_citation()
    assert marked in answer
    shown = seat.page.text()
    assert "Settlement guidelines for flood damage claims" in shown
    assert "docs/legal/flood-claims-settlement.md" in shown
    assert "verified just now" in shown or "minute" in shown
    assert "docs, release 1" in shown
    assert len(str(seat.find("#passage"))) > 3 * len(marked)
    seat.press("Escape")
    until(lambda: seat.find("#passage") is None, "the document is closed")
    until(lambda: seat.focused() == "1", "what opened it has the focus again")
    assert seat.is_calm()


def test_what_is_said_of_an_answer_is_on_record_and_the_newest_counts(seat: Seat, served: Project) -> None:
    seat.sign_in("anybody")
    seat.ask(FLOOD)
    seat.page.click("Helpful")
    seat.page.wait_for("Thank you")
    seat.page.click("This is wrong")
    until(lambda: seat.page.evaluate("document.activeElement.tagName") == "TEXTAREA", "a note can be typed")
    seat.type("It is 3,000 since the assembly.")
    seat.page.click("Send")
    until(lambda: seat.find(".why") is None, "the note is sent")
    newest = read_log(store_of(load_project(served.config)), "docs")[-1]
    assert (newest["helpful"], newest["note"]) == (False, "It is 3,000 since the assembly.")
    assert seat.page.evaluate("document.querySelector('.down').getAttribute('aria-pressed')") == "true"


def test_a_refusal_is_shown_with_its_reason_and_without_sources(seat: Seat) -> None:
    seat.sign_in("anybody")
    shown = seat.ask(MOON)
    assert "Nothing that you may see answers this question." in shown
    assert "Reason: NOT-COVERED" in shown
    assert "SOURCES" not in shown
    assert seat.is_calm()


@pytest.mark.parametrize(
    ("width", "height", "dark"), [(1100, 800, False), (1100, 800, True), (360, 740, False), (360, 740, True)]
)
def test_it_can_be_read_in_every_window(seat: Seat, tmp_path: Path, width: int, height: int, dark: bool) -> None:
    seat.sit_down(width, height, dark=dark)
    seat.page.wait_for("Sign in with the token")
    assert seat.is_readable(tmp_path / "1-sign-in.png")
    seat.sign_in("lawyer")
    seat.ask(FLOOD)
    assert seat.is_readable(tmp_path / "2-answer.png")
    seat.page.click("This is wrong")
    seat.page.evaluate("document.getElementById('who').open = true")
    assert seat.is_readable(tmp_path / "3-feedback.png")
    seat.open_citation()
    assert seat.is_readable(tmp_path / "4-citation.png")
    seat.press("Escape")
    seat.ask(MOON, "NOT-COVERED")
    assert seat.is_readable(tmp_path / "5-refusal.png")


def test_everything_can_be_done_with_keys_alone(seat: Seat) -> None:
    seat.page.wait_for("Sign in with the token")
    seat.focus("token")
    seat.type("anybody")
    seat.press("Enter")
    seat.focus("question")
    seat.type(FLOOD)
    seat.press("Enter")
    seat.page.wait_for("Helpful")
    passed = []
    while seat.focused() != "1":
        passed.append(seat.focused())
        assert len(passed) < 10, passed
        seat.press("Tab")
    seat.press("Enter")
    until(lambda: seat.find("mark"), "the passage is marked")
    seat.focus("passage")  # so that arrows scroll it
    seat.press("Escape")
    seat.focus("1")
    while "Not helpful" not in seat.focused():
        passed.append(seat.focused())
        assert len(passed) < 20, passed
        seat.press("Tab")
    seat.press("Enter")
    seat.page.wait_for("Thank you")


def test_markup_in_a_document_is_shown_as_text_and_runs_nothing(served: Project, page: Page, tmp_path: Path) -> None:
    hostile = served.copy(tmp_path / "hostile")
    image = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
    escaped = image.replace("<", "&lt;").replace(">", "&gt;")
    (hostile.folder / "docs" / "members" / "lanterns.html").write_text(
        f"<html><head><title>Lanterns {escaped}</title></head><body><h1>Lanterns {escaped}</h1>"
        f"<p>Every lantern in the harbour is painted green {escaped} on the first of May.</p></body></html>"
    )
    assert hostile.refresh()["outcome"] == "released"
    with listening(app_of(hostile.config)) as address:
        seat = Seat(page, address).sit_down()
        seat.sign_in("anybody")
        answer = seat.ask("When is every lantern in the harbour painted green?")
        assert answer.count("<img src=x") > 1, "it is in the sentence and in the title of its source"
        assert "<img src=x" in seat.open_citation()
        assert page.evaluate("[document.images.length, document.title, document.scripts.length]") == [0, "Freshet", 1]
        assert seat.is_calm()
