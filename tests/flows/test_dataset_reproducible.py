"""The same rows and settings give the same version, byte by byte; more rows move no row that was there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.flows.dataset_project import DatasetProject, question, questions, sums
from tests.flows.killer import HashEmbedder
from tests.waiting import PATIENCE

BUILD = """
import json, sys
from datetime import datetime
from pathlib import Path
import freshet.tasks.datasets.loading.load, freshet.tasks.datasets.assembly.assemble, freshet.tasks.rules.suites
freshet.tasks.rules.suites.validate = lambda *_: []  # seconds to load, and it only reads
given = json.loads(sys.argv[1])
freshet.tasks.datasets.loading.load.load_part.__kwdefaults__["batch"] = given["batch"]
freshet.tasks.datasets.loading.load.MOST_CHARACTERS = given["characters"]
freshet.tasks.datasets.assembly.assemble.BATCH_ROWS = given["batch"]
import pyarrow
pyarrow.set_cpu_count(given["threads"])
if given["parts"]:
    import freshet.tasks.datasets.listing
    freshet.tasks.datasets.listing.PART_FILES = given["parts"]
from freshet.flows.command.by_hand import run_build
moment = datetime.fromisoformat(given["as_of"])
print(json.dumps(run_build("answers", config=Path(given["config"]), as_of=moment, wait=60)))
"""


def _rows() -> dict[str, list[Any]]:
    """Rows for many kinds of findings: copies and near copies across files, leaks, bad ones, personal data."""
    rows = questions(400)
    long = [{"prompt": f"{one['prompt']} Say more.", "completion": one["completion"] * 3} for one in questions(40, 900)]
    near = [{**one, "completion": f"{one['completion']} Indeed."} for one in long[:10]]
    odd = [
        {
            "prompt": "Whom do I write to?\r\n\u200b",
            "completion": "To ada.lovelace@example.org, cafe\u0301 on the left.",
        },
        {"prompt": "What is it?  ", "completion": "<noinput>"},
        {"prompt": 7, "completion": "seven"},
        {"prompt": "How much?", "completion": "It is 2+2=<<2+2=5>>5."},
    ]
    return {
        "rows/a.jsonl": rows[:150],
        "rows/b.jsonl": [*rows[150:300], *rows[:30], *odd],
        "rows/sub/c.jsonl": [*rows[300:], *long, *near],
        "more/d.jsonl": [*questions(60, 2000), *long[:5], {**rows[3], "completion": "Answer 3: nowhere at all."}],
    }


def _project(folder: Path, order: int) -> DatasetProject:
    folder.mkdir()
    project = DatasetProject(folder)
    files = _rows()
    for path in sorted(files, reverse=bool(order)):
        project.put(path, files[path])
    for number, path in enumerate(sorted(files, reverse=bool(order))):
        os.utime(folder / path, (1_600_000_000 + number, 1_600_000_000 + number))
    project.put("benchmark.jsonl", questions(5, 2000))
    inputs = [
        project.rows_input("rows/**/*.jsonl", name="rows"),
        project.rows_input("more/*.jsonl", name="more", owner="others", licence="MIT"),
    ]
    project.set(
        inputs=inputs[::-1] if order else inputs,
        checks={"decontaminate": ["benchmark.jsonl"], "personal_data": "redact"},
        export=["trl", "openai", "parquet"],
    )
    return project


def _build_elsewhere(project: DatasetProject, seed: str, threads: int, **said: Any) -> dict[str, Any]:
    given = {"config": str(project.config), "threads": threads, **said}
    counts = {name: str(threads) for name in ("OMP_NUM_THREADS", "RAYON_NUM_THREADS", "LANCE_CPU_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", BUILD, json.dumps(given)], cwd=ROOT, capture_output=True, text=True, check=False,
        timeout=PATIENCE,
        env={**os.environ, **counts, "PYTHONHASHSEED": seed, "TZ": "Asia/Kathmandu" if threads > 1 else "UTC"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert report["outcome"] == "published", report
    return report


def test_two_builds_of_the_same_rows_are_one_version_byte_by_byte(tmp_path: Path) -> None:
    """Another folder, store, order of files and inputs, batch, number of threads, hash seed, time zone and day."""
    one, other = _project(tmp_path / "one", 0), _project(tmp_path / "quite another folder", 1)
    first = _build_elsewhere(
        one, "1", 1, batch=2_000, characters=8_000_000, parts=None, as_of="2026-01-01T00:00:00+00:00"
    )
    second = _build_elsewhere(
        other, "77", 4, batch=7, characters=500, parts=1, as_of="2031-12-31T23:59:59+00:00"
    )  # fmt: skip
    told = ("version", "digest", "rows", "splits", "change")
    assert {name: first[name] for name in told} == {name: second[name] for name in told}
    found = sums(one.exports)
    assert found == sums(other.exports)
    folders = {path.rpartition("/")[0] for path in found}
    assert folders >= {"1.0.0", "1.0.0/trl", "1.0.0/openai", "1.0.0/parquet", "1.0.0/card"}
    codes = first["rows"]["by_code"]
    assert codes.keys() >= {"COPY-EXACT", "COPY-NEAR", "LEAK-BENCHMARK", "ROW-SCHEMA", "ROW-PLACEHOLDER"}, codes
    assert first["rows"]["kept"] > 400
    for text in (str(tmp_path), "2026-01-01", "2031-12-31"):
        for file in one.exports.rglob("*"):
            assert file.is_dir() or text.encode() not in file.read_bytes(), file


def test_a_later_build_of_the_same_rows_is_unchanged(tmp_path: Path) -> None:
    project = _project(tmp_path / "one", 0)
    first = project.published(as_of=datetime(2026, 1, 1, tzinfo=UTC))
    tables, files = project.tables(), sums(project.exports)
    later = project.build(as_of=datetime(2029, 1, 1, tzinfo=UTC))
    assert (later["outcome"], later["version"], later["digest"]) == ("unchanged", "1.0.0", first["digest"])
    assert (project.tables(), sums(project.exports)) == (tables, files)


def test_a_store_that_forgot_the_last_build_finds_the_same_version(tmp_path: Path) -> None:
    """Without the short cut, the rows are read, checked and compared anew, and nothing of it is written."""
    project = _project(tmp_path / "one", 0)
    project.published()
    files, versions = sums(project.exports), project.decisions_on_record()
    project.store.ledger.find("builds").delete("true")
    assert project.build()["outcome"] == "unchanged"
    assert (sums(project.exports), project.decisions_on_record()) == (files, versions)


@pytest.mark.parametrize("stratify", [False, True])
def test_ten_per_cent_more_rows_move_no_row(stratify: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = DatasetProject(tmp_path)
    classes = ("card", "cash", "app")

    def classed(number: int) -> dict[str, str]:
        return {**question(number), "completion": classes[number % 3]}

    project.set(split={"train": 0.8, "validation": 0.1, "test": 0.1, "tolerance": 0.1, "stratify": stratify})
    if stratify:
        # Classes that follow no text: what matters here is that there are some, not what a model thinks of them.
        monkeypatch.setattr(
            "freshet.tasks.embedding.embed.load_embedder", lambda model, precision: HashEmbedder(Path(os.devnull))
        )
        project.set(checks={"labels": {}})
    project.put("rows/m.jsonl", [classed(number) for number in range(1000)])
    project.published()
    before = {row["digest"]: row["split"] for row in project.lineage("1.0.0")}
    # New ones before, between and after the old ones, in files of their own and in theirs.
    project.put("rows/a.jsonl", [classed(number) for number in range(5000, 5040)])
    project.put("rows/z.jsonl", [classed(number) for number in range(6000, 6040)])
    project.put("rows/m.jsonl", [classed(number) for number in (*range(7000, 7020), *range(1000))])
    report = project.published()
    after = {row["digest"]: row["split"] for row in project.lineage("1.1.0")}
    assert (report["version"], report["change"]) == ("1.1.0", {"added": 100, "removed": 0, "edited": 0, "moved": 0})
    assert {digest: after[digest] for digest in before} == before
    assert len(after) == 1100
    shares = [report["splits"][side] / 1100 for side in ("train", "validation", "test")]
    assert all(abs(share - wanted) < 0.05 for share, wanted in zip(shares, (0.8, 0.1, 0.1), strict=True)), shares
    assert set(before.values()) == {"train", "validation", "test"}


def test_every_row_that_was_read_is_kept_or_rejected_with_its_reason(tmp_path: Path) -> None:
    project = _project(tmp_path / "one", 0)
    report = project.published()
    read = sum(len(rows) for rows in _rows().values())
    rejected, kept = project.rejected("1.0.0"), project.lineage("1.0.0")
    assert report["rows"]["read"] == read == len(rejected) + len(kept)
    assert all(row["codes"] for row in rejected)
    own = [(row["origins"][0]["uri"], row["origins"][0]["place"]) for row in kept]
    out = [(row["uri"], row["place"]) for row in rejected]
    assert len({*own, *out}) == read
    # What was merged into a row stands among its origins: every copy's place is told twice, as rejected and as origin.
    merged = {(o["uri"], o["place"]) for row in kept for o in row["origins"] if o["relation"] != "source"}
    copies = {(r["uri"], r["place"]) for r in rejected if {"COPY-EXACT", "COPY-NEAR"} & set(r["codes"])}
    # Of some copies the row that was kept instead has gone later, as a leak.
    assert merged <= copies
    assert len(merged) > 30
