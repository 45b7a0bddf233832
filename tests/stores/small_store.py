"""A project of a few real documents and a dataset, refreshed and published without a server and without the model."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml

from freshet.tasks.datasets.card.describe import write_description
from freshet.tasks.datasets.versions.publish import publish
from freshet.tasks.doctor.examine import examine
from freshet.tasks.documents.begin import begin_run
from freshet.tasks.index import release, removal, write
from freshet.tasks.index.reconciliation import Reconciliation, reconcile
from freshet.tasks.ledger.releases import is_published, list_releases, live_release, newest_decision, published_ledger
from freshet.tasks.ledger.versions import VersionFacts
from freshet.tasks.runs.run import RefreshRun
from freshet.tasks.settings.file import Project, load_project
from freshet.tasks.store import schemas
from freshet.tasks.store.seals import seal_tables
from freshet.tasks.store.tables import Store
from tests.unit.built_dataset import Rows, declared, pairs, proposed
from tests.unit.small_corpus import bag_of_words

AS_OF = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)
TEXTS = {
    f"{name}.md": f"# {name.title()}\n\nThe {name} is open from eight in the morning.\n\n## Rules\n\nWhoever uses the "
    f"{name} leaves it as it was found, and tells the office what is broken.\n"
    for name in ("garden", "kitchen", "library", "workshop")
}
REFUSED = {"empty.md": "\n"}
"""Waits in quarantine, in a healthy store too."""

Sums = declared(export=["trl", "parquet"], split={"train": 0.8, "validation": 0.1, "test": 0.1})


@dataclass
class SmallStore:
    """A project in a folder. `docs` is its corpus, `sums` its dataset."""

    folder: Path

    @property
    def project(self) -> Project:
        return load_project(self.folder / "freshet.yaml")

    @property
    def store(self) -> Store:
        return Store(str(self.folder / "store"))

    def at(self, *parts: str) -> Path:
        return self.folder.joinpath("store", *parts)

    def files(self) -> dict[str, bytes]:
        """The bytes of every file of the store."""
        return {str(one): one.read_bytes() for one in self.at().rglob("*") if one.is_file()}

    def chunks_name(self) -> str:
        (name,) = [one.stem for one in self.at("corpora", "docs").glob("chunks-*.lance")]
        return name

    def codes(self, *names: str) -> list[str]:
        return [one.code for one in examine(self.project, names)]

    def write(self, path: str, text: str) -> None:
        file = self.folder / "docs" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def refresh(self, *, outcome: Any = "published", until: str = "end") -> release.Release | None:
        """Refreshes corpus docs as the flow does, with a model that counts words, and decides so.

        Args:
            until: `write` stops as a kill would, after the chunks and before the decision.
        """
        from freshet.tasks.documents import steps
        from freshet.tasks.documents.sources.of_corpus import sources_by_name
        from freshet.tasks.index import steps as index

        run = begin_run(self.folder / "freshet.yaml", "docs", AS_OF, "run", "refresh-docs")
        releases = list_releases(run.store, "docs")
        settled = is_published(release.read_head(run), newest_decision(releases))
        damage = reconcile(run) if not settled else Reconciliation([], [])
        access = index.apply_access.fn(run)
        listed = [steps.list_source.fn(run, name) for name in sources_by_name(run)]
        ledger = published_ledger(releases)
        plan = steps.plan_refresh.fn(run, listed, damage.damaged, ledger, False, 10, None, access.classes)
        for part in plan.restated_batches:
            self._index(run, steps.restate_batch.fn(run, plan.restated, part, "restated"))
        for part in plan.batches:
            self._index(run, steps.prepare_batch.fn(run, plan.work, part, "batch"))
        if until == "write":
            return None
        index.withdraw_documents.fn(run, plan.withdrawn)
        if damage.strays:
            removal.delete_strays(run, damage.strays)
        if access.moved:
            index.restamp_chunks.fn(run)
        settled = (
            lambda: steps.hide_duplicates.fn(run),
            lambda: steps.note_floods.fn(run),
            lambda: steps.note_dead_links.fn(run, listed, False),
        )
        for settle in settled:
            for batch in settle():
                self._index(run, batch)
        index.maintain_indices.fn(run, compact=False)
        shutil.rmtree(run.folder, ignore_errors=True)
        head, newest = release.read_head(run), newest_decision(list_releases(run.store, "docs"))
        assert head is not None
        if is_published(head, newest) and access.is_empty:
            return newest
        return release.record_decision(run, head, outcome, [] if outcome == "published" else ["GATE-EXAM: it failed"])

    def _index(self, run: RefreshRun, batch: Any) -> None:
        released = release.pinned_chunks(run, list_releases(run.store, run.corpus))
        write.write_batch(run, batch.documents, batch.chunks, batch.links, _embed, released)

    def build(self, rows: int, work: Path, *, at: datetime = AS_OF) -> Any:
        """Publishes a version of dataset sums with so many rows."""
        done, candidate = proposed(self.store, work, Rows(pairs(rows)), Sums)
        return publish(self.store, done, candidate, describe, run_id="build", now=at)

    def contents(self) -> dict[str, list[dict[str, Any]]]:
        """What the head holds, without what tells when and in which commit it came there."""
        tables = self.store.corpus("docs")
        chunks, ledger = tables.find(self.chunks_name()), tables.find(schemas.DOCUMENTS)
        assert chunks is not None
        assert ledger is not None
        # The hint tells of the moment at which this system wrote the file.
        rows = ledger.to_arrow().drop_columns(["table_version", "verified_at", "seen_hint"])
        return {"chunks": _sorted(chunks.to_arrow(), "chunk_id"), "documents": _sorted(rows, "doc_id")}

    def published(self) -> list[dict[str, Any]]:
        """What readers see."""
        live = live_release(list_releases(self.store, "docs"))
        assert live is not None
        return _sorted(self.store.corpus("docs").at(live.table, live.table_version).to_arrow(), "chunk_id")


def _sorted(rows: pa.Table, key: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rows.sort_by(key).to_pylist()
    return found


def _embed(texts: Sequence[str]) -> Any:
    vectors = np.zeros((len(texts), 384), np.float32)
    vectors[:, :128] = [bag_of_words(text) for text in texts]
    return vectors


def describe(folder: Path, facts: VersionFacts) -> None:
    write_description(folder, facts)


def make_store(folder: Path) -> SmallStore:
    """Four documents and one refused, in two releases; two versions of a dataset."""
    one = {"rows": "a.jsonl", "name": "a", "owner": "ada", "licence": "CC0-1.0", "uses": ["training"]}
    settings = {
        "store": "./store",
        "corpora": {"docs": {"sources": [{"folder": "docs", "name": "docs", "owner": "me", "acl": ["everyone"]}]}},
        "datasets": {"sums": {"format": "prompt_completion", "inputs": [one]}},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "freshet.yaml").write_text(yaml.safe_dump(settings))
    (folder / "a.jsonl").write_text("")
    made = SmallStore(folder)
    for path, text in {**TEXTS, **REFUSED}.items():
        made.write(path, text)
    made.refresh()
    made.write("garden.md", TEXTS["garden.md"].replace("eight", "nine"))
    made.refresh()
    made.build(30, folder / "work-1")
    made.build(33, folder / "work-2")
    seal_tables(made.store, "ledger")  # as whoever puts the end of a run on record does
    return made


def copy_store(made: SmallStore, folder: Path) -> SmallStore:
    shutil.copytree(made.folder, folder)
    return SmallStore(folder)
