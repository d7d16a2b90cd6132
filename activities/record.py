"""Recording: the one way in which a dossier's facts reach PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

from temporalio import activity
from temporalio.common import MetricMeter

from models.base import Value
from models.facts import Accepted, Fact, Returned, RungReached, Stopped, Withdrawn
from models.ledger import Appended
from models.notices import Notice, Occasion, alarms
from models.view import DossierRow


class Batch(Value):
    """Facts that follow each other, and the read model as it stands after the last of them."""

    facts: tuple[Fact, ...]
    row: DossierRow
    occasions: tuple[Occasion, ...] | None = None
    """What these facts have to tell. None in a batch from when notices still named words only."""

    @property
    def told(self) -> tuple[Occasion, ...]:
        """What these facts have to tell, however old the batch is."""
        return alarms(self.facts) if self.occasions is None else self.occasions


class Ledger(Protocol):
    """Where facts are kept (a port; `motcua.store` has the real one)."""

    async def append(
        self, row: DossierRow, facts: tuple[Fact, ...], told: tuple[Occasion, ...], outgoing: list[Notice]
    ) -> Appended:
        """Store facts, read model, occasions and notices in one transaction, idempotently by (code, seq)."""
        ...


class Addressing(Protocol):
    """Who knows whom to tell (a port; `motcua.notices` has the real one)."""

    async def address(self, row: DossierRow, at: datetime, told: tuple[Occasion, ...]) -> list[Notice]:
        """The notices of these occasions of a dossier, which came about at an office time."""
        ...


class Recording:
    """The activity that records, with the ledger it writes to and the meter it counts on.

    Metrics are counted here, from what the ledger says is new, and not in the workflow: a workflow task
    that is executed again after a crash is not a replay to the SDK and would count twice.
    """

    def __init__(self, ledger: Ledger, addressing: Addressing, meter: MetricMeter) -> None:
        self._ledger, self._addressing = ledger, addressing
        self._received = meter.create_counter(
            "motcua_dossiers_received", "Dossiers accepted as complete and correct."
        )
        self._finished = meter.create_counter(
            "motcua_dossiers_finished", "Dossiers that have ended after acceptance, by timeliness."
        )
        self._rungs = meter.create_counter("motcua_rungs_reached", "Rungs of escalation ladders reached.")
        self._lag = meter.create_histogram_float(
            "motcua_rung_lag", "From a rung's due instant to its record, on the dossier's clock.", "seconds"
        )

    @activity.defn(name="record")
    async def record(self, batch: Batch) -> tuple[Fact, ...]:
        """Append a batch; returns nothing, or the facts that were there first (see decision 0002)."""
        row, told = batch.row, batch.told
        outgoing = await self._addressing.address(row, batch.facts[-1].at, told) if told else []
        appended = await self._ledger.append(row, batch.facts, told, outgoing)
        for fact in batch.facts:
            if fact.seq in appended.new:
                self._count(row, fact)
        return appended.stored

    def _count(self, row: DossierRow, fact: Fact) -> None:
        match fact.event:
            case Accepted():
                self._received.add(1, {"channel": row.channel or "", "office": row.office})
            # Not when the result is ready: that may be corrected, and then it is ready once more.
            case Returned() | Withdrawn() | Stopped(final=True) if row.timeliness is not None:
                self._finished.add(1, {"timeliness": row.timeliness, "office": row.office})
            case RungReached() as event:
                self._rungs.add(1, {"alarm": event.alarm, "office": row.office})
                waited = datetime.now(UTC) - activity.info().current_attempt_scheduled_time
                late = fact.at - (event.rested_until or event.due_at)
                lag = late.total_seconds() + max(0.0, waited.total_seconds())
                self._lag.record(lag, {"office": row.office})
