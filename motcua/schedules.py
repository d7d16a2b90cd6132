"""What Temporal starts by the office's clock: the morning mail."""

from __future__ import annotations

from datetime import time, timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleUpdate,
)
from temporalio.service import RPCError, RPCStatusCode

from motcua.temporal import RPC_TIMEOUT
from workflows.notice import NOTICE_QUEUE
from workflows.upkeep import DigestWorkflow

DIGEST = "motcua-digest"
CATCH_UP = timedelta(hours=3)
"""After servers were away a morning mail still makes sense for so long."""


async def keep_digest(client: Client, at: time | None, zone: str) -> None:
    """Have the digests written every day at an office time of day; with None, no more."""
    handle = client.get_schedule_handle(DIGEST)
    if at is None:
        try:
            await handle.delete(rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
        return
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(
            DigestWorkflow.run,
            id="digest",
            task_queue=NOTICE_QUEUE,
            execution_timeout=CATCH_UP,
        ),
        # Every day: whether the office opens on it, its own calendar says when the time has come.
        spec=ScheduleSpec(
            calendars=[
                ScheduleCalendarSpec(hour=[ScheduleRange(at.hour)], minute=[ScheduleRange(at.minute)])
            ],
            time_zone_name=zone,
        ),
        # One that hangs must not have the next one skipped. Each digest is written once, whoever writes it.
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.TERMINATE_OTHER, catchup_window=CATCH_UP),
    )
    try:
        await client.create_schedule(DIGEST, schedule, rpc_timeout=RPC_TIMEOUT)
    except ScheduleAlreadyRunningError:
        await handle.update(lambda _: ScheduleUpdate(schedule=schedule), rpc_timeout=RPC_TIMEOUT)
