"""The outbox: notices on record that Temporal has still to be given, each for a workflow of its own.

They are put there in the transaction that records what they tell of. Whoever empties it may die at any
moment: a workflow that has been started already is not started twice, for the notice is its id. One that was
ended from outside, or lost, is started again: what is under way stays in the outbox until its end.
"""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import structlog
from temporalio.client import Client
from temporalio.common import MetricMeter, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from models.refusals import Unreachable
from models.service import Parcel
from motcua.store import Store
from motcua.store.notices import NoticeRecord
from motcua.temporal import AWAY, RPC_TIMEOUT
from workflows.notice import NOTICE_QUEUE, NoticeWorkflow, workflow_of

log = structlog.get_logger()

CHANNEL = "motcua_outbox"
AT_ONCE = 100
LOOK = 5.0
"""Seconds after which it looks although nobody has called: a call may be lost with its connection."""
LOST = timedelta(hours=1)
"""After so long Temporal is asked whether it still has what it was given: its own disk may have been lost."""


class Outbox:
    """Empties the outbox of an office for as long as it runs."""

    def __init__(self, client: Client, store: Store, meter: MetricMeter) -> None:
        self._client, self._store, self._record = client, store, NoticeRecord(store)
        self._backlog = meter.create_gauge("motcua_outbox", "Notices that Temporal has still to be given.")

    async def run(self) -> None:
        """Start the workflow of each notice soon after it is on record, until cancelled."""
        called, asked = asyncio.Event(), -LOST.total_seconds()
        while True:
            try:
                async with self._store.listening(CHANNEL, lambda _: called.set()) as alive:
                    while alive():
                        called.clear()
                        if time.monotonic() - asked > LOST.total_seconds() / 4:
                            asked = time.monotonic()
                            await self._record.lost(LOST)
                        while await self.empty():
                            pass
                        self._backlog.set((await self._record.backlog())[0])
                        await _either(called, LOOK)
            except (Unreachable, RPCError) as problem:
                if isinstance(problem, RPCError) and problem.status not in AWAY:
                    raise
                log.warning("outbox waits for a service", why=str(problem))
            await asyncio.sleep(1)

    async def empty(self) -> bool:
        """Start some; whether there may be more."""
        async with self._record.claim(AT_ONCE) as parcels:
            refused = await asyncio.gather(*(self._start(parcel) for parcel in parcels))
        for parcel, why in zip(parcels, refused, strict=True):  # which the claim had locked
            if why is not None:
                await self._record.end(parcel.notice, parcel.round, "refused", why)
        return len(parcels) == AT_ONCE

    async def _start(self, parcel: Parcel) -> str | None:
        """Start one; why Temporal will never take it, if so."""
        try:
            await self._client.start_workflow(
                NoticeWorkflow.run,
                parcel,
                id=workflow_of(parcel.notice, parcel.round),
                task_queue=NOTICE_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
                static_summary=parcel.notice,
                # The worker of this process gets it with the answer, without asking for it.
                request_eager_start=True,
                # One that gets lost on the way is given out again after this; it takes some milliseconds.
                task_timeout=timedelta(seconds=4),
                rpc_timeout=RPC_TIMEOUT,
            )
        except WorkflowAlreadyStartedError:
            log.info("notice is under way already", notice=parcel.notice)
        except RPCError as problem:
            if problem.status is not RPCStatusCode.INVALID_ARGUMENT:
                raise
            # It would be so each time, and nothing behind it would ever leave: a person has to see to it.
            log.error("notice cannot be given to Temporal", notice=parcel.notice, why=problem.message)
            return problem.message
        return None


async def _either(called: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await called.wait()
    except TimeoutError:
        pass
