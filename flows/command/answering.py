"""What the commands share: their common flags, and how they answer."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from freshet.tasks.errors import SettingsError
from freshet.tasks.settings.addresses import in_lines

if TYPE_CHECKING:
    from freshet.tasks.governance.expressions import Asker
    from freshet.tasks.settings.file import Project

Config = Annotated[
    Path | None, Parameter(name="--config", help="freshet.yaml; by default FRESHET_CONFIG, or the nearest one upwards.")
]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON, alone on standard output.")]

DONE, FAILED = 0, 1
"""Exit codes of a command that asks; one that runs a flow has those of `tasks/runs/ends.py`."""


def config_of(words: Sequence[str]) -> Path | None:
    """The settings file that a command line names; None where it names none."""
    for word, value in zip(words, [*words[1:], ""], strict=True):
        if word == "--config" and value:
            return Path(value)
        if word.startswith("--config="):
            return Path(word.removeprefix("--config="))
    return None


def login_name() -> str:
    """The name of whoever is logged in.

    Raises:
        SettingsError: nobody is, by a name.
    """
    from getpass import getuser

    try:
        return getuser()
    except (KeyError, OSError):
        raise SettingsError("nobody is logged in by a name", "Say who decides: --who NAME.") from None


def asker_now(project: Project, as_: Sequence[str]) -> Asker:
    """Whoever asks as `as_`, with the groups that the project's roster says; a roster that says none is told of.

    Raises:
        SettingsError: a name is no principal, or the roster cannot be read.
    """
    from freshet.tasks.governance.roster import asker_of, load_roster

    roster, now = load_roster(project), datetime.now(UTC)
    if roster is not None and not roster.is_current(now):
        complain(
            f"note: the roster is of {roster.as_of:%Y-%m-%d %H:%M} UTC and is not believed any more, so nobody is in "
            "a group by it: bring it up to date, or raise roster.max_age"
        )
    return asker_of(as_, roster, now)


def print_answer(found: Any, as_json: bool, text: str) -> None:
    """Prints an answer for a person, or as JSON: what would steer the terminal is escaped as JSON has it."""
    if as_json:
        text = json.dumps(found, indent=2, ensure_ascii=False, default=_plain) + "\n"
    sys.stdout.write(in_lines(text))


def complain(text: object) -> None:
    """Tells what went wrong, on standard error."""
    print(in_lines(str(text)), file=sys.stderr)  # noqa: T201


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
