"""A dossier as it stood, and rules that were altered."""

from __future__ import annotations

from datetime import timedelta

import asyncpg
import pytest

from models.refusals import UnknownDossier
from models.view import row
from motcua.past import BeforeItsTime, NoSuchFact, recall
from tests.integration.test_clock import when
from tests.running import PLAIN, Life, Running
from tests.unit.office import CALENDAR_DATA, at, calendar, special


async def test_a_dossier_as_it_stood(office: Running) -> None:
    """After each fact, and at any moment between two: what its workflow had then, whatever came later."""
    life = await Life.begin(office, *PLAIN[:3])
    before, moment = await office.state(life.code), (await life.facts())[-1].at
    extra = special("2026-03-05", "holiday", "new feast")
    amended = calendar(version="b", special=[*CALENDAR_DATA["special"], extra]).model_dump(mode="json")
    await life.run("@ 2026-03-03 10:00")
    await life.do("admin1 amend-calendar", calendar=amended, decree="D1")
    past = await recall(office.store, life.code)
    assert past.at() == await office.state(life.code)
    assert past.at(before.seq) == before
    assert past.seq_at(moment) == past.seq_at(moment + timedelta(hours=20)) == before.seq
    assert when(row(before).due_at) == "2026-03-09 08:00"
    assert when(row(past.at()).due_at) == "2026-03-10 08:00"
    early = past.at(3)
    assert (early.seq, early.stage.value, early.result) == (3, "receive", None)
    with pytest.raises(BeforeItsTime, match="begins at 2026-03-02 08:00:00"):
        past.seq_at(at("2026-03-01 08:00"))
    for seq in (0, -1, past.facts[-1].seq + 1):
        with pytest.raises(NoSuchFact):
            past.at(seq)
    with pytest.raises(UnknownDossier):
        await recall(office.store, "H53.26-260302-9999")


async def test_an_altered_procedure_is_found(office: Running) -> None:
    """The first fact of a dossier names the exact rules it was received under."""
    await Life.begin(office, "receiver1 accept")
    connection = await asyncpg.connect(office.local.run.admin_database_url)
    longer = """update rules set body = jsonb_set(body, '{limit}', '"9 days"') where kind = 'procedure'"""
    try:
        kept = await connection.fetch("select * from rules where kind = 'procedure'")
        await connection.execute(longer)
        found = (await office.verify()).broken
        await connection.executemany(
            "update rules set body = $2 where fingerprint = $1",
            [(row["fingerprint"], row["body"]) for row in kept],
        )
    finally:
        await connection.close()
    assert {broken.code for broken in found} == {f"procedure {row['fingerprint']}" for row in kept}
    assert (await office.verify()).broken == ()
