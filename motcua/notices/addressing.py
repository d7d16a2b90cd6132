"""Whom to tell: the people of the office, who of them is away, and by which channels they are reached."""

from __future__ import annotations

import time
from datetime import date

from models.notices import Channels, Notice, Occasion, notices
from models.people import Directory
from models.view import DossierRow
from motcua.catalogue import Catalogue
from motcua.store.notices import NoticeRecord

FRESH = 1.0
"""Seconds: when a thousand dossiers fall due at once, who is away is asked once."""


class Addressing:
    """Finds the people of occasions."""

    def __init__(self, record: NoticeRecord, catalogue: Catalogue, channels: Channels) -> None:
        self._record, self._channels = record, channels
        self._calendar = catalogue.calendar(catalogue.office.calendar)
        self._people = Directory(people=catalogue.office.staff)
        self._known: dict[date, tuple[float, Directory]] = {}

    async def directory(self, since: date) -> Directory:
        """The people of the office, with who is away on a day or later, as it was a second ago at most."""
        now = time.monotonic()
        asked_at, known = self._known.get(since, (now - FRESH, self._people))
        if now - asked_at >= FRESH:
            known = self._people.model_copy(update={"absences": await self._record.absences(since)})
            self._known = {day: each for day, each in self._known.items() if now - each[0] < FRESH}
            self._known[since] = now, known
        return known

    async def address(self, row: DossierRow, told: tuple[Occasion, ...]) -> list[Notice]:
        """The notices of these occasions of a dossier."""
        days = [self._calendar.local(occasion.tell_at).date() for occasion in told]
        directory = await self.directory(min(days))
        return [
            notice
            for occasion, day in zip(told, days, strict=True)
            for notice in notices(row, occasion, directory, self._channels, day)
        ]
