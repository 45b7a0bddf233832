"""Golden questions as YAML, and the mark by which a draft is told from a question that somebody has looked at."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import yaml

from freshet.tasks.errors import SettingsError
from freshet.tasks.golden.drafts import Draft
from freshet.tasks.settings.addresses import escaped, shown
from freshet.tasks.settings.golden import GoldenAnswer, GoldenQuestion, default_id

MARK = "# REVIEW"
"""Stands in the line above each draft; whoever has looked at it takes the line away."""

_MARKED = re.compile(r"^[ \t]{0,40}# REVIEW\b", re.MULTILINE)
_WIDTH = 110


def drafts_text(corpus: str, drafts: Sequence[Draft]) -> str:
    """Drafts as a golden file, each below a line that marks it and says what it was made of."""
    lines = [
        f"# Drafts of golden questions for {corpus}. Nobody has looked at them yet.",
        "# Take out what nobody would ask, mend what can be mended, and take the REVIEW line off what you keep.",
        f"# Then type: freshet golden add THIS-FILE --corpus {corpus}",
    ]
    for one in drafts:
        answers = tuple(GoldenAnswer(name, one.contains) for name in one.documents)
        lines += [f"{MARK}: {escaped(one.origin)}", item_text(GoldenQuestion("", one.question, answers, one.asks))]
    return "\n".join(lines) + "\n"


def item_text(one: GoldenQuestion) -> str:
    """A question as an item of the list, without a line break at its end. An id that is the default is not written."""
    said: dict[str, object] = {"question": _literal(one.question)}
    if one.answers or not one.refused_for:
        said["answers"] = [_answer(answer) for answer in one.answers]
    for key, values in (("as", one.principals), ("never", one.never), ("refused_for", one.refused_for)):
        if values:
            said[key] = [_literal(value) for value in values]
    if one.id not in ("", default_id(one.question, one.principals)):
        said["id"] = _literal(one.id)
    return yaml.safe_dump([said], sort_keys=False, allow_unicode=True, width=_WIDTH).rstrip("\n")


def _answer(answer: GoldenAnswer) -> str | dict[str, str]:
    if answer.contains is None:
        return _literal(answer.document)
    return {"document": _literal(answer.document), "contains": _literal(answer.contains)}


def _literal(text: str) -> str:
    """A text that the reader takes as it is: `${` stands for a variable in these files."""
    return text.replace("${", "$${")


def marked_lines(text: str) -> list[int]:
    """The lines, from 1, that mark a draft nobody has looked at."""
    return [text.count("\n", 0, found.start()) + 1 for found in _MARKED.finditer(text)]


def write_new(file: Path, text: str) -> None:
    """Writes a file that is not there yet.

    Raises:
        SettingsError: there is one, or it cannot be written.
    """
    try:
        with open(file, "x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError:
        raise SettingsError(
            f"{shown(str(file))} is there already, and is not written over", "Name a new file, or take that one away."
        ) from None
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or "its name is no path").lower()
        raise SettingsError(f"{shown(str(file))} cannot be written: {reason}", "Name another file.") from None
