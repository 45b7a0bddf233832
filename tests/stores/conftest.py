"""A healthy store, made once for the tests of whole stores."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stores.small_store import SmallStore, copy_store, make_store


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> SmallStore:
    """A healthy store, made once; tests work on copies of it."""
    return make_store(tmp_path_factory.mktemp("whole") / "project")


@pytest.fixture
def store(whole: SmallStore, tmp_path: Path) -> SmallStore:
    """A copy of the healthy store."""
    return copy_store(whole, tmp_path / "project")
