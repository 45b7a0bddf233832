"""`freshet dataset …`: builds datasets, and answers about their versions."""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter, validators

from freshet.flows.command.answering import DONE, Config, Json, complain, login_name, print_answer
from freshet.flows.command.texts import datasets as printing
from freshet.tasks.errors import SettingsError
from freshet.tasks.runs.ends import exit_code
from freshet.tasks.runs.run import store_of
from freshet.tasks.settings.file import dataset_settings, load_project

app = App(name="dataset", help="Build, compare, review and export versions of fine-tuning datasets.")


@app.command
def build(
    name: str,
    /,
    *,
    config: Config = None,
    as_of: Annotated[datetime | None, Parameter(help="The moment to speak for; by default, now.")] = None,
    wait: Annotated[
        float, Parameter(validator=validators.Number(gte=0), help="Seconds to wait for another build of NAME.")
    ] = 600.0,
    as_json: Json = False,
) -> int:
    """Build dataset NAME, and publish a version if anything changed and the gate passes."""
    project = load_project(config)
    dataset_settings(project, name)  # nothing is started for a dataset that does not exist
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "180")
    from freshet.flows.command.by_hand import run_build

    report = run_build(name, config=project.file, as_of=as_of, wait=wait)
    print_answer(report, as_json, printing.build_text(report))
    if report.get("error"):
        complain(report["error"])
    return exit_code(report)


@app.command
def versions(name: str, /, *, config: Config = None, as_json: Json = False) -> int:
    """List every decision on dataset NAME, newest first."""
    from freshet.tasks.datasets.versions.show import version_row
    from freshet.tasks.ledger.versions import list_versions, live_version

    project = load_project(config)
    dataset_settings(project, name)
    live = live_version(store_of(project), name)
    rows = [{**version_row(one), "live": one == live} for one in list_versions(store_of(project), name)]
    print_answer({"dataset": name, "versions": rows}, as_json, printing.versions_text(rows))
    return DONE


def _asks_for_rows(rejected: bool = False, code: str | None = None, limit: int | None = None, **_: Any) -> None:
    if not rejected and (code is not None or limit is not None):
        raise ValueError("--code and --limit go with --rejected")


@app.command(validator=_asks_for_rows)
def show(
    name: str,
    /,
    version: Annotated[str | None, Parameter(help="The version, like 2.1.0; by default, the live one.")] = None,
    *,
    rejected: Annotated[bool, Parameter(negative="", help="List the rows that were left out, and why.")] = False,
    code: Annotated[str | None, Parameter(help="Those that this rule keeps out; with --rejected.")] = None,
    limit: Annotated[int, Parameter(validator=validators.Number(gte=1), help="Rows to list; with --rejected.")] = 20,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Show a version of dataset NAME: its rows, sides, sources, what was left out and why.

    With --rejected and no version: of the last build, where the gate refused that.

    An owner's view: it shows what the access lists keep from others. An owner is whoever can read the store's files.
    """
    project = load_project(config)
    settings = dataset_settings(project, name)
    if rejected:
        from freshet.tasks.datasets.versions.left_out import left_out_rows

        found = left_out_rows(store_of(project), name, version, settings.checks, code=code, limit=limit)
        print_answer(found, as_json, printing.left_out_text(found))
        return DONE
    from freshet.tasks.datasets.versions.show import describe_version

    found = describe_version(store_of(project), name, version)
    print_answer(found, as_json, printing.version_text(found))
    return DONE


@app.command
def diff(
    name: str,
    old: str,
    new: str,
    /,
    *,
    limit: Annotated[int, Parameter(validator=validators.Number(gte=0), help="Rows to list.")] = 20,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Compare versions OLD and NEW of dataset NAME row by row, with the reason for every row that went.

    An owner's view: it shows what the access lists keep from others. An owner is whoever can read the store's files.
    """
    from freshet.tasks.datasets.versions.diff import diff_versions

    project = load_project(config)
    dataset_settings(project, name)
    found = diff_versions(store_of(project), name, old, new, limit).as_dict()
    print_answer(found, as_json, printing.diff_text(found))
    return DONE


def _has_what_it_needs(digest: str | None = None, decision: str | None = None, **_: Any) -> None:
    if (digest is None) is not (decision is None):
        raise ValueError("review NAME takes nothing more, or DIGEST and keep or drop")


@app.command(validator=_has_what_it_needs)
def review(
    name: str,
    digest: str | None = None,
    decision: Literal["keep", "drop"] | None = None,
    /,
    *,
    why: Annotated[str | None, Parameter(help="Why, for the record; a decision needs it.")] = None,
    who: Annotated[str | None, Parameter(help="Who decides; by default, the login name.")] = None,
    limit: Annotated[int, Parameter(validator=validators.Number(gte=1), help="Rows to list.")] = 20,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """List the rows of NAME that wait for a person's decision; or keep or drop the row with DIGEST.

    An owner's view: it shows what the access lists keep from others. An owner is whoever can read the store's files.
    """
    from freshet.tasks.datasets.review import decide, rows_for_review

    project = load_project(config)
    dataset_settings(project, name)
    store = store_of(project)
    if digest is None or decision is None:
        if why or who:
            raise SettingsError(
                "--why and --who go with a decision", f"Type: freshet dataset review {name} DIGEST keep --why TEXT"
            )
        rows = rows_for_review(store, name)
        found = {"dataset": name, "waiting": len(rows), "rows": rows[:limit]}
        print_answer(found, as_json, printing.review_text(found))
        return DONE
    by = who if who is not None else login_name()
    made = decide(store, name, digest, decision, who=by, why=why or "", now=datetime.now(UTC))
    print_answer(asdict(made), as_json, printing.decided_text(made))
    return DONE


@app.command
def export(
    name: str,
    folder: Path,
    /,
    *,
    version: Annotated[str | None, Parameter(help="The version, like 2.1.0; by default, the live one.")] = None,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Copy the exported files of a version of NAME into FOLDER, and check every one against the manifest."""
    from freshet.tasks.datasets.versions.copying import copy_export

    project = load_project(config)
    dataset_settings(project, name)
    found = copy_export(store_of(project), name, version, folder)
    print_answer(found, as_json, printing.exported_text(found))
    return DONE
