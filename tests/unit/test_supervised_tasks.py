"""Supervised tasks either run or end their block with the error; nothing dies unseen."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import structlog

from models.refusals import Unreachable
from motcua.supervision import TaskEnded, supervised

ROOT = Path(__file__).resolve().parents[2]


async def _forever() -> None:
    await asyncio.Event().wait()


async def _fails() -> None:
    raise Unreachable(service="Temporal", reason="gone") from OSError("cause")


async def _returns() -> None:
    pass


async def _cancels_itself() -> None:
    raise asyncio.CancelledError


async def test_a_task_that_fails_ends_its_block_with_the_very_error() -> None:
    """The caller sees the problem itself, not a group, so that its exit code is the problem's."""
    with structlog.testing.capture_logs() as logged, pytest.raises(Unreachable) as caught:
        async with supervised(good=_forever(), bad=_fails()):
            await _forever()
    assert isinstance(caught.value.__cause__, OSError)
    assert [(line["task"], line["log_level"], line["exc_info"]) for line in logged] == [
        ("bad", "critical", caught.value)
    ]


@pytest.mark.parametrize("work", [_returns, _cancels_itself])
async def test_a_task_that_just_ends_is_a_failure_too(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """A loop that is left by mistake is as dead as one that raised."""

    async def block() -> None:
        async with supervised(loop=work()):
            await _forever()

    with pytest.raises(TaskEnded, match="loop"):
        await block()


async def test_the_end_of_a_block_cancels_its_tasks_quietly() -> None:
    """Neither is anything logged, nor anything raised."""
    with structlog.testing.capture_logs() as logged:
        async with supervised(one=_forever()) as tasks:
            two = tasks.start("two", _forever())
            await asyncio.sleep(0)
    assert two.cancelled()
    assert logged == []


async def test_an_error_of_the_block_stays_what_it_is() -> None:
    """With its cause, and without a group around it."""
    cause = OSError("cause")
    with pytest.raises(KeyError) as caught:
        async with supervised(one=_forever()):
            raise KeyError("mine") from cause
    assert caught.value.__cause__ is cause


async def test_cancelling_the_block_cancels_its_tasks() -> None:
    """As Ctrl-C does."""
    inner: list[asyncio.Task[None]] = []
    begun = asyncio.Event()

    async def block() -> None:
        async with supervised() as tasks:
            inner.append(tasks.start("one", _forever()))
            begun.set()
            await _forever()

    outer = asyncio.create_task(block())
    await begun.wait()
    outer.cancel()
    await asyncio.wait({outer})
    assert outer.cancelled()
    assert inner[0].cancelled()


SEEN = {
    "motcua/supervision.py": 1,
    "motcua/processes.py": 5,  # two waits for two; the watcher of a child without a supervisor, for stop()
    "motcua/local.py": 1,  # awaited by the function that makes them
    "motcua/caseloads/player.py": 1,  # the same
    "motcua/many.py": 1,  # in a group of its own
    "motcua/web/bulk.py": 1,  # the same
    "motcua/notices/mail.py": 1,  # leave() raises nothing
    "activities/upkeep.py": 1,  # without heartbeats Temporal fails the activity
}
"""How many tasks each module makes whose failure is seen without `supervised`."""


def test_no_task_of_the_product_is_made_where_nobody_sees_it_fail() -> None:
    """A new create_task either goes through `supervised` or is looked at and counted here."""
    found = {}
    paths = [ROOT / "worker.py", ROOT / "starter.py"]
    paths += [path for part in ("motcua", "activities") for path in (ROOT / part).rglob("*.py")]
    for path in paths:
        text = path.read_text(encoding="utf-8")
        if calls := len(re.findall(r"\b(?:create_task|ensure_future)\(", text)):
            found[str(path.relative_to(ROOT))] = calls
    assert found == SEEN
