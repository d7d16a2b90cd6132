"""Composition root of a worker process: connect, register, serve dossiers until told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import timedelta

import structlog
from temporalio.client import Client
from temporalio.common import MetricMeter
from temporalio.worker import PollerBehaviorAutoscaling, UnsandboxedWorkflowRunner, Worker

from activities.deliver import Delivering
from activities.record import Recording
from models.notices import Channels
from models.refusals import Problem, exit_code
from motcua.catalogue import Catalogue
from motcua.config import Settings
from motcua.desk import Desk
from motcua.links import Messages
from motcua.local import whereabouts
from motcua.notices.addressing import Addressing
from motcua.rulebook import rulebook
from motcua.store import Store
from motcua.store.migrate import migrate
from motcua.store.notices import NoticeRecord
from motcua.telemetry import configure_logging, runtime
from motcua.temporal import connect, register, sandbox
from workflows.dossier import SEARCH_ATTRIBUTES, TASK_QUEUE, DossierWorkflow

log = structlog.get_logger()


def build(
    client: Client, store: Store, catalogue: Catalogue, desk: Desk, settings: Settings, meter: MetricMeter
) -> Worker:
    """A worker for dossiers on this client and store; linked dossiers speak through the desk."""
    addressing = Addressing(NoticeRecord(store), catalogue, Channels())
    recording, delivering = Recording(store, addressing, meter), Delivering(Messages(desk))
    return Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[DossierWorkflow],
        activities=[recording.record, delivering.deliver],
        workflow_runner=sandbox() if settings.sandbox else UnsandboxedWorkflowRunner(),
        max_cached_workflows=settings.cached_dossiers,
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
        # After a worker's death the people whose dossiers it had cached wait this long, once.
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),
        graceful_shutdown_timeout=timedelta(seconds=20),
    )


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is under way."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    address, namespace, url = whereabouts(settings)
    catalogue = Catalogue.load(settings.catalog_dir)
    telemetry = runtime(settings.metrics_port)
    client = await connect(address, namespace, runtime=telemetry)
    await register(client, SEARCH_ATTRIBUTES)
    await migrate(url)
    async with Store.connect(url) as store:
        desk = Desk(client, store, rulebook(catalogue), rpc_timeout=settings.rpc_timeout)
        async with build(client, store, catalogue, desk, settings, telemetry.metric_meter):
            log.info("worker serves", task_queue=TASK_QUEUE, pid=os.getpid())
            await stop.wait()
            log.info("worker stops", pid=os.getpid())


def main() -> int:
    """Run a worker; returns the process's exit code."""
    settings = Settings()
    configure_logging(settings.log_level)
    try:
        asyncio.run(serve(settings))
    except Problem as problem:
        log.error(problem.message, type=problem.type)
        return exit_code(problem)
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads of Temporal's runtime outlive the event loop and abort the process when they meet an
    # interpreter that is being torn down (temporalio/sdk-python #300): leave without tearing it down.
    os._exit(code)
