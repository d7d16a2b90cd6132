"""Dossiers without a workflow: the record says that they go on, and nothing in Temporal moves them.

A workflow disappears by `terminate`, by a deleted history, or with a Temporal server's disk. Its dossier's
deadlines then run out in silence, so the audit, the replay and a metric all look here. A closed dossier needs
its workflow until a linked dossier that waits for it has heard of its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import structlog
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import MetricMeter
from temporalio.service import RPCError, RPCStatusCode

from models.refusals import Unreachable
from motcua.replay import WORKFLOWS, Head, replay
from motcua.store import Store
from motcua.store.record import Record
from motcua.temporal import AWAY, RPC_TIMEOUT, reached

BATCH_SIZE = 500
"""Dossiers that Temporal is asked about at once: an office of 100,000 open ones takes 200 questions."""
BATCH_PAUSE, ROUND_PAUSE = 0.05, 300.0
"""Seconds between two batches, and between two rounds, of the watch."""
MAX_CONFIRMED_CODES = 1000
"""So many codes are asked for one by one in a round of the watch: a lost server must not cost more."""
MAX_LOGGED_CODES = 50
"""So many codes are named in one line of the log."""
MAX_REPLAYED = 50
"""So many histories of ended workflows are held against the record."""
RESTART = "starter.py dossiers restart {code} --as USER --reason REASON"
NOT_MOVED = (
    f"it is open, but no workflow of it runs; an administrator begins one from its facts with: {RESTART}"
)
NOT_HEARD = (
    "it is closed, but a linked dossier has not heard of it, and no workflow of it runs; an administrator has"
    f" its messages delivered with: {RESTART}"
)
BEHIND = "no workflow of it runs, and the history of its last one goes to fact {seq}: facts are missing here"

MOVED = (WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.COMPLETED)
"""The workflow of a closed dossier delivers its messages, or has delivered them."""

log = structlog.get_logger()


class Missing:
    """Looks for open dossiers without a workflow.

    An intake without a first fact is none of them: the desk's sweep finishes it.
    """

    def __init__(self, client: Client, store: Store) -> None:
        self._client, self._store, self._record = client, store, Record(store)

    async def batches(self, most: int | None = None) -> AsyncIterator[tuple[int, list[str]]]:
        """(open dossiers looked at, codes of those without a workflow), batch by batch in order of code.

        After `most` codes the list's word counts: so many are not missing by its delay.
        """
        after, found = "", 0
        while codes := await self._record.open_codes(after, BATCH_SIZE):
            missing = await self.among(codes, confirmed=most is None or found < most)
            found += len(missing)
            yield len(codes), missing
            after = codes[-1]

    async def all(self) -> tuple[int, list[str]]:
        """(open dossiers, codes of those without a workflow) of the whole office."""
        looked, found = 0, list[str]()
        async for number, missing in self.batches():
            looked += number
            found += missing
        return looked, found

    async def faults(self, code: str | None = None) -> tuple[int, dict[str, str]]:
        """(open dossiers, what is wrong with those that no workflow moves), of the office or of one code."""
        looked, missing = await self.all() if code is None else (1, await self.among([code]))
        found = {each: NOT_MOVED.format(code=each) for each in missing}
        with reached(self._client.namespace):
            for each in missing[:MAX_REPLAYED]:
                last = await last_fact(self._client, each)
                row = await self._store.row(each)
                if last is not None and row is not None and last.seq > row.seq:
                    found[each] = BEHIND.format(seq=last.seq)
        unheard = await self.unheard(code)
        return looked, found | {each: NOT_HEARD.format(code=each) for each in unheard}

    async def unheard(self, code: str | None) -> list[str]:
        """Closed dossiers of whose end a linked dossier has not heard, and that no workflow tells it."""
        with reached(self._client.namespace):
            return [
                each for each in await self._record.unheard(code) if await self._status(each) not in MOVED
            ]

    async def among(self, codes: list[str], *, confirmed: bool = True) -> list[str]:
        """Those of these open dossiers that have no workflow.

        Temporal's list lags behind what happens: `confirmed` asks for each that it lacks by itself.
        """
        with reached(self._client.namespace):
            running = await self._running(codes)
            suspects = [code for code in codes if code not in running]
            return [code for code in suspects if not confirmed or await self._is_missing(code)]

    async def _running(self, codes: list[str]) -> set[str]:
        named = ", ".join("'" + code.replace("\\", "\\\\").replace("'", "\\'") + "'" for code in codes)
        query = f"ExecutionStatus = 'Running' AND WorkflowId IN ({named})"
        listed = self._client.list_workflows(query, page_size=BATCH_SIZE, rpc_timeout=RPC_TIMEOUT)
        return {execution.id async for execution in listed}

    async def _is_missing(self, code: str) -> bool:
        if await self._status(code) is WorkflowExecutionStatus.RUNNING:
            return False
        # A workflow ends after its last fact is on record: one that ended meanwhile has closed its dossier.
        return await self._record.is_open(code)

    async def _status(self, code: str) -> WorkflowExecutionStatus | None:
        """How the dossier's last workflow stands; None where Temporal has none."""
        try:
            return (await self._client.get_workflow_handle(code).describe(rpc_timeout=RPC_TIMEOUT)).status
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return None


async def last_fact(client: Client, code: str, run: str | None = None) -> Head | None:
    """The last fact in the history of a dossier's workflow; None where there is none, or it diverges."""
    try:
        history = await client.get_workflow_handle(code, run_id=run).fetch_history(rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    return (await replay([history], runner=None, workflows=WORKFLOWS)).heads.get(code)


class MissingWatch:
    """Counts dossiers without a workflow again and again, a few at a time."""

    def __init__(self, client: Client, store: Store, meter: MetricMeter) -> None:
        self._missing = Missing(client, store)
        self._gauge = meter.create_gauge(
            "motcua_dossiers_without_workflow", "Dossiers that no workflow moves, by the last round."
        )

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            try:
                await self.look()
            except (Unreachable, RPCError) as problem:
                if isinstance(problem, RPCError) and problem.status not in AWAY:
                    raise
                log.warning("the watch for missing workflows waits for a service", why=str(problem))
            await asyncio.sleep(ROUND_PAUSE)

    async def look(self) -> list[str]:
        """Look once through all dossiers that need a workflow; returns the codes of those without one."""
        found: list[str] = []
        async for _, missing in self._missing.batches(MAX_CONFIRMED_CODES):
            found += missing
            await asyncio.sleep(BATCH_PAUSE)
        found += await self._missing.unheard(None)
        self._gauge.set(len(found))
        if found:
            log.error("dossiers have no workflow", number=len(found), dossiers=found[:MAX_LOGGED_CODES])
        return found
