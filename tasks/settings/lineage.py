"""What freshet.yaml may say of where the record of runs goes."""

from __future__ import annotations

from pydantic import Field

from freshet.tasks.settings.types import Strict, Text


class Lineage(Strict):
    """Where the record of runs goes besides the store."""

    endpoint: Text | None = Field(
        None, description="URL of an OpenLineage server, like Marquez, that events are sent to; without one, none are"
    )
    namespace: Text = Field("freshet", description="namespace of the jobs in OpenLineage events")
