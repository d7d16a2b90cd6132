"""Nothing that a test run starts outlives it, whichever of its processes is killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from motcua.guardian import GUARDIAN
from motcua.local import RunInfo, read_run
from tests.integration.test_local import ROOT, runs
from tests.making import OUTER
from tests.waiting import blocking_until, until

pytestmark = pytest.mark.slow  # each in a run of pytest with an office of its own

RUN = """
import asyncio, os, subprocess, sys
from pathlib import Path
from motcua.guardian import GUARDIAN
from motcua.local import LocalOffice

def test_an_office() -> None:
    async def main() -> None:
        argv, stdin = GUARDIAN.guarded(["sh", "-c", "trap '' TERM; while :; do sleep 1; done"])
        stubborn = subprocess.Popen(argv, stdin=stdin)
        async with LocalOffice(Path(os.environ["OFFICE"])):
            await asyncio.Event().wait()

    asyncio.run(main())
"""
POOL = """
import asyncio, os, sys
from contextlib import asynccontextmanager
from motcua.audit.crew import spread

@asynccontextmanager
async def tools():
    async def work(piece):
        print(os.getpid(), flush=True)
        await asyncio.Event().wait()

    yield work

async def pieces():
    for number in range(2):
        yield number

async def main():
    async for _ in spread(tools, pieces(), 2):
        pass

if __name__ == "__main__":
    asyncio.run(main())
"""


@contextmanager
def running_tests(folder: Path, *options: str) -> Iterator[tuple[psutil.Process, RunInfo]]:
    """A run of pytest in the middle of a test that has an office."""
    (folder / "test_one.py").write_text(RUN)
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, str(folder)]
    argv, stdin = GUARDIAN.guarded([*argv, "-c", os.devnull, f"--basetemp={folder / 'temporary'}"])
    env = {**os.environ, "OFFICE": str(folder / "office"), "PYTHONPATH": str(ROOT)}
    for name in [name for name in env if name.startswith("PYTEST_")]:
        del env[name]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, cwd=folder, env=env, stdin=stdin, stdout=log, stderr=log)
    with process:
        try:

            def found() -> RunInfo | None:
                assert process.poll() is None, (folder / "log").read_text()
                return read_run(folder / "office")

            run = blocking_until(found)
            assert run
            yield psutil.Process(process.pid), run
        finally:
            process.kill()


@pytest.mark.parametrize("options", [(), ("-n", "1")], ids=["alone", "distributed"])
async def test_a_killed_test_run_leaves_no_process(tmp_path: Path, options: tuple[str, ...]) -> None:
    """A Temporal server whose test run was gone for an hour still ran."""
    with running_tests(tmp_path, *options) as (main, run):
        family = main.children(recursive=True)
        assert {each.pid for each in family} > set(run.children.values())
        main.kill()
        await until(lambda: not any(runs(each.pid) for each in family))


async def test_a_killed_worker_of_a_test_run_leaves_no_process(tmp_path: Path) -> None:
    """The process that holds the office is one of several; the others go on."""
    with running_tests(tmp_path, "-n", "1", "--max-worker-restart=0") as (_, run):
        worker = psutil.Process(run.pid)
        family = worker.children(recursive=True)
        assert {each.pid for each in family} > set(run.children.values())
        worker.kill()
        await until(lambda: not any(runs(each.pid) for each in family))


async def test_a_pool_ends_with_its_owner(tmp_path: Path) -> None:
    """Processes of a pool wait for work on a pipe that they hold open themselves."""
    script = tmp_path / "pool.py"
    script.write_text(POOL)
    process = subprocess.Popen(  # noqa: ASYNC220 - it only starts it
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout
        pids = [int(process.stdout.readline()) for _ in range(2)]
        process.kill()
        await until(lambda: not any(runs(pid) for pid in pids))


def test_an_office_does_not_outlive_its_make(tmp_path: Path) -> None:
    """`make up`, and `make` is killed: the program and all that it has started end."""
    own = {name: value for name, value in os.environ.items() if name not in OUTER}
    argv, stdin = GUARDIAN.guarded(["make", "-o", "install", "up", f"BIN={Path(sys.executable).parent}"])
    process = subprocess.Popen(
        argv, stdin=stdin, cwd=ROOT, env={**own, "MOTCUA_DATA_DIR": str(tmp_path)}, stdout=subprocess.DEVNULL
    )
    with process:
        try:
            blocking_until(lambda: read_run(tmp_path) is not None, "the office of make")
            run = read_run(tmp_path)
            assert run
            assert psutil.Process(run.pid).ppid() == process.pid
        finally:
            process.kill()
    blocking_until(lambda: not any(map(runs, (run.pid, *run.children.values()))), "the end of the office")
