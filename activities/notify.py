"""Notifying: the one way in which a notice leaves the office, and in which a day's digests are written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from models.refusals import Unreachable
from models.service import Carried, Parcel


class Carrier(Protocol):
    """Who carries notices (a port; `motcua.notices` has the real one)."""

    async def carry(self, parcel: Parcel, now: datetime) -> Carried:
        """Send it, unless it is not needed or has to wait; raises where a channel does not take it now.

        `now` is office time.
        """
        ...

    async def digests(self, at: datetime) -> int:
        """Write the digests of the day of `at`, each once; returns how many there are."""
        ...


class Notifying:
    """The activities that notify."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier

    @activity.defn(name="notify")
    async def notify(self, parcel: Parcel, asked_at: datetime) -> Carried:
        """Send one notice; tried again, with the same key, for as long as its channel is away.

        `asked_at` is the office time at which it was first tried.
        """
        now = datetime.now(UTC)
        if parcel.opened_at is not None:  # a clock of its own, which may be moved between two attempts
            info = activity.info()
            now = asked_at + (info.current_attempt_scheduled_time - info.scheduled_time)
        try:
            return await self._carrier.carry(parcel, now)
        except Unreachable as away:
            # It is what the retries are for: no failure to alarm anybody about, and no stack in the log.
            raise ApplicationError(
                away.message, type=away.type, category=ApplicationErrorCategory.BENIGN
            ) from None

    @activity.defn(name="digests")
    async def digests(self, at: datetime) -> int:
        """Write the digests of a day; returns how many."""
        return await self._carrier.digests(at)
