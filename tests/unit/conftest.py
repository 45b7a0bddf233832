"""What several of the unit tests share and is slow to make."""

from __future__ import annotations

from pathlib import Path

import pytest

from freshet.tasks.embedding.models import ModelFiles, resolve_model
from freshet.tasks.settings.embedding import Embedding


@pytest.fixture(scope="session")
def model() -> ModelFiles:
    """The bundled model."""
    return resolve_model(Embedding(), Path())
