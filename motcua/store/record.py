"""The record as an audit reads it: plain rows of many dossiers at a time, as they stand."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, NamedTuple

from models.facts import Fact
from motcua.store import Store, _fact
from motcua.store.sql import query


class Kept(NamedTuple):
    """What is on record of some dossiers, by code."""

    facts: dict[str, list[dict[str, Any]]]
    rows: dict[str, dict[str, Any]]
    """The read model: columns of `models.view.DossierRow`, with tasks and terms."""
    sealed: dict[str, list[tuple[int, int, str]]]
    """(seal, seq, hash) of their heads in the log."""
    private: dict[str, Any]
    """By id: salt, content and the SHA-256 of the file, of what their facts refer to."""
    erased: frozenset[str]
    """The ids of such rows of which the journal says that they were erased."""
    occasions: dict[str, list[dict[str, Any]]]
    """What people were to be told."""
    uncalled: dict[str, list[tuple[int, str]]]
    """(fact, id) of notices that no occasion called for."""
    derived: dict[str, list[str]]
    """Where what the database works out for lists and boards is not what it should be."""


class Record:
    """Reads for audits."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def codes(self, together: int, office: str) -> AsyncIterator[list[str]]:
        """The code of every dossier of which anything is on record, some at a time, in order; the office's
        own chain, which is sealed under its name, is none."""
        async with self._store._connection() as connection, connection.transaction(readonly=True):
            some: list[str] = []
            async for row in connection.cursor(query("audit_codes"), office, prefetch=5000):
                some.append(row["code"])
                if len(some) == together:
                    yield some
                    some = []
            if some:
                yield some

    async def of(self, codes: Sequence[str]) -> Kept:
        """All that is on record of these, as of one moment."""
        wanted = list(codes)
        facts: dict[str, list[dict[str, Any]]] = {}
        sealed: dict[str, list[tuple[int, int, str]]] = {}
        async with (
            self._store._connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            for row in await connection.fetch(query("facts_of"), wanted):
                facts.setdefault(row["code"], []).append(dict(row))
            shown = {row["code"]: row["shown"] for row in await connection.fetch(query("audit_rows"), wanted)}
            for row in await connection.fetch(query("audit_sealed"), wanted):
                sealed.setdefault(row["code"], []).append((row["seal"], row["seq"], row["hash"]))
            # What facts refer to may lie with another dossier: with the one that asked for a linked one.
            named = {name for rows in facts.values() for row in rows for name, _ in references(row)}
            private = {row["id"]: dict(row) for row in await connection.fetch(query("audit_private"), named)}
            missing = [name for name in named if name not in private]
            rows_erased = await connection.fetch(query("erased_ids"), missing) if missing else []
            erased = frozenset(row["id"] for row in rows_erased)
            occasions: dict[str, list[dict[str, Any]]] = {}
            for row in await connection.fetch(query("audit_occasions"), wanted):
                occasions.setdefault(row["code"], []).append(dict(row))
            uncalled: dict[str, list[tuple[int, str]]] = {}
            for row in await connection.fetch(query("audit_notices"), wanted):
                uncalled.setdefault(row["code"], []).append((row["fact"], row["id"]))
            derived: dict[str, list[str]] = {}
            for row in await connection.fetch(query("audit_derived"), wanted):
                derived.setdefault(row["code"], []).append(row["what"])
        rows = {code: json.loads(text) for code, text in shown.items()}
        return Kept(facts, rows, sealed, private, erased, occasions, uncalled, derived)

    async def fates(self, rounds: Sequence[tuple[str, int]]) -> dict[tuple[str, int], str | None]:
        """What became of rounds of notices; None where that is open, and nothing of a notice there is not."""
        async with self._store._connection() as connection:
            rows = await connection.fetch(
                query("audit_fates"), [notice for notice, _ in rounds], [number for _, number in rounds]
            )
        return {(row["notice"], row["round"]): row["outcome"] for row in rows}

    async def open_codes(self, after: str, most: int) -> list[str]:
        """Codes of dossiers that are not closed, in the database's order, after one of them."""
        async with self._store._connection() as connection:
            return [row["code"] for row in await connection.fetch(query("audit_open"), after, most)]

    async def is_open(self, code: str) -> bool:
        """Whether a dossier is on record and not closed."""
        async with self._store._connection() as connection:
            found: bool = await connection.fetchval(query("audit_is_open"), code)
        return found

    async def unheard(self, code: str | None) -> list[str]:
        """Closed dossiers, or one, of whose end a linked dossier that is open has not heard."""
        async with self._store._connection() as connection:
            return [row["code"] for row in await connection.fetch(query("unheard"), code)]

    async def commands_done(self, asked: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of these commands (code, id) that have led to a fact."""
        async with self._store._connection() as connection:
            rows = await connection.fetch(
                query("commands_done"), [code for code, _ in asked], [name for _, name in asked]
            )
        return {(row["code"], row["command"]) for row in rows}

    async def privates(self, names: Sequence[str]) -> tuple[dict[str, Any], frozenset[str]]:
        """(erasable rows by id, ids of missing ones of which the journal says that they were erased)."""
        async with self._store._connection() as connection:
            rows = await connection.fetch(query("audit_private"), list(names))
            kept = {row["id"]: dict(row) for row in rows}
            missing = [name for name in names if name not in kept]
            erased = await connection.fetch(query("erased_ids"), missing) if missing else []
        return kept, frozenset(row["id"] for row in erased)

    def facts(self, rows: Sequence[dict[str, Any]]) -> list[Fact]:
        """Rows as facts."""
        return [_fact(row) for row in rows]


def references(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(id, hash) of everything erasable that a fact refers to."""

    def within(value: Any) -> Iterator[tuple[str, str]]:
        if isinstance(value, dict):
            if value.keys() == {"id", "hash"} and all(isinstance(each, str) for each in value.values()):
                yield value["id"], value["hash"]
            else:
                for each in value.values():
                    yield from within(each)
        elif isinstance(value, list):
            for each in value:
                yield from within(each)

    return within(json.loads(row["data"]))
