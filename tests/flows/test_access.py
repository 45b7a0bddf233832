"""Who may see what: decided when somebody asks, whatever the indices, the release or the gate say."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from freshet.tasks.errors import AccessCheckFailed, SettingsError
from freshet.tasks.governance.expressions import Asker
from freshet.tasks.governance.policy import principals_of
from freshet.tasks.index import indices as maintain
from freshet.tasks.index.gate import examination
from freshet.tasks.rules.verdicts import verdict
from freshet.tasks.search import candidates
from freshet.tasks.search.candidates import Mode
from freshet.tasks.search.hits import Answer
from freshet.tasks.search.retrieve import query_embedder
from freshet.tasks.search.retrieve import search as find
from freshet.tasks.settings.file import load_project
from tests.flows.conftest import Project

MODES: tuple[Mode, ...] = ("hybrid", "vector", "text")
PLACES = ("Ashford", "Brackley", "Calder", "Dunmore", "Elmswell", "Fenwick", "Garsdale", "Hexton", "Ilkley", "Jarrow")
PUBLIC, STAFF, RARE = 8, 400, 2
"""Documents of one chunk each, by who may read them: everyone, group:staff, user:rare."""

QUESTION = "What is the pressure of the pump at Fenwick station?"

BLOCKED = [verdict("GATE-VECTOR", chunks=1)]


def ask(
    project: Project, question: str, *as_: str, mode: Mode = "hybrid", limit: int = 5, now: datetime | None = None
) -> Answer:
    """Searches as the command does, but at a moment of one's choice."""
    return find(
        project.store, "docs", question, asker=Asker(frozenset(principals_of(as_))), mode=mode, limit=limit,
        now=now or datetime.now(UTC), embed_query=query_embedder(load_project(project.config)),
    )  # fmt: skip


def reopen(folder: Path) -> Project:
    """A project that was copied, with its settings as they are."""
    return Project(folder, yaml.safe_load((folder / "freshet.yaml").read_text()))


def texts(answer: Answer) -> list[str]:
    return [hit.text for hit in answer.hits]


def paths(answer: Answer) -> set[str]:
    return {hit.uri.removeprefix("docs/") for hit in answer.hits}


def _page(number: int) -> str:
    place, floor = PLACES[number % len(PLACES)], number // len(PLACES)
    return f"The pump on floor {floor} of {place} station runs at a pressure of {number} kilopascal.\n"


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a project of 410 documents that answer much alike, released without any index."""
    project = Project(tmp_path_factory.mktemp("plant"))
    for number in range(PUBLIC + STAFF):
        project.write(f"{'public' if number < PUBLIC else 'staff'}/{number:03}.txt", _page(number))
    for number in range(RARE):
        # Far from every question about pumps: what the rare reader may see is never among the nearest.
        project.write(f"rare/{number}.txt", f"Recipe {number}: simmer the lentils with cumin, then rest them.\n")
    project.source["acl"] = ["everyone"]
    project.source["access"] = [
        {"path": "staff/**", "acl": ["group:staff"]},
        {"path": "rare/**", "acl": ["user:rare"]},
    ]
    project.save()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(maintain, "maintain_indices", lambda run: None)
        patch.setattr(examination, "check_indices", lambda *_: [])  # the gate would not let it pass
        assert project.refresh()["outcome"] == "released"
    return project.folder


@pytest.fixture(scope="module", params=["no index", "indices", "vector index"])
def served(request: pytest.FixtureRequest, plant: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The plant, served without indices, with those that it should have, and with an approximate one for vectors."""
    folder = tmp_path_factory.mktemp("served") / "plant"
    shutil.copytree(plant, folder)
    project = reopen(folder)
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "vector index":
            patch.setattr(maintain, "VECTOR_INDEX_ROWS", 256)
            patch.setattr(candidates, "EXACT_ROWS", 100)
        if request.param != "no index":
            project.refresh(full=True)
        tables = project.store.corpus("docs")
        (name,) = [n for n in tables.names() if n.startswith("chunks-")]
        indexed = maintain.indexed_columns(tables.find(name))
        expected = {"no index": 0, "indices": 5, "vector index": 6}[request.param]
        assert len(indexed) == expected, indexed
        yield project


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("as_", "may_see"),
    [((), {"public"}), (("group:staff",), {"public", "staff"}), (("user:rare",), {"public", "rare"})],
    ids=["nobody", "staff", "rare"],
)
def test_no_hit_is_forbidden_and_the_allowed_ones_fill_the_limit(
    served: Project, mode: Mode, as_: tuple[str, ...], may_see: set[str]
) -> None:
    limit = 7
    answer = ask(served, QUESTION, *as_, mode=mode, limit=limit)
    folders = {path.split("/")[0] for path in paths(answer)}
    assert folders <= may_see
    assert len(answer.hits) == limit
    assert len(set(texts(answer))) == limit
    if "staff" in may_see:
        assert "staff" in folders, "the many that may be seen are found"


@pytest.mark.parametrize("mode", ["hybrid", "vector"])
def test_a_reader_who_may_see_one_chunk_in_two_hundred_is_shown_it(served: Project, mode: Mode) -> None:
    embed = query_embedder(load_project(served.config))
    answer = find(
        served.store, "docs", QUESTION, asker=Asker(frozenset({"user:rare"})), mode=mode, limit=5,
        now=datetime.now(UTC), embed_query=embed,
    )  # fmt: skip
    assert paths(answer) == {"rare/0.txt", "rare/1.txt"}


@pytest.mark.parametrize("as_", [(), ("user:rare",)], ids=["nobody", "rare"])
def test_a_reader_who_may_see_little_gets_exact_results(served: Project, as_: tuple[str, ...]) -> None:
    rows = served.chunks()
    vectors = np.asarray(rows["vector"].to_pylist(), np.float32)
    folders = {row["doc_id"]: row["path"].split("/")[0] for row in served.ledger().to_pylist()}
    may_see = {"public", *(name.removeprefix("user:") for name in as_)}
    seen = np.asarray([folders[doc_id] in may_see for doc_id in rows["doc_id"].to_pylist()])
    question = _question_vector(served)
    best = sorted(zip(-(vectors[seen] @ question), np.asarray(rows["text"].to_pylist())[seen], strict=True))
    answer = ask(served, QUESTION, *as_, mode="vector", limit=6)
    assert texts(answer) == [text for _, text in best[:6]]


def _question_vector(project: Project) -> Any:
    from freshet.tasks.embedding.embed import load_embedder
    from freshet.tasks.embedding.models import resolve_model

    loaded = load_project(project.config)
    return load_embedder(resolve_model(loaded.settings.embedding, loaded.root)).embed_query(QUESTION)


@pytest.mark.parametrize(
    "name",
    ["user:x' OR 1=1 --", "user:x'] OR true OR array_has_any(acl, ['everyone", "group:staff')", "user:%", "user:*"],
)
@pytest.mark.parametrize("mode", MODES)
def test_a_principal_that_tries_to_be_a_predicate_matches_nothing(served: Project, name: str, mode: Mode) -> None:
    alone = find(
        served.store, "docs", QUESTION, asker=Asker(frozenset({name})), mode=mode, limit=5, now=datetime.now(UTC),
        embed_query=query_embedder(load_project(served.config)),
    )  # fmt: skip
    assert alone.hits == []
    beside = ask(served, QUESTION, name, mode=mode, limit=5)
    assert {path.split("/")[0] for path in paths(beside)} == {"public"}


@pytest.mark.parametrize("name", ["ada", "staff", "role:admin", "user:", "group: staff", "user:a\nb", "", "everyone "])
def test_a_malformed_principal_is_an_error_and_no_broader_search(project: Project, name: str) -> None:
    with pytest.raises(SettingsError, match="is no principal"):
        principals_of([name])


def test_the_command_refuses_a_malformed_principal(served: Project) -> None:
    done = served.freshet("search", QUESTION, "--corpus", "docs", "--as", "staff", "--json", code=1)
    assert done.stdout == ""
    assert "user:staff or group:staff" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def office_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = Project(tmp_path_factory.mktemp("office"))
    for name in ("leave", "travel", "salaries"):
        project.write(f"{name}.md", f"# {name.title()}\n\nThe rules of {name} are decided in spring.\n")
    project.source["access"] = [{"path": "salaries.md", "acl": ["group:board", "group:legal"]}]
    project.save()
    assert project.refresh()["outcome"] == "released"
    return project.folder


@pytest.fixture
def office(office_folder: Path, tmp_path: Path) -> Project:
    """Three documents, one of them for group:board and group:legal, released once."""
    shutil.copytree(office_folder, tmp_path / "office")
    return reopen(tmp_path / "office")


def _allow(project: Project, *acl: str) -> None:
    project.source["access"] = [{"path": "salaries.md", "acl": list(acl)}]
    project.save()


def _reject(monkeypatch: pytest.MonkeyPatch) -> None:
    from freshet.tasks.index.gate import evaluate

    monkeypatch.setattr(evaluate, "examine_head", lambda run: BLOCKED)


def test_a_permission_revoked_in_the_settings_is_gone_at_the_next_refresh_and_embeds_nothing(office: Project) -> None:
    assert "salaries.md" in paths(ask(office, "rules", "group:legal"))
    _allow(office, "group:board")
    report = office.refresh()
    assert (report["outcome"], report["texts_embedded"]) == ("released", 0)
    assert report["documents"]["access_changed"] == 1
    for mode in MODES:
        assert paths(ask(office, "salaries rules", "group:legal", mode=mode)) <= {"leave.md", "travel.md"}
        assert "salaries.md" in paths(ask(office, "salaries rules", "group:board", mode=mode))


def test_a_revoked_permission_holds_although_the_gate_rejects(office: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    _allow(office, "group:board")
    _reject(monkeypatch)
    report = office.refresh()
    assert (report["outcome"], report["release"]) == ("rejected", 1)
    for mode in MODES:
        assert "salaries.md" not in paths(ask(office, "salaries rules", "group:legal", mode=mode))
        assert "salaries.md" in paths(ask(office, "salaries rules", "group:board", mode=mode))


@pytest.mark.parametrize("rule", ["salaries.md", "salar*"], ids=["same class", "other class"])
@pytest.mark.parametrize(("group", "is_shown"), [("group:legal", False), ("group:board", True)])
def test_a_refresh_that_narrows_during_a_search_is_heeded_and_hides_no_more(
    office: Project, monkeypatch: pytest.MonkeyPatch, rule: str, group: str, is_shown: bool
) -> None:
    embed = query_embedder(load_project(office.config))

    def narrow_meanwhile(release: Any, question: str) -> Any:
        office.source["access"] = [{"path": rule, "acl": ["group:board"]}]
        office.save()
        _reject(monkeypatch)
        assert office.refresh()["outcome"] == "rejected"
        return embed(release, question)

    answer = find(
        office.store, "docs", "salaries rules", asker=Asker(frozenset({"everyone", group})), mode="hybrid", limit=5,
        now=datetime.now(UTC), embed_query=narrow_meanwhile,
    )  # fmt: skip
    assert ("salaries.md" in paths(answer)) == is_shown


def test_a_widened_permission_waits_for_a_release(office: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    _allow(office, "group:board", "group:legal", "group:press")
    with monkeypatch.context() as patch:
        _reject(patch)
        assert office.refresh()["outcome"] == "rejected"
        for mode in MODES:
            assert "salaries.md" not in paths(ask(office, "salaries rules", "group:press", mode=mode))
    report = office.refresh()
    assert (report["outcome"], report["texts_embedded"]) == ("released", 0)
    assert "salaries.md" in paths(ask(office, "salaries rules", "group:press"))


def test_a_revocation_outlives_a_rollback(office: Project) -> None:
    _allow(office, "group:board")
    office.refresh()
    assert office.freshet_json("rollback", "docs", "1")["rollback_of"] == 1
    assert "salaries.md" not in paths(ask(office, "salaries rules", "group:legal"))
    assert "salaries.md" in paths(ask(office, "salaries rules", "group:board"))


def test_a_withdrawn_document_is_gone_although_an_older_release_is_pinned(office: Project) -> None:
    (office.folder / "docs" / "travel.md").unlink()
    report = office.refresh()
    assert (report["outcome"], report["documents"]["withdrawn"]) == ("released", 1)
    rolled = office.freshet_json("rollback", "docs", "1")
    answer = ask(office, "travel rules")
    assert answer.release == rolled["release"]
    for mode in MODES:
        assert paths(ask(office, "travel rules", mode=mode)) == {"leave.md"}


def test_a_withdrawn_document_is_gone_although_the_gate_rejects(
    office: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (office.folder / "docs" / "travel.md").unlink()
    _reject(monkeypatch)
    assert office.refresh()["outcome"] == "rejected"
    assert paths(ask(office, "travel rules")) == {"leave.md"}


@pytest.mark.parametrize("fault", ["gone", "damaged"])
def test_where_the_ledger_cannot_be_read_nothing_is_shown(office: Project, fault: str) -> None:
    ledger = office.folder / "store" / "corpora" / "docs" / "documents.lance"
    if fault == "gone":
        shutil.rmtree(ledger)
    else:
        for file in (ledger / "data").iterdir():
            file.write_bytes(b"")
    for mode in MODES:
        with pytest.raises(AccessCheckFailed):
            ask(office, "rules", mode=mode)
    done = office.freshet("search", "rules", "--corpus", "docs", "--mode", "text", "--json", code=1)
    assert done.stdout == ""
    assert "nothing is shown" in done.stderr
    assert "Traceback" not in done.stderr


def _changed(project: Project, path: str, days: int) -> None:
    """Rewrites a document as if so many days ago."""
    file = project.folder / "docs" / path
    file.write_text(file.read_text() + "They hold all year.\n")
    moment = (datetime.now(UTC) - timedelta(days=days)).timestamp()
    os.utime(file, (moment, moment))


def test_a_document_grows_stale_and_then_is_not_served_by_the_clock_of_who_asks(office: Project) -> None:
    office.source["freshness"] = {"warn_after": "30d", "block_after": "60d"}
    office.save()
    _changed(office, "travel.md", days=20)
    assert office.refresh()["texts_embedded"] == 1
    now = datetime.now(UTC)

    def states(days: int) -> dict[str, bool]:
        answer = ask(office, "the rules", now=now + timedelta(days=days))
        return {hit.uri.removeprefix("docs/"): hit.stale for hit in answer.hits}

    assert states(0) == {"travel.md": False, "leave.md": False}
    assert states(11) == {"travel.md": True, "leave.md": False}
    assert states(41) == {"leave.md": True}
    assert states(61) == {}


def test_freshness_narrowed_in_the_settings_applies_at_once_and_embeds_nothing(office: Project) -> None:
    _changed(office, "travel.md", days=400)
    office.refresh()
    assert "travel.md" in paths(ask(office, "the rules"))
    office.source["freshness"] = {"warn_after": "30d", "block_after": "1y"}
    office.save()
    assert office.refresh()["texts_embedded"] == 0
    assert "travel.md" not in paths(ask(office, "the rules"))


def test_touching_a_file_does_not_make_its_text_younger(office: Project) -> None:
    office.source["freshness"] = {"warn_after": "30d"}
    office.save()
    _changed(office, "travel.md", days=40)
    office.refresh()
    os.utime(office.folder / "docs" / "travel.md")
    report = office.refresh()
    assert (report["documents"]["unchanged"], report["texts_embedded"]) == (3, 0)
    (hit,) = [hit for hit in ask(office, "the rules").hits if hit.uri == "docs/travel.md"]
    assert hit.stale


def test_a_broken_new_version_leaves_the_old_text_served_marked_stale_under_todays_access(office: Project) -> None:
    (office.folder / "docs" / "travel.md").write_bytes(b"   \n\n  ")
    report = office.refresh()
    assert (report["documents"]["quarantined"], report["quarantine"]) == (1, {"PARSE-EMPTY": 1})
    (hit,) = [hit for hit in ask(office, "travel rules").hits if hit.uri == "docs/travel.md"]
    assert hit.stale
    assert "decided in spring" in hit.text
    office.source["access"].append({"path": "travel.md", "acl": ["group:board"]})
    office.save()
    report = office.refresh()
    assert report["texts_embedded"] == 0
    for mode in MODES:
        assert "travel.md" not in paths(ask(office, "travel rules", mode=mode))
        assert "travel.md" in paths(ask(office, "travel rules", "group:board", mode=mode))
    waiting = office.freshet_json("quarantine", "docs")["documents"]
    assert [(row["path"], row["serving"], row["verdicts"][0]["code"]) for row in waiting] == [
        ("travel.md", True, "PARSE-EMPTY")
    ]
