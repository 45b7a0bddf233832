"""Signing in with a real identity provider, which runs in this process: good tokens, bad ones, and replaced keys."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import oidc_provider_mock
import pytest
import yaml

from freshet.tasks.errors import AccessCheckFailed
from freshet.tasks.service import provider_keys
from freshet.tasks.service.caller import NotSignedIn
from freshet.tasks.service.desk import Desk
from freshet.tasks.service.identity import Identity
from freshet.tasks.settings.file import Project, load_project
from tests.waiting import PATIENCE

BACK = "http://localhost/back"
ADA = oidc_provider_mock.User(sub="ada", claims={"groups": ["legal", "staff"]})


@contextmanager
def _provider(port: int = 0, **more: Any) -> Iterator[str]:
    """Runs a provider, whose key is new; gives its address."""
    with oidc_provider_mock.run_server_in_thread(port, user_claims=[ADA], **more) as server:
        yield f"http://localhost:{server.server_port}"


def _token(issuer: str, sub: str = "ada", audience: str = "freshet", asked_at: str | None = None) -> str:
    """Signs in as a person would, and returns the ID token."""
    at = asked_at or issuer
    query = {"client_id": audience, "redirect_uri": BACK, "response_type": "code", "scope": "openid"}
    signed_in = httpx.post(f"{at}/oauth2/authorize", params=query, data={"sub": sub}, timeout=PATIENCE)
    (code,) = parse_qs(urlsplit(signed_in.headers["location"]).query)["code"]
    given = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "client_id": audience}
    answer = httpx.post(f"{at}/oauth2/token", data={**given, "client_secret": "x"}, timeout=PATIENCE)
    return str(answer.json()["id_token"])


def _project(folder: Path, issuer: str, **more: Any) -> Project:
    service = {"oidc": {"issuer": issuer, "audience": "freshet", "groups": "groups", **more}}
    (folder / "freshet.yaml").write_text(yaml.safe_dump({"corpora": {}, "service": service}))
    return load_project(folder / "freshet.yaml")


def _asks(identity: Identity, token: str) -> tuple[str, ...]:
    return identity.caller(f"Bearer {token}").principals


def test_whoever_signs_in_is_the_user_and_in_the_groups_of_his_token(tmp_path: Path) -> None:
    with _provider() as issuer:
        project = _project(tmp_path, issuer)
        caller = Identity(project).caller(f"Bearer {_token(issuer)}")
    assert caller.name == f"oidc {issuer} ada"
    assert caller.principals == ("user:ada", "group:legal", "group:staff")
    assert Desk(project).asker(caller).principals == {"everyone", "user:ada", "group:legal", "group:staff"}


def test_tokens_for_somebody_else_of_somebody_else_or_of_the_past_are_refused(tmp_path: Path) -> None:
    with _provider() as issuer, _provider() as other:
        identity = Identity(_project(tmp_path, issuer))
        good = _token(issuer)
        assert _asks(identity, good)
        by_number = issuer.replace("localhost", "127.0.0.1")
        bad = {
            "wrong audience": _token(issuer, audience="another"),
            "wrong issuer": _token(issuer, asked_at=by_number),
            "another provider's": _token(other),
            "forged": good.rpartition(".")[0] + "." + _token(other).rpartition(".")[2],
            "an access token that is no JWT": "x" * 42,
        }
        for name, token in bad.items():
            with pytest.raises(NotSignedIn):
                pytest.fail(f"{name}: {_asks(identity, token)}")
        assert jwt.decode(bad["wrong issuer"], options={"verify_signature": False})["iss"] == by_number
        assert _asks(identity, good)


def test_a_token_that_has_expired_is_refused(tmp_path: Path) -> None:
    with _provider(access_token_max_age=timedelta(seconds=-90)) as issuer:
        identity = Identity(_project(tmp_path, issuer))
        with pytest.raises(NotSignedIn):
            _asks(identity, _token(issuer))


def test_a_user_whose_name_can_be_no_principal_is_refused(tmp_path: Path) -> None:
    with _provider() as issuer:
        identity = Identity(_project(tmp_path, issuer))
        assert _asks(identity, _token(issuer, "eve@example.org")) == ("user:eve@example.org",)
        with pytest.raises(NotSignedIn):
            _asks(identity, _token(issuer, "eve "))


def test_a_replaced_key_is_picked_up_and_tokens_of_the_old_one_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider_keys, "_PAUSE", 0.0)
    with ExitStack() as first:
        issuer = first.enter_context(_provider())
        identity = Identity(_project(tmp_path, issuer))
        old = _token(issuer)
        assert _asks(identity, old)
        first.close()
        assert _asks(identity, old)  # the provider is down, and its key is known
        with pytest.raises(NotSignedIn):
            _asks(identity, old.replace(old.split(".")[0], "e30"))
    with _provider(urlsplit(issuer).port or 0):
        assert _asks(identity, _token(issuer))
        with pytest.raises(NotSignedIn):
            _asks(identity, old)


def test_while_no_keys_could_be_fetched_nobody_can_be_judged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _provider() as issuer:
        token = _token(issuer)
    identity = Identity(_project(tmp_path, issuer))
    with pytest.raises(AccessCheckFailed, match="does not answer"):
        _asks(identity, token)
    assert "could not be fetched" in caplog.text
    assert token.split(".")[2] not in caplog.text


def test_an_issuer_that_is_written_otherwise_than_the_provider_calls_itself_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with _provider() as issuer:
        identity = Identity(_project(tmp_path, f"{issuer}/"))
        with pytest.raises(AccessCheckFailed):
            _asks(identity, _token(issuer))
    assert f"it calls itself {issuer}" in caplog.text


@contextmanager
def _odd_provider(answer: Any) -> Iterator[str]:
    """Runs a provider that answers as `answer(path, issuer)` says: status, headers and body, or parts of one."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = answer(self.path, issuer)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(OSError):  # whoever asked may have heard enough
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.05,)).start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()


def _says(**more: Any) -> Any:
    def answer(_: str, issuer: str) -> tuple[int, dict[str, str], bytes]:
        said = {"issuer": issuer, "jwks_uri": f"{issuer}/keys", "keys": [], **more}
        return 200, {}, json.dumps(said).encode()

    return answer


def _moved(path: str, issuer: str) -> tuple[int, dict[str, str], bytes]:
    if path == "/moved":
        return _says()(path, issuer)  # type: ignore[no-any-return]
    return 302, {"Location": f"{issuer}/moved"}, b""


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda *_: (503, {}, b""), "answers 503"),
        (_moved, "answers 302"),
        (lambda *_: (200, {}, b"x" * 3_000_000), "too much"),
        (lambda *_: (200, {}, b"<html>"), "JSONDecodeError"),
        (lambda *_: (200, {}, b"[" * 100_000), "RecursionError"),
        (lambda *_: (200, {}, b"[]"), "something else than a JSON object"),
        (_says(), "it has no keys"),
        (_says(keys="x"), "it has no keys"),
        (_says(issuer="http://127.0.0.1"), "it calls itself"),
        (_says(jwks_uri="http://example.org/keys"), "is no https address"),
        (_says(jwks_uri="file:///etc/passwd"), "is no https address"),
        (_says(jwks_uri=None), "is no https address"),
    ],
)
def test_a_provider_that_answers_what_is_no_answer_lets_nobody_in(
    answer: Any, told: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token = jwt.encode({}, "-" * 32, "HS256", headers={"kid": "k"})
    token = ".".join(["eyJhbGciOiJSUzI1NiIsImtpZCI6ImsifQ", *token.split(".")[1:]])  # of {"alg":"RS256","kid":"k"}
    with _odd_provider(answer) as issuer:
        identity = Identity(_project(tmp_path, issuer))
        with pytest.raises(AccessCheckFailed, match="does not answer"):
            _asks(identity, token)
    assert told in caplog.text
