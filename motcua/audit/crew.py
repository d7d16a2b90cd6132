"""Work spread over processes, some pieces of it at a time, so that memory does not grow with the work."""

from __future__ import annotations

import asyncio
import atexit
import multiprocessing
import os
import pickle
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, TypeVar

from models.refusals import Unreachable
from motcua.owner import end_with_parent

Piece = TypeVar("Piece")
Result = TypeVar("Result")

BREAKS = 3
"""So often a process may die before the work is given up."""
LONGEST, WAIT = 60.0, 3.0
"""For how many seconds a service that is away is waited for, and between two tries."""

_hands: _Hands | None = None
"""What this process works with, if it is one of a crew."""


class _Hands:
    """An event loop of its own, and what was made on it once for all pieces."""

    def __init__(
        self, tools: Callable[[], AbstractAsyncContextManager[Callable[[Any], Awaitable[Any]]]]
    ) -> None:
        self._loop = asyncio.new_event_loop()
        self._stack = AsyncExitStack()
        self._work = self._loop.run_until_complete(self._stack.enter_async_context(tools()))

    def do(self, piece: Any) -> Any:
        return self._loop.run_until_complete(self._work(piece))


def _begin(tools: Any) -> None:
    global _hands  # noqa: PLW0603 - a process of a crew has exactly one
    end_with_parent()
    # Threads of Temporal's runtime abort a process whose interpreter is torn down (sdk-python #300); what
    # connections there are, end with it.
    atexit.register(os._exit, 0)
    _hands = _Hands(tools)


class WorkFailed(Exception):
    """What went wrong in a process of the crew, where that itself cannot be carried over."""


def _do(piece: Any) -> Any:
    assert _hands is not None
    try:
        return _hands.do(piece)
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))  # noqa: S301 - our own, made a moment ago
        except Exception:
            # It would be lost on the way and take the pool with it, as if a process had died.
            raise WorkFailed(f"{type(error).__name__}: {error}") from None
        raise


def _heard(done: asyncio.Future[Any]) -> None:
    """That a process died is told once, not by each piece that it had."""
    if not done.cancelled():
        done.exception()


async def spread(
    tools: Callable[[], AbstractAsyncContextManager[Callable[[Piece], Awaitable[Result]]]],
    pieces: AsyncIterable[Piece],
    jobs: int,
) -> AsyncIterator[Result]:
    """The result of each piece, as they come, worked on by so many processes.

    `tools` makes in each process what the work is done with; it must be importable by name, as all that goes
    to and fro must be picklable. A process that dies costs the pieces under way, which are begun again.
    """
    loop = asyncio.get_running_loop()
    source = aiter(pieces)
    left: list[Piece] = []
    more, patience = True, loop.time() + LONGEST
    for attempt in range(BREAKS + 1):
        with ProcessPoolExecutor(
            jobs, mp_context=multiprocessing.get_context("spawn"), initializer=_begin, initargs=(tools,)
        ) as pool:
            under_way: dict[asyncio.Future[Result], Piece] = {}
            try:
                while left or under_way or more:
                    while len(under_way) < 2 * jobs and (left or more):
                        if not left:
                            piece = await anext(source, None)
                            if piece is None:
                                more = False
                                break
                            left.append(piece)
                        # A pool that broke since takes nothing: the piece is taken out once it is in.
                        given = loop.run_in_executor(pool, _do, left[-1])
                        given.add_done_callback(_heard)
                        under_way[given] = left.pop()
                    if not under_way:
                        break
                    done, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                    away = [each for each in done if isinstance(each.exception(), Unreachable)]
                    if away and loop.time() < patience:
                        left += [under_way.pop(each) for each in away]
                        await asyncio.sleep(WAIT)
                    elif not away:
                        patience = loop.time() + LONGEST
                    for each in done:
                        if each not in under_way:
                            continue
                        # Taken out afterwards: where it died its piece is still there.
                        result = each.result()
                        del under_way[each]
                        yield result
                # Nothing is under way: what the pool holds goes with it, or it is told as leaked at the end.
                await asyncio.to_thread(pool.shutdown)
                return
            except BrokenExecutor:
                if attempt == BREAKS:
                    raise
                left += under_way.values()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
