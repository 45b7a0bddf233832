"""Versions: digests, numbers, history; publishing whole or not at all, whenever it is cut short."""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.tasks.datasets.assembly.digest import MultisetHash, settings_of, version_digest
from freshet.tasks.datasets.export.manifest import check_manifest
from freshet.tasks.datasets.versions import exports as exporting
from freshet.tasks.datasets.versions import publish as publishing
from freshet.tasks.datasets.versions.exports import export_version
from freshet.tasks.datasets.versions.publish import publish, record_rejected
from freshet.tasks.errors import SettingsError, StoreError
from freshet.tasks.ledger.versions import Version, VersionFacts, find_version, list_versions, live_version, next_number
from freshet.tasks.rules.verdicts import verdict
from freshet.tasks.settings.datasets import Dataset
from freshet.tasks.store import schemas
from freshet.tasks.store.tables import Store
from tests.unit.built_dataset import AS_OF, Rows, all_rows, assembled, declared, no_extras, pair, pairs, proposed

ALL_KINDS: dict[str, Any] = {
    "export": ["trl", "openai", "parquet"],
    "split": {"train": 0.8, "validation": 0.1, "test": 0.1},
}


def build(store: Store, folder: Path, rows: Rows, hour: int = 0, **said: Any) -> Version:
    done, candidate = proposed(store, folder, rows, declared(rows.format, **{**ALL_KINDS, **said}))
    return publish(store, done, candidate, no_extras, run_id=f"run-{hour}", now=AS_OF + timedelta(hours=hour))


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


# ---- digests


@given(texts=st.lists(st.text(max_size=5)), data=st.data())
def test_a_multiset_hash_knows_no_order_and_counts(texts: list[str], data: st.DataObject) -> None:
    shuffled, longer = MultisetHash(), MultisetHash()
    straight = MultisetHash()
    straight.add(texts)
    order = data.draw(st.permutations(texts))
    cut = data.draw(st.integers(0, len(order)))
    shuffled.add(order[:cut])
    shuffled.add(order[cut:])
    longer.add([*texts, data.draw(st.text(max_size=5))])
    assert shuffled.hexdigest() == straight.hexdigest() != longer.hexdigest()


def test_renaming_a_file_leaves_the_rows_digest_and_alters_the_record(tmp_path: Path) -> None:
    rows = pairs(6)
    first = assembled(tmp_path / "1", Rows(rows), declared())
    renamed = assembled(tmp_path / "2", Rows(rows[::-1], said={i: {"uri": "z.jsonl"} for i in range(6)}), declared())
    assert first.rows_digest == renamed.rows_digest
    assert first.record_digest != renamed.record_digest


def test_moving_a_row_to_another_split_or_rejecting_it_alters_the_rows_digest(tmp_path: Path) -> None:
    first = assembled(tmp_path / "1", Rows(pairs(20)), declared())
    salted = assembled(tmp_path / "2", Rows(pairs(20)), declared(split={"salt": "other", **ALL_KINDS["split"]}))
    fewer = assembled(tmp_path / "3", Rows(pairs(20), found=[(3, verdict("ROW-EMPTY"))]), declared())
    assert len({first.rows_digest, salted.rows_digest, fewer.rows_digest}) == 3


def test_settings_that_a_version_tells_of_are_in_its_digest_and_the_gate_is_not() -> None:
    usual = version_digest("a", "b", "sums", declared())
    inputs = [{"rows": f"{n}.jsonl", "owner": "ada", "licence": "MIT", "uses": ["training"]} for n in "abc"]
    in_order, otherwise = (version_digest("a", "b", "sums", declared(inputs=one)) for one in (inputs, inputs[::-1]))
    assert in_order == otherwise != usual
    assert usual == version_digest("a", "b", "sums", declared(gate={"min_rows": 7}))
    for other in ({"description": "Sums."}, {"retain": "1y"}, {"export": ["parquet"]}, {"licences": ["CC0-1.0"]}):
        assert version_digest("a", "b", "sums", declared(**other)) != usual
    assert version_digest("a", "b", "others", declared()) != usual


def test_the_settings_that_a_version_keeps_hold_no_password_and_a_new_one_makes_no_version() -> None:
    def asked(password: str) -> Dataset:
        rows = f"https://ada:{password}@host/rows.jsonl?v=1&sig={password}"
        one = {"rows": rows, "owner": "ada", "licence": "MIT", "uses": ["training"]}
        return declared(inputs=[one], checks={"decontaminate": [f"s3://key:{password}@bucket/exam-?.jsonl"]})

    kept = settings_of(asked("s3cret"))
    assert kept["inputs"][0]["rows"] == asked("s3cret").inputs[0].called == "https://***@host/rows.jsonl?v=1&sig=***"
    assert kept["checks"]["decontaminate"] == ["s3://key:***@bucket/exam-?.jsonl"]
    assert version_digest("a", "b", "d", asked("s3cret")) == version_digest("a", "b", "d", asked("other"))


# ---- numbers


@pytest.mark.parametrize(
    ("change", "number"),
    [
        ({"added": 5}, "2.4.0"),
        ({"added": 5, "removed": 1}, "3.0.0"),
        ({"edited": 1}, "3.0.0"),
        ({"moved": 1}, "3.0.0"),
        ({}, "2.3.10"),
    ],
)
def test_the_number_says_what_kind_of_change_it_is(change: dict[str, int], number: str) -> None:
    none = {"added": 0, "removed": 0, "edited": 0, "moved": 0}
    assert next_number("2.3.9", {**none, **change}) == number
    assert next_number(None, {**none, **change}) == "1.0.0"


def test_a_dataset_goes_through_its_numbers(store: Store, tmp_path: Path) -> None:
    assert build(store, tmp_path / "1", Rows(pairs(30)), 1).version == "1.0.0"
    assert build(store, tmp_path / "2", Rows(pairs(33)), 2).version == "1.1.0"
    assert build(store, tmp_path / "3", Rows(pairs(33)), 3, description="Sums.").version == "1.1.1"
    assert build(store, tmp_path / "4", Rows(pairs(32)), 4, description="Sums.").version == "2.0.0"
    edited = [pair("How much is 0 and 0?", "Nothing."), *pairs(31, 1)]
    assert build(store, tmp_path / "5", Rows(edited), 5, description="Sums.").version == "3.0.0"
    versions = [v.version for v in list_versions(store, "sums")]
    assert versions == ["3.0.0", "2.0.0", "1.1.1", "1.1.0", "1.0.0"]
    changes = [v.facts.change for v in reversed(list_versions(store, "sums"))]
    assert [(c["added"], c["removed"], c["edited"]) for c in changes] == [
        (30, 0, 0), (3, 0, 0), (0, 0, 0), (0, 1, 0), (0, 0, 1),
    ]  # fmt: skip


# ---- history


def test_a_version_that_is_not_there_is_named_with_those_that_are(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no version 1\.0\.0; published: none"):
        find_version(store, "sums", "1.0.0")
    assert live_version(store, "sums") is None
    build(store, tmp_path, Rows(pairs(30)))
    assert find_version(store, "sums", "v1.0.0").version == "1.0.0"
    with pytest.raises(StoreError, match=r"no version 9\.0\.0; published: 1\.0\.0"):
        find_version(store, "sums", "9.0.0")


def test_facts_come_back_as_they_went(store: Store, tmp_path: Path) -> None:
    version = build(store, tmp_path, Rows(pairs(30)))
    assert VersionFacts.from_json(version.facts.as_json()) == version.facts
    assert find_version(store, "sums", "1.0.0") == version
    assert version.facts.rows == {"read": 30, "kept": 30, "rejected": 0, "by_code": {}}
    assert version.facts.as_of == AS_OF


# ---- publishing


def test_a_version_is_in_the_tables_tagged_and_exported_with_a_manifest(store: Store, tmp_path: Path) -> None:
    found = [(4, verdict("ROW-EMPTY"))]
    version = build(store, tmp_path, Rows(pairs(31), found=found))
    tables = store.dataset("sums")
    kept, rejected = tables.find("examples"), tables.find("rejected")
    assert kept is not None
    assert rejected is not None
    assert (kept.count_rows(), rejected.count_rows()) == (30, 1)
    assert "v1.0.0" in kept.tags.list()
    assert "v1.0.0" in rejected.tags.list()
    folder = Path(store.export_folder("sums")) / "1.0.0"
    assert check_manifest(folder) == []
    subprocess.run(["sha256sum", "-c", "--quiet", "--strict", "MANIFEST.sha256"], cwd=folder, check=True)
    assert [one["path"] for one in version.exports] == [f"datasets/sums/exports/1.0.0/{k}" for k in ALL_KINDS["export"]]
    assert sorted(one.name for one in folder.parent.iterdir()) == ["1.0.0"]


def test_the_same_build_again_is_unchanged_and_writes_nothing(store: Store, tmp_path: Path) -> None:
    first = build(store, tmp_path / "1", Rows(pairs(30)), 1)
    before = bytes_of(Path(store.address))
    done, candidate = proposed(store, tmp_path / "2", Rows(pairs(30), batch=7), declared(**ALL_KINDS))
    assert candidate.unchanged
    assert publish(store, done, candidate, no_extras, run_id="again", now=AS_OF + timedelta(days=1)) == first
    assert bytes_of(Path(store.address)) == before


def test_old_versions_stay_as_they_were(store: Store, tmp_path: Path) -> None:
    first = build(store, tmp_path / "1", Rows(pairs(30)), 1)
    folder = Path(store.export_folder("sums")) / "1.0.0"
    before, rows = bytes_of(folder), _rows(store, first)
    build(store, tmp_path / "2", Rows(pairs(40, 10)), 2)
    _forget_untagged(store)
    assert bytes_of(folder) == before
    assert _rows(store, first) == rows


def _rows(store: Store, version: Version) -> list[dict[str, Any]]:
    table = store.dataset("sums").at(schemas.EXAMPLES, version.table_version)
    return all_rows([table.to_arrow()])


def _forget_untagged(store: Store) -> None:
    for name in ("examples", "rejected"):
        table = store.dataset("sums").find(name)
        assert table is not None
        table.to_lance().cleanup_old_versions(older_than=timedelta(0), error_if_tagged_old_versions=False)


def test_a_published_number_is_never_written_again(store: Store, tmp_path: Path) -> None:
    done, candidate = proposed(store, tmp_path / "1", Rows(pairs(30)), declared(**ALL_KINDS))
    publish(store, done, candidate, no_extras, run_id="one", now=AS_OF)
    with pytest.raises(StoreError, match="never altered"):
        publish(store, done, candidate, no_extras, run_id="two", now=AS_OF)


STEPS = {
    "write_exports": exporting, "write_manifest": exporting, "_commit_both": publishing, "_commit": publishing,
    "_tag": publishing, "deliver": publishing, "_append": publishing,
}  # fmt: skip
"""By name of a function, the module that calls it while a version is published."""


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_build_cut_short_anywhere_publishes_nothing_and_the_next_ends_the_same(
    step: str, after: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, cut = Store(str(tmp_path / "whole")), Store(str(tmp_path / "cut"))
    for store in (whole, cut):
        build(store, tmp_path / "stage", Rows(pairs(30)), 1)
    wanted = build(whole, tmp_path / "stage", Rows(pairs(35)), 2)

    real = getattr(STEPS[step], step)

    def dies(*given: Any, **named: Any) -> Any:
        if after:
            real(*given, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(STEPS[step], step, dies)
        with pytest.raises(KeyboardInterrupt):
            build(cut, tmp_path / "stage", Rows(pairs(35)), 2)
    is_out = step == "_append" and after
    assert [v.version for v in list_versions(cut, "sums")] == (["1.1.0", "1.0.0"] if is_out else ["1.0.0"])
    for folder in Path(cut.export_folder("sums")).glob("[0-9]*"):
        assert check_manifest(folder) == [], "a visible export is a whole one"

    again = build(cut, tmp_path / "stage", Rows(pairs(35)), 3)
    assert (again.version, again.digest, again.exports) == (wanted.version, wanted.digest, wanted.exports)
    exported = [bytes_of(Path(store.export_folder("sums"))) for store in (whole, cut)]
    assert exported[0] == exported[1]
    assert len(list_versions(cut, "sums")) == 2


def test_a_build_of_other_rows_after_one_cut_short_takes_its_number(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(publishing, "_append", dies)
        with pytest.raises(KeyboardInterrupt):
            build(store, tmp_path / "1", Rows(pairs(30)), 1)
    version = build(store, tmp_path / "2", Rows(pairs(40)), 2)
    assert version.version == "1.0.0"
    assert len(_rows(store, version)) == 40
    table = store.dataset("sums").find("examples")
    assert table is not None
    assert table.tags.list()["v1.0.0"]["version"] == version.table_version
    assert check_manifest(Path(store.export_folder("sums")) / "1.0.0") == []
    assert [one.name for one in Path(store.export_folder("sums")).iterdir()] == ["1.0.0"]


def test_lost_exports_come_back_as_they_were(store: Store, tmp_path: Path) -> None:
    import shutil

    version = build(store, tmp_path / "1", Rows(pairs(30)), 1)
    folder = Path(store.export_folder("sums")) / "1.0.0"
    before = bytes_of(folder)
    shutil.rmtree(folder)
    assert build(store, tmp_path / "2", Rows(pairs(30)), 2) == version
    assert bytes_of(folder) == before
    shutil.rmtree(folder)
    done, candidate = proposed(store, tmp_path / "3", Rows(pairs(30)), declared(**ALL_KINDS))
    with pytest.raises(StoreError, match="would not come out as they were"):
        publish(store, done, candidate, lambda folder, _: (folder / "x").touch(), run_id="x", now=AS_OF)
    assert not folder.exists()


def test_a_version_can_be_exported_elsewhere_as_other_kinds(store: Store, tmp_path: Path) -> None:
    version = build(store, tmp_path / "1", Rows(pairs(30)), export=["trl"])
    exports = export_version(store, version, no_extras, tmp_path / "out", kinds=["parquet"])
    assert [one["kind"] for one in exports] == ["parquet"]
    assert (tmp_path / "out" / "parquet" / "train.parquet").is_file()
    assert not (tmp_path / "out" / "trl").exists()
    assert check_manifest(tmp_path / "out") == []


def test_a_refused_build_is_on_record_once_and_readers_stay(store: Store, tmp_path: Path) -> None:
    live = build(store, tmp_path / "1", Rows(pairs(30)), 1)
    rows = _rows(store, live)
    for hour in (2, 3):
        done, candidate = proposed(store, tmp_path / "2", Rows(pairs(5)), declared(**ALL_KINDS))
        now = AS_OF + timedelta(hours=hour)
        refused = record_rejected(store, done, candidate, ["VERSION-CHANGE: too much"], run_id=f"{hour}", now=now)
    assert (refused.outcome, refused.version, refused.run_id) == ("rejected", "2.0.0", "2")
    assert [v.outcome for v in list_versions(store, "sums")] == ["rejected", "published"]
    assert live_version(store, "sums") == live
    assert _rows(store, live) == rows
    with pytest.raises(StoreError, match=r"published: 1\.0\.0"):
        find_version(store, "sums", "2.0.0")
    assert build(store, tmp_path / "3", Rows(pairs(5)), 4, export=["trl"]).version == "2.0.0"


def test_what_cannot_be_exported_is_refused_before_anything_is_written(store: Store, tmp_path: Path) -> None:
    silent = [{"role": "user", "content": "How much?"}, {"role": "assistant", "content": "Nothing.", "weight": 0}]
    with pytest.raises(SettingsError, match="nothing would be learnt"):
        build(store, tmp_path / "1", Rows([{"messages": silent}], format="conversational"))
    assert list_versions(store, "sums") == []
    assert store.dataset("sums").names() == []
    with pytest.raises(SettingsError, match="not language_modeling"):
        build(store, tmp_path / "2", Rows([{"text": "One."}], format="language_modeling"))


def test_of_two_machines_that_publish_one_version_the_second_is_refused_and_the_first_stays_whole(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver, first = publishing.deliver, list[Version]()

    def after_another_machine(written: Path, address: str) -> None:
        # On a machine of its own, this build's files would not lie in the other's way.
        aside = shutil.copytree(written, tmp_path / "aside")
        monkeypatch.setattr(publishing, "deliver", deliver)
        first.append(build(store, tmp_path / "first", Rows(pairs(30)), hour=1))
        deliver(aside, address)

    monkeypatch.setattr(publishing, "deliver", after_another_machine)
    with pytest.raises(StoreError, match=r"has a version 1\.0\.0 already"):
        build(store, tmp_path / "second", Rows(pairs(35)), hour=2)
    assert list_versions(store, "sums") == first
    exports = Path(store.export_folder("sums"), "1.0.0")
    assert check_manifest(exports) == []
    again = export_version(store, first[0], no_extras, tmp_path / "again")
    assert again == first[0].exports
    assert bytes_of(exports) == bytes_of(tmp_path / "again")
    assert build(store, tmp_path / "third", Rows(pairs(35)), hour=3).version != "1.0.0"


def test_a_store_in_a_bucket_gets_its_manifest_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec
    from fsspec.implementations.memory import MemoryFileSystem

    from freshet.tasks.datasets.export.manifest import deliver, write_manifest

    written = tmp_path / "written"
    (written / "trl").mkdir(parents=True)
    (written / "trl" / "train.jsonl").write_text("{}\n")
    write_manifest(written)
    sent: list[str] = []
    real = MemoryFileSystem.put_file

    def put_file(self: MemoryFileSystem, source: str, target: str, **named: Any) -> None:
        sent.append(target)
        real(self, source, target, **named)

    monkeypatch.setattr(MemoryFileSystem, "put_file", put_file)
    system = fsspec.filesystem("memory")
    system.pipe("/bucket/datasets/sums/exports/1.0.0/left-by-a-killed-build", b"x")
    deliver(written, "memory://bucket/datasets/sums/exports/1.0.0")
    assert [name.rpartition("/")[2] for name in sent] == ["train.jsonl", "MANIFEST.sha256"]
    assert not system.exists("/bucket/datasets/sums/exports/1.0.0/left-by-a-killed-build")
    assert not written.exists()


SCRIPT = """
import sys
from pathlib import Path
from freshet.tasks.store.tables import Store
from tests.unit.built_dataset import Rows, declared, no_extras, pairs, proposed, AS_OF
from freshet.tasks.datasets.versions.publish import publish
from freshet.tasks.rules.verdicts import verdict
folder, batch = Path(sys.argv[1]), int(sys.argv[2])
store = Store(str(folder / "store"))
found = [(3, verdict("COPY-EXACT", of=1)), (5, verdict("ROW-EMPTY")), (7, verdict("COPY-PROMPT", of=8))]
rows = Rows([*pairs(60), None], found=[*found, (60, verdict("ROW-UNREADABLE"))], batch=batch)
dataset = declared(export=["trl", "openai", "parquet"], split={"train": 0.6, "validation": 0.2, "test": 0.2})
done, candidate = proposed(store, folder / "stage", rows, dataset)
print(publish(store, done, candidate, no_extras, run_id="x", now=AS_OF).digest)
"""


def test_bytes_and_digests_depend_on_neither_batches_nor_hash_seed_nor_threads(tmp_path: Path) -> None:
    made = []
    for seed, batch in (("0", 1), ("1", 13), ("77", 1000)):
        folder = tmp_path / seed
        environment = {"PYTHONHASHSEED": seed, "PATH": "/usr/bin", "OMP_NUM_THREADS": seed.replace("0", "1")}
        ran = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(folder), str(batch)],
            cwd=Path(__file__).parents[2], env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        made.append((ran.stdout, bytes_of(folder / "store" / "datasets" / "sums" / "exports")))
    assert made[0] == made[1] == made[2]


def test_nothing_of_a_row_with_a_secret_is_in_the_file_of_rejected_rows(tmp_path: Path) -> None:
    rows = Rows([pair("Who goes there?", "swordfish"), *pairs(3)], found=[(0, verdict("ROW-SECRET"))])
    done = assembled(tmp_path, rows, declared())
    assert done.rows["rejected"] == 1
    assert b"swordfish" not in (Path(done.folder) / "rejected.arrow").read_bytes()
