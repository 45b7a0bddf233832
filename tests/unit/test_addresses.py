"""The one mask of credentials, the names that derive from addresses, and texts made safe to print."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from freshet.tasks.settings.addresses import (
    escaped,
    has_credentials,
    mask_credentials,
    safe_reason,
    shown,
    source_name,
    without_credentials,
)
from freshet.tasks.settings.project import FolderSource, GitSource

SPELLINGS = [
    # A user and a password in a URL, whatever the password is made of.
    ("https://ada:s3cret@host/p.git", "https://***@host/p.git"),
    ("https://ada:s3/cret@host/p", "https://***@host/p"),
    ("https://ada:s3@cret@host/p", "https://***@host/p"),
    ("https://ada:s3?c#ret;x=1@host/p", "https://***@host/p"),
    ("https://ada:123456/x@host/p", "https://***@host/p"),
    ("https://ada:s3%40cr%2Fet@host/p", "https://***@host/p"),
    ("https://ada%3As3cret@host/p", "https://***@host/p"),
    ("ssh://ada%3As3cret@host/p", "ssh://ada:***@host/p"),
    ("https://ada:s3cret%40host/p", "https://***@host/p"),
    ("https://ada:s3 cret@host/p", "https://***@host/p"),
    ("https://ada:s3\ncret@host/p", "https://***@host/p"),
    ("https://ada:s3/c'ret@host/p", "https://***@host/p"),
    ("HTTPS://ADA:s3cret@HOST/P", "HTTPS://***@HOST/P"),
    ("sftp://ada:s3cret@host/p", "sftp://ada:***@host/p"),
    ("sftp://ada:s3cret@[2001:db8::1]:22/p", "sftp://ada:***@[2001:db8::1]:22/p"),
    ("https://ada:s3cret@[::1]:8443/p", "https://***@[::1]:8443/p"),
    ("s3://key:s3cret@bucket/p", "s3://key:***@bucket/p"),
    ("redis://:s3cret@host:6379/0", "redis://:***@host:6379/0"),
    ("mongodb+srv://u:s3cret@h1,h2/db", "mongodb+srv://u:***@h1,h2/db"),
    # A token in the place of the user.
    ("https://ghp_s3cret@host/p.git", "https://***@host/p.git"),
    ("git+https://s3cret@host/p", "git+https://***@host/p"),
    ("svn+https://s3cret@host/p", "svn+https://***@host/p"),
    ("ssh://ghp_s3cret@host/p", "ssh://***@host/p"),
    ("ssh://s3cret:x-oauth-basic@host/p", "ssh://***@host/p"),
    # Queries, fragments and parameters.
    ("https://host/p?code=s3cret", "https://host/p?***"),
    ("https://host/p?X-Amz-Credential=s3cret&X-Amz-Signature=s3cret", "https://host/p?***"),
    ("https://host/p#access_token=s3cret&expires=1", "https://host/p#access_token=***&expires=1"),
    ("https://host/p;token=s3cret", "https://host/p;token=***"),
    ("Max retries exceeded with url: /p?sig=s3cret&page=2 (x)", "Max retries exceeded with url: /p?sig=***&page=2 (x)"),
    # As git and ssh write it.
    ("u:s3cret@host:repo", "u:***@host:repo"),
    ("u:s3/c@ret@host:team/repo.git", "u:***@host:team/repo.git"),
    ("u:s3cret@[::1]:repo", "u:***@[::1]:repo"),
    ("u:s3cret@example.org/repo.git", "u:***@example.org/repo.git"),
    # Databases.
    ("postgresql+psycopg://u:s3cret@h/db?password=s3cret", "postgresql+psycopg://u:***@h/db?***"),
    ("jdbc:postgresql://h/db?user=u&password=s3cret", "jdbc:postgresql://h/db?***"),
    ("jdbc:sqlserver://h:1433;user=sa;password=s3cr@et;db=x", "jdbc:sqlserver://h:1433;user=sa;password=***;db=x"),
    ("jdbc:oracle:thin:scott/s3cret@//h:1521/svc", "jdbc:oracle:thin:scott/***@//h:1521/svc"),
    ("host=h user=u password='s3 cret' dbname=d", "host=h user=u password=*** dbname=d"),
    ("Server=tcp:h,1433;UID=sa;PWD=s3cret;Encrypt=yes", "Server=tcp:h,1433;UID=sa;PWD=***;Encrypt=yes"),
    ("AccountName=x;AccountKey=s3cret==;EndpointSuffix=y", "AccountName=x;AccountKey=***;EndpointSuffix=y"),
    # Chained, encoded as a whole, and amid other words.
    ("simplecache::s3://k:s3cret@b/p", "simplecache::s3://k:***@b/p"),
    ("zip://x.zip::https://u:s3cret@h/a.zip", "zip://x.zip:***@h/a.zip"),
    ("https://proxy/https%3A%2F%2Fada%3As3cret%40host%2Fp", "https://proxy/https%3A%2F%2F***%40host%2Fp"),
    ("cannot read 'https://a:s3cret@h/x' now", "cannot read 'https://***@h/x' now"),
    ("(https://a:s3cret@h/x, or ask bob@example.org)", "(https://***@h/x, or ask bob@example.org)"),
    ("https://a:s3cret@h/x\nthen ask bob@example.org", "https://***@h/x\nthen ask bob@example.org"),
    ("{'key': 'k', 'secret': 's3cret'}", "{'key': 'k', 'secret': ***}"),
    ("export AWS_SECRET_ACCESS_KEY=s3cret", "export AWS_SECRET_ACCESS_KEY=***"),
]

HARMLESS = [
    "https://host/a@b", "https://host:8443/a@b", "https://host/ada@example.org", "https://host/p#section",
    "https://host/p;v=2", "https://[::1]:8443/p", "https://[::1]:8443/p, or ask bob@example.org", "s3://bucket/prefix",
    "s3://bucket/token=abc/part.md", "ssh://git@host/p", "git@host:p.git", "git+git@host:p@feature/x#a:b.md",
    "abfs://container@account/p", "memory://docs:old/x", "host:repo@v1.2/x", "ada@example.org", "user:ada@example.org",
    "mailto:ada@example.org", "From: Ada <ada@example.org>", "owner:ada@example.org: cannot",
    "C:\\Users\\ada@home\\x:y",
    "D:/data/a@b:c.md", "file:///C:/x/a@b", "12:30", "at 12:30 git@host:repo was read", "docs/token=abc/part.md",
    "max_tokens=256", "rows/a.jsonl:12", "what?a=b", "https%3A%2F%2Fhost%2Fada%40example.org",
]  # fmt: skip


@pytest.mark.parametrize(("text", "masked"), SPELLINGS)
def test_what_is_secret_is_masked_in_every_spelling(text: str, masked: str) -> None:
    assert mask_credentials(text) == masked
    assert has_credentials(text)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert mask_credentials(text) == text
    assert not has_credentials(text)


@pytest.mark.parametrize("text", [*(text for text, _ in SPELLINGS), *HARMLESS])
def test_a_masked_text_is_masked_no_further(text: str) -> None:
    for queries in (True, False):
        masked = mask_credentials(text, queries=queries)
        assert mask_credentials(masked, queries=queries) == masked


_PIECES = st.sampled_from(
    ["https://", "s3://", "git+ssh://", "zip://", "::", "host", "[::1]", ":8443", ":", "/", "b@c", "@", "?", "#", ";",
     "v=1", "token=", "***", "u:pw", "'", '"', " ", "\n", "%40", "https%3A%2F%2F", "&", "=", "jdbc:", "C:\\", "{", "}"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(_PIECES, max_size=9))
def test_the_mask_of_any_text_is_masked_no_further(pieces: list[str]) -> None:
    masked = mask_credentials("".join(pieces))
    assert mask_credentials(masked) == masked


# What ends an address in every text, a port, and what begins an address of its own are left out.
_RAW = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="'\""), min_size=1, max_size=12
).map(lambda text: f"Z{text.replace('://', '')}")
_ANY = st.text(min_size=1, max_size=12).map(lambda text: quote(f"Z{text}", safe=""))
_WITH_RAW = [
    "https://ada:{}@host/p.git", "cannot read https://ada:{}@host/p.git now", "sftp://ada:{}@host/p",
    "GIT+HTTPS://ada:{}@[::1]:8443/p", "simplecache::s3://key:{}@bucket/p", "u:{}@host:repo",
    "postgresql+psycopg://u:{}@h/db?sslmode=on",
]  # fmt: skip
_WITH_ANY = [
    *_WITH_RAW, "https://{}@host/p.git", "https://host/p?password={}&v=1", "https://host/p?v=1#access_token={}",
    "/p?code={}&v=1", "https://host/p;token={}", "jdbc:sqlserver://h:1433;user=sa;password={};db=x",
    "host=h password={} dbname=d", "Server=h;PWD={};UID=sa", "{{'secret': '{}'}}",
    "https%3A%2F%2Fada%3A{}%40host%2Fp",
]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.tuples(st.sampled_from(_WITH_RAW), _RAW), st.tuples(st.sampled_from(_WITH_ANY), _ANY)))
def test_no_password_survives_in_any_spelling(spelled: tuple[str, str]) -> None:
    address, password = spelled
    assume("***" not in password)
    masked = mask_credentials(address.format(password))
    assert masked == mask_credentials(address.format("Zother"))
    assert "Zother" not in masked
    if "://" in address:
        assert without_credentials(address.format(password)) == without_credentials(address.format("Zother"))
        assert "Zother" not in without_credentials(address.format("Zother"))
    reason = safe_reason(OSError(f"{password} refused at {address.format(password)}"), address.format(password))
    assert "Zother" not in reason.replace(password, "Zother")


def test_a_reason_shows_no_password_even_apart_from_its_address() -> None:
    reason = safe_reason(OSError("user ada with s3cret refused\nby host"), "sftp://ada:s3cret@host/p")
    assert reason == "user ada with *** refused by host"
    for told in ("s3/cret", "s3%2Fcret"):
        assert "cret" not in safe_reason(OSError(f"{told} refused"), "sftp://ada:s3%2fcret@host/p")


def test_a_reason_names_the_place_as_it_is_told_and_holds_no_control_characters() -> None:
    error = OSError("no /srv/rows/a.jsonl: \x1b[31mred\u202e")
    assert safe_reason(error, "/srv/rows/a.jsonl", "rows/a.jsonl") == r"no rows/a.jsonl: \u001b[31mred\u202e"
    assert safe_reason(FileNotFoundError(2, "No such file", "/srv/x"), "/srv/x") == "No such file"


@pytest.mark.parametrize(
    ("address", "name"),
    [
        # As they were when documents got their ids.
        ("https://ada:s3cret@host/p.git", "https://***@host/p.git"),
        ("https://host/p?v=1", "https://host/p?***"),
        ("sftp://ada:s3cret@host/a@b", "sftp://ada:***@b"),
        ("https://[::1]:8443/a@b", "https://***@b"),
        ("zip://docs::abfs://container@account/x.zip", "zip://docs:***@account/x.zip"),
        ("git@host:p.git", "git@host:p.git"),
        ("token=abc/ada@home", "token=abc/ada@home"),
        ("C:\\docs\\a@b:c", "C:\\docs\\a@b:c"),
        # These showed their secret.
        ("u:s3cret@host:p.git", "u:***@host:p.git"),
        ("https://host/p;token=s3cret", "https://host/p;token=***"),
    ],
)
def test_the_name_of_a_source_is_its_address_without_credentials_for_good(address: str, name: str) -> None:
    git = GitSource(git=address, owner="o", acl=["everyone"])
    folder = FolderSource(folder=address, owner="o", acl=["everyone"])
    assert source_name(git) == source_name(folder) == name
    assert source_name(git.model_copy(update={"name": "policies"})) == "policies"


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("guarded://ada:s3cret@host/*.jsonl", "guarded://host/*.jsonl"),
        ("https://ada:s3cret@host/p?v=1&sig=s3cret", "https://host/p?v=1&sig=***"),
        ("zip://a.jsonl::https://u:s3::cret@h/x.zip?v=1", "zip://a.jsonl::https://h/x.zip?v=1"),
        ("s3://b/rows-?.jsonl", "s3://b/rows-?.jsonl"),
        ("s3://b/x?versionId=7", "s3://b/x?versionId=7"),
        ("https://[::1]:80/x", "https://[::1]:80/x"),
        ("u:s3cret@host:p", "u@host:p"),
        ("token=abc/rows.jsonl", "token=abc/rows.jsonl"),
    ],
)
def test_data_is_told_apart_by_its_address_without_users_and_secrets(address: str, told: str) -> None:
    assert without_credentials(address) == told
    assert without_credentials(address, web_queries=False) == (told.partition("?")[0] if "http" in told else told)


@pytest.mark.parametrize(
    ("address", "has"),
    [
        ("https://${USER}:${PASSWORD}@host/p", False),
        ("https://ada:${PASSWORD}@host/p", False),
        ("https://host/p?sig=${SIG}", False),
        ("https://ada:s3cret${X}@host/p", True),
        ("https://s3cret@host/p", True),
        ("https://host/p?v=1", True),
        ("u:s3cret@host:p", True),
    ],
)
def test_a_credential_in_a_variable_does_not_stand_in_the_file(address: str, has: bool) -> None:
    assert has_credentials(address) is has


def test_what_steers_a_terminal_or_breaks_a_line_is_escaped_and_letters_are_not() -> None:
    assert escaped("a\nb\t\x1b[2J\x9b\u202e\u2066\u2028\udc80") == r"a\nb\t\u001b[2J\u009b\u202e\u2066\u2028\udc80"
    assert escaped("é مَرحبا\u200c 漢字 👩\u200d💻") == "é مَرحبا\u200c 漢字 👩\u200d💻"
    assert shown("é\u200b\x1b https://ada:s3cret@host/p") == r"é\u200b\u001b https://***@host/p"
    assert shown("x" * 100) == "x" * 79 + "…"
