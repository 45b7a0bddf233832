"""Commands about one corpus: refresh it, ask it, and decide about its releases and refused documents."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from cyclopts import Parameter, validators

from freshet.flows.command.answering import DONE, Config, Json, complain, login_name, print_answer
from freshet.flows.command.texts import corpora as printing
from freshet.tasks.errors import SettingsError
from freshet.tasks.runs.ends import exit_code
from freshet.tasks.runs.run import store_of
from freshet.tasks.settings.file import corpus_settings, load_project

Count = validators.Number(gte=0)


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
        complain(report["error"])
    return exit_code(report)


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
    """Explain the gate's last decision on CORPUS: why, and how its exam went.

    An owner's view: it shows what the access lists keep from others. An owner is whoever can read the store's files.
    """
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


def rollback(corpus: str, release: int, /, *, config: Config = None, as_json: Json = False) -> int:
    """Publish an earlier RELEASE of CORPUS again. What who may see stays as it is now."""
    from freshet.tasks.index.release import roll_back

    project = load_project(config)
    corpus_settings(project, corpus)
    made = roll_back(store_of(project), corpus, release, now=datetime.now(UTC))
    text = f"Readers of {corpus} see release {made.release}: what release {made.rollback_of} held.\n"
    print_answer(asdict(made), as_json, text)
    return DONE


def document(
    corpus: str,
    path: str,
    /,
    *,
    text: Annotated[bool, Parameter(negative="", help="Show the text that was read of it.")] = False,
    missing: Annotated[bool, Parameter(negative="", help="Show which words of its file were not read.")] = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Show what CORPUS holds of the document at PATH: its ledger row, verdicts and chunks.

    An owner's view: it shows what the access lists keep from others. An owner is whoever can read the store's files.
    """
    from freshet.tasks.index.document import describe_document, what_was_read

    project = load_project(config)
    corpus_settings(project, corpus)
    if text and missing:
        raise SettingsError("--text and --missing do not go together", f"Type: freshet document {corpus} {path} --text")
    if text or missing:
        read = what_was_read(store_of(project), corpus, path)
        kept = ("path", "text") if text else ("path", "coverage", "left_out")
        shown = {name: read[name] for name in kept}
        print_answer(shown, as_json, f"{read['text']}\n" if text else printing.missing_text(read))
        return DONE
    found = describe_document(store_of(project), corpus, path, datetime.now(UTC))
    print_answer(found, as_json, printing.document_text(found))
    return DONE


def has_what_it_needs(action: str = "list", path: str | None = None, why: str | None = None, **_: Any) -> None:
    """Validates that `quarantine` was given a path and a reason just where its action takes them."""
    if (path is None) is not (action == "list"):
        raise ValueError(f"quarantine CORPUS {action} takes {'no' if path else 'a'} PATH")
    if (why is None) is (action == "accept"):
        raise ValueError(f"quarantine CORPUS {action} takes {'no' if why else 'a'} --why TEXT")


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
    """List the documents of CORPUS that were refused, and why; show, accept or retry the one at PATH.

    An owner's view: it shows what the access lists keep from others. An owner is whoever can read the store's files.
    """
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
