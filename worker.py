"""Composition root of a worker process: connect, register, serve dossiers and notices until told to stop."""

from __future__ import annotations

import motcua  # noqa: F401 - before the others: it says in one line what this machine lacks

# isort: split
import asyncio
import gc
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from temporalio.client import Client
from temporalio.common import MetricMeter
from temporalio.worker import PollerBehaviorAutoscaling, UnsandboxedWorkflowRunner, Worker

from activities.deliver import Delivering
from activities.notify import Notifying
from activities.record import Recording
from activities.upkeep import Upkeep
from models.calendar import Calendar
from models.notices import Channels
from models.people import DESK, EMAIL
from models.refusals import Problem, exit_code
from motcua.archive import Archive
from motcua.catalogue.catalogue import Catalogue
from motcua.catalogue.office import Webhook
from motcua.config import Settings
from motcua.descriptors import raise_limit
from motcua.desk import Desk
from motcua.health import Health
from motcua.keeper import Keeper, Watch
from motcua.links import Messages
from motcua.local import whereabouts
from motcua.missing import MissingWatch
from motcua.notices.addressing import Addressing
from motcua.notices.digests import Digests
from motcua.notices.mail import Mailer
from motcua.notices.post import Post
from motcua.notices.relay import BadMailSetting
from motcua.notices.topics import Topics
from motcua.notices.webhook import BadEndpoint, Endpoint, Webhooks
from motcua.outbox import Outbox
from motcua.papers import Papers
from motcua.replays import Where
from motcua.rulebook import rulebook
from motcua.schedules import keep_digest, keep_proof, keep_staffing
from motcua.store import Store
from motcua.store.migrate import migrate
from motcua.store.notices import NoticeRecord
from motcua.store.proof import ProofRecord
from motcua.supervision import supervised
from motcua.telemetry import Counts, configure_logging, runtime
from motcua.temporal import connect, register, sandbox
from motcua.texts import Texts
from motcua.vacancies import Vacancies
from motcua.web.server import answering, bound
from workflows.dossier import SEARCH_ATTRIBUTES, TASK_QUEUE, DossierWorkflow
from workflows.notice import NOTICE_QUEUE, NoticeWorkflow
from workflows.upkeep import UPKEEP, UPKEEP_QUEUE, DigestWorkflow

log = structlog.get_logger()

NOTICES_AT_ONCE, LETTERS_AT_ONCE = 16, 8
"""Not many more than there are connections: what waits for one too long is tried again later."""
BUG = 70
"""Exit code of a failure that is no problem of input or of services, as on the command line."""
LOOK = 10.0
"""Seconds after which it is asked again whether the office's calendar has been changed."""


@asynccontextmanager
async def serving(
    client: Client,
    store: Store,
    catalogue: Catalogue,
    desk: Desk,
    settings: Settings,
    meter: MetricMeter,
    where: Where,
) -> AsyncIterator[None]:
    """Work for dossiers, notices and upkeep, each on a task queue of its own, until the block ends."""
    async with post_office(store, catalogue, desk, settings, Counts(meter)) as (addressing, post):
        recording, delivering = Recording(store, addressing, meter), Delivering(Messages(desk))
        notifying = Notifying(post)
        keeping, calendar = catalogue.office.keeping, catalogue.calendar(catalogue.office.calendar)
        keeper = Keeper(client, store, settings, where, meter, keeping, calendar)
        upkeep = Upkeep(keeper, Vacancies(desk, store, lambda: datetime.now(UTC)))
        common: dict[str, Any] = {
            "workflow_runner": sandbox() if settings.sandbox else UnsandboxedWorkflowRunner(),
            "workflow_task_poller_behavior": PollerBehaviorAutoscaling(),
            "activity_task_poller_behavior": PollerBehaviorAutoscaling(),
            # After a worker's death the people whose dossiers it had cached wait this long, once.
            "sticky_queue_schedule_to_start_timeout": timedelta(seconds=2),
            "graceful_shutdown_timeout": timedelta(seconds=20),
        }
        dossiers = Worker(
            client,
            task_queue=TASK_QUEUE,
            workflows=[DossierWorkflow],
            activities=[recording.record, delivering.deliver],
            max_cached_workflows=settings.cached_dossiers,
            **common,
        )
        notices = Worker(
            client,
            task_queue=NOTICE_QUEUE,
            workflows=[NoticeWorkflow, DigestWorkflow],
            activities=[notifying.notify, notifying.digests],
            max_cached_workflows=200,  # they remember next to nothing
            max_concurrent_activities=NOTICES_AT_ONCE,
            max_concurrent_local_activities=2 * NOTICES_AT_ONCE,
            **common,
        )
        proving = Worker(
            client,
            task_queue=UPKEEP_QUEUE,
            workflows=UPKEEP,
            activities=[
                *(upkeep.archive, upkeep.seal, upkeep.stamp, upkeep.erase, upkeep.verify, upkeep.replay),
                upkeep.free,
            ],
            max_cached_workflows=10,
            max_concurrent_activities=3,
            **common,
        )
        record = ProofRecord(store, where.office)
        watch = Watch(
            Archive(client, record, where.shelf()),
            record,
            settings.retention,
            meter,
            stamped=bool(settings.tsa_url),
        )
        async with (
            dossiers,
            notices,
            proving,
            supervised(
                outbox=Outbox(client, store, meter).run(),
                watch=watch.run(),
                missing=MissingWatch(client, store, meter).run(),
            ),
        ):
            yield


@asynccontextmanager
async def post_office(
    store: Store, catalogue: Catalogue, desk: Desk, settings: Settings, counts: Counts
) -> AsyncIterator[tuple[Addressing, Post]]:
    """The channels by which people are told, with the texts and the papers that go over them."""
    office, calendar = catalogue.office, catalogue.calendar(catalogue.office.calendar)
    endpoints = {webhook.id: endpoint(webhook, settings) for webhook in office.webhooks}
    mailer = None
    if settings.smtp_url is not None:
        if settings.mail_from is None:
            raise BadMailSetting(setting="MOTCUA_MAIL_FROM", reason="letters need a sender, Name <a@b>")
        mailer = Mailer(
            settings.smtp_url,
            settings.mail_from,
            ca_file=settings.ca_file,
            timeout=settings.smtp_timeout,
            connections=LETTERS_AT_ONCE,
        )
    webhooks = Webhooks(
        endpoints,
        allow_private=settings.webhook_private,
        timeout=settings.webhook_timeout,
        ca_file=settings.ca_file,
    )
    channels = Channels(
        open=frozenset({DESK, *([EMAIL] if mailer else []), *endpoints}),
        staff=office.notices.staff,
        applicant=office.notices.applicant,
        simulated=settings.send_simulated,
    )
    addressing = Addressing(NoticeRecord(store), catalogue, channels)
    looked = -LOOK

    async def as_changed() -> Calendar:
        nonlocal looked
        if time.monotonic() - looked >= LOOK:
            looked = time.monotonic()
            await desk.refresh()
        return desk.rulebook.calendar

    topics = Topics(store, catalogue, as_changed, settings.public_url)
    async with webhooks, mailer or nullcontext():
        yield (
            addressing,
            Post(
                store,
                catalogue,
                as_changed,
                addressing,
                Texts.load(settings.catalog_dir),
                Papers(store, office, calendar, settings.catalog_dir, settings.public_url),
                topics,
                Digests(store, as_changed, addressing, channels, topics),
                mailer,
                webhooks,
                counts,
            ),
        )


def endpoint(webhook: Webhook, settings: Settings) -> Endpoint:
    """A webhook of the office with its secret."""
    secret = settings.webhook_secrets.get(webhook.id)
    if secret is None:
        raise BadEndpoint(channel=webhook.id, reason="MOTCUA_WEBHOOK_SECRETS has no secret for it")
    return Endpoint(url=webhook.url, secret=secret)


@asynccontextmanager
async def health(client: Client, store: Store, port: int) -> AsyncIterator[None]:
    """Tell on loopback whether this worker and its services are well; port 0: not at all."""
    if not port:
        yield
        return
    listening = bound("127.0.0.1", port, what="The worker's health", setting="MOTCUA_HEALTH_PORT")
    async with answering(Health(store, client, TASK_QUEUE), listening):
        yield


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
    rules = catalogue.office.notices
    zone = catalogue.calendar(catalogue.office.calendar).zone
    await keep_digest(client, rules.digest, zone)
    await keep_proof(client, settings.retention, zone)
    await keep_staffing(client, zone)
    where = Where(address, namespace, url, catalogue.office.id, settings.archive_url)
    async with Store.connect(url, most=20) as store:
        await Archive(client, ProofRecord(store, where.office), where.shelf()).keep_for(settings.retention)
        desk = Desk(client, store, rulebook(catalogue), **settings.desk)
        async with (
            serving(client, store, catalogue, desk, settings, telemetry.metric_meter, where),
            health(client, store, settings.health_port),
        ):
            log.info("worker serves", task_queue=TASK_QUEUE, pid=os.getpid())
            await stop.wait()
            log.info("worker stops", pid=os.getpid())


def main() -> int:
    """Run a worker; returns the process's exit code."""
    configure_logging("error")  # until it is known what is wanted
    raise_limit()
    # Thousands of cached dossiers are looked through at each full collection; they hold no cycles.
    gc.set_threshold(50_000, 20, 50)
    try:
        settings = Settings.read()
        configure_logging(settings.log_level)
        asyncio.run(serve(settings))
    except Problem as problem:
        log.error(problem.message, type=problem.type)
        return exit_code(problem)
    except Exception:  # a bug; whoever supervises this process starts it again
        log.critical("the worker failed", exc_info=True)
        return BUG
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads of Temporal's runtime outlive the event loop and abort the process when they meet an
    # interpreter that is being torn down (temporalio/sdk-python #300): leave without tearing it down.
    os._exit(code)
