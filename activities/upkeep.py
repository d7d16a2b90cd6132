"""Upkeep: the record stays provable, and work stays with people who are there.

Each of these may be cut short, and goes on by what it finds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from temporalio import activity

from models.archive import Replays, Swept, Verification
from models.keeping import Cleared
from models.people import Vacated

BEAT = 30.0
"""Seconds."""


class Keeper(Protocol):
    """Who keeps the record provable (a port; `motcua.keeper` has the real one)."""

    async def archive(self, tell: Callable[[Swept], None]) -> Swept:
        """Archive every closed history that is not there yet."""
        ...

    async def seal(self) -> int:
        """Seal the record as it stands; returns the seal's number."""
        ...

    async def stamp(self) -> int:
        """Have seals stamped that are not; returns how many were."""
        ...

    async def replay(self, tell: Callable[[int], None]) -> Replays:
        """Run the deployed code over every history, and hold what it says against the record."""
        ...

    async def verify(self, tell: Callable[[int], None]) -> Verification:
        """Verify the whole record; raises Unreachable where not all of it could be looked at."""
        ...

    async def erase(self, tell: Callable[[Cleared], None]) -> Cleared:
        """Erase personal data whose period is over."""
        ...


class Staffing(Protocol):
    """Who knows the staff (a port; `motcua.vacancies` has the real one)."""

    async def free(self, tell: Callable[[int], None]) -> Vacated:
        """Free the tasks of those who cannot do them any more."""
        ...


@asynccontextmanager
async def alive() -> AsyncIterator[None]:
    """Let Temporal know that the work goes on, also while it has nothing to tell."""

    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(BEAT)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()


class Upkeep:
    """The activities of upkeep."""

    def __init__(self, keeper: Keeper, staffing: Staffing) -> None:
        self._keeper, self._staffing = keeper, staffing

    @activity.defn(name="free")
    async def free(self) -> Vacated:
        """Free the tasks of those who cannot do them any more."""
        async with alive():
            return await self._staffing.free(activity.heartbeat)

    @activity.defn(name="archive")
    async def archive(self) -> Swept:
        """Sweep closed histories into the archive."""
        async with alive():
            return await self._keeper.archive(activity.heartbeat)

    @activity.defn(name="seal")
    async def seal(self) -> int:
        """Seal the record."""
        return await self._keeper.seal()

    @activity.defn(name="stamp")
    async def stamp(self) -> int:
        """Have seals stamped."""
        return await self._keeper.stamp()

    @activity.defn(name="replay")
    async def replay(self) -> Replays:
        """Replay every history."""
        async with alive():
            return await self._keeper.replay(activity.heartbeat)

    @activity.defn(name="erase")
    async def erase(self) -> Cleared:
        """Erase personal data whose period is over."""
        async with alive():
            return await self._keeper.erase(activity.heartbeat)

    @activity.defn(name="verify")
    async def verify(self) -> Verification:
        """Verify the record."""
        async with alive():
            return await self._keeper.verify(activity.heartbeat)
