"""Waiting in tests: a wait ends as soon as something has happened, however slow the machine is.

A machine that is busy with other work may be twenty times slower than an idle one. So no test has a short
deadline of its own: a wait gives up only after `PATIENCE`, which is far more than anything takes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from inspect import isawaitable
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 120.0
"""Seconds until a wait gives up; below the time limit of a test, so that the failure names the wait."""
FIRST_PAUSE, LONGEST_PAUSE = 0.01, 0.2
"""Seconds between two looks. The pauses grow, for looking is work that slows down what is waited for."""


def _pauses(what: str) -> Iterator[float]:
    deadline, pause = time.monotonic() + PATIENCE, FIRST_PAUSE
    while time.monotonic() < deadline:
        yield pause
        pause = min(1.3 * pause, LONGEST_PAUSE)
    raise AssertionError(f"{what} did not happen within {PATIENCE:.0f} s")


async def until(condition: Callable[[], Awaitable[T] | T], what: str = "it") -> T:
    """Poll until a condition holds, and return its value; fail when it does not hold within `PATIENCE`."""
    pauses = _pauses(what)
    while True:
        value = condition()
        found: T = await value if isawaitable(value) else value
        if found:
            return found
        await asyncio.sleep(next(pauses))


def blocking_until(condition: Callable[[], T], what: str = "it") -> T:
    """Do the same outside an event loop."""
    pauses = _pauses(what)
    while not (found := condition()):
        time.sleep(next(pauses))
    return found


async def a_few_at_once(works: Iterable[Awaitable[T]], count: int = 8) -> list[T]:
    """Do all, a few at a time, in order of their results.

    Temporal gives a workflow task ten seconds. Where dozens begin in one moment on a busy machine, the last
    miss that, and their desk says to ask again: a crowd is made in turns where the crush is not tested.
    """
    places = asyncio.Semaphore(count)

    async def one(work: Awaitable[T]) -> T:
        async with places:
            return await work

    return await asyncio.gather(*(one(work) for work in works))
