"""The clocks of simulated dossiers, with a line to the server that breaks at the worst moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Literal

from motcua.temporal import connect
from motcua.virtual import VirtualClocks
from tests.running import PLAIN, Life, Running
from tests.unit.office import at
from tests.waiting import until


class Line:
    """A TCP line to the server; muted, it keeps the server's answers back, and then it can be cut."""

    def __init__(self) -> None:
        self.muted = False
        self.cuts = 0
        self._open: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def to(self, address: str) -> AsyncIterator[str]:
        """The address at which the line begins."""
        host, port = address.split(":")

        async def carry(near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
            far, there = await asyncio.open_connection(host, int(port))
            self._open |= {back, there}
            await asyncio.gather(self._pump(near, there), self._pump(far, back, answers=True))

        server = await asyncio.start_server(carry, "127.0.0.1", 0)
        try:
            yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            self.cut()

    async def _pump(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, answers: bool = False
    ) -> None:
        try:
            while (data := await source.read(65536)) and not (answers and self.muted):
                target.write(data)
        except OSError:
            pass

    def cut(self) -> None:
        """Close every connection, as a server does that is killed."""
        self.muted, self.cuts = False, self.cuts + 1
        for writer in self._open:
            writer.close()
        self._open.clear()


class Unlucky(VirtualClocks):
    """Its line breaks when the server has moved the clock and its answer is on the way."""

    def __init__(self, office: Running, line: Line, clocks: VirtualClocks) -> None:
        super().__init__(clocks._client)
        self._line, self._office = line, office

    async def _skip(self, code: str, duration: timedelta) -> Literal["there", "ended", "replaced"]:
        if self._line.cuts:
            return await super()._skip(code, duration)
        before = await self._office.clocks._read(code, at("2026-03-02 08:00"))
        assert before is not None

        async def moved() -> bool:
            now = await self._office.clocks._read(code, at("2026-03-02 08:00"))
            return now is not None and now[0] - before[0] >= duration and not now[1]

        async def breaks() -> None:
            await until(moved)
            self._line.cut()

        self._line.muted = True
        breaking = asyncio.create_task(breaks())
        try:
            return await super()._skip(code, duration)
        finally:
            await breaking


async def test_a_forward_whose_answer_was_lost_is_not_made_twice(office: Running) -> None:
    """A dossier of Tuesday was handled in the night after it: its clock had gone twice as far."""
    life = await Life.begin(office, *PLAIN[:3])
    line, target = Line(), at("2026-03-02 16:00")
    async with line.to(office.local.run.temporal.address) as address:
        client = await connect(address, office.client.namespace)
        unlucky = Unlucky(office, line, VirtualClocks(client))
        reached = await unlucky.forward(life.code, life.opened_at, target)
    assert line.cuts == 2
    assert reached is not None
    now = await office.clocks.now(life.code, life.opened_at)
    assert now is not None
    assert target <= now < target + timedelta(minutes=1)
