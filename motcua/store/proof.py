"""What the record holds to prove itself by: the office's journal, seals and their log, archived histories."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, Protocol

from models.archive import HERE, Archived
from models.chain import GENESIS
from models.journal import Entry, Line, plain, write
from models.keeping import Ended
from models.seals import Head, Seal, Statement
from motcua.store import Store
from motcua.store.sql import query

ERASURE_BATCH_SIZE = 200
"""So many codes of dossiers that can be erased are read at a time."""


class Shelf(Protocol):
    """Where archived bytes lie that are not in PostgreSQL (a port; `motcua.shelf` has the real one)."""

    async def get(self, place: str) -> bytes | None:
        """The bytes of an object; None where there is none."""
        ...


class Standing(NamedTuple):
    """How a dossier stands, as the read model has it."""

    status: str
    outcome: str | None


class Sealing:
    """One look at the whole record, at which a seal is made; nothing that is recorded meanwhile is seen."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def seals(self) -> list[Seal]:
        """Every seal so far, in order."""
        return [_seal(row) for row in await self._connection.fetch(query("seals"))]

    async def log(self) -> AsyncIterator[Head]:
        """The log so far, streamed."""
        async for row in self._connection.cursor(query("sealed_until"), None, prefetch=5000):
            yield _head(row)

    async def unsealed(self) -> AsyncIterator[Head]:
        """The heads that are not in it yet, by code, streamed."""
        async for row in self._connection.cursor(query("unsealed_heads"), prefetch=5000):
            yield _head(row)

    async def journal_end(self) -> tuple[int, str]:
        """Number and hash of the journal's last entry; (0, GENESIS) before the first."""
        return await _journal_end(self._connection)

    async def sealed(self, code: str) -> int:
        """The number of a chain's last entry in the log; 0 where it has none."""
        row = await self._connection.fetchrow(query("sealed_last"), code)
        return row["seq"] if row else 0

    async def add(self, position: int, number: int, heads: Sequence[Head]) -> None:
        """Add heads to the log from a position on, under the seal that is being made."""
        await self._connection.execute(
            query("seal_heads"),
            list(range(position, position + len(heads))),
            [number] * len(heads),
            [head.code for head in heads],
            [head.seq for head in heads],
            [head.hash for head in heads],
        )

    async def seal(self, seal: Seal) -> None:
        """Keep the seal."""
        said = seal.statement
        await self._connection.execute(
            query("seal"),
            *(
                said.number,
                said.office,
                said.at,
                said.size,
                said.root,
                said.previous,
                said.key,
                seal.signature,
            ),
        )


class ProofRecord:
    """The journal, the seals and the archive of one office."""

    def __init__(self, store: Store, office: str) -> None:
        self._store, self.office = store, office

    # The journal

    async def write(self, lines: Sequence[Line], archived: Sequence[tuple[Archived, bytes | None]]) -> int:
        """Write lines into the journal, and with them what they tell of; those whose command is there already
        are left out with theirs. Returns how many were written.

        `archived` goes by the lines, one for one, with its compressed bytes where they are kept here; it is
        empty where the lines are of no histories.
        """
        async with self._store._connection() as connection, connection.transaction():
            await connection.execute(query("journal_lock"))
            fresh = await self._write(connection, lines)
            if archived:
                await self._archive(connection, [archived[n] for n in fresh])
        return len(fresh)

    async def _write(self, connection: Any, lines: Sequence[Line]) -> list[int]:
        """Write lines at the journal's end, which is locked; returns the places of those that are new."""
        asked = [line.command for line in lines]
        known = {row["command"] for row in await connection.fetch(query("journal_known"), asked)}
        fresh = [n for n, command in enumerate(asked) if command not in known]
        after, head = await _journal_end(connection)
        entries = write(self.office, [lines[n] for n in fresh], after=after, head=head)
        await connection.execute(
            query("journal_write"),
            [entry.seq for entry in entries],
            [entry.event.kind for entry in entries],
            [entry.at for entry in entries],
            [entry.actor for entry in entries],
            [entry.unit for entry in entries],
            [entry.command for entry in entries],
            [json.dumps(plain(entry.event), ensure_ascii=False) for entry in entries],
            [entry.prev_hash for entry in entries],
            [entry.hash for entry in entries],
        )
        return fresh

    async def journal_about(self, code: str) -> list[Entry]:
        """What the journal says of a dossier: holds and erasures, in order."""
        async with self._store._connection() as connection:
            return [_entry(row) for row in await connection.fetch(query("journal_of"), code)]

    @asynccontextmanager
    async def restarting(self, code: str) -> AsyncIterator[None]:
        """Be the only one who restarts a dossier."""
        async with self._store._connection() as connection:
            await connection.execute(query("restart_lock"), code)
            try:
                yield
            finally:
                if not connection.is_closed():
                    await connection.execute(query("restart_unlock"), code)

    # Erasing

    async def standing(self, code: str) -> Standing | None:
        """How a dossier stands; None where there is none."""
        async with self._store._connection() as connection:
            row = await connection.fetchrow(query("audit_standing"), code)
        return Standing(*row) if row else None

    async def clock(self) -> datetime:
        """What PostgreSQL's clock says."""
        async with self._store._connection() as connection:
            now: datetime = await connection.fetchval(query("audit_clock"))
        return now

    async def erase(
        self, code: str, line: Callable[[tuple[str, ...]], Line], ended: Ended | None
    ) -> tuple[str, ...] | str:
        """Erase a dossier's personal data and free text, with a line in the journal.

        Returns the ids of the rows that are gone, and where there were none, nothing is written; or the code
        of the dossier that stands in the way: of this one, under a hold, or of a linked one that is held,
        goes on, or whose own period has not `ended`.
        """
        async with self._store._connection() as connection, connection.transaction():
            await connection.execute(query("journal_lock"))  # a hold that comes now waits, or is seen
            if await connection.fetchval(query("held"), code):
                return code
            kept = _periods(ended or Ended({}, None))
            needed: str | None = await connection.fetchval(query("needed_by"), code, *kept, ended is not None)
            if needed is not None:
                return needed
            gone = tuple(row["id"] for row in await connection.fetch(query("erase"), code))
            if gone:
                await self._write(connection, [line(gone)])
        return gone

    async def hold(self, code: str, line: Line, *, placed: bool) -> bool:
        """Place a hold on a dossier, or lift it; whether that was a change."""
        async with self._store._connection() as connection, connection.transaction():
            await connection.execute(query("journal_lock"))
            if await connection.fetchval(query("held"), code) == placed:
                return False
            await self._write(connection, [line])
        return True

    async def holds(self) -> list[dict[str, Any]]:
        """The holds that are on dossiers: code, since when, by whom, by which paper."""
        async with self._store._connection() as connection:
            rows = await connection.fetch(query("holds"))
        return [dict(row) for row in rows if row["kind"] == "hold-placed"]

    async def erasable(self, ended: Ended) -> AsyncIterator[str]:
        """Codes of dossiers whose period is over and that have something to erase, the oldest first."""
        at: datetime | None = None
        code = ""
        while True:
            async with self._store._connection() as connection:
                rows = await connection.fetch(
                    query("erasable"), *_periods(ended), at, code, ERASURE_BATCH_SIZE
                )
            for row in rows:
                at, code = row["finished_at"], row["code"]
                yield code
            if len(rows) < ERASURE_BATCH_SIZE:
                return

    async def journal(self) -> AsyncIterator[dict[str, Any]]:
        """The journal's entries as plain rows, in order, streamed."""
        async with self._store._connection() as connection, connection.transaction(readonly=True):
            async for row in connection.cursor(query("journal"), prefetch=2000):
                yield dict(row)

    async def journal_of(self, kind: str, most: int) -> list[Entry]:
        """The last entries of one kind, the newest first."""
        async with self._store._connection() as connection:
            rows = await connection.fetch(query("journal_of_kind"), kind, most)
        return [_entry(row) for row in rows]

    async def checked(self, kind: Literal["record-verified", "histories-replayed"]) -> datetime | None:
        """When a check ended last; where none ever did, when the journal began."""
        async with self._store._connection() as connection:
            at: datetime | None = await connection.fetchval(query("journal_checked"), kind)
        return at

    # Seals

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[Callable[[], AbstractAsyncContextManager[Sealing]]]:
        """Be the only one who seals or changes keys. What is yielded opens a look at the record as of one
        moment, in which all or nothing is kept.
        """
        async with self._store._connection() as connection:
            await connection.execute(query("seal_lock"))
            try:
                yield lambda: _look(connection)
            finally:
                if not connection.is_closed():
                    await connection.execute(query("seal_unlock"))

    async def seals(self) -> list[Seal]:
        """Every seal, in order."""
        async with self._store._connection() as connection:
            return [_seal(row) for row in await connection.fetch(query("seals"))]

    async def seal(self, number: int) -> Seal | None:
        """One seal."""
        async with self._store._connection() as connection:
            row = await connection.fetchrow(query("seal_of"), number)
        return _seal(row) if row else None

    async def log(self, until: int | None) -> AsyncIterator[tuple[int, int, Head]]:
        """(position, seal, head) of the log up to a size, or of all of it, streamed."""
        async with self._store._connection() as connection, connection.transaction(readonly=True):
            async for row in connection.cursor(query("sealed_until"), until, prefetch=5000):
                yield row["position"], row["seal"], _head(row)

    async def sealed(self, code: str) -> tuple[int, int, int] | None:
        """(position, seal, number of the fact) of a dossier's last head in the log."""
        async with self._store._connection() as connection:
            row = await connection.fetchrow(query("sealed_last"), code)
        return (row["position"], row["seal"], row["seq"]) if row else None

    async def sealed_heads(self, code: str) -> list[tuple[int, int, str]]:
        """(seal, seq, hash) of the heads of one chain in the log."""
        async with self._store._connection() as connection:
            rows = await connection.fetch(query("audit_sealed"), [code])
        return [(row["seal"], row["seq"], row["hash"]) for row in rows]

    async def unstamped(self) -> list[Seal]:
        """Seals that no authority has stamped."""
        async with self._store._connection() as connection:
            return [_seal(row) for row in await connection.fetch(query("unstamped"))]

    async def keep_stamp(self, number: int, stamp: bytes) -> None:
        """Keep an authority's answer for a seal."""
        async with self._store._connection() as connection:
            await connection.execute(query("stamp"), number, stamp)

    async def stamp(self, number: int) -> bytes | None:
        """The stamp of a seal."""
        async with self._store._connection() as connection:
            found: bytes | None = await connection.fetchval(query("stamp_of"), number)
        return found

    async def stamps(self) -> dict[int, bytes]:
        """Every stamp, by the number of its seal."""
        async with self._store._connection() as connection:
            return {row["seal"]: row["token"] for row in await connection.fetch(query("stamps"))}

    # The archive

    async def archived_of(self, runs: Sequence[str]) -> set[str]:
        """Which of these runs are in the archive."""
        async with self._store._connection() as connection:
            rows = await connection.fetch(query("archived_of"), list(runs))
        return {row["run"] for row in rows}

    async def histories(self, workflow: str | None, since: datetime | None) -> AsyncIterator[Archived]:
        """What is in the archive, by workflow and the moment it closed; streamed."""
        async with self._store._connection() as connection, connection.transaction(readonly=True):
            async for row in connection.cursor(query("histories"), workflow, since, prefetch=1000):
                # Unchecked: its bytes are held against their hash, and what does not fit is for the audit.
                yield Archived.model_construct(**dict(row))

    async def histories_told(self) -> AsyncIterator[tuple[Archived, dict[str, Any] | None]]:
        """Each history of the archive with what the journal says of it, if anything; streamed."""
        async with self._store._connection() as connection, connection.transaction(readonly=True):
            async for row in connection.cursor(query("histories_told"), prefetch=1000):
                told = row["data"]
                # Unchecked: what does not fit is for the audit to name.
                archived = Archived.model_construct(**{name: row[name] for name in Archived.model_fields})
                yield archived, json.loads(told) if told is not None else None

    async def histories_gone(self) -> list[str]:
        """The runs that were archived, as the journal says, and are not in the archive."""
        async with self._store._connection() as connection:
            return [row["run"] for row in await connection.fetch(query("histories_gone"))]

    async def history_count(self, workflow: str | None, since: datetime | None) -> int:
        """How many histories are in the archive: all, of one workflow, or that closed since a moment."""
        async with self._store._connection() as connection:
            count: int = await connection.fetchval(query("history_count"), workflow, since)
        return count

    async def deliveries_alone(self) -> AsyncIterator[tuple[str, int, str]]:
        """(notice, round, outcome) of letters whose history is not archived, streamed."""
        async with self._store._connection() as connection, connection.transaction(readonly=True):
            async for row in connection.cursor(query("deliveries_alone"), prefetch=5000):
                yield row["notice"], row["round"], row["outcome"]

    async def without_history(self, code: str | None) -> AsyncIterator[str]:
        """Codes of dossiers (or of this one) of which nothing is archived, streamed: mostly open ones."""
        async with self._store._connection() as connection, connection.transaction(readonly=True):
            async for row in connection.cursor(query("without_history"), code, prefetch=5000):
                yield row["code"]

    async def history_bytes(self, run: str) -> bytes | None:
        """The compressed bytes of a history that lies in PostgreSQL."""
        async with self._store._connection() as connection:
            found: bytes | None = await connection.fetchval(query("history_bytes"), run)
        return found

    async def packed(self, archived: Archived, shelf: Shelf | None) -> bytes | None:
        """The compressed bytes of a history, wherever they lie; None where they are not there."""
        if archived.place == HERE:
            return await self.history_bytes(archived.run)
        return await shelf.get(archived.place) if shelf is not None else None

    async def unarchived(self, before: datetime, most: int) -> list[tuple[str, datetime]]:
        """(code, since) of dossiers that ended before a moment and are not archived, the oldest first."""
        async with self._store._connection() as connection:
            rows = await connection.fetch(query("unarchived"), before, most)
        return [(row["code"], row["since"]) for row in rows]

    async def _archive(self, connection: Any, archived: Sequence[tuple[Archived, bytes | None]]) -> None:
        rows = [row for row, _ in archived]
        await connection.execute(
            query("archive"),
            [row.run for row in rows],
            [row.workflow for row in rows],
            [row.type for row in rows],
            [row.status for row in rows],
            [row.closed_at for row in rows],
            [row.events for row in rows],
            [row.size for row in rows],
            [row.sha256 for row in rows],
            [row.place for row in rows],
        )
        here = [(row.run, content) for row, content in archived if content is not None]
        await connection.execute(
            query("archive_bytes"), [run for run, _ in here], [content for _, content in here]
        )


def _periods(ended: Ended) -> tuple[list[str], list[datetime], datetime | None]:
    return list(ended.procedures), list(ended.procedures.values()), ended.others


@asynccontextmanager
async def _look(connection: Any) -> AsyncIterator[Sealing]:
    async with connection.transaction(isolation="repeatable_read"):
        yield Sealing(connection)


async def _journal_end(connection: Any) -> tuple[int, str]:
    row = await connection.fetchrow(query("journal_end"))
    return (row["seq"], row["hash"]) if row else (0, GENESIS)


def _head(row: Any) -> Head:
    # Read back as it stands, unchecked: what does not fit is for the audit to name, not for a bug to hide.
    return Head.model_construct(code=row["code"], seq=row["seq"], hash=row["hash"])


def _seal(row: Any) -> Seal:
    said = {name: row[name] for name in ("office", "number", "at", "size", "root", "previous", "key")}
    said["at"] = said["at"].astimezone(UTC)
    return Seal.model_construct(statement=Statement.model_construct(**said), signature=row["signature"])


def _entry(row: Any) -> Entry:
    return Entry.model_validate(
        {
            **{name: row[name] for name in ("seq", "at", "actor", "unit", "command", "prev_hash", "hash")},
            "event": {"kind": row["kind"], **json.loads(row["data"])},
        }
    )
