"""Who keeps the record provable: sweeps, seals, replays, and watches that none of it falls behind."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import structlog
from cryptography.x509 import Certificate
from temporalio.client import Client
from temporalio.common import MetricMeter
from temporalio.service import RPCError

from models.archive import Replays, Swept, Verification
from models.calendar import Calendar
from models.commands import CLOCK
from models.journal import HistoriesReplayed, Line, RecordVerified
from models.keeping import Cleared, Keeping
from models.refusals import Unreachable
from motcua.archive import Archive
from motcua.audit import Verified, verify
from motcua.config import BadSetting, Settings
from motcua.erasure import Erasure
from motcua.missing import Missing
from motcua.proof.keys import KeyRing
from motcua.proof.sealer import Sealer
from motcua.proof.stamps import Authority, authorities
from motcua.replays import Replaying, Where
from motcua.store import Store
from motcua.store.proof import ProofRecord
from motcua.temporal import AWAY, TemporalUnreachable, connect

CONNECT_SECONDS = 10.0
"""Seconds after which Temporal counts as away to a check that can do without it."""
MOST = 50
"""So many differences go into a workflow's result; `audit replay` tells them all."""

log = structlog.get_logger()


def ring(settings: Settings, where: Where) -> KeyRing:
    """The keys of this office's seals."""
    return KeyRing(settings.seals(where.namespace), where.office)


def roots(settings: Settings) -> Sequence[Certificate]:
    """The authorities whose stamps are believed."""
    return authorities(settings.tsa_ca) if settings.tsa_ca is not None else ()


def sealer(store: Store, settings: Settings, where: Where) -> Sealer:
    """Who seals the record of this office."""
    authority = None
    if settings.tsa_url:
        if settings.tsa_ca is None:
            raise BadSetting(name="MOTCUA_TSA_CA", reason="stamps need a root to be believed by")
        authority = Authority(settings.tsa_url, roots(settings))
    return Sealer(store, ring(settings, where), lambda: datetime.now(UTC), authority)


async def workflows(store: Store, where: Where) -> Missing | None:
    """What looks for the workflows of open dossiers; None where Temporal does not answer."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return Missing(await connect(where.address, where.namespace), store)
    except (TemporalUnreachable, TimeoutError) as away:
        log.warning("the workflows of open dossiers are not looked for", why=str(away))
        return None


async def verify_office(
    store: Store, settings: Settings, where: Where, workflows: Missing | None, tell: Callable[[int], None]
) -> Verified:
    """Verify the whole office: the one place where that is put together from its settings.

    The command line, the demo, imported logs and the nightly check all come here, so that none of them can
    leave out what the others look at. `workflows` is None where Temporal does not answer, or where it is
    enough to know that something else is broken. `tell` receives the number of facts checked so far.
    """
    return await verify(
        store,
        tell,
        office=where.office,
        outside=ring(settings, where),
        shelf=where.shelf(),
        roots=roots(settings),
        spread_over=(where.url, os.cpu_count() or 1),
        workflows=workflows,
    )


class Keeper:
    """Keeps the record of one office provable."""

    def __init__(
        self,
        client: Client,
        store: Store,
        settings: Settings,
        where: Where,
        meter: MetricMeter,
        keeping: Keeping | None,
        calendar: Calendar,
    ) -> None:
        self._store, self._settings, self._where = store, settings, where
        self._keeping, self._calendar = keeping, calendar
        self._erasure = Erasure(store, where.office, lambda: datetime.now(UTC))
        self._broken = meter.create_gauge("motcua_record_broken", "Places that the last verification named.")
        self._diverged = meter.create_gauge(
            "motcua_replay_diverged", "Histories or dossiers that the last replay named."
        )
        self._record = ProofRecord(store, where.office)
        self._archive = Archive(client, self._record, where.shelf())
        self._replaying = Replaying(client, store, where)
        self._missing = Missing(client, store)
        self._sealer = sealer(store, settings, where)

    async def archive(self, tell: Callable[[Swept], None]) -> Swept:
        """Archive every closed history that is not there yet."""
        return await self._archive.sweep(tell)

    async def seal(self) -> int:
        """Seal the record as it stands; returns the seal's number."""
        return (await self._sealer.seal(CLOCK.id)).number

    async def stamp(self) -> int:
        """Have seals stamped that are not; returns how many were."""
        return await self._sealer.stamp()

    async def erase(self, tell: Callable[[Cleared], None]) -> Cleared:
        """Erase personal data whose period is over by the office's date; not any, where it has no periods."""
        if self._keeping is None:
            return Cleared()
        # What is erased does not come back: one clock that is wrong must not be enough.
        now = min(datetime.now(UTC), await self._record.clock())
        today = self._calendar.local(now).date()
        ended = self._keeping.ended(today, self._calendar)
        done = await self._erasure.due(ended, self._keeping.paper, CLOCK, "retention", tell)
        log.info("personal data was erased by its period", dossiers=done.erased, kept=done.kept)
        return done

    async def replay(self, tell: Callable[[int], None]) -> Replays:
        """Run the deployed code over every history; how it went is in the journal."""
        found = await self._replaying.all(lambda done, _: tell(done), since=None, code=None, jobs=None)
        now = datetime.now(UTC)
        self._diverged.set(len(found.diverged) + len(found.differing))
        event = HistoriesReplayed(
            replayed=found.replayed, diverged=len(found.diverged), differing=len(found.differing)
        )
        line = Line(at=now, actor=CLOCK.id, command=f"replay/{now:%Y-%m-%dT%H:%M:%S.%fZ}", event=event)
        await self._record.write([line], ())
        for each in (*found.diverged, *found.differing)[:MOST]:
            log.error(
                "what is on record is not what replays", dossier=each.code, run=each.run, what=each.what
            )
        return found.model_copy(
            update={"diverged": found.diverged[:MOST], "differing": found.differing[:MOST]}
        )

    async def verify(self, tell: Callable[[int], None]) -> Verification:
        """Verify the whole record; how it went is in the journal.

        Raises WorkflowsNotAsked where Temporal does not answer: the journal has no entry then, because not
        everything was looked at, and the verification is to be tried again.
        """
        found = await verify_office(self._store, self._settings, self._where, self._missing, tell)
        self._broken.set(len(found.broken))
        now = datetime.now(UTC)
        for each in found.broken[:MOST]:
            log.error("the record does not hold", of=each.code, seq=each.seq, what=each.what)
        if found.gap is not None:
            raise found.gap
        told = Verification(dossiers=found.dossiers, facts=found.facts, broken=len(found.broken))
        event = RecordVerified(**told.model_dump())
        command = f"verify/{now:%Y-%m-%dT%H:%M:%S.%fZ}"
        await self._record.write([Line(at=now, actor=CLOCK.id, command=command, event=event)], ())
        return told


class Watch:
    """Looks now and then whether closed histories wait too long to be archived, and for how long none was
    sealed.

    It is not a part of what it watches: it runs in every worker, whatever became of schedules.
    """

    def __init__(
        self,
        archive: Archive,
        record: ProofRecord,
        retention: timedelta,
        meter: MetricMeter,
        *,
        stamped: bool,
    ) -> None:
        self._stamped = stamped
        self._archive, self._record, self._retention = archive, record, retention
        self._late = meter.create_gauge(
            "motcua_archive_late", "Closed histories past half the retention that are not archived."
        )
        self._age = meter.create_gauge_float(
            "motcua_archive_late_age_seconds", "For how long the oldest of them is closed."
        )
        self._lost = meter.create_gauge(
            "motcua_archive_lost", "Dossiers that ended whose history nobody has any more."
        )
        self._sealed = meter.create_gauge_float(
            "motcua_seal_age_seconds", "Since when the record was sealed last."
        )
        self._verified = meter.create_gauge_float(
            "motcua_verify_age_seconds", "Since when the whole record was verified last."
        )
        self._replayed = meter.create_gauge_float(
            "motcua_replay_age_seconds", "Since when all histories were replayed last."
        )
        self._unstamped = meter.create_gauge("motcua_seals_unstamped", "Seals that no authority has stamped.")

    async def run(self) -> None:
        """Watch until cancelled."""
        pause = min(max(self._retention / 60, timedelta(seconds=5)), timedelta(minutes=15)).total_seconds()
        while True:
            try:
                await self.look(datetime.now(UTC))
            except (Unreachable, RPCError) as problem:
                if isinstance(problem, RPCError) and problem.status not in AWAY:
                    raise
                log.warning("the watch waits for a service", why=str(problem))
            await asyncio.sleep(pause)

    async def look(self, now: datetime) -> None:
        """Look once."""
        gap = await self._archive.gap(now - self._retention / 2)
        self._late.set(gap.missing)
        self._age.set((now - gap.oldest).total_seconds() if gap.oldest else 0.0)
        self._lost.set(len(gap.lost))
        if gap.lost:
            log.error(
                "histories were lost before they were archived",
                dossiers=gap.lost[:MOST],
                number=len(gap.lost),
            )
        if gap.missing:
            log.error(
                "closed histories are not archived, and Temporal will forget them",
                missing=gap.missing,
                oldest=gap.oldest.isoformat() if gap.oldest else None,
                retention_hours=self._retention.total_seconds() / 3600,
            )
        seals = await self._record.seals()
        if seals:
            self._sealed.set(max(0.0, (now - seals[-1].statement.at).total_seconds()))
        for last, gauge in (
            (await self._record.checked("record-verified"), self._verified),
            (await self._record.checked("histories-replayed"), self._replayed),
        ):
            gauge.set(max(0.0, (now - last).total_seconds()) if last else 0.0)
        self._unstamped.set(len(await self._record.unstamped()) if self._stamped else 0)
