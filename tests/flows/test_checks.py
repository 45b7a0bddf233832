"""What the checks decide, as owners and readers see it: duplicates, dates, quarantine, links, altered bytes."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.chaos import some_of
from tests.flows.conftest import Project
from tests.flows.killer import embed_by_hash, forget_ctime
from tests.unit.office_files import p, part, word_members, zipped

JANUARY = datetime(2026, 1, 1, 12, tzinfo=UTC)
PROSE = (
    "the office opens early and people bring their own cup because water is free for all of us in winter when trains "
    "are late we meet at noon with notes from last week about rooms keys lamps bikes paint gardens boats and bread"
)
CARD = "The account was paid with card 4539 1488 0343 6467 last week."
KEY = "aws_access_key_id = AKIA" + "Q3EGRLTYPOIU7HGF"


@pytest.fixture(autouse=True)
def hash_embedder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embed_by_hash(monkeypatch, tmp_path)


@pytest.fixture
def two(project: Project) -> Project:
    """A project with the sources docs and more, in this order, and a page in each that is like no other."""
    _with_more(project)
    _add(project, "docs/own.md", _page(100))
    _add(project, "more/other.md", _page(101))
    return project


def _with_more(project: Project, acl: Iterable[str] = ("everyone",)) -> None:
    more = {"folder": "more", "name": "more", "owner": "me", "acl": list(acl)}
    project.settings["corpora"]["docs"]["sources"].append(more)
    project.save()
    (project.folder / "more").mkdir()


def _page(seed: int, replaced: int = 0, words: int = 120) -> str:
    """A page of its own for every seed, of which some words, far from each other, are replaced."""
    text = ["spring", *random.Random(seed).choices(PROSE.split(), k=words)]
    for number in range(replaced):
        text[10 + 40 * number] = f"edited{number}"
    return " ".join(text) + "\n"


def _add(project: Project, path: str, text: str, day: int = 0) -> None:
    """Writes a document, last changed so many days after the first of January."""
    file = project.folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    moment = (JANUARY + timedelta(days=day)).timestamp()
    os.utime(file, (moment, moment))


def _remove(project: Project, path: str) -> None:
    (project.folder / path).unlink()


def _refresh(project: Project, outcome: str = "released", **options: Any) -> dict[str, Any]:
    report = project.refresh(**options)
    assert report["outcome"] == outcome, (report["outcome"], report.get("reasons"), report.get("error"))
    return report


def _hits(project: Project, question: str = "spring", *as_: str, now: datetime | None = None) -> dict[str, Any]:
    """Stale or not, by URI, of the documents that a reader finds; every page has the word spring."""
    from freshet.tasks.governance.roster import asker_of
    from freshet.tasks.search.retrieve import search

    def no_vector(release: object, text: str) -> Any:
        raise AssertionError("full text needs no vector")

    answer = search(
        project.store, "docs", question, asker=asker_of(as_, None, datetime.now(UTC)), mode="text", limit=200,
        now=now or datetime.now(UTC), embed_query=no_vector,
    )  # fmt: skip
    return {hit.uri: hit.stale for hit in answer.hits}


def _rows(project: Project) -> dict[str, dict[str, Any]]:
    """Ledger rows by URI; `codes` are those of the verdicts, `duplicate_of` is a URI."""
    rows = project.ledger().to_pylist()
    uris = {row["doc_id"]: row["uri"] for row in rows}
    return {
        row["uri"]: row
        | {
            "verdicts": (verdicts := json.loads(row["verdicts"])),
            "codes": {v["code"]: v["severity"] for v in verdicts},
            "duplicate_of": uris[row["duplicate_of"]] if row["duplicate_of"] else None,
        }
        for row in rows
    }


def _kept(project: Project) -> dict[str, str | None]:
    return {uri: row["duplicate_of"] for uri, row in _rows(project).items()}


def _assert_hidden(project: Project, uri: str, behind: str, code: str) -> None:
    row = _rows(project)[uri]
    assert (row["duplicate_of"], row["chunks"]) == (behind, 0)
    assert row["codes"].get(code) == "note"
    assert row["doc_id"] not in project.chunks()["doc_id"].to_pylist()


COPIES = {"exact": (0, "DUP-EXACT"), "near": (1, "DUP-NEAR")}


@pytest.mark.parametrize("kind", COPIES)
def test_of_copies_in_two_sources_the_one_of_the_first_source_answers(two: Project, kind: str) -> None:
    replaced, code = COPIES[kind]
    _add(two, "docs/copy.md", _page(1))
    _add(two, "more/copy.md", _page(1, replaced), day=5)
    _refresh(two)
    assert set(_hits(two)) == {"docs/own.md", "more/other.md", "docs/copy.md"}
    _assert_hidden(two, "more/copy.md", "docs/copy.md", code)
    before = two.versions()
    _refresh(two, "unchanged")
    assert two.versions() == before, "a refresh that finds nothing new writes nothing"


def test_within_a_source_the_newest_copy_answers_then_the_first_by_path(two: Project) -> None:
    for name, day in (("a", 1), ("b", 3), ("c", 2)):
        _add(two, f"docs/{name}.md", _page(1), day)
    for name in ("z", "y"):
        _add(two, f"docs/{name}.md", _page(2))
    _refresh(two)
    kept = _kept(two)
    assert [kept[f"docs/{name}.md"] for name in "abcyz"] == ["docs/b.md", None, "docs/b.md", None, "docs/y.md"]


@pytest.mark.parametrize("how", ["withdrawn", "edited"])
@pytest.mark.parametrize("kind", COPIES)
def test_a_hidden_copy_comes_back_when_the_kept_one_goes(two: Project, kind: str, how: str) -> None:
    replaced, _ = COPIES[kind]
    _add(two, "docs/copy.md", _page(1))
    _add(two, "more/copy.md", _page(1, replaced))
    _refresh(two)
    if how == "withdrawn":
        _remove(two, "docs/copy.md")
    else:
        _add(two, "docs/copy.md", _page(3), day=9)
    report = _refresh(two)
    assert "more/copy.md" in _hits(two)
    row = _rows(two)["more/copy.md"]
    assert (row["duplicate_of"], row["chunks"] > 0) == (None, True)
    assert not [code for code in row["codes"] if code.startswith("DUP-")]
    if kind == "exact":
        new = 0 if how == "withdrawn" else _rows(two)["docs/copy.md"]["chunks"]
        assert report["texts_embedded"] == new, "the release holds the text of the copy"
    _refresh(two, "unchanged")


@pytest.mark.parametrize("kind", COPIES)
def test_what_everyone_may_see_is_never_hidden_behind_what_few_may(project: Project, kind: str) -> None:
    replaced, code = COPIES[kind]
    project.source["acl"] = ["group:hr"]
    _with_more(project)
    _add(project, "docs/copy.md", _page(1))
    _add(project, "more/copy.md", _page(1, replaced))
    _refresh(project)
    assert set(_hits(project)) == {"more/copy.md"}
    assert set(_hits(project, "spring", "group:hr")) == {"docs/copy.md", "more/copy.md"}
    project.source["acl"] = ["everyone"]
    project.save()
    _refresh(project)
    assert set(_hits(project)) == {"docs/copy.md"}
    _assert_hidden(project, "more/copy.md", "docs/copy.md", code)
    project.source["acl"] = ["group:hr"]
    project.save()
    _refresh(project)
    assert set(_hits(project)) == {"more/copy.md"}


def test_a_hidden_copy_of_another_type_comes_back_as_a_fresh_build_has_it(two: Project, tmp_path: Path) -> None:
    """Its bytes are those of the other; its parse is not."""
    text = "# Rooms\n\n" + _page(1) + "\n## Keys\n\n" + _page(2, words=60)
    _add(two, "docs/copy.md", text)
    _add(two, "more/copy.txt", text)
    _refresh(two)
    assert _rows(two)["more/copy.txt"]["duplicate_of"] == "docs/copy.md"
    _remove(two, "docs/copy.md")
    _refresh(two)
    fresh = _fresh_copy(two, tmp_path / "fresh")
    _refresh(fresh)
    assert _without_vectors(two) == _without_vectors(fresh)


def _fresh_copy(project: Project, folder: Path) -> Project:
    """A new project with the same settings and documents, last changed when those were."""
    folder.mkdir()
    fresh = Project(folder, json.loads(json.dumps(project.settings)))
    for file in sorted(project.folder.glob("docs/**/*")) + sorted(project.folder.glob("more/**/*")):
        path = folder / file.relative_to(project.folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.read_bytes())
        os.utime(path, ns=(file.stat().st_mtime_ns, file.stat().st_mtime_ns))
    return fresh


def _without_vectors(project: Project) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = project.chunks().drop_columns(["vector"]).to_pylist()
    return rows


def test_a_hidden_copy_comes_back_at_the_refresh_after_the_kept_one_has_expired(two: Project) -> None:
    _add(two, "docs/copy.md", "---\nvalid_until: 2031-06-30\n---\n\n" + _page(1))
    _add(two, "more/copy.md", _page(1))
    _refresh(two, as_of=datetime(2031, 6, 1, tzinfo=UTC))
    assert _rows(two)["more/copy.md"]["duplicate_of"] == "docs/copy.md"
    july = datetime(2031, 7, 2, tzinfo=UTC)
    _refresh(two, as_of=july)
    assert set(_hits(two, now=july)) == {"docs/own.md", "more/other.md", "more/copy.md"}
    before = two.versions()
    _refresh(two, "unchanged", as_of=july + timedelta(days=1))
    assert two.versions() == before


@pytest.mark.parametrize("seed", some_of(range(12), 3))
def test_copies_whose_validity_ends_leave_what_a_fresh_build_serves(two: Project, tmp_path: Path, seed: int) -> None:
    rng, now = random.Random(seed), datetime(2031, 1, 1, tzinfo=UTC)
    places = [f"{source}/{name}.md" for source in ("docs", "more") for name in "ab"]
    history: list[Any] = []
    for step in range(6):
        for _ in range(rng.randint(1, 2)):
            path, until, near, day = (
                rng.choice(places),
                rng.choice([None, 2, 4, 6, 8]),
                rng.randint(0, 1),
                rng.choice(range(9)),
            )
            if (two.folder / path).exists() and rng.random() < 0.4:
                _remove(two, path)
                history.append(path)
            else:
                head = f"---\nvalid_until: 2031-{until:02}-15\n---\n\n" if until else ""
                _add(two, path, head + _page(1, near), day)
                history.append((path, until, near, day))
        # The second of two refreshes finds nothing new but the time.
        for passed in range(2):
            now += timedelta(days=31)
            two.refresh(as_of=now)
            fresh = _fresh_copy(two, tmp_path / f"fresh-{step}-{passed}")
            fresh.refresh(as_of=now)
            assert set(_hits(two, now=now)) == set(_hits(fresh, now=now)), (now, history)


def test_switching_the_near_duplicate_rule_off_brings_near_copies_back(two: Project) -> None:
    _add(two, "docs/copy.md", _page(1))
    _add(two, "more/near.md", _page(1, 1))
    _add(two, "more/exact.md", _page(1))
    _refresh(two)
    assert set(_hits(two)) == {"docs/own.md", "more/other.md", "docs/copy.md"}
    _tune(two, {"DUP-NEAR": {"severity": "off"}})
    _refresh(two)
    assert set(_hits(two)) == {"docs/own.md", "more/other.md", "docs/copy.md", "more/near.md"}
    _assert_hidden(two, "more/exact.md", "docs/copy.md", "DUP-EXACT")


def _tune(project: Project, rules: dict[str, Any]) -> None:
    project.settings["corpora"]["docs"]["rules"] = rules
    project.save()


def test_a_passed_review_date_makes_hits_stale_and_one_to_come_does_so_in_time(project: Project) -> None:
    project.write("past.md", "---\nreview_by: 2024-05-01\n---\n\n" + _page(1))
    project.write("later.md", "---\nreview_by: 2099-05-01\n---\n\n" + _page(2))
    project.write("without.md", _page(3))
    _refresh(project)
    assert _hits(project) == {"docs/past.md": True, "docs/later.md": False, "docs/without.md": False}
    assert _hits(project, now=datetime(2099, 5, 3, tzinfo=UTC))["docs/later.md"] is True


def test_what_is_valid_no_longer_is_not_served_though_no_refresh_ran(project: Project) -> None:
    project.write("ends.md", "---\nvalid_until: 2099-05-01\n---\n\n" + _page(1))
    project.write("ended.md", "---\nvalid_until: 2020-05-01\n---\n\n" + _page(2))
    project.write("stays.md", _page(3))
    _refresh(project)
    assert set(_hits(project)) == {"docs/ends.md", "docs/stays.md"}
    assert set(_hits(project, now=datetime(2099, 5, 1, 23, tzinfo=UTC))) == {"docs/ends.md", "docs/stays.md"}
    assert set(_hits(project, now=datetime(2099, 5, 2, 1, tzinfo=UTC))) == {"docs/stays.md"}


@pytest.mark.parametrize(
    ("stated", "code"), [("status: deprecated", "STALE-DEPRECATED"), ("superseded_by: new.md", "STALE-SUPERSEDED")]
)
def test_a_document_that_calls_itself_outdated_is_cited_as_stale(project: Project, stated: str, code: str) -> None:
    file = project.write("old.md", f"---\n{stated}\n---\n\n" + _page(1))
    project.write("new.md", _page(2))
    _refresh(project)
    assert _hits(project) == {"docs/old.md": True, "docs/new.md": False}
    assert _rows(project)["docs/old.md"]["codes"][code] == "warn"
    file.write_text(_page(1))
    _refresh(project)
    assert _hits(project)["docs/old.md"] is False


@pytest.mark.parametrize(("line", "code"), [(CARD, "PERSONAL-CARD"), (KEY, "SECRET-KEY")])
def test_a_document_with_what_must_not_be_known_is_refused_without_telling_it(
    project: Project, line: str, code: str
) -> None:
    project.write("good.md", _page(1))
    project.write("bad.md", _page(2) + "\n" + line + "\n")
    report = _refresh(project)
    assert (report["documents"]["quarantined"], report["quarantine"]) == (1, {code: 1})
    assert set(_hits(project)) == {"docs/good.md"}
    (refused,) = project.freshet_json("quarantine", "docs")["documents"]
    assert (refused["path"], refused["serving"]) == ("bad.md", False)
    blocking = [v for v in refused["verdicts"] if v["severity"] == "block"]
    assert [v["code"] for v in blocking] == [code]
    secret = "Q3EGRLTYPOIU7HGF" if code == "SECRET-KEY" else "4539"
    assert secret not in json.dumps(refused)
    _refresh(project, "unchanged")


def test_a_bad_new_version_leaves_the_good_one_serving_and_stale(project: Project) -> None:
    project.write("page.md", "golden " + _page(1))
    project.write("rest.md", _page(2))
    _refresh(project)
    project.write("page.md", "leaden " + _page(1) + "\n" + CARD + "\n")
    _refresh(project)
    assert _hits(project) == {"docs/page.md": True, "docs/rest.md": False}
    assert _hits(project, "golden") == {"docs/page.md": True}
    assert _hits(project, "leaden") == {}
    project.write("page.md", "silver " + _page(1))
    _refresh(project)
    assert _hits(project, "silver") == {"docs/page.md": False}


def test_an_accepted_version_is_let_in_at_the_next_refresh_until_the_document_changes(project: Project) -> None:
    project.write("rest.md", _page(1))
    project.write("bad.md", _page(2) + "\n" + CARD + "\n")
    _refresh(project)
    assert project.freshet("quarantine", "docs", "accept", "bad.md", code=None).returncode, "nobody said why"
    decided = project.freshet_json("quarantine", "docs", "accept", "bad.md", "--why", "a sample card", "--who", "ada")
    assert (decided["who"], decided["why"], decided["codes"]) == ("ada", "a sample card", ["PERSONAL-CARD"])
    assert set(_hits(project)) == {"docs/rest.md"}, "an acceptance waits for the next refresh"
    _refresh(project)
    assert set(_hits(project)) == {"docs/rest.md", "docs/bad.md"}
    assert _rows(project)["docs/bad.md"]["codes"]["PERSONAL-CARD"] == "warn", "what was accepted is still said"
    assert project.freshet_json("quarantine", "docs")["documents"] == []
    _refresh(project, "unchanged")
    project.write("bad.md", "changed " + _page(2) + "\n" + CARD + "\n")
    _refresh(project)
    assert _hits(project) == {"docs/rest.md": False, "docs/bad.md": True}
    assert _hits(project, "changed") == {}
    shown = project.freshet_json("quarantine", "docs", "show", "bad.md")
    assert [one["kind"] for one in shown["decisions"]] == ["accept"]


def test_an_acceptance_covers_no_other_rule(project: Project) -> None:
    """The rules that the version is refused under later were none of what somebody looked at."""
    _tune(project, {"SECRET-KEY": {"severity": "off"}})
    project.write("rest.md", _page(1))
    project.write("bad.md", _page(2) + "\n" + CARD + "\n\n" + KEY + "\n")
    _refresh(project)
    project.freshet("quarantine", "docs", "accept", "bad.md", "--why", "a sample card", "--who", "ada")
    _refresh(project)
    assert "docs/bad.md" in _hits(project)
    _tune(project, {})
    _refresh(project)
    codes = _rows(project)["docs/bad.md"]["codes"]
    assert (codes["PERSONAL-CARD"], codes["SECRET-KEY"]) == ("warn", "block")
    assert set(_hits(project)) == {"docs/rest.md"}
    assert project.freshet_json("quarantine", "docs")["documents"][0]["path"] == "bad.md"


def test_a_refused_document_is_read_again_once_somebody_asks(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from freshet.tasks.documents import judging

    project.write("rest.md", _page(1))
    project.write("bad.md", _page(2) + "\n" + CARD + "\n")
    _refresh(project)
    judged: list[str] = []
    real = judging.Judge.judge

    def judge(self: Any, planned: dict[str, Any], *rest: Any) -> Any:
        judged.append(planned["path"])
        return real(self, planned, *rest)

    monkeypatch.setattr(judging.Judge, "judge", judge)
    _refresh(project, "unchanged")
    assert judged == []
    project.freshet("quarantine", "docs", "retry", "bad.md", "--who", "ada")
    _refresh(project, "unchanged")
    assert judged == ["bad.md"]
    _refresh(project, "unchanged")
    assert judged == ["bad.md"], "it was asked for once"
    refused = project.freshet("quarantine", "docs", "retry", "rest.md", "--who", "ada", code=1)
    assert "not in quarantine" in refused.stderr


@pytest.mark.parametrize("severity", ["warn", "off"])
def test_a_rule_that_the_corpus_tunes_lets_a_document_in_and_tuned_back_refuses_it_again(
    project: Project, severity: str
) -> None:
    project.write("rest.md", _page(1))
    project.write("bad.md", _page(2) + "\n" + CARD + "\n")
    _refresh(project)
    _tune(project, {"PERSONAL-CARD": {"severity": severity}})
    _refresh(project)
    assert set(_hits(project)) == {"docs/rest.md", "docs/bad.md"}
    assert _rows(project)["docs/bad.md"]["codes"].get("PERSONAL-CARD") == (None if severity == "off" else severity)
    _tune(project, {})
    report = _refresh(project)
    assert (report["quarantine"], report["texts_embedded"]) == ({"PERSONAL-CARD": 1}, 0)
    assert set(_hits(project)) == {"docs/rest.md"}
    assert [one["path"] for one in project.freshet_json("quarantine", "docs")["documents"]] == ["bad.md"]
    _refresh(project, "unchanged")
    _tune(project, {"PERSONAL-CARD": {"severity": severity}})
    report = _refresh(project)
    assert (report["quarantine"], report["texts_embedded"]) == ({}, 0)
    assert _hits(project) == {"docs/rest.md": False, "docs/bad.md": False}


def test_a_version_that_serves_in_place_of_a_refused_one_is_held_to_new_rules_too(project: Project) -> None:
    _tune(project, {"SECRET-KEY": {"severity": "warn"}})
    project.write("rest.md", _page(1))
    project.write("page.md", "golden " + _page(2) + "\n" + KEY + "\n")
    _refresh(project)
    project.write("page.md", "leaden " + _page(2) + "\n" + CARD + "\n")
    _refresh(project)
    assert _hits(project, "golden") == {"docs/page.md": True}
    _tune(project, {})
    _refresh(project)
    assert set(_hits(project)) == {"docs/rest.md"}
    assert project.freshet_json("quarantine", "docs")["documents"][0]["serving"] is False


def _record_parsing(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that are parsed from now on."""
    from freshet.tasks.documents.parse.pool import ParserPool

    parsed: list[str] = []
    real = ParserPool.parse_many

    def parse_many(self: Any, files: Any) -> Any:
        parsed.extend(file.name for file in files)
        return real(self, files)

    monkeypatch.setattr(ParserPool, "parse_many", parse_many)
    return parsed


def test_comments_are_text_while_the_settings_want_them_and_only_what_is_new_is_parsed_and_embedded(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = part("w:comments", f"<w:comment w:id='1' w:author='Ada'>{p('golden ' + _page(2))}</w:comment>")
    only = part("w:comments", f"<w:comment w:id='1'>{p('leaden ' + _page(4))}</w:comment>")
    zipped(project.folder / "docs" / "plan.docx", word_members(p(_page(1)), {"k": ("comments", said)}))
    zipped(project.folder / "docs" / "only.docx", word_members("", {"k": ("comments", only)}))
    project.write("rest.md", _page(3))
    project.write("blank.md", " \n")
    parsed = _record_parsing(monkeypatch)
    _refresh(project)
    assert sorted(parsed) == ["blank.md", "only.docx", "plan.docx", "rest.md"]
    assert _hits(project, "golden") == {}
    for wanted, anew, embedded in ((True, ["only.docx", "plan.docx"], 2), (False, ["only.docx"], 0)):
        parsed.clear()
        project.settings["corpora"]["docs"]["parsing"] = {"comments": wanted}
        project.save()
        report = _refresh(project)
        assert (sorted(parsed), report["texts_embedded"]) == (anew, embedded)
        assert _hits(project, "golden") == ({"docs/plan.docx": False} if wanted else {})
        assert _hits(project, "leaden") == ({"docs/only.docx": False} if wanted else {})
        assert ("SAFETY-COMMENT" in _rows(project)["docs/plan.docx"]["codes"]) is not wanted
        _refresh(project, "unchanged")


def test_a_link_is_dead_from_the_refresh_in_which_its_target_went_until_it_is_back(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("guide.md", _page(1) + "\nSee [the rooms](rooms.md).\n")
    rooms = project.write("rooms.md", _page(2))
    project.write("rest.md", _page(3))
    _refresh(project)
    assert "PROV-LINK" not in _rows(project)["docs/guide.md"]["codes"]
    text = rooms.read_text()
    rooms.unlink()
    parsed = _record_parsing(monkeypatch)
    report = _refresh(project)
    assert (parsed, report["texts_embedded"], report["documents"]["withdrawn"]) == ([], 0, 1)
    row = _rows(project)["docs/guide.md"]
    assert row["codes"]["PROV-LINK"] == "warn"
    (evidence,) = [v["evidence"] for v in row["verdicts"] if v["code"] == "PROV-LINK"]
    assert [link["target"] for link in evidence["targets"]] == ["rooms.md"]
    assert _hits(project)["docs/guide.md"] is False, "a dead link is no matter of age"
    _refresh(project, "unchanged")
    rooms.write_text(text)
    _refresh(project)
    assert "PROV-LINK" not in _rows(project)["docs/guide.md"]["codes"]
    assert not [path for path in parsed if "guide" in path]


def test_a_link_to_a_document_that_never_was_is_told_at_once_and_to_a_refused_one_is_not(project: Project) -> None:
    project.write("guide.md", _page(1) + "\nSee [one](never.md) and [two](bad.md).\n")
    project.write("bad.md", _page(2) + "\n" + CARD + "\n")
    _refresh(project)
    (evidence,) = [v["evidence"] for v in _rows(project)["docs/guide.md"]["verdicts"] if v["code"] == "PROV-LINK"]
    assert [link["target"] for link in evidence["targets"]] == ["never.md"]
    _tune(project, {"PROV-LINK": {"severity": "off"}})
    project.write("rest.md", _page(3))
    _refresh(project)
    assert "PROV-LINK" not in _rows(project)["docs/guide.md"]["codes"]


def test_bytes_altered_in_secret_are_found_by_any_refresh_which_says_so(project: Project) -> None:
    file = project.write("page.md", "golden " + _page(1))
    project.write("rest.md", _page(2))
    _refresh(project)
    before = file.stat()
    file.write_text("leaden " + _page(1))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_size == before.st_size
    _refresh(project)
    assert set(_hits(project, "leaden")) == {"docs/page.md"}
    row = _rows(project)["docs/page.md"]
    assert row["codes"]["PROV-ALTERED"] == "warn"
    (evidence,) = [v["evidence"] for v in row["verdicts"] if v["code"] == "PROV-ALTERED"]
    assert len(evidence["ledger"]) == len(evidence["found"]) == 12
    assert "golden" not in json.dumps(row["verdicts"])
    assert "PROV-ALTERED" not in _rows(project)["docs/rest.md"]["codes"]
    _refresh(project, "unchanged")


def test_bytes_altered_behind_an_equal_hint_are_found_by_a_full_refresh(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_ctime(monkeypatch)
    file = project.write("page.md", "golden " + _page(1))
    _refresh(project)
    before = file.stat()
    file.write_text("leaden " + _page(1))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    _refresh(project, "unchanged")
    assert _hits(project, "leaden") == {}
    _refresh(project, full=True)
    assert set(_hits(project, "leaden")) == {"docs/page.md"}
    assert _rows(project)["docs/page.md"]["codes"]["PROV-ALTERED"] == "warn"


def test_a_file_that_only_the_system_touched_is_read_and_makes_no_release(project: Project) -> None:
    file = project.write("page.md", _page(1))
    _refresh(project)
    before = project.versions()
    file.chmod(0o600)
    _refresh(project, "unchanged")
    assert project.versions() == before
    project.write("other.md", _page(2))
    report = _refresh(project)
    assert (report["documents"]["unchanged"], report["documents"]["added"]) == (1, 1)
    hints = {row["path"]: row["seen_hint"] for row in project.ledger().to_pylist()}
    assert hints["page.md"].endswith(f" ctime:{file.stat().st_ctime_ns}")


def test_files_of_one_size_and_time_that_swapped_their_names_are_found_by_any_refresh(project: Project) -> None:
    texts = {word: f"{word} {_page(number)}".ljust(1500, ".") for number, word in enumerate(("golden", "leaden"))}
    one, other = (project.write(f"{name}.md", texts[word]) for name, word in (("left", "golden"), ("right", "leaden")))
    for file in (one, other):
        os.utime(file, (1_700_000_000, 1_700_000_000))
    _refresh(project)
    aside = one.rename(one.with_suffix(".aside"))
    other.rename(one)
    aside.rename(other)
    _refresh(project)
    assert set(_hits(project, "leaden")) == {"docs/left.md"}
    assert set(_hits(project, "golden")) == {"docs/right.md"}


CORPUS = {
    "docs/a.md": (_page(1), 3),
    "docs/b.md": (_page(1, 1), 4),
    "docs/c.md": (_page(1, 2) + "\nSee [it](d.md) and [that](gone.md).\n", 1),
    "docs/d.md": (_page(2), 1),
    "docs/e.md": (_page(5) + "\n" + CARD + "\n", 1),
    "more/f.md": (_page(2), 9),
    "more/g.md": (_page(1), 9),
    "more/h.md": ("---\nstatus: deprecated\n---\n\n" + _page(6), 2),
    "more/i.md": (_page(2, 1), 2),
}


def _verdicts(project: Project) -> dict[str, Any]:
    return {
        uri: (
            sorted(json.dumps(v, sort_keys=True) for v in row["verdicts"]),
            row["duplicate_of"], row["chunks"], row["chunks_digest"],
        )
        for uri, row in _rows(project).items()
    }  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_the_order_of_arrival_the_verdicts_are_those_of_one_fresh_build(
    project: Project, tmp_path: Path, seed: int
) -> None:
    _with_more(project)
    paths = random.Random(seed).sample(sorted(CORPUS), len(CORPUS))
    for start in range(0, len(paths), 3):
        for path in paths[start : start + 3]:
            _add(project, path, *CORPUS[path])
        _refresh(project, as_of=JANUARY + timedelta(days=20))
    fresh = _fresh_copy(project, tmp_path / "fresh")
    _refresh(fresh, as_of=JANUARY + timedelta(days=20))
    assert _verdicts(project) == _verdicts(fresh)
    kept = _kept(fresh)
    assert (kept["more/f.md"], kept["more/i.md"], kept["docs/a.md"]) == ("docs/d.md", "docs/d.md", "docs/b.md")
    assert _without_vectors(project) == _without_vectors(fresh)


@pytest.mark.parametrize("where", ["hide_duplicates", "leave_batch"])
def test_a_refresh_that_ends_before_duplicates_are_settled_is_made_up_for_by_the_next(
    two: Project, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    _refresh(two)
    _add(two, "docs/copy.md", _page(1))
    _add(two, "more/copy.md", _page(1))

    def die(*_: Any, **__: Any) -> None:
        raise RuntimeError("killed here")

    with monkeypatch.context() as patch:
        patch.setattr(f"freshet.tasks.documents.corpus_wide.{where}", die)
        with pytest.raises(RuntimeError, match="killed here"):
            two.refresh()
    assert set(_hits(two)) == {"docs/own.md", "more/other.md"}, "readers see nothing of it"
    report = _refresh(two)
    assert report["texts_embedded"] == 0
    assert set(_hits(two)) == {"docs/own.md", "more/other.md", "docs/copy.md"}
    _assert_hidden(two, "more/copy.md", "docs/copy.md", "DUP-EXACT")
    _refresh(two, "unchanged")
