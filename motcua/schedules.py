"""What Temporal starts by the office's clock: morning mail, archive, the day's seal, replay, staff."""

from __future__ import annotations

from datetime import time, timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from motcua.temporal import RPC_TIMEOUT
from workflows.notice import NOTICE_QUEUE
from workflows.upkeep import (
    UPKEEP_QUEUE,
    ArchiveWorkflow,
    DigestWorkflow,
    EraseWorkflow,
    FreeWorkflow,
    ReplayWorkflow,
    SealWorkflow,
)

DIGEST, ARCHIVE, SEAL = "motcua-digest", "motcua-archive", "motcua-seal"
ERASE, REPLAY, FREE = "motcua-erase", "motcua-replay", "motcua-free"
CATCH_UP = timedelta(hours=3)
"""After servers were away a morning mail still makes sense for so long."""
FREE_AT, SEAL_AT, ERASE_AT, REPLAY_AT = time(0, 5), time(0, 10), time(1, 0), time(2, 0)
"""Office time: when the day is over, and when nobody works."""


async def keep_digest(client: Client, at: time | None, zone: str) -> None:
    """Have the digests written every day at an office time of day; with None, no more."""
    if at is None:
        try:
            await client.get_schedule_handle(DIGEST).delete(rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
        return
    action = ScheduleActionStartWorkflow(
        DigestWorkflow.run, id="digest", task_queue=NOTICE_QUEUE, execution_timeout=CATCH_UP
    )
    # Every day: whether the office opens on it, its own calendar says when the time has come.
    # One that hangs must not have the next one skipped. Each digest is written once, whoever writes it.
    policy = SchedulePolicy(overlap=ScheduleOverlapPolicy.TERMINATE_OTHER, catchup_window=CATCH_UP)
    await _keep(client, DIGEST, Schedule(action=action, spec=_daily(at, zone), policy=policy))


async def keep_proof(client: Client, retention: timedelta, zone: str) -> None:
    """Have closed histories archived long before Temporal forgets them; every day seal, erase and replay."""
    every = min(timedelta(hours=1), max(timedelta(minutes=1), retention / 6))
    # What is missed while servers are away is made good by the next: each goes by what it finds.
    policy = SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(hours=20))
    for name, action, spec in (
        (
            ARCHIVE,
            ScheduleActionStartWorkflow(ArchiveWorkflow.run, id="archive", task_queue=UPKEEP_QUEUE),
            ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
        ),
        (
            SEAL,
            ScheduleActionStartWorkflow(SealWorkflow.run, id="seal", task_queue=UPKEEP_QUEUE),
            _daily(SEAL_AT, zone),
        ),
        (
            ERASE,
            ScheduleActionStartWorkflow(EraseWorkflow.run, id="erase", task_queue=UPKEEP_QUEUE),
            _daily(ERASE_AT, zone),
        ),
        (
            REPLAY,
            ScheduleActionStartWorkflow(ReplayWorkflow.run, id="replay", task_queue=UPKEEP_QUEUE),
            _daily(REPLAY_AT, zone),
        ),
    ):
        await _keep(client, name, Schedule(action=action, spec=spec, policy=policy))


def _daily(at: time, zone: str) -> ScheduleSpec:
    hour, minute = [ScheduleRange(at.hour)], [ScheduleRange(at.minute)]
    return ScheduleSpec(calendars=[ScheduleCalendarSpec(hour=hour, minute=minute)], time_zone_name=zone)


async def keep_staffing(client: Client, zone: str) -> None:
    """Have the tasks of those who have gone freed every day, and now: the catalogue may have changed."""
    action = ScheduleActionStartWorkflow(FreeWorkflow.run, id="free", task_queue=UPKEEP_QUEUE)
    policy = SchedulePolicy(overlap=ScheduleOverlapPolicy.BUFFER_ONE, catchup_window=timedelta(hours=20))
    await _keep(client, FREE, Schedule(action=action, spec=_daily(FREE_AT, zone), policy=policy))
    await client.get_schedule_handle(FREE).trigger(rpc_timeout=RPC_TIMEOUT)


async def _keep(client: Client, name: str, schedule: Schedule) -> None:
    try:
        await client.create_schedule(name, schedule, rpc_timeout=RPC_TIMEOUT)
    except ScheduleAlreadyRunningError:

        def anew(there: ScheduleUpdateInput) -> ScheduleUpdate:
            schedule.state = there.description.schedule.state  # whoever paused it had a reason
            return ScheduleUpdate(schedule=schedule)

        await client.get_schedule_handle(name).update(anew, rpc_timeout=RPC_TIMEOUT)
