"""The record in PostgreSQL: append-only, idempotent, rebuilt from facts; its migrations."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from temporalio.testing import ActivityEnvironment

from activities.record import Batch, Recording
from models.facts import Fact
from models.fold import fold
from models.ledger import Appended
from models.notices import Notice, Occasion, occasions
from models.view import DossierRow, row
from motcua.store import Store
from motcua.store import migrate as migrations
from motcua.store.migrate import MigrationChanged, migrate
from tests.running import NAME, PLAIN, Life, Running, Telemetry, scrape
from tests.unit.office import LOUD, Case, stage, tell

TABLES = (
    "files",
    "facts",
    "dossiers",
    "tasks",
    "terms",
    "notices",
    "intakes",
    "rules",
    "pending",
    "private",
    "outbox",
)


@asynccontextmanager
async def database(office: Running, name: str) -> AsyncIterator[str]:
    """The URL of an empty database on the office's server."""
    owner = await asyncpg.connect(office.local.run.database_url)
    try:
        await owner.execute(f"create database {name}")
        yield office.local.run.database_url.replace("/motcua?", f"/{name}?")
    finally:
        await owner.execute(f"drop database {name} with (force)")
        await owner.close()


@pytest.fixture(scope="module")
async def url(office: Running) -> AsyncIterator[str]:
    """A database for tests that write into it directly."""
    async with database(office, "scratch") as url:
        await migrate(url)
        yield url


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    """A store on that database, empty."""
    async with Store.connect(url) as store:
        yield store
    owner = await asyncpg.connect(url)
    await owner.execute("alter table facts disable trigger all")
    await owner.execute(f"truncate {', '.join(TABLES)}")
    await owner.execute("alter table facts enable trigger all")
    await owner.close()


class Nobody:
    """Knows nobody who could be told."""

    async def address(self, row: DossierRow, at: datetime, told: tuple[Occasion, ...]) -> list[Notice]:
        """No notices."""
        return []


async def rows(url: str, sql: str) -> list[dict[str, Any]]:
    """What a query says, as the owner."""
    connection = await asyncpg.connect(url)
    try:
        return [dict(found) for found in await connection.fetch(sql)]
    finally:
        await connection.close()


async def append(store: Store, case: Case, *facts: Fact) -> Appended:
    """Record facts of a case with the read model as it stands after the last of them."""
    state = fold(case.empty, case.facts[: facts[-1].seq])
    return await store.append(row(state), facts, tuple(occasions(state, facts)), tell(state, facts, LOUD))


async def test_appending_is_idempotent(store: Store, url: str) -> None:
    """The same batch again adds nothing, and neither does a part of it; what follows is added."""
    case = stage("handling")
    first, second = case.facts[:3], case.facts[3:]
    assert await append(store, case, *first) == Appended(new=(1, 2, 3))
    assert await append(store, case, *first) == Appended()
    assert await append(store, case, *first[1:]) == Appended()
    assert await append(store, case, *first[2:], *second) == Appended(new=(4, 5))
    assert await store.facts(case.dossier.code) == case.facts
    assert await store.row(case.dossier.code) == row(case.dossier)
    assert len(await rows(url, "select * from dossiers")) == 1


async def test_an_older_batch_does_not_set_the_read_model_back(store: Store) -> None:
    """A worker that was slow learns what has come since."""
    case = stage("handling")
    await append(store, case, *case.facts)
    assert await append(store, case, *case.facts[:3]) == Appended(stored=tuple(case.facts))
    assert await store.row(case.dossier.code) == row(case.dossier)


async def test_a_conflicting_batch_gets_what_is_stored(store: Store) -> None:
    """Nothing of it is kept, and all that holds its numbers comes back, with what follows."""
    case, rival = stage("handling"), stage("accepted")
    rival.run("@ 2026-03-02 09:30", "handler1 note", "handler1 note")
    await append(store, case, *case.facts)
    assert await append(store, rival, *rival.facts[3:]) == Appended(stored=tuple(case.facts[3:]))
    assert await store.facts(case.dossier.code) == case.facts
    assert await store.row(case.dossier.code) == row(case.dossier)


async def test_of_two_first_batches_at_once_one_is_kept(store: Store, url: str) -> None:
    """Two workers begin the same dossier: the record has one beginning, and who asks again is told."""
    case, rival = Case("receiver1 file"), Case("@ 2026-03-02 08:01", "receiver1 file")
    outcomes = await asyncio.gather(
        *[append(store, each, *each.facts) for each in (case, rival) * 4], return_exceptions=True
    )
    assert sum(isinstance(outcome, Appended) and outcome.new == (1,) for outcome in outcomes) == 1
    (kept,) = await store.facts(case.dossier.code)
    for each in (case, rival):
        again = await append(store, each, *each.facts)
        assert again == Appended(stored=() if each.facts == [kept] else (kept,))


async def test_a_gap_is_refused(store: Store) -> None:
    """A record that ends too early (a database put back, say) is not written over."""
    case = stage("handling")
    await append(store, case, *case.facts[:3])
    with pytest.raises(asyncpg.PostgresError, match="ends at fact 3 but the batch begins at 5"):
        await append(store, case, *case.facts[4:])
    assert await store.facts(case.dossier.code) == case.facts[:3]


async def test_a_notice_exists_once(store: Store, url: str) -> None:
    """One for each rung, occurrence and recipient, however often its fact is recorded."""
    case = stage("handling", "handler1 claim")
    await append(store, case, *case.facts)
    for moment in ("2026-03-04 09:00", "2026-03-06 08:00", "2026-03-09 08:00"):
        case.tick(moment)
    told = tell(case.dossier, case.facts, LOUD)
    for _ in range(3):
        await append(store, case, *case.facts)
    keys = await rows(url, "select code, term, generation, rung, occurrence, recipient, channel from notices")
    assert len(keys) == len(told) > 2
    assert len(await rows(url, "select * from occasions")) == len(occasions(case.dossier, case.facts))
    assert {notice.recipient for notice in told} == {key["recipient"] for key in keys}
    later = told[0].model_copy(update={"fact": case.dossier.seq + 1})
    case.run("handler1 note")
    await store.append(row(case.dossier), tuple(case.facts[-1:]), (), [later])
    assert len(await rows(url, "select * from notices")) == len(told)


async def test_only_what_is_new_is_counted(store: Store, telemetry: Telemetry) -> None:
    """A worker that does its work again after a crash must not count it again."""
    case, recording = stage("accepted"), Recording(store, Nobody(), telemetry.runtime.metric_meter)
    batch = Batch(facts=tuple(case.facts), row=row(case.dossier))
    before = await scrape(telemetry.port, "motcua_dossiers_received_total")
    for _ in range(3):
        assert await ActivityEnvironment().run(recording.record, batch) == ()
    assert await scrape(telemetry.port, "motcua_dossiers_received_total") == before + 1


@pytest.mark.parametrize(
    ("role", "why"), [("motcua_app", "permission denied"), ("postgres", "never changed or deleted")]
)
@pytest.mark.parametrize(
    "sql",
    ["update facts set actor = 'nobody'", "delete from facts", "truncate facts", "truncate facts cascade"],
)
async def test_facts_stay(store: Store, url: str, role: str, why: str, sql: str) -> None:
    """The application may not touch them, and a trigger stops even the owner's slip."""
    case = stage("handling")
    await append(store, case, *case.facts)
    connection = await asyncpg.connect(url, server_settings={"role": role})
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match=why):
            await connection.execute(sql)
    finally:
        await connection.close()
    assert await store.facts(case.dossier.code) == case.facts


async def test_the_application_owns_nothing(store: Store, url: str) -> None:
    """The store works as a role that can neither drop a table nor switch off a trigger."""
    async with store._connection() as connection:
        assert await connection.fetchval("select current_user") == "motcua_app"
        for sql in ("drop table facts", "alter table facts disable trigger all", "delete from notices"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(sql)


async def test_the_read_model_is_the_fold_of_the_facts(office: Running) -> None:
    """Every dossier of the office, whatever has become of it, comes out of its facts as the same rows."""
    handling, reason = PLAIN[:3], "reason='one page is missing'"
    await asyncio.gather(
        Life.begin(office, *PLAIN, "citizen1 rate score=5"),
        Life.begin(office, *handling, "@ 2026-03-12 09:00"),
        Life.begin(office, *handling, f"handler1 request-supplement {reason}", "@ 2026-03-05 09:00"),
        Life.begin(office, *PLAIN[:5], f"leader1 send-back step=handle {reason}", "head1 note text=why?"),
        Life.begin(office, f"receiver1 refuse {reason}"),
        Life.begin(office, *handling, f"head1 stop {reason}", "@ 2026-03-04 09:00", "head1 resume"),
        Life.begin(office, *handling, "handler1 consult agency=tax", "citizen1 withdraw"),
        Life.begin(office, officer="receiver1", procedure="unrated"),
    )
    codes = [code async for code, _, _ in office.store.heads()]
    assert len(codes) >= 8
    kept: dict[str, DossierRow | None] = {code: await office.store.row(code) for code in codes}
    assert {code: row(await office.refolded(code)) for code in codes} == kept
    assert len({found.status for found in kept.values() if found}) >= 5


async def test_what_can_be_erased_is_in_one_table(office: Running) -> None:
    """A name is nowhere but in `private`, by whatever table one looks."""
    life = await Life.begin(office, *PLAIN[:3])
    where = [
        table
        for table in TABLES
        if NAME in str(await rows(office.local.run.database_url, f"select to_jsonb(t)::text from {table} t"))
    ]
    assert where == ["private"]
    assert NAME in str(await office.store.private(life.code))


async def test_migrating_twice_does_nothing(office: Running) -> None:
    """Also when two processes start at once: each migration is applied by one of them."""
    async with database(office, "twice") as url:
        outcomes = await asyncio.gather(migrate(url), migrate(url))
        assert sorted(map(len, outcomes)) == [0, len(await rows(url, "select * from migrations"))]
        assert max(outcomes) == sorted(path.name for path in (migrations.HERE / "migrations").glob("*.sql"))
        assert await migrate(url) == []


async def test_a_changed_migration_is_refused(
    office: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its name, and nothing is applied; one that is new is applied, and one that fails leaves nothing."""
    shutil.copytree(migrations.HERE / "migrations", tmp_path / "migrations")
    monkeypatch.setattr(migrations, "HERE", tmp_path)
    first = min((tmp_path / "migrations").iterdir())
    original = first.read_text()
    async with database(office, "changed") as url:
        await migrate(url)
        first.write_text(original + "-- a second thought\n")
        (tmp_path / "migrations" / "9998_more.sql").write_text("create table more ()")
        with pytest.raises(MigrationChanged, match=first.name):
            await migrate(url)
        assert await rows(url, "select to_regclass('more') as more") == [{"more": None}]
        first.write_text(original)
        assert await migrate(url) == ["9998_more.sql"]
        (tmp_path / "migrations" / "9999_wrong.sql").write_text("create table half (); select 1/0")
        with pytest.raises(asyncpg.DivisionByZeroError):
            await migrate(url)
        assert await rows(url, "select to_regclass('half') as half") == [{"half": None}]
