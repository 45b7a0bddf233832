"""A file of the store that a disk damaged breaks nothing unseen: readers say so, the doctor finds it, and mends it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pytest

from freshet.flows.command import app
from freshet.tasks.doctor.diagnosis import explain
from freshet.tasks.doctor.examine import examine, repair
from freshet.tasks.errors import DamagedTable, FreshetError
from freshet.tasks.governance.roster import asker_of
from freshet.tasks.ledger.losses import COSTS
from freshet.tasks.ledger.query_log import QueryLog, fold, read_log
from freshet.tasks.ledger.releases import list_releases, live_release
from freshet.tasks.search.retrieve import search
from freshet.tasks.store import schemas
from freshet.tasks.store.files import HELD, sizes_below
from freshet.tasks.store.seals import SEALS, read_seals, seal_table, seal_tables
from tests.chaos import some_of
from tests.stores.small_store import SmallStore
from tests.unit.small_corpus import bag_of_words

NOW = datetime.now(UTC)


def _embed(_: Any, question: str) -> Any:
    vector = np.zeros(384, np.float32)
    vector[:128] = bag_of_words(question)
    return vector


def _ask(store: SmallStore, mode: Any = "hybrid") -> list[list[tuple[Any, ...]]]:
    """What three questions find: places and texts."""
    asker, found = asker_of([], None, NOW), []
    for question in ("When is the library open?", "Who tells the office of the kitchen?", "workshop"):
        answer = search(
            store.store, "docs", question, asker=asker, mode=mode, limit=9, now=NOW, embed_query=_embed
        )  # fmt: skip
        # Scores by words, and with them the order, depend on how often an index was added to.
        found.append(sorted((hit.uri.rsplit("/", 1)[-1], hit.text, hit.title, hit.chars) for hit in answer.hits))
    return found


def _answers(store: SmallStore) -> Any:
    """What is found in all modes, or what a person is told in place of that. Anything else is raised."""
    try:
        return [_ask(store, mode) for mode in ("text", "vector", "hybrid")]
    except BaseException as error:
        told = explain(error, store.project)
        if told is None:
            raise
        return told


def _mend(store: SmallStore) -> list[str]:
    return [one.code for one in repair(store.project, (), timedelta(0), lambda _: None).left]


# ---- damaging files

FLIP = "flip"
CUT = "cut"
ZERO = "zero"


def _damage(file: Path, how: str, at: float) -> None:
    held = bytearray(file.read_bytes())
    if how == FLIP:
        held[int(at * len(held))] ^= 1 << int(at * 1000) % 8
    file.write_bytes(held[: len(held) // 2] if how == CUT else bytes(len(held)) if how == ZERO else held)


def _newest(store: SmallStore, table: str, kind: str) -> Path:
    """A file that the newest version of a table is made of: the first of its kind."""
    folder = store.at(*table.replace("chunks", store.chunks_name()).split("/"))
    folder = folder.with_name(f"{folder.name}.lance")
    head = lance.dataset(str(folder))
    if kind.startswith("_indices/"):
        (index,) = [one for one in head.describe_indices() if one.name == kind.removeprefix("_indices/").split("/")[0]]
        files = sorted((folder / "_indices" / str(index.segments[0].uuid)).iterdir())
        return next(one for one in files if one.name.endswith(kind.rsplit("/", 1)[1]))
    paths = [path for batch in head.tracked_files(min_version=head.version) for path in batch["path"].to_pylist()]
    return folder / next(path for path in paths if path.startswith(kind))


CORPUS_FILES = [
    ("corpora/docs/chunks", "data/"),
    ("corpora/docs/chunks", "_deletions/"),
    ("corpora/docs/chunks", "_versions/"),
    ("corpora/docs/documents", "data/"),
    ("corpora/docs/documents", "_deletions/"),
    ("corpora/docs/documents", "_versions/"),
    ("corpora/docs/elements", "data/"),
    ("corpora/docs/links", "data/"),
    ("ledger/releases", "data/"),
    ("ledger/releases", "_versions/"),
    ("ledger/access_classes", "data/"),
    ("ledger/access_classes", "_versions/"),
]
INDEX_FILES = [
    ("corpora/docs/chunks", f"_indices/{name}")
    for name in (
        "words_idx/docs.lance", "words_idx/invert.lance", "words_idx/tokens.lance", "words_idx/metadata.lance",
        "access_idx/page_lookup.lance", "chunk_id_idx/page_data.lance", "doc_id_idx/page_data.lance",
        "embedded_hash_idx/page_lookup.lance",
    )
]  # fmt: skip


def _cases(files: list[tuple[str, str]]) -> Iterator[tuple[str, str, str, float]]:
    for (table, kind), at in product(files, (0.07, 0.31, 0.52, 0.77, 0.96)):
        yield table, kind, FLIP, at
    for (table, kind), how in product(files, (CUT, ZERO)):
        yield table, kind, how, 0.0


EVERY_RUN = [
    ("corpora/docs/chunks", "data/", FLIP, 0.07),
    ("corpora/docs/chunks", "_deletions/", CUT, 0.0),
    ("corpora/docs/chunks", "_versions/", FLIP, 0.31),
    ("corpora/docs/documents", "data/", FLIP, 0.52),
    ("corpora/docs/documents", "_versions/", FLIP, 0.77),
    ("ledger/releases", "data/", FLIP, 0.31),
    ("ledger/releases", "data/", ZERO, 0.0),
    ("ledger/releases", "_versions/", CUT, 0.0),
    ("ledger/access_classes", "data/", CUT, 0.0),
    ("corpora/docs/chunks", "_indices/words_idx/invert.lance", FLIP, 0.07),
    ("corpora/docs/chunks", "_indices/words_idx/tokens.lance", FLIP, 0.31),
    ("corpora/docs/chunks", "_indices/words_idx/docs.lance", ZERO, 0.0),
    ("corpora/docs/chunks", "_indices/access_idx/page_lookup.lance", CUT, 0.0),
]


@pytest.mark.parametrize(
    ("table", "kind", "how", "at"), some_of(_cases([*CORPUS_FILES, *INDEX_FILES]), *EVERY_RUN)
)  # fmt: skip
def test_damage_is_told_found_and_mended(
    whole: SmallStore, store: SmallStore, table: str, kind: str, how: str, at: float
) -> None:
    wanted = _answers(whole)
    _damage(_newest(store, table, kind), how, at)
    before = _answers(store)
    assert store.codes() != [], "the doctor finds whatever was damaged"
    if isinstance(before, FreshetError):
        assert "freshet" in before.mend
    _mend(store)
    store.refresh()
    assert store.codes() == []
    assert _answers(store) == wanted


@pytest.mark.parametrize("how", [FLIP, CUT])
@pytest.mark.parametrize("table", ["examples", "rejected"])
def test_rows_of_a_dataset_are_not_given_up_and_that_is_said(store: SmallStore, table: str, how: str) -> None:
    kind = "data/" if table == "examples" else "_versions/"
    _damage(_newest(store, f"datasets/sums/{table}", kind), how, 0.3)
    (first, *_) = examine(store.project)
    assert first.where == f"datasets/sums/{table}"
    left = _mend(store)
    assert left[:1] in (["DOCTOR-ROWS-GONE"], ["DOCTOR-VERSION-GONE"])


# ---- what the ledger lost


@pytest.mark.parametrize("how", [FLIP, CUT, ZERO])
def test_releases_that_were_damaged_come_back_from_the_tags(store: SmallStore, how: str) -> None:
    facts = ("release", "outcome", "space", "table_version", "ledger_version", "documents", "chunks")
    before = [[getattr(one, name) for name in facts] for one in list_releases(store.store, "docs")]
    for file in store.at("ledger", "releases.lance", "data").iterdir():
        _damage(file, how, 0.4)
    done = repair(store.project, (), timedelta(0), lambda _: None)
    assert done.left == []
    lost = [line for _, lines in done.mended for line in lines]
    assert "ledger/releases: 2 rows" in lost
    assert "corpus docs: the exam and the report of release 2" in lost
    assert [[getattr(one, name) for name in facts] for one in list_releases(store.store, "docs")] == before
    assert live_release(list_releases(store.store, "docs")) is not None


def test_what_lost_rows_of_the_ledger_mean_is_said(store: SmallStore) -> None:
    _damage(_newest(store, "ledger/access_classes", "data/"), ZERO, 0.0)
    (lost,) = [lines for _, lines in repair(store.project, (), timedelta(0), lambda _: None).mended]
    assert lost[-1].startswith("ledger/access_classes: nothing is shown to anybody until freshet refresh")
    with pytest.raises(FreshetError, match="the access classes are gone"):
        _ask(store)


def test_a_damaged_query_log_is_found_and_given_up(store: SmallStore) -> None:
    QueryLog.of(store.project).asked("docs", "When is the library open?", ["user:ada"], "extractive", 2)
    fold(store.store)
    seal_tables(store.store, "ledger")
    _damage(_newest(store, "ledger/query_log", "data/"), FLIP, 0.31)
    assert store.codes() == ["DOCTOR-MISSING-FILES"]
    (lost,) = [lines for _, lines in repair(store.project, (), timedelta(0), lambda _: None).mended]
    assert (lost[0], lost[-1]) == ("ledger/query_log: 1 rows", "ledger/query_log: the record of past questions")
    assert store.codes() == []
    assert read_log(store.store, "docs") == []


def test_of_every_table_of_the_ledger_it_is_known_what_its_loss_means() -> None:
    assert COSTS.keys() == schemas.LEDGER_TABLES.keys()


# ---- seals


def test_every_file_of_what_was_published_is_sealed_and_nothing_else(store: SmallStore) -> None:
    for table in (f"corpora/docs/{store.chunks_name()}", "corpora/docs/documents", "datasets/sums/examples"):
        address = str(store.at(f"{table}.lance"))
        head = lance.dataset(address)
        batches = head.tracked_files(min_version=head.version)
        made = {path for batch in batches for path in batch["path"].to_pylist()}
        assert {path for path in made if path.startswith(HELD)} <= _seals(address)
    Path(address, "data", "half-written.lance").write_bytes(b"half")
    seal_table(address)
    assert "data/half-written.lance" not in _seals(address)
    assert _seals(address) <= sizes_below(address).keys()


def _seals(address: str) -> set[str]:
    seals = read_seals(address)
    assert seals is not None
    return set(seals)


def test_a_seal_is_not_put_over_damage(store: SmallStore) -> None:
    _damage(_newest(store, "corpora/docs/chunks", "data/"), FLIP, 0.07)
    found = store.codes()
    seal_tables(store.store, "corpora/docs")
    assert "DOCTOR-MISSING-FILES" in found
    assert store.codes() == found


def test_damaged_seals_are_told_and_accuse_no_other_file(store: SmallStore) -> None:
    for file in store.at().rglob(SEALS):
        _damage(file, FLIP, 0.5)
    assert set(store.codes()) == {"DOCTOR-SEALS"}
    # Whoever writes does not take them anew: that is for a person to decide.
    seal_tables(store.store, "corpora/docs")
    assert "DOCTOR-SEALS" in store.codes()
    assert _mend(store) == []


def test_damage_without_seals_is_found_where_it_breaks_a_reader(store: SmallStore) -> None:
    for file in store.at().rglob(SEALS):
        file.unlink()
    _damage(_newest(store, "corpora/docs/chunks", "_indices/words_idx/tokens.lance"), CUT, 0.0)
    assert isinstance(_answers(store), DamagedTable)
    assert store.codes() == ["DOCTOR-INDEX-FILES"]


# ---- what people are told


def test_a_text_that_the_disk_altered_is_not_shown(store: SmallStore) -> None:
    for file in _newest(store, "corpora/docs/chunks", "data/").parent.iterdir():
        file.write_bytes(file.read_bytes().replace(b"is open from", b"is open till"))
    with pytest.raises(DamagedTable, match="is not the one that was written") as told:
        _ask(store)
    assert "doctor --repair" in told.value.mend


def test_a_bug_is_not_blamed_on_a_healthy_store(store: SmallStore) -> None:
    assert explain(KeyError("no such thing"), store.project) is None


def test_an_error_is_explained_by_the_table_that_is_damaged(store: SmallStore) -> None:
    _damage(_newest(store, "ledger/releases", "data/"), CUT, 0.0)
    told = explain(RuntimeError("lance error: whatever"), store.project)
    assert isinstance(told, DamagedTable)
    assert "ledger/releases is damaged (DOCTOR-MISSING-FILES)" in told.what
    assert "freshet doctor --repair" in told.mend


@pytest.mark.parametrize(
    "command",
    [["status"], ["releases", "docs"], ["gate", "docs"], ["access", "list", "docs"], ["trace", "garden.md"],
     ["search", "garden", "--corpus", "docs", "--mode", "text"]],
    ids=lambda words: words[0],
)  # fmt: skip
def test_a_command_that_meets_damage_names_the_table_and_what_to_type(
    store: SmallStore, command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in store.at("ledger", "releases.lance", "data").iterdir():
        _damage(file, ZERO, 0.0)
    monkeypatch.setattr(sys, "argv", ["freshet", *command, "--config", str(store.folder / "freshet.yaml")])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert "ledger/releases is damaged" in said
    assert "freshet doctor --repair" in said
    assert "Traceback" not in said
