"""What freshet.yaml may say of how answers are made, and of what is kept of the questions."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field

from freshet.tasks.settings.types import Count, Duration, Strict, Text

EXTRACTIVE, BUNDLED = "extractive", "bundled"
"""The models that need no address: the best sentences, quoted; and the small one that `freshet model add` fetches."""


class Endpoint(Strict):
    """A language model behind an address that speaks the OpenAI protocol."""

    endpoint: Text = Field(description="base URL of the server, like https://models.example.org/v1")
    name: Text = Field(description="name of the model, as the server calls it")
    api_key: Text | None = Field(None, description="key of the server, best as a variable: ${KEY}; nothing by default")


class Generation(Strict):
    """How answers are made."""

    model: Text | Endpoint = Field(
        EXTRACTIVE,
        description="`extractive` (the best sentences, quoted), `bundled` (a small model in the process), the path of "
        "a GGUF file, or a server that speaks the OpenAI protocol",
    )
    prompt: Text | None = Field(
        None, description="Jinja2 template of the prompt, relative to the settings file; by default, Freshet's own"
    )
    max_tokens: Count = Field(400, ge=16, le=8192, description="longest answer, in tokens of the model")
    context_tokens: Count = Field(
        2048, ge=512, le=1_000_000, description="longest prompt and answer together, in tokens of the model"
    )
    timeout: Duration = Field(timedelta(minutes=1), description="time that the model may take for an answer")
    retries: Count = Field(2, ge=0, le=10, description="how often a server that failed is asked again")


class QueryLog(Strict):
    """What is kept of the questions that were asked."""

    keep: Duration = Field(timedelta(days=90), description="how long the record of a question is kept")
    questions: Literal["redacted", "hashed", "full"] = Field(
        "redacted",
        description="what is kept of a question's text: redacted, without personal data and secrets; hashed, none "
        "of it; full, all of it",
    )
