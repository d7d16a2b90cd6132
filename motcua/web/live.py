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
GATHERED = 0.2
"""Seconds over which changes are gathered: a click has its answer before fifty pages are told of it."""
BEAT = 15.0
"""Seconds between two looks at whether a page may still listen; saying so keeps others from hanging up."""
_MOST = 200
STREAMS = 12
"""Pages of one session that are told of changes; a browser has six connections to a server, or a proxy's."""


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
        self._pages: dict[asyncio.Queue[Change | None], str] = {}
        """The queue and session of each page, the oldest first."""
        self._heard: dict[str, Change] = {}
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
                self._gather(Change(code, int(seq), tuple(units)))

        while True:
            lost.clear()
            try:
                async with self._store.listening(CHANNEL, heard):
                    self._tell(ANYTHING)
                    await lost.wait()
                self._tell(ANYTHING)  # a list that cannot be fetched now says that the connection is lost
            except Unreachable as problem:
                log.warning("pages are not told of changes", why=problem.message)
            await asyncio.sleep(1)

    async def changes(self, unit: str | None, since: str, session: str) -> AsyncIterator[list[Change]]:
        """What changes in a unit, or anywhere, as it comes; nothing at each beat, whatever else there is.

        Of a session with too many pages the oldest one's ends; it may ask again.
        A page that was made at another mark than now's has missed something while it came or was cut off.
        """
        mine: asyncio.Queue[Change | None] = asyncio.Queue(_MOST)
        others = [page for page, whose in self._pages.items() if whose == session]
        for page in others[: max(0, len(others) + 1 - STREAMS)]:
            _put(page, None)
        self._pages[mine] = session
        if since != self.mark:
            _put(mine, ANYTHING)
        clock = asyncio.get_running_loop().time
        beat = clock() + BEAT
        try:
            while self._open:
                if clock() >= beat:
                    beat = clock() + BEAT
                    yield []
                try:
                    async with asyncio.timeout_at(beat):
                        told = [await mine.get()]
                except TimeoutError:
                    continue
                while not mine.empty():
                    told.append(mine.get_nowait())
                seen = [
                    each for each in told if each and (unit is None or not each.units or unit in each.units)
                ]
                if seen:
                    yield seen
                if None in told:
                    return
        finally:
            del self._pages[mine]

    def close(self) -> None:
        """End every stream: a server that stops waits for them."""
        self._open = False
        for page in self._pages:
            _put(page, None)

    def _gather(self, change: Change) -> None:
        if not self._heard:
            asyncio.get_running_loop().call_later(GATHERED, self._tell_heard)
        earlier = self._heard.get(change.code, change)
        self._heard[change.code] = change._replace(units=tuple({*earlier.units, *change.units}))

    def _tell_heard(self) -> None:
        heard, self._heard = self._heard, {}
        for change in heard.values():
            self._tell(change)

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
