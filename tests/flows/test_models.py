"""Another embedding model: another space, built beside the live one and never mixed with it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from freshet.tasks.embedding.models import resolve_model
from freshet.tasks.index.gate import evaluate
from freshet.tasks.ledger.releases import list_releases
from freshet.tasks.rules.verdicts import verdict
from freshet.tasks.settings.embedding import Embedding
from freshet.tasks.settings.file import load_project
from tests.flows.conftest import Project
from tests.waiting import PATIENCE

TOPICS = ("leave", "travel", "pensions", "parking", "laptops", "meetings")

KILLED_IN_THE_SECOND_BATCH = """
import os, signal, sys
from pathlib import Path
from freshet.tasks.documents.planning import refresh
from freshet.tasks.index import write
from freshet.flows.command.by_hand import run_refresh

refresh.BATCH_DOCUMENTS = 2
write_ledger, seen = write._write_ledger, []

def write_and_die(run, documents, version):
    seen.append(version)
    if len(seen) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    write_ledger(run, documents, version)

write._write_ledger = write_and_die
run_refresh("docs", config=Path(sys.argv[1]), full=False, as_of=None, allow_withdrawals=0, wait=10.0)
"""


@pytest.fixture
def office(project: Project) -> Project:
    """Six documents, released in the space of the bundled model; another model lies in the folder `other`."""
    for topic in TOPICS:
        project.write(f"{topic}.md", f"# {topic.title()}\n\nWhoever asks about {topic} is told by Friday.\n")
    _choose(project)
    assert project.refresh()["outcome"] == "released"
    _another_model(project.folder / "other")
    return project


def _another_model(folder: Path) -> None:
    """The bundled model with another pooling: vectors of the same length that mean something else."""
    bundled = resolve_model(Embedding(), folder).folder
    shutil.copytree(bundled, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "model.safetensors").symlink_to(bundled / "model.safetensors")
    pooling = folder / "1_Pooling" / "config.json"
    config = json.loads(pooling.read_text())
    changed = config | {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}
    changed |= {"pooling_mode": "cls"} if "pooling_mode" in config else {}
    pooling.write_text(json.dumps(changed))


def _choose(project: Project, **embedding: str) -> None:
    project.settings["embedding"] = {**embedding, "context": "none"}
    project.save()


def _space(project: Project) -> str:
    loaded = load_project(project.config)
    return resolve_model(loaded.settings.embedding, loaded.root).space


def _tables(project: Project) -> dict[str, Any]:
    tables = project.store.corpus("docs")
    return {name: tables.find(name).to_arrow().sort_by("chunk_id") for name in tables.names() if "chunks-" in name}


def _finds_itself(project: Project) -> float:
    """How near a passage is to itself as a question: 1 if both were embedded by one model."""
    text = "Parking\n\nWhoever asks about parking is told by Friday."
    (hit,) = project.search(text, mode="vector", limit=1)["hits"]
    return float(hit["score"]) if hit["text"] == text else 0.0


def test_the_old_model_answers_until_the_new_space_is_published(
    office: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_space, before = _space(office), _tables(office)
    _choose(office, model="other")
    assert _space(office) != old_space
    assert _finds_itself(office) > 0.99, "the settings changed, the release did not"
    with monkeypatch.context() as patch:
        patch.setattr(evaluate, "examine_head", lambda run: [verdict("GATE-VECTOR", chunks=1)])
        assert office.refresh()["outcome"] == "rejected"
    assert _finds_itself(office) > 0.99
    assert office.search("parking")["release"] == 1

    report = office.refresh()
    assert (report["outcome"], report["texts_embedded"]) == ("released", 0), "the rejected run embedded them already"
    assert office.search("parking")["release"] == report["release"]
    assert _finds_itself(office) > 0.99

    after = _tables(office)
    assert set(after) == {f"chunks-{old_space}", f"chunks-{_space(office)}"}
    assert after[f"chunks-{old_space}"].equals(before[f"chunks-{old_space}"]), "the old space is not written to"
    old, new = (np.asarray(after[f"chunks-{space}"]["vector"].to_pylist()) for space in (old_space, _space(office)))
    assert len(old) == len(new) == len(TOPICS)
    assert float(np.abs(np.sum(old * new, axis=1)).max()) < 0.99, "the two models do not agree"
    assert office.refresh()["outcome"] == "unchanged"


def test_rolling_back_reaches_across_spaces_and_forward_again(office: Project) -> None:
    _choose(office, model="other")
    second = office.refresh()
    back = office.freshet_json("rollback", "docs", "1")
    assert office.search("parking")["release"] == back["release"]
    assert _finds_itself(office) > 0.99
    assert office.refresh()["outcome"] == "unchanged", "a rollback stays until there is something new"
    office.freshet_json("rollback", "docs", str(second["release"]))
    assert _finds_itself(office) > 0.99
    assert [r.space for r in list_releases(office.store, "docs")][:2] == [_space(office), back["space"]]

    # And back in the settings: the old space is still there, and nothing is embedded again.
    _choose(office, model="bundled")
    report = office.refresh()
    assert (report["outcome"], report["texts_embedded"]) == ("released", 0)
    assert _finds_itself(office) > 0.99


def test_edits_and_withdrawals_between_two_switches_reach_the_space_that_was_left(office: Project) -> None:
    _choose(office, model="other")
    office.refresh()
    (office.folder / "docs" / "travel.md").unlink()
    office.write("leave.md", "# Leave\n\nLeave is granted at once.\n")
    office.refresh()
    _choose(office, model="bundled")
    report = office.refresh()
    assert (report["outcome"], report["texts_embedded"]) == ("released", 1)
    rows = _tables(office)[f"chunks-{_space(office)}"]
    assert len(rows) == len(TOPICS) - 1
    assert not [text for text in rows["text"].to_pylist() if "travel" in text.lower()]
    assert office.search("travel plans", mode="text")["hits"] == []


def test_a_run_killed_half_way_into_a_new_space_is_resumed(office: Project) -> None:
    _choose(office, model="other")
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_IN_THE_SECOND_BATCH, str(office.config)],
        capture_output=True, text=True, check=False, env=os.environ.copy(), timeout=PATIENCE,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert 0 < len(_tables(office)[f"chunks-{_space(office)}"]) < len(TOPICS)
    assert _finds_itself(office) > 0.99
    assert office.search("parking")["release"] == 1
    report = office.refresh()
    assert report["outcome"] == "released"
    assert report["texts_embedded"] == len(TOPICS) - 4, "two batches of two documents were committed"
    assert _finds_itself(office) > 0.99

    undisturbed = Project(
        office.folder / "undisturbed", {**office.settings, "embedding": {"model": "../other", "context": "none"}}
    )
    shutil.copytree(office.folder / "docs", undisturbed.folder / "docs", dirs_exist_ok=True)
    undisturbed.refresh()
    resumed, whole = (_tables(p)[f"chunks-{_space(office)}"] for p in (office, undisturbed))
    assert resumed.drop_columns(["vector"]).to_pylist() == whole.drop_columns(["vector"]).to_pylist()
    assert np.allclose(resumed["vector"].to_pylist(), whole["vector"].to_pylist(), atol=1e-2)


def test_precision_is_no_other_space(office: Project) -> None:
    space, versions = _space(office), office.versions()
    for precision in ("fp32", "bf16", "auto"):
        _choose(office, model="bundled", precision=precision)
        assert _space(office) == space
        report = office.refresh()
        assert (report["outcome"], report["texts_embedded"]) == ("unchanged", 0)
    assert office.versions() == versions
    _choose(office, model="bundled", precision="fp32")
    assert _finds_itself(office) > 0.99


def test_a_model_whose_files_changed_under_a_release_is_not_used_for_it(office: Project) -> None:
    """Searching with the vectors of another model would answer at random, and nobody would see it."""
    from freshet.tasks.errors import EmbeddingError

    _choose(office, model="other")
    office.refresh()
    pooling = office.folder / "other" / "1_Pooling" / "config.json"
    pooling.write_text(json.dumps(json.loads(pooling.read_text()) | {"include_prompt": False}))
    with pytest.raises(EmbeddingError, match="was embedded in space"):
        office.search("parking", mode="vector")
    assert office.search("parking", mode="text")["hits"], "words need no model"


def test_a_model_that_is_not_there_starts_nothing(office: Project) -> None:
    _choose(office, model="models/none")
    before = office.versions()
    done = office.freshet("refresh", "docs", "--json", code=1)
    assert json.loads(done.stdout)["outcome"] == "failed"
    assert "models/none" in done.stderr
    assert office.versions() == before
    assert list_releases(office.store, "docs")[0].published_at < datetime.now(UTC)
