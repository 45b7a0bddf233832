"""The beginning of a refresh: everything that shapes it is settled before anything is started."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from freshet.tasks.embedding.models import ModelFiles, resolve_model
from freshet.tasks.errors import FreshetError
from freshet.tasks.ledger.releases import find_standing
from freshet.tasks.runs.run import RefreshRun, store_of
from freshet.tasks.settings.embedding import Context
from freshet.tasks.settings.file import Project, corpus_settings, load_project
from freshet.tasks.settings.spans import moment_of


def context_in_force(project: Project, corpus: str, model: ModelFiles) -> Context:
    """What is embedded beside passages of a corpus: as the settings say, else as its release has it, else titles.

    Args:
        model: the one in force, without context.
    """
    said = project.settings.embedding.context
    if said is not None:
        return said
    try:
        standing = find_standing(store_of(project), corpus)
    except FreshetError:
        # What is wrong with the store is told by the step that needs it.
        return "title"
    return "none" if standing is not None and standing.offered.space == model.space else "title"


def begin_run(config: Path | None, corpus: str, as_of: datetime | None, run_id: str, name: str) -> RefreshRun:
    """Reads the settings and settles everything that shapes the refresh, before anything is started.

    Raises:
        SettingsError: the settings are wrong, or have no such corpus.
    """
    from freshet.tasks.documents.chunking.chunk import chunking_fingerprint
    from freshet.tasks.embedding.tokens import tokenizer_fingerprint
    from freshet.tasks.rules.rulebook import rules_fingerprint

    project = load_project(config)
    chosen = corpus_settings(project, corpus)
    model = resolve_model(project.settings.embedding, project.root)
    model = model.with_context(context_in_force(project, corpus, model))
    cut = chunking_fingerprint(chosen.chunking, tokenizer_fingerprint(model.folder))[:16]
    return RefreshRun(
        project=project,
        corpus=corpus,
        run_id=run_id,
        name=name,
        as_of=moment_of(as_of),
        model=model,
        chunking=f"{cut}-{rules_fingerprint(chosen)}",
    )
