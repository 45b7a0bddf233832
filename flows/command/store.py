"""`freshet maintain` and `freshet doctor`: keep the store small, and whole."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from cyclopts import Parameter, validators

from freshet.flows.command.answering import DONE, FAILED, Config, Json, complain, print_answer
from freshet.tasks.settings.file import load_project

Seconds = validators.Number(gte=0)


def says_what(names: Sequence[str] = (), every: bool = False, **_: Any) -> None:
    """Refuses a command line of `maintain` that names nothing, or everything and something."""
    if bool(names) is every:
        raise ValueError("maintain takes the names of corpora and datasets, or --all")


def maintain(
    *names: Annotated[str, Parameter(help="Corpora and datasets.")],
    every: Annotated[
        bool, Parameter(name="--all", negative="", help="All corpora and datasets, and what they share.")
    ] = False,
    dry_run: Annotated[bool, Parameter(negative="", help="Only say what would be freed.")] = False,
    keep: Annotated[
        int | None,
        Parameter(
            validator=validators.Number(gte=1, lte=1000),
            help="Releases to keep, in place of maintenance.keep_releases.",
        ),
    ] = None,
    expire_live: Annotated[
        bool, Parameter(negative="", help="Also remove live dataset versions whose retention has passed.")
    ] = False,
    as_of: Annotated[datetime | None, Parameter(help="The moment that ages count from; by default, now.")] = None,
    wait: Annotated[
        float, Parameter(validator=Seconds, help="Seconds to wait for whoever holds a corpus or dataset.")
    ] = 600.0,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Free what nobody needs any more: old versions, parsed texts, reports, expired dataset versions; join small files.

    What is published, or can be rolled back to, stays.
    """
    from freshet.flows.command.texts.maintenance import maintained_text
    from freshet.tasks.maintenance.maintain import find_targets
    from freshet.tasks.runs.run import store_of

    project = load_project(config)
    find_targets(project, store_of(project), names)  # nothing is started for a name that does not exist
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "180")
    from prefect.client.schemas.objects import State

    from freshet.flows.command.by_hand import by_hand
    from freshet.flows.maintain_store import maintain_store
    from freshet.tasks.runs.faults import announce_faults

    announce_faults()
    with by_hand(project.file):
        state: State[Any] = maintain_store(
            targets=list(names), config=project.file, dry_run=dry_run, keep=keep, expire_live=expire_live, as_of=as_of,
            wait=wait,
            return_state=True,
        )  # fmt: skip
    found = state.result()
    print_answer(found, as_json, maintained_text(found["maintained"], dry_run))
    return DONE


def doctor(
    *names: Annotated[str, Parameter(help="Corpora and datasets; by default, the whole store.")],
    repair: Annotated[bool, Parameter(negative="", help="Mend what can be mended, and say what was lost.")] = False,
    wait: Annotated[
        float, Parameter(validator=Seconds, help="Seconds to wait for whoever holds what is to be mended.")
    ] = 60.0,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Find what is wrong with the store; exit with 1 if something is.

    Reconciles sources, ledger, tables, indices, releases and exports.
    """
    from freshet.flows.command.texts.doctor import doctor_text
    from freshet.tasks.doctor.examine import examine
    from freshet.tasks.doctor.examine import repair as mend

    project = load_project(config)
    if repair:
        done = mend(project, names, timedelta(seconds=wait), _tell)
        found, healthy = done.as_dict(), not done.left
    else:
        findings = examine(project, names)
        found, healthy = {"findings": [one.as_dict() for one in findings]}, not findings
    print_answer(found, as_json, doctor_text(found, project.store))
    return DONE if healthy else FAILED


def _tell(message: str) -> None:
    complain(f"freshet: {message}")
