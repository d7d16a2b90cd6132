"""The accounts in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from motcua.store import Store
from motcua.store.sql import query


class From(NamedTuple):
    """Where a request comes from."""

    address: str
    agent: str


class AccountRecord:
    """By what people sign in, where they are signed in, and the book of it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def account(self, person: str) -> dict[str, Any] | None:
        """Password, `must_change`, `disabled`, `failed` and, while it is locked, `locked_until`."""
        return await self._row("account", person)

    async def accounts(self) -> dict[str, dict[str, Any]]:
        """Every account by person, as the page of accounts shows them."""
        async with self._store._connection() as connection:
            return {row["person"]: dict(row) for row in await connection.fetch(query("accounts"))}

    async def set_password(self, person: str, encoded: str, *, must_change: bool) -> None:
        """Give an account another password; it is made where there is none."""
        await self._do("set_password", person, encoded, must_change)

    async def set_disabled(self, person: str, disabled: bool) -> None:
        """Close or open an account."""
        await self._do("set_disabled", person, disabled)

    async def unlock(self, person: str) -> None:
        """Forget the failed attempts."""
        await self._do("unlock", person)

    async def count_failure(self, person: str, most: int, lock: timedelta) -> int | None:
        """One attempt more, and a lock with the last; None where it was locked already."""
        row = await self._row("count_failure", person, most, lock)
        return None if row is None else int(row["failed"])

    async def forgive(self, person: str) -> None:
        """The attempt was none: the password was right."""
        await self._do("forgive_failures", person)

    async def open_session(self, token: str, person: str, csrf: str, origin: From, lasts: timedelta) -> None:
        """A new session; `token` is the hash of what the browser gets."""
        await self._do("open_session", token, person, csrf, origin.address, origin.agent, lasts)

    async def session(self, token: str, idle: timedelta, *, clicked: bool) -> dict[str, Any] | None:
        """Whose session it is, if it still is one: not ended, not too old, used within `idle`."""
        return await self._row("session", token, idle, clicked)

    async def person_of_form(self, csrf: str) -> str | None:
        """To whose session a form was given, also when that has ended."""
        row = await self._row("person_of_form", csrf)
        return row["person"] if row else None

    async def end_session(self, token: str, by: str) -> str | None:
        """End one; whose it was."""
        row = await self._row("end_session", token, by)
        return row["person"] if row else None

    async def end_sessions(self, person: str, by: str, *, but: str = "") -> None:
        """End all of somebody's sessions, but for one."""
        await self._do("end_sessions", person, by, but)

    async def sessions_of(self, person: str) -> list[dict[str, Any]]:
        """Where somebody is signed in."""
        async with self._store._connection() as connection:
            return [dict(row) for row in await connection.fetch(query("sessions_of"), person)]

    async def enter(self, person: str, what: str, why: str, by: str | None, origin: From) -> None:
        """Add a line to the book."""
        await self._do("enter_sign_in", person, what, why, by, origin.address, origin.agent)

    async def book(
        self, person: str | None, before: int | None, most: int, among: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        """The latest lines of the book before a number: of one person, `among` some, or of all."""
        async with self._store._connection() as connection:
            rows = await connection.fetch(query("sign_ins"), person, before, most, among)
        return [dict(row) for row in rows]

    async def _do(self, name: str, *values: Any) -> None:
        async with self._store._connection() as connection:
            await connection.execute(query(name), *values)

    async def _row(self, name: str, *values: Any) -> dict[str, Any] | None:
        async with self._store._connection() as connection:
            row = await connection.fetchrow(query(name), *values)
        return dict(row) if row is not None else None
