"""Builds a dataset in a process that dies at a chosen moment: `python -m tests.flows.dataset_killer FAULT`.

FAULT is the JSON of a `tests.flows.killer.Fault`; of its fields count config, notes, at, when, call, armed_by and
options. As there, the fault is put in from here, and the code under test knows nothing of it.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from tests.flows.killer import Fault, _arm

DATASET = "answers"


def main(fault: Fault) -> None:
    import freshet.tasks.datasets.loading.load
    import freshet.tasks.rules.suites
    from freshet.flows.command.by_hand import run_build

    assert freshet.tasks.datasets.loading.load.load_part.__kwdefaults__ is not None
    freshet.tasks.datasets.loading.load.load_part.__kwdefaults__["batch"] = fault.batch
    # Great Expectations takes seconds to load and no part in what a kill leaves behind; the rest of the gate judges.
    freshet.tasks.rules.suites.validate = lambda *_: []
    _arm(fault)
    options = {"as_of": None, "wait": 60.0, **(fault.options or {})}
    print(json.dumps(run_build(DATASET, config=Path(fault.config), **options), default=str))  # noqa: T201


def command(fault: Fault) -> list[str]:
    """What to run for it, in the project's root."""
    return [sys.executable, "-m", "tests.flows.dataset_killer", json.dumps(asdict(fault))]


if __name__ == "__main__":
    main(Fault(**json.loads(sys.argv[1])))
