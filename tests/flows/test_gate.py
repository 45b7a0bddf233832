"""The gate: damage at the head is never published, is named, and is mended by `--full`."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest

from freshet.tasks.governance.policy import class_id
from freshet.tasks.index import reconciliation
from freshet.tasks.store import schemas
from tests.chaos import some_of
from tests.flows.conftest import Project

PAGES = {
    "leave.md": "# Leave\n\nEverybody has thirty days of leave a year.\n\n## Rest\n\nFive days stay until March.\n",
    "travel.md": "# Travel\n\nBook trains before planes.\n",
    "tools.md": "# Tools\n\nThe wrench hangs by the door.\n",
}
EDIT = ("travel.md", "# Travel\n\nBook trains before planes, and ask early.\n")

Damage = Callable[[Any], None]


def _duplicate_chunk(table: Any) -> None:
    table.add(_rows(table)[:1])


def _orphan_chunk(table: Any) -> None:
    row = _rows(table)[0] | {"chunk_id": "ab" * 16, "doc_id": "cd" * 16}
    table.add([row])


def _missing_chunk(table: Any) -> None:
    table.delete(f"chunk_id = '{_rows(table)[0]['chunk_id']}'")


def _scaled_vector(table: Any) -> None:
    _replace(table, lambda row: row | {"vector": (np.asarray(row["vector"]) * 1.5).tolist()})


def _vector_not_a_number(table: Any) -> None:
    _replace(table, lambda row: row | {"vector": [float("nan"), *row["vector"][1:]]})


def _altered_text(table: Any) -> None:
    """Its digest and its length stay as they are."""
    _replace(table, lambda row: row | {"text": row["text"][::-1]})


def _emptied_access(table: Any) -> None:
    _replace(table, lambda row: row | {"access": ""})


def _widened_access(table: Any) -> None:
    _replace(table, lambda row: row | {"access": class_id("docs", "docs", "wider/**")})


DAMAGES: dict[str, tuple[Damage, str]] = {  # what is planted, and the codes that name it
    "duplicate": (_duplicate_chunk, "GATE-DUPLICATE-CHUNK GATE-MISSING-CHUNK"),
    "orphan": (_orphan_chunk, "GATE-ORPHAN-CHUNK"),
    "missing": (_missing_chunk, "GATE-MISSING-CHUNK"),
    "scaled": (_scaled_vector, "GATE-VECTOR"),
    "nan": (_vector_not_a_number, "GATE-VECTOR"),
    "altered text": (_altered_text, "CHUNK-TEXT"),
    "no access": (_emptied_access, "GATE-ACCESS"),
    "wide access": (_widened_access, "GATE-ACCESS"),
}


def _rows(table: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = table.to_arrow().sort_by("chunk_id").to_pylist()
    return rows


def _replace(table: Any, alter: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    row = alter(_rows(table)[0])
    table.delete(f"chunk_id = '{row['chunk_id']}'")
    # Past LanceDB, which would refuse a vector that is not finite.
    table.to_lance().insert(pa.Table.from_pylist([row], schema=table.schema))


def _head(project: Project) -> Any:
    tables = project.store.corpus("docs")
    (name,) = [n for n in tables.names() if n.startswith("chunks-")]
    return tables.find(name)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a project with one good release; tests damage copies of it."""
    project = Project(tmp_path_factory.mktemp("released"))
    for path, text in PAGES.items():
        project.write(path, text)
    assert project.refresh()["outcome"] == "released"
    return project.folder


@pytest.fixture
def built(released: Path, tmp_path: Path) -> Project:
    shutil.copytree(released, tmp_path / "copy")
    return Project(tmp_path / "copy")


def _without_vectors(rows: pa.Table) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = rows.drop_columns(["vector"]).to_pylist()
    return kept


def _texts(project: Project, question: str) -> list[str]:
    return [hit["text"] for hit in project.search(question)["hits"]]


async def _flow_run(run_id: str) -> Any:
    from prefect.client.orchestration import get_client

    async with get_client() as client:
        return await client.read_flow_run(UUID(run_id))


@pytest.mark.parametrize("name", some_of(DAMAGES, "missing", "altered text", "no access"))
def test_a_full_refresh_mends_damage_at_the_head_and_releases(built: Project, name: str) -> None:
    plant, _ = DAMAGES[name]
    good = built.chunks()
    plant(_head(built))
    assert not built.chunks().equals(good), "nothing was damaged"
    report = built.refresh(full=True)
    assert (report["outcome"], report["reasons"]) == ("released", [])
    mended = built.chunks()
    assert _without_vectors(mended) == _without_vectors(good)
    assert np.allclose(mended["vector"].to_pylist(), good["vector"].to_pylist(), atol=1e-2)
    assert built.refresh(full=True)["texts_embedded"] == 0


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_that_is_not_mended_first_is_rejected_by_its_code(
    built: Project, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    plant, codes = DAMAGES[name]
    before = _texts(built, "leave")
    plant(_head(built))
    monkeypatch.setattr(reconciliation, "reconcile", lambda *_, **__: reconciliation.Reconciliation([], []))
    report = built.refresh(full=True)
    assert (report["outcome"], report["release"]) == ("rejected", 1)
    assert [reason.split(":")[0] for reason in report["reasons"]] == codes.split()
    assert _texts(built, "leave") == before


def test_nothing_of_a_rejected_refresh_is_seen(built: Project) -> None:
    before = built.search("book trains")
    _scaled_vector(_head(built))
    built.write(*EDIT)
    assert built.refresh()["outcome"] == "rejected", "the daily refresh does not look at every vector"
    (hit,) = built.search("book trains", mode="text")["hits"]
    assert hit["text"] == before["hits"][0]["text"]
    assert hit["stale"], "its source says something else by now"
    mended = built.refresh(full=True)
    assert mended["outcome"] == "released"
    assert "ask early" in built.search("book trains")["hits"][0]["text"]


def test_a_rejected_refresh_is_a_failed_run_that_says_why(built: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    _orphan_chunk(_head(built))
    monkeypatch.setattr(reconciliation, "reconcile", lambda *_, **__: reconciliation.Reconciliation([], []))
    report = built.refresh(full=True)
    run = asyncio.run(_flow_run(report["run_id"]))
    # By this name the alert on failed runs leaves it to the one on rejected releases.
    assert (run.state_type.value, run.state_name) == ("FAILED", "Rejected")
    assert "GATE-ORPHAN-CHUNK" in run.state.message
    rejected, published = built.freshet_json("releases", "docs")["releases"]
    assert (rejected["release"], rejected["outcome"], rejected["live"]) == (2, "rejected", False)
    assert rejected["reasons"][0].startswith("GATE-ORPHAN-CHUNK")
    assert (published["release"], published["live"]) == (1, True)
    listed = built.freshet("releases", "docs").stdout
    assert "rejected" in listed
    assert "GATE-ORPHAN-CHUNK" in listed


def test_nobody_rolls_back_to_a_rejected_state(built: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    _orphan_chunk(_head(built))
    monkeypatch.setattr(reconciliation, "reconcile", lambda *_, **__: reconciliation.Reconciliation([], []))
    assert built.refresh(full=True)["outcome"] == "rejected"
    refused = built.freshet("rollback", "docs", "2", code=1)
    assert "no published release 2" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_daily_refresh_mends_what_a_stranger_did_to_the_head(built: Project) -> None:
    """Not only the weekly one: a head that is not the one last decided on is looked at first."""
    good = _without_vectors(built.chunks())
    _orphan_chunk(_head(built))
    _missing_chunk(_head(built))
    report = built.refresh()
    assert (report["outcome"], report["reasons"]) == ("released", [])
    assert _without_vectors(built.chunks()) == good
    assert report["texts_embedded"] == 0, "the release holds the vectors"


def test_a_ledger_row_without_its_chunks_is_not_published(built: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = built.store.corpus("docs").find(schemas.DOCUMENTS)
    ledger.delete("path = 'leave.md'")
    monkeypatch.setattr(reconciliation, "reconcile", lambda *_, **__: reconciliation.Reconciliation([], []))
    built.source["exclude"] = ["leave.md"]
    built.save()
    report = built.refresh()
    assert report["outcome"] == "rejected"
    assert [reason.split(":")[0] for reason in report["reasons"]] == ["GATE-ORPHAN-CHUNK"]


def test_a_corpus_whose_tables_were_lost_is_made_anew_and_goes_through_the_gate(project: Project) -> None:
    import shutil

    project.write("a.md", "# Pumps\n\nPump seven is checked every Monday by the team of the depot.\n")
    assert project.refresh()["release"] == 1
    shutil.rmtree(project.folder / "store" / "corpora")
    found = project.freshet_json("doctor", code=1)["findings"]
    assert [one["code"] for one in found] == ["DOCTOR-CORPUS-GONE"]
    project.write("a.md", "# Pumps\n\nPump seven is checked every Tuesday by the team of the depot.\n")
    report = project.refresh()
    assert (report["outcome"], report["release"]) == ("released", 2)
    assert "Tuesday" in project.search("When is pump seven checked?")["hits"][0]["text"]
    assert project.freshet_json("doctor")["findings"] == []
