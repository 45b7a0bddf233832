"""What freshet.yaml may say of how answers are made, and of what is kept of the questions."""

from __future__ import annotations

import ipaddress
import re
from datetime import timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from freshet.tasks.settings.types import Count, Duration, Strict, Text

EXTRACTIVE, BUNDLED = "extractive", "bundled"
"""The models that need no address: the best sentences, quoted; and the small one that `freshet model add` fetches."""


class Endpoint(Strict):
    """A model behind an address: of language, by the OpenAI protocol, or of order, by the /rerank protocol."""

    endpoint: Text = Field(description="base URL of the server, like https://models.example.org/v1")
    name: Text = Field(description="name of the model, as the server calls it")
    api_key: Text | None = Field(
        None, repr=False, description="key of the server, best as a variable: ${KEY}; nothing by default"
    )

    @model_validator(mode="after")
    def _can_be_spoken_to(self) -> Endpoint:
        if fault := _address_fault(self.endpoint):
            raise _relation("endpoint", *fault)
        if self.api_key is not None and not re.fullmatch("[!-~]+", self.api_key):
            what = "api_key has white space or characters that no key can have"
            raise _relation("api_key", what, "look at the variable that it comes from: a line break counts as well")
        return self


def _address_fault(address: str) -> tuple[str, str] | None:
    """What is wrong with a server's address, and what to do; the address is not in it, since it may hold a password."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "endpoint is no URL", "write one like https://models.example.org/v1"
    if parts.scheme not in {"http", "https"} or not host or re.search(r"\s", address):
        return "endpoint is no URL of http or https with a host", "write one like https://models.example.org/v1"
    if parts.username is not None or parts.password is not None:
        return "endpoint holds a user or a password", "leave it out, and write api_key: ${NAME} for a key"
    if parts.query or parts.fragment:
        return "endpoint has something after ? or #", "leave it out, and write api_key: ${NAME} for a key"
    if (path := parts.path.rstrip("/")).endswith(("/completions", "/rerank")):
        base = path.removesuffix("/rerank").removesuffix("/completions").removesuffix("/chat")
        return "endpoint is the address of one call, not of the server", f"end it with {base or 'the host'}"
    return None


def is_this_machine(host: str) -> bool:
    """Whether a host is this machine, by its name or number."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _relation(key: str, what: str, mend: str) -> PydanticCustomError:
    # Braces of the texts are no places to fill.
    return PydanticCustomError("relation", "{what}", {"what": what, "key": key, "mend": mend})


NAMED, SERVED = "named model", "served model"
"""Tags of the two ways to write a model, as they occur in the locations of pydantic's errors."""


def _way(value: Any) -> str:
    return SERVED if isinstance(value, dict | Endpoint) else NAMED


ModelChoice = Annotated[
    Annotated[Text, Tag(NAMED)] | Annotated[Endpoint, Tag(SERVED)],
    Discriminator(_way),
]
"""What `model` may be: a name or path, or a server."""


class Generation(Strict):
    """How answers are made."""

    model: ModelChoice = Field(
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
