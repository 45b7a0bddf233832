"""What tests of answers share: the real small language model, which must be there."""

from __future__ import annotations

from pathlib import Path

import pytest

from freshet.tasks.embedding.fetched import SMOLLM2, list_models


@pytest.fixture(scope="session")
def model_file() -> Path:
    """The file of the bundled language model; a test that needs it fails without, since nobody would miss it."""
    stored = list_models()[0]
    assert stored.state == "ready", (
        f"{SMOLLM2.file} is {stored.state} in {Path(stored.path).parent}: freshet model add {SMOLLM2.name}"
    )
    return Path(stored.path)
