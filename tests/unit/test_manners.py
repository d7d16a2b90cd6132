"""What waits for whom at the door of the desk."""

from __future__ import annotations

import asyncio

import pytest

from motcua.web.guard import Manners
from tests.waiting import PATIENCE


async def test_a_list_waits_for_a_click(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has its turn as soon as nobody waits any more, and not because its patience ends."""
    monkeypatch.setattr(Manners, "PATIENCE", 100 * PATIENCE)
    manners, done = Manners(), []

    async def fetch() -> None:
        async with manners.turn():
            done.append("list")

    with manners.click():
        with manners.click():
            fetching = asyncio.create_task(fetch())
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not done
        done.append("click")
    await asyncio.wait_for(fetching, PATIENCE)
    assert done == ["click", "list"]


async def test_lists_take_turns() -> None:
    """One behind the other, for each holds up a click that comes meanwhile."""
    manners, within, most = Manners(), 0, 0

    async def fetch() -> None:
        nonlocal within, most
        async with manners.turn():
            within += 1
            most = max(most, within)
            await asyncio.sleep(0)
            within -= 1

    await asyncio.gather(*(fetch() for _ in range(20)))
    assert most == 1


async def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where somebody always clicks, and one list hangs, the others are fetched all the same."""
    monkeypatch.setattr(Manners, "PATIENCE", 0.05)
    manners, hanging = Manners(), asyncio.Event()

    async def fetch(until: asyncio.Event | None = None) -> None:
        async with manners.turn():
            if until is not None:
                await until.wait()

    stuck = asyncio.create_task(fetch(hanging))
    await asyncio.sleep(0)
    with manners.click():
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(fetch() for _ in range(20)))
    hanging.set()
    await stuck
