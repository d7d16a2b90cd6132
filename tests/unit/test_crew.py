"""Work spread over processes: every piece once, whatever dies on the way."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from motcua.audit import crew
from motcua.audit.crew import spread
from motcua.store import DatabaseUnreachable
from tests.waiting import PATIENCE


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


async def test_a_piece_is_not_lost_where_a_process_dies_before_it_is_given_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pool was found broken as the next piece was handed to it, and that piece was gone."""
    given = 0

    class Brittle(ProcessPoolExecutor):
        def submit(self, *work: Any, **more: Any) -> Any:
            nonlocal given
            given += 1
            if given == 6:
                processes = list(self._processes.values())
                for process in processes:
                    process.kill()
                for process in processes:
                    process.join()
                self._executor_manager_thread.join()  # type: ignore[attr-defined]
            return super().submit(*work, **more)

    monkeypatch.setattr(crew, "ProcessPoolExecutor", Brittle)
    found = [each async for each in spread(partial(squares, tmp_path, 0), numbers(20), 2)]
    assert sorted(found) == [number * number for number in range(1, 21)]


@asynccontextmanager
async def troubled(folder: Path, kind: str) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
    """Squares numbers; something goes wrong: at 7, or with the first six, as where a service is away."""

    def away() -> bool:
        (folder / uuid4().hex).touch()
        return len(list(folder.iterdir())) < 7

    async def square(number: int) -> int:
        if number == 7 and kind == "odd":
            raise OddError(1, 2)
        if kind == "away" and away():
            raise DatabaseUnreachable(reason="it restarts")
        return number * number

    yield square


class OddError(Exception):
    """One that cannot be carried to another process."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


async def test_a_service_that_is_away_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It broke the pool each time, and was told as the death of a process."""
    monkeypatch.setattr(crew, "WAIT", 0.1)
    found = [each async for each in spread(partial(troubled, tmp_path, "away"), numbers(20), 2)]
    assert sorted(found) == [number * number for number in range(1, 21)]


async def test_a_service_that_stays_away_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its own name, and not as the death of a process."""
    monkeypatch.setattr(crew, "LONGEST", 0.0)
    with pytest.raises(DatabaseUnreachable, match="it restarts"):
        _ = [each async for each in spread(partial(troubled, tmp_path, "away"), numbers(9), 2)]


async def test_what_went_wrong_is_told_as_it_was(tmp_path: Path) -> None:
    """Also where the error itself cannot be carried over."""
    with pytest.raises(crew.WorkFailed, match="OddError: 1 and 2"):
        _ = [each async for each in spread(partial(troubled, tmp_path, "odd"), numbers(9), 2)]


LEAVING = """
import asyncio, os, sys
from functools import partial
from pathlib import Path
from motcua.audit.crew import spread
from tests.unit.test_crew import numbers, squares

async def work():
    return [each async for each in spread(partial(squares, Path(sys.argv[1]), 0), numbers(20), 2)]

print(len(asyncio.run(work())), flush=True)
os._exit(0)
"""
"""As the command line leaves: its runtime's threads would abort it otherwise."""


def test_nothing_is_told_as_leaked(tmp_path: Path) -> None:
    """Each replay by processes ended with a warning about semaphores."""
    ran = subprocess.run(
        [sys.executable, "-c", LEAVING, str(tmp_path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert (ran.stdout, ran.stderr) == ("20\n", "")


@pytest.mark.slow  # a process dies again and again
async def test_work_that_always_dies_is_given_up(tmp_path: Path) -> None:
    """It does not go round for ever."""
    with pytest.raises(BrokenExecutor):
        _ = [each async for each in spread(partial(squares, tmp_path, 99), numbers(9), 2)]
