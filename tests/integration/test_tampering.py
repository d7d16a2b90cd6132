"""Somebody with all rights on PostgreSQL alters the record: each way is found, and named at the right place.

An office with a dossier that is closed and sealed, one that is open and sealed, and one that nobody has
sealed yet. Whatever is done to it is undone afterwards, and then nothing is found.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from models.chain import GENESIS, digest, instant
from motcua.archive import Archive
from motcua.audit import Broken, Verified
from motcua.documents import Document
from motcua.missing import NOT_MOVED
from motcua.proof.keys import KeyRing
from motcua.proof.sealer import LogAltered, Sealer, SealsDiffer
from motcua.replays import Replaying
from motcua.store.proof import ProofRecord
from tests.auditing import nobody, replayed, verified
from tests.files import PDF
from tests.running import OFFICE, PLAIN, Life, Running, Telemetry, running

TABLES = (
    *("facts", "dossiers", "tasks", "terms", "private", "files", "rules"),
    *("journal", "seals", "sealed_heads", "stamps", "histories", "history_bytes", "views"),
    *("occasions", "notices"),
)


class Attacked:
    """The office, and somebody with all rights."""

    def __init__(self, office: Running, folder: Path, connection: asyncpg.Connection) -> None:
        self.office, self.connection = office, connection
        self.ring = KeyRing(folder, OFFICE)
        self.record = ProofRecord(office.store, OFFICE)
        self.sealer = Sealer(office.store, self.ring, lambda: datetime.now(UTC), None)
        self.where = office.where
        self.archive = Archive(office.client, self.record, None)
        self.closed = self.open = self.fresh = ""

    async def verify(self) -> Verified:
        """What `audit verify` finds."""
        return await verified(self.office.store, self.ring)

    async def replay(self) -> tuple[Broken, ...]:
        """What `audit replay` finds, in the same form."""
        found = await replayed(Replaying(self.office.client, self.office.store, self.where))
        return tuple(
            Broken(code=each.code, seq=0, what=each.what) for each in (*found.diverged, *found.differing)
        )

    async def execute(self, sql: str, *arguments: Any) -> None:
        """With all rights, and no trigger or key in the way."""
        await self.connection.execute("set session_replication_role = replica")
        await self.connection.execute(sql, *arguments)

    async def rehash(self, code: str, table: str = "facts") -> None:
        """Make a chain hold again, from its first fact on: what somebody does who knows how it is made."""
        where = "where code = $1" if table == "facts" else "where $1 <> ''"
        rows = await self.connection.fetch(f"select * from {table} {where} order by seq", code)
        link = GENESIS
        for seq, row in enumerate(rows, 1):
            parts = {name: row[name] for name in ("kind", "actor", "unit", "command")}
            fresh = digest(
                code=code,
                seq=seq,
                at=instant(row["at"].astimezone(UTC)),
                data=json.loads(row["data"]),
                prev_hash=link,
                **parts,
            )
            await self.execute(
                f"update {table} set seq = $3, prev_hash = $4, hash = $5 {where} and seq = $2",
                *(code, row["seq"], seq, link, fresh),
            )
            link = fresh
        if table == "facts":
            await self.execute(
                "update dossiers set seq = $2, head = $3 where code = $1", code, len(rows), link
            )

    async def put_back(self) -> None:
        """As it was before."""
        await self.connection.execute("set session_replication_role = replica")
        for table in TABLES:
            names = await self.connection.fetch(
                "select quote_ident(column_name) as name from information_schema.columns"
                " where table_schema = 'public' and table_name = $1 and is_generated = 'NEVER'",
                table,
            )
            columns = ", ".join(row["name"] for row in names)
            await self.connection.execute(f"delete from {table}")
            await self.connection.execute(
                f"insert into {table} ({columns}) overriding system value select {columns} from was.{table}"
            )


@pytest.fixture(scope="module")
async def attacked(tmp_path_factory: pytest.TempPathFactory, telemetry: Telemetry) -> AsyncIterator[Attacked]:
    """Dossiers, two seals, an archive, a changed key; and a copy of it all, to put back."""
    folder = tmp_path_factory.mktemp("attacked")
    async with running(folder / "office", telemetry.runtime) as office:
        connection = await asyncpg.connect(office.local.run.admin_database_url)
        attacked = Attacked(office, folder / "seals", connection)
        closed = await Life.begin(office, *PLAIN, procedure="unrated")
        opened = await Life.begin(office, "receiver1 accept", "receiver1 complete")
        document = Document("đơn.pdf", "application/pdf", PDF)
        await office.desk.act(opened.code, "attach", "handler1", {}, "attached", document)
        await Life.begin(office, "receiver1 accept", applicant={"name": "Trần Văn Bên Cạnh"})
        for minutes in (9, 8, 7):
            await connection.execute(
                "insert into views (at, person, address, what, code) values"
                " (clock_timestamp() - make_interval(mins => $1), 'clerk1', '10.0.0.1', 'dossier', $2)",
                *(minutes, opened.code),
            )
        await attacked.sealer.seal("clock")
        await opened.run("@ 2026-03-03 10:00", "handler1 note text=xem")
        await attacked.archive.sweep(nobody)
        await attacked.sealer.rotate("admin1")
        await attacked.sealer.seal("clock")
        fresh = await Life.begin(office, "receiver1 accept", "receiver1 complete", "handler1 claim")
        attacked.closed, attacked.open, attacked.fresh = closed.code, opened.code, fresh.code
        await connection.execute("create schema was")
        for table in TABLES:
            await connection.execute(f"create table was.{table} as table {table}")
        yield attacked
        await connection.close()


@dataclass(frozen=True)
class Tampering:
    """What somebody does, and what is said of it."""

    do: str | Callable[[Attacked], Awaitable[None]]
    """SQL, on `$1`; or whatever else it takes."""
    to: str
    """Of which dossier `$1` is the code."""
    named: str
    """Where it is found: a word that `code` begins with, or one of the dossiers."""
    what: str
    seq: int | None = None
    by: str = "verify"


async def _behead(attacked: Attacked) -> None:
    await attacked.execute("delete from facts where code = $1 and seq = 1", attacked.closed)
    await attacked.rehash(attacked.closed)


async def _cut(attacked: Attacked, code: str) -> None:
    """The last fact gone, and the read model set back to the one before."""
    await attacked.execute(
        "delete from facts where code = $1 and seq = (select max(seq) from facts where code = $1)", code
    )
    await attacked.rehash(code)


async def _cut_sealed(a: Attacked) -> None:
    await _cut(a, a.closed)


async def _cut_fresh(a: Attacked) -> None:
    await _cut(a, a.fresh)


async def _swapped(a: Attacked) -> None:
    for before, after in ((3, 1000), (4, 3), (1000, 4)):
        await a.execute("update facts set seq = $3 where code = $1 and seq = $2", a.closed, before, after)


async def _rewritten_sealed(a: Attacked) -> None:
    await a.execute("update facts set actor = 'handler2' where code = $1 and seq = 4", a.closed)
    await a.rehash(a.closed)


async def _rewritten_fresh(a: Attacked) -> None:
    await a.execute("update facts set actor = 'receiver2' where code = $1 and seq = 2", a.fresh)
    await a.rehash(a.fresh)


async def _middle_rewritten(a: Attacked) -> None:
    await a.execute("delete from facts where code = $1 and seq = 4", a.open)
    await a.rehash(a.open)


async def _whole_dossier(a: Attacked) -> None:
    for table in ("facts", "dossiers", "tasks", "terms", "sealed_heads", "private"):
        await a.execute(f"delete from {table} where code = $1", a.open)


async def _dossier_but_not_its_heads(a: Attacked) -> None:
    for table in ("facts", "dossiers", "tasks", "terms", "private"):
        await a.execute(f"delete from {table} where code = $1", a.open)


async def _whole_dossier_closed_up(a: Attacked) -> None:
    await _whole_dossier(a)
    await a.execute(
        "update sealed_heads s set position = n.position from"
        " (select code, seq, row_number() over (order by position) - 1 as position from sealed_heads) n"
        " where s.code = n.code and s.seq = n.seq"
    )


async def _whole_fresh_dossier(a: Attacked) -> None:
    for table in ("facts", "dossiers", "tasks", "terms", "private"):
        await a.execute(f"delete from {table} where code = $1", a.fresh)


async def _forged_fact(a: Attacked) -> None:
    await a.execute(
        "insert into facts (code, seq, kind, at, actor, unit, command, data, prev_hash, hash)"
        " select code, seq + 1, 'released', at, actor, unit, 'forged', data, hash, '' from facts"
        " where code = $1 and seq = (select max(seq) from facts where code = $1)",
        a.fresh,
    )
    await a.rehash(a.fresh)
    await a.execute("update tasks set assignee = null where code = $1", a.fresh)


async def _invented_dossier(a: Attacked) -> None:
    invented = "H53.26-260302-7777"
    for table in ("facts", "dossiers", "tasks", "terms"):
        await a.execute(
            f"insert into {table} select (jsonb_populate_record(null::{table}, to_jsonb(t)"
            f" || jsonb_build_object('code', $2::text))).* from {table} t where code = $1",
            *(a.fresh, invented),
        )
    await a.rehash(invented)


async def _archive_replaced(a: Attacked, *, knowing: bool) -> None:
    run = await a.connection.fetchval("select run from histories where workflow = $1", a.closed)
    packed = await a.connection.fetchval("select content from history_bytes where run = $1", run)
    content = gzip.decompress(packed).replace(b"handler1", b"handler2")
    await a.execute("update history_bytes set content = $2 where run = $1", run, gzip.compress(content))
    if knowing:
        sha256 = hashlib.sha256(content).hexdigest()
        await a.execute(
            "update histories set sha256 = $2, size = $3 where run = $1", run, sha256, len(content)
        )


async def _archive_replaced_plainly(a: Attacked) -> None:
    await _archive_replaced(a, knowing=False)


async def _archive_replaced_knowingly(a: Attacked) -> None:
    await _archive_replaced(a, knowing=True)


async def _archive_cut(a: Attacked) -> None:
    await a.execute("update history_bytes set content = substring(content for length(content) - 20)")


async def _archive_gone(a: Attacked) -> None:
    await a.execute(
        "delete from history_bytes where run in (select run from histories where workflow = $1)", a.closed
    )
    await a.execute("delete from histories where workflow = $1", a.closed)


async def _journal_rewritten(a: Attacked) -> None:
    await a.execute("update journal set actor = 'somebody' where seq = 1")
    await a.rehash(OFFICE, "journal")


async def _last_seal_gone(a: Attacked) -> None:
    await a.execute("delete from sealed_heads where seal = 2")
    await a.execute("delete from seals where number = 2")


async def _seal_resigned(a: Attacked) -> None:
    """Signed anew by a key of their own, over a log of their own."""
    await a.execute("update sealed_heads set hash = repeat('a', 64) where position = 0")
    await a.execute("update seals set root = repeat('b', 64), signature = repeat('c', 128) where number = 1")


TAMPERINGS = {
    "another actor": Tampering(
        "update facts set actor = 'x' where code = $1 and seq = 2",
        "closed",
        "closed",
        "does not match its hash",
        2,
    ),
    "another moment": Tampering(
        "update facts set at = at + interval '1 second' where code = $1 and seq = 3",
        *("closed", "closed", "does not match its hash", 3),
    ),
    "another unit": Tampering(
        "update facts set unit = 'police' where code = $1 and seq = 2",
        *("open", "open", "does not match its hash", 2),
    ),
    "another command": Tampering(
        "update facts set command = 'x' where code = $1 and seq = 2",
        *("open", "open", "does not match its hash", 2),
    ),
    "another kind": Tampering(
        "update facts set kind = 'released' where code = $1 and kind = 'claimed'",
        *("fresh", "fresh", "does not match its hash"),
    ),
    "another content": Tampering(
        "update facts set data = data || '{\"limit\": \"9 days\"}' where code = $1 and kind = 'accepted'",
        *("closed", "closed", "does not match its hash", 2),
    ),
    "a pair swapped": Tampering(
        _swapped,
        *("closed", "closed", "does not follow the fact before it", 3),
    ),
    "a hash made anew": Tampering(
        "update facts set hash = repeat('a', 64) where code = $1 and seq = 2",
        *("closed", "closed", "does not match its hash", 2),
    ),
    "one in the middle gone": Tampering(
        "delete from facts where code = $1 and seq = 4", "closed", "closed", "fact 4 is missing", 4
    ),
    "one in the middle gone, the rest made anew": Tampering(
        _middle_rewritten, "open", "open", "is not the one over which seal 1 stands"
    ),
    "the first gone": Tampering(
        "delete from facts where code = $1 and seq = 1", "closed", "closed", "fact 1 is missing", 1
    ),
    "the last gone": Tampering(
        "delete from facts where code = $1 and seq = (select max(seq) from facts where code = $1)",
        *("closed", "closed", "the read model ends at fact"),
    ),
    "the last gone, and the read model with it": Tampering(
        _cut_sealed, "closed", "closed", "is missing, over which seal 1 stands"
    ),
    "the last gone before it was sealed": Tampering(
        _cut_fresh, "fresh", "fresh", "is in its history and not on record", by="replay"
    ),
    "a chain made anew from the middle": Tampering(
        _rewritten_sealed, "closed", "closed", "is not the one over which seal 1 stands"
    ),
    "a chain made anew before it was sealed": Tampering(
        _rewritten_fresh, "fresh", "fresh", "in its history", by="replay"
    ),
    "a fact forged at the end": Tampering(
        _forged_fact, "fresh", "fresh", "is on record and not in its history", by="replay"
    ),
    "all facts gone": Tampering(
        "delete from facts where code = $1", "closed", "closed", "no facts are on record"
    ),
    "a whole dossier gone": Tampering(_whole_dossier, "open", "log", "of the log are missing"),
    "a whole dossier gone, and the log left alone": Tampering(
        _dossier_but_not_its_heads, "open", "open", "over which seal 1 stands"
    ),
    "the end of the log far away": Tampering(
        "update sealed_heads set position = 3000000 where code = $1"
        " and position = (select max(position) from sealed_heads where code = $1)",
        *("open", "log", "of the log are missing"),
    ),
    "a line of the journal emptied": Tampering(
        "update journal set data = '{}' where kind = 'history-archived' and $1 <> ''",
        *("open", "journal", "does not match its hash"),
    ),
    "an archived history that closed at no time": Tampering(
        "update histories set closed_at = 'infinity' where workflow = $1",
        *("closed", "history", "is not as the journal says"),
    ),
    "a fact at no time": Tampering(
        "update facts set at = 'infinity' where code = $1 and seq = 2",
        *("fresh", "fresh", "its facts cannot be read"),
        by="replay",
    ),
    "a document gone": Tampering(
        "delete from files where id in (select id from private where code = $1)",
        *("open", "open", "the document it refers to is gone"),
    ),
    "an applicant moved to another dossier": Tampering(
        "update private set code = 'H53.26-260302-0009' where code = $1 and kind = 'applicant'",
        *("open", "open", "lies with dossier H53.26-260302-0009"),
    ),
    "a whole dossier gone, and the log closed up": Tampering(
        _whole_dossier_closed_up, "open", "seal 1", "its root is not that of the log"
    ),
    "a whole dossier gone before it was sealed": Tampering(
        _whole_fresh_dossier, "fresh", "fresh", "is in its history and not on record", by="replay"
    ),
    "a dossier invented": Tampering(
        _invented_dossier, "fresh", "H53.26-260302-7777", "no history of it is left", by="replay"
    ),
    "an archived history replaced": Tampering(
        _archive_replaced_plainly, "closed", "history", "does not match its SHA-256"
    ),
    "an archived history replaced, and its hash": Tampering(
        _archive_replaced_knowingly, "closed", "history", "is not as the journal says"
    ),
    "archived histories cut off": Tampering(_archive_cut, "closed", "history", "cannot be unpacked"),
    "an archived history gone": Tampering(
        _archive_gone, "closed", "history", "was archived, as the journal says"
    ),
    "an entry of the journal gone": Tampering(
        "delete from journal where seq = 2 and $1 <> ''", "closed", "journal", "entry 2 is missing", 2
    ),
    "an entry of the journal changed": Tampering(
        "update journal set at = at + interval '1 day' where seq = 2 and $1 <> ''",
        *("closed", "journal", "does not match its hash", 2),
    ),
    "the journal made anew": Tampering(
        _journal_rewritten, "closed", "journal", "is not the one over which seal"
    ),
    "a seal replaced": Tampering(
        "update seals set root = repeat('0', 64) where number = 1 and $1 <> ''",
        *("closed", "seal 1", "does not bear the signature"),
    ),
    "a seal dated back": Tampering(
        "update seals set at = at - interval '1 year' where number = 2 and $1 <> ''",
        *("closed", "seal 2", "is dated before the seal before it"),
    ),
    "a seal signed by somebody else": Tampering(
        _seal_resigned, "closed", "seal 1", "it is not the one that was made, as the copy outside"
    ),
    "the first seal gone": Tampering(
        "delete from seals where number = 1 and $1 <> ''", "closed", "seal 1", "is not on record"
    ),
    "the last seal gone": Tampering(_last_seal_gone, "closed", "seal 2", "is not on record"),
    "a head of the log changed": Tampering(
        "update sealed_heads set hash = repeat('a', 64) where code = $1",
        *("closed", "closed", "is not the one over which seal 1 stands"),
    ),
    "a head of the log added": Tampering(
        "insert into sealed_heads select max(position) + 1, 2, $1, 2, repeat('a', 64) from sealed_heads",
        *("fresh", "seal 2", "the last seal stands over"),
    ),
    "another due instant in the read model": Tampering(
        "update dossiers set due_at = due_at + interval '1 day' where code = $1",
        *("open", "open", "the read model says due_at"),
    ),
    "timeliness made better": Tampering(
        "update dossiers set timeliness = 'overdue' where code = $1",
        *("closed", "closed", "the read model says timeliness 'overdue', the facts 'e"),
    ),
    "somebody else's task": Tampering(
        "update tasks set assignee = 'handler2' where code = $1",
        "fresh",
        "fresh",
        "the read model says tasks",
    ),
    "a term that runs longer": Tampering(
        "update terms set due_at = due_at + interval '1 day' where code = $1",
        *("open", "open", "the read model says terms"),
    ),
    "the read model gone": Tampering(
        "delete from dossiers where code = $1", "closed", "closed", "missing from the read model"
    ),
    "the read model moved": Tampering(
        "update dossiers set seq = seq - 1 where code = $1", "closed", "closed", "the read model ends at"
    ),
    "what people were to be told, gone": Tampering(
        "delete from occasions where code = $1 and kind = 'ready'",
        *("closed", "closed", "that people were to be told 'ready' is gone", 14),
    ),
    "others were to be told": Tampering(
        """update occasions set "to" = '{unit-leader}' where code = $1 and kind = 'accepted'""",
        *("open", "open", "has to ('unit-leader',), not ('applicant',)", 2),
    ),
    "told at another time": Tampering(
        "update occasions set at = at - interval '1 day' where code = $1 and kind = 'accepted'",
        *("open", "open", "what people were to be told has at", 2),
    ),
    "told what never happened": Tampering(
        "insert into occasions select code, term, generation, rung, 7, kind, 'overdue', at, tell_at, \"to\","
        " by, at_once, fact from occasions where code = $1 and kind = 'accepted'",
        *("open", "open", "told 'overdue', which no fact called for", 2),
    ),
    "a letter that nothing called for": Tampering(
        "insert into notices (code, term, generation, rung, occurrence, recipient, channel, alarm, name,"
        " due_at, fact, tell_at)"
        " values ($1, 2, 0, 5, 0, 'leader1', 'email', 'overdue', 'overdue', now(), 2, now())",
        *("open", "open", "nothing called for the notice", 2),
    ),
    "another applicant": Tampering(
        "update private set content = jsonb_set(content, '{name}', '\"Ai Đó\"')"
        " where code = $1 and kind = 'applicant'",
        *("open", "open", "what it refers to was altered", 1),
    ),
    "an applicant taken away": Tampering(
        "delete from private where code = $1 and kind = 'applicant'",
        *("open", "open", "no erasure tells of it", 1),
    ),
    "a document replaced": Tampering(
        "update files set content = '%PDF-1.4 another'::bytea"
        " where id in (select id from private where code = $1)",
        *("open", "open", "the document it refers to was replaced"),
    ),
    "a look taken away": Tampering(
        "delete from views where code = $1 and number = 2", "open", "views", "3 looks were counted in entry"
    ),
    "a look added under an old date": Tampering(
        "insert into views (at, person, address, what, code) values"
        " (clock_timestamp() - interval '2 days', 'handler1', '10.0.0.1', 'dossier', $1)",
        *("open", "views", "well before the one written before it"),
    ),
    "a journal that cannot be read": Tampering(
        "update journal set data = '[1]' where seq = 2 and $1 <> ''",
        *("open", "journal", "cannot be read", 2),
    ),
    "an actor, under a journal that cannot be read": Tampering(
        "with j as (update journal set data = '[1]' where seq = 2)"
        " update facts set actor = 'handler2' where code = $1 and seq = 4",
        *("closed", "closed", "content does not match its hash", 4),
    ),
    "looks counted from nowhere": Tampering(
        "update journal set data = data || '{\"after\": \"x\"}' where kind = 'views-closed' and $1 <> ''",
        *("open", "journal", "it counts looks from no number"),
    ),
    "looks counted from too far": Tampering(
        "update journal set data = data || '{\"after\": 99999999999999999999}'"
        " where kind = 'views-closed' and $1 <> ''",
        *("open", "journal", "it counts looks from no number"),
    ),
    "a fact before all time": Tampering(
        "update facts set at = '-infinity' where code = $1 and seq = 3", "open", "open", "cannot be read"
    ),
    "a fact that refers to nonsense": Tampering(
        'update facts set data = data || \'{"y": {"id": [1], "hash": 6}}\' where code = $1 and seq = 3',
        *("open", "open", "content does not match its hash", 3),
    ),
    "a fact without names": Tampering(
        "update facts set data = '3' where code = $1 and seq = 3",
        "open",
        "open",
        "cannot be read",
        by="replay",
    ),
    "a history closed at the end of time": Tampering(
        "update histories set closed_at = 'infinity' where workflow = $1", "closed", "history", "journal says"
    ),
    "a late task hidden at the end of the inbox": Tampering(
        "update tasks set urgent_at = 'infinity', place = 2 where code = $1",
        *("fresh", "fresh", "the inbox has task"),
    ),
    "an alarm that the board does not show": Tampering(
        "update terms set alarmed_at = now() where code = $1", "open", "open", "the board has term"
    ),
    "told in a hundred years": Tampering(
        "update occasions set tell_at = tell_at + interval '100 years' where code = $1",
        *("open", "open", "what people were to be told has tell_at"),
    ),
    "a fact in a year that cannot be": Tampering(
        "update facts set at = '20000-01-01' where code = $1 and seq = 3", "open", "open", "cannot be read"
    ),
    "the same, against its history": Tampering(
        "update facts set at = '20000-01-01' where code = $1 and seq = 3",
        *("open", "open", "its record cannot be read"),
        by="replay",
    ),
    "a history closed in a year that cannot be": Tampering(
        "update histories set closed_at = '20000-01-01' where $1 <> ''",
        *("open", "archive", "cannot be read"),
    ),
    "the first fact gone, and the chain made again": Tampering(_behead, "closed", "closed", "cannot be read"),
    "the same, and the history asked": Tampering(
        _behead, "closed", "closed", "is in its history and not on record", by="replay"
    ),
    "another one's look": Tampering(
        "update views set person = 'handler1' where code = $1 and number = 2",
        *("open", "views", "3 looks were counted in entry"),
    ),
    "other rules": Tampering(
        "update rules set body = jsonb_set(body, '{limit}', '\"9 days\"')"
        " where kind = 'procedure' and $1 <> ''",
        *("open", "procedure", "does not match its fingerprint"),
    ),
}


@pytest.mark.slow  # all of the office is verified for each of eighty forgeries
@pytest.mark.parametrize("how", TAMPERINGS)
async def test_tampering_is_found(attacked: Attacked, how: str) -> None:
    """Named at the right place; nobody else is named; put back, nothing is found."""
    tampering = TAMPERINGS[how]
    codes = {"closed": attacked.closed, "open": attacked.open, "fresh": attacked.fresh}
    try:
        if callable(tampering.do):
            await tampering.do(attacked)
        else:
            await attacked.execute(tampering.do, codes[tampering.to])
        found = (await attacked.verify()).broken if tampering.by == "verify" else await attacked.replay()
    finally:
        await attacked.put_back()
    named = codes.get(tampering.named, tampering.named)
    assert any(
        broken.code.startswith(named)
        and tampering.what in broken.what
        and tampering.seq in (None, broken.seq)
        for broken in found
    ), found
    innocent = set(codes.values()) - {codes[tampering.to]}
    if tampering.named != "procedure":  # which is that of all of them
        assert not innocent & {broken.code for broken in found}, found


async def test_an_untouched_record_is_found_whole(attacked: Attacked) -> None:
    """By both, before and after all of it."""
    verified = await attacked.verify()
    assert verified.broken == ()
    assert (verified.dossiers, verified.seals) == (4, 2)
    assert verified.sealed > 4
    assert verified.histories >= 1
    assert await attacked.replay() == ()


async def test_one_dossier_that_was_invented(attacked: Attacked) -> None:
    """Replayed alone it has no history, either."""
    replaying = Replaying(attacked.office.client, attacked.office.store, attacked.where)
    try:
        await _invented_dossier(attacked)
        found = await replayed(replaying, "H53.26-260302-7777")
    finally:
        await attacked.put_back()
    assert found.replayed == 0
    assert [each.what for each in found.differing] == [
        NOT_MOVED.format(code="H53.26-260302-7777"),
        "no history of it is left, neither in Temporal nor in the archive",
    ]


async def test_nothing_is_sealed_over_an_altered_log(attacked: Attacked) -> None:
    """Nor after seals that are not those that were made."""
    for sql, refusal in (
        ("update sealed_heads set hash = repeat('a', 64) where position = 1", LogAltered),
        ("delete from sealed_heads where position = 1", LogAltered),
        ("update seals set at = at + interval '1 second' where number = 2", SealsDiffer),
        ("delete from seals where number = 2", SealsDiffer),
    ):
        try:
            await attacked.execute(sql)
            with pytest.raises(refusal):
                await attacked.sealer.seal("clock")
        finally:
            await attacked.put_back()
    assert (await attacked.verify()).seals == 2


async def test_somebody_takes_the_folder_of_the_seals_over(attacked: Attacked, tmp_path: Path) -> None:
    """With the database: new keys, and new seals over an altered record. What was published tells."""
    published = attacked.ring.keys
    forger = KeyRing(tmp_path / "forged", OFFICE)
    try:
        await _rewritten_sealed(attacked)
        for table in ("sealed_heads", "stamps", "seals", "journal"):
            await attacked.execute(f"delete from {table}")
        await attacked.execute("delete from history_bytes")
        await attacked.execute("delete from histories")
        await Sealer(attacked.office.store, forger, lambda: datetime.now(UTC), None).seal("clock")
        # By what is in that folder all is well; the keys that were published, or a replay, say otherwise.
        assert (await verified(attacked.office.store, forger)).broken == ()
        attacked_ring = (await attacked.verify()).broken
        assert any("which no trusted key vouches for" in broken.what for broken in attacked_ring)
        assert any(broken.code == attacked.closed for broken in await attacked.replay())
    finally:
        await attacked.put_back()
    assert attacked.ring.keys == published
