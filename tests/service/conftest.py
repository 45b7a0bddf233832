"""A released project that tests of the service read, and the server that its refresh reported to."""

from __future__ import annotations

import shutil

import pytest

from tests.conftest import ROOT
from tests.flows.conftest import Project

__all__ = ["served"]


@pytest.fixture(scope="session", autouse=True)
def _on_a_server(prefect_server: str) -> None:
    """Every flow runs on a server that is there already."""


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, prefect_server: None) -> Project:
    """The example handbook as corpus `docs`, released; tests that change it work on a copy (`served.copy(folder)`)."""
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(ROOT / "examples" / "handbook", folder / "docs")
    source = {
        "folder": "docs", "name": "docs", "owner": "me", "acl": ["everyone"],
        "access": [{"path": "legal/**", "acl": ["group:legal"]}],
    }  # fmt: skip
    settings = {
        "store": "./store",
        "corpora": {"docs": {"sources": [source]}},
        "service": {"owners": ["group:data"]},
    }
    project = Project(folder, settings)
    assert project.refresh()["outcome"] == "released"
    return project
