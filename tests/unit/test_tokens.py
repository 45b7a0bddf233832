"""Tokens of the service: what is kept of them, who is let in by one, and what holds at once."""

from __future__ import annotations

import json
import logging
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from freshet.flows.command.app import app
from freshet.tasks.errors import AccessCheckFailed, SettingsError
from freshet.tasks.service.caller import ANONYMOUS, Caller, NotSignedIn
from freshet.tasks.service.identity import Identity
from freshet.tasks.service.token_file import TOKENS_FILE, TOKENS_VARIABLE, changing, read_tokens, token_file
from freshet.tasks.service.tokens import Tokens, create_token, list_tokens, revoke_token
from freshet.tasks.settings.file import load_project

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _own_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKENS_VARIABLE, raising=False)


def _create(root: Path, *as_: str, expires: timedelta | None = DAY, **more: Any) -> str:
    return create_token(root, as_, NOW, expires=expires, **more)[0]


def _identity(root: Path, service: str = "{}") -> Identity:
    (root / "freshet.yaml").write_text(f"corpora: {{}}\nservice: {service}\n")
    return Identity(load_project(root / "freshet.yaml"))


def test_a_token_says_who_asks_and_is_kept_as_a_hash_alone(tmp_path: Path) -> None:
    token = _create(tmp_path, "user:ada", "group:cafe\u0301", "user:ada", note="hers")
    mark, own, secret = token.split("_")
    assert (mark, len(bytes.fromhex(secret))) == ("fsh", 32)
    assert Tokens(tmp_path).caller(token, NOW) == Caller(f"token {own}", ("user:ada", "group:caf\u00e9"))
    kept = (tmp_path / TOKENS_FILE).read_text()
    assert secret not in kept
    assert json.loads(kept)["tokens"][0]["hash"] == sha256(secret.encode()).hexdigest()
    assert stat.S_IMODE((tmp_path / TOKENS_FILE).stat().st_mode) == 0o600


def test_the_file_is_the_one_that_the_environment_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKENS_VARIABLE, str(tmp_path / "elsewhere"))
    _create(tmp_path, "user:ada")
    assert (tmp_path / "elsewhere").is_file()
    assert not (tmp_path / TOKENS_FILE).exists()


def test_a_token_may_be_for_everybody_for_ever_and_for_asking_as_others(tmp_path: Path) -> None:
    token = _create(tmp_path, expires=None, may_impersonate=True)
    caller = Tokens(tmp_path).caller(token, NOW + 9000 * DAY)
    assert (caller.principals, caller.may_impersonate, caller.groups_unknown) == ((), True, False)


@pytest.mark.parametrize(
    ("as_", "more", "words"),
    [
        (["everyone"], {}, "goes without saying"),
        (["user:ada", "everyone"], {}, "goes without saying"),
        (["ada"], {}, "'ada' is no principal"),
        (["user:ada\n"], {}, "is no principal"),
        (["user:ada"], {"note": "x" * 201}, "201 characters"),
        (["user:ada"], {"expires": timedelta(days=9_000_000)}, "after the year 9999"),
    ],
)
def test_what_cannot_be_a_token_is_refused(as_: list[str], more: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=words):
        _create(tmp_path, *as_, **more)
    assert list_tokens(tmp_path) == []


def _wrong(token: str) -> dict[str, str]:
    other = "0" if token[-1] != "0" else "1"
    return {
        "another secret": token[:-1] + other,
        "another id": f"fsh_{'0' * 12}_{token.split('_')[2]}",
        "no secret": token.rpartition("_")[0],
        "an empty secret": token.rpartition("_")[0] + "_",
        "the hash in place of the secret": "_".join(
            [*token.split("_")[:2], sha256(token.split("_")[2].encode()).hexdigest()]
        ),
        "in upper case": token[:17] + token[17:].upper(),
        "more behind it": token + "0",
        "a line break behind it": token + "\n",
        "digits of another script": "fsh_" + "\u0663" * 12 + "_" + "\u0663" * 64,
    }


@pytest.mark.parametrize("how", _wrong("fsh_a_b"))
def test_a_token_that_is_not_quite_one_is_refused(how: str, tmp_path: Path) -> None:
    token = _create(tmp_path, "user:ada")
    with pytest.raises(NotSignedIn):
        Tokens(tmp_path).caller(_wrong(token)[how], NOW)
    Tokens(tmp_path).caller(token, NOW)


def test_a_token_is_good_until_it_expires_and_not_then(tmp_path: Path) -> None:
    token, tokens = _create(tmp_path, "user:ada", expires=DAY), Tokens(tmp_path)
    tokens.caller(token, NOW + DAY - timedelta(microseconds=1))
    with pytest.raises(NotSignedIn, match="has expired"):
        tokens.caller(token, NOW + DAY)


def test_what_another_process_revokes_or_creates_holds_at_once(tmp_path: Path) -> None:
    first, tokens = _create(tmp_path, "user:ada"), Tokens(tmp_path)
    tokens.caller(first, NOW)
    second = _create(tmp_path, "user:bob")
    assert tokens.caller(second, NOW).principals == ("user:bob",)
    assert revoke_token(tmp_path, first.split("_")[1]).principals == ("user:ada",)
    with pytest.raises(NotSignedIn, match="there is no token"):
        tokens.caller(first, NOW)
    revoke_token(tmp_path, second)  # the token itself, as whoever found it lying about has it
    with pytest.raises(NotSignedIn, match="there is no token"):
        tokens.caller(second, NOW)
    with pytest.raises(SettingsError, match="there is no token") as caught:
        revoke_token(tmp_path, second)
    assert second.split("_")[2] not in str(caught.value)
    (tmp_path / TOKENS_FILE).unlink()
    with pytest.raises(NotSignedIn):
        tokens.caller(first, NOW)


def test_the_last_use_is_told_once_a_minute(tmp_path: Path) -> None:
    token, tokens = _create(tmp_path, "user:ada"), Tokens(tmp_path)
    assert list_tokens(tmp_path)[0].last_used_at is None
    tokens.caller(token, NOW)
    assert list_tokens(tmp_path)[0].last_used_at == NOW
    inode = (tmp_path / TOKENS_FILE).stat().st_ino
    tokens.caller(token, NOW + timedelta(seconds=59))
    Tokens(tmp_path).caller(token, NOW + timedelta(seconds=59))  # another process, which sees it in the file
    assert (tmp_path / TOKENS_FILE).stat().st_ino == inode
    tokens.caller(token, NOW + MINUTE)
    assert list_tokens(tmp_path)[0].last_used_at == NOW + MINUTE


def test_the_last_uses_of_many_tokens_are_written_together_and_later_where_that_fails(tmp_path: Path) -> None:
    tokens, file = Tokens(tmp_path), tmp_path / TOKENS_FILE
    made = [_create(tmp_path, f"user:{number}") for number in range(5)]

    def written() -> list[datetime | None]:
        kept = read_tokens(file)
        return [kept[one.split("_")[1]].last_used_at for one in made]

    for one in made[:4]:
        tokens.caller(one, NOW)
    assert written() == [NOW, None, None, None, None]
    with FileLock(f"{file}.lock"):
        tokens.caller(made[4], NOW + timedelta(seconds=1))
    assert written() == [NOW, None, None, None, None]
    tokens.caller(made[0], NOW + MINUTE)
    assert written() == [NOW + MINUTE, NOW, NOW, NOW, NOW + timedelta(seconds=1)]


def test_where_the_last_use_cannot_be_told_the_token_is_good_all_the_same(tmp_path: Path) -> None:
    token = _create(tmp_path, "user:ada")
    lock = tmp_path / f"{TOKENS_FILE}.lock"
    with FileLock(lock):  # another process changes the file just now
        Tokens(tmp_path).caller(token, NOW)
    lock.unlink(missing_ok=True)
    lock.mkdir()  # as in a folder that cannot be written to, which nothing keeps a test that is root from
    Tokens(tmp_path).caller(token, NOW)
    assert list_tokens(tmp_path)[0].last_used_at is None
    with pytest.raises(SettingsError, match="cannot be written") as caught:
        _create(tmp_path, "user:bob")
    assert TOKENS_VARIABLE in str(caught.value)


def test_a_token_that_is_revoked_while_it_is_used_stays_revoked(tmp_path: Path) -> None:
    token, tokens = _create(tmp_path, "user:ada"), Tokens(tmp_path)
    looked = tokens._file.tokens()
    revoke_token(tmp_path, token)
    tokens._used(looked[token.split("_")[1]], NOW)
    assert list_tokens(tmp_path) == []


@pytest.mark.parametrize(("mode", "is_read"), [(0o600, True), (0o640, True), (0o660, False), (0o604, False)])
def test_a_file_that_others_may_read_or_a_group_may_write_is_refused(mode: int, is_read: bool, tmp_path: Path) -> None:
    token = _create(tmp_path, "user:ada")
    file = tmp_path / TOKENS_FILE
    file.chmod(mode)
    if is_read:
        Tokens(tmp_path).caller(token, NOW)
        assert stat.S_IMODE(file.stat().st_mode) == mode  # though it was written
        return
    for use in (lambda: Tokens(tmp_path).caller(token, NOW), lambda: revoke_token(tmp_path, token)):
        with pytest.raises(SettingsError, match=rf"open to others \(mode {mode:04o}\)\n  Type: chmod 600"):
            use()


def _changed(**changes: Any) -> Any:
    return lambda said: {**said, "tokens": [{**said["tokens"][0], **changes}]}


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: "",
        lambda _: "[1, 2",
        lambda _: [],
        lambda _: {"version": 1},
        lambda said: {**said, "version": 2},
        lambda said: {**said, "tokens": said["tokens"] * 2},
        _changed(principals=["everybody"]),
        _changed(principals="user:ada"),
        _changed(expires_at="soon"),
        _changed(expires_at="2026-12-01T00:00:00"),
        _changed(may_impersonate="yes"),
        _changed(hash=""),
        _changed(more=1),
    ],
)
def test_a_damaged_file_lets_nobody_in_and_is_told_without_what_is_in_it(damage: Any, tmp_path: Path) -> None:
    token = _create(tmp_path, "user:ada")
    file = tmp_path / TOKENS_FILE
    said = json.loads(file.read_text())
    found = damage(said)
    file.write_text(found if isinstance(found, str) else json.dumps(found))
    for use in (lambda: Tokens(tmp_path).caller(token, NOW), lambda: list_tokens(tmp_path)):
        with pytest.raises(SettingsError, match="is damaged") as caught:
            use()
        assert said["tokens"][0]["hash"] not in str(caught.value)


def test_a_link_to_the_file_stays_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / TOKENS_FILE).symlink_to(tmp_path / "kept" / "tokens")
    token = _create(tmp_path, "user:ada")
    Tokens(tmp_path).caller(token, NOW)
    assert (tmp_path / TOKENS_FILE).is_symlink()
    assert len(read_tokens(tmp_path / "kept" / "tokens")) == 1


def test_a_change_that_fails_midway_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _create(tmp_path, "user:ada")
    before = (tmp_path / TOKENS_FILE).read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SettingsError, match="cannot be written: No space left on device"):
        _create(tmp_path, "user:bob")
    assert (tmp_path / TOKENS_FILE).read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == [TOKENS_FILE, f"{TOKENS_FILE}.lock"]


def test_of_tokens_that_processes_create_at_once_none_is_lost(tmp_path: Path) -> None:
    program = (
        "from datetime import UTC, datetime\nfrom pathlib import Path\nimport sys\n"
        "from freshet.tasks.service.tokens import create_token\n"
        "sys.stdin.read()\n"
        "for number in range(20):\n"
        "    create_token(Path(sys.argv[1]), [f'user:{sys.argv[2]}{number}'], datetime.now(UTC), expires=None)\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), name], stdin=subprocess.PIPE) for name in "ab"
    ]
    for one in running:
        assert one.stdin is not None
        one.stdin.close()  # both begin
    assert [one.wait(300) for one in running] == [0, 0]
    named = {token.principals[0] for token in list_tokens(tmp_path)}
    assert named == {f"user:{name}{number}" for name in "ab" for number in range(20)}


def test_without_a_token_nobody_is_let_in_unless_the_settings_let_him(tmp_path: Path) -> None:
    with pytest.raises(NotSignedIn):
        _identity(tmp_path).caller(None)
    assert _identity(tmp_path, "{anonymous: true}").caller(None) == ANONYMOUS
    assert ANONYMOUS.principals == ()


@pytest.mark.parametrize("anonymous", ["true", "false"])
def test_all_refusals_read_the_same_and_the_log_says_why_without_the_token(
    anonymous: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    identity = _identity(tmp_path, f"{{anonymous: {anonymous}}}")
    token = _create(tmp_path, "user:ada", expires=9000 * DAY)
    late = create_token(tmp_path, ["user:ada"], NOW - 9000 * DAY, expires=DAY)[0]
    gone = _create(tmp_path, "user:ada", expires=None)
    revoke_token(tmp_path, gone)
    good = identity.caller(f"Bearer {token}")
    assert good == identity.caller(f"bearer  {token} ")
    assert good.principals == ("user:ada",)
    sent = [
        "", "Bearer", "Bearer ", "Basic dTpw", token, f"Token {token}", f"Bearer {late}", f"Bearer {gone}",
        "Bearer fsh_", "Bearer eyJhbGciOiJub25lIn0.e30.", "Bearer " + "x" * 20_000, f"Bearer {token} {token}",
        "Bearer fsh_\u2028\x1b",
        *(f"Bearer {one}" for one in _wrong(token).values()),
    ]  # fmt: skip
    told = set()
    for header in sent:
        caplog.clear()
        with pytest.raises(NotSignedIn) as caught:
            identity.caller(header)
        told.add(str(caught.value))
        assert caught.value.__cause__ is None
        (record,) = caplog.records
        assert (record.name, record.levelno) == ("freshet.service", logging.WARNING)
        assert token.split("_")[2] not in record.getMessage()
        assert record.getMessage().isprintable()
    assert len(told) == 1


def test_a_token_file_that_cannot_be_used_lets_nobody_in_and_tells_the_log_where_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token, identity = _create(tmp_path, "user:ada"), _identity(tmp_path)
    (tmp_path / TOKENS_FILE).chmod(0o644)
    with pytest.raises(AccessCheckFailed) as caught:
        identity.caller(f"Bearer {token}")
    assert str(tmp_path) not in str(caught.value)
    assert f"chmod 600 {tmp_path / TOKENS_FILE}" in caplog.text


def test_one_process_waits_for_another_that_changes_the_file(tmp_path: Path) -> None:
    file = token_file(tmp_path)
    with changing(file), pytest.raises(SettingsError, match="being changed"), changing(file, wait=timedelta()):
        pytest.fail("both changed it")


def _typed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[str, str]:
    assert app(["token", *words]) == 0
    told = capsys.readouterr()
    return told.out, told.err


def test_the_command_shows_a_token_once_and_takes_it_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    identity = _identity(tmp_path)
    monkeypatch.chdir(tmp_path)
    out, err = _typed(capsys, "create", "--as", "user:ada", "--as", "group:legal", "--note", "a\x1b[2J")
    assert identity.caller(f"Bearer {out.strip()}").principals == ("user:ada", "group:legal")
    assert "for user:ada, group:legal, until 2" in err
    assert out.strip() not in err
    made = json.loads(_typed(capsys, "create", "--expires", "never", "--impersonate", "--json")[0])
    assert set(made) == {"token", "id"}
    assert identity.caller(f"Bearer {made['token']}").may_impersonate
    text, listed = _typed(capsys, "list")[0], json.loads(_typed(capsys, "list", "--json")[0])["tokens"]
    assert [len(text.splitlines()), len(listed)] == [2, 2]
    assert [one["id"] in text for one in listed] == [True, True]
    assert "\x1b" not in text
    first, second = list_tokens(tmp_path)
    assert first.expires_at == first.created_at + 90 * DAY
    assert second.expires_at is None
    assert not any(one.hash in text + json.dumps(listed) for one in (first, second))
    _typed(capsys, "revoke", made["id"])
    with pytest.raises(NotSignedIn):
        identity.caller(f"Bearer {made['token']}")
    assert json.loads(_typed(capsys, "revoke", first.id, "--json")[0]) == {"id": first.id, "revoked": True}
    assert "no tokens" in _typed(capsys, "list")[0]


@pytest.mark.parametrize("expires", ["90", "0d", "soon", "-1d", "Never", ""])
def test_a_time_that_is_none_is_told_with_how_to_write_one(
    expires: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _identity(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=r"(?s)no time after which a token expires.*like 180d; or never"):
        app(["token", "create", f"--expires={expires}"])
    assert list_tokens(tmp_path) == []
