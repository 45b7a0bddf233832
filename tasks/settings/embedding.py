"""What freshet.yaml says of the embedding model."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from freshet.tasks.settings.types import Strict, Text

Precision = Literal["auto", "fp32", "bf16", "fp16"]
Context = Literal["none", "title"]


class Embedding(Strict):
    """The model that turns texts into vectors."""

    model: Text = Field(
        "bundled",
        description="`bundled` (all-MiniLM-L6-v2, English, no download), `multilingual-e5-small` (a hundred languages, "
        "see `freshet model add`), the folder of a sentence-transformers model, or the name of one in the local cache",
    )
    precision: Precision = Field(
        "auto",
        description="number format to compute in; auto: bf16 where the CPU has it, fp16 on a GPU, else fp32",
    )
    context: Context | None = Field(
        None,
        description="what is embedded before each passage: title (the document's title and the headings above the "
        "passage) or none; by default title, and none for a corpus whose release was made without, until this is set",
    )
