"""What the office does by the clock, beside its dossiers. Started by Temporal's schedules."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, is_cancelled_exception

from activities.notify import Notifying
from activities.upkeep import Upkeep
from models.archive import Replays, Swept
from models.keeping import Cleared
from models.people import Vacated

UPKEEP_QUEUE = "motcua-upkeep"
"""A task queue of their own: what takes minutes takes no slot away from people."""
_PATIENT = RetryPolicy(initial_interval=timedelta(seconds=5), maximum_interval=timedelta(minutes=10))
_REPEATED = RetryPolicy(
    initial_interval=timedelta(seconds=5), maximum_interval=timedelta(minutes=10), maximum_attempts=8
)
"""For a check: a service that is away for some minutes does not end it, a bug does within half an hour."""


@workflow.defn(name="Digest")
class DigestWorkflow:
    """The morning mail: what is late, due today and soon, for each officer."""

    @workflow.run
    async def run(self) -> int:
        """Write the digests; each is then a notice like any other. Returns how many."""
        return await workflow.execute_activity_method(
            Notifying.digests,
            workflow.now(),
            start_to_close_timeout=timedelta(minutes=2),
            summary="write the digests",
        )


@workflow.defn(name="Archive")
class ArchiveWorkflow:
    """What Temporal has closed is archived before it forgets it."""

    @workflow.run
    async def run(self) -> Swept:
        """Sweep until all is there."""
        return await workflow.execute_activity_method(
            Upkeep.archive,
            start_to_close_timeout=timedelta(hours=6),
            heartbeat_timeout=timedelta(minutes=5),
            retry_policy=_PATIENT,
            summary="archive closed histories",
        )


@workflow.defn(name="Seal")
class SealWorkflow:
    """The day's seal, and the stamps that are still waited for."""

    @workflow.run
    async def run(self) -> int:
        """Seal the record, then have it stamped; returns the seal's number."""
        number = await workflow.execute_activity_method(
            Upkeep.seal,
            start_to_close_timeout=timedelta(minutes=30),
            retry_policy=_PATIENT,
            summary="seal the record",
        )
        try:
            await workflow.execute_activity_method(
                Upkeep.stamp,
                start_to_close_timeout=timedelta(minutes=10),
                retry_policy=RetryPolicy(initial_interval=timedelta(seconds=5), maximum_attempts=10),
                summary="have seals stamped",
            )
        except ActivityError:
            # An authority that is away must not keep the next day from being sealed: that one asks again.
            workflow.logger.warning("seals wait to be stamped")
        return number


@workflow.defn(name="Free")
class FreeWorkflow:
    """Tasks do not stay with somebody who has gone."""

    @workflow.run
    async def run(self) -> Vacated:
        """Free what is with people who cannot do it any more."""
        return await workflow.execute_activity_method(
            Upkeep.free,
            start_to_close_timeout=timedelta(hours=6),
            heartbeat_timeout=timedelta(minutes=5),
            retry_policy=_PATIENT,
            summary="free the tasks of those who have gone",
        )


@workflow.defn(name="Erase")
class EraseWorkflow:
    """Personal data goes when its period is over."""

    @workflow.run
    async def run(self) -> Cleared:
        """Erase what may go by today."""
        return await workflow.execute_activity_method(
            Upkeep.erase,
            start_to_close_timeout=timedelta(hours=6),
            heartbeat_timeout=timedelta(minutes=5),
            retry_policy=_PATIENT,
            summary="erase personal data",
        )


@workflow.defn(name="Replay")
class ReplayWorkflow:
    """The deployed code, run over every history again, and the record verified."""

    @workflow.run
    async def run(self) -> Replays:
        """Verify and replay everything once; what keeps one from its end does not keep the other."""
        failed: ActivityError | None = None
        try:
            await workflow.execute_activity_method(
                Upkeep.verify,
                start_to_close_timeout=timedelta(hours=6),
                heartbeat_timeout=timedelta(minutes=5),
                retry_policy=_REPEATED,
                summary="verify the record",
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            failed = error
        replays = await workflow.execute_activity_method(
            Upkeep.replay,
            start_to_close_timeout=timedelta(hours=20),
            heartbeat_timeout=timedelta(minutes=5),
            retry_policy=_REPEATED,
            summary="replay all histories",
        )
        if failed is not None:
            raise failed
        return replays


UPKEEP = (ArchiveWorkflow, SealWorkflow, FreeWorkflow, EraseWorkflow, ReplayWorkflow)
"""What a worker of UPKEEP_QUEUE knows."""
