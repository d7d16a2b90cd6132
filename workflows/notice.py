"""One notice, one durable workflow: at a decent hour, and for as long as it takes."""

from __future__ import annotations

from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from activities.notify import Notifying
from models.service import Carried, Fate, Parcel

NOTICE_QUEUE = "motcua-notices"
"""A task queue of their own: a mail server that hangs takes no slot away from dossiers."""


def workflow_of(notice: str, number: int) -> str:
    """The id of the workflow of a notice's round."""
    return f"notice/{notice}/{number}" if number else f"notice/{notice}"


@workflow.defn(name="Notice")
class NoticeWorkflow:
    """Waits for the hour, then sends."""

    @workflow.run
    async def run(self, parcel: Parcel) -> Fate:
        """Wait until people may be told, then try until it is sent, void, passed on or refused for good."""
        shift = timedelta(0)
        if parcel.opened_at is not None:
            shift = parcel.opened_at - workflow.info().workflow_start_time
        wait = parcel.tell_at - shift - workflow.now()
        while True:
            if wait > timedelta(0):
                await workflow.sleep(wait, summary="until people may be told")
            carried = await self._carry(parcel, workflow.now() + shift)
            if carried.fate is not None:
                return carried.fate
            assert carried.not_before is not None
            # A worker whose clock is behind the server's would be asked without end.
            wait = max(carried.not_before - shift - workflow.now(), timedelta(seconds=1))

    async def _carry(self, parcel: Parcel, now: datetime) -> Carried:
        try:
            # When a thousand fall due at once the server is what is scarce: this costs it half.
            return await workflow.execute_local_activity_method(
                Notifying.notify,
                args=[parcel, now],
                start_to_close_timeout=timedelta(seconds=8),
                retry_policy=RetryPolicy(maximum_attempts=1),
            )
        except (ActivityError, ApplicationError):
            pass  # of its timeouts the first, else what it raised: the channel does not take it now
        return await workflow.execute_activity_method(
            Notifying.notify,
            args=[parcel, now],
            # A mail server that hangs at each of its steps is given up long before.
            start_to_close_timeout=timedelta(minutes=3),
            retry_policy=RetryPolicy(
                initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=15)
            ),
            summary="send",
        )
