"""One notice, one durable workflow: at a decent hour, and for as long as it takes."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

from activities.notify import Notifying
from models.service import Fate, Parcel

NOTICE_QUEUE = "motcua-notices"
"""A task queue of their own: a mail server that hangs takes no slot away from dossiers."""


@workflow.defn(name="Notice")
class NoticeWorkflow:
    """Waits for the hour, then sends."""

    @workflow.run
    async def run(self, parcel: Parcel) -> Fate:
        """Wait until people may be told, then try until it is sent, void or refused for good."""
        opened_at = parcel.opened_at
        now = workflow.now()
        if opened_at is not None:
            now += opened_at - workflow.info().workflow_start_time
        if (wait := parcel.tell_at - now) > timedelta(0):
            await workflow.sleep(wait, summary="the office opens")
        return await workflow.execute_activity_method(
            Notifying.notify,
            parcel,
            # A mail server that hangs at each of its steps is given up long before.
            start_to_close_timeout=timedelta(minutes=3),
            retry_policy=RetryPolicy(
                initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=15)
            ),
            summary="send",
        )
