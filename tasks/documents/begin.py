"""The beginning of a refresh: everything that shapes it is settled before anything is started."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from freshet.tasks.embedding.models import resolve_model
from freshet.tasks.runs.run import RefreshRun
from freshet.tasks.settings.file import corpus_settings, load_project
from freshet.tasks.settings.spans import moment_of


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
