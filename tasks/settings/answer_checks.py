"""What the models cannot see of a gate on answers: whether there are questions that it could ask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from freshet.tasks.settings.golden import GoldenQuestion
from freshet.tasks.settings.places import Place
from freshet.tasks.settings.project import Gate

Fault = tuple[Place, str, str]
"""A place, what is wrong there, and how to mend it."""


def gate_faults(place: Place, gate: Gate, golden: Sequence[GoldenQuestion] | None) -> Iterator[Fault]:
    """What is wrong with the floors for answers.

    Args:
        place: of the gate.
        golden: the golden questions; None where the corpus names no file, or one that cannot be read.
    """
    for name in gate.answers.model_fields_set:
        if getattr(gate.answers, name) is None:
            continue
        at = (*place, "answers", name)
        if golden is None:
            yield at, "there are no golden questions whose answers could be judged", "add golden: FILE to the corpus"
        elif name == "refused" and not any(one.refused_for for one in golden):
            what = "no golden question says for whom it must be refused"
            yield at, what, "add refused_for: [everyone] to a question, or leave the floor out"
        elif name != "refused" and not any(one.answers for one in golden):
            yield at, "no golden question has an answer", "add one with answers: [PATH], or leave the floor out"
