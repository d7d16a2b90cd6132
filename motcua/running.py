"""A running office on embedded servers, and the clock of a simulated one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import psutil
from temporalio.client import Client

from models.refusals import Problem
from motcua.caseloads.player import Player, Tally
from motcua.caseloads.script import Case
from motcua.desk import Desk
from motcua.local import LocalOffice
from motcua.proving import Proving
from motcua.store import Store
from motcua.temporal import reached
from motcua.virtual import VirtualClocks


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
        """How many dossiers Temporal has a workflow of, open or closed, however many runs each has had.

        Raises TemporalUnreachable.
        """
        listed = self._client.list_workflows("WorkflowType = 'Dossier'", rpc_timeout=timedelta(seconds=10))
        with reached(self.namespace):
            return len({execution.id async for execution in listed})

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
