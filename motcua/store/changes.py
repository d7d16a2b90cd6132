"""What the record knows of changes of the office's calendar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from models.changes import Act, Acts, Ordered
from models.commands import Actor
from motcua.store import Store
from motcua.store.sql import query


class CalendarRecord:
    """The acts by which the calendar was changed, and the dossiers that they have still to reach."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def acts(self) -> Acts:
        """All acts so far."""
        async with self._store._connection() as connection:
            rows = await connection.fetch(query("calendar_acts"))
        return Acts(
            acts=tuple(
                Act(
                    number=row["number"],
                    change=row["change"],
                    act=row["act"],
                    actor=Actor.model_validate_json(row["actor"]),
                    at=row["at"],
                    ordered=Ordered.model_validate_json(row["ordered"]) if row["ordered"] else None,
                )
                for row in rows
            )
        )

    async def add(
        self,
        known: Acts,
        change: str,
        act: Literal["apply", "applied", "undo", "undone"],
        actor: Actor,
        ordered: Ordered | None = None,
    ) -> bool:
        """Add an act, unless there are others than the known ones by now; whether it was added."""
        async with self._store._connection() as connection:
            added: bool = await connection.fetchval(
                query("add_calendar_act"),
                known.epoch,
                change,
                act,
                actor.model_dump_json(),
                ordered.model_dump_json() if ordered is not None else None,
            )
        return added

    async def without(self, change: str, *, undoing: bool) -> list[str]:
        """The open dossiers that a change has still to be brought to, or to be taken back from."""
        async with self._store._connection() as connection:
            return [row["code"] for row in await connection.fetch(query("dossiers_without"), change, undoing)]

    async def intakes_without(self, change: str, *, undoing: bool) -> list[str]:
        """The same of dossiers that are taken in and have no first fact yet."""
        async with self._store._connection() as connection:
            return [row["code"] for row in await connection.fetch(query("intakes_without"), change, undoing)]

    async def open_dossiers(self) -> int:
        """How many dossiers have no outcome yet."""
        async with self._store._connection() as connection:
            count: int = await connection.fetchval(query("open_dossiers"))
        return count

    async def amendments(self, codes: Sequence[str], prefix: str) -> tuple[int, int]:
        """Of these dossiers, how many were amended by commands of this prefix, and how many moved by it."""
        async with self._store._connection() as connection:
            row = await connection.fetchrow(query("amendments"), list(codes), prefix)
        return row["amended"], row["moved"]

    async def amended_so_far(self, prefix: str) -> int:
        """How many dossiers, open or closed, were amended by commands of this prefix."""
        async with self._store._connection() as connection:
            count: int = await connection.fetchval(query("amended_so_far"), prefix)
        return count
