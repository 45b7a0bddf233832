"""`freshet access …`: who may see what, and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from cyclopts import App, Parameter

from freshet.flows.command.answering import DONE, Config, Json, print_answer
from freshet.flows.command.texts import access as printing
from freshet.tasks.errors import SettingsError
from freshet.tasks.runs.run import store_of
from freshet.tasks.settings.file import corpus_settings, load_project

app = App(name="access", help="Say who may see what, and why.")


@app.command(name="list")
def list_(corpus: str, /, *, config: Config = None, as_json: Json = False) -> int:
    """List the access classes of CORPUS: whom each lets in, and how many documents are in it.

    An owner's view: it shows what the access lists keep from others. An owner is whoever can read the store's files.
    """
    from freshet.tasks.search.access import list_access

    project = load_project(config)
    corpus_settings(project, corpus)
    rows = list_access(store_of(project), corpus)
    print_answer({"corpus": corpus, "classes": rows}, as_json, printing.classes_text(corpus, rows))
    return DONE


@app.command
def explain(
    principal: str,
    document: str,
    /,
    *,
    corpus: Annotated[str | None, Parameter(help="The corpus to look in; by default, all.")] = None,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Say why PRINCIPAL may see DOCUMENT, or may not: roster, class, rule, ledger and release.

    DOCUMENT is a path, a URI or an id.

    An owner's view: it shows what the access lists keep from others. An owner is whoever can read the store's files.
    """
    from freshet.tasks.governance.roster import load_roster
    from freshet.tasks.search.access import explain_access

    project = load_project(config)
    if corpus is not None:
        corpus_settings(project, corpus)
    if not project.settings.corpora:
        raise SettingsError(f"{project.file.name} has no corpora", "Add one under corpora:.")
    corpora = [corpus] if corpus is not None else list(project.settings.corpora)
    found = explain_access(store_of(project), corpora, principal, document, load_roster(project), datetime.now(UTC))
    print_answer(found, as_json, printing.explained_text(found))
    return DONE
