"""The services of a running office: servers, desk, store, pages and workers."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from temporalio.client import Client
from temporalio.runtime import Runtime

from models.refusals import Problem
from motcua.accounts import Accounts, made_up
from motcua.catalogue.catalogue import Catalogue
from motcua.config import Settings
from motcua.desk import Desk, Rulebook
from motcua.documents import Clamd, Documents
from motcua.health import Health
from motcua.local import Child, LocalOffice, NoOffice, busy, whereabouts
from motcua.papers import Papers
from motcua.proving import Proving, trusted
from motcua.replays import Where
from motcua.restarts import Restarts
from motcua.rulebook import rulebook
from motcua.running import Office, OfficeClock
from motcua.servers import free_port
from motcua.store import Store
from motcua.store.migrate import migrate
from motcua.supervision import supervised
from motcua.telemetry import MetricsPortInUse, configure_logging, quiet_runtime
from motcua.temporal import TemporalUnreachable, connect, pollers, register
from motcua.web.house import House
from motcua.web.serve import serving
from motcua.web.server import address, bound
from workflows.dossier import SEARCH_ATTRIBUTES, TASK_QUEUE

WORKER = Path(__file__).resolve().parent.parent / "worker.py"


class Services:
    """Makes what commands of a running office work with."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        configure_logging("error")
        Runtime.set_default(quiet_runtime())
        logging.getLogger("temporalio").setLevel(logging.ERROR)

    def _catalogue(self) -> Catalogue:
        return Catalogue.load(self.settings.catalog_dir)

    @asynccontextmanager
    async def office(self) -> AsyncIterator[tuple[Desk, Store]]:
        """The office that runs here, or on the servers that the environment names."""
        async with self._connected() as (_, desk, store):
            yield desk, store

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[Client, Desk, Store]]:
        address, namespace, url = whereabouts(self.settings)
        catalogue = self._catalogue()
        client = await connect(address, namespace)
        where = self._where(address, namespace, url)
        async with Store.connect(url) as store, trusted(store, self.settings, where):
            yield client, Desk(client, store, rulebook(catalogue), **self.settings.desk), store

    def _where(self, address: str | None, namespace: str | None, url: str) -> Where:
        return Where(address, namespace, url, self._catalogue().office.id, self.settings.archive_url)

    @asynccontextmanager
    async def record(self) -> AsyncIterator[Store | None]:
        """The record of that office; None where no office runs."""
        try:
            where = self._where(*whereabouts(self.settings))
        except NoOffice:
            yield None
            return
        async with Store.connect(where.url) as store, trusted(store, self.settings, where):
            yield store

    @asynccontextmanager
    async def proving(self) -> AsyncIterator[Proving]:
        """What proves the record of that office."""
        where = self._where(*whereabouts(self.settings))
        async with Store.connect(where.url) as store, trusted(store, self.settings, where):
            yield Proving(self.settings, store, where)

    @asynccontextmanager
    async def restarts(self) -> AsyncIterator[Restarts]:
        """What restarts the dossiers of that office."""
        where = self._where(*whereabouts(self.settings))
        client = await connect(where.address, where.namespace)
        async with Store.connect(where.url) as store, trusted(store, self.settings, where):
            yield Restarts(client, store, where.office, lambda: datetime.now(UTC))

    @asynccontextmanager
    async def papers(self) -> AsyncIterator[Papers]:
        """What prints from that record; the workflows are not asked."""
        where = self._where(*whereabouts(self.settings))
        catalogue = self._catalogue()
        calendar = catalogue.calendar(catalogue.office.calendar)
        async with Store.connect(where.url) as store, trusted(store, self.settings, where):
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
            unresponsive=settings.unresponsive_seconds,
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
            async with Store.connect(run.database_url, most=25, patience=START_SECONDS) as store:
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
                    async with trusted(store, settings, where):
                        yield Office(
                            servers, client, desk, store, proving, address(listening), password, clock
                        )

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
        catalogue, settings = self._catalogue(), self.settings
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
            yield self._accounts(store, self._catalogue())

    def _worker(self, servers: LocalOffice, client: Client, number: int, public_url: str) -> Child:
        # Without byte code on disk a sandboxed worker would compile the workflow for each dossier anew.
        env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        env.pop("DATABASE_URL", None)  # this worker is the embedded office's
        env["MOTCUA_PUBLIC_URL"] = public_url
        if number > 1:
            env["MOTCUA_METRICS_PORT"] = "0"
        health_port = self.settings.health_port if number == 1 else 0

        def argv() -> list[str]:
            worker.env["MOTCUA_HEALTH_PORT"] = str(health_port or free_port())
            return [sys.executable, str(WORKER)]

        async def polls() -> None:
            while True:
                with suppress(TemporalUnreachable):  # it may be on its way back, too
                    if worker.pid in await pollers(client, TASK_QUEUE):
                        return
                await asyncio.sleep(0.05)

        async def alive() -> None:
            # Not whether it polls: that would be asking Temporal, which may be what does not answer.
            reader, writer = await asyncio.open_connection("127.0.0.1", worker.env["MOTCUA_HEALTH_PORT"])
            with closing(writer):
                writer.write(b"GET /healthz HTTP/1.1\r\nHost: worker\r\nConnection: close\r\n\r\n")
                await reader.readexactly(1)

        worker = Child(
            f"worker-{number}",
            argv,
            log_file=servers.data_dir / "logs" / f"worker-{number}.log",
            env=env,
            ready=polls,
            alive=alive,
            unresponsive=self.settings.unresponsive_seconds,
            grace=25.0,
        )
        return worker


START_SECONDS = 30
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
