"""Whom to tell: the people of the office, who of them is away, and by which channels they are reached."""

from __future__ import annotations

from datetime import date, datetime

from models.notices import Addressee, Channels, Notice, Occasion, addressees, notices
from models.people import Directory
from models.view import DossierRow
from motcua.catalogue.catalogue import Catalogue
from motcua.store.notices import NoticeRecord


class Addressing:
    """Finds the people of occasions."""

    def __init__(self, record: NoticeRecord, catalogue: Catalogue, channels: Channels) -> None:
        self._record, self._channels = record, channels
        self._calendar = catalogue.calendar(catalogue.office.calendar)
        self._people = Directory(people=catalogue.office.staff)

    async def directory(self, since: date) -> Directory:
        """The people of the office, with who is away on a day or later."""
        return self._people.model_copy(update={"absences": await self._record.absences(since)})

    async def address(self, row: DossierRow, at: datetime, told: tuple[Occasion, ...]) -> list[Notice]:
        """The notices of these occasions of a dossier, which came about at an office time."""
        # An alarm that is found out late is told today, whatever day it was meant for.
        days = [self._calendar.local(max(at, occasion.tell_at)).date() for occasion in told]
        directory = await self.directory(min(days))
        return [
            notice
            for occasion, day in zip(told, days, strict=True)
            for notice in notices(row, occasion, self.addressees(row, occasion, directory, day))
        ]

    def addressees(
        self, row: DossierRow, occasion: Occasion, directory: Directory, day: date
    ) -> list[Addressee]:
        """Who is told of an occasion on a day, and over which channels."""
        return addressees(row, occasion, directory, self._channels, day)
