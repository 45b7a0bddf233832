"""The exceptions that a person can meet: what was wrong, the value, and how to mend it.

Every one is picklable (Prefect carries exceptions between processes), and the command prints them
without a traceback. A bug raises anything else and keeps its traceback.
"""

from __future__ import annotations

from typing import Any


class FreshetError(Exception):
    """Something a person can mend.

    Args:
        what: what was wrong, naming the thing and its value.
        mend: the next command or the change that mends it.
    """

    def __init__(self, what: str, mend: str = "") -> None:
        """Keeps both texts; the class says what they are."""
        super().__init__(what, mend)
        self.what = what
        self.mend = mend

    def __str__(self) -> str:
        """The error as a person reads it: what was wrong and, on a line of its own, what to do."""
        return f"{self.what}\n  {self.mend}" if self.mend else self.what


class SettingsError(FreshetError):
    """freshet.yaml, the environment or a command's argument cannot be used as it stands."""


class MissingExtra(FreshetError):
    """An optional dependency is needed that is not installed."""


class SourceError(FreshetError):
    """A source cannot be listed or read."""


class StoreError(FreshetError):
    """The store does not hold what was asked of it, or what it holds is damaged."""


class DamagedTable(StoreError, RuntimeError):
    """A table of the store cannot be opened."""


class StoreUnreachable(StoreError, OSError):
    """The store's bucket does not answer, or lets nobody in. An OSError, since it may pass."""


class CorpusBusy(StoreError):
    """Another writer holds the corpus."""


class ConcurrentWriter(StoreError):
    """A table moved under a writer that should have been alone: nothing was published."""


class EmbeddingError(FreshetError):
    """The model cannot be loaded, or its vectors are unusable."""


class ModelFailed(FreshetError):
    """A language model cannot be loaded or reached, or answers what is no answer."""


class ServerGone(FreshetError):
    """The Prefect server stopped answering in the middle of a run."""


class RunCancelled(FreshetError):
    """Somebody cancelled the run; nothing was published."""


class RefreshRejected(FreshetError):
    """The gate refused to publish what a refresh built; readers stay where they were.

    Args:
        report: the refresh's report, JSON-able.
        reasons: why; the first three are told.
    """

    def __init__(self, report: dict[str, Any], reasons: list[str]) -> None:
        """Makes the message of the report and the first three reasons."""
        corpus, release = report["corpus"], report["release"]
        super().__init__(
            f"the gate rejected the refresh of {corpus}: {'; '.join(reasons[:3])}",
            f"Readers stay at {f'release {release}' if release else 'no release'}. "
            f"See artifact refresh-{corpus}, mend the cause, then type: freshet refresh {corpus}",
        )
        self.args = (report, reasons)
        self.report = report


class NothingListed(FreshetError):
    """A refresh could list none of its sources to the end, and there is no release that goes on serving.

    Args:
        report: the refresh's report, JSON-able.
    """

    def __init__(self, report: dict[str, Any]) -> None:
        """Makes the message of the report's first source that could not be listed."""
        failed = [source for source in report["sources"] if not source["complete"]]
        first, more = failed[0], f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        super().__init__(
            f"source {first['source']}{more} could not be listed to the end: {first['error']}",
            f"Readers of {report['corpus']} see no release yet. Mend the source, then type: "
            f"freshet refresh {report['corpus']}",
        )
        self.args = (report,)
        self.report = report


class VersionRejected(FreshetError):
    """The gate refused to publish what a build made; the version before stays live.

    Args:
        report: the build's report, JSON-able.
        reasons: why; the first three are told.
    """

    def __init__(self, report: dict[str, Any], reasons: list[str]) -> None:
        """Makes the message of the report and the first three reasons."""
        dataset, version = report["dataset"], report["version"]
        super().__init__(
            f"the gate rejected the build of {dataset}: {'; '.join(reasons[:3])}",
            f"{f'Version {version} stays live' if version else 'There is no version yet'}. "
            f"See artifact version-{dataset}, mend the cause, then type: freshet dataset build {dataset}",
        )
        self.args = (report, reasons)
        self.report = report


class BackfillFailed(FreshetError):
    """Windows of a backfill failed, or had to wait in vain; the others are done.

    Args:
        report: the backfill's report, JSON-able.
        failures: what failed; the first three are told.
        mend: what to type.
    """

    def __init__(self, report: dict[str, Any], failures: list[str], mend: str) -> None:
        """Makes the message of the first three failures."""
        more = f"; and {len(failures) - 3} more" if len(failures) > 3 else ""
        super().__init__(f"not all of the backfill is done: {'; '.join(failures[:3])}{more}", mend)
        self.args = (report, failures, mend)
        self.report = report


class AccessCheckFailed(FreshetError):
    """Who may see a hit could not be established, so nothing is shown."""
