"""The archive of closed histories: what Temporal would forget is kept, every byte of it.

A sweep goes by absence: whatever Temporal lists as closed and the archive does not have is fetched, whenever
it closed. Nothing remembers how far the last sweep came, so nothing can be passed over by it.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog
from temporalio.api.history.v1 import History
from temporalio.client import Client, WorkflowExecution, WorkflowHistory
from temporalio.service import RPCError, RPCStatusCode

from models.archive import HERE, Archived, Gap, Swept, unpacked
from models.journal import HistoryArchived, Line
from models.refusals import UnknownDossier
from models.reserved import CLOCK_ID
from motcua.store.proof import ProofRecord
from motcua.temporal import AWAY, RPC_TIMEOUT, TemporalUnreachable, keep_for, retention

CLOSED = "ExecutionStatus != 'Running'"
LISTED, FETCHED = 1000, 8
"""How many closed histories are looked at together, and how many are fetched at a time."""
WRITTEN = 100
"""How many are written together."""
ACTOR = CLOCK_ID

log = structlog.get_logger()


class Shelf(Protocol):
    """Where bytes are put that are not to lie in PostgreSQL."""

    async def put(self, name: str, content: bytes) -> str:
        """Keep an object; returns its place."""
        ...

    async def get(self, place: str) -> bytes | None:
        """The bytes of an object; None where there is none."""
        ...


class UnknownHistory(UnknownDossier):
    """Neither Temporal nor the archive has such a history."""

    sentence = "There is no history of {workflow} (run: {run}), neither in Temporal nor in the archive."


class Archive:
    """Keeps the closed histories of one office."""

    def __init__(self, client: Client, record: ProofRecord, shelf: Shelf | None) -> None:
        self._client, self._record, self._shelf = client, record, shelf

    async def sweep(self, tell: Callable[[Swept], None]) -> Swept:
        """Archive every closed history that is not there yet; may be cut short at any moment."""
        closed = archived = lost = 0
        async for listed in self._closed(CLOSED):
            closed += len(listed)
            there = await self._record.archived_of([each.run_id for each in listed])
            missing = [each for each in listed if each.run_id not in there]
            for start in range(0, len(missing), WRITTEN):
                wanted = missing[start : start + WRITTEN]
                found = [kept for kept in await self._fetch(wanted) if kept is not None]
                lost += len(wanted) - len(found)
                archived += await self._keep(found)
                tell(Swept(closed=closed, archived=archived, lost=lost))
        return Swept(closed=closed, archived=archived, lost=lost)

    async def gap(self, before: datetime) -> Gap:
        """What closed before a moment and is not archived."""
        missing, oldest = 0, None
        async for listed in self._closed(f"{CLOSED} AND CloseTime < '{before:%Y-%m-%dT%H:%M:%SZ}'"):
            there = await self._record.archived_of([each.run_id for each in listed])
            late = [each.close_time for each in listed if each.run_id not in there and each.close_time]
            missing += len(late)
            oldest = min([*late, *([oldest] if oldest else [])], default=None)
        return Gap(missing=missing, oldest=oldest, lost=await self.lost(before))

    async def lost(self, before: datetime) -> tuple[str, ...]:
        """Codes of dossiers that ended before a moment, whose history nobody has any more."""
        gone = []
        for code, _ in await self._record.unarchived(before, LISTED):
            try:
                await self._client.get_workflow_handle(code).describe(rpc_timeout=RPC_TIMEOUT)
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise _away(self._client, error) from error
                gone.append(code)
        return tuple(gone)

    async def keep_for(self, wanted: timedelta) -> None:
        """Set Temporal's retention; it is not shortened as long as something would be lost by it."""
        if wanted < await retention(self._client):
            gap = await self.gap(datetime.now(UTC) - wanted / 2)
            if gap.missing:
                log.warning("retention is not shortened before the archive has it all", missing=gap.missing)
                return
        await keep_for(self._client, wanted)

    async def bytes_of(self, archived: Archived) -> bytes:
        """The history as Temporal had it; HistoryDamaged where it is not what was archived."""
        return unpacked(archived, await self._record.packed(archived, self._shelf))

    async def history(self, archived: Archived) -> WorkflowHistory:
        """An archived history, ready to be replayed."""
        return opened(archived.workflow, await self.bytes_of(archived))

    async def export(self, workflow: str, run: str | None) -> tuple[str, str]:
        """(run, history as JSON) of a workflow's last run, or of one of them, for Temporal's tools."""
        kept = [each async for each in self._record.histories(workflow, None) if run in (None, each.run)]
        try:
            handle = self._client.get_workflow_handle(workflow, run_id=run)
            described = await handle.describe(rpc_timeout=RPC_TIMEOUT)
            if not kept or described.run_id != kept[-1].run:
                history = await self._client.get_workflow_handle(
                    workflow, run_id=described.run_id
                ).fetch_history(rpc_timeout=RPC_TIMEOUT)
                return described.run_id, history.to_json()
        except RPCError as error:
            if error.status not in (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT):
                raise _away(self._client, error) from error
        if not kept:
            raise UnknownHistory(workflow=workflow, run=run or "any")
        return kept[-1].run, (await self.history(kept[-1])).to_json()

    async def _closed(self, query: str) -> AsyncIterator[list[WorkflowExecution]]:
        listed: list[WorkflowExecution] = []
        try:
            async for execution in self._client.list_workflows(
                query, page_size=LISTED, rpc_timeout=RPC_TIMEOUT
            ):
                listed.append(execution)
                if len(listed) == LISTED:
                    yield listed
                    listed = []
        except RPCError as error:
            raise _away(self._client, error) from error
        if listed:
            yield listed

    async def _fetch(self, wanted: list[WorkflowExecution]) -> list[tuple[Archived, bytes] | None]:
        turn = asyncio.Semaphore(FETCHED)

        async def one(execution: WorkflowExecution) -> tuple[Archived, bytes] | None:
            async with turn:
                handle = self._client.get_workflow_handle(execution.id, run_id=execution.run_id)
                try:
                    events = [event async for event in handle.fetch_history_events(rpc_timeout=RPC_TIMEOUT)]
                except RPCError as error:
                    if error.status is RPCStatusCode.NOT_FOUND:
                        log.error("a history was gone before it was archived", workflow=execution.id)
                        return None
                    raise _away(self._client, error) from error
            content = History(events=events).SerializeToString()
            assert execution.close_time is not None  # it is closed
            assert execution.status is not None
            archived = Archived(
                run=execution.run_id,
                workflow=execution.id,
                type=execution.workflow_type,
                status=execution.status.name.lower().replace("_", "-"),
                closed_at=execution.close_time.astimezone(UTC),
                events=len(events),
                size=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                place=HERE,
            )
            return archived, gzip.compress(content, mtime=0)

        return await asyncio.gather(*(one(execution) for execution in wanted))

    async def _keep(self, found: list[tuple[Archived, bytes]]) -> int:
        kept: list[tuple[Archived, bytes | None]] = list(found)
        if self._shelf is not None:
            places = await asyncio.gather(
                *(self._shelf.put(f"{row.run}.gz", packed) for row, packed in found)
            )
            kept = [
                (row.model_copy(update={"place": place}), None)
                for (row, _), place in zip(found, places, strict=True)
            ]
        now = datetime.now(UTC)
        lines = [
            Line(
                at=now,
                actor=ACTOR,
                command=f"archive/{row.run}",
                event=HistoryArchived(**row.model_dump(exclude={"place"})),
            )
            for row, _ in kept
        ]
        return await self._record.write(lines, kept)


def opened(workflow: str, content: bytes) -> WorkflowHistory:
    """A history from its bytes."""
    return WorkflowHistory(workflow_id=workflow, events=History.FromString(content).events)


def _away(client: Client, error: RPCError) -> Exception:
    if error.status in AWAY:
        return TemporalUnreachable(address=client.namespace, reason=error.message)
    return error
