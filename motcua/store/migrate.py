"""Append-only migrations: numbered .sql files, each applied once, in order, under a lock."""

from __future__ import annotations

import hashlib

import asyncpg

from models.refusals import Unreachable
from motcua.store import LOST, NO_CONNECTION, DatabaseUnreachable
from motcua.store.sql import HERE

_LOCK = 7_200_519_033  # any fixed number: two processes that start at once must not both migrate


class MigrationChanged(Unreachable):
    """A migration that has been applied reads differently now."""

    sentence = "Migration {name} was changed after it had been applied; add a new one instead."


async def migrate(url: str) -> list[str]:
    """Bring the database at `url` up to date with the owner's rights; returns what was applied."""
    try:
        connection = await asyncpg.connect(url, timeout=10)
    except NO_CONNECTION as error:
        raise DatabaseUnreachable.because(error) from error
    try:
        await connection.execute("select pg_advisory_lock($1)", _LOCK)
        await connection.execute(
            "create table if not exists migrations (name text primary key, sha256 text not null,"
            " applied_at timestamptz not null default clock_timestamp())"
        )
        applied = {row["name"]: row["sha256"] for row in await connection.fetch("select * from migrations")}
        fresh = []
        for path in sorted((HERE / "migrations").glob("*.sql")):
            text = path.read_text(encoding="utf-8")
            sha256 = hashlib.sha256(text.encode()).hexdigest()
            if path.name in applied:
                if applied[path.name] != sha256:
                    raise MigrationChanged(name=path.name)
                continue
            async with connection.transaction():
                await connection.execute(text)
                await connection.execute(
                    "insert into migrations (name, sha256) values ($1, $2)", path.name, sha256
                )
            fresh.append(path.name)
        return fresh
    except LOST as error:
        raise DatabaseUnreachable.because(error) from error
    finally:
        await connection.close()
