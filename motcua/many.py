"""One question to many dossiers: a few at a time, and stopping at what concerns them all."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from models.refusals import Problem

AT_ONCE = 20
"""Dossiers that are asked at the same time."""

Tell = Callable[[int, int], None]
Fate = TypeVar("Fate", bound=str)
Asked = TypeVar("Asked")


def silently(_done: int, _total: int) -> None:
    """Tells nobody."""


async def each(
    codes: Sequence[Asked], ask: Callable[[Asked], Awaitable[Fate]], tell: Tell = silently
) -> Counter[Fate]:
    """What became of each dossier, counted. The first problem that `ask` lets through ends it all.

    `tell` hears after each answer how many of how many there are.
    """
    fates: Counter[Fate] = Counter()
    waiting = iter(codes)

    async def work() -> None:
        for code in waiting:
            fates[await ask(code)] += 1
            tell(fates.total(), len(codes))

    problem: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(work())
    except* Problem as problems:
        problem = problems.exceptions[0]
    if problem is not None:
        raise problem
    return fates
