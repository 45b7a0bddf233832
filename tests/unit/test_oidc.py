"""Who somebody is by a token of the identity provider, and when its keys are fetched; without a provider."""

from __future__ import annotations

import base64
import hmac
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from freshet.tasks.errors import AccessCheckFailed
from freshet.tasks.service import provider_keys
from freshet.tasks.service.caller import ANONYMOUS, Caller, NotSignedIn
from freshet.tasks.service.identity import Identity
from freshet.tasks.service.oidc import Provider
from freshet.tasks.service.provider_keys import ProviderKeys, _is_safe
from freshet.tasks.settings.file import load_project
from freshet.tasks.settings.service import Oidc

ISSUER, AUDIENCE = "https://login.example.org", "freshet"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Key:
    """A key of a provider, under a name and for an algorithm."""

    private: Any
    kid: str
    algorithm: str

    @property
    def public(self) -> dict[str, Any]:
        made = jwt.get_algorithm_by_name(self.algorithm).to_jwk(self.private.public_key(), as_dict=True)
        return {**made, "kid": self.kid, "use": "sig", "alg": self.algorithm}

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        return jwt.encode(claims, self.private, self.algorithm, headers={"kid": self.kid, **header})


def _rsa(kid: str, algorithm: str = "RS256", bits: int = 2048) -> Key:
    return Key(rsa.generate_private_key(65537, bits), kid, algorithm)


ONE, TWO = _rsa("one"), _rsa("two")


class Fetches:
    """Stands in for the provider: the keys that it has, or why it does not answer."""

    def __init__(self, *keys: Key) -> None:
        self.keys: Sequence[dict[str, Any]] | Exception = [one.public for one in keys]
        self.asked = 0

    def __call__(self, issuer: str) -> Sequence[dict[str, Any]]:
        assert issuer == ISSUER
        self.asked += 1
        if isinstance(self.keys, Exception):
            raise self.keys
        return self.keys


@pytest.fixture
def fetches(monkeypatch: pytest.MonkeyPatch) -> Fetches:
    found = Fetches(ONE)
    monkeypatch.setattr(provider_keys, "_fetch", found)
    return found


def _claims(**changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "iat": now, "exp": now + timedelta(minutes=5)}
    claims = {key: value for key, value in {**said, **changes}.items() if value is not ...}
    return {key: now + value if isinstance(value, timedelta) else value for key, value in claims.items()}


def _caller(token: str, has_roster: bool = False, **said: Any) -> Caller:
    oidc = Oidc.model_validate({"issuer": ISSUER, "audience": AUDIENCE, "groups": "groups", **said})
    return Provider(oidc, has_roster=has_roster).caller(token)


def _ago(seconds: int) -> timedelta:
    """A moment so many seconds before a token is made: a test may be run long after it was read."""
    return -timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("claims", "said", "principals"),
    [
        ({}, {}, ("user:ada",)),
        ({"groups": ["legal", "legal", "/staff/board"]}, {}, ("user:ada", "group:legal", "group:/staff/board")),
        ({"groups": ["cafe\u0301", "All Employees"]}, {}, ("user:ada", "group:caf\u00e9", "group:All Employees")),
        ({"groups": []}, {}, ("user:ada",)),
        ({"groups": ["legal"], "roles": ["r"]}, {"groups": "roles"}, ("user:ada", "group:r")),
        ({"groups": ["legal"]}, {"groups": None}, ("user:ada",)),
        ({"email": "Ada@example.org"}, {"user": "email"}, ("user:Ada@example.org",)),
        ({"sub": ..., "oid": "7"}, {"user": "oid"}, ("user:7",)),
        ({"aud": ["other", AUDIENCE]}, {}, ("user:ada",)),
        ({"iat": ...}, {}, ("user:ada",)),
        ({"exp": _ago(50)}, {}, ("user:ada",)),
        ({"nbf": _ago(-50), "iat": _ago(-50)}, {}, ("user:ada",)),
    ],
)
def test_claims_say_who_asks(
    claims: dict[str, Any], said: dict[str, Any], principals: tuple[str, ...], fetches: Fetches
) -> None:
    found = _caller(ONE.sign(_claims(**claims)), **said)
    assert found.principals == principals
    assert found.name == f"oidc {ISSUER} {claims.get('sub', 'ada') if claims.get('sub') is not ... else '7'}"
    assert not found.may_impersonate


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"exp": ...}, {}),
        ({"exp": _ago(70)}, {}),
        ({"exp": "soon"}, {}),
        ({"exp": 1e400}, {}),
        ({"nbf": _ago(-70)}, {}),
        ({"iat": _ago(-70)}, {}),
        ({"iss": ISSUER + "/"}, {}),
        ({"iss": ...}, {}),
        ({"iss": [ISSUER]}, {}),
        ({"aud": "other"}, {}),
        ({"aud": ...}, {}),
        ({"aud": [AUDIENCE.upper()]}, {}),
        ({"sub": ...}, {}),
        ({"sub": ""}, {}),
        ({"sub": 7}, {}),
        ({"sub": " ada"}, {}),
        ({"sub": "a\nb"}, {}),
        ({}, {"user": "email"}),
        ({"email": ["ada"]}, {"user": "email"}),
        ({"groups": "legal"}, {}),
        ({"groups": {"legal": 1}}, {}),
        ({"groups": None}, {}),
        ({"groups": ["legal", 7]}, {}),
        ({"groups": ["legal", ""]}, {}),
        ({"groups": ["legal", "a\u202eb"]}, {}),
    ],
)
def test_claims_that_do_not_hold_or_cannot_be_a_name_are_refused(
    claims: dict[str, Any], said: dict[str, Any], fetches: Fetches
) -> None:
    token = _raw(_claims(**claims)) if claims.get("iss") == [ISSUER] else ONE.sign(_claims(**claims))
    with pytest.raises(NotSignedIn):
        _caller(token, **said)


def _raw(claims: dict[str, Any]) -> str:
    """A token with claims that the library would not sign."""
    said = {key: value.timestamp() if isinstance(value, datetime) else value for key, value in claims.items()}
    return jwt.PyJWS().encode(json.dumps(said).encode(), ONE.private, "RS256", headers={"kid": "one"})


@pytest.mark.parametrize("sign", ["_claim_names", "hasgroups"])
def test_too_many_groups_to_list_means_none_and_perhaps_any(sign: str, fetches: Fetches) -> None:
    says = {"_claim_names": {"_claim_names": {"groups": "src1"}}, "hasgroups": {"hasgroups": True}}[sign]
    for has_roster in (False, True):
        found = _caller(ONE.sign(_claims(**says)), has_roster)
        assert (found.principals, found.groups_unknown) == (("user:ada",), True)
    assert _caller(ONE.sign(_claims(groups=["legal"], **says))).principals == ("user:ada",)
    assert not _caller(ONE.sign(_claims(_claim_names={"roles": "src1"}, groups=["legal"]))).groups_unknown


def test_groups_are_known_from_a_claim_or_a_roster_and_else_not(fetches: Fetches) -> None:
    token = ONE.sign(_claims())
    assert not _caller(token).groups_unknown
    assert not _caller(token, has_roster=True, groups=None).groups_unknown
    assert _caller(token, groups=None).groups_unknown
    assert ANONYMOUS.groups_unknown


@pytest.mark.parametrize(
    "key", [_rsa("k", "PS256"), Key(ec.generate_private_key(ec.SECP256R1()), "k", "ES256"),
            Key(ed25519.Ed25519PrivateKey.generate(), "k", "EdDSA")],
    ids=lambda key: str(key.algorithm),
)  # fmt: skip
def test_signatures_are_those_of_the_settings_alone(key: Key, fetches: Fetches) -> None:
    fetches.keys = [key.public]
    assert _caller(key.sign(_claims()), algorithms=[key.algorithm]).principals == ("user:ada",)
    with pytest.raises(NotSignedIn, match="which is not accepted"):
        _caller(key.sign(_claims()), algorithms=["RS256"])


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def _forged(header: dict[str, Any], secret: bytes | None) -> str:
    """A token as somebody without the provider's key can make it."""
    stamped = {key: int(one.timestamp()) if isinstance(one, datetime) else one for key, one in _claims().items()}
    signed = f"{_encoded(json.dumps(header).encode())}.{_encoded(json.dumps(stamped).encode())}"
    return f"{signed}.{'' if secret is None else _encoded(hmac.digest(secret, signed.encode(), 'sha256'))}"


PEM = ONE.private.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)  # fmt: skip
DER = ONE.private.public_key().public_bytes(
    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
)  # fmt: skip
GOOD = ONE.sign(_claims())


@pytest.mark.parametrize(
    "token",
    [
        _forged({"alg": "none", "typ": "JWT"}, None),
        _forged({"alg": "none", "kid": "one"}, None),
        _forged({"alg": "NONE", "kid": "one"}, None),
        _forged({"alg": ["RS256"], "kid": "one"}, None),
        _forged({"kid": "one"}, None),
        _forged({"alg": "RS256", "kid": "one"}, None),
        _forged({"alg": "HS256", "kid": "one"}, PEM),
        _forged({"alg": "HS256", "kid": "one"}, DER),
        _forged({"alg": "RS256", "kid": "one"}, PEM),
        _forged({"alg": "RS256", "kid": 1}, PEM),
        TWO.sign(_claims()),
        TWO.sign(_claims(), kid="one"),
        TWO.sign(_claims(), kid="one", jku="https://evil.example.org/keys", jwk=TWO.public),
        Key(ONE.private, "one", "PS256").sign(_claims()),
        ONE.sign(_claims(), crit=["x"], x=1),
        GOOD.rpartition(".")[0],
        GOOD.rpartition(".")[0] + ".",
        ".".join([GOOD.split(".")[0], _encoded(b'{"sub": "root"}'), GOOD.split(".")[2]]),
        "a.b.c",
        "..",
        "x",
        "\u00e9.\u00e9.\u00e9",
        _encoded(b"[" * 5000) + ".e30.",
        _encoded(b"[]") + ".e30.",
    ],
)
def test_a_token_that_the_provider_did_not_sign_is_refused(token: str, fetches: Fetches) -> None:
    fetches.keys = [{**ONE.public, "alg": "RS256"}]
    with pytest.raises(NotSignedIn) as caught:
        _caller(token, algorithms=["RS256", "PS256"])
    assert GOOD.split(".")[2] not in str(caught.value)
    _caller(GOOD)


def test_keys_that_are_for_something_else_verify_nothing(fetches: Fetches) -> None:
    for other in ({"use": "enc"}, {"alg": "RS512"}, {"kty": "oct", "k": _encoded(PEM)}):
        fetches.keys = [{**ONE.public, **other}]
        with pytest.raises(NotSignedIn, match="not signed with a key"):
            _caller(ONE.sign(_claims()))
    fetches.keys = [{**ONE.public, "n": "!"}]
    with pytest.raises(NotSignedIn):
        _caller(ONE.sign(_claims()))


def test_what_a_token_says_of_itself_writes_no_line_of_the_log(
    fetches: Fetches, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "freshet.yaml").write_text(
        f"corpora: {{}}\nservice: {{oidc: {{issuer: '{ISSUER}', audience: {AUDIENCE}}}}}\n"
    )
    identity = Identity(load_project(tmp_path / "freshet.yaml"))
    with pytest.raises(NotSignedIn) as caught:
        identity.caller(f"Bearer {ONE.sign(_claims(), kid='a' + chr(10) + 'WARNING ' + chr(27) + 'b' * 5000)}")
    (record,) = caplog.records
    assert record.getMessage().isprintable()
    assert len(record.getMessage()) < 500
    assert "WARNING" not in str(caught.value)


def test_a_key_that_is_too_short_verifies_nothing(fetches: Fetches) -> None:
    short = _rsa("one", bits=1024)
    fetches.keys = [short.public]
    with pytest.raises(NotSignedIn):
        _caller(short.sign(_claims()))


def test_a_token_that_names_no_key_is_held_against_all(fetches: Fetches) -> None:
    fetches.keys = [TWO.public, ONE.public]
    assert _caller(jwt.encode(_claims(), ONE.private, "RS256")).principals == ("user:ada",)
    with pytest.raises(NotSignedIn, match="not signed with a key"):
        _caller(jwt.encode(_claims(), _rsa("three").private, "RS256"))


def test_a_key_that_is_replaced_under_the_same_name_is_picked_up(fetches: Fetches) -> None:
    clock = Clock()
    provider = Provider(Oidc(issuer=ISSUER, audience=AUDIENCE), has_roster=True, now=clock)
    old, new = ONE.sign(_claims()), TWO.sign(_claims(), kid="one")
    assert provider.caller(old).principals == ("user:ada",)
    fetches.keys = [{**TWO.public, "kid": "one"}]
    with pytest.raises(NotSignedIn):
        provider.caller(new)
    clock.now = 30
    assert provider.caller(new).principals == ("user:ada",)
    with pytest.raises(NotSignedIn):
        provider.caller(old)
    assert fetches.asked == 2


def test_keys_are_kept_and_fetched_anew_for_an_unknown_one_or_after_five_minutes(fetches: Fetches) -> None:
    clock = Clock()
    keys = ProviderKeys(ISSUER, clock)
    for _ in range(3):
        assert keys.find("one", "RS256") == [ONE.public]
    assert fetches.asked == 1
    fetches.keys = [TWO.public]
    clock.now = 29
    assert keys.find("two", "RS256") == []  # not more than once in 30 seconds
    assert fetches.asked == 1
    clock.now = 30
    assert keys.find("two", "RS256") == [TWO.public]
    assert keys.find("one", "RS256") == []
    assert fetches.asked == 2
    for _ in range(100):
        assert keys.find("made up", "RS256") == []
    assert fetches.asked == 2
    clock.now = 331
    assert keys.find("two", "RS256") == [TWO.public]
    assert fetches.asked == 3


def test_while_the_provider_is_down_known_keys_serve_for_six_hours(fetches: Fetches) -> None:
    clock = Clock()
    keys = ProviderKeys(ISSUER, clock)
    fetches.keys = OSError("unreachable")
    with pytest.raises(AccessCheckFailed, match="does not answer"):
        keys.find("one", "RS256")
    fetches.keys = [ONE.public]
    clock.now = 30
    assert keys.find("one", "RS256") == [ONE.public]
    fetches.keys = ValueError("answers 503")
    clock.now = 30 + 6 * 3600
    assert keys.find("one", "RS256") == [ONE.public]
    assert keys.find("two", "RS256") == []
    clock.now += 1
    with pytest.raises(AccessCheckFailed):
        keys.find("one", "RS256")
    fetches.keys = [ONE.public]
    clock.now += 30
    assert keys.find("one", "RS256") == [ONE.public]


def test_whoever_has_a_known_key_does_not_wait_while_keys_are_fetched(fetches: Fetches) -> None:
    clock, begun, answer = Clock(), threading.Event(), threading.Event()
    keys = ProviderKeys(ISSUER, clock)
    keys.find("one", "RS256")

    def slow(_: str) -> Sequence[dict[str, Any]]:
        begun.set()
        assert answer.wait(300)
        return [ONE.public, TWO.public]

    clock.now = 400
    found: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provider_keys, "_fetch", slow)
        threads = [threading.Thread(target=lambda: found.append(keys.find("two", "RS256"))) for _ in range(4)]
        for one in threads:
            one.start()
        assert begun.wait(300)
        assert keys.find("one", "RS256") == [ONE.public]  # this thread is the one that would set `answer`
        answer.set()
        for one in threads:
            one.join(300)
    assert found == [[TWO.public]] * 4


@pytest.mark.parametrize(
    ("address", "issuer", "is_safe"),
    [
        ("https://keys.example.org/jwks", ISSUER, True),
        ("http://login.example.org/jwks", ISSUER, False),
        ("http://127.0.0.1:8080/jwks", ISSUER, False),
        ("file:///etc/passwd", ISSUER, False),
        ("https:///jwks", ISSUER, False),
        ("http://localhost:8080/jwks", "http://localhost:8080", True),
        ("http://keys.example.org/jwks", "http://localhost:8080", False),
    ],
)
def test_keys_come_over_https_or_from_this_machine(address: str, issuer: str, is_safe: bool) -> None:
    assert _is_safe(address, issuer) is is_safe
