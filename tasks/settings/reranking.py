"""What freshet.yaml may say of a second look at what a search has found."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from freshet.tasks.settings.generation import ModelChoice
from freshet.tasks.settings.types import Count, Duration, Strict


class Reranker(Strict):
    """A cross-encoder, which reads question and passage together and puts the best passages of a search in order."""

    model: ModelChoice = Field(
        description="the folder of a cross-encoder of sentence-transformers, the name of one in the local cache, or a "
        "server that speaks the /rerank protocol"
    )
    candidates: Count = Field(50, ge=2, le=1000, description="how many passages of a search it puts in order")
    timeout: Duration = Field(timedelta(seconds=10), description="time that it may take for one question")
