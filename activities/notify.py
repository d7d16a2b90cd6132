"""Notifying: the one way in which a notice leaves the office, and in which a day's digests are written."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from models.refusals import Unreachable
from models.service import Fate, Parcel


class Carrier(Protocol):
    """Who carries notices (a port; `motcua.notices` has the real one)."""

    async def carry(self, parcel: Parcel) -> Fate:
        """Send it unless it is not needed any more; raises where a channel does not take it now."""
        ...

    async def digests(self, at: datetime) -> int:
        """Write the digests of the day of `at`, each once; returns how many there are."""
        ...


class Notifying:
    """The activities that notify."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier

    @activity.defn(name="notify")
    async def notify(self, parcel: Parcel) -> Fate:
        """Send one notice; tried again, with the same key, for as long as its channel is away."""
        try:
            return await self._carrier.carry(parcel)
        except Unreachable as away:
            # It is what the retries are for: no failure to alarm anybody about, and no stack in the log.
            raise ApplicationError(
                away.message, type=away.type, category=ApplicationErrorCategory.BENIGN
            ) from None

    @activity.defn(name="digests")
    async def digests(self, at: datetime) -> int:
        """Write the digests of a day; returns how many."""
        return await self._carrier.digests(at)
