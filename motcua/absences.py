"""Who is away and who stands in: entered by themselves or by those who lead them."""

from __future__ import annotations

from datetime import date

from models.base import keeps
from models.commands import Actor
from models.people import Absence, check_there
from models.procedure import Role
from models.refusals import BadInput, Phrase, Refusal
from models.rights import OFFICE, WATCHING
from motcua.desk import Rulebook
from motcua.store import Store
from motcua.store.notices import NoticeRecord


class BadAbsence(BadInput):
    """An absence that cannot be."""

    sentence = "This absence of {person} cannot be entered: {reason}"


class NoAbsence(BadInput):
    """There is no absence of this number, or it has been taken back."""

    sentence = "There is no absence {number}; `absences list` shows those there are."


class NotYoursToEnter(Refusal):
    """Absences are entered by oneself, the unit's leader, the office's leader or an administrator."""

    sentence = "{actor} may not enter an absence of {person}: their leaders, an administrator and they may."


class Absences:
    """The absences of an office's staff."""

    def __init__(self, store: Store, rulebook: Rulebook) -> None:
        self._record, self._rulebook = NoticeRecord(store), rulebook

    async def add(
        self, person: str, since: date, until: date, substitute: str | None, user: str, *, today: date
    ) -> int:
        """Enter an absence, both days included; its number. Of two on a day the later entered counts."""
        actor, away = self._rulebook.actor(user), self._rulebook.actor(person)
        self._may(actor, away)
        if until < since:
            raise BadAbsence(person=person, reason=Phrase("it must not end before it begins"))
        for day in (since, until):
            if not keeps(day):
                raise BadAbsence(
                    person=person, reason=Phrase("the year {year} is a mistake", year=str(day.year))
                )
        if until < today:  # it would stand in no list, and could not be taken back
            raise BadAbsence(person=person, reason=Phrase("it is over already"))
        if substitute is not None:
            stand_in = self._rulebook.actor(substitute)
            if stand_in.id == away.id:
                raise BadAbsence(person=person, reason=Phrase("nobody stands in for themselves"))
            if stand_in.unit != away.unit and not stand_in.has(*WATCHING):
                names = {"person": substitute, "unit": away.unit}
                reason = Phrase("{person} may not see the dossiers of the unit {unit}", **names)
                raise BadAbsence(person=person, reason=reason)
            if (dated := self._rulebook.dated(substitute)) is not None:
                for day in (since, until):
                    check_there(dated, day)
        absence = Absence(person=person, since=since, until=until, substitute=substitute)
        return await self._record.add_absence(absence, user)

    async def end(self, number: int, user: str) -> str:
        """Take an absence back; whose it was."""
        actor = self._rulebook.actor(user)
        rows = {row["number"]: row for row in await self._record.absence_rows(date.min)}
        if number not in rows:
            raise NoAbsence(number=number)
        self._may(actor, self._rulebook.actor(rows[number]["person"]))
        person = await self._record.end_absence(number, user)
        if person is None:  # somebody else was quicker
            raise NoAbsence(number=number)
        return person

    def _may(self, actor: Actor, away: Actor) -> None:
        leads = actor.has(Role.UNIT_LEADER) and actor.unit == away.unit
        if actor.id != away.id and not leads and not actor.has(*set(OFFICE["absences"]) - {Role.UNIT_LEADER}):
            raise NotYoursToEnter(actor=actor.id, person=away.id)
