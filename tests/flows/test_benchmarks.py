"""Every script of bench/ runs to its end in its smallest size, without the peers, and says its ratios as JSON."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NO_PUBLIC_DATA, PUBLIC_DATA, ROOT

DRIVER = ROOT / "bench" / "quick.py"
SCRIPTS = [file for file in sorted(DRIVER.parent.glob("*.py")) if "__main__" in file.read_text("utf-8")]


def measured(script: Path, *words: str, server: str) -> list[str]:
    """The lines that a script prints in its smallest size."""
    environment = {"FRESHET_BENCH_API": server, "FRESHET_TEST_DATA": str(PUBLIC_DATA)}
    command = [sys.executable, str(script), "--size", "smallest", *words]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode and not PUBLIC_DATA.is_dir() and "set FRESHET_TEST_DATA" in done.stderr:
        pytest.skip(NO_PUBLIC_DATA)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("script", [file for file in SCRIPTS if file != DRIVER], ids=lambda file: file.stem)
def test_a_benchmark_runs_to_its_end_and_says_its_ratios(script: Path, prefect_server: str) -> None:
    last: dict[str, Any] = json.loads(measured(script, server=prefect_server)[-1])
    assert last["ratios"]
    assert all(math.isfinite(ratio) and ratio >= 0 for ratio in last["ratios"].values()), last
    assert all(isinstance(what, str) for what in last["left_out"])


def test_a_quick_run_appends_a_line_and_says_what_moved(prefect_server: str, tmp_path: Path) -> None:
    history = tmp_path / "history.jsonl"
    words = ("access", "--history", str(history))
    told = measured(DRIVER, *words, server=prefect_server)
    first = json.loads(history.read_text("utf-8"))
    assert told[-1] == "Nothing to compare with: no run on such a machine before."
    assert set(first) == {"date", "commit", "size", "machine", "load_average", "ratios", "left_out"}
    name = min(first["ratios"])
    higher = {**first, "ratios": {name: 1000.0}}  # far more than a busy machine makes of it
    elsewhere = {**first, "machine": "another machine", "ratios": {name: 5.0}}
    lines = [json.dumps(higher), json.dumps(elsewhere)]
    history.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    told = measured(DRIVER, *words, server=prefect_server)
    kept = history.read_text("utf-8").splitlines()
    assert kept[:2] == lines
    assert len(kept) == 3
    assert told[-1].startswith(f"Moved by more than a tenth: {name}, from 1000 to ")


def test_every_other_file_of_bench_is_used_by_a_benchmark() -> None:
    texts = [file.read_text("utf-8") for file in DRIVER.parent.glob("*.py")]
    others = {file.stem for file in DRIVER.parent.glob("*.py")} - {file.stem for file in SCRIPTS}
    assert {name for name in others if not any(f"from {name} import" in text for text in texts)} == set()
