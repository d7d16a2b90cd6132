"""PostgreSQL goes away: nobody is refused for it, and what was asked is done once, when it is back."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import psutil
import pytest

from models.chain import broken_links
from motcua.store import DatabaseUnreachable, Store
from motcua.store.migrate import migrate
from tests.running import PLAIN, Life, Running, Telemetry, running
from tests.waiting import until

HANDLING = PLAIN[:3]


@pytest.fixture(scope="module")
async def fragile(tmp_path_factory: pytest.TempPathFactory, telemetry: Telemetry) -> AsyncIterator[Running]:
    """An office of its own for the tests that break it."""
    async with running(tmp_path_factory.mktemp("fragile"), telemetry.runtime) as office:
        yield office


async def test_a_command_waits_for_postgres(fragile: Running) -> None:
    """The local activity gives up soon, a normal one waits; the answer comes with the record, once."""
    life = await Life.begin(fragile, *HANDLING)
    before = len(await life.facts())
    postgres = fragile.local.children["postgres"]
    await postgres.stop()
    try:
        claim = asyncio.create_task(life.do("handler1 claim"))

        async def waits() -> bool:
            return (await fragile.events(life.code))["ACTIVITY_TASK_SCHEDULED"] == 1

        await until(waits)
        assert not claim.done()
    finally:
        await postgres.start()
    answer = await claim
    assert [fact.kind for fact in (await life.facts())[before:]] == ["claimed"]
    assert answer.seq == before + 1
    # Once it is back the short way is taken again.
    await life.run("handler1 complete")
    assert (await fragile.events(life.code))["ACTIVITY_TASK_SCHEDULED"] == 1
    assert await fragile.state(life.code) == await fragile.refolded(life.code)


async def test_postgres_is_killed_under_load(fragile: Running) -> None:
    """kill -9 amid many commands: each is answered and is on record once, in unbroken chains."""
    lives = await asyncio.gather(*[Life.begin(fragile, *HANDLING) for _ in range(6)])
    before = {life.code: len(await life.facts()) for life in lives}
    restarts = fragile.local.children["postgres"].restarts

    async def work(life: Life) -> list[int]:
        return [(await life.do(f"handler1 {kind}")).seq for kind in ("claim", "release") * 8]

    working = [asyncio.create_task(work(life)) for life in lives]

    async def well_under_way() -> bool:
        return len(await lives[0].facts()) >= before[lives[0].code] + 3

    await until(well_under_way)
    os.kill(fragile.local.run.children["postgres"], signal.SIGKILL)
    answers = await asyncio.gather(*working)
    assert fragile.local.children["postgres"].restarts == restarts + 1
    for life, seqs in zip(lives, answers, strict=True):
        facts = await life.facts()
        assert seqs == [fact.seq for fact in facts[before[life.code] :]]
        assert [fact.kind for fact in facts[before[life.code] :]] == ["claimed", "released"] * 8
        assert broken_links(life.code, facts) == []
        assert (await fragile.desk.row(life.code)).seq == len(facts)


async def test_postgres_hangs_for_a_moment(fragile: Running) -> None:
    """A server that stands still is waited for."""
    life = await Life.begin(fragile, *HANDLING)
    main = psutil.Process(fragile.local.run.children["postgres"])
    processes = [main, *main.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        claim = asyncio.create_task(life.do("handler1 claim"))
        done, _ = await asyncio.wait({claim}, timeout=0.3)
        assert not done
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()
    assert (await claim).seq == len(await life.facts())


async def test_a_crashed_session_is_an_unreachable_database(fragile: Running) -> None:
    """PostgreSQL ends all its sessions when one crashes; whoever asks just then is told in one sentence."""
    main = psutil.Process(fragile.local.run.children["postgres"])

    async def ask(sql: str) -> object:
        async with fragile.store._connection() as connection:
            return await connection.fetchval(sql)

    victim = psutil.Process(await ask("select pg_backend_pid()"))
    asking = [asyncio.create_task(ask("select pg_sleep(600)")) for _ in range(3)]
    sleeping = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'"

    async def asleep() -> bool:
        connection = await asyncpg.connect(fragile.local.run.database_url)
        try:
            return await connection.fetchval(sleeping) == 3
        finally:
            await connection.close()

    await until(asleep)
    victim.kill()
    outcomes = await asyncio.gather(*asking, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {DatabaseUnreachable}
    assert main.is_running()

    async def back() -> bool:
        with suppress(DatabaseUnreachable):
            return await ask("select 1") == 1
        return False

    await until(back)


@pytest.mark.parametrize(
    "url", ["postgresql://postgres@/motcua?host={nowhere}", "postgresql://a:b:c", "what"]
)
async def test_a_database_that_cannot_be_had(tmp_path: Path, url: str) -> None:
    """Told in one sentence, by the migrations as by the store."""
    url = url.format(nowhere=tmp_path)
    with pytest.raises(DatabaseUnreachable):
        await migrate(url)
    with pytest.raises(DatabaseUnreachable):
        async with Store.connect(url):
            pass
