"""OpenLineage run events (2-0-2), built with its Python client: what ran, from what, to what.

Events name things, count them and say what the gate made of them. They hold no text, no path of this machine and no
credentials. Loading the client takes a tenth of a second, so it is imported where events are built.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from freshet.tasks.lineage.openlineage import PRODUCER, Assertion, Data, EventType, Job, as_uri, run_uuid
from freshet.tasks.settings.addresses import mask_credentials

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset, OutputDataset, RunEvent


def build_event(
    event_type: EventType,
    job: Job,
    run_id: str,
    at: datetime,
    *,
    nominal_time: datetime | None = None,
    inputs: Sequence[Data] = (),
    outputs: Sequence[Data] = (),
    error: str | None = None,
) -> dict[str, Any]:
    """A run event, as JSON has it.

    Args:
        at: when it happened, with a time zone.
        nominal_time: the moment that the run speaks for.
        error: why the run failed or was stopped.
    """
    from openlineage.client import event_v2
    from openlineage.client.serde import Serde

    event: RunEvent = event_v2.RunEvent(
        eventType=event_v2.RunState[event_type],
        eventTime=_moment(at),
        producer=PRODUCER,
        run=event_v2.Run(run_uuid(run_id), _run_facets(nominal_time, error)),
        job=event_v2.Job(job.namespace, job.name, _job_facets(job)),
        inputs=[_input(one) for one in inputs],
        outputs=[_output(one) for one in outputs],
    )
    return Serde.to_dict(event)


def _moment(at: datetime) -> str:
    """A moment as events write it: in UTC, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _run_facets(nominal_time: datetime | None, error: str | None) -> dict[str, Any]:
    from importlib.metadata import version

    from openlineage.client import facet_v2 as facets

    engine = facets.processing_engine_run.ProcessingEngineRunFacet(version("prefect"), "Prefect", producer=PRODUCER)
    found: dict[str, Any] = {"processing_engine": engine}
    if nominal_time is not None:
        found["nominalTime"] = facets.nominal_time_run.NominalTimeRunFacet(_moment(nominal_time), producer=PRODUCER)
    if error is not None:
        found["errorMessage"] = facets.error_message_run.ErrorMessageRunFacet(
            message=error, programmingLanguage="python", producer=PRODUCER
        )
    return found


def _job_facets(job: Job) -> dict[str, Any]:
    from openlineage.client import facet_v2 as facets

    kind = facets.job_type_job.JobTypeJobFacet(
        processingType="BATCH", integration="PREFECT", jobType="FLOW", producer=PRODUCER
    )
    found: dict[str, Any] = {"jobType": kind}
    if job.description:
        found["documentation"] = facets.documentation_job.DocumentationJobFacet(job.description, producer=PRODUCER)
    if job.owners:
        owners = [facets.ownership_job.Owner(name) for name in job.owners]
        found["ownership"] = facets.ownership_job.OwnershipJobFacet(owners, producer=PRODUCER)
    return found


def _input(data: Data) -> InputDataset:
    from openlineage.client import event_v2
    from openlineage.client import facet_v2 as facets

    counts: dict[str, Any] = {}
    if (data.rows, data.size, data.files) != (None, None, None):
        counts["inputStatistics"] = facets.input_statistics_input_dataset.InputStatisticsInputDatasetFacet(
            rowCount=data.rows, size=data.size, fileCount=data.files, producer=PRODUCER
        )
    return event_v2.InputDataset(data.namespace, data.name, counts, facets=_dataset_facets(data))


def _output(data: Data) -> OutputDataset:
    from openlineage.client import event_v2
    from openlineage.client import facet_v2 as facets

    counts: dict[str, Any] = {}
    if (data.rows, data.size, data.files) != (None, None, None):
        counts["outputStatistics"] = facets.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
            rowCount=data.rows, size=data.size, fileCount=data.files, producer=PRODUCER
        )
    return event_v2.OutputDataset(data.namespace, data.name, counts, facets=_dataset_facets(data))


def _dataset_facets(data: Data) -> dict[str, Any]:
    from openlineage.client import facet_v2 as facets

    found: dict[str, Any] = {}
    if data.version is not None:
        found["version"] = facets.dataset_version_dataset.DatasetVersionDatasetFacet(data.version, producer=PRODUCER)
    if data.description:
        found["documentation"] = facets.documentation_dataset.DocumentationDatasetFacet(
            data.description, producer=PRODUCER
        )
    if data.source is not None or data.uri is not None:
        name = None if data.source is None else mask_credentials(data.source)
        uri = None if data.uri is None else as_uri(data.uri)
        found["dataSource"] = facets.datasource_dataset.DatasourceDatasetFacet(name=name, uri=uri, producer=PRODUCER)
    if data.owners:
        owners = [facets.ownership_dataset.Owner(name) for name in data.owners]
        found["ownership"] = facets.ownership_dataset.OwnershipDatasetFacet(owners, producer=PRODUCER)
    if data.tags:
        tags = [
            facets.tags_dataset.TagsDatasetFacetFields(key, value, source="FRESHET") for key, value in data.tags.items()
        ]
        found["tags"] = facets.tags_dataset.TagsDatasetFacet(tags, producer=PRODUCER)
    if data.columns:
        columns = [facets.schema_dataset.SchemaDatasetFacetFields(name, kind) for name, kind in data.columns]
        found["schema"] = facets.schema_dataset.SchemaDatasetFacet(columns, producer=PRODUCER)
    if data.row_count is not None:
        found["dataQualityMetrics"] = facets.data_quality_metrics_dataset.DataQualityMetricsDatasetFacet(
            {}, rowCount=data.row_count, producer=PRODUCER
        )
    if data.assertions:
        found["dataQualityAssertions"] = _assertions(data.assertions)
    return found


def _assertions(assertions: Sequence[Assertion]) -> Any:
    from openlineage.client.facet_v2 import data_quality_assertions_dataset as quality

    severities = {"block": "error"}
    rows = [
        quality.Assertion(
            assertion=one.rule,
            success=one.passed,
            severity=severities.get(one.severity, one.severity),
            expected=one.expected,
            actual=one.actual,
        )
        for one in assertions
    ]
    return quality.DataQualityAssertionsDatasetFacet(rows, producer=PRODUCER)
