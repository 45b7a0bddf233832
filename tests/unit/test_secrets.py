"""Keys and passwords in text. The keys here are made up: right in form, and of no account."""

from __future__ import annotations

import base64
import json

import pytest

from freshet.tasks.text.secrets import PASSWORD, find_secrets

LETTERS = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3X4y5Z6"


def kinds(text: str) -> list[str]:
    return [finding.kind for finding in find_secrets(text)]


def token(**claims: str) -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), LETTERS[:43]])


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("aws_access_key_id = AKIA" + "Q3EGRLTYPOIU7HGF", "AWS Access Key"),
        ("use ghp_" + LETTERS[:36], "GitHub Token"),
        ("github_pat_" + LETTERS[:22] + "_" + (LETTERS + LETTERS)[:59], "GitHub fine-grained token"),
        ("xoxb-" + "2345678901-3456789012-" + LETTERS[:24], "Slack Token"),
        ("sk_live_" + LETTERS[:24], "Stripe Access Key"),
        ("SG." + LETTERS[:22] + "." + LETTERS[:43], "SendGrid API Key"),
        ("AIza" + LETTERS[:35], "Google API key"),
        ("hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH", "Hugging Face token"),
        ("glpat-" + LETTERS[:20], "GitLab Token"),
        ("postgres://ada:Xk9bq2Lm@db.internal:5432/x", "Basic Auth Credentials"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n", "Private Key"),
        ("Bearer " + token(sub="ada"), "JSON Web Token"),
    ],
)
def test_keys_are_found_by_kind(text: str, kind: str) -> None:
    assert kinds(f"Some words before.\n{text}\nand after") == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_" + "x" * 36,
        "https://user:password@host/",
        "https://user:<token>@host/",
        "sk_live_...",
        "postgres://user:${PASSWORD}@host",
        "-----BEGIN CERTIFICATE-----",
        "550e8400-e29b-41d4-a716-446655440000",
        "sha256:" + "ab12" * 16,
        "https://docs.google.com/document/d/1aB2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2/edit",
        "pages/travel-and-leave/travel-guide-2-book-travel.md",
        "a.b.c",
        "token",
        "eyJhbGciOiJIUzI1NiJ9.notatoken.x",
    ],
)
def test_what_is_no_key(text: str) -> None:
    assert kinds(f"Some words before {text} and after") == []


@pytest.mark.parametrize(
    "text",
    [
        "Password: Tr0ub4dor&3x",
        "The password is Summer2024!",
        'api_key = "Zx81kQp0Lm42Vb"',
        "Kennwort: Gr8nes-Auto",
        "pwd=Xk9#bq2Lm",
    ],
)
def test_passwords_are_found_where_they_are_called_so(text: str) -> None:
    [finding] = find_secrets(f"First line.\n{text}\nLast line.")
    assert finding.kind == PASSWORD


@pytest.mark.parametrize(
    "text",
    [
        "Password: your GSA password",
        "The password is the same as for e-mail",
        "password: ********",
        "api_key = <your key>",
        "Password: {{ vault.password }}",
        "Token: https://example.org/tokens/Ab1-Cd2",
        "secret = os.environ['X']",
        "The secret: 3 rules",
        "Passwords are 16 characters long",
        "key: value",
        "password=$PASSWORD1",
    ],
)
def test_what_is_said_about_passwords_is_none(text: str) -> None:
    assert kinds(text) == []


def test_the_place_is_the_value_alone() -> None:
    text = "First line.\nPassword: Tr0ub4dor&3x.\n"
    [finding] = find_secrets(text)
    assert text[finding.start : finding.end] == "Tr0ub4dor&3x"


def test_a_key_in_an_overlong_line_is_found_too() -> None:
    filler = "word " * 5000
    text = f"{filler} ghp_{LETTERS[:36]} {filler}"
    [finding] = find_secrets(text)
    assert text[finding.start : finding.end] == f"ghp_{LETTERS[:36]}"


def test_settings_of_the_library_stay_as_they_were() -> None:
    from detect_secrets.settings import get_settings

    before = json.dumps(get_settings().json(), sort_keys=True)
    find_secrets(f"ghp_{LETTERS[:36]}")
    assert json.dumps(get_settings().json(), sort_keys=True) == before


@pytest.mark.parametrize("piece", ["https://", "key", "eyJ", "://a:", "A1b2", "secret_"])
def test_overlong_tokens_do_not_hang(piece: str) -> None:
    filler = piece * (200_000 // len(piece))
    assert f"ghp_{LETTERS[:36]}" in {
        text[f.start : f.end] for text in [f"{filler} ghp_{LETTERS[:36]} {filler}"] for f in find_secrets(text)
    }
