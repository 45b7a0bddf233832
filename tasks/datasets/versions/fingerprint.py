"""What a build depends on, known before a row is read: if it is what the last build had, there is nothing to build."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from freshet.tasks.datasets.assembly.digest import SERIALISATION, settings_of
from freshet.tasks.ledger.access_classes import in_force, list_classes
from freshet.tasks.ledger.releases import find_standing, release_at
from freshet.tasks.ledger.row_decisions import newest_row_decisions
from freshet.tasks.store import schemas

if TYPE_CHECKING:
    from freshet.tasks.datasets.inputs.opening import InputFile
    from freshet.tasks.runs.run import BuildRun

METHOD = 2
"""The way in which rows are read, checked and split. It goes up when a step judges otherwise than before, so that
datasets are built anew.
"""

_JUDGES = (
    "cleanlab", "detect-secrets", "numpy", "phonenumbers", "pyarrow", "python-stdnum", "scikit-learn", "tokenizers",
    "torch",
)  # fmt: skip
"""Libraries whose new versions may judge or write otherwise, so that a new version means a new build."""


def build_fingerprint(run: BuildRun, files: Sequence[InputFile], benchmarks: Sequence[InputFile]) -> str:
    """Returns 64 hexadecimal digits over all that shapes a build, but for the moment that the build speaks for.

    Args:
        files: the listed files of the inputs, with the versions of their content.
        benchmarks: the listed files of the benchmarks, with the versions of their content.
    """
    from importlib.metadata import version

    shaping: dict[str, Any] = {
        "method": [METHOD, SERIALISATION],
        "settings": settings_of(run.settings),
        "files": [(one.input, one.uri, one.version) for one in files],
        "benchmarks": [(one.uri, one.version) for one in benchmarks],
        "corpora": [
            (name, _ledger_version(run, name), _access(run, name), _sources(run, name)) for name in corpora_of(run)
        ],
        "decisions": sorted(
            (one.digest, one.kind, one.codes) for one in newest_row_decisions(run.store, run.dataset).values()
        ),
        "tokenizer": _tokenizer(run),
        "model": _model(run),
        "judges": [version(name) for name in _JUDGES],
    }
    return sha256(json.dumps(shaping, sort_keys=True).encode()).hexdigest()


def corpora_of(run: BuildRun) -> list[str]:
    """Returns the names of the corpora that rows of the dataset may derive from, sorted."""
    return sorted({one.corpus for one in run.settings.inputs if one.corpus is not None})


def _ledger_version(run: BuildRun, corpus: str) -> int | list[int] | None:
    """Returns the version of a corpus's document ledger; a backdated build adds that of the release at its moment.

    A refresh that changes a document, or what the document may be used for, commits to the ledger.
    """
    table = run.store.corpus(corpus).find(schemas.DOCUMENTS)
    if table is None or run.past is None:
        return None if table is None else int(table.version)
    release = release_at(run.store, corpus, run.past)
    return [int(table.version), 0 if release is None else release.ledger_version]


def _access(run: BuildRun, corpus: str) -> dict[str, str]:
    """Returns what each access class of a corpus means now. No document changes where that does."""
    standing = find_standing(run.store, corpus)
    expressions = in_force(list_classes(run.store, corpus), standing.published if standing else 0)
    return {access: expression.text for access, expression in expressions.items()}


def _sources(run: BuildRun, corpus: str) -> list[dict[str, Any]]:
    """Returns the settings of a corpus's sources.

    What the settings permit counts at once, whether or not the corpus was refreshed since they changed.
    """
    known = run.project.settings.corpora.get(corpus)
    return [] if known is None else [one.model_dump(mode="json") for one in known.sources]


def _tokenizer(run: BuildRun) -> str:
    from freshet.tasks.datasets.checks.length import tokenizer_folder
    from freshet.tasks.embedding.tokens import tokenizer_fingerprint

    return tokenizer_fingerprint(tokenizer_folder(run.settings.checks.tokens, run.project.root))


def _model(run: BuildRun) -> str | None:
    from freshet.tasks.embedding.models import resolve_model

    if run.settings.checks.labels is None:
        return None
    return resolve_model(run.project.settings.embedding, run.project.root).space
