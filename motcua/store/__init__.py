"""PostgreSQL: facts, read model, intake, private data. The only user of asyncpg beside the migrations."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Any

import asyncpg
from pydantic import Field, TypeAdapter

from models.base import Value
from models.facts import Fact
from models.ledger import Appended
from models.notices import Notice, Occasion
from models.refusals import RequestReused, Unreachable
from models.view import DossierRow
from motcua.store.sql import query

_FACTS = TypeAdapter(tuple[Fact, ...])
_OCCASIONS = TypeAdapter(tuple[Occasion, ...])
_NOTICES = TypeAdapter(list[Notice])


def dump_notices(notices: Sequence[Notice]) -> str:
    """Notices as the JSON that the database reads."""
    return _NOTICES.dump_json(list(notices)).decode()


class DatabaseUnreachable(Unreachable):
    """PostgreSQL does not answer."""

    sentence = "PostgreSQL cannot be reached: {reason}"

    @classmethod
    def because(cls, error: BaseException) -> DatabaseUnreachable:
        """The problem with the first line of what was said."""
        return cls(reason=(str(error) or type(error).__name__).splitlines()[0])


NO_CONNECTION = (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)
"""What connecting raises where there is no such database, or none that lets us in."""
BAD_VALUE = asyncpg.DataError
"""What PostgreSQL says of a value that a statement cannot work with."""
LOST = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,  # class 08
    asyncpg.InsufficientResourcesError,  # class 53: too many connections, no disk space, no memory
    asyncpg.OperatorInterventionError,  # class 57: shut down, crashed, starting, cancelled
    asyncpg.PostgresSystemError,  # class 58: its disk fails
    asyncpg.ReadOnlySQLTransactionError,  # a standby, or a disk that became read-only
    # A connection taken from the pool before it has noticed that its server was killed.
    asyncpg.InternalClientError,
)
"""What working with a connection raises when the server has gone, cannot work now, or is not there yet.

None of it is the request's fault: the same request will do later on.
"""


class Private(Value):
    """Personal data or free text, kept apart so that it can be erased."""

    id: str
    code: str
    kind: str
    salt: str
    content: Any
    file: bytes | None = Field(default=None, exclude=True, repr=False)
    """The bytes of a document, of which `content` says name, type, size and hash."""
    fresh: bool = Field(default=True, exclude=True, repr=False)
    """Whether it was kept now: a row that was there before may belong to a command that is being recorded."""


class Intake(Value):
    """What is needed to start a dossier, all but its code: the workflow's input, and what to keep apart."""

    opening: str
    private: tuple[Private, ...]


class TaskFilter(Value):
    """Which open tasks to list."""

    unit: str | None = None
    role: str | None = None
    user: str | None = None
    user_roles: tuple[str, ...] = ()
    user_unit: str | None = None
    overdue_at: datetime | None = None
    """Only what is overdue at this moment."""
    limit: int = 1000


class Store:
    """The office's record, through a pool of connections that work as the application's role."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @classmethod
    @asynccontextmanager
    async def connect(cls, url: str, *, most: int = 10, patience: float = 60) -> AsyncIterator[Store]:
        """A store on the database at `url`; closed on exit. A statement is waited for `patience` seconds."""
        try:
            pool = await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=most,
                timeout=10,
                command_timeout=patience,
                init=_set_codecs,
                connection_class=_Connection,
                # Not the owner: this role can add facts, never change or delete them.
                server_settings={
                    "role": "motcua_app",
                    "application_name": "motcua",
                    # A plan for whatever is asked reads whole tables where a page asks for one name or unit:
                    # 50 ms instead of one. Planning anew takes less than one; functions are exempt (0009).
                    "plan_cache_mode": "force_custom_plan",
                    "jit": "off",
                },
            )
        except NO_CONNECTION as error:
            raise DatabaseUnreachable.because(error) from error
        try:
            yield cls(pool)
        finally:
            await pool.close()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        try:
            async with self._pool.acquire(timeout=10) as connection:
                yield connection
        except LOST as error:
            raise DatabaseUnreachable.because(error) from error

    @asynccontextmanager
    async def listening(
        self, channel: str, heard: Callable[[str | None], None]
    ) -> AsyncIterator[Callable[[], bool]]:
        """Call `heard` with what a transaction tells a channel, and with None when the connection is lost.

        Yields what tells whether it still holds.
        """
        async with self._connection() as connection:

            def hear(_connection: object, _pid: int, _channel: str, told: str) -> None:
                heard(told)

            def lose(_connection: object) -> None:
                heard(None)  # nobody will be heard on it any more: look, then

            connection.add_termination_listener(lose)
            await connection.add_listener(channel, hear)
            try:
                yield lambda: not connection.is_closed()
            finally:
                connection.remove_termination_listener(lose)
                if not connection.is_closed():
                    await connection.remove_listener(channel, hear)

    async def answers(self) -> bool:
        """True if the database answers; DatabaseUnreachable if not."""
        async with self._connection() as connection:
            return bool(await connection.fetchval("select true"))

    # Recording

    async def append(
        self,
        row: DossierRow,
        facts: tuple[Fact, ...],
        told: tuple[Occasion, ...] = (),
        outgoing: Sequence[Notice] = (),
    ) -> Appended:
        """Facts, read model, occasions and notices in one transaction, idempotent by (code, seq)."""
        batch = (
            f'{{"row":{row.model_dump_json()},"facts":{_FACTS.dump_json(facts).decode()},'
            f'"occasions":{_OCCASIONS.dump_json(told).decode()},"notices":{dump_notices(outgoing)}}}'
        )
        async with self._connection() as connection:
            answer = json.loads(await connection.fetchval(query("append"), batch))
        return Appended(new=tuple(answer["new"]), stored=tuple(_fact(stored) for stored in answer["stored"]))

    # Intake

    async def take_in(
        self, request_id: str, digest: str, agency: str, day: date, intake: Intake, *, epoch: int = 0
    ) -> tuple[str, bool] | None:
        """Give a request its code, once for ever, and keep what is needed to start its dossier.

        Returns the code and whether it was given just now. The same request id gives the same code, and
        what was kept with it stays; with another `digest` it is refused. `epoch` is the last act on the
        office's calendar that the desk knows of; None when there are others: then nothing was done.
        """
        rows = [row.model_dump(exclude={"code"}) for row in intake.private]
        async with self._connection() as connection:
            taken = await connection.fetchrow(
                query("take_in"),
                epoch,
                request_id,
                digest,
                agency,
                day,
                intake.opening,
                json.dumps(rows, ensure_ascii=False),
            )
        if taken["code"] is None:
            return None
        if taken["digest"] != digest:
            raise RequestReused(request_id=request_id)
        return taken["code"], taken["fresh"]

    async def pending(self, older_than: float, most: int = 100) -> list[str]:
        """The codes of intakes without a first fact that are older than so many seconds."""
        async with self._connection() as connection:
            return [row["code"] for row in await connection.fetch(query("pending"), older_than, most)]

    async def pending_of(self, code: str) -> str | None:
        """The workflow's input of an intake that has no first fact yet."""
        async with self._connection() as connection:
            opening: str | None = await connection.fetchval(query("pending_of"), code)
        return opening

    async def keep_private(self, rows: Sequence[Private]) -> list[Private]:
        """Keep personal data or free text where it can be erased; returns the rows as they are kept.

        A row whose id is there already stays as it was: its salt is the one that counts. Other content
        under the same id is refused.
        """
        files = [(row.id, row.file) for row in rows if row.file is not None]
        async with self._connection() as connection:
            if not files:  # one statement: a transaction around it would make it three
                return await self._keep_private(connection, rows)
            async with connection.transaction():
                kept = await self._keep_private(connection, rows)
                await connection.executemany(query("keep_file"), files)
            return kept

    async def drop_private(self, code: str, command: str, ids: Sequence[str]) -> None:
        """Take back what a refused command had brought, but nothing that is on record under its id."""
        async with self._connection() as connection:
            await connection.execute(query("drop_private"), code, command, list(ids))

    async def _keep_private(self, connection: Any, rows: Sequence[Private]) -> list[Private]:
        kept = await connection.fetch(
            query("keep_private"),
            [row.id for row in rows],
            [row.code for row in rows],
            [row.kind for row in rows],
            [row.salt for row in rows],
            [json.dumps(row.content, ensure_ascii=False) for row in rows],
        )
        by_id = {row["id"]: row for row in kept}
        for row in rows:
            if json.loads(by_id[row.id]["content"]) != row.content:
                fresh = [each["id"] for each in kept if each["fresh"]]
                await connection.execute(query("drop_private"), row.code, row.id, fresh)
                raise RequestReused(request_id=row.id)
        return [
            row.model_copy(update={"salt": by_id[row.id]["salt"], "fresh": by_id[row.id]["fresh"]})
            for row in rows
        ]

    async def add_rules(self, fingerprint: str, kind: str, body: str) -> None:
        """Keep the exact procedure or calendar that a dossier is received under."""
        async with self._connection() as connection:
            await connection.execute(query("add_rules"), fingerprint, kind, body)

    async def rules(self, fingerprint: str) -> str | None:
        """A procedure or calendar by its fingerprint, as JSON."""
        async with self._connection() as connection:
            row = await connection.fetchrow(query("rules"), fingerprint)
        return row["body"] if row else None

    async def every_rule(self) -> list[tuple[str, str, str]]:
        """(fingerprint, kind, body) of every procedure and calendar on record."""
        async with self._connection() as connection:
            rows = await connection.fetch(query("all_rules"))
        return [(row["fingerprint"], row["kind"], row["body"]) for row in rows]

    # Reading

    async def row(self, code: str) -> DossierRow | None:
        """The read model of one dossier."""
        async with self._connection() as connection:
            found: str | None = await connection.fetchval(query("dossier"), code)
        return DossierRow.model_validate_json(found) if found is not None else None

    async def facts(self, code: str) -> list[Fact]:
        """The facts of one dossier, in order."""
        async with self._connection() as connection:
            rows = await connection.fetch(query("facts"), code)
        return [_fact(dict(row)) for row in rows]

    async def facts_of(self, codes: Sequence[str]) -> dict[str, list[Fact]]:
        """The facts of several dossiers by code, each in order."""
        async with self._connection() as connection:
            rows = await connection.fetch(query("facts_of"), list(codes))
        found: dict[str, list[Fact]] = {}
        for row in rows:
            found.setdefault(row["code"], []).append(_fact(dict(row)))
        return found

    async def every_fact(self) -> AsyncIterator[dict[str, Any]]:
        """All facts as plain rows, by code and number, streamed: memory does not grow with the office."""
        async with self._connection() as connection, connection.transaction(readonly=True):
            async for row in connection.cursor(query("all_facts"), prefetch=2000):
                yield dict(row)

    async def heads(self) -> AsyncIterator[tuple[str, int, str]]:
        """(code, last number, last hash) of every dossier in the read model, streamed."""
        async with self._connection() as connection, connection.transaction(readonly=True):
            async for row in connection.cursor(query("heads"), prefetch=2000):
                yield row["code"], row["seq"], row["head"]

    async def tasks(self, wanted: TaskFilter) -> list[dict[str, Any]]:
        """Open tasks, the most urgent first; a user sees their own and the open ones of their roles."""
        async with self._connection() as connection:
            rows = await connection.fetch(
                query("tasks"),
                wanted.unit,
                wanted.role,
                wanted.user,
                list(wanted.user_roles),
                wanted.user_unit,
                wanted.overdue_at,
                wanted.limit,
            )
        return [dict(row) for row in rows]

    async def holders(self) -> list[dict[str, Any]]:
        """Who has open tasks of which role and unit (assignee, role, unit), simulated dossiers apart."""
        async with self._connection() as connection:
            return [dict(row) for row in await connection.fetch(query("task_holders"))]

    async def held(self, assignee: str, role: str, unit: str) -> list[tuple[str, int, int]]:
        """(code, task, last fact's number) of somebody's open tasks of a role and unit; no simulated ones."""
        async with self._connection() as connection:
            rows = await connection.fetch(query("tasks_held"), assignee, role, unit)
        return [(row["code"], row["id"], row["seq"]) for row in rows]

    async def open_codes(self, unit: str | None = None) -> list[str]:
        """The codes of the dossiers that still work towards a result, of one unit or all."""
        async with self._connection() as connection:
            return [row["code"] for row in await connection.fetch(query("open_codes"), unit)]

    async def unclosed_codes(self) -> list[str]:
        """The codes of the dossiers that have a clock: all that are not closed."""
        async with self._connection() as connection:
            return [row["code"] for row in await connection.fetch(query("unclosed_codes"))]

    async def open_by_unit(self) -> dict[str, int]:
        """How many dossiers still work towards a result in each unit that has some."""
        async with self._connection() as connection:
            return {row["unit"]: row["open"] for row in await connection.fetch(query("open_by_unit"))}

    async def apologies(self, unit: str | None = None, most: int = 1000) -> list[dict[str, Any]]:
        """Drafted apologies that wait for a leader, by when their dossiers are due."""
        async with self._connection() as connection:
            return [dict(row) for row in await connection.fetch(query("apologies"), unit, most)]

    async def private(self, code: str) -> dict[str, Any]:
        """The personal data and free text of a dossier that have not been erased, by id."""
        async with self._connection() as connection:
            rows = await connection.fetch(query("private"), code)
        return {row["id"]: json.loads(row["content"]) for row in rows}

    async def private_row(self, name: str) -> Any:
        """One piece of personal data or free text by its id; None where there is none, or not any more.

        What a linked dossier refers to lies with the dossier that asked for it.
        """
        async with self._connection() as connection:
            found: str | None = await connection.fetchval(query("private_row"), name)
        return json.loads(found) if found is not None else None

    async def file(self, name: str) -> bytes | None:
        """The bytes of a document by the id of its row; None where there are none, or not any more."""
        async with self._connection() as connection:
            found: bytes | None = await connection.fetchval(query("file"), name)
        return found

    async def track_key(self, code: str) -> str | None:
        """What only the applicant's papers say beside a dossier's code; None once the applicant is erased."""
        async with self._connection() as connection:
            key: str | None = await connection.fetchval(query("track_key"), code)
        return key

    async def track_link(self, public_url: str, code: str) -> str:
        """Where the applicant looks a dossier up and rates the service; it speaks for whoever knows it."""
        key = await self.track_key(code)
        return f"{public_url.rstrip('/')}/track/{code}" + (f"?k={key}" if key else "")

    async def counts(self) -> dict[str, int]:
        """How many dossiers, facts, rungs reached, alarms told to staff and notices to send there are."""
        async with self._connection() as connection:
            return dict(await connection.fetchrow(query("counts")))

    async def results(self) -> list[tuple[datetime, datetime]]:
        """(ready, due) of every dossier whose result is ready."""
        async with self._connection() as connection:
            return [(row["ready_at"], row["due_at"]) for row in await connection.fetch(query("results"))]

    async def deviations(self) -> dict[str, int]:
        """How often each rule would have refused what another system says has happened."""
        async with self._connection() as connection:
            return {row["kind"]: row["count"] for row in await connection.fetch(query("deviations"))}

    async def latest(self) -> str | None:
        """The dossier that was finished last."""
        async with self._connection() as connection:
            code: str | None = await connection.fetchval(query("latest"))
        return code

    async def span(self) -> tuple[datetime, datetime] | None:
        """The first acceptance and the last fact on record; None before the first acceptance."""
        async with self._connection() as connection:
            row = await connection.fetchrow(query("span"))
        return (row["first"], row["last"]) if row["first"] else None

    async def now(self) -> datetime:
        """Office time: the real one, or the moment of the last fact where every dossier is simulated."""
        async with self._connection() as connection:
            simulated: datetime | None = await connection.fetchval(query("simulated_until"))
        return simulated or datetime.now(UTC)

    async def report(
        self, start: datetime, end: datetime, at: datetime, by: str | None
    ) -> list[dict[str, Any]]:
        """The counts of report II.06 for the period [start, end), as things stand at `at`."""
        async with self._connection() as connection:
            return [dict(row) for row in await connection.fetch(query("report"), start, end, at, by)]

    async def progress(self, request_id: str) -> tuple[str | None, set[str]]:
        """The code of a submission, if it has one, and the ids of the commands on record for it."""
        async with self._connection() as connection:
            row = await connection.fetchrow(query("progress"), request_id)
        return (row["code"], set(row["commands"] or ())) if row else (None, set())


class _Connection(asyncpg.Connection):  # type: ignore[misc]
    """A connection that is not reset when it goes back to the pool: nothing here changes its session."""

    def get_reset_query(self) -> str:
        """No round trip for each use."""
        return ""


async def _set_codecs(connection: Any) -> None:
    # jsonb travels as text: what is hashed must not pass through a second opinion about JSON.
    await connection.set_type_codec("jsonb", encoder=str, decoder=str, schema="pg_catalog")


def _fact(row: dict[str, Any]) -> Fact:
    data = row["data"]
    if isinstance(data, str):
        data = json.loads(data)
    if not isinstance(data, dict):
        raise ValueError(f"fact {row['seq']} has no names and values")
    at = row["at"]
    return Fact.model_validate_json(
        json.dumps(
            {
                "seq": row["seq"],
                "at": at if isinstance(at, str) else at.astimezone(UTC).isoformat(),
                "actor": row["actor"],
                "unit": row["unit"],
                "command": row["command"],
                "event": {"kind": row["kind"], **data},
                "prev_hash": row["prev_hash"],
                "hash": row["hash"],
            }
        )
    )
