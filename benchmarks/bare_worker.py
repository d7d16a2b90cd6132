"""A worker process for the bare lifecycle, tuned like the product's."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from datetime import timedelta

from temporalio.worker import PollerBehaviorAutoscaling, Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from benchmarks.bare import BareWorkflow
from motcua.config import Settings
from motcua.local import whereabouts
from motcua.temporal import connect, sandbox


async def serve(task_queue: str, *, pass_through: bool) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    settings = Settings.read()
    address, namespace, _ = whereabouts(settings)
    async with Worker(
        await connect(address, namespace),
        task_queue=task_queue,
        workflows=[BareWorkflow],
        workflow_runner=sandbox() if pass_through else SandboxedWorkflowRunner(),
        max_cached_workflows=settings.cached_dossiers,
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),
    ):
        await stop.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task_queue")
    parser.add_argument("--pass-through", action="store_true", help="import the models once, not per dossier")
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.task_queue, pass_through=arguments.pass_through))
    # As in worker.py: threads of Temporal's runtime abort an interpreter that is being torn down.
    os._exit(0)
