"""`freshet ask`: answers from what may be seen, each sentence checked before it is shown."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter, validators

from freshet.flows.command.answering import DONE, FAILED, Config, Json, asker_now, complain, print_answer
from freshet.flows.command.texts import answers as printing
from freshet.tasks.errors import SettingsError
from freshet.tasks.runs.run import store_of
from freshet.tasks.settings.addresses import in_lines
from freshet.tasks.settings.file import Project, corpus_settings, load_project


def ask(
    question: str | None = None,
    /,
    *,
    corpus: Annotated[str | None, Parameter(help="Which corpus.")] = None,
    as_: Annotated[
        list[str] | None, Parameter(name="--as", negative="", help="Who asks: user:NAME, group:NAME.")
    ] = None,
    model: Annotated[
        str | None, Parameter(help="extractive, bundled, a GGUF file, or the name of the endpoint's model.")
    ] = None,
    release: Annotated[
        int | None, Parameter(validator=validators.Number(gte=1), help="Ask an earlier release.")
    ] = None,
    explain: Annotated[bool, Parameter(negative="", help="Show passages, scores and findings.")] = False,
    exam: Annotated[str | None, Parameter(help="Ask the golden questions of this corpus instead.")] = None,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Answer QUESTION from a corpus, of what may be seen, in sentences that were checked against what they cite.

    Without --as, only from what everyone may see. A refusal has a reason, and the exit code 0.
    """
    project = load_project(config)
    if exam is not None:
        if question is not None or as_ or corpus not in (None, exam) or explain:
            raise SettingsError(
                "--exam asks the golden questions, each as the golden file says, and nothing else",
                f"Type: freshet ask --exam {exam}",
            )
        return _sit_exam(project, exam, model, release, as_json)
    if question is None or corpus is None:
        raise SettingsError(
            f"there is no {'question' if question is None else '--corpus'}",
            f'Type: freshet ask "How long is parental leave?" --corpus {corpus or "CORPUS"}',
        )
    corpus_settings(project, corpus)
    from freshet.tasks.answers.ask import ask as answer
    from freshet.tasks.answers.ask import writer_of
    from freshet.tasks.ledger.query_log import QueryLog

    log, numbered = QueryLog.of(project), printing.Numbered()
    found = answer(
        project,
        store_of(project),
        corpus,
        question,
        asker=asker_now(project, as_ or []),
        asked_as=as_ or [],
        writer=writer_of(project, model),
        log=log,
        now=datetime.now(UTC),
        release=release,
        let_go=(lambda _: None) if as_json else lambda sentence: _show(numbered.sentence_text(sentence)),
    )
    if found.draft.detail:
        complain(f"note: {found.draft.detail}")
    if log.trouble:
        complain(f"note: {log.trouble}")
    if as_json:
        print_answer(found.as_dict() if explain else found.answer.as_dict(), True, "")
    else:
        _show(numbered.sources_text() + printing.outcome_text(found.answer))
        _show(printing.explained_text(found) if explain else "")
    return DONE


def _show(text: str) -> None:
    """Shows a part of an answer at once."""
    sys.stdout.write(in_lines(text))
    sys.stdout.flush()


def _sit_exam(project: Project, corpus: str, model: str | None, release: int | None, as_json: bool) -> int:
    from freshet.tasks.answers.ask import writer_of
    from freshet.tasks.index.gate.answers import examine_release

    corpus_settings(project, corpus)
    writer = writer_of(project, model)
    number, exam = examine_release(
        project, store_of(project), corpus, release=release, writer=writer, now=datetime.now(UTC)
    )
    found = {"corpus": corpus, "release": number, "model": writer.name, **exam.as_dict()}
    print_answer(found, as_json, printing.exam_text(found))
    return FAILED if exam.shown else DONE
