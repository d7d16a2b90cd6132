"""Who works at the office, who is away, and who is to be told what: people found by role and unit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import ConfigDict

from models.addresses import Email
from models.base import Dated, Value
from models.procedure import Role
from models.refusals import NotThere, Phrase
from models.reserved import APPLICANT, ASSIGNEE
from models.rights import EVERYWHERE, STAFF, WATCHING

if TYPE_CHECKING:
    from models.commands import Vacancy

Language = Literal["vi", "en"]

DESK, EMAIL = "desk", "email"
"""The desk's own bell, and mail; every other channel is a webhook of the office."""
UPWARD = (Role.UNIT_LEADER.value, Role.OFFICE_LEADER.value, Role.ADMINISTRATOR.value)
"""Who is told where nobody else is there to be told, in this order."""
STAFF_ROLES = frozenset(role.value for role in STAFF)


class Person(Dated):
    """A member of staff: from when to when they have access, how far, and by what they are told."""

    id: str
    name: str
    roles: tuple[Role, ...]
    unit: str
    email: Email | None = None
    phone: str | None = None
    language: Language = "vi"
    channels: tuple[str, ...] | None = None
    """None: by those that are usual at the office."""
    scope: Literal["office", "unit"] = "office"
    """How far somebody sees whose role reaches all units: with "unit" no further than their own."""

    @property
    def sees_all(self) -> bool:
        """Whether the dossiers of every unit are theirs to see."""
        return self.scope == "office" and any(role in WATCHING for role in self.roles)

    def may_see(self, unit: str) -> bool:
        """Whether the dossiers of a unit are theirs to see."""
        return self.unit == unit or self.sees_all


class Absence(Dated):
    """Somebody is away from a day to a day, both included, and perhaps another stands in for them."""

    person: str
    substitute: str | None = None


def vacancy(person: Person | None, role: Role, unit: str, day: date) -> Vacancy | None:
    """Why a task of this role and unit cannot be with somebody on a day; None where it can.

    `person` is None for somebody whom the catalogue does not name any more. An absence is no reason.
    """
    if person is None:
        return "unknown"
    if person.until is not None and person.until < day:
        return "left"
    if not person.holds(day):
        return "not-begun"
    if person.unit != unit and not any(each in EVERYWHERE for each in person.roles):
        return "unit"
    return None if role in person.roles else "role"


def check_there(person: Person, day: date) -> None:
    """Refuse somebody whose time at the office has ended by a day, or has not begun."""
    if not person.holds(day):
        reason = Phrase("their time ended on {until}.", until=person.until)
        if person.since is not None and day < person.since:
            reason = Phrase("they begin on {since}.", since=person.since)
        raise NotThere(person=person.id, day=day, reason=reason)


class Vacated(Value):
    """What became of the tasks of those who cannot do them any more."""

    freed: int = 0
    moved: int = 0
    """Which somebody else had, or nobody, when it was their turn."""
    failed: int = 0
    """Whose dossier did not answer; each is in the log, and the next look tries again."""


class Told(NamedTuple):
    """Somebody who is told, and for whom where that is another."""

    person: Person
    in_place_of: str | None


class Directory(Value):
    """The people of an office and their absences."""

    model_config = ConfigDict(ignored_types=(cached_property,))

    people: Mapping[str, Person]
    absences: tuple[Absence, ...] = ()

    @cached_property
    def _by_role(self) -> dict[str, list[Person]]:
        found: dict[str, list[Person]] = {}
        for person in self.people.values():
            for role in person.roles:
                found.setdefault(role.value, []).append(person)
        return found

    def away(self, person: str, day: date) -> Absence | None:
        """The absence of somebody on a day; of several the one that was entered last."""
        found = (each for each in reversed(self.absences) if each.person == person and each.holds(day))
        return next(found, None)

    def present(self, person: Person, unit: str, day: date) -> Person | None:
        """Somebody, or who stands in for them on a day and may see the dossiers of a unit.

        Substitutes may be away themselves and have substitutes of their own. None where nobody is there.
        """
        asked, seen = person, set[str]()
        while (absence := self.away(asked.id, day)) is not None:
            seen.add(asked.id)
            following = self.people.get(absence.substitute or "")
            if following is None or following.id in seen:
                return None
            asked = following
        return asked if asked.holds(day) and asked.may_see(unit) else None

    def led(self, role: str, unit: str, day: date) -> bool:
        """Whether somebody in a role is there for a unit on a day, or a substitute."""
        return any(self.present(person, unit, day) for person in self._named(role, None, unit))

    def stood_for(self, person: Person, day: date) -> list[str]:
        """Whom somebody stands in for on a day."""
        return [
            other.id
            for other in self.people.values()
            if other is not person
            and self.away(other.id, day)
            and self.present(other, other.unit, day) is person
        ]

    def told(self, words: tuple[str, ...], *, assignee: str | None, unit: str, day: date) -> list[Told]:
        """Who is told of something that concerns a dossier of this unit on this day, each once.

        `words` are roles (of the dossier's unit, or of the whole office), "role@unit", or "assignee". Where
        a word finds nobody who is there, whoever stands above them is told; where all of them are away, they
        are told all the same. Nobody is told who may not see the dossier.
        """
        found: dict[str, Told] = {}
        for word in words:
            if word == APPLICANT:
                continue
            for told in self._up_from(word, assignee, unit, day):
                known = found.get(told.person.id)
                if known is None or (
                    known.in_place_of and not told.in_place_of
                ):  # told as oneself, if one can
                    found[told.person.id] = told
        return list(found.values())

    def _up_from(self, word: str, assignee: str | None, unit: str, day: date) -> list[Told]:
        role = "" if word == ASSIGNEE else word.partition("@")[0]
        above = UPWARD[UPWARD.index(role) + 1 :] if role in UPWARD else UPWARD
        named = [list(self._named(each, assignee, unit)) for each in (word, *above)]
        for people in named:
            if told := [
                Told(there, None if there is person else person.id)
                for person in people
                if (there := self.present(person, unit, day)) is not None
            ]:
                return told
        # A letter that is read after the leave is better than none.
        visible = (
            [Told(person, None) for person in people if person.holds(day) and person.may_see(unit)]
            for people in named
        )
        return next(filter(None, visible), [])

    def _named(self, word: str, assignee: str | None, unit: str) -> Iterator[Person]:
        if word == ASSIGNEE:
            holder = self.people.get(assignee or "")
            if holder is not None:
                yield holder
            return
        role, _, where = word.partition("@")
        for person in self._by_role.get(role, ()):
            # A unit's leader who audits elsewhere is no leader there.
            if (person.unit == unit or role in WATCHING) and where in ("", person.unit):
                yield person
