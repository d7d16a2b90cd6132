"""What the record knows of notices: the outbox, what became of each, the bell, and who is away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, NamedTuple

from models.base import Instant, Value
from models.notices import Notice, Occasion, Standing
from models.people import Absence
from models.service import Fate, Parcel
from motcua.store import Store, dump_notices
from motcua.store.sql import query

State = Literal["waiting", "sending", "trying", "again", "sent", "void", "passed", "refused", "shown"]


class Looked(Value):
    """A notice as its carrier finds it."""

    notice: Notice
    occasion: Occasion | None
    """What it tells of; None for a digest."""
    standing: Standing
    ended: Fate | None
    """What became of this round, where that is settled."""
    told: frozenset[str]
    """Who is told of the same, over whatever channel; without those who were passed over."""
    meant_for: Instant
    """When it was to be told, as far as it has been put off."""


class NoticeFilter(Value):
    """Which notices to list."""

    code: str | None = None
    recipient: str | None = None
    channel: str | None = None
    state: State | None = None
    limit: int = 200


class Reach(NamedTuple):
    """What an alarm must have to be for somebody; having it, it may still be for others only."""

    holders: tuple[str, ...]
    """The task is with one of these,"""
    words: tuple[str, ...]
    """or it is for one of these words,"""
    leads: bool
    """Whether many alarms may be for them;"""
    units: tuple[str, ...] = ()
    """then also all of these units, where nobody else might be there to be told."""
    drafts: tuple[str, ...] = ()
    """Of which units drafted apologies may be for them."""


class Place(NamedTuple):
    """A term's place in the order of alarms."""

    alarmed_at: datetime
    code: str
    term: int


_LAST = Place(datetime(9999, 1, 1, tzinfo=UTC), "", 0)


class NoticeRecord:
    """The notices of an office."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # The outbox

    @asynccontextmanager
    async def claim(self, most: int) -> AsyncIterator[list[Parcel]]:
        """Some of the parcels that Temporal has still to be given; it has them when the block ends well.

        Another worker does not see them meanwhile, and finds them again if this one dies.
        """
        async with self._store._connection() as connection, connection.transaction():
            rows = await connection.fetch(query("outbox"), most)
            yield [Parcel(**row) for row in rows]
            await connection.execute(
                query("outbox_done"), [row["notice"] for row in rows], [row["round"] for row in rows]
            )

    async def backlog(self) -> tuple[int, float]:
        """How many parcels Temporal has still to be given, and the age of the oldest in seconds."""
        async with self._store._connection() as connection:
            row = await connection.fetchrow(query("outbox_backlog"))
        return row["count"], row["age"]

    async def lost(self, after: timedelta) -> None:
        """Have Temporal given again what it was given so long ago and has not told: it may have lost it."""
        async with self._store._connection() as connection:
            await connection.execute(query("outbox_lost"), after)

    async def add(self, notices: Sequence[Notice]) -> int:
        """Notices that no dossier's fact gave rise to; returns how many were not there before."""
        async with self._store._connection() as connection:
            fresh: int = await connection.fetchval(query("add_notices"), dump_notices(notices), None)
        return fresh

    # Carrying

    async def look(self, notice: str, round_: int, now: datetime) -> Looked:
        """A notice, and how it stands with what it tells of at an office time."""
        async with self._store._connection() as connection:
            row = dict(await connection.fetchrow(query("notice"), notice, round_, now))
        gone, paused, rests_until = row.pop("gone"), row.pop("paused"), row.pop("rests_until")
        ended, meant_for, told = row.pop("ended"), row.pop("meant_for"), row.pop("told")
        words = {name: row.pop(name) for name in ("to", "by", "at_once", "kind")}
        found = _notice(row)
        return Looked(
            notice=found,
            occasion=_occasion(found, words) if words["to"] is not None else None,
            standing=Standing(gone=gone, paused=bool(paused), rests_until=rests_until),
            ended=ended,
            told=told,
            meant_for=meant_for or found.tell_at,
        )

    async def end(self, notice: str, round_: int, fate: Fate, why: str) -> Fate:
        """Put down what became of a round; the first end stays, and is returned."""
        async with self._store._connection() as connection:
            put: Fate | None = await connection.fetchval(query("delivery_end"), notice, round_, fate, why)
            if put is None:
                put = await connection.fetchval(query("delivery_ended"), notice, round_)
        assert put is not None
        return put

    async def pass_on(
        self, notice: str, round_: int, others: Sequence[Notice], why: str, now: datetime
    ) -> Fate:
        """End a round, for others are told instead at this office time; unless it has ended: returns how."""
        async with self._store._connection() as connection, connection.transaction():
            if await connection.fetchval(query("delivery_end"), notice, round_, "passed", why) is None:
                stays: Fate = await connection.fetchval(query("delivery_ended"), notice, round_)
                if stays != "passed":
                    return stays
            await _tell(connection, others, now)
        return "passed"

    async def tell_too(self, others: Sequence[Notice], now: datetime) -> None:
        """Tell others as well, at this office time."""
        async with self._store._connection() as connection, connection.transaction():
            await _tell(connection, others, now)

    async def failed(self, notice: str, round_: int, why: str) -> None:
        """Put down that it could not be sent this time; nothing where it has ended meanwhile."""
        async with self._store._connection() as connection:
            await connection.execute(query("delivery_failed"), notice, round_, why)

    async def put_off(self, notice: str, round_: int, until: datetime, why: str) -> None:
        """Put down until when it waits."""
        async with self._store._connection() as connection:
            await connection.execute(query("delivery_put_off"), notice, round_, until, why)

    async def procedure_of(self, code: str) -> str:
        """The exact procedure that a dossier was received under, as JSON."""
        async with self._store._connection() as connection:
            body: str = await connection.fetchval(query("procedure_of"), code)
        return body

    # People

    async def listed(self, wanted: NoticeFilter) -> list[dict[str, Any]]:
        """Notices with where each stands, the latest first."""
        async with self._store._connection() as connection:
            rows = await connection.fetch(
                query("notices"),
                wanted.code,
                wanted.recipient,
                wanted.channel,
                wanted.state,
                wanted.limit,
            )
        return [dict(row) for row in rows]

    async def again(self, notice: str, actor: str) -> int | None:
        """Have a refused notice sent again; the number of the round, or None where it was not refused."""
        async with self._store._connection() as connection, connection.transaction():
            number: int | None = await connection.fetchval(
                query("delivery_again"), notice, actor, "refused", None
            )
            if number is not None:
                await connection.execute("select pg_notify('motcua_outbox', '')")
        return number

    async def alarms(
        self,
        unit: str | None,
        now: datetime,
        reach: Reach,
        after: Place | None = None,
        most: int = 200,
    ) -> tuple[list[dict[str, Any]], Place | None]:
        """What is still so of all that was to be told by now, of the terms that were alarmed last.

        Of one unit or all; of what is within `reach`. Also returns the place after which there may be more.
        """
        asked: tuple[Any, ...] = (unit, *(after or _LAST), most)
        async with self._store._connection() as connection:
            whom = [*reach.holders], [*reach.words], now
            if reach.leads:
                found = await connection.fetch(query("alarmed_for_leaders"), *asked, *whom, [*reach.units])
            else:
                found = await connection.fetch(query("alarmed_for_some"), *asked, *whom)
            terms = [Place(row["alarmed_at"], row["code"], row["id"]) for row in found]
            codes, ids = [place.code for place in terms], [place.term for place in terms]
            drafts = [*reach.drafts] if after is None else []
            rows = await connection.fetch(query("bell"), codes, ids, now, unit, drafts, most)
        return [dict(row) for row in rows], terms[-1] if len(terms) == most else None

    async def urgent(self, before: datetime) -> list[dict[str, Any]]:
        """Open tasks that are due, or whose dossiers are, before a moment; the first due first."""
        async with self._store._connection() as connection:
            return [dict(row) for row in await connection.fetch(query("urgent"), before)]

    # Absences

    async def absences(self, since: date) -> tuple[Absence, ...]:
        """Who is away on this day or later, in the order of entering."""
        async with self._store._connection() as connection:
            rows = await connection.fetch(query("absences"), since)
        return tuple(
            Absence(
                person=row["person"], since=row["since"], until=row["until"], substitute=row["substitute"]
            )
            for row in rows
        )

    async def absence_rows(self, since: date) -> list[dict[str, Any]]:
        """The same with numbers and with who entered them, for people."""
        async with self._store._connection() as connection:
            return [dict(row) for row in await connection.fetch(query("absences"), since)]

    async def add_absence(self, absence: Absence, actor: str) -> int:
        """Enter an absence; its number. Entered twice in a row it is one."""
        async with self._store._connection() as connection, connection.transaction():
            await connection.execute(query("lock_person"), absence.person)
            number: int = await connection.fetchval(
                query("add_absence"),
                absence.person,
                absence.since,
                absence.until,
                absence.substitute,
                actor,
            )
        return number

    async def end_absence(self, number: int, actor: str) -> str | None:
        """Take an absence back; whose it was, or None where there is none of this number."""
        async with self._store._connection() as connection:
            person: str | None = await connection.fetchval(query("end_absence"), number, actor)
        return person


async def _tell(connection: Any, others: Sequence[Notice], now: datetime) -> None:
    """Those who are not told yet; who had been passed over before is told after all."""
    await connection.execute(query("add_notices"), dump_notices(others), now)
    for other in others:
        await connection.execute(query("delivery_again"), other.id, "motcua", "passed", now)
    await connection.execute("select pg_notify('motcua_outbox', '')")


def _notice(row: dict[str, Any]) -> Notice:
    for extra in ("id", "created_at"):
        row.pop(extra)
    return Notice(**row)


def _occasion(notice: Notice, words: dict[str, Any]) -> Occasion:
    return Occasion(
        **words,
        term=notice.term,
        generation=notice.generation,
        rung=notice.rung,
        occurrence=notice.occurrence,
        name=notice.name,
        at=notice.due_at,
        tell_at=notice.tell_at,
        fact=notice.fact,
    )
