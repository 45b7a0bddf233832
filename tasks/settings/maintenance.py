"""What freshet.yaml may say of how long the store keeps what nobody needs any more."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from freshet.tasks.settings.types import Count, Duration, Strict


class Maintenance(Strict):
    """How long maintenance keeps what nobody needs any more."""

    keep_releases: Count = Field(
        10, ge=1, le=1000, description="newest published releases of each corpus that one can roll back to"
    )
    grace: Duration = Field(
        timedelta(days=1), description="how long readers may go on reading a release after the next one is live"
    )
    keep_elements: Duration = Field(
        timedelta(days=30), description="how long the parsed text of a document is kept that no document has any more"
    )
    keep_quarantine: Duration = Field(
        timedelta(days=90), description="how long the parsed text of a refused document is kept; it waits on without it"
    )
    keep_reports: Duration = Field(
        timedelta(days=90), description="how long report pages are kept, but those on the live release"
    )
