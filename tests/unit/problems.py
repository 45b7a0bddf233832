"""What is wrong with a freshet.yaml, as `freshet check` and as loading it tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from freshet.tasks.errors import SettingsError
from freshet.tasks.settings.file import Problem, find_problems, load_project

JARGON = ("Input should be", "type=", "pydantic", "errors.", "Traceback", "NoneType", "dict", "bool", "str ")


def problems_of(file: Path) -> list[Problem]:
    """The problems, after seeing that loading tells the same ones and that none speaks in jargon."""
    problems = find_problems(file)
    if [problem for problem in problems if not _is_absent_source(problem)]:
        with pytest.raises(SettingsError) as caught:
            load_project(file)
        assert all(str(problem) in str(caught.value) for problem in problems)
        assert [word for word in JARGON if word in str(caught.value)] == []
    else:
        load_project(file)
    assert all(problem.what and problem.mend for problem in problems)
    return problems


def only_problem_of(file: Path) -> Problem:
    problems = problems_of(file)
    assert len(problems) == 1, problems
    return problems[0]


def _is_absent_source(problem: Problem) -> bool:
    """A source may be out of reach for a while: the file is wrong only to whoever checks it."""
    return "sources[" in problem.where and problem.what.endswith("does not exist")
