"""Seals over a real record, stamped by a real authority, by a clock that is right and one that is not."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from models.chain import GENESIS
from models.refusals import UnknownDossier
from models.seals import Seal
from motcua.proof.check import check
from motcua.proof.keys import KeyMissing, KeyRing
from motcua.proof.sealer import ClockWentBack, NotSealedYet, Sealer
from motcua.proof.stamps import Authority, AuthorityUnreachable, BadStamp, authorities
from motcua.store.proof import ProofRecord
from tests.auditing import verified
from tests.authority import TimeStamps
from tests.running import OFFICE, PLAIN, Life, Running, Telemetry, running

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory, telemetry: Telemetry) -> AsyncIterator[Running]:
    """An office of its own: there is one log, and one row of seals."""
    async with running(tmp_path_factory.mktemp("sealed"), telemetry.runtime) as office:
        yield office


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    """Its keys."""
    return KeyRing(tmp_path_factory.mktemp("ring"), OFFICE)


async def test_seals_stand_over_what_is_new_and_all_before(shop: Running, ring: KeyRing) -> None:
    """Each dossier's head, and the journal's; a dossier is proved under the first seal over its last fact."""
    sealer = Sealer(shop.store, ring, lambda: NOW, None)
    life = await Life.begin(shop, *PLAIN)
    with pytest.raises(NotSealedYet):
        await sealer.prove(life.code)
    with pytest.raises(UnknownDossier):
        await sealer.prove("H53.26-260302-9999")
    first = await sealer.seal("clock")
    assert (first.number, first.statement.previous, first.statement.size) == (1, GENESIS, 2)
    proof, later = await sealer.prove(life.code)
    assert (check(proof, ring.keys, ()).faults, later) == ((), 0)
    nothing_new = await sealer.seal("clock")
    assert (nothing_new.number, nothing_new.statement.previous) == (2, first.hash)
    assert (nothing_new.statement.size, nothing_new.statement.root) == (2, first.statement.root)
    await life.do("citizen rate", score=5)
    _, later = await sealer.prove(life.code)
    assert later == 1
    third = await sealer.seal("clock")
    assert third.statement.size == 3
    proof, later = await sealer.prove(life.code)
    assert (check(proof, ring.keys, ()).faults, proof.seal.number, later) == ((), 3, 0)
    found = await verified(shop.store, ring)
    assert (found.broken, found.seals, found.sealed) == ((), 3, 3)


async def test_many_seal_at_once(shop: Running, ring: KeyRing) -> None:
    """One after another, each over the one before; keys change meanwhile, and every copy is kept."""
    sealer = Sealer(shop.store, ring, lambda: NOW, None)
    before = len(await ProofRecord(shop.store, OFFICE).seals())
    made = await asyncio.gather(
        *(sealer.seal("clock") for _ in range(4)),
        sealer.rotate("admin1"),
        *(sealer.seal("x") for _ in range(3)),
    )
    numbers = sorted(each.number for each in made if isinstance(each, Seal))
    assert numbers == list(range(before + 1, before + 8))
    assert ring.copies() == await ProofRecord(shop.store, OFFICE).seals()
    assert (await verified(shop.store, ring)).broken == ()


async def test_a_clock_that_went_back_seals_nothing(shop: Running, ring: KeyRing) -> None:
    """It says so, and the next one by the right clock is made."""
    before = len(await ProofRecord(shop.store, OFFICE).seals())
    with pytest.raises(ClockWentBack):
        await Sealer(shop.store, ring, lambda: NOW - timedelta(seconds=1), None).seal("clock")
    assert len(await ProofRecord(shop.store, OFFICE).seals()) == before
    assert (await Sealer(shop.store, ring, lambda: NOW, None).seal("clock")).number == before + 1


async def test_a_crash_between_the_seal_and_its_copy(
    shop: Running, ring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy of the last is made good by the next; nobody takes it for an attack."""

    def crash(_self: KeyRing, _seals: object) -> None:
        raise KeyboardInterrupt

    sealer = Sealer(shop.store, ring, lambda: NOW, None)
    with monkeypatch.context() as broken:
        broken.setattr(KeyRing, "copy", crash)
        with pytest.raises(KeyboardInterrupt):
            await sealer.seal("clock")
    assert (await verified(shop.store, ring)).broken == ()
    last = await sealer.seal("clock")
    assert (ring.copies() or [])[-1] == last
    assert (await verified(shop.store, ring)).broken == ()


async def test_a_key_that_is_lost(shop: Running, ring: KeyRing) -> None:
    """Nothing is sealed; once it is back, all goes on."""
    signer = ring.keys.signer(10_000)
    assert signer is not None
    sealer, file = Sealer(shop.store, ring, lambda: NOW, None), ring.folder / f"{signer.id}.pem"
    pem = file.read_bytes()
    file.unlink()
    with pytest.raises(KeyMissing):
        await sealer.seal("clock")
    file.write_bytes(pem)
    await sealer.seal("clock")


async def test_seals_are_stamped(shop: Running, ring: KeyRing, tmp_path: Path) -> None:
    """By a real authority over HTTP; OpenSSL believes it, too; while it is away they are made and wait."""
    authority, other = TimeStamps(tmp_path / "authority"), TimeStamps(tmp_path / "other")
    roots, record = authorities(authority.root), ProofRecord(shop.store, OFFICE)
    life = await Life.begin(shop, "receiver1 accept")
    async with authority.serving() as url:
        pass  # and it is away again
    away = Sealer(shop.store, ring, lambda: NOW, Authority(url, roots))
    seal = await away.seal("clock")
    with pytest.raises(AuthorityUnreachable):
        await away.stamp()
    async with other.serving() as url:  # somebody else answers in its place
        with pytest.raises(BadStamp):
            await Sealer(shop.store, ring, lambda: NOW, Authority(url, roots)).stamp()
    assert await record.stamps() == {}
    async with authority.serving() as url:
        sealer = Sealer(shop.store, ring, lambda: NOW, Authority(url, roots))
        assert await sealer.stamp() == seal.number
        assert await sealer.stamp() == 0
    stamps = await record.stamps()
    assert set(stamps) == set(range(1, seal.number + 1))
    assert authority.believes(seal.stamped, stamps[seal.number])
    assert not other.believes(seal.stamped, stamps[seal.number])
    proof, _ = await sealer.prove(life.code)
    assert proof.stamp is not None
    assert base64.b64decode(proof.stamp) == stamps[seal.number]
    checked = check(proof, ring.keys, roots)
    assert checked.faults == ()
    assert checked.stamped_at is not None
    assert (await verified(shop.store, ring, roots=roots)).broken == ()
    found = (await verified(shop.store, ring, roots=authorities(other.root))).broken
    assert {broken.code for broken in found} == {f"seal {number}" for number in stamps}


async def test_a_revoked_key_vouches_for_nothing_more(shop: Running, ring: KeyRing) -> None:
    """The record's own seals hold, for a later one that is believed names them. Whoever has one of them, and
    no stamp, is told; and what the key signs now is no seal.
    """
    sealer = Sealer(shop.store, ring, lambda: NOW, None)
    life = await Life.begin(shop, "receiver1 accept")
    await sealer.seal("clock")
    before = ring.keys.signer(10_000)
    assert before is not None
    proof, _ = await sealer.prove(life.code)
    await sealer.rotate("admin1")
    await sealer.seal("clock")
    await sealer.revoke(before.id, datetime.now(UTC), "nó bị lộ", "admin1")
    assert (await verified(shop.store, ring)).broken == ()
    (fault,) = check(proof, ring.keys, ()).faults
    assert "revoked as of" in fault
    connection = await asyncpg.connect(shop.local.run.admin_database_url)
    last = (await ProofRecord(shop.store, OFFICE).seals())[-1]
    forged = ring.sign(last.statement.model_copy(update={"key": before.id, "root": "0" * 64}))
    try:
        await connection.execute("set session_replication_role = replica")
        change = "update seals set key = $2, root = $3, signature = $4 where number = $1"
        await connection.execute(change, last.number, before.id, "0" * 64, forged.signature)
        found = (await verified(shop.store, ring)).broken
        said = last.statement
        await connection.execute(change, last.number, said.key, said.root, last.signature)
    finally:
        await connection.close()
    assert any(f"key {before.id} does not sign seal {last.number}" in broken.what for broken in found)
    assert (await verified(shop.store, ring)).broken == ()
