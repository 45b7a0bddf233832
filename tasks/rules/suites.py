"""Runs suites of the rule book through Great Expectations, and takes no answer of it on trust.

Results are counted against what was declared, not against GX's suite, which keeps one of two equal
expectations and says nothing. An expectation that raises, that is missing from the results, or that looked
at another number of rows than it was given, is a finding of its own (GATE-SUITE).

Tables come in batches, whose results are added up: memory depends on the batch. A suite must therefore speak
of single rows; what takes the whole table to know, such as whether an id repeats, comes as a column.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from freshet.expectations.declared import Declared, Suite
from freshet.tasks.rules.verdicts import Verdict, verdict

if TYPE_CHECKING:
    import pyarrow as pa

NAMED = 5
"""Rows that a verdict names, of those that it concerns."""

UNANSWERED = "GATE-SUITE"


@dataclass
class Tally:
    """What came of one expectation over all batches of its table.

    Attributes:
        rows: looked at.
        failed: of these, rows in which it does not hold.
        first: ids of the first rows in which it does not hold.
        fault: why nobody knows whether it holds; None where that is known.
        configuration: the expectation as GX answered for it, for its report.
    """

    declared: Declared
    rows: int = 0
    failed: int = 0
    first: list[str] = field(default_factory=list)
    fault: str | None = None
    configuration: Any = None


@dataclass(frozen=True)
class Checked:
    """One suite and what came of it."""

    suite: Suite
    rows: int
    tallies: list[Tally]

    @property
    def holds(self) -> bool:
        """Whether every expectation held, and none could not be evaluated."""
        return not any(tally.failed or tally.fault for tally in self.tallies)

    def verdicts(self) -> list[Verdict]:
        """One verdict for each rule that is broken, and one for each expectation that gave no answer."""
        found = []
        for code in dict.fromkeys(tally.declared.code for tally in self.tallies):
            broken = [tally for tally in self.tallies if tally.declared.code == code and tally.failed]
            if broken:
                failed = {" and ".join(tally.declared.columns): tally.failed for tally in broken}
                first = list(dict.fromkeys(row for tally in broken for row in tally.first))[:NAMED]
                found.append(verdict(code, table=self.suite.name, failed=failed, first=first))
        for tally in self.tallies:
            if tally.fault:
                found.append(
                    verdict(UNANSWERED, table=self.suite.name, expectation=tally.declared.key, fault=tally.fault)
                )
        return found


def validate(checks: Iterable[tuple[Suite, Iterable[pa.Table]]]) -> list[Checked]:
    """Holds tables to their suites, in one context of Great Expectations for all.

    Args:
        checks: suites, each with its table in batches of facts; a batch is in memory at a time.
    """
    import great_expectations as gx  # sets up its logging, so that it comes before the silence

    with _quiet():
        context = gx.get_context(mode="ephemeral")
        try:
            context.variables.progress_bars = {"globally": False, "metric_calculations": False}  # type: ignore[assignment]
            source = context.data_sources.add_pandas("freshet")
            return [_check(gx, context, source, suite, batches) for suite, batches in checks]
        finally:
            _forget(context)


@contextmanager
def _quiet() -> Iterator[None]:
    """GX warns of what is meant so, such as an expectation that looks at no row; some of its loggers set own levels."""
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "great_expectations"]
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


def _forget(context: Any) -> None:
    """Each context makes a folder for a site that nobody asked for, and leaves it."""
    import shutil

    for site in (context.variables.data_docs_sites or {}).values():
        shutil.rmtree(site["store_backend"]["base_directory"], ignore_errors=True)


def _check(gx: Any, context: Any, source: Any, suite: Suite, batches: Iterable[pa.Table]) -> Checked:
    tallies = {declared.key: Tally(declared) for declared in suite.declared}
    made = context.suites.add(gx.ExpectationSuite(suite.name))
    for tally in tallies.values():
        _add(made, tally)
    whole = source.add_dataframe_asset(suite.name).add_batch_definition_whole_dataframe("batch")
    wanted = {
        "result_format": "COMPLETE",
        "unexpected_index_column_names": [suite.identity],
        "exclude_unexpected_values": True,
    }
    rows = 0
    for batch in batches:
        frame = whole.get_batch(batch_parameters={"dataframe": batch.to_pandas()})
        results = frame.validate(made, result_format=wanted).results
        _count(tallies, results, batch.num_rows, suite.identity)
        rows += batch.num_rows
    return Checked(suite, rows, list(tallies.values()))


def _add(suite: Any, tally: Tally) -> None:
    import great_expectations.expectations as kinds

    declared = tally.declared
    try:
        kind = getattr(kinds, declared.kind)
        suite.add_expectation(kind(**declared.arguments, meta={"code": declared.code, "key": declared.key}))
    except Exception as error:
        # Whatever is wrong with one expectation, the others are still asked.
        tally.fault = f"could not be made: {type(error).__name__}"


def _count(tallies: dict[str, Tally], results: Sequence[Any], rows: int, identity: str) -> None:
    answers = {(result.expectation_config.meta or {}).get("key"): result for result in results}
    for key, tally in tallies.items():
        result = answers.get(key)
        if result is None:
            tally.fault = tally.fault or "is missing from the results"
            continue
        tally.configuration = result.expectation_config
        found = result.result or {}
        if raised := _raised(result.exception_info):
            tally.fault = f"raised {raised}"
        elif found.get("element_count") != rows or (not result.success) != bool(found.get("unexpected_count")):
            tally.fault = f"answered for {found.get('element_count', 'no')} rows of {rows}"
        else:
            tally.rows += rows
            tally.failed += found["unexpected_count"]
            tally.first += _named(found, identity, NAMED - len(tally.first))


def _raised(information: Any) -> str | None:
    """The kind of error that an expectation raised. Its message may quote a value, so it is left out."""
    parts = [information] if "raised_exception" in (information or {}) else list((information or {}).values())
    for part in parts:
        if part.get("raised_exception"):
            kinds = re.findall(r"^(?:\w+\.)*(\w*(?:Error|Exception)\w*)\b", part.get("exception_traceback") or "", re.M)
            return str(kinds[0]) if kinds else "an error"
    return None


def _named(found: dict[str, Any], identity: str, most: int) -> list[str]:
    """Ids of the first rows in which it does not hold."""
    names: list[str] = []
    for entry in found.get("unexpected_index_list") or []:
        values = entry[identity] if isinstance(entry, dict) else entry
        names += [str(value) for value in (values if isinstance(values, list) else [values])]
        if len(names) >= most:
            break
    return names[: max(0, most)]
