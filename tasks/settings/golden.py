"""Golden questions: a YAML file of questions and of the documents that answer them.

Read as strictly as freshet.yaml: everything that is wrong is told at once, each with its line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from freshet.tasks.errors import SettingsError
from freshet.tasks.settings.addresses import shown
from freshet.tasks.settings.explain import nearest, place_name, principal_hint
from freshet.tasks.settings.lines import Located, read_yaml
from freshet.tasks.settings.places import Finding, Place, kind_text, place_text
from freshet.tasks.settings.types import PRINCIPAL_HELP, composed, is_principal

MOST_QUESTIONS = 2000
_KEYS = ("question", "answers", "as", "never", "id")
_ANSWER_KEYS = ("document", "contains")


@dataclass(frozen=True)
class GoldenAnswer:
    """A document that answers, by its path below its source or by its URI.

    `contains` is a text of the passage that answers; None where any passage of the document counts.
    """

    document: str
    contains: str | None = None


@dataclass(frozen=True)
class GoldenQuestion:
    """A question whose answer is known.

    Attributes:
        id: stable name, by which two exams compare it.
        answers: the documents that answer it, at least one.
        principals: who asks, beside everyone.
        never: documents that whoever asks must not be shown.
    """

    id: str
    question: str
    answers: tuple[GoldenAnswer, ...]
    principals: tuple[str, ...] = ()
    never: tuple[str, ...] = ()


def load_golden(file: Path) -> list[GoldenQuestion]:
    """The questions of a golden file.

    Raises:
        SettingsError: it cannot be read, or anything is wrong with it; the message lists every problem.
    """
    questions, findings = read_golden(file)
    if findings:
        listed = "\n".join(f"  {text(file.name, one)}\n    {one.mend}" for one in findings)
        count = f"{len(findings)} problems" if len(findings) > 1 else "a problem"
        raise SettingsError(f"{file.name} has {count}:\n{listed}", "docs/configuration.md describes golden files")
    return questions


def text(name: str, finding: Finding) -> str:
    """A finding with the file's name and its line in front."""
    at = name if finding.line is None else f"{name}:{finding.line}"
    where = place_text(finding.place)
    return f"{at}: {where}: {finding.what}" if where else f"{at}: {finding.what}"


def read_golden(file: Path) -> tuple[list[GoldenQuestion], list[Finding]]:
    """The questions, and everything wrong with the file, in the order of its lines."""
    try:
        raw = file.read_bytes()
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or "its name is no path").lower()
        return [], [Finding((), None, f"the file cannot be read: {reason}", "check the name and its permissions")]
    located = read_yaml(raw, {})
    if located.findings:
        return [], located.findings
    reader = _Reader(located)
    questions = reader.questions()
    return questions, sorted(reader.findings, key=lambda one: one.line or 0)


class _Reader:
    def __init__(self, located: Located) -> None:
        self._located = located
        self.findings: list[Finding] = []

    def questions(self) -> list[GoldenQuestion]:
        data = self._located.data
        if not isinstance(data, list) or not data:
            what = "the list is empty" if data == [] else f"the file holds {kind_text(data)}, not a list of questions"
            self._tell((), what, "write - question: … and below it answers: [PATH]")
            return []
        if len(data) > MOST_QUESTIONS:
            self._tell(
                (), f"{len(data):,} questions", f"write at most {MOST_QUESTIONS:,}; each is asked at every refresh"
            )
            return []
        found: dict[str, GoldenQuestion] = {}
        for position, item in enumerate(data):
            one = self._question(item, (position,))
            if one and found.setdefault(one.id, one) is not one:
                what = f"two questions have the id {shown(one.id)}"
                self._tell((position,), what, "remove one, or give it an id of its own")
        return list(found.values())

    def _tell(self, place: Place, what: str, mend: str) -> None:
        self.findings.append(Finding(place, self._located.line(place), what, mend))

    def _question(self, item: Any, place: Place) -> GoldenQuestion | None:
        if not self._keys(item, place, _KEYS, ("question", "answers")):
            return None
        question = self._text(item.get("question"), (*place, "question"))
        answers = [self._answer(one, at) for one, at in self._list(item.get("answers"), (*place, "answers"))]
        principals = [
            composed(one)
            for one, at in self._list(item.get("as", []), (*place, "as"), True)
            if self._principal(one, at)
        ]
        never = [self._text(one, at) for one, at in self._list(item.get("never", []), (*place, "never"), True)]
        name = self._text(item["id"], (*place, "id")) if "id" in item else None
        known = [answer for answer in answers if answer]
        if question is None or not known:
            return None
        asked = sha256("\n".join([question, *principals]).encode()).hexdigest()[:12]
        return GoldenQuestion(
            name or asked, question, tuple(known), tuple(principals), tuple(composed(one) for one in never if one)
        )

    def _keys(self, item: Any, place: Place, valid: Sequence[str], needed: Sequence[str]) -> bool:
        """Whether the item is a group of keys at all; what is wrong with them is told."""
        if not isinstance(item, Mapping):
            self._tell(place, f"{kind_text(item)}, not a group of keys", f"write the keys {', '.join(needed)}")
            return False
        for key in item:
            if key not in valid:
                near = nearest(key, [one for one in valid if one not in item]) or nearest(key, valid)
                hint = f"did you mean {near}? " if near else ""
                self._tell((*place, key), f"unknown key {shown(key)}", f"{hint}valid keys here: {', '.join(valid)}")
        for key in needed:
            if key not in item:
                self._tell(place, f"the key {key} is missing", f"add {key}: …")
        return True

    def _list(self, value: Any, place: Place, may_be_empty: bool = False) -> list[tuple[Any, Place]]:
        if isinstance(value, list) and (value or may_be_empty):
            return [(one, (*place, position)) for position, one in enumerate(value)]
        if value is not None or place in self._located.lines:
            what = "is empty" if value == [] else f"is {kind_text(value)}, not a list"
            self._tell(place, f"{place_name(place)} {what}", "write a list: […]")
        return []

    def _answer(self, one: Any, place: Place) -> GoldenAnswer | None:
        if isinstance(one, str):
            document = self._text(one, place)
            return GoldenAnswer(composed(document)) if document else None
        if not self._keys(one, place, _ANSWER_KEYS, ("document",)) or "document" not in one:
            return None
        document = self._text(one["document"], (*place, "document"))
        contains = self._text(one["contains"], (*place, "contains")) if "contains" in one else None
        return GoldenAnswer(composed(document), contains) if document else None

    def _text(self, value: Any, place: Place) -> str | None:
        if isinstance(value, str) and value.strip():
            return value.strip()
        if value is not None or place in self._located.lines:
            what = "is empty" if value is None or isinstance(value, str) else f"is {kind_text(value)}, not text"
            self._tell(
                place, f"{place_name(place)} {what}", "write a text; in quotes if YAML takes it for something else"
            )
        return None

    def _principal(self, value: Any, place: Place) -> bool:
        if isinstance(value, str) and is_principal(value):
            return True
        written = self._located.written.get(place, kind_text(value))
        hint = principal_hint(value) if isinstance(value, str) else ""
        self._tell(place, f"{shown(written)} is no principal", PRINCIPAL_HELP + hint)
        return False
