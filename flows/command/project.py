"""Commands about the whole project: how things stand, its settings and rules, and where something came from."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter

from freshet.flows.command.answering import DONE, FAILED, Config, Json, print_answer
from freshet.flows.command.texts.corpora import check_text
from freshet.flows.command.texts.rules import rules_text
from freshet.tasks.errors import SettingsError
from freshet.tasks.runs.run import store_of
from freshet.tasks.settings.file import (
    corpus_settings,
    dataset_settings,
    find_notes,
    find_problems,
    json_schema,
    load_project,
)


def status(*, config: Config = None, as_json: Json = False) -> int:
    """Show each corpus and dataset: what is live, its age and size, what waits for a person, its last and next run."""
    from freshet.tasks.reports.status import status_text
    from freshet.tasks.status.project import project_status

    project = load_project(config)
    found = project_status(project, store_of(project), datetime.now(UTC))
    print_answer(found, as_json, status_text(found))
    return DONE


def rules(
    *, corpus: str | None = None, dataset: str | None = None, config: Config = None, as_json: Json = False
) -> int:
    """List every rule with its reason and what to do; with --corpus or --dataset, as that has tuned them."""
    from freshet.tasks.rules.rulebook import rule_rows

    if corpus is not None and dataset is not None:
        raise SettingsError("--corpus and --dataset were both given", "Ask for one of them.")
    if corpus is not None:
        rows = rule_rows(corpus_settings(load_project(config), corpus))
    else:
        rows = rule_rows(dataset_settings(load_project(config), dataset) if dataset is not None else None)
    print_answer({"rules": rows}, as_json, rules_text(rows))
    return DONE


def trace(
    thing: str,
    /,
    *,
    corpus: Annotated[str | None, Parameter(help="Look in this corpus only.")] = None,
    dataset: Annotated[str | None, Parameter(help="Look in this dataset only.")] = None,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Trace THING back to its source bytes, or forward to all that holds something of it.

    Back: an example's id or digest, a chunk's id, DATASET@VERSION, DATASET@VERSION:SPLIT:LINE. Forward: the path or
    URI of a source document or of a file of rows.

    An owner's view: it shows what the access lists keep from others. An owner is whoever can read the store's files.
    """
    from freshet.flows.command.texts.trace import trace_text
    from freshet.tasks.lineage.trace import trace as find

    found = find(store_of(load_project(config)), thing, corpus, dataset)
    print_answer(found, as_json, trace_text(found))
    return DONE


def check(*, config: Config = None, as_json: Json = False) -> int:
    """Check freshet.yaml, offline: every problem at once."""
    from freshet.tasks.settings.file import find_file

    file = find_file(config)
    problems, notes = find_problems(file), find_notes(file)
    found = {"file": str(file), "problems": [asdict(p) for p in problems], "notes": [asdict(n) for n in notes]}
    print_answer(found, as_json, check_text(file, problems, notes))
    return FAILED if problems else DONE


def schema() -> int:
    """Print the JSON Schema of freshet.yaml, for editors."""
    print_answer(json_schema(), True, "")
    return DONE
