"""Each promise has tests that hold it, and they are there."""

from __future__ import annotations

import ast
import re

import pytest

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "promises.md").read_text("utf-8")
PROMISES = re.findall(r"^\d+\. \*\*(.*?)\*\*.*?(?=^\d+\. |^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
BLOCKS = [match[0] for match in re.finditer(r"^\d+\. \*\*.*?(?=^\d+\. |^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)]


@pytest.mark.parametrize("block", BLOCKS, ids=PROMISES)
def test_a_promise_names_tests_that_are_there(block: str) -> None:
    named = re.findall(r"^ +- `(.*?)::(.*?)`$", block, re.MULTILINE)
    assert named
    for file, function in named:
        tree = ast.parse((ROOT / "tests" / file).read_text("utf-8"))
        assert function in {one.name for one in tree.body if isinstance(one, ast.FunctionDef)}, f"{file}::{function}"


def test_all_promises_are_read() -> None:
    assert len(BLOCKS) == len(re.findall(r"^\d+\. ", PAGE, re.MULTILINE)) == 27
