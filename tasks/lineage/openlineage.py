"""What OpenLineage events speak of: jobs, runs and data, and how they are named."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote, urlsplit
from uuid import NAMESPACE_URL, UUID, uuid5

from freshet.tasks.errors import FreshetError
from freshet.tasks.settings.addresses import escaped, mask_credentials, without_credentials

EventType = Literal["START", "COMPLETE", "FAIL", "ABORT"]
NAMESPACE = "freshet"
PRODUCER = "urn:freshet:lineage"
"""A URI that says what made the event; there is nothing to fetch from it."""

_SHELL_ADDRESS = re.compile(r"(?:[\w.-]+@)([\w.-]+):(?!//)(.+)")
"""An address as git and ssh take it: `git@host:team/repository.git`."""


@dataclass(frozen=True)
class Assertion:
    """What a gate asked of a dataset.

    Attributes:
        rule: code of the rule, or name of the threshold.
        passed: whether it was kept.
        severity: `block` or `warn`.
        expected, actual: figures, never texts.
    """

    rule: str
    passed: bool
    severity: str = "block"
    expected: str | None = None
    actual: str | None = None


@dataclass(frozen=True)
class Data:
    """A dataset in OpenLineage's sense: a source, a file of rows, a corpus, a dataset, an export.

    Attributes:
        namespace, name: what tells it apart, everywhere and for good; of an address, see `locate`.
        version: commit, hash, release or version number; None where nobody can say.
        source: what people call the source or input; None for what Freshet makes.
        uri: its address; credentials are taken out.
        tags: short facts without a facet of their own: licence, uses, format.
        columns: name and type of each column, in order.
        rows, files, size: how many rows and files, and bytes, were read or written.
        row_count: rows that it holds, in all.
        assertions: what the gate found, for outputs.
    """

    namespace: str
    name: str
    version: str | None = None
    description: str | None = None
    source: str | None = None
    uri: str | None = None
    owners: Sequence[str] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    columns: Sequence[tuple[str, str]] = ()
    rows: int | None = None
    files: int | None = None
    size: int | None = None
    row_count: int | None = None
    assertions: Sequence[Assertion] = ()


@dataclass(frozen=True)
class Job:
    """What runs, like `refresh-index.handbook`.

    Attributes:
        description: one sentence about what it does.
        owners: who answers for it.
    """

    name: str
    namespace: str = NAMESPACE
    description: str | None = None
    owners: Sequence[str] = ()


def refresh_job(corpus: str, namespace: str = NAMESPACE) -> Job:
    """Returns the job that refreshes a corpus."""
    return Job(f"refresh-index.{corpus}", namespace, f"Brings corpus {corpus} up to its sources and releases it.")


def version_job(dataset: str, namespace: str = NAMESPACE, description: str = "") -> Job:
    """Returns the job that builds a dataset."""
    return Job(f"version-dataset.{dataset}", namespace, description or f"Builds and publishes dataset {dataset}.")


def locate(address: str) -> tuple[str, str]:
    """Namespace and name of an address, as OpenLineage's naming rules have it.

    `s3://bucket/a/b` is `a/b` in `s3://bucket`. A path is in `file`, as written in the settings: relative to them,
    so that it says nothing of this machine and is the same on the next.
    """
    plain = without_credentials(address).rpartition("::")[2]
    if shell := _SHELL_ADDRESS.fullmatch(plain):
        return f"ssh://{shell[1]}", shell[2]
    parts = urlsplit(plain) if "://" in plain else None
    if parts is None or parts.scheme == "file":
        return "file", (parts.path if parts else plain) or "/"
    name = parts.path.lstrip("/") + (f"?{parts.query}" if parts.query else "")
    return f"{parts.scheme}://{parts.netloc}", name or "/"


def source_data(address: str, **facts: Any) -> Data:
    """A source, or a file of rows, by its address as written in the settings.

    Args:
        facts: more of the fields of `Data`.
    """
    namespace, name = locate(address)
    return Data(namespace, name, uri=without_credentials(address), **facts)


def corpus_data(corpus: str, release: int | None, namespace: str = NAMESPACE, **facts: Any) -> Data:
    """What readers see of a corpus: a release of it."""
    return Data(namespace, f"corpora/{corpus}", None if release is None else str(release), **facts)


def dataset_data(dataset: str, version: str | None, namespace: str = NAMESPACE, **facts: Any) -> Data:
    """Returns a version of a dataset as a piece of data, with what is known of it."""
    return Data(namespace, f"datasets/{dataset}", version, **facts)


def export_data(dataset: str, version: str, kind: str, namespace: str = NAMESPACE, **facts: Any) -> Data:
    """Returns an export of a version as a piece of data, with what is known of it."""
    return Data(namespace, f"datasets/{dataset}/exports/{kind}", version, **facts)


def as_uri(address: str) -> str:
    """An address as a URI, which the standard wants: a path becomes `file:` and itself, its characters escaped."""
    plain = quote(without_credentials(address), safe="/:?&=#%@+,;~*!$'()[]")
    return plain if "://" in plain or _SHELL_ADDRESS.fullmatch(plain) else f"file:{plain}"


def run_uuid(run_id: str) -> str:
    """The run's id as OpenLineage wants it: a flow run's own, and for any other text a UUID that follows from it."""
    try:
        return str(UUID(run_id))
    except ValueError:
        return str(uuid5(NAMESPACE_URL, f"{PRODUCER}:{quote(run_id)}"))


def why(error: BaseException) -> str:
    """What an event may say of an error.

    What Freshet says of its own errors holds no text and no secret; any other error may quote what it stumbled
    over, so that its kind must do.
    """
    kind = type(error).__name__
    return f"{kind}: {escaped(mask_credentials(error.what))}" if isinstance(error, FreshetError) else kind
