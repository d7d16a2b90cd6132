"""Live updates: what PostgreSQL tells of changed dossiers, passed on to the pages that are open."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import NamedTuple

import structlog

from models.refusals import Unreachable
from motcua.store import Store

log = structlog.get_logger()

CHANNEL = "motcua_desk"
BEAT = 15.0
"""Seconds between two looks at whether a page may still listen; saying so keeps others from hanging up."""
_MOST = 200


class Change(NamedTuple):
    """A dossier has changed; or, without a code, anything may have."""

    code: str
    seq: int
    units: tuple[str, ...]


ANYTHING = Change("", 0, ())


class Live:
    """Listens once for the whole process; each open page has a queue of its own."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pages: set[asyncio.Queue[Change | None]] = set()
        self._open = True
        self._life, self._told = secrets.token_hex(4), 0

    @property
    def mark(self) -> str:
        """How far the telling has come: a page holds what it was when the page was made."""
        return f"{self._life}.{self._told}"

    async def run(self) -> None:
        """Listen until cancelled; after a lost connection every page looks again."""
        lost = asyncio.Event()

        def heard(told: str | None) -> None:
            if told is None:
                lost.set()
            else:
                code, seq, *units = told.split()
                self._tell(Change(code, int(seq), tuple(units)))

        while True:
            lost.clear()
            try:
                async with self._store.listening(CHANNEL, heard):
                    self._tell(ANYTHING)
                    await lost.wait()
            except Unreachable as problem:
                log.warning("pages are not told of changes", why=problem.message)
            await asyncio.sleep(1)

    async def changes(self, unit: str | None, since: str) -> AsyncIterator[Change | None]:
        """What changes in a unit, or anywhere; None at each beat, whatever else there is.

        A page that was made at another mark than now's has missed something while it came or was cut off.
        """
        mine: asyncio.Queue[Change | None] = asyncio.Queue(_MOST)
        self._pages.add(mine)
        if since != self.mark:
            _put(mine, ANYTHING)
        clock = asyncio.get_running_loop().time
        beat = clock() + BEAT
        try:
            while self._open:
                if clock() >= beat:
                    beat = clock() + BEAT
                    yield None
                try:
                    async with asyncio.timeout_at(beat):
                        change = await mine.get()
                except TimeoutError:
                    continue
                if change is None:
                    return
                if unit is None or not change.units or unit in change.units:
                    yield change
        finally:
            self._pages.discard(mine)

    def close(self) -> None:
        """End every stream: a server that stops waits for them."""
        self._open = False
        for page in self._pages:
            _put(page, None)

    def _tell(self, change: Change) -> None:
        self._told += 1
        for page in self._pages:
            _put(page, change)


def _put(page: asyncio.Queue[Change | None], change: Change | None) -> None:
    """Where a page does not keep up, it looks at everything once instead."""
    if page.full():
        while not page.empty():
            page.get_nowait()
        change = ANYTHING if change is not None else None
    page.put_nowait(change)
