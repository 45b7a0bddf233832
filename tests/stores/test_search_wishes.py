"""What may be wanted of a search besides passages: filters, so many hits a document, neighbours, and reasons."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest
import yaml

from freshet.flows.command.texts.passages import BOLD, PLAIN
from freshet.tasks.errors import SettingsError
from freshet.tasks.governance.roster import asker_of
from freshet.tasks.search import filters, ranking
from freshet.tasks.search.candidates import Mode
from freshet.tasks.search.hits import Answer
from freshet.tasks.search.retrieve import search
from freshet.tasks.search.wanted import KINDS, wanted_of
from tests.conftest import COMMAND
from tests.stores.small_store import SmallStore
from tests.unit.small_corpus import bag_of_words
from tests.waiting import PATIENCE

MODES: tuple[Mode, ...] = ("hybrid", "vector", "text")
QUESTION = "Who repairs the pump of the cellar?"
LONG = "\n".join(
    f"## Part {number}\n\nThe pump of the cellar is repaired by team {number}.\n\n"
    + " ".join(f"In step {step} of part {number} somebody looks at bolt {step * 7 + number}." for step in range(16))
    + "\n"
    for number in range(12)
)
PAGES = {
    "plant/pump.md": f"# Repairs of the Pump\n\n{LONG}",
    "plant/valve.md": "# Valves\n\nA valve of the cellar is repaired by whoever finds it.\n",
    "plant/old/pump.md": "# Old pumps\n\nThe old pump of the cellar is repaired by nobody.\n",
    "list.md": "# Who repairs\n\n| what | who |\n|---|---|\n| pump | team of the cellar |\n",
    "code.md": "# Commands\n\n```\nrepair --pump cellar\n```\n",
    "hidden/pump.md": "# Secret pump\n\nThe secret pump of the cellar is repaired by agents.\n",
    "hidden/copy.md": "# Secret pump\n\nThe secret pump of the cellar is repaired by agents.\n",
}
OLD = datetime(2020, 5, 1, tzinfo=UTC).timestamp()


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> SmallStore:
    made = SmallStore(tmp_path_factory.mktemp("plant"))
    for path, text in PAGES.items():
        made.write(path, text)
    os.utime(made.folder / "docs" / "plant" / "valve.md", (OLD, OLD))
    (made.folder / "more").mkdir()
    (made.folder / "more" / "pump.md").write_text("# More\n\nMore of the pump of the cellar is repaired by others.\n")
    rules = [{"path": "hidden/**", "acl": ["group:agents"]}]
    sources = [
        {"folder": "docs", "name": "docs", "owner": "me", "acl": ["everyone"], "access": rules},
        {"folder": "more", "name": "more", "owner": "me", "acl": ["everyone"]},
    ]
    settings = {"store": "./store", "corpora": {"docs": {"sources": sources, "chunking": {"max_tokens": 256}}}}
    (made.folder / "freshet.yaml").write_text(yaml.safe_dump(settings))
    made.refresh()
    return made


def _vector(text: str) -> Any:
    vector = np.zeros(384, np.float32)
    vector[:128] = bag_of_words(text)
    return vector


def ask(
    plant: SmallStore, *as_: str, question: str = QUESTION, mode: Mode = "hybrid", limit: int = 50, **said: Any
) -> Answer:
    now = datetime.now(UTC)
    return search(
        plant.store, "docs", question, asker=asker_of(as_, None, now), mode=mode, limit=limit, now=now,
        embed_query=lambda _, text: _vector(text), wanted=wanted_of(**said),
    )  # fmt: skip


def paths(answer: Answer) -> set[str]:
    return {hit.uri.removeprefix("docs/") for hit in answer.hits}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"path": "plant/**"}, {"plant/pump.md", "plant/valve.md", "plant/old/pump.md"}),
        ({"path": ["pump.md", "!old/"]}, {"plant/pump.md", "more/pump.md"}),
        ({"path": ["pump.md", "!plant/old/"]}, {"plant/pump.md", "more/pump.md"}),
        ({"source": "more"}, {"more/pump.md"}),
        ({"source": ["docs", "more"], "path": "/pump.md"}, {"more/pump.md"}),
        ({"kind": "table"}, {"list.md"}),
        ({"kind": ["table", "code"]}, {"list.md", "code.md"}),
        ({"title": "PUMP"}, {"plant/pump.md", "plant/old/pump.md"}),
        ({"title": "of  the pump"}, {"plant/pump.md"}),
        ({"modified_before": date(2021, 1, 1)}, {"plant/valve.md"}),
        ({"modified_after": date(2021, 1, 1), "path": "plant/*"}, {"plant/pump.md", "plant/old/pump.md"}),
        (
            {"modified_after": datetime.fromisoformat("2020-05-01"), "modified_before": date(2020, 5, 2)},
            {"plant/valve.md"},
        ),
        ({"path": "hidden/**"}, set()),
        ({"path": "nowhere/**"}, set()),
    ],
    ids=lambda value: " ".join(sorted(value)) if isinstance(value, set) else str(value),
)
def test_filters_narrow_what_is_found(
    plant: SmallStore, mode: Mode, said: dict[str, Any], found: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert paths(ask(plant, mode=mode, **said)) == found
    # As in a corpus where lists of documents are long: candidates are looked through first.
    monkeypatch.setattr(filters, "MOST_LISTED", -1)
    for sifted in (500, 1):
        monkeypatch.setattr(ranking, "SIFTED", sifted)
        assert paths(ask(plant, mode=mode, **said)) == found
        assert len(ask(plant, mode=mode, limit=1, **said).hits) == min(1, len(found))


@pytest.mark.parametrize("mode", MODES)
def test_a_filter_narrows_before_ranking_so_that_the_limit_is_filled(plant: SmallStore, mode: Mode) -> None:
    """The document that is left ranks below all parts of another one."""
    (hit,) = ask(plant, mode=mode, limit=1, path="plant/old/**").hits
    assert hit.uri == "docs/plant/old/pump.md"


def test_a_filter_that_matches_hidden_documents_alone_answers_as_one_that_matches_none(plant: SmallStore) -> None:
    for mode in MODES:
        hidden, none = (ask(plant, mode=mode, **said) for said in ({"title": "secret"}, {"title": "no such title"}))
        assert hidden == none
        assert ask(plant, "group:agents", mode=mode, title="secret").hits


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("most", [1, 2, 5])
def test_a_document_has_so_many_hits_and_others_take_the_place_of_further_ones(
    plant: SmallStore, mode: Mode, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = ask(plant, mode=mode, limit=50)
    counts = Counter(hit.doc_id for hit in every.hits)
    assert max(counts.values()) > 5
    whole = sum(min(most, count) for count in counts.values())
    for wider in (8, 1):  # also where one look sees parts of one document alone
        monkeypatch.setattr(ranking, "WIDER", wider)
        for limit in (2, 4, 50):
            some = ask(plant, mode=mode, limit=limit, per_document=most)
            assert len(some.hits) == min(limit, whole)
            assert max(Counter(hit.doc_id for hit in some.hits).values()) <= most
            scores = [hit.score for hit in some.hits]
            assert scores == sorted(scores, reverse=True)
            assert some.hits[0].chars == every.hits[0].chars


def test_neighbours_are_the_passages_before_and_after_in_the_text(plant: SmallStore) -> None:
    text = PAGES["plant/pump.md"]
    by_place = sorted((hit.chars, hit.text) for hit in ask(plant, path="plant/pump.md").hits)
    for hit in ask(plant, path="plant/pump.md", around=2).hits:
        at = by_place.index((hit.chars, hit.text))
        assert [(one.chars, one.text) for one in hit.before] == by_place[max(0, at - 2) : at]
        assert [(one.chars, one.text) for one in hit.after] == by_place[at + 1 : at + 3]
        assert {one.uri for one in (*hit.before, *hit.after)} == {hit.uri}
    assert len(by_place) >= 12
    assert "team 11" in text
    told = ask(plant, path="plant/pump.md", around=1, kind="heading").as_dict()["hits"][0]
    assert {"text", "citation"} == set((told["before"] + told["after"])[0])


def test_a_score_is_explained(plant: SmallStore) -> None:
    for hit in ask(plant, explain=True).hits:
        assert hit.explain is not None
        assert hit.score == pytest.approx(sum(hit.explain.shares.values()), abs=1e-5)
        assert set(hit.explain.shares) == {"cosine", "bm25"}
    best = ask(plant, explain=True, path="list.md").hits[0].explain
    assert best is not None
    assert best.words == ("repairs", "pump", "cellar")
    for mode, name in (("vector", "cosine"), ("text", "bm25")):
        hit = ask(plant, mode=mode, explain=True).hits[0]
        assert hit.explain is not None
        assert (getattr(hit.explain, name), dict(hit.explain.shares)) == (pytest.approx(hit.score), {})
    assert ask(plant).hits[0].explain is None


@pytest.mark.parametrize(
    ("asked", "said", "reason"),
    [
        ("plant/valve.md", {}, "hit"),
        ("docs/plant/valve.md", {"limit": 1}, "lower"),
        ("plant/valve.md", {"path": "list.md", "title": "x"}, "filtered"),
        ("plant/valve.md", {"kind": "table"}, "filtered"),
        ("code.md", {"question": "valve", "mode": "text"}, "no_word"),
        ("nowhere.md", {}, "not_there"),
        ("hidden/pump.md", {}, "not_there"),
        ("hidden/copy.md", {}, "not_there"),
        ("no\0thing", {}, "not_there"),
    ],
)
def test_a_document_that_is_not_among_the_hits_has_a_reason(
    plant: SmallStore, asked: str, said: dict[str, Any], reason: str
) -> None:
    told = ask(plant, why_not=asked, **said).why_not
    assert told is not None
    assert told.reason == reason, told
    if reason == "lower":
        everything = [hit.uri for hit in ask(plant).hits]
        assert told.place == everything.index("docs/plant/valve.md") + 1
    if said.get("path"):
        assert told.filters == ("path", "title")


def test_of_a_hidden_document_the_same_is_said_as_of_none(plant: SmallStore) -> None:
    absent = ask(plant, why_not="hidden/none.md").as_dict()
    for hidden in ("hidden/pump.md", "hidden/copy.md", "docs/hidden/pump.md"):
        told = ask(plant, why_not=hidden).as_dict()
        assert str(told["why_not"]).replace(hidden, "X") == str(absent["why_not"]).replace("hidden/none.md", "X")
        assert ask(plant, "group:agents", why_not=hidden).as_dict()["why_not"]["reason"] in ("hit", "copy")


@pytest.mark.parametrize(
    ("said", "tells"),
    [
        ({"kind": ["tabel"]}, ", ".join(KINDS)),
        ({"path": ["!a"]}, "takes back"),
        ({"path": ["a["]}, "bracket"),
        ({"path": "  "}, "path is empty"),
        ({"path": ["a"] * 21}, "20"),
        ({"title": "x" * 501}, "500"),
        ({"source": ["\ud800"]}, "UTF-8"),
        ({"modified_after": date(2026, 1, 2), "modified_before": date(2026, 1, 2)}, "nothing is modified"),
        ({"per_document": 0}, "from 1 to 1000"),
        ({"around": 11}, "from 0 to 10"),
        ({"why_not": ""}, "why-not is empty"),
    ],
)
def test_what_cannot_be_wanted_is_told(said: dict[str, Any], tells: str) -> None:
    with pytest.raises(SettingsError) as raised:
        wanted_of(**said)
    assert tells in str(raised.value)
    assert raised.value.mend


def _command(plant: SmallStore, *words: str, **env: str) -> str:
    """What `freshet search` shows on a terminal, in mode text, which needs no model."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    asked = ["search", QUESTION, "--corpus", "docs", "--mode", "text", *words]
    file = str(plant.folder / "freshet.yaml")
    given = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | {"TERM": "xterm", **env}
    with os.fdopen(ours, "rb", buffering=0) as screen:
        shown: list[bytes] = []

        def read() -> None:
            # Where the other end is closed, Linux says so by an error.
            with suppress(OSError):
                while part := screen.read(4096):
                    shown.append(part)

        reader = threading.Thread(target=read)
        reader.start()
        command = [sys.executable, "-c", COMMAND, *asked, "--config", file]
        done = subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, check=False, timeout=PATIENCE, env=given)
        os.close(theirs)
        reader.join()
    assert done.returncode == 0, done.stderr
    return b"".join(shown).decode()


def test_on_a_terminal_words_that_match_are_bold_unless_somebody_says_no(plant: SmallStore) -> None:
    words = ("--path", "plant/**", "--title", "old", "--around", "1", "--explain", "--why-not", "nowhere.md")
    shown = _command(plant, *words)
    assert f"{BOLD}cellar{PLAIN} is {BOLD}repaired{PLAIN} by nobody" in shown
    assert "words that match: repairs, pump, cellar" in shown
    assert "nowhere.md: there is no document nowhere.md in release 1 that you may see" in shown
    assert "\x1b" not in _command(plant, *words, NO_COLOR="1")
    assert "\x1b" not in _command(plant, *words, "--json")
