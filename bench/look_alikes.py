"""Makes honest documents that look like a flood: filled-in forms, pages of questions, versions of one page."""

from __future__ import annotations

import calendar
import random
from collections.abc import Callable, Sequence

from floods import Page, Target, answer, words_of
from planting import prose

_COUNTRIES = [
    "France",
    "Germany",
    "Spain",
    "Italy",
    "Poland",
    "Sweden",
    "Portugal",
    "Ireland",
    "Austria",
    "Denmark",
    "Finland",
    "Greece",
]
_ROLES = ["engineer", "designer", "accountant", "recruiter", "product manager", "data analyst", "lawyer", "researcher",
          "support agent", "office manager", "security analyst", "technical writer"]  # fmt: skip
_MONTHS = list(calendar.month_name)[1:]
_PEOPLE = ["Ada", "Bruno", "Chen", "Dora", "Emil", "Fatima", "Goran", "Hana", "Igor", "Julia", "Kofi", "Lena"]
_PARTS = ["search", "login", "billing", "export", "the calendar", "notifications", "the map", "printing", "uploads"]
_TOPICS = ["travel", "laptops", "badges", "the library", "training", "contracts", "parking", "the kitchen"]

Maker = Callable[[random.Random, int], str]
"""Makes the text of the document with this number, from 0 to 11."""


def _job(chosen: random.Random, number: int) -> str:
    role = _ROLES[number]
    skills = ", ".join(
        chosen.sample(["writing", "planning", "Python", "budgets", "interviews", "travel", "English"], 4)
    )
    return (
        f"# {role.capitalize()} in {chosen.choice(_COUNTRIES)}\n\nWe are looking for a {role}. "
        f"What you will do: work with {chosen.choice(_TOPICS)}. You bring {skills}. "
        f"{prose(chosen, 3)}\n\nHow to apply: send your papers by the end of {chosen.choice(_MONTHS)}.\n"
    )


def _same_job(chosen: random.Random, number: int) -> str:
    return (
        f"# Who are we looking for?\n\nWe are looking for a {_ROLES[number]} in {_COUNTRIES[number]}. "
        f"{prose(chosen, 4)}\n\nPay starts at {chosen.randint(40, 90)},000.\n"
    )


def _meeting(chosen: random.Random, number: int) -> str:
    present = ", ".join(chosen.sample(_PEOPLE, 5))
    return (
        f"# Weekly meeting of the platform team\n\n{chosen.randint(1, 28)} {_MONTHS[number]}\n\nPresent: {present}.\n\n"
        f"What did we decide? {prose(chosen, 5)}\n"
    )


def _country(chosen: random.Random, number: int) -> str:
    return (
        f"# What parental leave do employees in {_COUNTRIES[number]} get?\n\nEmployees in {_COUNTRIES[number]} get "
        f"{chosen.randint(6, 40)} weeks of parental leave. It is paid at {chosen.randint(50, 100)} % for the first "
        f"{chosen.randint(4, 20)} weeks. {prose(chosen, 4)}\n"
    )


def _release(chosen: random.Random, number: int) -> str:
    changes = "".join(
        f"- {chosen.choice(['Faster', 'Fixed', 'New in'])} {part}.\n" for part in chosen.sample(_PARTS, 4)
    )
    return f"# What is new in version {number // 4 + 1}.{number % 4}\n\n{changes}\n{prose(chosen, 2)}\n"


def _changelog(chosen: random.Random, number: int) -> str:
    entries = "".join(
        f"## 1.{minor}.0\n\n{''.join(f'- Changed {part}.{chr(10)}' for part in chosen.sample(_PARTS, 3))}\n"
        for minor in range(8)
    )
    return f"# Changelog of the {_ROLES[number]} tool\n\nAll notable changes are written down here.\n\n{entries}"


def _questions(chosen: random.Random, number: int) -> str:
    asked = [f"## How do I ask for {topic}?\n\n{prose(chosen, 2)}\n" for topic in chosen.sample(_TOPICS, 5)]
    last = "## Who can I contact if I have more questions?\n\nWrite to the service desk.\n"
    return f"# Questions about the office in {_COUNTRIES[number]}\n\n" + "\n".join([*asked, last])


def _version(chosen: random.Random, number: int) -> str:
    same = random.Random("page")
    sentences = prose(same, 18).replace("\n\n", " ").split(". ")
    other = prose(chosen, 18).replace("\n\n", " ").split(". ")
    mixed = [new if chosen.random() < 0.03 * number else old for old, new in zip(sentences, other, strict=False)]
    return f"# How to set up a new laptop for the first time\n\nThis is for release {number + 1}. {'. '.join(mixed)}\n"


LOOK_ALIKES: dict[str, Maker] = {
    "job descriptions": _job,
    "job descriptions under one question": _same_job,
    "weekly meeting notes": _meeting,
    "a benefit, one page for each country": _country,
    "release notes": _release,
    "changelogs": _changelog,
    "pages of questions and answers": _questions,
    "versions of one page": _version,
}


def look_alikes(kind: str, seed: str) -> list[Page]:
    """Returns twelve honest documents of a kind."""
    chosen = random.Random(f"{kind} {seed}")
    return [Page(f"honest/{kind}/{number}.md", LOOK_ALIKES[kind](chosen, number)) for number in range(12)]


def one_question_a_page(targets: Sequence[Target], seed: str) -> list[Page]:
    """Returns a help page for each question: the question as its heading, and an answer of its own."""
    pages = []
    for number, target in enumerate(targets):
        chosen = random.Random(f"{target.question} {seed}")
        fact = f"{chosen.choice(words_of(target.question))} {chosen.randint(2, 90)}"
        pages.append(Page(f"help/{number}.md", f"# {target.question}\n\n{answer(chosen, target, fact, 60)}\n"))
    return pages
