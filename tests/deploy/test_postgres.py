"""`freshet up` with its server's database in PostgreSQL, as the runbook says it."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers import Site, free_port
from tests.waiting import PATIENCE

PASSWORD = "aWordOfItsOwn"


def _programs() -> Path | None:
    """The folder of initdb and pg_ctl; Debian keeps them off the path."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((one for one in folders if (one / "initdb").exists() and (one / "pg_ctl").exists()), None)


PROGRAMS = _programs()
pytestmark = pytest.mark.skipif(PROGRAMS is None, reason="needs PostgreSQL: apt-get install postgresql")


@pytest.fixture
def database() -> Iterator[str]:
    """The URL of an empty database, as Prefect takes it. PostgreSQL refuses to run as root."""
    assert PROGRAMS
    other = {"user": "nobody", "group": "nogroup", "extra_groups": ()} if os.geteuid() == 0 else {}
    # Not below tmp_path, into which another user cannot look.
    folder, port = Path(tempfile.mkdtemp(prefix="freshet-pg-")), free_port()
    (folder / "password").write_text(PASSWORD)
    for one in (folder, folder / "password"):
        if other:
            shutil.chown(one, "nobody", "nogroup")
    data = str(folder / "data")

    def call(*words: str) -> None:
        # Its log is a file: a pipe would stay open in the server, and be waited for.
        with (folder / "log").open("a") as log:
            command = [str(PROGRAMS / words[0]), *words[1:]]
            done = subprocess.run(command, stdout=log, stderr=log, check=False, timeout=PATIENCE, cwd=folder, **other)
        assert done.returncode == 0, (folder / "log").read_text()

    try:
        call("initdb", "-D", data, "-U", "prefect", "-A", "scram-sha-256", f"--pwfile={folder}/password", "--no-sync")
        options = f"-p {port} -k {folder} -h 127.0.0.1 -c fsync=off"
        call("pg_ctl", "-D", data, "-l", f"{folder}/server.log", "-o", options, "-w", "start")
        try:
            yield f"postgresql+asyncpg://prefect:{PASSWORD}@127.0.0.1:{port}/postgres"
        finally:
            call("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder)


def _rows(database: str, query: str) -> list[Any]:
    async def ask() -> list[Any]:
        import asyncpg

        connection = await asyncpg.connect(database.replace("+asyncpg", ""))
        try:
            return [tuple(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    return asyncio.run(ask())


def test_up_deploys_and_runs_on_postgres(site: Site, database: str) -> None:
    site.environment["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = database
    site.settings["schedules"] = {"daily": "off", "weekly": "off"}  # whatever the time of day, no other run comes first
    site.save()
    made = site.up()
    assert made["started"] == ["server", "worker"]
    assert "The server is as it should be; nothing was changed." in site.freshet("deploy").stdout
    run = site.start_run()
    assert site.wait_for(run, "Completed", "Failed", "Crashed")["state"]["message"].startswith("released")
    assert site.deployment()["global_concurrency_limit"]["active_slots"] == 0
    (found,) = _rows(database, "select id, state_name from flow_run where state_name = 'Completed'")
    assert str(found[0]) == run
    assert _rows(database, "select count(*) from automation")[0][0] == len(site.automations())
    assert not list((site.home / "prefect").glob("*.db"))
    told = "".join(one.read_text() for one in site.home.iterdir() if one.is_file())
    assert PASSWORD not in told
