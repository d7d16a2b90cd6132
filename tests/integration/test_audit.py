"""The audit finds what somebody with all rights did to the record, and says nothing of an untouched one."""

from __future__ import annotations

import asyncpg
import pytest

from motcua.audit import refold, verify
from tests.running import PLAIN, Life, Running

TAMPERINGS = {
    "another actor": (
        "update facts set actor = 'x' where code = $1 and seq = 2",
        2,
        "does not match its hash",
    ),
    "another moment": (
        "update facts set at = at + interval '1 second' where code = $1 and seq = 3",
        3,
        "does not match its hash",
    ),
    "another content": (
        "update facts set data = data || '{\"limit\": \"9 days\"}' where code = $1 and kind = 'accepted'",
        2,
        "does not match its hash",
    ),
    "one in the middle gone": ("delete from facts where code = $1 and seq = 4", 4, "fact 4 is missing"),
    "the last gone": (
        "delete from facts where code = $1 and seq = (select max(seq) from facts where code = $1)",
        None,
        "the read model ends at fact",
    ),
    "all gone": ("delete from facts where code = $1", None, "no facts are on record"),
    "read model gone": ("delete from dossiers where code = $1", None, "missing from the read model"),
    "read model moved": ("update dossiers set seq = seq - 1 where code = $1", None, "the read model ends at"),
    "a hash made anew": (
        "update facts set hash = repeat('a', 64) where code = $1 and seq = 2",
        2,
        "does not match its hash",
    ),
}


@pytest.mark.parametrize("how", TAMPERINGS)
async def test_tampering_is_found(office: Running, how: str) -> None:
    """At the right dossier and fact; put back, the record holds again."""
    life = await Life.begin(office, *PLAIN)
    bystander = await Life.begin(office, "receiver1 accept")
    before = await verify(office.store)
    assert before.broken == ()
    sql, seq, what = TAMPERINGS[how]
    connection = await asyncpg.connect(office.local.run.admin_database_url)
    tables = ("facts", "dossiers")
    try:
        await connection.execute("alter table facts disable trigger all")
        for table in tables:
            await connection.execute(f"create temporary table was_{table} as select * from {table}")
        await connection.execute(sql, life.code)
        found = (await verify(office.store)).broken
        for table in tables:
            await connection.execute(f"delete from {table} where code = $1", life.code)
            await connection.execute(
                f"insert into {table} select * from was_{table} where code = $1", life.code
            )
        await connection.execute("alter table facts enable trigger all")
    finally:
        await connection.close()
    assert {broken.code for broken in found} == {life.code}
    assert any(what in broken.what and seq in (None, broken.seq) for broken in found), found
    assert bystander.code not in {broken.code for broken in found}
    assert await verify(office.store) == before


async def test_a_dossier_as_it_stood(office: Running) -> None:
    """Folded from its first facts it is what it was then; folded from all, what its workflow has."""
    life = await Life.begin(office, *PLAIN)
    early = await refold(office.store, life.code, office="demo", upto=3)
    assert (early.seq, early.stage.value, early.result) == (3, "receive", None)
    whole = await refold(office.store, life.code, office="demo")
    assert whole == (await office.state(life.code)).model_copy(update={"unit": whole.unit})


async def test_an_altered_procedure_is_found(office: Running) -> None:
    """The first fact of a dossier names the exact rules it was received under."""
    await Life.begin(office, "receiver1 accept")
    connection = await asyncpg.connect(office.local.run.admin_database_url)
    longer = """update rules set body = jsonb_set(body, '{limit}', '"9 days"') where kind = 'procedure'"""
    try:
        kept = await connection.fetch("select * from rules where kind = 'procedure'")
        await connection.execute(longer)
        found = (await verify(office.store)).broken
        await connection.executemany(
            "update rules set body = $2 where fingerprint = $1",
            [(row["fingerprint"], row["body"]) for row in kept],
        )
    finally:
        await connection.close()
    assert {broken.code for broken in found} == {f"procedure {row['fingerprint']}" for row in kept}
    assert (await verify(office.store)).broken == ()
