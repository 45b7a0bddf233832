"""Annotated steps of arithmetic, worked out again."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.tasks.datasets.checks.arithmetic import ANNOTATION, Unreadable, evaluate, is_right, steps


@pytest.mark.parametrize(
    "annotation",
    [
        "48/2=24", "0.2*50=10", "2*(3+4)=14", "2(3+4)=14", "-5+3=-2", "10-(-2)=12", ".5*4=2", "5.*2=10",
        "0.1*3=0.3",            # which floating point has as 0.30000000000000004
        "10/3=3.33", "10/3=3.3", "10/3=3", "20/3=7",
        "1,250*2=2,500", "$3*4=$12", "20%*50=10", "20/100=20%", "20/100*100=20%", "3×4=12", "12÷4=3", "3 x 4 = 12",
        "3X4=12", "1/2=1/2", "560//10=56", "7//2=3", "5−2=3", "[2+3]*2=10", "1/8=.125", "--4=4",
    ],
)  # fmt: skip
def test_true_steps_are_right(annotation: str) -> None:
    assert is_right(annotation)


@pytest.mark.parametrize(
    "annotation",
    ["48/2=25", "10/3=3.34", "10/3=4", "2*(3+4)=10", "1,250*2=250", "20%*50=100", "1/8=0.12", "5-8=3", "1/2=1/3"],
)
def test_wrong_steps_are_wrong(annotation: str) -> None:
    assert is_right(annotation) is (annotation == "1/8=0.12")  # 0.125 is within half a hundredth of 0.12


@pytest.mark.parametrize(
    "annotation",
    [
        "", "=", "48/2", "48/2=", "=24", "a+b=3", "5/0=0", "5//0=0", "5/(3-3)=1", "(2+3=5", "2+3)=5", "2 3=6",
        "2**9=512", "2^3=8", "1=1=1", "x4=4", "5 apples*2=10", "*3=3", "3+=3", "()=0", "1/0=1/0", ".=0",
        "__import__('os')=1", "9" * 41 + "=1", "1=" + "9" * 41, "+".join(["1"] * 300) + "=300",
        "(" * 41 + "1" + ")" * 41 + "=1", "٣+٤=٧",
    ],
)  # fmt: skip
def test_what_is_no_arithmetic_is_unchecked_and_not_wrong(annotation: str) -> None:
    with pytest.raises(Unreadable):
        is_right(annotation)
    assert [step.right for step in steps(f"so <<{annotation}>>")] == [None]


def test_steps_are_numbered_in_the_order_of_the_text() -> None:
    found = [(step.number, step.right) for step in steps("<<1+1=2>> then <<x=y>> then <<2+2=5>>, not <3=4>")]
    assert found == [(1, True), (2, None), (3, False)]


@given(st.text(alphabet="0123456789.,+-*/()%x×$= [](", max_size=600))
def test_no_annotation_hangs_or_raises_anything_else(annotation: str) -> None:
    with suppress(Unreadable):
        is_right(annotation)


@given(st.lists(st.tuples(st.sampled_from("+-*"), st.integers(0, 999)), min_size=1, max_size=8))
def test_an_expression_comes_to_what_python_makes_of_it(terms: list[tuple[str, int]]) -> None:
    expression = "1" + "".join(f"{sign}{number}" for sign, number in terms)
    assert evaluate(expression) == Fraction(eval(expression))


def _answers(public_data: Path) -> list[str]:
    files = (public_data / "finetune" / f"gsm8k_{part}.jsonl" for part in ("train", "test"))
    return [json.loads(line)["answer"] for file in files for line in file.read_text("utf-8").splitlines()]


def test_none_of_the_true_annotations_of_gsm8k_is_accused(public_data: Path) -> None:
    found = [step.right for answer in _answers(public_data) for step in steps(answer)]
    assert len(found) == 27_998
    assert all(found)  # neither wrong nor unreadable


@pytest.mark.parametrize("seed", range(3))
def test_planted_wrong_results_are_found(public_data: Path, seed: int) -> None:
    chance = random.Random(seed)
    annotations = [one for answer in _answers(public_data) for one in ANNOTATION.findall(answer)]
    found = 0
    for annotation in chance.sample(annotations, 500):
        expression, _, result = annotation.partition("=")
        planted = Decimal(result) + chance.choice([-10, -2, -1, 1, 2, 10])
        found += [step.right for step in steps(f"<<{expression}={planted}>>")] == [False]
    assert found >= 498
