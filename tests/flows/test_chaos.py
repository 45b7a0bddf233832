"""Whatever befalls refreshes, the next undisturbed one leaves what a build over the same sources leaves.

Each seed is a history: the sources and the rules of access change at random, a refresh is disturbed at random (killed
at a call or at a moment, short of room or of open files, on a store that cannot be written to, under another clock,
beside other writers, with damaged files), and readers are asked throughout. Two seeds are for `make test`, the others
for `make chaos`.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from freshet.tasks.doctor.examine import examine, repair
from freshet.tasks.errors import StoreError
from freshet.tasks.governance.expressions import Asker
from freshet.tasks.index.release import roll_back
from freshet.tasks.ledger.releases import list_releases, published_releases
from freshet.tasks.maintenance.freed import Task
from freshet.tasks.maintenance.maintain import Target, maintain
from freshet.tasks.search.retrieve import search
from freshet.tasks.settings.file import load_project
from freshet.tasks.settings.maintenance import Maintenance
from tests.chaos import some_of
from tests.conftest import ROOT
from tests.flows import kill_points, killer
from tests.flows.conftest import Project
from tests.flows.killer import Fault, embed_by_hash
from tests.flows.reader import Reader
from tests.waiting import PATIENCE

STEPS = 4
NAMES = [f"{folder}/{name}.md" for folder in ("open", "hr", "legal") for name in "abcd"]
GROUPS = ("group:hr", "group:legal", "group:audit")
POINTS = (
    kill_points.RECORD_SCOPES, kill_points.RESTATE_ACCESS, kill_points.STAMP_CHUNKS, kill_points.LIST_FILE,
    kill_points.ASK_PARSER, kill_points.KEEP_PARSED, kill_points.EMBED, kill_points.DELETE_LEFTOVERS,
    kill_points.WRITE_LEDGER, kill_points.WITHDRAW, kill_points.DELETE_ROWS, kill_points.MAINTAIN_INDICES,
    kill_points.NOTE_RELEASE,
)  # fmt: skip
WORDS = ["valve", "pump", "ladder", "hose", "truck", "siren", "ladle", "kettle", "harbour", "bridge"]
Found = frozenset[tuple[str, str]]


@pytest.fixture(autouse=True)
def hash_embedder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embed_by_hash(monkeypatch, tmp_path)


def _text(rng: random.Random, path: str) -> str:
    parts = [f"# About {path}"]
    for number in range(rng.randint(1, 4)):
        words = " ".join(rng.choices(WORDS, k=12))
        parts += [f"## Part {number} of {path}", f"In spring {words} {rng.randrange(10**6)}."]
    return "\n\n".join(parts) + "\n"


def _change_sources(project: Project, rng: random.Random) -> None:
    """Writes, edits, renames, swaps and removes documents, and changes who may see which."""
    docs = project.folder / "docs"
    for _ in range(rng.randint(1, 4)):
        held = [path for path in NAMES if (docs / path).exists()]
        path = rng.choice(NAMES)
        kind = rng.choice(["write", "write", "rename", "swap", "remove", "touch"])
        if kind == "write" or len(held) < 4:
            project.write(path, _text(rng, path))
        elif kind == "rename":
            (docs / rng.choice(held)).replace(docs / path)
        elif kind == "swap":
            one, other = (docs / chosen for chosen in rng.sample(held, 2))
            aside = one.rename(one.with_suffix(".aside"))
            other.rename(one)
            aside.rename(other)
        elif kind == "remove":
            (docs / rng.choice(held)).unlink()
        else:
            moment = rng.randrange(1_600_000_000, 1_700_000_000)
            os.utime(docs / rng.choice(held), (moment, moment))
    rules: list[dict[str, Any]] = []
    for folder in rng.sample(["open", "hr", "legal"], rng.randint(0, 2)):
        groups = rng.sample(GROUPS, rng.randint(1, 2))
        acl = groups if rng.random() < 0.5 else {"all": [[group] for group in groups], "none": []}
        rules.append({"path": f"{folder}/**", "acl": acl})
    project.source["access"] = rules
    project.save()


# ---- disturbances: each begins a refresh and says in a word what became of it


def _start(project: Project, fault: Fault, first: str = "") -> subprocess.Popen[str]:
    """A refresh in a process of its own, in which a line of Python comes first."""
    fault = replace(fault, config=str(project.config), notes=str(project.folder.parent), batch=3)
    launch = f"import ctypes, os, resource, sys; {first}; os.execv(sys.argv[1], sys.argv[1:])"
    words = [sys.executable, "-c", launch, *killer.command(fault)]
    return subprocess.Popen(words, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def _end(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=PATIENCE)
    return f"{process.returncode}: {said.splitlines()[-1][:200] if said else ''}"


def _killed_at_a_call(project: Project, rng: random.Random) -> str:
    fault = Fault(at=rng.choice(POINTS), call=rng.randint(1, 3), when=rng.choice(["before", "after"]))
    return f"{fault.at} {fault.when} {fault.call}: {_end(_start(project, fault))}"


def _killed_at_a_moment(project: Project, rng: random.Random) -> str:
    process = _start(project, Fault())
    with suppress(subprocess.TimeoutExpired):
        process.wait(rng.uniform(2, 12))
    process.kill()
    return _end(process)


def _short_of(kind: str, least: int, most: int) -> Callable[[Project, random.Random], str]:
    def refresh(project: Project, rng: random.Random) -> str:
        limit = rng.randint(least, most)
        return f"{limit}: {_end(_start(project, Fault(), f'resource.setrlimit(resource.{kind}, ({limit}, {limit}))'))}"

    return refresh


def _on_a_store_that_cannot_be_written_to(project: Project, rng: random.Random) -> str:
    folders = [Path(folder) for folder, _, _ in os.walk(project.folder / "store")]
    closed = [folder for folder in folders if rng.random() < 0.5] or folders[:1]
    modes = {folder: folder.stat().st_mode for folder in closed}
    for folder in closed:
        folder.chmod(0o555)
    try:
        # Root may write whatever the permissions say, unless it gives up CAP_DAC_OVERRIDE for what it executes.
        return _end(_start(project, Fault(), "ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)"))
    finally:
        for folder, mode in modes.items():
            folder.chmod(mode)


def _under_another_clock(project: Project, rng: random.Random) -> str:
    as_of = datetime(rng.choice([1985, 2020, 2071, 2446]), rng.randint(1, 12), 3, tzinfo=UTC)
    return f"{as_of:%Y-%m}: {project.refresh(as_of=as_of)['outcome']}"


def _beside_other_writers(project: Project, rng: random.Random) -> str:
    """Two refreshes, with rollbacks and maintenance that keeps as little as it may."""
    refreshes = [_start(project, Fault()) for _ in range(2)]
    loaded, store = load_project(project.config), project.store
    said: list[str] = []
    while any(process.poll() is None for process in refreshes):
        chosen = rng.choice(published_releases(list_releases(store, "docs")))
        try:
            roll_back(store, "docs", chosen.release, now=datetime.now(UTC))
            maintained = maintain(
                loaded, store, Target("corpus", "docs"), Maintenance(keep_releases=1, grace=timedelta(0)), task=Task(),
                run="chaos", now=datetime.now(UTC) + timedelta(days=9), wait=timedelta(0), tell=lambda _: None,
            )  # fmt: skip
            said.append(str(maintained.outcome))
        except StoreError as refused:
            said.append(str(refused)[:60])
        _ask(project, frozenset())
    return f"{set(said)} {[_end(process) for process in refreshes]}"


def _with_damaged_files(project: Project, rng: random.Random) -> str:
    files = sorted(file for file in (project.folder / "store").rglob("*") if file.is_file() and file.stat().st_size)
    file = rng.choice([one for one in files if "locks" not in one.parts])
    held = bytearray(file.read_bytes())
    held[rng.randrange(len(held))] ^= 1 << rng.randrange(8)
    file.write_bytes(held[: rng.choice([len(held), len(held) // 2])])
    done = repair(load_project(project.config), (), timedelta(0), lambda _: None)
    return f"{file.relative_to(project.folder)}: {[one.code for one in done.left]}"


DISTURBANCES: dict[str, Callable[[Project, random.Random], str]] = {
    "killed at a call": _killed_at_a_call,
    "killed at a moment": _killed_at_a_moment,
    "short of room": _short_of("RLIMIT_FSIZE", 1_000, 60_000),
    "short of open files": _short_of("RLIMIT_NOFILE", 24, 200),
    "on a store that cannot be written to": _on_a_store_that_cannot_be_written_to,
    "under another clock": _under_another_clock,
    "beside other writers": _beside_other_writers,
    "with damaged files": _with_damaged_files,
}


# ---- the model: a build of the same sources that nothing disturbed


@dataclass(frozen=True)
class Expected:
    chunks: list[dict[str, Any]]
    answers: dict[frozenset[str], Found]


def _ask(project: Project, groups: frozenset[str]) -> Found:
    """The passages that somebody of these groups finds, by address; every passage has the word in it."""
    asker = Asker(frozenset({"everyone", *groups}))
    answer = search(
        project.store, "docs", "spring", asker=asker, mode="text", limit=500, now=datetime.now(UTC),
        embed_query=lambda *_: pytest.fail("full text needs no vector"),
    )  # fmt: skip
    return frozenset((hit.uri, hit.text) for hit in answer.hits)


def _askers() -> list[frozenset[str]]:
    return [frozenset(), *(frozenset({group}) for group in GROUPS), frozenset(GROUPS)]


Rules = list[dict[str, Any]]


def _may_see(uri: str, groups: frozenset[str], rules: Rules) -> bool:
    """By the settings alone."""
    acl = next((one["acl"] for one in rules if uri.startswith(f"docs/{one['path'][:-2]}")), ["everyone"])
    lists = [acl] if isinstance(acl, list) else acl["all"]
    return all({"everyone", *groups} & set(some) for some in lists)


def _readers_see_what_they_may(project: Project, before: Rules) -> None:
    """Nobody is shown what both the settings of before and those of now forbid, while a refresh is half done."""
    rules = project.source["access"]
    for groups in _askers():
        for uri, _ in _ask(project, groups):
            assert _may_see(uri, groups, before) or _may_see(uri, groups, rules)


def _undisturbed(project: Project, folder: Path) -> Expected:
    folder.mkdir()
    fresh = Project(folder, json.loads(json.dumps(project.settings)))
    shutil.copytree(project.folder / "docs", folder / "docs", dirs_exist_ok=True)
    assert fresh.refresh()["outcome"] == "released"
    return Expected(fresh.chunks().to_pylist(), {groups: _ask(fresh, groups) for groups in _askers()})


@pytest.mark.parametrize("seed", some_of(range(24), 0))
def test_after_any_disturbance_the_next_refresh_leaves_what_an_undisturbed_build_leaves(
    seed: int, tmp_path: Path
) -> None:
    rng = random.Random(seed)
    project = Project(tmp_path / "project" / "here")
    project.settings["corpora"]["docs"] |= {"chunking": {"max_tokens": 40}, "parsing": {"workers": 1}}
    for path in NAMES[::2]:
        project.write(path, _text(rng, path))
    project.source["access"] = []
    project.save()
    assert project.refresh()["outcome"] == "released"
    history: list[str] = []
    # Each seed begins with another disturbance, so that a few seeds meet all of them.
    names = list(DISTURBANCES)
    chosen = [names[(seed * STEPS + step) % len(names)] for step in range(STEPS)]
    for step, name in enumerate(chosen):
        before = project.source["access"]
        _change_sources(project, rng)
        # What is damaged is told to whoever asks, until somebody mends it.
        look = (lambda: None) if name == "with damaged files" else partial(_readers_see_what_they_may, project, before)
        with Reader(look) as reader:
            history.append(f"{name}: {DISTURBANCES[name](project, rng)}")
            reader.look_again()
            report = project.refresh()
        assert report["outcome"] in ("released", "unchanged"), (history, report)
        expected = _undisturbed(project, tmp_path / f"undisturbed-{step}")
        assert project.chunks().to_pylist() == expected.chunks, history
        assert {groups: _ask(project, groups) for groups in _askers()} == expected.answers, history
        assert [one.code for one in examine(load_project(project.config))] == [], history
