"""Whether a build can be left out, since the last one came to the live version from the same state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshet.tasks.datasets.versions.exports import has_exports
from freshet.tasks.ledger.builds import last_build
from freshet.tasks.ledger.versions import Version, live_version

if TYPE_CHECKING:
    from freshet.tasks.runs.run import BuildRun


def still_live(run: BuildRun, fingerprint: str) -> Version | None:
    """Returns the live version if another build would come to it: nothing changed since, and its exports are there.

    Args:
        fingerprint: of the build (`build_fingerprint`).
    """
    last, live = last_build(run.store, run.dataset), live_version(run.store, run.dataset)
    if last is None or live is None or last["outcome"] == "rejected":
        return None
    same = last["fingerprint"] == fingerprint and last["version"] == live.version
    return live if same and has_exports(run.store, live) else None
