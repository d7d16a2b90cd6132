"""A server that runs but does not answer is killed and started again; a slow machine is no frozen server."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest
import structlog

from motcua.local import Child, LocalOffice, read_run
from motcua.processes import PROBES
from tests.integration.test_local import office_process
from tests.waiting import until

UNRESPONSIVE = 9.0
"""Seconds; each probe of a real server has a sixth of them, also on a busy machine."""
ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.slow,  # a server stays stopped until it is killed for that
]


@pytest.fixture(autouse=True)
def _warnings_are_logged() -> Iterator[None]:
    """Another test of this process may have asked for errors alone."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    yield
    structlog.configure(**before)


async def test_a_frozen_server_is_killed_and_started_again(tmp_path: Path) -> None:
    """Stopped by a signal, a server was only reported by /readyz, and nobody restarted it."""
    async with LocalOffice(tmp_path, unresponsive=UNRESPONSIVE) as office:
        before = office.run
        connection = await asyncpg.connect(before.database_url)
        await connection.execute("create table kept as select 42 as answer")
        await connection.close()
        with structlog.testing.capture_logs() as logged:
            for name in ("postgres", "temporal"):
                os.kill(before.children[name], signal.SIGSTOP)
            for name in ("postgres", "temporal"):
                await until(lambda name=name: office.children[name].restarts == 1, f"the restart of {name}")
        for name in ("postgres", "temporal"):
            assert office.run.children[name] != before.children[name]
            lines = [line for line in logged if line.get("name") == name]
            assert [line["log_level"] for line in lines if "is killed" in line["event"]] == ["critical"]
            failed = [line["failed"] for line in lines if "did not answer" in line["event"]]
            assert failed[-PROBES:] == list(range(1, PROBES + 1)), "not over the whole time"
        connection = await asyncpg.connect(before.database_url)
        assert await connection.fetchval("select answer from kept") == 42
        await connection.close()


async def test_an_error_is_an_answer(tmp_path: Path) -> None:
    """PostgreSQL that takes no more connections is busy, not frozen; another server notices nothing."""
    async with LocalOffice(tmp_path, unresponsive=UNRESPONSIVE) as office:
        taken: list[asyncpg.Connection] = []
        try:
            with suppress(asyncpg.TooManyConnectionsError):
                while True:
                    taken.append(await asyncpg.connect(office.run.database_url))
            with structlog.testing.capture_logs() as logged:
                os.kill(office.run.temporal.pid, signal.SIGSTOP)
                await until(lambda: office.children["temporal"].restarts == 1)
            assert [line for line in logged if line.get("name") == "postgres"] == []
            assert office.children["postgres"].restarts == 0
        finally:
            for each in taken:
                each.terminate()


def probed(script: Callable[[int], str], log_file: Path) -> tuple[Child, list[str]]:
    """A process whose probe number n goes as the script says: answered, failed or hung; and what was said."""
    said: list[str] = []

    async def alive() -> None:
        said.append(script(len(said)))
        if said[-1] == "failed":
            raise ConnectionResetError
        if said[-1] == "hung":
            await asyncio.Event().wait()

    child = Child("demo", ["sleep", "600"], log_file=log_file, alive=alive, unresponsive=PROBES * 0.02)
    return child, said


async def test_one_answer_among_failed_probes_is_enough(tmp_path: Path) -> None:
    """A server on a busy machine answers now and then: five failures in a row are not yet six."""
    child, said = probed(
        lambda n: "answered" if n % PROBES == 0 else ["failed", "hung"][n % 2], tmp_path / "log"
    )
    await child.start()
    pid = child.pid
    await until(lambda: len(said) > 5 * PROBES)
    assert (child.pid, child.restarts) == (pid, 0)
    await child.stop()


@pytest.mark.parametrize("way", ["failed", "hung"])
async def test_probes_that_all_fail_end_the_process(tmp_path: Path, way: str) -> None:
    """Whether the server refuses or says nothing; the new process is asked anew."""
    child, said = probed(lambda _: "answered" if child.restarts else way, tmp_path / "log")
    await child.start()
    pid = child.pid
    await until(lambda: child.restarts == 1)
    assert child.pid != pid
    asked = len(said)
    await until(lambda: len(said) > asked + 2 * PROBES)
    assert child.restarts == 1
    await child.stop()


async def test_rounds_in_which_the_supervisor_got_no_turn_do_not_count(tmp_path: Path) -> None:
    """A loop that is kept busy longer than a round would find that every probe has run out of time."""

    def busily(_: int) -> str:
        time.sleep(0.1)  # five rounds in which nothing else has a turn
        return "hung"

    child, said = probed(busily, tmp_path / "log")
    await child.start()
    pid = child.pid
    await until(lambda: len(said) > 3 * PROBES)
    assert (child.pid, child.restarts) == (pid, 0)
    await child.stop()


SUPERVISOR = """
import asyncio, sys
from pathlib import Path
from motcua.local import LocalOffice

async def main(data_dir):
    async with LocalOffice(data_dir, unresponsive=float(sys.argv[2])):
        print("up", flush=True)
        await asyncio.Event().wait()

asyncio.run(main(Path(sys.argv[1])))
"""


async def test_a_supervisor_that_was_stopped_itself_blames_nobody(tmp_path: Path) -> None:
    """A machine that is suspended, or a terminal that stops all of it, freezes the supervisor as well."""
    with office_process(tmp_path, SUPERVISOR, str(UNRESPONSIVE)) as (process, before):
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for pid in (process.pid, *before.children.values()):
                os.kill(pid, number)
            if number == signal.SIGSTOP:
                since = time.monotonic()
                await until(lambda since=since: time.monotonic() - since > 1.5 * UNRESPONSIVE)
        # The watch goes on: a server stopped now is noticed, and the other one is still the first.
        os.kill(before.children["temporal"], signal.SIGSTOP)

        def restarted() -> bool:
            run = read_run(tmp_path)
            return run is not None and run.children["temporal"] != before.children["temporal"]

        await until(restarted)
        after = read_run(tmp_path)
        assert after
        assert after.children["postgres"] == before.children["postgres"]
