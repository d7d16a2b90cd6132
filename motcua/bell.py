"""The desk's own bell: what somebody is to know of now.

It is kept nowhere. It follows from what is still so, and from who works here, is away or stands in today.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from models.base import Instant, Value
from models.people import UPWARD, Directory, Person, Told
from models.procedure import Role
from motcua.store.notices import NoticeRecord, Reach


class Ring(Value):
    """One line of a bell."""

    code: str
    alarm: str
    name: str
    in_place_of: str | None
    due_at: Instant
    tell_at: Instant
    procedure: str
    status: str
    dossier_due_at: Instant | None


class Bell:
    """Says what is before each of these people."""

    def __init__(self, record: NoticeRecord, people: Mapping[str, Person], units: Iterable[str]) -> None:
        self._record, self._people, self._units = record, Directory(people=people), tuple(units)

    async def of(self, person: Person, now: datetime, day: date, *, most: int = 200) -> list[Ring]:
        """The latest alarm of each term that concerns somebody on an office date, the latest first."""
        directory = self._people.model_copy(update={"absences": await self._record.absences(day)})
        unit = None if person.sees_all else person.unit
        known: dict[tuple[Any, ...], list[Told]] = {}
        found: dict[tuple[str, int], Ring] = {}
        reach, place = _reach(directory, self._units, person, day), None
        while len(found) < most:
            alarms, place = await self._record.alarms(unit, now, reach, place, most)
            self._concerning(person, alarms, directory, day, known, found)
            if place is None:
                break
        return sorted(found.values(), key=lambda ring: ring.tell_at, reverse=True)[:most]

    def _concerning(
        self,
        person: Person,
        alarms: list[dict[str, Any]],
        directory: Directory,
        day: date,
        known: dict[tuple[Any, ...], list[Told]],
        found: dict[tuple[str, int], Ring],
    ) -> None:
        for alarm in alarms:
            place = (alarm["code"], alarm["term"])
            if place in found:
                continue
            words = (tuple(alarm.pop("to")), alarm.pop("assignee"), alarm.pop("unit"))
            if words not in known:
                known[words] = directory.told(words[0], assignee=words[1], unit=words[2], day=day)
            told = next((told for told in known[words] if told.person is person), None)
            if told is not None:
                # Unchecked: it is as the database has it, and there are hundreds on a page.
                shown = {name: alarm[name] for name in _SHOWN}
                found[place] = Ring.model_construct(in_place_of=told.in_place_of, **shown)


def _reach(directory: Directory, units: tuple[str, ...], person: Person, day: date) -> Reach:
    """What may be for somebody at all. Leaders are told of what nobody below them is there to be told of."""
    held = [person, *(directory.people[each] for each in directory.stood_for(person, day))]
    roles = {role.value for each in held for role in each.roles}
    below = [UPWARD[place - 1] if place else "" for place, role in enumerate(UPWARD) if role in roles]
    words = roles | {f"{role.value}@{each.unit}" for each in held for role in each.roles}
    words |= {f"{role}@{unit}" for role in below for unit in units}  # it may name a leader that is nobody
    alone = [unit for unit in units if not all(directory.led(role, unit, day) for role in below)]
    drafts = units if Role.UNIT_LEADER in roles else tuple(alone)
    return Reach(tuple(each.id for each in held), tuple(sorted(words)), bool(below), tuple(alone), drafts)


_SHOWN = tuple(name for name in Ring.model_fields if name != "in_place_of")
