"""Composition root of the command line: makes servers, desk and player, and hands them to motcua.cli."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from temporalio.client import Client
from temporalio.runtime import Runtime

from models.archive import Replays, Swept
from models.calendar import Calendar
from models.refusals import Problem, UnknownDossier, exit_code
from models.seals import Keys, Seal
from motcua import cli
from motcua.accounts import Accounts, made_up
from motcua.archive import Archive
from motcua.audit import Verified
from motcua.caseloads.player import Player, Tally
from motcua.caseloads.script import Case
from motcua.catalogue import Catalogue
from motcua.config import BadSetting, Settings
from motcua.descriptors import raise_limit
from motcua.desk import Desk, Rulebook
from motcua.documents import Clamd, Documents
from motcua.erasure import Erasure
from motcua.health import Health
from motcua.keeper import ring, sealer, verify_office, workflows
from motcua.local import Child, LocalOffice, NoOffice, busy, whereabouts
from motcua.papers import Papers
from motcua.replays import Replaying, Where
from motcua.restarts import Restarts
from motcua.rulebook import rulebook
from motcua.store import Store
from motcua.store.migrate import migrate
from motcua.store.proof import ProofRecord
from motcua.supervision import supervised
from motcua.telemetry import MetricsPortInUse, configure_logging, quiet_runtime
from motcua.temporal import TemporalUnreachable, connect, pollers, register
from motcua.virtual import VirtualClocks
from motcua.web.house import House
from motcua.web.serve import serving
from motcua.web.server import address, bound
from workflows.dossier import SEARCH_ATTRIBUTES, TASK_QUEUE

ROOT = Path(__file__).resolve().parent


class Office:
    """A running office on embedded servers."""

    def __init__(
        self,
        servers: LocalOffice,
        client: Client,
        desk: Desk,
        store: Store,
        proving: Proving,
        url: str,
        password: str,
        clock: OfficeClock,
    ) -> None:
        self.desk, self.store, self.verify, self._clock = desk, store, proving.verify, clock
        self.ui, self.namespace = servers.run.temporal.ui, servers.run.temporal.namespace
        self.url, self.password = url, password
        self._servers, self._client = servers, client

    async def play(self, cases: Sequence[Case], tell: Callable[[Tally], None]) -> Tally:
        """Put a caseload through it in virtual time."""
        return await Player(self.desk, VirtualClocks(self._client)).play(cases, tell)

    async def release(self, at: datetime | None = None) -> None:
        """Set the clocks of its simulated dossiers running, and the desk's from a moment on."""
        if at is not None:
            self._clock.reach(at)
        await Player(self.desk, VirtualClocks(self._client)).release(await self.store.unclosed_codes())

    async def workflows(self) -> int:
        """How many dossiers' workflows Temporal has, open and closed."""
        counted = await self._client.count_workflows(
            "WorkflowType = 'Dossier'", rpc_timeout=timedelta(seconds=10)
        )
        return counted.count

    def cpu(self) -> dict[str, float]:
        """Seconds of processor time of each process so far; of this one as "starter"."""
        used = {"starter": sum(psutil.Process().cpu_times()[:2])}
        for name, pid in self._servers.run.children.items():
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                times = [process.cpu_times(), *(child.cpu_times() for child in process.children())]
                used[name.partition("-")[0]] = sum(each.user + each.system for each in times) + used.get(
                    name.partition("-")[0], 0.0
                )
        return used


class Proving:
    """What proves the record of an office; Temporal is asked only where histories are."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        where: Where,
    ) -> None:
        self.store = store
        self._settings = settings
        self._where = where
        self._record = ProofRecord(store, where.office)
        self._ring = ring(settings, self._where)
        self.sealer = sealer(store, settings, self._where)
        self.erasure = Erasure(store, where.office, lambda: datetime.now(UTC))

    @property
    def keys(self) -> Keys:
        """The public keys of its seals."""
        return self._ring.keys

    async def verify(self, tell: Callable[[int], None]) -> Verified:
        """Check the whole record against itself and what is kept outside the database."""
        there = await workflows(self.store, self._where)
        return await verify_office(self.store, self._settings, self._where, there, tell)

    async def sweep(self, tell: Callable[[Swept], None]) -> Swept:
        """Archive every closed history that is not there yet."""
        return await (await self._archive()).sweep(tell)

    async def replay(
        self,
        tell: Callable[[int, int], None],
        *,
        since: datetime | None,
        code: str | None,
        jobs: int | None,
    ) -> Replays:
        """Run this code over histories."""
        if code is not None and await self.store.row(code) is None:
            raise UnknownDossier(code=code)
        client = await connect(self._where.address, self._where.namespace)
        replaying = Replaying(client, self.store, self._where)
        return await replaying.all(tell, since=since, code=code, jobs=jobs)

    async def export(self, code: str, run: str | None) -> tuple[str, str]:
        """(run, history as JSON) of a dossier's last run, or of one of them."""
        return await (await self._archive()).export(code, run)

    async def seals(self) -> tuple[list[Seal], set[int]]:
        """The seals, and the numbers of those that are stamped."""
        return await self._record.seals(), set(await self._record.stamps())

    async def _archive(self) -> Archive:
        client = await connect(self._where.address, self._where.namespace)
        return Archive(client, self._record, self._where.shelf())


class Workshop:
    """Makes what commands work with."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def catalogue(self) -> Catalogue:
        """The catalogue, read and checked."""
        return Catalogue.load(self.settings.catalog_dir)

    def rulebook(self, catalogue: Catalogue, calendar: Calendar) -> Rulebook:
        """The catalogue as the desk needs it, with the calendar to count by."""
        return rulebook(catalogue, calendar)

    @asynccontextmanager
    async def office(self) -> AsyncIterator[tuple[Desk, Store]]:
        """The office that runs here, or on the servers that the environment names."""
        async with self._connected() as (_, desk, store):
            yield desk, store

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[Client, Desk, Store]]:
        address, namespace, url = whereabouts(self.settings)
        catalogue = self.catalogue()
        client = await connect(address, namespace)
        async with Store.connect(url) as store:
            yield client, Desk(client, store, rulebook(catalogue), **self.settings.desk), store

    @asynccontextmanager
    async def record(self) -> AsyncIterator[Store | None]:
        """The record of that office; None where no office runs."""
        try:
            _, _, url = whereabouts(self.settings)
        except NoOffice:
            yield None
            return
        async with Store.connect(url) as store:
            yield store

    @asynccontextmanager
    async def proving(self) -> AsyncIterator[Proving]:
        """What proves the record of that office."""
        address, namespace, url = whereabouts(self.settings)
        async with Store.connect(url) as store:
            office, archive_url = self.catalogue().office.id, self.settings.archive_url
            yield Proving(self.settings, store, Where(address, namespace, url, office, archive_url))

    @asynccontextmanager
    async def restarts(self) -> AsyncIterator[Restarts]:
        """What restarts the dossiers of that office."""
        address, namespace, url = whereabouts(self.settings)
        client = await connect(address, namespace)
        async with Store.connect(url) as store:
            yield Restarts(client, store, self.catalogue().office.id, lambda: datetime.now(UTC))

    @asynccontextmanager
    async def papers(self) -> AsyncIterator[Papers]:
        """What prints from that record; the workflows are not asked."""
        _, _, url = whereabouts(self.settings)
        catalogue = self.catalogue()
        calendar = catalogue.calendar(catalogue.office.calendar)
        async with Store.connect(url) as store:
            root, public_url = self.settings.catalog_dir, self.settings.public_url
            yield Papers(store, catalogue.office, calendar, root, public_url)

    @asynccontextmanager
    async def embedded(self, name: str, rulebook: Rulebook) -> AsyncIterator[Office]:
        """An office on embedded servers with its workers, up until the end of the block."""
        settings = self.settings
        if settings.metrics_port and busy(settings.metrics_port):
            raise MetricsPortInUse(port=settings.metrics_port)
        servers = LocalOffice(
            settings.data_dir,
            name=name,
            temporal_port=settings.temporal_port,
            ui_port=settings.ui_port,
            temporal_sync=settings.temporal_sync,
            min_free_mb=settings.min_free_mb,
        )
        async with servers:
            run = servers.run
            await migrate(run.admin_database_url)
            client = await connect(run.temporal.address, run.temporal.namespace)
            await register(client, SEARCH_ATTRIBUTES)
            listening = bound(settings.web_host, settings.web_port)
            public_url = settings.public_url or address(listening)
            for number in range(1, settings.workers + 1):
                await servers.add(self._worker(servers, client, number, public_url))
            async with Store.connect(run.database_url, most=25, patience=PATIENCE) as store:
                desk = Desk(client, store, rulebook, **settings.desk)
                house = self._house(client, desk, store, public_url)
                password = _password(servers.data_dir)
                await house.accounts.furnish(password)
                clock = OfficeClock(store)
                if name != "default":
                    house.simulated, house.clock = True, clock.now
                async with (
                    supervised(sweep=_sweep(desk), **({"clock": clock.run()} if house.simulated else {})),
                    serving(house, listening),
                ):
                    _settle()
                    office = house.catalogue.office.id
                    where = Where(
                        run.temporal.address,
                        run.temporal.namespace,
                        run.database_url,
                        office,
                        settings.archive_url,
                    )
                    proving = Proving(settings, store, where)
                    yield Office(servers, client, desk, store, proving, address(listening), password, clock)

    @asynccontextmanager
    async def web(self) -> AsyncIterator[str]:
        """The desk alone, on the office that runs here or on the servers that the environment names."""
        settings = self.settings
        async with self._connected() as (client, desk, store):
            listening = bound(settings.web_host, settings.web_port)
            house = self._house(client, desk, store, settings.public_url or address(listening))
            async with supervised(sweep=_sweep(desk)), serving(house, listening):
                _settle()
                yield address(listening)

    def _house(self, client: Client, desk: Desk, store: Store, public_url: str) -> House:
        """What the pages work with."""
        catalogue, settings = self.catalogue(), self.settings
        calendar = catalogue.calendar(catalogue.office.calendar)
        return House(
            desk=desk,
            store=store,
            catalogue=catalogue,
            catalog_dir=settings.catalog_dir,
            papers=Papers(store, catalogue.office, calendar, settings.catalog_dir, public_url),
            accounts=self._accounts(store, catalogue),
            documents=self.documents(store),
            health=Health(store, client, TASK_QUEUE),
            public_url=public_url,
        )

    def documents(self, store: Store) -> Documents:
        """What takes files in and gives them out."""
        settings = self.settings
        scanner = Clamd(settings.clamd) if settings.clamd else None
        return Documents(store, most_mb=settings.upload_mb, scanner=scanner)

    def _accounts(self, store: Store, catalogue: Catalogue) -> Accounts:
        settings = self.settings
        return Accounts(
            store,
            catalogue.office.staff,
            catalogue.today,
            lasts=timedelta(hours=settings.session_hours),
            idle=timedelta(minutes=settings.session_idle),
        )

    @asynccontextmanager
    async def accounts(self) -> AsyncIterator[Accounts]:
        """The accounts of the office that runs here, or of the one that the environment names."""
        _, _, url = whereabouts(self.settings)
        async with Store.connect(url) as store:
            yield self._accounts(store, self.catalogue())

    def _worker(self, servers: LocalOffice, client: Client, number: int, public_url: str) -> Child:
        # Without byte code on disk a sandboxed worker would compile the workflow for each dossier anew.
        env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        env.pop("DATABASE_URL", None)  # this worker is the embedded office's
        env["MOTCUA_PUBLIC_URL"] = public_url
        if number > 1:
            env["MOTCUA_METRICS_PORT"] = env["MOTCUA_HEALTH_PORT"] = "0"

        async def polls() -> None:
            while True:
                with suppress(TemporalUnreachable):  # it may be on its way back, too
                    if worker.pid in await pollers(client, TASK_QUEUE):
                        return
                await asyncio.sleep(0.05)

        worker = Child(
            f"worker-{number}",
            [sys.executable, str(ROOT / "worker.py")],
            log_file=servers.data_dir / "logs" / f"worker-{number}.log",
            env=env,
            ready=polls,
            grace=25.0,
        )
        return worker


class OfficeClock:
    """The time at an office of simulated dossiers only: it goes on from the last that happened there."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._last, self._since = datetime.now(UTC), time.monotonic()
        self._fact: datetime | None = None
        self._reached: datetime | None = None

    def reach(self, moment: datetime) -> None:
        """Go on from a moment, unless something has happened later."""
        self._reached = moment
        self._last, self._since = max(self._fact or moment, moment), time.monotonic()

    def now(self) -> datetime:
        """Office time."""
        return self._last + timedelta(seconds=time.monotonic() - self._since)

    async def run(self) -> None:
        """Look now and then how far the caseload has come."""
        while True:
            with suppress(Problem):
                span = await self._store.span()
                if span is not None and span[1] != self._fact:
                    self._fact = span[1]
                    if self._reached is None or self._fact > self._reached:
                        self._last, self._since = self._fact, time.monotonic()
            await asyncio.sleep(5)


PATIENCE = 30
"""Seconds for which somebody waits for a record that hangs, before they are told."""


def _settle() -> None:
    """What stands when the doors open will stay: no full collection walks through it while somebody waits."""
    gc.collect()
    gc.freeze()


def _password(data_dir: Path) -> str:
    """The password of everybody at an office that somebody tries out: made once, for its owner's eyes."""
    file = data_dir / "password"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(made_up() + "\n", encoding="utf-8")
    return file.read_text(encoding="utf-8").strip()


async def _sweep(desk: Desk) -> None:
    """Finish, now and then, intakes whose first fact never came."""
    while True:
        await asyncio.sleep(15)
        with suppress(Problem):  # a service is away: the next round comes
            await desk.sweep()


def main(argv: list[str]) -> int:
    """Run one command; returns the process's exit code."""
    try:
        settings = Settings.read()
    except BadSetting as bad:
        print(bad.message, file=sys.stderr)
        return exit_code(bad)
    configure_logging("error")
    raise_limit()
    Runtime.set_default(quiet_runtime())
    logging.getLogger("temporalio").setLevel(logging.ERROR)
    return cli.run(Workshop(settings), argv)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads of Temporal's runtime outlive the event loop and abort the process when they meet an
    # interpreter that is being torn down (temporalio/sdk-python #300): leave without tearing it down.
    os._exit(code)
