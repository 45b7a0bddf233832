"""The embedding model of the project, for programs that speak OpenAI's interface."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

from fastapi import FastAPI
from pydantic import BaseModel, Field

from freshet.tasks.errors import SettingsError
from freshet.tasks.search.questions import LONGEST_QUESTION
from freshet.tasks.service.caller import NotThere
from freshet.tasks.service.openai_errors import TROUBLES
from freshet.tasks.settings.addresses import shown

DEFAULT = "default"
"""What the model may be called besides its name in the settings."""

MOST_TEXTS = 128

Text = Annotated[str, Field(min_length=1, max_length=LONGEST_QUESTION)]


class EmbeddingsRequest(BaseModel):
    """Texts whose vectors are wanted; parameters that are not named here change nothing."""

    input: Text | Annotated[list[Text], Field(min_length=1, max_length=MOST_TEXTS)]
    model: str = Field(max_length=1000, description="`embedding.model` of the settings, or `default`")
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = Field(None, description="that of the model, if anything")
    as_: None = Field(None, alias="as", description="nothing: who asks is what the token says")


def add_embeddings(app: FastAPI) -> None:
    """Adds `/v1/embeddings`."""

    @app.post(
        "/v1/embeddings",
        tags=["OpenAI"],
        summary="Vectors of texts, by the model of the settings",
        responses=TROUBLES,
    )
    def embeddings(body: EmbeddingsRequest) -> dict[str, Any]:
        named = app.state.desk.project.settings.embedding.model
        if body.model not in (named, DEFAULT):
            raise NotThere(f"there is no embedding model {shown(body.model)}", f"Name it {DEFAULT}.")
        texts = [body.input] if isinstance(body.input, str) else body.input
        vectors = app.state.desk.embed(texts)
        if body.dimensions not in (None, vectors.shape[1]):
            raise SettingsError(f"the vectors have {vectors.shape[1]} dimensions, and no other number", "Leave it out.")
        given = vectors.astype("<f4")
        data = [
            {
                "object": "embedding",
                "index": index,
                "embedding": base64.b64encode(one.tobytes()).decode()
                if body.encoding_format == "base64"
                else one.tolist(),
            }
            for index, one in enumerate(given)
        ]
        # The tokens are not counted: nobody pays for them.
        usage = {"prompt_tokens": 0, "total_tokens": 0}
        return {"object": "list", "data": data, "model": body.model, "usage": usage}
