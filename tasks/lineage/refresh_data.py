"""What a refresh read and published, as its events say it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from freshet.tasks.lineage.openlineage import NAMESPACE, Assertion, Data, corpus_data, source_data
from freshet.tasks.store import schemas

if TYPE_CHECKING:
    from freshet.tasks.ledger.runs import RefreshReport
    from freshet.tasks.rules.verdicts import Verdict
    from freshet.tasks.runs.run import RefreshRun
    from freshet.tasks.settings.project import FolderSource, GitSource


def refresh_inputs(
    sources: Mapping[str, FolderSource | GitSource],
    listed: Iterable[Mapping[str, Any]],
    versions: Mapping[str, str] | None = None,
) -> list[Data]:
    """The sources of a refresh, one each, in the order in which they were listed.

    Args:
        sources: their settings by name.
        listed: `source` and `listed` of each, as a refresh's report has them.
        versions: the source's own version, such as a commit, where it has one.
    """
    known = versions or {}
    found = []
    for row in listed:
        settings = sources[row["source"]]
        tags = {"uses": ", ".join(settings.uses), **({"licence": settings.licence} if settings.licence else {})}
        found.append(
            source_data(
                settings.address,
                source=row["source"],
                version=known.get(row["source"]),
                owners=[settings.owner],
                tags=tags,
                files=row["listed"],
            )
        )
    return found


def refresh_outputs(run: RefreshRun, report: RefreshReport, verdicts: Iterable[Verdict]) -> list[Data]:
    """What a refresh published, or what the gate kept from being published; nothing where it changed nothing.

    Args:
        verdicts: what the gate found.
    """
    if report.outcome not in ("released", "rejected"):
        return []
    output = refresh_output(
        run.corpus,
        report.release if report.outcome == "released" else None,
        documents=report.documents["added"] + report.documents["changed"],
        chunks=report.chunks,
        verdicts=verdicts,
        namespace=run.project.settings.lineage.namespace,
    )
    return [output]


def refresh_output(
    corpus: str,
    release: int | None,
    *,
    documents: int,
    chunks: int,
    verdicts: Iterable[Verdict] = (),
    namespace: str = NAMESPACE,
) -> Data:
    """What a refresh published, or would have published: then `release` is None, and `verdicts` say why not.

    Args:
        documents: how many the refresh added or changed.
        chunks: how many the corpus holds now.
        verdicts: what the gate found.
    """
    columns = [(one.name, str(one.type)) for one in schemas.chunk_rows()]
    return corpus_data(
        corpus,
        release,
        namespace,
        description=f"What readers see of corpus {corpus}.",
        columns=columns,
        rows=documents,
        row_count=chunks,
        assertions=assertions_of(verdicts),
    )


def assertions_of(verdicts: Iterable[Verdict]) -> list[Assertion]:
    """What a gate found, by rule: figures alone, since a verdict's evidence may name what not everybody may see."""
    return [
        Assertion(one.code, passed=False, severity=one.severity)
        for one in verdicts
        if one.severity in ("block", "warn")
    ]
