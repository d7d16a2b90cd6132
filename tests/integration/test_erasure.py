"""Erasing a person: no name is left anywhere, every check is green, and that it was done is on record."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from temporalio.client import WorkflowHistory

from models.commands import CLOCK
from models.facts import Fact, Heard
from models.journal import Erased, HoldLifted, HoldPlaced
from models.keeping import Cleared, Ended
from models.refusals import UnknownDossier
from motcua.archive import Archive, opened
from motcua.documents import Document
from motcua.erasure import (
    Erasure,
    HeldAlready,
    NoSuchHold,
    NothingToErase,
    NotOverYet,
    StillNeeded,
    UnderHold,
)
from motcua.proof.check import check
from motcua.proof.keys import KeyRing
from motcua.proof.sealer import Sealer
from motcua.replays import Replaying, Where
from motcua.store.proof import ProofRecord
from tests.auditing import nobody, replayed, verified
from tests.files import PDF
from tests.present import present
from tests.running import (
    CATALOGUE,
    OFFICE,
    PLAIN,
    Life,
    Running,
    Telemetry,
    readable,
    running,
    until,
)
from tests.web import web

APPLICANT = {
    "name": "Huỳnh Thị Xóa Sạch",
    "id_number": "079099888777",
    "phone": "0987654321",
    "email": "xoasach@dan.example",
    "address": "Số 99, đường Không Còn",
}
EVERYTHING = Ended({}, datetime(2100, 1, 1, tzinfo=UTC))
WORDS = (
    "Xóa Sạch",
    "'xoa'",
    "079099888777",
    "0987654321",
    "xoasach",
    "Không Còn",
    "mật của bà Sạch",
    "giấy của bà",
)
"""What would tell of them: as it was written, and as it is looked for."""


@pytest.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory, telemetry: Telemetry) -> AsyncIterator[Running]:
    """An office of its own: its whole database is searched."""
    async with running(tmp_path_factory.mktemp("erased"), telemetry.runtime) as office:
        yield office


by = CATALOGUE.actor


def erasure(shop: Running) -> Erasure:
    """As the command line has it."""
    return Erasure(shop.store, OFFICE, lambda: datetime.now(UTC))


async def lived(shop: Running) -> Life:
    """A dossier of theirs, from the counter to the end, with words and a document that name them."""
    life = await Life.begin(shop, *PLAIN[:3], procedure="unrated", applicant=APPLICANT)
    await life.do("handler1 note", text="chuyện mật của bà Sạch")
    document = Document("giấy của bà Sạch.pdf", "application/pdf", PDF)
    await shop.desk.act(life.code, "attach", "handler1", {}, f"attached-{life.code}", document)
    return await life.run(*PLAIN[3:])


async def everything(shop: Running) -> str:
    """Every row of every table, as text."""
    connection = await asyncpg.connect(shop.local.run.admin_database_url)
    try:
        tables = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
        rows = [
            row[0]
            for table in tables
            for row in await connection.fetch(f"select t::text from {table['tablename']} t")
        ]
    finally:
        await connection.close()
    return "\n".join(rows)


async def histories(shop: Running, code: str) -> list[WorkflowHistory]:
    """Of the dossier and of every notice about it: as Temporal has them, and as they are archived."""
    found = [
        await shop.client.get_workflow_handle(each.id, run_id=each.run_id).fetch_history()
        async for each in shop.client.list_workflows()
        if each.id.startswith(code) or code in each.id
    ]
    record = ProofRecord(shop.store, OFFICE)
    async for each in record.histories(None, None):
        if code in each.workflow:
            packed = await record.history_bytes(each.run)
            assert packed is not None
            found.append(opened(each.workflow, gzip.decompress(packed)))
    return found


async def test_no_name_is_left_and_every_check_is_green(shop: Running, tmp_path: Path) -> None:
    """Neither in PostgreSQL nor in Temporal nor in the archive nor in what the servers write down."""
    life, beside = await lived(shop), await Life.begin(shop, *PLAIN, procedure="unrated")
    ring = KeyRing(tmp_path / "ring", OFFICE)
    sealer, archive = (
        Sealer(shop.store, ring, lambda: datetime.now(UTC), None),
        Archive(shop.client, ProofRecord(shop.store, OFFICE), None),
    )
    replaying = Replaying(shop.client, shop.store, Where(None, None, shop.url, OFFICE, ""))
    await archive.sweep(nobody)
    await sealer.seal("clock")
    before, facts = await everything(shop), await life.facts()
    assert [word for word in WORDS if word not in before] == []
    gone = await erasure(shop).erase(life.code, "request", "CV 12/2026", by("admin1"), None)
    assert len(gone) >= 3
    after = await everything(shop)
    assert [word for word in WORDS if word in after] == []
    assert "Bí Mật" in after  # their neighbour's
    for history in await histories(shop, life.code):
        assert [word for word in WORDS if word in readable(history)] == []
    logs = "".join(file.read_text(errors="replace") for file in _logs(shop))
    assert [word for word in WORDS if word in logs] == []

    assert await life.facts() == facts
    assert (await verified(shop.store, ring)).broken == ()
    found = await replayed(replaying)
    assert (found.diverged, found.differing) == ((), ())
    proof, _ = await sealer.prove(life.code)
    assert check(proof, ring.keys, ()).faults == ()
    await sealer.seal("clock")
    assert (await verified(shop.store, ring)).broken == ()
    (entry,) = await ProofRecord(shop.store, OFFICE).journal_about(life.code)
    assert entry.event == Erased(code=life.code, basis="request", paper="CV 12/2026", ids=gone)
    assert entry.actor == "admin1"
    assert await beside.facts()
    with pytest.raises(NothingToErase):
        await erasure(shop).erase(life.code, "request", "CV 12/2026", by("admin1"), None)
    await _still_shown(shop, life.code, facts)


def _logs(shop: Running) -> list[Path]:
    return [file for file in (shop.local.data_dir / "logs").iterdir() if file.is_file()]


async def _still_shown(shop: Running, code: str, facts: list[Fact]) -> None:
    """The dossier's page tells what happened, and of the person nothing."""
    async with web(shop, present()) as desk:
        page = await (await desk.visitor("auditor1")).get(f"/dossiers/{code}")
        assert page.status == 200
        assert len(facts) > 5
        assert "Xóa Sạch" not in page.text


async def test_a_hold_keeps_everything(shop: Running) -> None:
    """Until it is lifted; both are on record. One hold at a time."""
    life = await lived(shop)
    erase = erasure(shop)
    await erase.hold(life.code, "KN 3/2026", by("auditor1"))
    with pytest.raises(HeldAlready):
        await erase.hold(life.code, "KN 4/2026", by("auditor1"))
    with pytest.raises(UnderHold):
        await erase.erase(life.code, "order", "QĐ 1", by("admin1"), None)
    assert (
        await erase.due(EVERYTHING, "TT 1", CLOCK, "retention", nobody)
    ).kept == 1  # all the others are gone
    assert await shop.store.private(life.code) != {}
    assert [each["code"] for each in await erase.holds()] == [life.code]
    await erase.lift(life.code, "KN 3/2026-KL", by("head1"))
    with pytest.raises(NoSuchHold):
        await erase.lift(life.code, "KN 3/2026-KL", by("head1"))
    assert await erase.holds() == []
    assert await erase.due(EVERYTHING, "TT 1", CLOCK, "retention", nobody) == Cleared(erased=1, kept=0)
    kinds = [type(entry.event) for entry in await ProofRecord(shop.store, OFFICE).journal_about(life.code)]
    assert kinds == [HoldPlaced, HoldLifted, Erased]


async def test_what_is_kept_does_not_keep_others_from_going(
    shop: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many of the oldest are under a hold: page after page they are passed by, once each."""
    erase, lives = erasure(shop), [await lived(shop) for _ in range(5)]
    for life in lives[:3]:
        await erase.hold(life.code, "KN 5", by("auditor1"))
    monkeypatch.setattr("motcua.store.proof.ERASURE_BATCH_SIZE", 2)
    told: list[Cleared] = []
    done = await erase.due(EVERYTHING, "TT 1", CLOCK, "retention", told.append)
    assert done == told[-1]
    assert done.kept >= 3
    left = [bool(await shop.store.private(life.code)) for life in lives]
    assert left == [True, True, True, False, False]
    assert len(told) == done.kept + done.erased
    for life in lives[:3]:
        await erase.lift(life.code, "KN 5", by("auditor1"))


async def test_each_procedure_has_its_period(shop: Running) -> None:
    """What has none stays, whatever the others have; the moment itself is not before itself."""
    erase, life = erasure(shop), await lived(shop)
    row = await shop.store.row(life.code)
    assert row is not None
    ended = row.finished_at
    assert ended is not None
    instant = timedelta(microseconds=1)
    for kept in (
        Ended({}, None),
        Ended({"unrated": ended}, datetime(2100, 1, 1, tzinfo=UTC)),
        Ended({"usual": datetime(2100, 1, 1, tzinfo=UTC)}, None),
        Ended({}, ended),
    ):
        await erase.due(kept, "TT 1", CLOCK, "retention", nobody)
        assert await shop.store.private(life.code) != {}
    await erase.due(Ended({"unrated": ended + instant}, None), "TT 1", CLOCK, "retention", nobody)
    assert await shop.store.private(life.code) == {}


async def test_what_cannot_be_erased(shop: Running) -> None:
    """A dossier that somebody still works on, or that there is not."""
    still = await Life.begin(shop, "receiver1 accept", applicant=APPLICANT)
    with pytest.raises(NotOverYet, match="is received"):
        await erasure(shop).erase(still.code, "request", "CV 1", by("admin1"), None)
    with pytest.raises(UnknownDossier):
        await erasure(shop).erase("H53.26-260302-9999", "request", "CV 1", by("admin1"), None)
    with pytest.raises(UnknownDossier):
        await erasure(shop).hold("H53.26-260302-9999", "CV 1", by("admin1"))
    assert (await shop.store.private(still.code)) != {}


async def test_a_dossier_without_a_word_of_its_own(shop: Running, tmp_path: Path) -> None:
    """What was handed in lies under the request's id; that it was erased is found all the same."""
    life = await Life.begin(shop, applicant=APPLICANT)
    await life.do("receiver1 withdraw")
    gone = await erasure(shop).erase(life.code, "request", "CV 7", by("admin1"), None)
    assert all(name.startswith("intake/") for name in gone)
    ring = KeyRing(tmp_path / "ring", OFFICE)
    found = (await verified(shop.store, ring)).broken
    assert life.code not in {broken.code for broken in found}, found
    assert ring.copies() is None


async def linked(shop: Running) -> tuple[Life, str]:
    """A dossier of theirs, and the code of one that was opened for it."""
    life = await Life.begin(
        shop, "receiver1 accept", "receiver1 complete", procedure="x.linked-birth", applicant=APPLICANT
    )
    await life.do("handler1 complete")

    async def opened_for() -> str | None:
        heard = [fact.event for fact in await life.facts() if fact.kind == "heard"]
        return next((event.child for event in heard if isinstance(event, Heard)), None)

    return life, await until(opened_for)


async def test_a_linked_dossier_still_needs_it(shop: Running) -> None:
    """Its applicant's data lies with the one that it was opened for: a hold, or work, on it keeps them."""
    life, child = await linked(shop)
    await erasure(shop).hold(child, "KN 9", by("auditor1"))
    await life.do("receiver1 withdraw")
    with pytest.raises(StillNeeded, match="opened for it"):
        await erasure(shop).erase(life.code, "request", "CV 8", by("admin1"), None)
    assert await shop.store.private(life.code) != {}


async def test_a_linked_dossier_may_be_kept_for_longer(shop: Running) -> None:
    """Its applicant's data went with the period of the one that asked for it, though its own goes on."""
    life, child = await linked(shop)
    await life.do("receiver1 withdraw")

    async def over() -> bool:
        row = await shop.store.row(child)
        return row is not None and row.outcome is not None

    await until(over)
    row = await shop.store.row(child)
    assert row is not None
    later = datetime(2100, 1, 1, tzinfo=UTC)
    kept = await erasure(shop).due(
        Ended({row.procedure: datetime(1900, 1, 1, tzinfo=UTC)}, later), "TT 1", CLOCK, "retention", nobody
    )
    assert kept.kept >= 1
    assert await shop.store.private(life.code) != {}

    async def gone() -> bool:  # once the other one that was opened for it is over, too
        await erasure(shop).due(Ended({}, later), "TT 1", CLOCK, "retention", nobody)
        return await shop.store.private(life.code) == {}

    await until(gone)


async def test_a_row_that_cannot_be_read_stops_no_other(shop: Running) -> None:
    """One spoilt row, and nothing newer was ever erased again."""
    spoilt, other = await lived(shop), await lived(shop)
    connection = await asyncpg.connect(shop.local.run.admin_database_url)
    try:
        await connection.execute("update dossiers set status = 'xyz' where code = $1", spoilt.code)
        await erasure(shop).due(EVERYTHING, "TT 1", CLOCK, "retention", nobody)
        assert await shop.store.private(other.code) == {}
    finally:
        await connection.execute(
            "update dossiers set status = (select status from dossiers where code = $2) where code = $1",
            *(spoilt.code, other.code),
        )
        await connection.close()


async def test_a_hold_and_an_erasure_at_once(shop: Running) -> None:
    """Either it was held and nothing is gone, or it was gone before; never half."""
    for _ in range(6):
        life = await lived(shop)
        erase = erasure(shop)
        erased, _ = await asyncio.gather(
            erase.erase(life.code, "request", "CV 1", by("admin1"), None),
            erase.hold(life.code, "KN 1", by("auditor1")),
            return_exceptions=True,
        )
        left = await shop.store.private(life.code)
        events = [
            type(entry.event) for entry in await ProofRecord(shop.store, OFFICE).journal_about(life.code)
        ]
        if isinstance(erased, UnderHold):
            assert (bool(left), events) == (True, [HoldPlaced])
        else:
            assert (left, events) == ({}, [Erased, HoldPlaced])
