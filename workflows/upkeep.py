"""What the office does by the clock, beside its dossiers. Started by Temporal's schedules."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

from activities.notify import Notifying


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
