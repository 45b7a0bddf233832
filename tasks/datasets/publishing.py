"""The end of a build: what version it would be, what the gate says of it, and its publication or refusal.

Rooms are imported where they are used, since this module is loaded with the flow, and their libraries take seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from freshet.tasks.datasets.stage import stage_of
from freshet.tasks.rules.rulebook import tuned_rules
from freshet.tasks.rules.verdicts import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from freshet.tasks.datasets.assembly.assembled import Assembled
    from freshet.tasks.datasets.versions.candidate import Candidate
    from freshet.tasks.ledger.versions import Version, VersionFacts
    from freshet.tasks.runs.run import BuildRun


def propose_version(run: BuildRun, assembled: Assembled) -> Candidate:
    """Returns what the build would publish, and how that differs from the live version."""
    from freshet.tasks.datasets.versions.candidate import propose

    measured = _measured(run, assembled)
    return propose(
        run.store, assembled, run.dataset, run.settings, as_of=run.as_of, measured=measured, backdated=run.backdated
    )


def _measured(run: BuildRun, assembled: Assembled) -> dict[str, Any]:
    """Returns what the steps of the build counted, for the card."""
    from freshet.tasks.datasets.card.measured import Measured
    from freshet.tasks.datasets.checks.counts import RowCounts

    stage = stage_of(run)
    counted = stage.noted("rows")
    rows = RowCounts(**{**counted, "lengths": tuple(counted["lengths"])})
    unjudged = stage.noted("benchmarks").get("unjudged", 0)
    return Measured.of(rows, marked=assembled.marked, too_short_to_compare=unjudged).as_dict()


def examine_version(run: BuildRun, candidate: Candidate, assembled: Assembled) -> list[Verdict]:
    """Returns the verdicts of the gate on a candidate, and those of Great Expectations on its rows."""
    from freshet.expectations.examples import example_suite
    from freshet.tasks.datasets.split import Splits
    from freshet.tasks.datasets.versions.example_numbers import example_numbers
    from freshet.tasks.datasets.versions.gate import judge_version
    from freshet.tasks.rules.suites import validate

    rules, counted, splits = tuned_rules(run.settings), stage_of(run).noted("rows"), Splits.load(run.folder)
    found = list(
        judge_version(
            candidate.facts,
            run.settings,
            rules,
            before=0 if candidate.previous is None else candidate.previous.facts.rows["kept"],
            lost_files=_lost_files(run, candidate),
            is_torn=not splits.groups_are_whole(),
            longer_chosen=counted.get("longer_chosen", 0),
            pairs=counted.get("longer_chosen", 0) + counted.get("longer_rejected", 0),
        )
    )
    for checked in validate([(example_suite(), example_numbers(assembled.kept, run.folder))]):
        found += checked.verdicts()
    return found


def _lost_files(run: BuildRun, candidate: Candidate) -> list[str]:
    """Returns the files that the version before has rows of, and that cannot be read at all now."""
    from freshet.tasks.datasets.loading.load import unreadable_files

    held = () if candidate.previous is None else candidate.previous.facts.sources
    return sorted({one["uri"] for one in held if one["rows_kept"]} & unreadable_files(stage_of(run)))


def publish_version(run: BuildRun, candidate: Candidate, assembled: Assembled, refused: Sequence[str]) -> Version:
    """Publishes the version with its exports, or records why it is refused.

    Args:
        refused: why the gate refuses the candidate; empty if it does not.
    """
    from freshet.tasks.datasets.versions import publish

    now = datetime.now(UTC)
    if refused:
        return publish.record_rejected(run.store, assembled, candidate, refused, run_id=run.run_id, now=now)
    return publish.publish(run.store, assembled, candidate, _describe, run_id=run.run_id, now=now)


def _describe(folder: Path, facts: VersionFacts) -> None:
    """Writes the card and the metadata into a version's folder."""
    from freshet.tasks.datasets.card.describe import write_description

    write_description(folder, facts, published=facts.settings.get("published"))


def record_lineage(run: BuildRun, version: Version) -> None:
    """Records what the version was made from; called again, it adds only what a killed build left out."""
    from freshet.tasks.lineage.version_contents import record_version

    record_version(
        run.store,
        run.dataset,
        version.version,
        table_version=version.table_version,
        exports=version.exports,
        run=run.run_id,
        now=datetime.now(UTC),
    )
