"""Keys and passwords in text. The keys here are made up: right in form, and of no account."""

from __future__ import annotations

import base64
import json

import pytest

from freshet.tasks.text.secrets import PASSWORD, find_secrets

BODY = "MIIEowIBAAKCAQEAr7Xk2vQpZs9LmT4uWbYc1dNfHgJe8RiOoPqVtKxUyC3nAzB6\nS5wD0lMhFvGjQe7IrT2yXu"
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
        ("fsh_" + "3f9c0a51d27e_" + "8b1d4e7a" * 8, "Freshet token"),
        ("hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH", "Hugging Face token"),
        ("glpat-" + LETTERS[:20], "GitLab Token"),
        ("postgres://ada:Xk9bq2Lm@db.internal:5432/x", "Basic Auth Credentials"),
        (f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}\n-----END RSA PRIVATE KEY-----", "Private Key"),
        ("Bearer " + token(sub="ada"), "JSON Web Token"),
        ("sk-" + LETTERS[:20] + "T3BlbkFJ" + LETTERS[:20], "OpenAI Token"),
        ("key=sk-proj-a_b-" + LETTERS[:20] + "T3BlbkFJ" + LETTERS[:20], "OpenAI Token"),
        ("//registry.example.org/:_authToken=npm_" + LETTERS[:36], "NPM tokens"),
        ("//registry.example.org/:_authToken= 346a14f2-a672-4668-a892-956a462ab56e", "NPM tokens"),
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
        "//registry.example.org/:_authToken=${NPM_TOKEN}",
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


KEY = f"-----BEGIN PRIVATE KEY-----\n{BODY}\n-----END PRIVATE KEY-----"
JWT_IO = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ."
    "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
)
EMULATOR = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@pytest.mark.parametrize(
    "text",
    [
        'aws_secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"',
        "api_key: your-api-key-here",
        "token = ghp_1234567890abcdefghijklmnopqrstuvwxyz",
        "AKIA1234567890ABCDEF",
        "sk_live_00000000000000000000000000",
        "password: changeme-2024A",
        "password: xxxxxxxxA1",
        "DB_PASSWORD=<Your1Password>",
        "secret: ${Vault_Secret1}",
        "password = %(db_Password1)s",
        "api_key = settings.API_KEY_1",
        "client_secret = os.getenv('Secret1')",
        "secret_key = SSL_KEY_FILE_2",
        "secret = prod-db-password-1",
        "arn:aws:secretsmanager:us-west-2:123456789012:secret:prod/Db-x7Yq2Z",
        "postgres://postgres:postgres@localhost/app",
        "amqp://guest:guest@queue:5672",
        "mysql://root:hunter2@db/app",
        "https://user:xxxx@host.internal/",
        "redis://:****@cache",
        f"Bearer {JWT_IO}",
        "Bearer " + token(sub="1", name="Jane Doe"),
        f"AccountKey={EMULATOR}",
        '"ssl_key":"-----BEGIN RSA PRIVATE KEY-----\\nssl_key_pem_body_code\\n-----END RSA PRIVATE KEY-----"',
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA...\n-----END RSA PRIVATE KEY-----",
        KEY.replace("Xk2vQpZ", "EXAMPLE"),
        "-----BEGIN PRIVATE KEY-----\n" + "A" * 90 + "\n-----END PRIVATE KEY-----",
        "The file begins with -----BEGIN OPENSSH PRIVATE KEY----- and is readable by its owner alone.",
        "token: TOKEN_GOES_HERE_1a",
    ],
)
def test_placeholders_samples_and_names_are_no_secrets(text: str) -> None:
    assert kinds(f"Some words before.\n{text}\nand after") == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (KEY, "Private Key"),
        (KEY.replace("\n", "\\n"), "Private Key"),
        ("\n".join(f"    {line}" for line in KEY.split("\n")), "Private Key"),
        (KEY.replace("PRIVATE KEY-----\n", "PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n", 1), "Private Key"),
        (f'key = "{KEY.partition("-----END")[0]}', "Private Key"),
        (KEY.replace("PRIVATE", "OPENSSH PRIVATE"), "Private Key"),
        ("ASIA" + "Q3EGRLTYPOIU7HGF", "AWS Access Key"),
        (f'aws_secret_access_key = "{(LETTERS * 2)[7:47]}"', "AWS Access Key"),
        ("gho_" + LETTERS[:36], "GitHub Token"),
        ("GITHUB_TOKEN=ghs_" + LETTERS[3:39], "GitHub Token"),
        ("curl -H 'Authorization: Bearer " + token(sub="ada", scope="write") + "'", "JSON Web Token"),
        ("postgres://postgres:Xk9bq2Lm@localhost/app", "Basic Auth Credentials"),
        ("mongodb+srv://ada:Xk9bq2Lm@cluster0.mongodb.net/x", "Basic Auth Credentials"),
        ("https://ada:Xk9bq2Lm@git.internal/a.git", "Basic Auth Credentials"),
        ("amqp://guest:Xk9bq2Lm@queue:5672", "Basic Auth Credentials"),
        ("Server=db;User Id=sa;Password=Xk9#bq2Lm;", PASSWORD),
        ("password: Summer2024!", PASSWORD),
        ("The password is Qwerty123456!", PASSWORD),
        ("DB_PASSWORD=Xk9#bq2Lm", PASSWORD),
        ("client_secret: Zx81~kQp0-Lm42Vb", PASSWORD),
        ("api_key = 'Zx81kQp0Lm42Vb_9'", PASSWORD),
        ("AccountKey=" + (LETTERS * 2)[:86] + "==", "Azure Storage Account access key"),
        ("xoxp-" + "2345678901-3456789012-4567890123-" + LETTERS[:32], "Slack Token"),
        ("sk-ant-api03-" + LETTERS[:40], "Anthropic key"),
    ],
)
def test_what_opens_something_keeps_being_found(text: str, kind: str) -> None:
    assert kinds(f"Some words before.\n{text}\nand after") == [kind]


def test_the_place_of_a_private_key_is_all_of_it() -> None:
    text = f"Before.\n{KEY}\nAfter."
    [finding] = find_secrets(text)
    assert BODY in text[finding.start : finding.end]
    assert "After" not in text[finding.start : finding.end]


@pytest.mark.parametrize("between", ["\n", " "])
def test_a_picture_in_base64_holds_no_keys(between: str) -> None:
    line = (LETTERS * 2)[:76]
    key = "AP5" + (LETTERS * 2)[:73]
    assert kinds(key[:39]) == ["Artifactory Credentials"]
    assert kinds(between.join([line, line, key, line, "aB1="])) == []


def test_a_key_beside_a_picture_is_found() -> None:
    picture = "\n".join([(LETTERS * 2)[:76]] * 4)
    assert kinds(f"{picture}\n\nThe key is ghp_{LETTERS[:36]}, keep it.") == ["GitHub Token"]


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
