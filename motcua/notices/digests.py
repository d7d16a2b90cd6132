"""The morning mail: one for each officer who has something late, due today or soon."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime
from typing import Any

from models.calendar import CalendarTooShort
from models.notices import NO_RUNG, Channels, Notice
from models.people import DESK, EMAIL, Directory, Person
from models.procedure import Role
from motcua.notices.addressing import Addressing
from motcua.notices.topics import OfficeCalendar, Topics
from motcua.store import Store
from motcua.store.notices import NoticeRecord
from motcua.texts.topic import Topic

DIGEST = "digest"


class NotNeeded(Exception):
    """Found out on the way: nobody has to be told any more."""


class Digests:
    """Writes the digests of a day as notices, and says what one speaks of when it is sent."""

    def __init__(
        self,
        store: Store,
        calendar: OfficeCalendar,
        addressing: Addressing,
        channels: Channels,
        topics: Topics,
    ) -> None:
        self._record = NoticeRecord(store)
        self._addressing, self._channels, self._topics = addressing, channels, topics
        self._calendar = calendar

    async def write(self, at: datetime) -> int:
        """The digests of the day of `at`, each once; returns how many are new.

        On a day on which the office does not open there are none, and none for who is away.
        """
        calendar = await self._calendar()
        day = calendar.local(at).date()
        with suppress(CalendarTooShort):  # whether it opens nobody knows: better one mail too many
            if not calendar.opened(day):
                return 0
        directory = await self._addressing.directory(day)
        rows = await self._record.urgent(await self._topics.horizon(day))
        return await self._record.add(
            [
                _notice(person, way, day, at)
                for person in directory.people.values()
                if person.holds(day)
                and not directory.away(person.id, day)
                and theirs(rows, person, directory, day)
                for way in self._ways(person)
            ]
        )

    def _ways(self, person: Person) -> list[str]:
        usual = self._channels.staff if person.channels is None else person.channels
        ways = self._channels.of(usual, simulated=False)
        return [way for way in ways if way != DESK and (way != EMAIL or person.email is not None)]

    async def topic(self, notice: Notice, directory: Directory, now: datetime) -> tuple[Person, Topic]:
        """Who is told, and what is before them when it is sent.

        Raises NotNeeded where nothing is left, and on another day: a digest of yesterday tells nothing. Who
        has called in sick since it was written is not told; whoever stands in gets one of their own.
        """
        calendar = await self._calendar()
        day = calendar.local(notice.tell_at).date()
        if calendar.local(now).date() != day:
            raise NotNeeded("past")
        person = directory.people.get(notice.recipient)
        if person is None or not person.holds(day):
            raise NotNeeded("left")
        if directory.away(person.id, day):
            await self.write(now)
            raise NotNeeded("absent")
        rows = theirs(await self._record.urgent(await self._topics.horizon(day)), person, directory, day)
        if not rows:
            raise NotNeeded("nothing left")
        return person, await self._topics.morning(rows, day, now, directory, person)


def theirs(
    rows: list[dict[str, Any]], person: Person, directory: Directory, day: date
) -> list[dict[str, Any]]:
    """The open tasks that somebody has before them, and those that are before whom they stand in for."""
    sides = [person, *(directory.people[other] for other in directory.stood_for(person, day))]
    return [row for row in rows if any(_before(side, row) for side in sides)]


def _before(person: Person, row: dict[str, Any]) -> bool:
    """Whether a task is somebody's: their own, what they may claim, and for leaders all that they see."""
    here = row["unit"] == person.unit
    return (
        row["assignee"] == person.id
        or (here and row["assignee"] is None and row["role"] in person.roles)
        or (here and Role.UNIT_LEADER in person.roles)
        or Role.OFFICE_LEADER in person.roles
    )


def _notice(person: Person, way: str, day: date, at: datetime) -> Notice:
    return Notice(
        code=f"{DIGEST}/{day}",
        term=0,
        generation=0,
        rung=NO_RUNG,
        occurrence=0,
        recipient=person.id,
        channel=way,
        alarm=DIGEST,
        name=DIGEST,
        due_at=at,
        fact=0,
        tell_at=at,
    )
