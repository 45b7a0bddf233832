"""Builds a dataset in a process that dies at a chosen moment; `command` says how to start it.

Of the fields of a `tests.flows.killer.Fault` count config, notes, at, when, call, armed_by and
options. As there, the fault is put in from here, and the code under test knows nothing of it.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.flows import killer
from tests.flows.killer import Fault, arm
from tests.waiting import PATIENCE

DATASET = "answers"


def main(fault: Fault) -> None:
    from freshet.flows.command.by_hand import run_build
    from freshet.tasks.datasets.loading.load import load_part

    patch = pytest.MonkeyPatch()  # which fails where there is no such name to be replaced
    patch.setitem(load_part.__kwdefaults__, "batch", fault.batch)
    # Great Expectations takes seconds to load and no part in what a kill leaves behind; the rest of the gate judges.
    patch.setattr("freshet.tasks.rules.suites.validate", lambda *_: [])
    arm(fault)
    options = {"as_of": None, "wait": PATIENCE, **(fault.options or {})}
    print(json.dumps(run_build(DATASET, config=Path(fault.config), **options), default=str))  # noqa: T201


def command(fault: Fault) -> list[str]:
    """What to run for it, in the project's root."""
    return killer.command(fault, __name__)
