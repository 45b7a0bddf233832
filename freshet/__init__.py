"""Freshet keeps what a language model is given fresh and governed; docs/python.md is about using it from Python.

Importing this package loads nothing else: each name below is fetched when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from freshet.answers import (
        Answer,
        Citation,
        CorpusState,
        Document,
        DocumentText,
        Hit,
        Neighbour,
        Notice,
        Passage,
        Quote,
        SearchResult,
        Sentence,
        Why,
        WhyNot,
    )
    from freshet.client import Client, ClientCorpus, Me
    from freshet.connection import ServiceFailed
    from freshet.corpus import Corpus
    from freshet.project import Project, ProjectCorpus, ProjectDataset
    from freshet.runs import Release, Report, RunFailed, Version
    from freshet.tasks.errors import (
        AccessCheckFailed,
        EmbeddingError,
        FreshetError,
        MissingExtra,
        ModelFailed,
        ServerGone,
        SettingsError,
        StoreError,
    )
    from freshet.tasks.service.caller import NotPermitted, NotSignedIn, NotThere, TooMuch

__all__ = [
    "AccessCheckFailed", "Answer", "Citation", "Client", "ClientCorpus", "Corpus", "CorpusState", "Document",
    "DocumentText", "EmbeddingError", "FreshetError", "Hit", "Me", "MissingExtra", "ModelFailed", "Neighbour",
    "NotPermitted", "NotSignedIn", "NotThere", "Notice", "Passage", "Project", "ProjectCorpus", "ProjectDataset",
    "Quote", "Release", "Report", "RunFailed", "SearchResult", "Sentence", "ServerGone", "ServiceFailed",
    "SettingsError", "StoreError", "TooMuch", "Version", "Why", "WhyNot",
]  # fmt: skip

_HOMES = {
    "freshet.answers": (
        "Answer", "Citation", "CorpusState", "Document", "DocumentText", "Hit", "Neighbour", "Notice", "Passage",
        "Quote", "SearchResult", "Sentence", "Why", "WhyNot",
    ),
    "freshet.client": ("Client", "ClientCorpus", "Me"),
    "freshet.connection": ("ServiceFailed",),
    "freshet.corpus": ("Corpus",),
    "freshet.project": ("Project", "ProjectCorpus", "ProjectDataset"),
    "freshet.runs": ("Release", "Report", "RunFailed", "Version"),
    "freshet.tasks.errors": (
        "AccessCheckFailed", "EmbeddingError", "FreshetError", "MissingExtra", "ModelFailed", "ServerGone",
        "SettingsError", "StoreError",
    ),
    "freshet.tasks.service.caller": ("NotPermitted", "NotSignedIn", "NotThere", "TooMuch"),
}  # fmt: skip
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """A public name, fetched from where it is defined."""
    if name not in _HOME:
        raise AttributeError(f"module 'freshet' has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_HOME[name]), name)
    return found


def __dir__() -> list[str]:
    """The public names, and what every module has."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
