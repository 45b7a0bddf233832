"""Signing in at an identity provider: code with PKCE, in a browser, before a provider that is real."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest

from freshet.tasks.settings.service import Oidc, Service
from tests.deploy.browser import CHROMIUM, Page, open_browser
from tests.service.driving import WATCH, Seat
from tests.service.scripted_service import QUOTE, Script, app_of
from tests.service.serving import listening
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium: apt-get install chromium")


@dataclass
class Provider:
    """An identity provider, and what it was asked."""

    issuer: str = ""
    challenges: list[dict[str, str]] = field(default_factory=list)
    verifiers: list[str] = field(default_factory=list)

    def knows(self, token: str) -> bool:
        """Whether a token is one of its own, meant for the page's client: as the service asks."""
        try:
            (key,) = jwt.PyJWKSet.from_dict(httpx.get(f"{self.issuer}/jwks", timeout=PATIENCE).json()).keys
            said = jwt.decode(token, key.key, algorithms=["RS256"], audience="page", issuer=self.issuer)
        except jwt.PyJWTError:
            return False
        return bool(said["sub"] == "ada")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with open_browser(tmp_path_factory.mktemp("browser")) as opened:
        opened.call("Page.enable")
        opened.call("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        yield opened


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    import flask
    import oidc_provider_mock
    from oidc_provider_mock import _app
    from werkzeug.serving import make_server

    # A page keeps no secret, so that it is a public client, which this provider does not know by itself.
    monkeypatch.setattr(_app.AuthorizationCodeGrant, "TOKEN_ENDPOINT_AUTH_METHODS", ["none"])
    told = Provider()
    app = oidc_provider_mock.app(require_nonce=True)

    @app.before_request
    def note() -> None:
        if flask.request.path == "/oauth2/authorize" and flask.request.method == "GET":
            told.challenges.append(flask.request.args.to_dict())
        if flask.request.path == "/oauth2/token":
            told.verifiers.append(flask.request.form["code_verifier"])

    @app.after_request
    def allow(response: flask.Response) -> flask.Response:
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response

    server = make_server("localhost", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    told.issuer = f"http://localhost:{server.server_port}"
    yield told
    server.shutdown()
    thread.join()
    server.server_close()


def _before(page: Page, address: str) -> Seat:
    seat = Seat(page, address).sit_down()
    seat.page.wait_for("Sign in with your organisation")
    seat.page.click("Sign in with your organisation")
    seat.page.wait_for("Authorize Client")
    return seat


def test_somebody_signs_in_with_the_provider_and_asks(page: Page, provider: Provider) -> None:
    said = Service(oidc=Oidc(issuer=provider.issuer, audience="page", client_id="page"))
    script = Script(said, lets_in=provider.knows)
    with listening(app_of(script)) as address:
        seat = _before(page, address)
        page.evaluate("document.querySelector('input[name=sub]').value = 'ada'")
        page.click("Authorize")
        page.wait_for("Your question", "published")
        assert page.evaluate("location.href") == f"{address}/", "the code is in no address and no history"
        assert page.evaluate("Object.keys(sessionStorage)") == ["freshet.token"]
        (asked,) = provider.challenges
        assert asked["response_type"] == "code"
        assert asked["redirect_uri"] == f"{address}/"
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        (verifier,) = provider.verifiers
        digest = hashlib.sha256(verifier.encode()).digest()
        assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == asked["code_challenge"]
        assert QUOTE in seat.ask("How much?")
        assert seat.is_calm()


def test_a_code_that_this_tab_did_not_ask_for_is_not_exchanged(page: Page, provider: Provider) -> None:
    said = Service(oidc=Oidc(issuer=provider.issuer, audience="page", client_id="page"))
    with listening(app_of(Script(said, lets_in=provider.knows))) as address:
        Seat(page, address).sit_down(path="/?code=stolen&state=guessed")
        page.wait_for("This sign-in was not begun in this tab.", "Sign in with your organisation")
        assert provider.verifiers == []
        _before(page, address)
        where = parse_qs(urlsplit(str(page.evaluate("location.href"))).query)
        page.open(f"{address}/?code=stolen&state={where['state'][0][:-1]}")
        page.wait_for("This sign-in was not begun in this tab.")
        assert provider.verifiers == []


def test_somebody_whom_the_provider_turns_away_is_told(page: Page, provider: Provider) -> None:
    said = Service(oidc=Oidc(issuer=provider.issuer, audience="page", client_id="page"))
    with listening(app_of(Script(said, lets_in=provider.knows))) as address:
        _before(page, address)
        state = parse_qs(urlsplit(str(page.evaluate("location.href"))).query)["state"][0]
        page.open(f"{address}/?error=access_denied&error_description=<b>no</b>&state={state}")
        page.wait_for("The identity provider let nobody in: <b>no</b>.")
        until(lambda: page.evaluate("location.search") == "", "the address is clean")


def test_tokens_for_somebody_else_are_not_sent_to_the_service(page: Page, provider: Provider) -> None:
    said = Service(oidc=Oidc(issuer=provider.issuer, audience="another", client_id="page"))
    with listening(app_of(Script(said, lets_in=provider.knows))) as address:
        _before(page, address)
        page.evaluate("document.querySelector('input[name=sub]').value = 'ada'")
        page.click("Authorize")
        page.wait_for("The identity provider's tokens are not meant for another.")
        assert page.evaluate("sessionStorage.length") == 0
