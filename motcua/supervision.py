"""Supervised tasks: each runs as long as its block does, or ends the block, and with it the process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import structlog

log = structlog.get_logger()


class TaskEnded(Exception):
    """A supervised task returned, or cancelled itself, although it should run until it is cancelled."""


class Tasks:
    """The tasks of one block."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._running: set[asyncio.Task[None]] = set()

    def start(self, name: str, work: Coroutine[Any, Any, object]) -> asyncio.Task[None]:
        """Run one more task beside the block. To end it, cancel it."""
        task = self._group.create_task(_loudly(name, work), name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(lambda _: work.close())  # one cancelled before it began would be complained of
        return task

    def cancel(self) -> None:
        """Cancel all of them."""
        for task in self._running:
            task.cancel()


@asynccontextmanager
async def supervised(**works: Coroutine[Any, Any, object]) -> AsyncIterator[Tasks]:
    """Run tasks, by name, beside the block, and cancel them at its end.

    A task that fails, or just returns, is logged with its traceback and cancels the block, whose caller
    gets the error. An error that reaches nobody ends the process, so a dead task cannot go unnoticed.
    """
    failed: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            tasks = Tasks(group)
            for name, work in works.items():
                tasks.start(name, work)
            try:
                yield tasks
            finally:
                tasks.cancel()
    except BaseExceptionGroup as errors:
        failed = errors.exceptions[0]
    if failed is not None:
        raise failed  # not from within the handler: the group would be shown as its context


async def _loudly(name: str, work: Coroutine[Any, Any, object]) -> None:
    error: Exception
    try:
        await work
        error = TaskEnded(f"{name} returned")
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        error = TaskEnded(f"{name} was cancelled from within")
    except Exception as raised:
        error = raised
    log.critical("a supervised task ended", task=name, exc_info=error)
    raise error
