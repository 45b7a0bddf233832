"""Who is shown what, after anything that may happen, is what a few lines of plain Python say.

The model knows nothing of classes, filters or tables: it holds the settings as they were written, and which of them are
in force.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from freshet.tasks.documents.begin import begin_run
from freshet.tasks.governance.expressions import Asker
from freshet.tasks.governance.roster import asker_of, load_roster
from freshet.tasks.index import indices, release, steps
from freshet.tasks.ledger.releases import list_releases, published_releases
from freshet.tasks.runs.run import RefreshRun
from freshet.tasks.search import candidates, filters, retrieve
from freshet.tasks.search.access import explain_access
from freshet.tasks.search.candidates import Mode
from freshet.tasks.search.retrieve import search
from freshet.tasks.search.wanted import wanted_of
from freshet.tasks.settings.file import load_project
from freshet.tasks.store.tables import Store
from tests.chaos import some_of
from tests.servers import BUCKET, s3_server
from tests.stores.small_store import AS_OF, SmallStore
from tests.unit.small_corpus import bag_of_words

__all__ = ["s3_server"]

Said = Any
"""An access expression as settings write it."""

PATHS = [f"{folder}/{name}.md" for folder in ("a", "a/x", "b", "c") for name in range(5)]
GLOBS = {
    "a/**": lambda path: path.startswith("a/"),
    "a/x/**": lambda path: path.startswith("a/x/"),
    "b/*.md": lambda path: path.startswith("b/"),
    "c/1.md": lambda path: path == "c/1.md",
    "[a-b]/1.md": lambda path: path in ("a/1.md", "b/1.md"),
    "**": lambda path: True,
}
USERS, GROUPS = [f"user:u{n}" for n in range(4)], [f"group:g{n}" for n in range(5)]
NAMES = ["everyone", *USERS, *GROUPS]
MODES: tuple[Mode, ...] = get_args(Mode)
ASKERS = 50
"""Askers after each step. Ten scenarios of four steps are 2,000."""


def _page(path: str) -> str:
    parts = [f"# Page {path}\n"]
    for number in range(14):
        words = " ".join(f"{path.replace('/', '')}{number}w{word}" for word in range(12))
        parts.append(f"## Part {number}\n\nIn spring {words} is said of part {number} here.\n")
    return "\n".join(parts)


def _lets_in(said: Said, names: set[str], known: set[str]) -> bool:
    if isinstance(said, list):
        return any(name in names for name in said)
    if any(name in names for name in said.get("none", [])):
        return False
    if any(name.startswith("group:") and name not in known for name in said.get("none", [])):
        return False
    return all(any(name in names for name in some) for some in said["all"])


@dataclass
class Model:
    """What is in force: of each scope, everything that was said of it since a release published it last."""

    said: dict[str, list[Said]] = field(default_factory=dict)
    newest: dict[str, str] = field(default_factory=dict)
    published: dict[str, str] = field(default_factory=dict)

    def apply(self, settings: Mapping[str, Any]) -> None:
        """A run has begun with these settings."""
        rules = {}
        for rule in settings["access"]:
            rules.setdefault(rule["path"], rule["acl"])
        for scope, said in [*rules.items(), ("", settings["acl"])]:
            if scope not in self.said or self.said[scope][-1] != said:
                self.said.setdefault(scope, []).append(said)
        self.newest = {path: next((one for one in rules if GLOBS[one](path)), "") for path in PATHS}

    def publish(self) -> None:
        self.said = {scope: said[-1:] for scope, said in self.said.items()}
        self.published = dict(self.newest)

    def shown(self, names: set[str], known: set[str]) -> set[str]:
        def open_(scope: str) -> bool:
            return all(_lets_in(said, names, known) for said in self.said[scope])

        return {path for path in PATHS if open_(self.newest[path]) and open_(self.published[path])}


@dataclass
class World:
    """A project whose settings change; and what the model says of it."""

    folder: Path
    address: str
    chance: random.Random
    model: Model = field(default_factory=Model)
    roster: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.held = Store(self.address if "://" in self.address else str(self.folder / self.address))
        for path in PATHS:
            file = self.folder / "docs" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(_page(path))
        self._write({"acl": ["everyone"], "access": []})
        SmallStore(self.folder).refresh()
        tables = self.held.corpus("docs")
        paths = {row["doc_id"]: row["path"] for row in tables.rows("documents", columns=["doc_id", "path"])}
        (name,) = [one for one in tables.names() if one.startswith("chunks-")]
        rows = tables.rows(name, columns=["doc_id", "text"])
        assert all("spring" in row["text"] for row in rows), "every passage answers every question"
        self.chunks = Counter(paths[row["doc_id"]] for row in rows)
        self.model.apply(self.settings)
        self.model.publish()

    def _write(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        source = {"folder": "docs", "name": "docs", "owner": "me", **settings}
        project = {
            "store": self.address,
            "roster": {"file": "groups.yaml", "max_age": "7d"},
            "corpora": {"docs": {"sources": [source], "chunking": {"max_tokens": 256}}},
        }
        (self.folder / "freshet.yaml").write_text(yaml.safe_dump(project))
        self.write_roster(current=True)

    def write_roster(self, *, current: bool) -> None:
        """A roster without circles: groups hold users, and groups of a higher number."""
        self.roster = {
            group: sorted({*self._some(USERS, 2), *self._some(GROUPS[at + 1 :], 1), "user:nobody"})
            for at, group in enumerate(GROUPS)
        }
        if self.chance.random() < 0.3:
            del self.roster[self.chance.choice(GROUPS)]
        age = timedelta(days=1 if current else 8)
        said = {"as_of": (datetime.now(UTC) - age).isoformat(), "groups": self.roster}
        (self.folder / "groups.yaml").write_text(yaml.safe_dump(said))
        self.is_current = current

    def _some(self, names: Sequence[str], most: int) -> list[str]:
        return self.chance.sample(names, k=min(len(names), self.chance.randint(0, most)))

    def _said(self) -> Said:
        lists = [self.chance.sample(NAMES, k=self.chance.randint(1, 3)) for _ in range(self.chance.randint(1, 3))]
        if len(lists) == 1 and self.chance.random() < 0.6:
            return lists[0]
        none = self._some(NAMES[1:], 2)
        return {"all": lists, **({"none": none} if none else {})}

    def change(self) -> None:
        """New settings: other expressions, rules added, taken away or in another order."""
        paths = self.chance.sample(sorted(GLOBS), k=self.chance.randint(0, 4))
        held = {rule["path"]: rule["acl"] for rule in self.settings["access"]}
        rules = [
            {"path": path, "acl": held[path] if path in held and self.chance.random() < 0.5 else self._said()}
            for path in paths
        ]
        acl = self.settings["acl"] if self.chance.random() < 0.4 else self._said()
        self._write({"acl": acl, "access": rules})

    def begin(self) -> RefreshRun:
        """Begins a run, as far as what narrows is in force."""
        run = begin_run(self.folder / "freshet.yaml", "docs", AS_OF, "run", "refresh-docs")
        steps.apply_access.fn(run)
        self.model.apply(self.settings)
        return run

    def follow(self, run: RefreshRun) -> None:
        steps.restamp_chunks.fn(run)
        indices.maintain_indices(run)

    def step(self, name: str) -> None:
        if name == "rollback":
            numbers = [one.release for one in published_releases(list_releases(self.held, "docs"))]
            release.roll_back(self.held, "docs", self.chance.choice(numbers), now=datetime.now(UTC))
            return
        self.change()
        run = self.begin()
        if name == "killed at once":
            return
        self.follow(run)
        if name == "killed before the gate":
            return
        head = release.read_head(run)
        assert head is not None
        if name == "rejected":
            release.record_decision(run, head, "rejected", ["GATE-EXAM: it failed"])
            return
        release.record_decision(run, head, "published", [])
        self.model.publish()

    def names_of(self, principal: str) -> tuple[set[str], set[str]]:
        """Every name of a principal by the roster, and the groups of which it says who is in them."""
        names = {principal, "everyone"}
        if not self.is_current:
            return names, set()
        while more := {group for group, members in self.roster.items() if names & set(members)} - names:
            names |= more
        return names, set(self.roster)

    def ask_as(self, askers: int) -> int:
        """Asks as so many people, drawn by chance; returns how many were shown something."""
        project = load_project(self.folder / "freshet.yaml")
        roster = load_roster(project)
        shown_something = 0
        for number in range(askers):
            principal = self.chance.choice([*USERS, *GROUPS, "user:stranger", "everyone"])
            names, known = self.names_of(principal)
            expected = self.model.shown(names, known)
            store = self.held if number % 2 else Store(self.held.address)
            mode = MODES[number % len(MODES)]
            limit = self.chance.choice([3, 600])
            answer = search(
                store, "docs", f"spring part {number % 14}", asker=asker_of([principal], roster, datetime.now(UTC)),
                mode=mode, limit=limit, now=datetime.now(UTC), embed_query=lambda _, text: _vector(text),
            )  # fmt: skip
            shown = {hit.uri.removeprefix("docs/") for hit in answer.hits}
            assert shown <= expected, (principal, mode, "a leak")
            chunks = sum(self.chunks[path] for path in expected)
            assert len(answer.hits) == min(limit, chunks), (principal, mode, limit, "starved")
            assert limit == 3 or shown == expected
            if number % 7 == 0:
                self._ask_more(store, mode, limit, asker_of([principal], roster, datetime.now(UTC)), expected, number)
            path = self.chance.choice(PATHS)
            explained = explain_access(store, ["docs"], principal, path, roster, datetime.now(UTC))
            assert explained["may_see"] == (path in expected), explained
            shown_something += bool(shown)
        return shown_something

    def _ask_more(self, store: Store, mode: Mode, limit: int, asker: Asker, expected: set[str], number: int) -> None:
        """Asks with filters and wishes: of what is seen without them, all that they let in, and nothing else."""
        globs = self.chance.sample(sorted(GLOBS), k=self.chance.randint(0, 2))
        title, most = self.chance.choice([None, "page a", "NOTHING"]), self.chance.choice([None, 1, 3])
        asked = self.chance.choice(PATHS)

        def ask(why_not: str) -> retrieve.Answer:
            wanted = wanted_of(
                path=globs, title=title, per_document=most, around=self.chance.choice([0, 2]), why_not=why_not
            )
            return search(
                store, "docs", f"spring part {number % 14}", asker=asker, mode=mode, limit=limit,
                now=datetime.now(UTC), embed_query=lambda _, text: _vector(text), wanted=wanted,
            )  # fmt: skip

        answer, absent = ask(asked), ask("no/such.md")
        let_in = {
            path
            for path in expected
            if (not globs or any(GLOBS[one](path) for one in globs)) and title in (None, f"page {path[0]}")
        }
        texts = {(hit.uri, one.text) for hit in answer.hits for one in (hit, *hit.before, *hit.after)}
        assert {uri.removeprefix("docs/") for uri, _ in texts} <= let_in, (globs, title, "a leak")
        assert all(uri.removeprefix("docs/").replace("/", "") in text for uri, text in texts)
        held = [min(most or self.chunks[path], self.chunks[path]) for path in let_in]
        assert len(answer.hits) == min(limit, sum(held)), (globs, title, most, mode, limit, "starved")
        told, of_none = answer.as_dict()["why_not"], absent.as_dict()["why_not"]
        if asked in expected:
            assert told["reason"] == ("filtered" if asked not in let_in else "hit" if limit > 3 else told["reason"])
            assert told["reason"] != "not_there"
        else:
            assert str(told).replace(asked, "X") == str(of_none).replace("no/such.md", "X")


def _vector(text: str) -> Any:
    import numpy as np

    vector = np.zeros(384, np.float32)
    vector[:128] = bag_of_words(text)
    return vector


STEPS = ("killed at once", "killed before the gate", "rejected", "published", "published", "rollback", "rollback")
SEEDS = range(40)


@pytest.mark.parametrize("seed", some_of(SEEDS, *range(6)))
def test_whoever_asks_is_shown_what_the_model_says(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if seed % 2:
        monkeypatch.setattr(indices, "VECTOR_INDEX_ROWS", 256)
        monkeypatch.setattr(candidates, "EXACT_ROWS", 100)
    if seed % 3:
        monkeypatch.setattr(filters, "MOST_LISTED", -1)
    _live_through(World(tmp_path, "store", random.Random(seed)))


def test_it_is_so_in_a_bucket(s3_server: str, tmp_path: Path) -> None:
    _live_through(World(tmp_path, f"s3://{BUCKET}/{tmp_path.name}", random.Random(99)), steps=3, askers=9)


def _live_through(world: World, steps: int = 4, askers: int = ASKERS) -> None:
    shown = done = 0
    # Some worlds begin with documents for nobody: such a one goes on until somebody is shown something.
    while done < steps or (not shown and done < 3 * steps):
        world.step(world.chance.choice(STEPS))
        if world.chance.random() < 0.2:
            world.write_roster(current=False)
        shown += world.ask_as(askers)
        done += 1
    assert shown, "nobody was shown anything, which proves nothing"


@pytest.mark.parametrize("mode", MODES)
def test_what_is_left_of_a_release_is_found_and_a_search_ends_where_nothing_is(
    mode: Mode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, "store", random.Random(1))
    looks: list[int] = []

    def counted(*given: Any) -> Any:
        looks.append(given[-1])
        return candidates.find_candidates(*given)

    monkeypatch.setattr(retrieve, "find_candidates", counted)

    def ask(question: str) -> tuple[list[str], int]:
        looks.clear()
        answer = search(
            world.held, "docs", question, asker=Asker(frozenset({"everyone"})), mode=mode, limit=2,
            now=datetime.now(UTC), embed_query=lambda _, text: _vector(text),
        )  # fmt: skip
        return [hit.uri for hit in answer.hits], len(looks)

    # Every document but the last one found comes into a class that the live release's chunks know nothing of.
    rules = [{"path": "c/1.md", "acl": ["everyone"]}, {"path": "**", "acl": ["user:u0"]}]
    world._write({"acl": ["everyone"], "access": rules})
    world.begin()
    question = " ".join(_page("a/0.md").split()[:40])
    assert ask(question) == (["docs/c/1.md"] * 2, 3)
    world._write({"acl": ["everyone"], "access": rules[1:]})
    world.begin()
    assert ask(question) == ([], 3)
