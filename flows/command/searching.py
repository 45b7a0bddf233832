"""`freshet search`: cited passages of what may be seen."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from typing import Annotated, Literal

from cyclopts import Parameter, validators

from freshet.flows.command.answering import DONE, Config, Json, asker_now, complain, print_answer
from freshet.flows.command.texts.passages import answer_text
from freshet.tasks.runs.run import store_of
from freshet.tasks.search.wanted import MOST_AROUND, MOST_PER_DOCUMENT, Kind, wanted_of
from freshet.tasks.settings.file import corpus_settings, load_project


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
    path: Annotated[
        list[str] | None, Parameter(negative="", help="Documents whose path a glob takes, as in .gitignore.")
    ] = None,
    source: Annotated[list[str] | None, Parameter(negative="", help="Documents of this source.")] = None,
    kind: Annotated[
        list[Kind] | None, Parameter(negative="", help="Passages that hold a part of such an element.")
    ] = None,
    modified_after: Annotated[datetime | None, Parameter(help="Documents modified then or later.")] = None,
    modified_before: Annotated[datetime | None, Parameter(help="Documents modified earlier.")] = None,
    title: Annotated[str | None, Parameter(help="Documents whose title contains this.")] = None,
    per_document: Annotated[
        int | None,
        Parameter(validator=validators.Number(gte=1, lte=MOST_PER_DOCUMENT), help="So many hits a document at most."),
    ] = None,
    around: Annotated[
        int,
        Parameter(
            validator=validators.Number(gte=0, lte=MOST_AROUND), help="Show so many passages before and after a hit."
        ),
    ] = 0,
    explain: Annotated[bool, Parameter(negative="", help="Show scores, and which words matched.")] = False,
    why_not: Annotated[
        str | None, Parameter(help="Say why this document, a path, URI or id, is not among the hits.")
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Answer QUESTION with cited passages of the live release, of those that may be seen.

    Without --as, only what everyone may see.
    """
    from freshet.tasks.rules.rulebook import tuned_rules
    from freshet.tasks.search.ordering import ordering_of
    from freshet.tasks.search.retrieve import query_embedder
    from freshet.tasks.search.retrieve import search as find

    wanted = wanted_of(
        path=path or [], source=source or [], kind=kind or [], modified_after=modified_after,
        modified_before=modified_before, title=title, per_document=per_document, around=around, explain=explain,
        why_not=why_not,
    )  # fmt: skip
    project = load_project(config)
    settings = corpus_settings(project, corpus)
    answer = find(
        store_of(project),
        corpus,
        question,
        asker=asker_now(project, as_ or []),
        mode=mode,
        limit=limit,
        now=datetime.now(UTC),
        embed_query=query_embedder(project),
        rules=tuned_rules(settings),
        wanted=wanted,
        ordering=ordering_of(project),
    )
    for notice in answer.notices:
        complain(f"note: {notice.text}{f' ({notice.detail})' if notice.detail else ''}")
    if as_json:
        print_answer(answer.as_dict(), True, "")
    else:
        # The text is safe to print: what a document says is escaped, and the marks are put around its words after that.
        sys.stdout.write(answer_text(answer, question if _marks() else None))
    return DONE


def _marks() -> bool:
    """Whether words may be marked: standard output is a terminal that knows how, and nobody has said no."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
