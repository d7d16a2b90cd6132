"""What the pages of the desk read: each query has an index that it goes by."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Literal, NamedTuple

from models.base import Value
from models.timeliness import RESOLUTION, Due
from motcua.store import Store
from motcua.store.sql import query

State = Literal["late", "today", "soon", "comfortable", "paused", "waiting"]
"""How urgent a task is; the last two have no clock that runs."""
_FEW = 1000
"""So many that were looked for by name or code are read one by one; more are met soon enough in any list."""
_FIRST, _EVER = datetime(1900, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


CODE_BEGINS = re.compile(r"(?:\d{3}\.\d{2}\.\d{2}\.)?[A-Za-z]\d[A-Za-z0-9.-]*")
"""How a code begins: with the letter and number of an agency. Telephone numbers and names do not."""

_NUMBER = re.compile(r"[\d\s.+()/-]{6,}")
"""A number as people write it, with whatever between its digits."""


class Span(NamedTuple):
    """The tasks of one state: their place, when they are due (from, before), and whether they are overdue."""

    place: int | None
    since: datetime
    until: datetime | None
    late: bool | None = None


def own_and_dossier(row: Mapping[str, Any]) -> Iterator[Due]:
    """The due instants of an open task: its own term's, which is measured by instant, and its dossier's."""
    if row["due_at"] is not None:
        yield Due(row["due_at"], row["due_at"] + RESOLUTION)
    if row["dossier_due_at"] is not None:
        yield Due(row["dossier_due_at"], row["dossier_overdue_from"])


class Edges(NamedTuple):
    """Now, the end of today, and the end of what is soon: where one state of a task ends."""

    now: datetime
    today: datetime
    soon: datetime

    def state(self, place: int, urgent_at: datetime, overdue_from: datetime | None) -> State:
        """The state of a task; one without a deadline has no moment from which it is overdue."""
        if place:
            return "paused" if place == 1 else "waiting"
        if overdue_from is not None and overdue_from <= self.now:
            return "late"
        if urgent_at < self.today:
            return "today"
        return "soon" if urgent_at < self.soon else "comfortable"

    def span(self, state: State | None) -> Span:
        """Where tasks of a state lie; all of them for None."""
        match state:
            case None:
                return Span(None, _FIRST, None)
            case "late":  # what is overdue was due before: the order of urgency need not be read to its end
                return Span(0, _FIRST, self.now, late=True)
            case "today":
                return Span(0, _FIRST, self.today, late=False)
            case "soon":
                return Span(0, self.today, self.soon)
            case "comfortable":
                return Span(0, self.soon, _EVER)
        return Span(1 if state == "paused" else 2, _FIRST, None)


class Wanted(Value):
    """Which tasks an inbox shows."""

    unit: str | None = None
    """None: of every unit."""
    holder: str | None = None
    """Only what this person has, in whichever unit."""
    holders: tuple[str, ...] | None = None
    """Only what these have, and what is free for `roles`."""
    roles: tuple[str, ...] = ()
    state: State | None = None
    step: str | None = None
    procedure: str | None = None
    code: str | None = None
    """The beginning of the code."""
    words: str | None = None
    """Words of the applicant's name, telephone or identity number."""


class Screens:
    """Reads what is shown."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def inbox(
        self, wanted: Wanted, edges: Edges, after: tuple[int, datetime, str] | None, most: int
    ) -> list[dict[str, Any]]:
        """Open tasks in the order of urgency, after a place in it."""
        if wanted.code or wanted.words:
            found = await self._found(wanted)
            if found is not None:
                return await self._inbox_found(found, wanted, edges, after, most)
        name = "inbox_of_unit" if wanted.unit is not None else "inbox_everywhere"
        whose, holders, roles = wanted.unit, wanted.holders, list(wanted.roles)
        if wanted.holder is not None:
            name, whose, holders = "inbox_of_person", wanted.holder, None
        span = edges.span(wanted.state)
        words = await self._tsquery(wanted.words)
        async with self._store._connection() as connection:
            rows = await connection.fetch(
                query(name),
                whose,
                *(after or (-1, _FIRST, "")),
                list(holders) if holders is not None else None,
                roles if holders is not None else None,
                span.place,
                span.since,
                span.until,
                wanted.step,
                wanted.procedure,
                wanted.code,
                words,
                most,
                span.late,
                edges.now,
            )
        return [dict(row) for row in rows]

    async def _found(self, wanted: Wanted) -> list[str] | None:
        """The codes of open tasks that were looked for; None where so many fit that any list has some."""
        words = await self._tsquery(wanted.words)
        if words is None and not wanted.code:
            return None
        async with self._store._connection() as connection:
            if wanted.code:
                rows = await connection.fetch(query("tasks_by_code"), wanted.code, _FEW + 1)
            else:
                applicants = await connection.fetch(query("applicants"), words, _FEW + 1)
                if len(applicants) > _FEW:
                    return None
                rows = await connection.fetch(query("tasks_of_applicants"), [row["id"] for row in applicants])
        return [row["code"] for row in rows] if len(rows) <= _FEW else None

    async def _inbox_found(
        self,
        found: list[str],
        wanted: Wanted,
        edges: Edges,
        after: tuple[int, datetime, str] | None,
        most: int,
    ) -> list[dict[str, Any]]:
        span = edges.span(wanted.state)
        whose = wanted.holder is not None
        async with self._store._connection() as connection:
            rows = await connection.fetch(
                query("inbox_found"),
                found,
                None if whose else wanted.unit,
                wanted.holder,
                None if whose or wanted.holders is None else list(wanted.holders),
                list(wanted.roles),
                *(after or (-1, _FIRST, "")),
                span.place,
                span.since,
                span.until,
                wanted.step,
                wanted.procedure,
                most,
                span.late,
                edges.now,
            )
        return [dict(row) for row in rows]

    async def counts(self, wanted: Wanted, edges: Edges) -> dict[State, int]:
        """How many tasks of an inbox, whatever else it is narrowed by, there are in each state."""
        holders = [wanted.holder] if wanted.holder is not None else wanted.holders
        unit = None if wanted.holder is not None else wanted.unit
        async with self._store._connection() as connection:
            row = await connection.fetchrow(
                query("inbox_counts"),
                unit,
                list(holders) if holders is not None else None,
                list(wanted.roles) if wanted.holder is None else [],
                *edges,
            )
        return dict(row)

    async def search(
        self, unit: str | None, text: str, before: tuple[datetime, str] | None, most: int
    ) -> list[dict[str, Any]]:
        """Dossiers of one unit or all, by code or by applicant; the latest first, from a place in it on."""
        place = before or (_EVER, "")
        code = text.strip().upper()
        by_code = CODE_BEGINS.fullmatch(code) is not None
        words = None if by_code else await self._tsquery(text)
        async with self._store._connection() as connection:
            if by_code or words is None:
                rows = await connection.fetch(query("search"), unit, code or None, *place, most)
            else:
                applicants = await connection.fetch(query("applicants"), words, _FEW + 1)
                if len(applicants) > _FEW:
                    rows = await connection.fetch(query("search_words"), unit, words, *place, most)
                else:
                    ids = [row["id"] for row in applicants]
                    rows = await connection.fetch(query("search_applicants"), unit, ids, *place, most)
        return [dict(row) for row in rows]

    async def _tsquery(self, words: str | None) -> str | None:
        """Words, each as the beginning of one, or the first digits of a number; None where there are none."""
        if not words or not words.strip():
            return None
        async with self._store._connection() as connection:
            plain: str = await connection.fetchval(query("unmarked"), words)
            digits = await connection.fetchval(query("digits"), words) if _NUMBER.fullmatch(words) else ""
        found = " & ".join(f"{word}:*" for word in re.findall(r"\w+", plain)[:8])
        return f"{digits}:* | {found}" if digits else found or None

    # The leader's board

    async def load(self, unit: str | None, edges: Edges) -> list[dict[str, Any]]:
        """Open tasks by officer and role."""
        async with self._store._connection() as connection:
            return [dict(row) for row in await connection.fetch(query("load"), unit, *edges)]

    async def weeks(
        self, unit: str | None, mondays: Sequence[date], edges: Sequence[datetime]
    ) -> list[dict[str, Any]]:
        """What came and went in each week, and what of it was late; there is one edge more than weeks."""
        async with self._store._connection() as connection:
            rows = await connection.fetch(
                query("weeks"), unit, list(edges[:-1]), list(edges[1:]), list(mondays)
            )
        return [dict(row) for row in rows]

    async def ageing(self, unit: str | None, now: datetime) -> list[dict[str, Any]]:
        """Open dossiers by their age in weeks."""
        async with self._store._connection() as connection:
            return [dict(row) for row in await connection.fetch(query("ageing"), unit, now)]

    # Views that people have kept

    async def keep_filter(self, person: str, name: str, address: str) -> None:
        """Keep a view under a name; the same name again replaces it."""
        async with self._store._connection() as connection:
            await connection.execute(query("add_filter"), person, name, address)

    async def filters(self, person: str) -> list[dict[str, Any]]:
        """Somebody's kept views."""
        async with self._store._connection() as connection:
            return [dict(row) for row in await connection.fetch(query("filters"), person)]

    async def drop_filter(self, person: str, number: int) -> None:
        """Forget one of them."""
        async with self._store._connection() as connection:
            await connection.execute(query("drop_filter"), person, number)
