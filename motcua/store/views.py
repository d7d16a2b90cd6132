"""Who saw what: each look at personal data leaves a row; and what people did, found across dossiers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Literal, get_args

from models.base import Value
from motcua.store import Store
from motcua.store.sql import query

Sight = Literal["dossier", "document", "paper", "search", "list", "history", "traces"]
"""What is looked at: a dossier's page, a document, a paper that is printed, what a search found, a list of
tasks, a dossier's audit, a search across what people did and saw."""
SIGHTS: tuple[Sight, ...] = get_args(Sight)
Pattern = Literal["hasty", "both-sides", "at-night", "back-and-forth", "extended-together", "curious"]
PATTERNS: tuple[Pattern, ...] = get_args(Pattern)
SECONDS, TIMES, TOGETHER, MANY = 60, 2, 5, 30
"""A decision within so many seconds; sent back so often; so many extended at once, or opened in a day."""
NIGHT = (21, 6)
"""Hours from which and up to which nobody is expected to work."""


class TraceFilter(Value):
    """Which acts and looks to find."""

    person: str | None = None
    unit: str | None = None
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    within: str | None
    """Only what concerns dossiers that are with this unit now; None for those who may see every unit."""
    after: tuple[datetime, str] | None = None
    """Further from here: (at, place) of the last one shown."""
    limit: int = 100


class Suspicion(Value):
    """Something to look at; not more."""

    pattern: Pattern
    person: str
    code: str | None
    """The dossier, or the first of several."""
    at: datetime
    number: int
    """Seconds, times or dossiers: how much of it there is."""


class ViewRecord:
    """Keeps what was looked at, and finds what was done and seen."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def saw(self, person: str, address: str, what: Sight, code: str | None, about: str) -> None:
        """Somebody looks at personal data."""
        async with self._store._connection() as connection:
            await connection.execute(query("saw"), person, address[:100], what, code, about[:100])

    async def of(self, code: str, most: int | None) -> list[dict[str, Any]]:
        """Who looked at a dossier, the latest first; all, or so many at most."""
        async with self._store._connection() as connection:
            return [dict(row) for row in await connection.fetch(query("views_of"), code, most)]

    async def saw_lately(self, person: str, address: str, what: Sight, about: str) -> None:
        """The same for what is shown anew by itself: once in ten minutes."""
        async with self._store._connection() as connection:
            await connection.execute(query("saw_lately"), person, address[:100], what, about[:100])

    async def last(self) -> int:
        """The number of the last look; no lower number will come any more."""
        async with self._store._connection() as connection, connection.transaction():
            number: int = await connection.fetchval(query("last_look"))
        return number

    async def between(self, after: int, until: int) -> AsyncIterator[dict[str, Any]]:
        """Every look after a number, up to another, in order; streamed."""
        async with self._store._connection() as connection, connection.transaction(readonly=True):
            async for row in connection.cursor(query("views_between"), after, until, prefetch=2000):
                yield dict(row)

    async def out_of_time(self, most: int) -> list[tuple[int, datetime]]:
        """(number, at) of looks that are dated well before the look that was written before them."""
        async with self._store._connection() as connection:
            rows = await connection.fetch(query("views_out_of_time"), most)
        return [(row["number"], row["at"]) for row in rows]

    async def traces(self, wanted: TraceFilter) -> list[dict[str, Any]]:
        """What people did and saw, the latest first."""
        at, place = wanted.after or (None, None)
        async with self._store._connection() as connection:
            rows = await connection.fetch(
                query("traces"),
                *(wanted.person, wanted.unit, wanted.kind, wanted.since, wanted.until),
                *(at, place, wanted.limit, wanted.within),
            )
        return [dict(row) for row in rows]

    async def suspicions(
        self, since: datetime, until: datetime, zone: str, unit: str | None, most: int
    ) -> list[Suspicion]:
        """What an auditor may want to look at in a period, of a unit or all; so many of each kind at most."""
        night, morning = NIGHT
        asked: dict[Pattern, tuple[Any, ...]] = {
            "hasty": (SECONDS,),
            "both-sides": (),
            "at-night": (zone, night, morning),
            "back-and-forth": (TIMES,),
            "extended-together": (TOGETHER,),
            "curious": (zone, MANY),
        }
        found = []
        async with self._store._connection() as connection:
            for pattern, arguments in asked.items():
                statement = query(f"pattern_{pattern.replace('-', '_')}")
                rows = await connection.fetch(statement, since, until, unit, most, *arguments)
                found += [Suspicion(pattern=pattern, **dict(row)) for row in rows]
        return found
