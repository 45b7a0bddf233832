"""The `freshet` command: a thin face over the flows and the queries.

With --json, standard output holds the JSON alone; everything else goes to standard error.
"""

from __future__ import annotations

import os
import sys

from cyclopts import App

from freshet.flows.command import (
    access,
    asking,
    backfill,
    corpora,
    datasets,
    golden,
    mcp_stdio,
    model,
    project,
    searching,
    serve,
    store,
    token,
)
from freshet.flows.command.answering import DONE, FAILED, complain, config_of
from freshet.tasks.errors import FreshetError, RunCancelled, ServerGone, SettingsError
from freshet.tasks.runs.ends import EXIT_CODES
from freshet.tasks.settings.file import load_project
from freshet.tasks.store.trouble import mendable


def _version() -> str:
    from importlib.metadata import version

    return version("freshet")


app = App(
    name="freshet",
    help="Keeps what a language model is given fresh and governed.",
    version=_version,
    result_action="return_value",
    suppress_keyboard_interrupt=False,  # main says what to do next
)
app.command(datasets.app)
app.command(access.app)
app.command(golden.app)
app.command(model.app)
app.command(token.app)
app.command(backfill.backfill)
app.command(store.maintain, validator=store.says_what)
app.command(store.doctor)
app.command(mcp_stdio.mcp)
app.command(corpora.quarantine, validator=corpora.has_what_it_needs)
for command in (
    corpora.refresh, searching.search, asking.ask, corpora.releases, corpora.gate, corpora.rollback, corpora.document,
    project.status, serve.serve, project.rules, project.trace, project.check, project.schema,
):  # fmt: skip
    app.command(command)


def main() -> None:
    """Runs the command. What a person can mend is told without a traceback; a bug keeps its own."""
    try:
        code = app()
    except KeyboardInterrupt:
        complain("freshet: stopped; run the same command again to go on")
        sys.exit(EXIT_CODES["cancelled"])
    except BaseException as error:
        if (told := _explain(error)) is None:
            raise
        complain(f"freshet: {told}")
        if isinstance(told, ServerGone):
            # Prefect would try for minutes to hand its events over, each in turn.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(FAILED)
        sys.exit(EXIT_CODES["cancelled"] if isinstance(told, RunCancelled) else FAILED)
    sys.exit(code if isinstance(code, int) else DONE)


def _explain(error: BaseException) -> FreshetError | None:
    """The error as a person is told of it, with the table whose damage is behind it; None for a bug."""
    told = mendable(error)
    if told is not None and error.__cause__ is None:
        return told
    from freshet.tasks.doctor.diagnosis import explain

    try:
        return explain(error, load_project(config_of(sys.argv)))
    except SettingsError:
        return told


if __name__ == "__main__":
    main()
