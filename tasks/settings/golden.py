"""Golden questions: a YAML file of questions and of the documents that answer them.

Read as strictly as freshet.yaml: everything that is wrong is told at once, each with its line.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from freshet.tasks.settings.addresses import shown
from freshet.tasks.settings.lines import read_yaml
from freshet.tasks.settings.named_files import FileReader, refusal, text, unreadable
from freshet.tasks.settings.places import Finding, Place, kind_text
from freshet.tasks.settings.types import composed

__all__ = [
    "MOST_QUESTIONS", "GoldenAnswer", "GoldenQuestion", "default_id", "golden_of", "load_golden", "read_golden", "text",
]  # fmt: skip

MOST_QUESTIONS = 2000
_KEYS = ("question", "answers", "as", "never", "refused_for", "id")
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
        answers: the documents that answer it; none only for a question that is asked to be refused.
        principals: who asks, beside everyone.
        never: documents that whoever asks must not be shown.
        refused_for: principals to each of whom, asking alone, an answer must be refused.
    """

    id: str
    question: str
    answers: tuple[GoldenAnswer, ...]
    principals: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    refused_for: tuple[str, ...] = ()


def load_golden(file: Path) -> list[GoldenQuestion]:
    """The questions of a golden file.

    Raises:
        SettingsError: it cannot be read, or anything is wrong with it; the message lists every problem.
    """
    questions, findings = read_golden(file)
    if findings:
        raise refusal(file.name, findings, "golden files")
    return questions


def read_golden(file: Path) -> tuple[list[GoldenQuestion], list[Finding]]:
    """The questions, and everything wrong with the file, in the order of its lines."""
    try:
        raw = file.read_bytes()
    except (OSError, ValueError) as error:
        return [], [unreadable(error)]
    return golden_of(raw)


def golden_of(raw: bytes) -> tuple[list[GoldenQuestion], list[Finding]]:
    """The questions of a golden file that holds these bytes, and everything wrong with it, as `read_golden` does."""
    located = read_yaml(raw, {})
    if located.findings:
        return [], located.findings
    reader = _Reader(located)
    questions = reader.questions()
    return questions, reader.sorted_findings()


def default_id(question: str, principals: Iterable[str]) -> str:
    """The id of a question that the file gives none."""
    return sha256("\n".join([question, *principals]).encode()).hexdigest()[:12]


class _Reader(FileReader):
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

    def _question(self, item: Any, place: Place) -> GoldenQuestion | None:
        needed = ("question",) if isinstance(item, dict) and "refused_for" in item else ("question", "answers")
        if not self._keys(item, place, _KEYS, needed):
            return None
        question = self._text(item.get("question"), (*place, "question"))
        refused_for = self._principals(item, "refused_for", place)
        # What nobody is to get an answer to has no document that answers.
        listed = [] if "answers" not in item else self._list(item["answers"], (*place, "answers"), bool(refused_for))
        answers = [self._answer(one, at) for one, at in listed]
        principals = self._principals(item, "as", place)
        never = [self._text(one, at) for one, at in self._list(item.get("never", []), (*place, "never"), True)]
        name = self._text(item["id"], (*place, "id")) if "id" in item else None
        known = [answer for answer in answers if answer]
        if not item.get("answers") and "refused_for" in item and not item["refused_for"]:
            self._tell(place, "it has neither answers nor refused_for", "name the documents that answer it")
        if question is None or not (known or refused_for):
            return None
        return GoldenQuestion(
            name or default_id(question, principals),
            question,
            tuple(known),
            tuple(principals),
            tuple(composed(one) for one in never if one),
            tuple(refused_for),
        )

    def _principals(self, item: Any, key: str, place: Place) -> list[str]:
        listed = self._list(item.get(key, []), (*place, key), True)
        return [composed(one) for one, at in listed if self._principal(one, at)]

    def _answer(self, one: Any, place: Place) -> GoldenAnswer | None:
        if isinstance(one, str):
            document = self._text(one, place)
            return GoldenAnswer(composed(document)) if document else None
        if not self._keys(one, place, _ANSWER_KEYS, ("document",)) or "document" not in one:
            return None
        document = self._text(one["document"], (*place, "document"))
        contains = self._text(one["contains"], (*place, "contains")) if "contains" in one else None
        return GoldenAnswer(composed(document), contains) if document else None
