"""docs/commands.md and the command say the same."""

from __future__ import annotations

import re
from pathlib import Path

from cyclopts import App

from freshet.deploy.cli import app

PAGE = (Path(__file__).parents[2] / "docs" / "commands.md").read_text()
GROUPS = {"access", "dataset", "golden", "model", "token"}


def _names(of: App) -> set[str]:
    return {name for name in of if not name.startswith("-")}


COMMANDS = (_names(app) - GROUPS) | {f"{group} {name}" for group in GROUPS for name in _names(app[group])}


def _command(name: str) -> App:
    found = app
    for word in name.split():
        found = found[word]
    return found


def _section(command: str) -> str:
    found = re.search(rf"^## freshet {command}\b.*?(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"docs/commands.md does not describe freshet {command}"
    return found[0]


def test_every_command_has_a_section_and_every_section_a_command() -> None:
    grouped = "|".join(GROUPS)
    assert set(re.findall(rf"^## freshet ((?:(?:{grouped}) )?[a-z-]+)", PAGE, re.MULTILINE)) == COMMANDS


def test_every_flag_of_a_command_is_in_its_section_and_no_other() -> None:
    for command in COMMANDS:
        arguments = _command(command).assemble_argument_collection()
        flags = {name for argument in arguments for name in argument.names if name.startswith("--")}
        assert set(re.findall(r"`(--[a-z-]+)", _section(command))) == flags, command


def test_the_documented_keys_of_a_report_are_those_it_has() -> None:
    from datetime import UTC, datetime

    from freshet.tasks.ledger.runs import RefreshReport

    report = RefreshReport("c", "r", datetime(2026, 1, 1, tzinfo=UTC), "released").as_dict()
    example = _section("refresh").split("```json")[1].split("```")[0]
    for key in (*report, *report["documents"]):
        assert f'"{key}"' in example, key


def test_the_documented_keys_of_a_build_are_those_it_has() -> None:
    from datetime import UTC, datetime

    from freshet.tasks.ledger.builds import BuildReport

    example = _section("dataset build").split("```json")[1].split("```")[0]
    for key in BuildReport("d", "r", datetime(2026, 1, 1, tzinfo=UTC)).as_dict():
        assert f'"{key}"' in example, key
