"""The names that `embedding.model` has for models which need no folder and no hub."""

from __future__ import annotations

BUNDLED, MULTILINGUAL = "bundled", "multilingual-e5-small"

EMBEDDING_MODELS = (BUNDLED, MULTILINGUAL)
"""The one that is installed with Freshet, and the one of many languages that `freshet model add` fetches."""
