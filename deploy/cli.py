"""The `freshet` command as it is installed: all of `flows/command`, and what has to do with a Prefect server."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from freshet.deploy.changes import changes_text
from freshet.flows.command.answering import DONE, Config, Json, print_answer
from freshet.flows.command.app import app
from freshet.flows.command.app import main as run_command
from freshet.tasks.errors import FreshetError
from freshet.tasks.settings.file import load_project

Host = Annotated[str, Parameter(help="Address to listen at; 127.0.0.1 is this machine only.")]
Port = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=65535), help="Port of pages and API.")]


@app.command
def deploy(
    *,
    dry_run: Annotated[bool, Parameter(negative="", help="Tell what would change, and change nothing.")] = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Make the Prefect server hold what freshet.yaml says: deployments, schedules, automations; remove what is gone."""
    project = load_project(config)
    from freshet.deploy.apply import apply_changes, find_changes
    from freshet.deploy.client import open_client

    with open_client() as client:
        changes, notes = find_changes(client, project)
        if not dry_run:
            apply_changes(changes)
    found = {"dry_run": dry_run, "changes": [change.as_dict() for change in changes], "notes": notes}
    print_answer(found, as_json, changes_text(changes, notes, done=not dry_run))
    return DONE


@app.command
def up(
    *,
    host: Host = "127.0.0.1",
    port: Port = 4200,
    no_service: Annotated[bool, Parameter(negative="", help="Leave out the service (`freshet serve`).")] = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Start a Prefect server, a worker and the service in the background, and deploy."""
    from freshet.deploy.apply import apply_changes, find_changes
    from freshet.deploy.client import ServerError, open_client
    from freshet.deploy.serve import start_server, start_service, start_worker

    project = load_project(config)
    started = start_server(project, host, port)
    with open_client() as client:
        changes, notes = find_changes(client, project)
        apply_changes(changes)
    started = start_worker(project, started)
    if not no_service:
        try:
            started = start_service(project, started)
        except ServerError as error:  # server and worker are of use without it
            notes = [*notes, str(error)]
    note = started.note
    reached = note.service_url if note.service and note.service.is_alive() else None
    found = {
        "started": started.new,
        "api": note.api,
        "ui": note.ui,
        "service": reached,
        "logs": str(started.folder),
        "changes": [change.as_dict() for change in changes],
        "notes": notes,
    }
    text = changes_text(changes, notes, done=True) + (
        f"{_listed(started.new).capitalize() + ' started' if started.new else 'All run already'}.\n"
        f"  pages   {note.ui}\n  API     {note.api}\n{f'  service {reached}{chr(10)}' if reached else ''}"
        f"  logs    {started.folder}\n"
        f"Commands on this store find the server; Prefect's own want: export PREFECT_API_URL={note.api}\n"
    )
    print_answer(found, as_json, text)
    return DONE


@app.command
def down(*, config: Config = None, as_json: Json = False) -> int:
    """Stop the service, the worker and the server that `freshet up` started, and the runs that the worker has begun."""
    from freshet.deploy.serve import stop

    stopped = stop(load_project(config))
    text = f"{_listed(stopped).capitalize()} stopped.\n" if stopped else "Nothing was running.\n"
    print_answer({"stopped": stopped}, as_json, text)
    return DONE


def _listed(names: list[str]) -> str:
    return " and ".join([one for one in (", ".join(names[:-1]), *names[-1:]) if one])


def main() -> None:
    """Runs a command; its runs are the local server's, if `freshet up` started one."""
    from freshet.tasks.runs.local_server import use_local_server

    with suppress(FreshetError):  # the command itself says what is wrong with the settings
        use_local_server(load_project(_config(sys.argv[1:])))
    run_command()


def _config(words: list[str]) -> Path | None:
    """The settings file that the command line names."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        name, _, value = word.partition("=")
        if name == "--config":
            return Path(value or following)
    return None


if __name__ == "__main__":
    main()
