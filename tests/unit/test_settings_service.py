"""What the settings may say of the service, and what is said of mistakes in it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from freshet.tasks.settings.file import find_notes, find_problems, load_project
from tests.unit.problems import only_problem_of

OIDC = {"issuer": "https://login.example.org", "audience": "freshet"}


def _file(folder: Path, roster: dict[str, list[str]] | None = None, **service: Any) -> Path:
    file, groups = folder / "freshet.yaml", folder / "groups.yaml"
    said: dict[str, Any] = {"corpora": {}, "service": service}
    if roster is not None:
        groups.write_text(yaml.safe_dump({"as_of": datetime.now(UTC).isoformat(), "groups": roster}))
        said["roster"] = {"file": groups.name}
    file.write_text(yaml.safe_dump(said))
    return file


@pytest.mark.parametrize(
    "service",
    [
        {},
        {"anonymous": True},
        {"anonymous": True, "host": "::1"},
        {"url": "https://answers.example.org/freshet/"},
        {"host": "0.0.0.0", "owners": ["user:ada", "group:ops"]},
        {"oidc": OIDC},
        {"oidc": {**OIDC, "issuer": "https://login.example.org/realms/one/"}},
        {"oidc": {**OIDC, "issuer": "http://localhost:8080"}},
    ],
)
def test_what_is_sound_is_loaded_and_not_remarked_on(service: dict[str, Any], tmp_path: Path) -> None:
    file = _file(tmp_path, **service)
    assert find_problems(file) == []
    assert find_notes(file) == []
    assert load_project(file).settings.service.anonymous is service.get("anonymous", False)


@pytest.mark.parametrize(
    ("service", "where", "words"),
    [
        ({"url": "javascript:alert(1)"}, "service.url", "https://answers.example.org"),
        ({"url": "https://ada:secret@answers.example.org"}, "service.url", "without user"),
        ({"url": "https://answers.example.org/?a=b"}, "service.url", "without user"),
        ({"port": 0}, "service.port", "from 1 to 65535"),
        ({"port": "4280x"}, "service.port", "from 1 to 65535"),
        ({"limits": {"requests_per_minute": 0}}, "service.limits.requests_per_minute", "from 1 to 1000000"),
        ({"limits": {"answers": True}}, "service.limits.answers", "from 1 to 1000"),
        ({"limits": {"timeout": 5}}, "service.limits.timeout", "180d"),
        ({"owners": ["ada"]}, "service.owners[0]", "user:NAME"),
        ({"owners": ["user:ada", "everyone"]}, "service.owners[1]", "user:NAME or group:NAME"),
        ({"oidc": {"issuer": "https://login.example.org"}}, "service.oidc.audience", "audience is missing"),
        ({"oidc": {**OIDC, "algorithms": ["HS256"]}}, "service.oidc.algorithms[0]", "RS256"),
        ({"oidc": {**OIDC, "algorithms": ["none"]}}, "service.oidc.algorithms[0]", "RS256"),
        ({"oidc": {**OIDC, "algorithms": []}}, "service.oidc.algorithms", "algorithms"),
        ({"oidc": {**OIDC, "issuer": "http://login.example.org"}}, "service.oidc.issuer", "https://"),
        ({"oidc": {**OIDC, "issuer": "http://127.0.0.1.example.org"}}, "service.oidc.issuer", "https://"),
        ({"oidc": {**OIDC, "issuer": "login.example.org"}}, "service.oidc.issuer", "no URL"),
        ({"oidc": {**OIDC, "issuer": "file:///etc/passwd"}}, "service.oidc.issuer", "no URL"),
        ({"oidc": {**OIDC, "issuer": "https://[::1"}}, "service.oidc.issuer", "no URL"),
        ({"oidc": {**OIDC, "issuer": "https://ada:geheim@login.example.org"}}, "service.oidc.issuer", "password"),
        ({"oidc": {**OIDC, "issuer": "https://login.example.org?key=geheim"}}, "service.oidc.issuer", "after ?"),
    ],
)
def test_a_mistake_is_told_at_its_key(service: dict[str, Any], where: str, words: str, tmp_path: Path) -> None:
    problem = only_problem_of(_file(tmp_path, **service))
    assert problem.where == where
    assert words in f"{problem.what}\n{problem.mend}"
    assert "geheim" not in str(problem)


def test_to_answer_anybody_who_reaches_another_address_is_noted(tmp_path: Path) -> None:
    (note,) = find_notes(_file(tmp_path, anonymous=True, host="0.0.0.0"))
    assert note.where == "service.anonymous"
    assert "0.0.0.0" in note.what


def test_owners_whom_the_roster_does_not_name_are_noted(tmp_path: Path) -> None:
    roster = {"group:ops": ["user:ada"], "group:board": []}
    file = _file(tmp_path, roster, owners=["user:ada", "group:board", "user:adda", "group:opps"])
    assert find_problems(file) == []
    assert [(note.where, note.what.rpartition(" ")[2]) for note in find_notes(file)] == [
        ("service.owners[2]", "user:adda"),
        ("service.owners[3]", "group:opps"),
    ]
