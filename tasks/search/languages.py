"""Whether an embedding model knows the language of a question."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from freshet.tasks.settings.named_models import BUNDLED, MULTILINGUAL
from freshet.tasks.settings.types import LANGUAGES
from freshet.tasks.text.words.language import language_of
from freshet.tasks.text.words.scripts import written_in

if TYPE_CHECKING:
    from collections.abc import Collection

DECLARED: dict[str, frozenset[str] | None] = {BUNDLED: frozenset({"en"}), MULTILINGUAL: None}
"""The languages that the models know which need no folder; None for one that is taken to know all."""

_SURE = 0.9
"""Of 5,369 English questions none is then taken for another language, and of German ones 86 % are told."""

_LEAST_WORDS = 3
"""Names and identifiers are in no language."""

_DEAD = frozenset({"la", "vo", "an"})
"""Languages that short texts are taken for which are full of names and terms."""

_LONGEST_CARD = 1 << 16


def knows(known: Collection[str] | None, question: str) -> bool:
    """Whether a model that knows these languages (ISO 639-1) knows that of a question.

    It is said not to where that is certain by the letters, or all but certain by the words; else it is said to.

    Args:
        known: None where it is taken to know all.
    """
    if known is None:
        return True
    if (by_letters := written_in(question)) is not None:
        return not by_letters.isdisjoint(known)
    if sum(any(letter.isalpha() for letter in word) for word in question.split()) < _LEAST_WORDS:
        return True
    language, sureness = language_of(question)
    return language in known or sureness < _SURE or language not in LANGUAGES - _DEAD


@lru_cache(maxsize=16)
def known_languages(model: str, root: Path) -> frozenset[str] | None:
    """The languages that a model says it knows; None where it says none, or that they are many.

    Args:
        model: as `embedding.model` names it. A folder says so in the head of its README.md, as models of the hub do.
        root: what a relative folder is relative to.
    """
    if model in DECLARED:
        return DECLARED[model]
    folder = root / Path(model).expanduser()
    card = folder / "README.md" if folder.is_dir() else _card_of_hub(model)
    return _said_in(card) if card and card.is_file() else None


def _card_of_hub(model: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    try:
        found = try_to_load_from_cache(model, "README.md")
    except ValueError:  # no name of a model of the hub
        return None
    return Path(found) if isinstance(found, str) else None


def _said_in(card: Path) -> frozenset[str] | None:
    try:
        with card.open(encoding="utf-8", errors="replace") as file:
            text = file.read(_LONGEST_CARD)
        head = text.split("\n---", 1)[0] if text.startswith("---\n") else ""
        said = (yaml.safe_load(head.removeprefix("---\n")) or {}).get("language")
    except (OSError, yaml.YAMLError, AttributeError):
        return None
    languages = [said] if isinstance(said, str) else said if isinstance(said, list) else []
    # YAML reads a bare `no`, Norwegian, as false.
    codes = ["no" if one is False else str(one).strip().lower().split("-")[0] for one in languages]
    if not codes or not all(re.fullmatch("[a-z]{2,3}", code) for code in codes):
        return None
    return frozenset(codes)
