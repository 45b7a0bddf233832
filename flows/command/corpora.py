"""The `freshet` command: a thin face over the flows and the queries.

With --json, standard output holds the JSON alone; everything else goes to standard error.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter, validators

from freshet.flows.command import backfill as backfill_command
from freshet.flows.command import datasets as dataset_commands
from freshet.flows.command import store as store_commands
from freshet.flows.command.answering import DONE, FAILED, WITHHELD, Config, Json, login_name, print_answer, store_of
from freshet.flows.command.texts import corpora as printing
from freshet.flows.command.texts.rules import rules_text
from freshet.tasks.errors import FreshetError, ServerGone, SettingsError
from freshet.tasks.settings.file import (
    corpus_settings,
    dataset_settings,
    find_notes,
    find_problems,
    json_schema,
    load_project,
)
from freshet.tasks.store.bucket import unreachable

Count = validators.Number(gte=0)


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
app.command(dataset_commands.app)
app.command(backfill_command.backfill)
app.command(store_commands.maintain, validator=store_commands.says_what)
app.command(store_commands.doctor)


@app.command
def refresh(
    corpus: str,
    /,
    *,
    config: Config = None,
    full: Annotated[bool, Parameter(negative="", help="Read and hash every document, reconcile, compact.")] = False,
    as_of: Annotated[datetime | None, Parameter(help="The moment to speak for; by default, now.")] = None,
    allow_withdrawals: Annotated[int, Parameter(validator=Count, help="Approve so many withdrawals at most.")] = 0,
    wait: Annotated[float, Parameter(validator=Count, help="Seconds to wait for another refresh of CORPUS.")] = 600.0,
    as_json: Json = False,
) -> int:
    """Refresh CORPUS, and move its readers to the new release if the gate passes."""
    project = load_project(config)
    corpus_settings(project, corpus)  # nothing is started for a corpus that does not exist
    # Prefect's temporary server may take longer than the 20 seconds that Prefect gives it on a busy machine.
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "180")
    from freshet.flows.command.by_hand import run_refresh

    report = run_refresh(
        corpus, config=project.file, full=full, as_of=as_of, allow_withdrawals=allow_withdrawals, wait=wait
    )
    print_answer(report, as_json, printing.refresh_text(report))
    if report.get("error"):
        print(report["error"], file=sys.stderr)  # noqa: T201
    if report["outcome"] not in ("released", "unchanged"):
        return FAILED
    return WITHHELD if report["documents"]["withheld"] else DONE


@app.command
def search(
    question: str,
    /,
    *,
    corpus: str,
    as_: Annotated[
        list[str] | None, Parameter(name="--as", negative="", help="Who asks: user:NAME, group:NAME.")
    ] = None,
    mode: Literal["hybrid", "vector", "text"] = "hybrid",
    limit: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=1000))] = 5,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Answer QUESTION with cited passages of the live release, of those that may be seen.

    Without --as, only what everyone may see.
    """
    from freshet.tasks.governance.policy import principals_of
    from freshet.tasks.rules.rulebook import tuned_rules
    from freshet.tasks.search.retrieve import query_embedder
    from freshet.tasks.search.retrieve import search as find

    project = load_project(config)
    settings = corpus_settings(project, corpus)
    answer = find(
        store_of(project),
        corpus,
        question,
        principals=principals_of(as_ or []),
        mode=mode,
        limit=limit,
        now=datetime.now(UTC),
        embed_query=query_embedder(project),
        rules=tuned_rules(settings),
    )
    print_answer(answer.as_dict(), as_json, printing.answer_text(answer))
    return DONE


@app.command
def releases(corpus: str, /, *, config: Config = None, as_json: Json = False) -> int:
    """List every decision on CORPUS, newest first; readers see the newest published one."""
    from freshet.tasks.ledger.releases import list_releases, live_release

    project = load_project(config)
    corpus_settings(project, corpus)
    found = list_releases(store_of(project), corpus)
    live = live_release(found)
    rows = [{**asdict(r), "exam": json.loads(r.exam) if r.exam else None, "live": r == live} for r in found]
    print_answer({"corpus": corpus, "releases": rows}, as_json, printing.releases_text(rows))
    return DONE


@app.command
def gate(
    corpus: str,
    /,
    *,
    override: Annotated[bool, Parameter(negative="", help="Publish what the gate rejected, all the same.")] = False,
    reason: Annotated[str | None, Parameter(help="Why, for the record; --override needs it.")] = None,
    who: Annotated[str | None, Parameter(help="Who says so; by default, the login name.")] = None,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Explain the gate's last decision on CORPUS: why, and how its exam went."""
    from freshet.tasks.index.gate.explain import explain_decision
    from freshet.tasks.index.release import publish_rejected

    project = load_project(config)
    corpus_settings(project, corpus)
    if override:
        publish_rejected(store_of(project), corpus, who=who or login_name(), why=reason or "", now=datetime.now(UTC))
    elif reason or who:
        raise SettingsError(
            "--reason and --who go with --override", f"Type: freshet gate {corpus} --override --reason TEXT"
        )
    found = explain_decision(store_of(project), corpus)
    print_answer(found, as_json, printing.gate_text(found))
    return DONE


@app.command
def rollback(corpus: str, release: int, /, *, config: Config = None, as_json: Json = False) -> int:
    """Publish an earlier RELEASE of CORPUS again. What who may see stays as it is now."""
    from freshet.tasks.index.release import roll_back

    project = load_project(config)
    corpus_settings(project, corpus)
    made = roll_back(store_of(project), corpus, release, now=datetime.now(UTC))
    text = f"Readers of {corpus} see release {made.release}: what release {made.rollback_of} held.\n"
    print_answer(asdict(made), as_json, text)
    return DONE


@app.command
def status(*, config: Config = None, as_json: Json = False) -> int:
    """Show each corpus and dataset: what is live, its age and size, what waits for a person, its last and next run."""
    from freshet.tasks.reports.status import status_text
    from freshet.tasks.status.project import project_status

    project = load_project(config)
    found = project_status(project, store_of(project), datetime.now(UTC))
    print_answer(found, as_json, status_text(found))
    return DONE


@app.command
def document(corpus: str, path: str, /, *, config: Config = None, as_json: Json = False) -> int:
    """Show what CORPUS holds of the document at PATH: its ledger row, verdicts and chunks."""
    from freshet.tasks.index.document import describe_document

    project = load_project(config)
    corpus_settings(project, corpus)
    found = describe_document(store_of(project), corpus, path, datetime.now(UTC))
    print_answer(found, as_json, printing.document_text(found))
    return DONE


def _has_what_it_needs(action: str = "list", path: str | None = None, why: str | None = None, **_: Any) -> None:
    if (path is None) is not (action == "list"):
        raise ValueError(f"quarantine CORPUS {action} takes {'no' if path else 'a'} PATH")
    if (why is None) is (action == "accept"):
        raise ValueError(f"quarantine CORPUS {action} takes {'no' if why else 'a'} --why TEXT")


@app.command(validator=_has_what_it_needs)
def quarantine(
    corpus: str,
    action: Literal["list", "show", "accept", "retry"] = "list",
    path: str | None = None,
    /,
    *,
    why: Annotated[str | None, Parameter(help="Why it is accepted.")] = None,
    who: Annotated[str | None, Parameter(help="Who decides; by default, the login name.")] = None,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """List the documents of CORPUS that were refused, and why; show, accept or retry the one at PATH."""
    from freshet.tasks.governance.quarantine import quarantined_documents
    from freshet.tasks.ledger import decisions

    project = load_project(config)
    corpus_settings(project, corpus)
    store = store_of(project)
    if (path is None) != (action == "list"):
        raise SettingsError(
            f"freshet quarantine {corpus} {action} takes {'no' if path else 'a'} PATH",
            f"Type: freshet quarantine {corpus} [show PATH | accept PATH --why TEXT | retry PATH]",
        )
    if path is None:
        rows = quarantined_documents(store.corpus(corpus))
        print_answer({"corpus": corpus, "documents": rows}, as_json, printing.quarantine_text(rows))
        return DONE
    if action == "show":
        row = decisions.find_refused(store, corpus, path)
        made = [asdict(one) for one in decisions.list_decisions(store, corpus, doc_id=row["doc_id"])]
        found = {"corpus": corpus, "document": row, "decisions": made}
        print_answer(found, as_json, printing.refused_text(row, made))
        return DONE
    by, now = who if who is not None else login_name(), datetime.now(UTC)
    if action == "accept":
        decided = decisions.accept(store, corpus, path, who=by, why=why or "", now=now)
    else:
        decided = decisions.retry(store, corpus, path, who=by, now=now)
    print_answer(asdict(decided), as_json, printing.decided_text(decided))
    return DONE


@app.command
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


@app.command
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
    """
    from freshet.flows.command.texts.trace import trace_text
    from freshet.tasks.lineage.trace import trace as find

    found = find(store_of(load_project(config)), thing, corpus, dataset)
    print_answer(found, as_json, trace_text(found))
    return DONE


@app.command
def check(*, config: Config = None, as_json: Json = False) -> int:
    """Check freshet.yaml, offline: every problem at once."""
    from freshet.tasks.settings.file import find_file

    file = find_file(config)
    problems, notes = find_problems(file), find_notes(file)
    found = {"file": str(file), "problems": [asdict(p) for p in problems], "notes": [asdict(n) for n in notes]}
    print_answer(found, as_json, printing.check_text(file, problems, notes))
    return FAILED if problems else DONE


@app.command
def schema() -> int:
    """Print the JSON Schema of freshet.yaml, for editors."""
    print_answer(json_schema(), True, "")
    return DONE


def main() -> None:
    """Runs the command. What a person can mend is told without a traceback; a bug keeps its own."""
    try:
        code = app()
    except FreshetError as error:
        print(f"freshet: {error}", file=sys.stderr)  # noqa: T201
        if isinstance(error, ServerGone):
            # Prefect would try for minutes to hand its events over, each in turn.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(FAILED)
        sys.exit(FAILED)
    except Exception as error:
        # A bucket may stop answering at any moment of a command.
        if (told := unreachable(error)) is not None:
            print(f"freshet: {told}", file=sys.stderr)  # noqa: T201
            sys.exit(FAILED)
        if not isinstance(error, OSError) or error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        why = f"{os.strerror(error.errno)}; nothing was published"
        print(f"freshet: {why}. Make room and run it again", file=sys.stderr)  # noqa: T201
        sys.exit(FAILED)
    except KeyboardInterrupt:
        print("freshet: stopped; run the same command again to go on", file=sys.stderr)  # noqa: T201
        sys.exit(130)
    sys.exit(code if isinstance(code, int) else DONE)
