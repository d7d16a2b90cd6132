"""Closed histories are kept: by absence, whatever came between, in PostgreSQL or in a real S3 server."""

from __future__ import annotations

import asyncio
import gzip
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.history.v1 import History
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.service import RPCError

from models.archive import HERE, Archived, HistoryDamaged, unpacked
from motcua.archive import Archive, UnknownHistory
from motcua.guardian import GUARDIAN
from motcua.keeper import Watch
from motcua.proof.keys import KeyRing
from motcua.replays import Replaying, Where
from motcua.shelf import S3Shelf, ShelfUnreachable
from motcua.store.proof import ProofRecord
from motcua.temporal import retention
from tests.auditing import nobody, replayed, verified
from tests.needs import needs
from tests.running import OFFICE, PLAIN, Life, Running, Telemetry, running, scrape
from tests.waiting import until

RCLONE = Path(sys.prefix) / "servers" / "rclone_api" / "bin" / "rclone"
KEY, SECRET = "motcua-key", "motcua-secret"


@pytest.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory, telemetry: Telemetry) -> AsyncIterator[Running]:
    """An office of its own: what others close meanwhile would be archived, too."""
    async with running(tmp_path_factory.mktemp("archived"), telemetry.runtime) as office:
        yield office


def record(shop: Running) -> ProofRecord:
    """Its journal and archive."""
    return ProofRecord(shop.store, OFFICE)


async def of(shop: Running, code: str) -> list[Archived]:
    """What is archived of a dossier."""
    return [each async for each in record(shop).histories(code, None)]


async def closed(shop: Running) -> Life:
    """A dossier whose workflow is over, as Temporal's list says."""
    life = await Life.begin(shop, *PLAIN, procedure="unrated")

    async def listed() -> bool:
        query = f"WorkflowId = '{life.code}' AND ExecutionStatus != 'Running'"
        return (await shop.client.count_workflows(query)).count == 1

    await until(listed)
    return life


async def test_every_closed_history_once(shop: Running) -> None:
    """Byte for byte; what is open is left; a second sweep adds nothing."""
    life, still = await closed(shop), await Life.begin(shop, "receiver1 accept")
    archive = Archive(shop.client, record(shop), None)
    first = await archive.sweep(nobody)
    assert first.archived == first.closed >= 1
    (kept,) = await of(shop, life.code)
    assert (kept.type, kept.status, kept.place) == ("Dossier", "completed", HERE)
    content = await archive.bytes_of(kept)
    history = await shop.history(life.code)
    assert History.FromString(content).events == History(events=history.events).events
    assert (kept.events, kept.size) == (len(history.events), len(content))
    assert await of(shop, still.code) == []
    again = await archive.sweep(nobody)
    assert (again.archived, again.lost) == (0, 0)


async def test_a_sweep_that_is_cut_short_goes_on(shop: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """At any moment: nothing is there twice, nothing is left out."""
    lives = [await closed(shop) for _ in range(3)]
    monkeypatch.setattr("motcua.archive.WRITTEN", 1)
    archive, told = Archive(shop.client, record(shop), None), 0

    def tell(_swept: object) -> None:
        nonlocal told
        told += 1
        if told == 2:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await archive.sweep(tell)
    assert sum([len(await of(shop, life.code)) for life in lives]) == 2
    rest, at_once = await asyncio.gather(archive.sweep(nobody), archive.sweep(nobody))
    assert rest.archived + at_once.archived == 1
    assert [len(await of(shop, life.code)) for life in lives] == [1, 1, 1]
    verified = await shop.verify()
    assert verified.broken == ()
    assert verified.histories == verified.journal


async def test_what_temporal_has_forgotten(shop: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is archived is replayed and exported from there; the rest is counted as lost, stops no other."""
    kept, gone, stays = await closed(shop), await closed(shop), await closed(shop)
    archive = Archive(shop.client, record(shop), None)
    await _keep_only(archive, kept.code, monkeypatch)
    before = await archive.export(kept.code, None)
    listed = archive._closed

    async def late(query: str) -> AsyncIterator[list[object]]:
        async for some in listed(query):
            await _forget(shop, kept.code, gone.code)
            yield list(some)

    with monkeypatch.context() as patched:
        patched.setattr(archive, "_closed", late)
        swept = await archive.sweep(nobody)
    assert swept.lost == 1
    assert await of(shop, gone.code) == []
    assert len(await of(shop, stays.code)) == 1
    where = Where(None, None, shop.url, OFFICE, "")
    replaying = Replaying(shop.client, shop.store, where)
    assert await archive.export(kept.code, None) == before
    found = await replayed(replaying, kept.code)
    assert (found.replayed, found.diverged, found.differing) == (1, (), ())
    with pytest.raises(UnknownHistory):
        await archive.export("H53.26-260302-9999", None)
    with pytest.raises(UnknownHistory):
        await archive.export(kept.code, "no such run")
    (lost,) = (await replayed(replaying)).differing
    assert (lost.code, lost.what) == (
        gone.code,
        "no history of it is left, neither in Temporal nor in the archive",
    )


async def _keep_only(archive: Archive, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Archive one dossier and no other."""
    listed = archive._closed
    with monkeypatch.context() as patched:
        patched.setattr(archive, "_closed", lambda query: listed(f"{query} AND WorkflowId = '{code}'"))
        assert (await archive.sweep(nobody)).archived == 1


async def _forget(shop: Running, *codes: str) -> None:
    """Have Temporal forget workflows, as its retention does; it takes its time."""
    for code in codes:
        execution = WorkflowExecution(workflow_id=code)
        request = DeleteWorkflowExecutionRequest(
            namespace=shop.client.namespace, workflow_execution=execution
        )
        await shop.client.workflow_service.delete_workflow_execution(request)

    async def forgotten() -> bool:
        for code in codes:
            try:
                await shop.client.get_workflow_handle(code).describe()
            except RPCError:
                continue
            return False
        return True

    await until(forgotten)


def test_bytes_that_are_not_those_that_were_archived() -> None:
    """Gone, cut off, no gzip, or another history: each is told."""
    good = Archived(
        run="r",
        workflow="w",
        type="Dossier",
        status="completed",
        closed_at=datetime(2026, 3, 2, tzinfo=UTC),
        events=1,
        size=5,
        sha256="2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
        place=HERE,
    )
    packed = gzip.compress(b"hello")
    assert unpacked(good, packed) == b"hello"
    for spoilt, what in (
        (None, "is not where it was put"),
        (packed[:-3], "cannot be unpacked"),
        (b"", "cannot be unpacked|does not match"),
        (packed[:8] + b"x" + packed[9:-8] + bytes(8), "cannot be unpacked|does not match"),
        (gzip.compress(b"hullo"), "does not match its SHA-256"),
    ):
        with pytest.raises(HistoryDamaged, match=what):
            unpacked(good, spoilt)


@asynccontextmanager
async def s3(folder: Path, port: int) -> AsyncIterator[None]:
    """A real S3 server, with a bucket."""
    argv, stdin = GUARDIAN.guarded(
        (RCLONE, "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", f"{KEY},{SECRET}", str(folder))
    )
    server = await asyncio.create_subprocess_exec(
        *argv,
        stdin=stdin,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:

        async def answers() -> bool:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                return False
            writer.close()
            return True

        await until(answers)
        yield
    finally:
        server.terminate()
        await server.wait()


async def test_an_s3_server_as_the_shelf(
    shop: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is away is waited for by the next sweep; what lies there is audited and replayed like the rest."""
    if not RCLONE.exists():
        needs("rclone", "make dev")
    (tmp_path / "archive").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    for name, value in (
        ("AWS_ACCESS_KEY_ID", KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ALLOW_HTTP", "true"),
    ):
        monkeypatch.setenv(name, value)
    url = "s3://archive/histories"
    where = Where(None, None, shop.url, OFFICE, url)
    await Archive(shop.client, record(shop), None).sweep(nobody)
    life = await closed(shop)
    shelf = S3Shelf(url)
    archive = Archive(shop.client, record(shop), shelf)
    ring = KeyRing(tmp_path / "ring", OFFICE)
    async with s3(tmp_path, port):
        swept = await archive.sweep(nobody)
        assert swept.archived >= 1
        (kept,) = await of(shop, life.code)
        assert kept.place == f"{url}/{kept.run}.gz"
        assert await record(shop).history_bytes(kept.run) is None
        file = tmp_path / "archive" / "histories" / f"{kept.run}.gz"
        assert History.FromString(gzip.decompress(file.read_bytes())).events
        found = await replayed(Replaying(shop.client, shop.store, where), life.code)
        assert (found.replayed, found.diverged, found.differing) == (1, (), ())
        assert (await verified(shop.store, ring, shelf=shelf)).broken == ()
    file.write_bytes(file.read_bytes()[:-9])
    async with s3(tmp_path, port):
        (broken,) = (await verified(shop.store, ring, shelf=shelf)).broken
        assert broken.what == f"of {life.code} cannot be unpacked"
    file.unlink()
    async with s3(tmp_path, port):
        (broken,) = (await verified(shop.store, ring, shelf=shelf)).broken
        assert broken.what == f"of {life.code} is not where it was put"
    later = await closed(shop)
    with pytest.raises(ShelfUnreachable):
        await archive.sweep(nobody)
    assert await of(shop, later.code) == []
    async with s3(tmp_path, port):
        assert (await archive.sweep(nobody)).archived == 1
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    async with s3(tmp_path, port):
        with pytest.raises(ShelfUnreachable):
            await S3Shelf(url).put("x", b"x")


async def test_a_gap_is_seen_and_retention_not_shortened_over_it(shop: Running, telemetry: Telemetry) -> None:
    """As long as something would be lost by it; metrics tell of it."""
    archive = Archive(shop.client, record(shop), None)
    await archive.sweep(nobody)
    await archive.keep_for(timedelta(days=90))
    assert await retention(shop.client) == timedelta(days=90)
    life = await closed(shop)
    handle = shop.client.get_workflow_handle(life.code)
    ended = (await handle.describe()).close_time
    assert ended is not None
    later = ended + timedelta(hours=1)
    gap = await archive.gap(later)
    assert gap.missing == 1
    assert gap.oldest == ended
    watch = Watch(archive, record(shop), timedelta(hours=1), telemetry.runtime.metric_meter, stamped=False)
    await watch.look(ended + timedelta(hours=2))
    assert await scrape(telemetry.port, "motcua_archive_late") == 1
    assert await scrape(telemetry.port, "motcua_archive_late_age_seconds") == 7200
    await archive.sweep(nobody)
    assert (await archive.gap(later)).missing == 0
    await watch.look(ended + timedelta(hours=2))
    assert await scrape(telemetry.port, "motcua_archive_late") == 0
