"""The demo, again and again on one data directory: what it says of the record is the truth."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from motcua.catalogue.catalogue import Catalogue
from motcua.local import read_run
from tests.offices import SampleOffice
from tests.story.cli import ROOT, CommandLine
from tests.waiting import PATIENCE, blocking_until

DEMO = ("demo", "--dossiers", "10")
WABO = ROOT / "catalog" / "mappings" / "wabo.toml"
LOG = """\
case:concept:name,case:channel,case:department,case:deadline,case:startdate,case:enddate,case:responsible,\
concept:name,org:resource,time:timestamp
c1,Desk,General,2011-04-20 10:00:00+02:00,2011-03-01 10:00:00+01:00,2011-03-10 10:00:00+01:00,R9,\
Confirmation of receipt,R1,2011-03-01 10:05:00+01:00
c2,Post,General,2011-03-05 10:00:00+01:00,2011-03-01 11:00:00+01:00,2011-03-10 10:00:00+01:00,R9,\
Confirmation of receipt,R1,2011-03-01 11:05:00+01:00
"""
ALTERED = (
    "update facts set actor = 'nobody' where seq = 2 and code = (select min(code) from facts) returning code"
)

KEPT = "select count(distinct workflow) from histories where type = 'Dossier'"


@contextmanager
def staying(there: CommandLine, *arguments: str) -> Iterator[tuple[Any, subprocess.Popen[str]]]:
    """A command that stays up after it has printed its JSON; ended by Ctrl-C at the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "starter.py", *arguments, "--json"],
        cwd=ROOT,
        env={**os.environ, **there.environment, "MOTCUA_DATA_DIR": str(there.data_dir)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout
            yield json.loads(process.stdout.readline()), process
            process.send_signal(signal.SIGINT)
            process.wait(timeout=PATIENCE)
        finally:
            process.kill()


def alter(data_dir: Path) -> str:
    """Change a fact as somebody with all rights on PostgreSQL may; returns its dossier's code."""

    async def change() -> str:
        run = read_run(data_dir)
        assert run
        connection = await asyncpg.connect(run.admin_database_url)
        try:
            await connection.execute("set session_replication_role = replica")
            code: str = await connection.fetchval(ALTERED)
            return code
        finally:
            await connection.close()

    return asyncio.run(change())


def archive(there: CommandLine, *, dossiers: int) -> None:
    """Archive until the closed histories of so many dossiers are kept, and of none besides.

    Temporal's list follows its workflows by up to some seconds; and an office that is up has closed workflows
    of its own upkeep, which are archived like the others.
    """

    async def kept() -> int:
        run = read_run(there.data_dir)
        assert run
        connection = await asyncpg.connect(run.admin_database_url)
        try:
            return int(await connection.fetchval(KEPT))
        finally:
            await connection.close()

    def swept() -> bool:
        ran = there("audit", "archive", "--json")
        assert ran.code == 0, ran.err
        count = asyncio.run(kept())
        assert count <= dossiers
        return count == dossiers

    blocking_until(swept, f"the archive of {dossiers} dossiers")


@pytest.mark.slow  # three demos
@pytest.mark.timeout(600)
def test_the_demo_again_after_the_archive_and_after_tampering(sample: SampleOffice, tmp_path: Path) -> None:
    """Whole a second time and a third, with an archive and seals; altered, it is named, and the code is 1."""
    there = CommandLine(sample, tmp_path)
    with staying(there, *DEMO) as (first, process):
        assert first["audit"]["broken"] == []
        solved, left = first["solved"]["total"], first["open_work"]["dossiers"]
        assert first["dossiers"] >= solved + left > left > 0
        archive(there, dossiers=solved)
        assert there("audit", "seal", "--json").code == 0
    assert process.returncode == 0
    for _ in range(2):
        again = there(*DEMO, "--exit", "--json")
        assert (again.code, again.json["audit"]["broken"]) == (0, []), again.err
        assert again.json["run"]["known_already"] == 10 + left
        assert again.json["audit"]["histories"] >= solved
        assert again.json["audit"]["seals"] >= 1
    with staying(there, *DEMO) as (whole, process):
        assert whole["audit"]["broken"] == []
        code = alter(tmp_path)
        verified = there("audit", "verify", "--json")
        assert verified.code == 1
    assert process.returncode == 0  # it was whole when it was checked
    told = there(*DEMO, "--exit", "--json")
    assert told.code == 1
    assert told.json["audit"]["broken"] == verified.json["broken"]
    assert {"code": code, "seq": 2, "what": "content does not match its hash"} in told.json["audit"]["broken"]
    people = there(*DEMO, "--exit")
    assert people.code == 1
    missing = first["open_work"]["missing"]
    links = any(procedure.links for procedure in Catalogue.load(sample.catalog).procedures)
    assert [each["state"] for each in missing] == ([] if links else ["linked"])
    assert all(f"  {each['state']}: none of 1, because {each['why']}\n" in people.out for each in missing)
    assert f"{len(verified.json['broken'])} BROKEN" in people.out
    assert f"  {code} fact 2: content does not match its hash" in people.out


@pytest.mark.slow  # a log is imported again and again
@pytest.mark.timeout(400)
def test_an_imported_log_that_was_altered(sample: SampleOffice, tmp_path: Path) -> None:
    """The same check: whole with exit code 0; altered, it is named, and the code is 1."""
    there = CommandLine(sample, tmp_path / "data")
    log = tmp_path / "log.csv"
    log.write_text(LOG, encoding="utf-8")
    command = ("import-log", str(log), "--mapping", str(WABO))
    with staying(there, *command, "--stay") as (first, process):
        assert (first["dossiers"], first["audit"]["broken"]) == (2, [])
        archive(there, dossiers=2)
    assert process.returncode == 0
    with staying(there, *command, "--stay") as (again, process):
        assert again["audit"]["broken"] == []
        code = alter(there.data_dir)
    told = there(*command, "--json")
    assert told.code == 1
    assert {"code": code, "seq": 2, "what": "content does not match its hash"} in told.json["audit"]["broken"]
    people = there(*command)
    assert people.code == 1
    assert f"  {code} fact 2: content does not match its hash" in people.out
