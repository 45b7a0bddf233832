"""`freshet golden …`: drafts golden questions, checks them against the corpus, and adds them to its file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter, validators

from freshet.flows.command.answering import DONE, FAILED, Config, Json, complain, print_answer
from freshet.flows.command.texts import golden as printing
from freshet.tasks.errors import SettingsError
from freshet.tasks.runs.run import store_of
from freshet.tasks.settings.file import Project, corpus_settings, load_project

app = App(name="golden", help="Draft golden questions, check them against the corpus, and add them to its file.")


@app.command
def propose(
    corpus: str | None = None,
    /,
    *,
    count: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=500), help="Drafts at most.")] = 30,
    from_: Annotated[
        Literal["corpus", "questions", "both"],
        Parameter(name="--from", help="The documents, the questions that people asked, or both."),
    ] = "both",
    to: Annotated[Path | None, Parameter(help="A new file to write them to; by default, standard output.")] = None,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Draft golden questions that CORPUS answers, for a person to review. No language model is asked.

    Without CORPUS, of the only one that there is.

    An owner's view: it shows what the access lists keep from others. An owner is whoever can read the store's files.
    """
    from freshet.tasks.golden import propose as proposing
    from freshet.tasks.golden.writing import drafts_text, write_new
    from freshet.tasks.governance.roster import load_roster
    from freshet.tasks.settings.golden import load_golden

    project = load_project(config)
    corpus = _corpus(project, corpus)
    settings = corpus_settings(project, corpus)
    golden = [] if settings.golden is None else load_golden(Path(project.resolve(settings.golden)))
    found = proposing.propose(
        store_of(project), corpus, settings, golden,
        count=count, origin=from_, roster=load_roster(project), now=datetime.now(UTC),
    )  # fmt: skip
    for note in found.notes:
        complain(f"note: {note}")
    text = drafts_text(corpus, found.drafts)
    if to is not None and found.drafts:
        write_new(to, text)
        complain(f"{len(found.drafts)} drafts are in {to}; once reviewed: freshet golden add {to} --corpus {corpus}")
    if as_json or (to is None and found.drafts):
        print_answer(printing.drafts_facts(corpus, found, to), as_json, text)
    return DONE


@app.command
def check(corpus: str | None = None, /, *, config: Config = None, as_json: Json = False) -> int:
    """Check that the answers to the golden questions of CORPUS are still there, and say where. No model is asked.

    Without CORPUS, of the only one that there is. The exit code is 1 where something is to be mended.

    An owner's view: it shows what the access lists keep from others. An owner is whoever can read the store's files.
    """
    from freshet.tasks.golden.add import golden_file
    from freshet.tasks.golden.check import check_golden
    from freshet.tasks.governance.roster import load_roster
    from freshet.tasks.settings.golden import load_golden

    project = load_project(config)
    corpus = _corpus(project, corpus)
    golden = load_golden(golden_file(project, corpus))
    found = check_golden(store_of(project), corpus, golden, load_roster(project), datetime.now(UTC))
    named = str(corpus_settings(project, corpus).golden)
    print_answer({"golden": named, **found.as_dict()}, as_json, printing.checked_text(found, named))
    return FAILED if found.problems else DONE


@app.command
def add(
    file: Path | None = None,
    /,
    *,
    question: Annotated[str | None, Parameter(help="The question, in place of FILE.")] = None,
    document: Annotated[
        list[str] | None, Parameter(negative="", help="A document that answers it: a path or URI. May be repeated.")
    ] = None,
    contains: Annotated[str | None, Parameter(help="A text of the passage that answers.")] = None,
    as_: Annotated[
        list[str] | None, Parameter(name="--as", negative="", help="Who asks: user:NAME, group:NAME.")
    ] = None,
    corpus: Annotated[str | None, Parameter(help="Which corpus; by default, the only one.")] = None,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Add the reviewed questions of FILE, or one QUESTION, to the golden file of a corpus: all or none.

    Each is checked first, as `freshet golden check` does. What stands in the file stays as it is.
    """
    from freshet.tasks.golden.add import add_questions, asked_by_hand, golden_file, reviewed
    from freshet.tasks.governance.roster import load_roster

    if (file is None) is (question is None):
        what = "a FILE and a --question were both given" if file else "there is neither a FILE nor a --question"
        raise SettingsError(
            what, 'Type: freshet golden add FILE, or: freshet golden add --question "…" --document PATH'
        )
    if file is not None and (document or contains is not None or as_):
        raise SettingsError("--document, --contains and --as go with --question", "FILE says them of each question.")
    if question is not None and not document:
        raise SettingsError("--question has no --document", "Name the document that answers: --document PATH")
    project = load_project(config)
    corpus = _corpus(project, corpus)
    golden = golden_file(project, corpus)
    new = reviewed(file) if file is not None else [asked_by_hand(question or "", document or [], contains, as_ or [])]
    added = add_questions(store_of(project), corpus, golden, new, load_roster(project), datetime.now(UTC))
    named = str(corpus_settings(project, corpus).golden)
    facts = {"corpus": corpus, "golden": named, "added": added.ids, "questions": added.questions}
    print_answer(facts, as_json, printing.added_text(added, named))
    return DONE


def _corpus(project: Project, named: str | None) -> str:
    """The corpus that is meant: the one named, or the only one.

    Raises:
        SettingsError: there is no such corpus, or several and none is named.
    """
    corpora: Sequence[str] = list(project.settings.corpora)
    if named is not None:
        corpus_settings(project, named)
        return named
    if len(corpora) == 1:
        return corpora[0]
    has = f"has the corpora {', '.join(corpora)}" if corpora else "has no corpora"
    raise SettingsError(f"{project.file.name} {has}, and none is named", "Name the corpus that you mean.")
