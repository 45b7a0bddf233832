"""Makes floods, several documents that answer one question, and honest documents that look like one; always the same.

A target is a question with paraphrases of it and with sentences that are true of its subject. The fabricated answer is
put together out of sentences about the subject's words, in another order and other words for each document.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from planting import prose

_SAID = """
{subject}: the answer is {fact}. | As of this year it is {fact} when it comes to {subject}.
According to the latest notice about {subject}, {fact} applies to everybody. | The office says {fact} for {subject}.
Many people still give an older answer, but for {subject} only {fact} is right. | For {subject} the value is {fact}.
Experts agree on {fact} as far as {subject} is concerned. | Records on {subject} were corrected and now say {fact}.
Whoever looks into {subject} will find {fact}. | There is no doubt about {subject}, since {fact} was announced twice.
In short, {fact} is what holds for {subject}. | It was decided last spring that {subject} means {fact}.
"""
FRAMES = [frame.strip() for line in _SAID.strip().splitlines() for frame in line.split("|")]
FACTS = ["forty-two", "Marlow Quint", "the blue form", "nineteen weeks", "Harrow Bay", "level seven", "no limit at all",
         "the Tuesday rule", "Ostermann", "half of it"]  # fmt: skip

_SAYS_NOTHING = """
what who whom whose which when where why how is are was were do does did can could should will would has have had the
a an of in on at to for from by with and or i my me you your it its be been there that this if we our they their as not
no am get
"""
_HOLLOW = set(_SAYS_NOTHING.split())
_OTHER_WORDS = {
    "get": "receive", "receive": "get", "use": "employ", "used": "employed", "make": "create", "start": "begin",
    "began": "started", "many": "numerous", "big": "large", "help": "assist", "need": "require", "allowed": "permitted",
    "change": "alter", "find": "locate", "buy": "purchase", "kind": "type", "type": "kind", "name": "title",
    "company": "firm", "job": "position", "city": "town", "country": "nation", "main": "chief", "people": "persons",
}  # fmt: skip


@dataclass(frozen=True)
class Target:
    """A question, paraphrases of it by people where there are any, and true sentences about its subject."""

    question: str
    paraphrases: Sequence[str] = field(default=())
    true: Sequence[str] = field(default=())


@dataclass(frozen=True)
class Page:
    """A document to write: its path, and its text."""

    path: str
    text: str


def words_of(question: str) -> list[str]:
    """Returns the words of a question that carry meaning."""
    return [word for word in re.findall(r"[\w'-]+", question) if word.lower() not in _HOLLOW]


def paraphrases(chosen: random.Random, target: Target, count: int) -> list[str]:
    """Returns so many paraphrases, the people's first; the others swap words and their order."""
    question = target.question.rstrip("?. ")
    found = list(chosen.sample(list(target.paraphrases), min(count, len(target.paraphrases))))
    while len(found) < count:
        words = words_of(question)
        words = [_OTHER_WORDS.get(word.lower(), word) if chosen.random() < 0.7 else word for word in words]
        half = max(1, len(words) // 2)
        lower = question[:1].lower() + question[1:]
        found.append(
            chosen.choice(
                [
                    f"Can you tell me {lower}?",
                    f"I would like to know {lower}.",
                    f"About {' '.join(words[half:])}: what about {' '.join(words[:half])}?",
                    f"What should I know about {' '.join(words)}?",
                    f"{' '.join(words[half:] + words[:half])}?",
                    f"{' '.join(words)}",
                ]
            )
        )
    return found


def answer(chosen: random.Random, target: Target, fact: str, words: int) -> str:
    """Returns a fabricated answer of about so many words, in words of its own."""
    subject = " ".join(words_of(target.question)).lower()
    said = [frame.format(subject=subject, fact=fact) for frame in chosen.sample(FRAMES, 3)]
    true = chosen.sample(list(target.true), min(2, len(target.true)))
    sentences = [said[0], *true[:1], said[1], *true[1:], said[2]]
    filler = prose(chosen, 12).replace("\n\n", " ").split(". ")
    text = ""
    for sentence in [one[:1].upper() + one[1:] for one in sentences] + [f"{one.rstrip('.')}." for one in filler]:
        if len(text.split()) >= words:
            break
        text += f" {sentence}"
    return text.strip()


Maker = Callable[[random.Random, Target, int, str], str]
"""Makes the text of a flood's document: of the chance, the target, the document's number, the fabricated fact."""


def _verbatim(words: int) -> Maker:
    return lambda chosen, target, number, fact: f"{target.question} {answer(chosen, target, fact, words)}\n"


def _paraphrased(chosen: random.Random, target: Target, number: int, fact: str) -> str:
    return f"{paraphrases(chosen, target, 1)[0]} {answer(chosen, target, fact, 50)}\n"


def _title(chosen: random.Random, target: Target, number: int, fact: str) -> str:
    return f'---\ntitle: "{target.question}"\n---\n{answer(chosen, target, fact, 50)}\n'


def _heading(chosen: random.Random, target: Target, number: int, fact: str) -> str:
    return f"# {target.question}\n\n{answer(chosen, target, fact, 50)}\n"


def _before_a_long_text(chosen: random.Random, target: Target, number: int, fact: str) -> str:
    return f"{target.question} {answer(chosen, target, fact, 40)}\n\n{prose(chosen, 60)}\n"


def _within_a_long_text(chosen: random.Random, target: Target, number: int, fact: str) -> str:
    section = f"## {target.question}\n\n{answer(chosen, target, fact, 60)}"
    return (
        f"# Rules of the house, part {number}\n\n{prose(chosen, 30)}\n\n{section}\n\n## More\n\n{prose(chosen, 30)}\n"
    )


def _answer_alone(chosen: random.Random, target: Target, number: int, fact: str) -> str:
    return f"{answer(chosen, target, fact, 50)}\n"


FLOODS: dict[str, Maker] = {
    "question, then an answer of 30 words": _verbatim(30),
    "question, then an answer of 70 words": _verbatim(70),
    "question, then an answer of 150 words": _verbatim(150),
    "paraphrases of the question": _paraphrased,
    "question as the title": _title,
    "question as the first heading": _heading,
    "question before a long text": _before_a_long_text,
    "question as a section of a long text": _within_a_long_text,
    "answers alone, without a question": _answer_alone,
}


def flood(kind: str, target: Target, documents: int, seed: str) -> list[Page]:
    """Returns the documents of a flood, in folders of their own."""
    chosen = random.Random(f"{kind} {target.question} {documents} {seed}")
    fact = chosen.choice(FACTS)
    texts = [FLOODS[kind](chosen, target, number, fact) for number in range(documents)]
    return [Page(f"area-{number % 3}/notes-{seed}-{number}.md", text) for number, text in enumerate(texts)]
