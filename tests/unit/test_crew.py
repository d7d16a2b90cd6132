"""Work spread over processes: every piece once, whatever dies on the way."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import BrokenExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from motcua.audit.crew import spread


@asynccontextmanager
async def squares(folder: Path, deaths: int) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
    """Squares numbers; the process that gets a 7 dies, so often."""

    def die() -> None:
        died = len(list(folder.iterdir()))
        if died < deaths:
            (folder / str(died)).touch()
            os._exit(9)

    async def square(number: int) -> int:
        if number == 7:
            die()
        return number * number

    yield square


async def numbers(most: int) -> AsyncIterator[int]:
    """1 and so on."""
    for number in range(1, most + 1):
        yield number


@pytest.mark.parametrize("deaths", [0, 2])
async def test_each_piece_once(tmp_path: Path, deaths: int) -> None:
    """Also where a process dies."""
    found = [each async for each in spread(partial(squares, tmp_path, deaths), numbers(20), 2)]
    assert sorted(found) == [number * number for number in range(1, 21)]


async def test_work_that_always_dies_is_given_up(tmp_path: Path) -> None:
    """It does not go round for ever."""
    with pytest.raises(BrokenExecutor):
        _ = [each async for each in spread(partial(squares, tmp_path, 99), numbers(9), 2)]
