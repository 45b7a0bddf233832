"""Batches are prepared ahead of their use: the next one is parsed while one is embedded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from freshet.tasks.documents.batch import PreparedBatch
from freshet.tasks.documents.planning.refresh import PlannedRefresh
from freshet.tasks.documents.steps import prepare_batch, restate_batch
from freshet.tasks.runs.run import RefreshRun
from freshet.tasks.runs.runners import open_task_runner

BATCHES_AHEAD = 1
"""Batches that are parsed while an earlier one is embedded: more of them take memory, and end no sooner."""


def prepared_batches(run: RefreshRun, plan: PlannedRefresh) -> Iterator[tuple[str, PreparedBatch]]:
    """The batches of a plan, each with its name, in order: first what is to be restated, then what is to be read."""
    steps = [(restate_batch, plan.restated, part, f"restated-{i}") for i, part in enumerate(plan.restated_batches)]
    steps += [(prepare_batch, plan.work, part, f"batch-{i}") for i, part in enumerate(plan.batches)]
    waiting: deque[tuple[str, Any]] = deque()
    with open_task_runner(run.project.settings.task_runner, BATCHES_AHEAD + 1) as runner:
        for step, file, part, name in steps:
            waiting.append((name, runner.submit(step, {"run": run, "file": file, "part": part, "name": name})))
            if len(waiting) > BATCHES_AHEAD:
                done, future = waiting.popleft()
                yield done, future.result()
        for done, future in waiting:
            yield done, future.result()
