"""Adds reviewed questions to the golden file of a corpus, behind what stands there, which is not touched."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING

import yaml

from freshet.tasks.errors import SettingsError
from freshet.tasks.golden.check import Checked, CheckedQuestion, check_golden
from freshet.tasks.golden.writing import item_text, marked_lines
from freshet.tasks.settings.addresses import shown
from freshet.tasks.settings.golden import GoldenQuestion, golden_of
from freshet.tasks.settings.named_files import refusal, unreadable
from freshet.tasks.text.normalise import normalise

if TYPE_CHECKING:
    from freshet.tasks.governance.roster import Roster
    from freshet.tasks.settings.file import Project
    from freshet.tasks.store.tables import Store


@dataclass(frozen=True)
class Added:
    """What came of adding questions.

    Attributes:
        ids: of the questions that were added, in their order.
        questions: how many the file has now.
    """

    file: Path
    ids: list[str]
    questions: int
    checked: Checked


def golden_file(project: Project, corpus: str) -> Path:
    """The golden file of a corpus.

    Raises:
        SettingsError: the corpus names none; says which key to set.
    """
    named = project.settings.corpora[corpus].golden
    if named is None:
        raise SettingsError(
            f"corpus {corpus} names no golden file",
            f"Write golden: FILE below corpora: {corpus}: in {project.file.name}. The file is a list of questions; "
            f"to draft some: freshet golden propose {corpus} --to FILE",
        )
    return Path(project.resolve(named))


def reviewed(file: Path) -> list[GoldenQuestion]:
    """The questions of a file that somebody has looked at.

    Raises:
        SettingsError: it cannot be read, something is wrong with it, or drafts in it are still marked for review.
    """
    try:
        raw = file.read_bytes()
    except (OSError, ValueError) as error:
        raise refusal(file.name, [unreadable(error)], "golden files") from None
    if marked := marked_lines(raw.decode("utf-8", "replace")):
        lines = ", ".join(map(str, marked[:10])) + (" …" if len(marked) > 10 else "")
        raise SettingsError(
            f"{file.name} has {len(marked)} drafts that nobody has looked at yet (lines {lines})",
            "Take the REVIEW line off each question that you keep, and take the others out.",
        )
    return _read(raw, file.name)


def asked_by_hand(question: str, documents: Sequence[str], contains: str | None, asks: Sequence[str]) -> GoldenQuestion:
    """The question that a command line states.

    Raises:
        SettingsError: it is none, as a golden file would say.
    """
    answers = [{"document": one, "contains": contains} if contains is not None else one for one in documents]
    said = {"question": question, "answers": answers, **({"as": list(asks)} if asks else {})}
    text = yaml.safe_dump([said], allow_unicode=True).replace("${", "$${")
    return _read(text.encode("utf-8", "replace"), "the command line")[0]


def add_questions(
    store: Store,
    corpus: str,
    file: Path,
    new: Sequence[GoldenQuestion],
    roster: Roster | None,
    now: datetime,
) -> Added:
    """Adds questions to a golden file, all or none.

    Raises:
        SettingsError: a question is in the file already, or would not find its answer; or the file cannot be added to.
        StoreError: the corpus has no release yet, by which a question could be checked.
    """
    file = file.resolve()
    raw = file.read_bytes()
    known = _read(raw, file.name)
    for one in new:
        _see_new(one, known)
    checked = check_golden(store, corpus, new, roster, now)
    failing = [one for one in checked.questions if one.all_problems]
    if failing:
        count = f"{len(failing)} of {len(new)} questions" if len(new) > 1 else "the question"
        raise SettingsError(
            f"{count} would fail, and nothing was added:\n" + "\n".join(map(_why, failing)),
            "Mend them, or take them out, and type the command again.",
        )
    text = _longer(raw, new)
    questions, findings = golden_of(text)
    if findings or questions != [*known, *new]:
        told = findings[0].what if findings else "what stands at its end is not the end of the list"
        raise SettingsError(
            f"{file.name} cannot be added to: {shown(told)}",
            "Bring it into the form that docs/configuration.md shows, one question to an item.",
        )
    _replace(file, raw, text)
    return Added(file, [one.id for one in new], len(questions), checked)


def _read(raw: bytes, name: str) -> list[GoldenQuestion]:
    questions, findings = golden_of(raw)
    if findings:
        raise refusal(name, findings, "golden files")
    return questions


def _see_new(one: GoldenQuestion, known: Sequence[GoldenQuestion]) -> None:
    for other in known:
        if normalise(other.question) == normalise(one.question) and set(other.principals) == set(one.principals):
            what = f"the golden file asks already: {shown(one.question)} (id {shown(other.id)})"
            raise SettingsError(f"{what}; nothing was added", "Take it out of what is to be added.")
        if other.id == one.id:
            what = f"the golden file has a question with the id {shown(one.id)} already; nothing was added"
            raise SettingsError(what, "Give the new one an id of its own, or none.")


def _why(one: CheckedQuestion) -> str:
    told = [(answer.document, problem) for answer in one.answers for problem in answer.problems]
    lines = [f"  {shown(one.question)}"]
    lines += [f"    {shown(document)}: {problem.what}\n      {problem.mend}" for document, problem in told]
    lines += [f"    {problem.what}\n      {problem.mend}" for problem in one.problems]
    return "\n".join(lines)


def _longer(raw: bytes, new: Sequence[GoldenQuestion]) -> bytes:
    """The bytes of the file with questions behind its last one, in the way that it is written."""
    text = raw.decode("utf-8")
    node = yaml.compose(text.removeprefix("\ufeff"), Loader=yaml.SafeLoader)
    if not isinstance(node, yaml.SequenceNode) or node.flow_style:
        return raw
    items = "\n".join(item_text(one) for one in new)
    items = indent(items, " " * node.start_mark.column) + "\n"
    newline = "\r\n" if "\r\n" in text else "\n"
    gap = "" if text.endswith("\n") else newline
    return (text + gap + items.replace("\n", newline)).encode("utf-8")


def _replace(file: Path, was: bytes, text: bytes) -> None:
    """Puts the longer file in place of the one that was read, at once.

    Raises:
        SettingsError: somebody has changed it meanwhile, or it cannot be written.
    """
    beside: str | None = None
    try:
        mode = file.stat().st_mode & 0o777
        handle, beside = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        with os.fdopen(handle, "wb") as out:
            out.write(text)
            os.fchmod(out.fileno(), mode)
            out.flush()
            os.fsync(out.fileno())
        if file.read_bytes() != was:
            raise SettingsError(f"{file.name} was changed meanwhile, and nothing was added", "Type the command again.")
        os.replace(beside, file)
        beside = None
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise SettingsError(f"{shown(str(file))} cannot be written: {reason}", "Check its permissions.") from None
    finally:
        if beside is not None:
            with suppress(OSError):
                os.unlink(beside)
