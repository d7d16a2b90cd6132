"""One act on many dossiers at once, with a result for each."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple

from models.refusals import BadInput, Problem, Unreachable
from motcua.web.visit import Visit

AT_ONCE = 8
"""Dossiers that are asked at the same time."""
_KEY = re.compile(r"([A-Za-z0-9.-]{1,60}):([0-9]{1,9}):([0-9]{1,9})")
_CODE = re.compile(r"[A-Za-z0-9.-]{1,60}")


class NothingChosen(BadInput):
    """A bulk action on nothing."""

    sentence = "Choose at least one dossier first."


class Chosen(NamedTuple):
    """A dossier of a list, and what the list showed of it."""

    code: str
    task: int = 0
    seen: int = 0
    """Number of the last fact that was shown: what has changed since then is not changed unseen."""


class Done(NamedTuple):
    """The result for one dossier."""

    code: str
    ok: bool
    words: str


def chosen_tasks(keys: Iterable[str], most: int) -> list[Chosen]:
    """The tasks that were ticked, each as code:task:seen; NothingChosen where one is not or there is none."""
    found = [_KEY.fullmatch(key) for key in list(keys)[:most]]
    tasks = [Chosen(each[1], int(each[2]), int(each[3])) for each in found if each]
    if not tasks or len(tasks) < len(found):
        raise NothingChosen
    return tasks


def chosen_dossiers(codes: Iterable[str], most: int) -> list[Chosen]:
    """The dossiers that were ticked; NothingChosen where there is none."""
    found = [Chosen(code) for code in codes if _CODE.fullmatch(code)][:most]
    if not found:
        raise NothingChosen
    return found


async def with_each(
    visit: Visit, chosen: Sequence[Chosen], act: Callable[[Chosen], Awaitable[str]]
) -> list[Done]:
    """Act on each dossier, a few at a time. `act` returns the words of its result; a refusal is one, too.

    Unreachable as soon as a service is away. Some dossiers may have been acted on by then: `act` uses one
    request id for each dossier of a form, so that the whole form can be sent again.
    """
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(each: Chosen) -> Done:
        async with gate:
            try:
                return Done(each.code, True, await act(each))
            except Unreachable:
                raise
            except Problem as problem:
                return Done(each.code, False, visit.problem(problem))

    failed: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(each)) for each in chosen]
    except* Exception as errors:
        failed = errors.exceptions[0]
    if failed is not None:
        raise failed  # not from within the handler, which would wrap it
    return [task.result() for task in tasks]
