"""What the record knows of notices: the outbox, what became of each, the bell, and who is away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Any, Literal

from models.base import Value
from models.notices import Notice
from models.people import Absence
from models.service import Fate, Parcel
from motcua.store import Store, dump_notices
from motcua.store.sql import query

State = Literal["waiting", "sending", "trying", "sent", "void", "refused", "again", "shown"]


class Looked(Value):
    """A notice as its carrier finds it."""

    notice: Notice
    void: str | None
    """Why it is not needed any more."""
    ended: Fate | None
    """What became of this round, where that is settled."""


class NoticeFilter(Value):
    """Which notices to list."""

    code: str | None = None
    recipient: str | None = None
    channel: str | None = None
    state: State | None = None
    limit: int = 200


class NoticeRecord:
    """The notices of an office."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # The outbox

    @asynccontextmanager
    async def claim(self, most: int) -> AsyncIterator[list[Parcel]]:
        """Some of the parcels that Temporal has still to be given; taken out when the block ends well.

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

    async def add(self, notices: Sequence[Notice]) -> int:
        """Notices that no dossier's fact gave rise to; returns how many were not there before."""
        async with self._store._connection() as connection:
            fresh: int = await connection.fetchval(query("add_notices"), dump_notices(notices))
        return fresh

    # Carrying

    async def look(self, notice: str, round_: int) -> Looked:
        """A notice, and whether it is still to be sent."""
        async with self._store._connection() as connection:
            row = dict(await connection.fetchrow(query("notice"), notice, round_))
        void, ended = row.pop("void"), row.pop("ended")
        return Looked(notice=_notice(row), void=void, ended=ended)

    async def told_too(self, notice: Notice, recipient: str) -> bool:
        """Whether somebody else is told of the same occasion over the same channel."""
        other = notice.model_copy(update={"recipient": recipient})
        async with self._store._connection() as connection:
            return await connection.fetchrow(query("notice"), other.id, 0) is not None

    async def end(self, notice: str, round_: int, fate: Fate, why: str) -> None:
        """Put down what became of a round; the first end stays."""
        async with self._store._connection() as connection:
            await connection.execute(query("delivery_end"), notice, round_, fate, why)

    async def failed(self, notice: str, round_: int, why: str) -> None:
        """Put down that it could not be sent this time."""
        async with self._store._connection() as connection:
            await connection.execute(query("delivery_failed"), notice, round_, why)

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
            number: int | None = await connection.fetchval(query("delivery_again"), notice, actor)
            if number is not None:
                await connection.execute("select pg_notify('motcua_outbox', '')")
        return number

    async def bell(self, user: str, most: int = 200) -> list[dict[str, Any]]:
        """What somebody's bell shows now: told by the desk, and with its cause still there."""
        async with self._store._connection() as connection:
            return [dict(row) for row in await connection.fetch(query("bell"), user, most)]

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
        """Enter an absence; its number."""
        async with self._store._connection() as connection:
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


def _notice(row: dict[str, Any]) -> Notice:
    for extra in ("id", "created_at"):
        row.pop(extra)
    row["tell_at"] = row["tell_at"] or row["due_at"]  # written before there were quiet hours
    row["told_as"] = row["told_as"] or row["recipient"]
    return Notice(**row)
