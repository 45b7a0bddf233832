"""A store, sources and rows in a bucket, on an S3 server of this machine: the same promises as on a disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

pytest.importorskip("moto", reason="needs an S3 server: pip install -e '.[dev]'")
pytest.importorskip("s3fs", reason="needs the extra s3: pip install -e '.[s3]'")

from freshet.tasks.errors import FreshetError, StoreUnreachable
from freshet.tasks.store.tables import Store
from tests.conftest import ROOT
from tests.flows import kill_points, killer
from tests.flows.conftest import Project
from tests.flows.killer import Fault, embed_by_hash
from tests.servers import BUCKET, s3_server
from tests.waiting import PATIENCE

__all__ = ["s3_server"]

UNDISTURBED = Fault()


def _files() -> Any:
    import s3fs

    return s3fs.S3FileSystem(skip_instance_cache=True, use_listings_cache=False)


@dataclass
class BucketProject(Project):
    """A project whose store is in the bucket; see `Project`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.settings["store"] = f"s3://{BUCKET}/{self.folder.name}"
        self.save()

    @property
    def store(self) -> Any:
        return Store(self.settings["store"])

    def examine(self) -> list[str]:
        """The doctor's codes."""
        from freshet.tasks.doctor.examine import examine
        from freshet.tasks.settings.file import load_project

        return [one.code for one in examine(load_project(self.config))]

    def objects(self, below: str = "") -> list[str]:
        found: list[str] = _files().find(f"{self.settings['store']}/{below}".removeprefix("s3://"))
        return found

    def releases(self) -> list[int]:
        from freshet.tasks.ledger.releases import list_releases

        return [one.release for one in list_releases(self.store, "docs")]

    def assert_whole(self) -> None:
        """No chunk and no document twice, none without the other, and nothing that the doctor finds."""
        ids, documents = self.chunks()["chunk_id"].to_pylist(), self.ledger()["doc_id"].to_pylist()
        assert (len(ids), len(documents)) == (len(set(ids)), len(set(documents)))
        assert set(self.chunks()["doc_id"].to_pylist()) == set(documents)
        assert self.examine() == []


@pytest.fixture
def bucket(
    s3_server: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> BucketProject:
    embed_by_hash(monkeypatch, tmp_path)
    project = BucketProject(tmp_path_factory.mktemp("bucket"))
    for number in range(6):
        project.write(f"{number}.md", f"# Page {number}\n\nWhat page {number} says of freshets.\n")
    return project


def _refreshing(project: Project, name: str, fault: Fault = UNDISTURBED) -> subprocess.Popen[str]:
    """A refresh as of another machine: it knows nothing of the locks of this one."""
    notes = project.folder / name
    notes.mkdir()
    return subprocess.Popen(
        killer.command(replace(fault, config=str(project.config), notes=str(notes))),
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "XDG_STATE_HOME": str(notes)},
    )  # fmt: skip


def test_the_server_honours_the_conditions_that_commits_rely_on(s3_server: str) -> None:
    """Else nothing here would prove anything."""
    with _files().open(f"{BUCKET}/conditions", "xb") as opened:
        opened.write(b"first")
    with pytest.raises(FileExistsError), _files().open(f"{BUCKET}/conditions", "xb") as opened:
        opened.write(b"second")
    assert _files().cat(f"{BUCKET}/conditions") == b"first"


def test_a_store_in_a_bucket_is_refreshed_searched_rolled_back_maintained_and_mended(bucket: BucketProject) -> None:
    from freshet.flows.maintain_store import maintain_store
    from freshet.tasks.doctor.examine import repair
    from freshet.tasks.index.release import roll_back
    from freshet.tasks.settings.file import load_project

    report = bucket.refresh()
    assert (report["outcome"], report["documents"]["added"]) == ("released", 6), report
    assert _files().exists(report["page"])
    versions = bucket.versions()
    assert bucket.refresh()["outcome"] == "unchanged"
    assert bucket.versions() == versions
    for mode in ("hybrid", "vector", "text"):
        assert bucket.search("What page 3 says of freshets", mode=mode)["hits"]
    bucket.write("new.md", "# A new page\n\nIt speaks of weirs.\n")
    assert bucket.refresh()["release"] == 2
    assert roll_back(bucket.store, "docs", 1, now=datetime.now(UTC)).release == 3
    assert not bucket.search("weirs", mode="text")["hits"]
    maintained = maintain_store(config=bucket.config, return_state=True).result()
    assert {one["target"] for one in maintained["maintained"]} >= {"corpus docs", "ledger"}
    assert not bucket.search("weirs", mode="text")["hits"]
    bucket.assert_whole()
    lost = next(one for one in bucket.objects("corpora/docs") if "/chunks-" in one and "/data/" in one)
    _files().rm_file(lost)
    assert "DOCTOR-MISSING-FILES" in bucket.examine()
    mended = repair(load_project(bucket.config), [], timedelta(seconds=60), print)
    assert "DOCTOR-MISSING-FILES" in [one.code for one, _ in mended.mended]
    assert bucket.refresh(full=True)["outcome"] == "released"
    assert bucket.search("weirs", mode="text")["hits"]
    bucket.assert_whole()


def test_sources_and_rows_are_read_from_a_bucket(bucket: BucketProject) -> None:
    files, inputs = _files(), f"{BUCKET}/inputs-{bucket.folder.name}"
    for name, text in {"a.md": "# A\n\nOf weirs.\n", "deep/b.md": "# B\n\nOf sluices.\n"}.items():
        files.pipe_file(f"{inputs}/docs/{name}", text.encode())
    rows = [{"prompt": f"What is {n} and {n + 1}?", "completion": f"It is {2 * n + 1}."} for n in range(40)]
    files.pipe_file(f"{inputs}/rows/sums.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode())
    bucket.source["folder"] = f"s3://{inputs}/docs"
    bucket.settings["datasets"] = {
        "sums": {
            "format": "prompt_completion", "export": ["trl", "parquet"],
            "inputs": [
                {"rows": f"s3://{inputs}/rows/*.jsonl", "owner": "me", "licence": "CC0-1.0", "uses": ["training"]}
            ],
            "split": {"train": 0.8, "validation": 0.1, "test": 0.1, "tolerance": 1.0},
        }
    }  # fmt: skip
    bucket.save()
    assert bucket.refresh()["documents"]["added"] == 2
    files.pipe_file(f"{inputs}/docs/deep/b.md", b"# B\n\nOf sluices and gates.\n")
    counts = bucket.refresh()["documents"]
    assert (counts["changed"], counts["unchanged"]) == (1, 1)
    files.rm_file(f"{inputs}/docs/a.md")
    assert bucket.refresh()["documents"]["withdrawn"] == 1

    from freshet.flows.command.by_hand import run_build

    built = run_build("sums", config=bucket.config, as_of=None, wait=60.0)
    assert (built["outcome"], built["version"]) == ("published", "1.0.0"), built
    assert run_build("sums", config=bucket.config, as_of=None, wait=60.0)["outcome"] == "unchanged"
    from freshet.tasks.datasets.versions.copying import copy_export

    copy_export(bucket.store, "sums", None, bucket.folder / "out")
    sides = [(bucket.folder / "out" / "trl" / f"{side}.jsonl") for side in ("train", "validation", "test")]
    assert sum(len(side.read_text().splitlines()) for side in sides if side.exists()) == len(rows)
    assert bucket.examine() == []


def test_a_local_store_moves_to_a_bucket(bucket: BucketProject) -> None:
    address, local = bucket.settings["store"], bucket.folder / "store"
    bucket.settings["store"] = str(local)
    bucket.save()
    assert bucket.refresh()["release"] == 1
    for file in local.rglob("*"):
        inside = file.relative_to(local)
        if file.is_file() and inside.parts[0] not in ("server", "locks"):
            _files().put_file(str(file), f"{address}/{inside.as_posix()}")
    bucket.settings["store"] = address
    bucket.save()
    assert bucket.examine() == []
    assert bucket.refresh()["outcome"] == "unchanged"
    assert bucket.search("What page 3 says", mode="text")["hits"]
    bucket.write("new.md", "# A new page\n\nIt speaks of weirs.\n")
    assert bucket.refresh()["release"] == 2
    bucket.assert_whole()


def test_two_machines_that_refresh_one_corpus_at_once_lose_and_double_nothing(bucket: BucketProject) -> None:
    machines = [_refreshing(bucket, name) for name in ("one", "two")]
    reports = []
    for machine in machines:
        out, err = machine.communicate(timeout=PATIENCE)
        assert machine.returncode == 0, err
        reports.append(json.loads(out.splitlines()[-1]))
    said = [(one["outcome"], one.get("error", "")) for one in reports]
    assert all(
        outcome in ("released", "unchanged") or "machine" in error or "writes to this corpus" in error
        for outcome, error in said
    ), said
    report = bucket.refresh()
    assert report["outcome"] in ("released", "unchanged"), report
    assert len(bucket.releases()) == len(set(bucket.releases()))
    assert bucket.ledger().num_rows == 6
    bucket.assert_whole()


def test_two_machines_never_give_one_number_to_two_releases(
    bucket: BucketProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    from contextlib import nullcontext

    from freshet.tasks.index import release

    bucket.refresh()
    # The lock is of one machine; the two threads stand for two.
    monkeypatch.setattr(release, "brief_lock", lambda *_: nullcontext())
    together = Barrier(2)

    def roll_back(_: int) -> list[int]:
        store = bucket.store
        together.wait()
        return [release.roll_back(store, "docs", 1, now=datetime.now(UTC)).release for _ in range(4)]

    with ThreadPoolExecutor(2) as pool:
        given = [number for numbers in pool.map(roll_back, range(2)) for number in numbers]
    assert sorted(given) == list(range(2, 10))
    assert sorted(bucket.releases()) == list(range(1, 10))
    assert bucket.examine() == []


def test_what_another_machine_writes_while_the_gate_examines_is_not_published(
    bucket: BucketProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    from freshet.tasks.index.gate import examination

    bucket.refresh()
    bucket.write("0.md", "# Page 0\n\nWhat page 0 says from now on.\n")
    examine = examination.examine

    def meddled(*given: Any) -> Any:
        found = examine(*given)
        (name,) = [one for one in bucket.store.corpus("docs").names() if one.startswith("chunks-")]
        bucket.store.corpus("docs").find(name).delete("text LIKE '%page 3%'")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(examination, "examine", meddled)
        report = bucket.refresh()
    assert report["outcome"] == "failed"
    assert "was written to while the gate examined it" in report["error"]
    assert bucket.releases() == [1]
    assert bucket.refresh()["outcome"] == "released"
    bucket.assert_whole()


def test_a_refresh_killed_half_way_is_resumed(bucket: BucketProject) -> None:
    fault = Fault(at=kill_points.WRITE_LEDGER, batch=2, call=2)
    killed = _refreshing(bucket, "killed", fault)
    killed.communicate(timeout=PATIENCE)
    assert killed.returncode == -signal.SIGKILL
    assert bucket.releases() == []
    report = bucket.refresh()
    assert (report["outcome"], report["release"]) == ("released", 1), report
    assert bucket.ledger().num_rows == 6
    bucket.assert_whole()


@pytest.mark.parametrize(
    ("environment", "store", "told"),
    [
        ({}, "s3://no-such-bucket/x", "there is no such bucket\n  Make the bucket"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "", "its server does not answer\n  See that the server runs"),
        ({"AWS_ALLOW_HTTP": "false"}, "", "its server is at an http:// address\n  Set AWS_ALLOW_HTTP=true"),
    ],
)
def test_a_bucket_that_cannot_be_reached_is_told_with_what_mends_it(
    bucket: BucketProject, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], store: str, told: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StoreUnreachable) as error:
        Store(store or bucket.settings["store"]).ledger.find("releases")
    assert told in str(error.value)


def test_a_refused_key_is_told_and_the_secret_is_not(bucket: BucketProject, s3_server: str) -> None:
    def check_keys(after: str) -> None:
        request = urllib.request.Request(
            f"{s3_server}/moto-api/reset-auth", after.encode(), {"Content-Type": "text/plain"}, method="POST"
        )
        urllib.request.urlopen(request, timeout=PATIENCE).close()

    store = bucket.store
    check_keys("0")
    try:
        with pytest.raises(StoreUnreachable, match="access was refused") as error:
            store.corpus("docs").find("documents")
        assert bucket.examine() == ["DOCTOR-STORE-ACCESS"]
    finally:
        check_keys("inf")
    assert "AWS_SECRET_ACCESS_KEY" in error.value.mend
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in str(error.value).split()


def test_commands_tell_a_missing_bucket_without_a_traceback(bucket: BucketProject) -> None:
    bucket.settings["store"] = "s3://no-such-bucket/x"
    bucket.save()
    assert bucket.examine() == ["DOCTOR-STORE-ACCESS"]
    told = bucket.freshet("releases", "docs", code=1).stderr
    assert told.startswith("freshet: the store s3://no-such-bucket/x cannot be reached: there is no such bucket")
    assert "Traceback" not in told
    report = bucket.refresh()
    assert report["outcome"] == "failed"
    assert "there is no such bucket" in report["error"]


def test_errors_of_other_things_are_no_fault_of_the_bucket() -> None:
    from freshet.tasks.store.bucket import unreachable

    assert unreachable(TimeoutError("timed out")) is None
    assert unreachable(ConnectionRefusedError("Connection refused")) is None
    assert unreachable(FreshetError("access was AccessDenied"), "s3://bucket/x") is None
    assert unreachable(ValueError("LanceError(IO): Generic S3 error: NoSuchBucket")) is not None


def test_a_store_in_a_bucket_asks_for_the_extra_that_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from fsspec.registry import _registry

    from freshet.tasks.errors import MissingExtra
    from freshet.tasks.store.bucket import file_system

    monkeypatch.delitem(_registry, "s3", raising=False)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(MissingExtra, match="s3://bucket/x") as error:
        file_system("s3://bucket/x")
    assert error.value.mend == 'pip install "freshet[s3]"'


def test_the_locks_of_two_state_folders_are_two_machines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Else the tests above would have shown two writers that wait for each other."""
    here = Store("s3://bucket/x").lock_file("docs")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert Store("s3://bucket/x").lock_file("docs") != here
