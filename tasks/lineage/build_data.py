"""What a build of a dataset read and published, as its events say it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from freshet.tasks.lineage.openlineage import Data, corpus_data, dataset_data, export_data, source_data

if TYPE_CHECKING:
    from freshet.tasks.ledger.builds import BuildReport
    from freshet.tasks.runs.run import BuildRun


def build_inputs(run: BuildRun, files: Iterable[tuple[str, str | None, str]], corpora: Iterable[str]) -> list[Data]:
    """What a build read.

    Args:
        files: uri, version and name of the input of each file.
        corpora: names of the corpora that rows may derive from.
    """
    namespace = run.project.settings.lineage.namespace
    read = [source_data(uri, version=version, source=name) for uri, version, name in files]
    return [*read, *(corpus_data(name, None, namespace) for name in corpora)]


def build_outputs(run: BuildRun, report: BuildReport) -> list[Data]:
    """The version that a build published, and its exports; nothing where it published none."""
    if report.outcome != "published" or report.version is None:
        return []
    namespace, kept = run.project.settings.lineage.namespace, report.rows["kept"]
    exports = [export_data(run.dataset, report.version, one["kind"], namespace) for one in report.exports]
    return [dataset_data(run.dataset, report.version, namespace, row_count=kept, rows=kept), *exports]
