"""What a catalogue answers: who works here, what holds on a day, by which calendar."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from models.calendar import Calendar
from models.procedure import Fee, Procedure
from models.refusals import BadInput, Phrase
from motcua.catalogue.calendars import CalendarFiles
from motcua.catalogue.office import Office, read_office
from motcua.catalogue.procedures import read_procedures

if TYPE_CHECKING:
    from models.commands import Actor


class UnknownProcedure(BadInput):
    """No version of a procedure holds on a day."""

    sentence = "There is no procedure {code} on {day}{hint}."


class UnknownUser(BadInput):
    """Nobody at the office has this user id."""

    sentence = "Nobody at this office has the user id {user}{hint}."


class UnknownAgency(BadInput):
    """The office has no agency code on a day."""

    sentence = "The office has no agency code on {day}; its codes hold {known}."


class Catalogue:
    """The office, its staff, its procedures and its calendars."""

    def __init__(self, office: Office, procedures: Iterable[Procedure], calendars: CalendarFiles) -> None:
        self.office = office
        self.procedures = tuple(sorted(procedures, key=lambda p: (p.code, p.version)))
        """All versions of all procedures."""
        self._calendars = calendars
        self._with_fees: dict[tuple[str, date, tuple[Fee, ...]], Procedure] = {}

    @classmethod
    def load(cls, root: Path) -> Catalogue:
        """Read and check everything; a calendar gets its feasts only when it is asked for."""
        calendars = CalendarFiles.load(root)
        office = read_office(root, calendars)
        return cls(office, read_procedures(root, office), calendars)

    def warnings(self) -> list[str]:
        """What is allowed and easily forgotten in a procedure that people hand in: alarms and rating."""
        opened_for_others = {link.procedure for procedure in self.procedures for link in procedure.links}
        found = []
        for each in self.procedures:
            if each.code in opened_for_others:
                continue
            name = f"{each.code} of {each.version}"
            if not each.ladder and not each.step_ladder:
                found.append(
                    f"{name} has no ladder and no step_ladder: no alarm tells anybody that it is due"
                )
            if each.rating_window is None:
                found.append(f"{name} has no rating_window: it is closed with the return and cannot be rated")
        return found

    def actor(self, user_id: str) -> Actor:
        """A member of staff as commands name them."""
        from models.commands import Actor

        staff = self.office.staff.get(user_id)
        if staff is None:
            raise UnknownUser(user=user_id, hint=_near(user_id, self.office.staff))
        return Actor(id=staff.id, roles=staff.roles, unit=staff.unit)

    def procedure(self, code: str, on: date) -> Procedure:
        """The version of a procedure that holds on a day, with the fees of that day."""
        versions = [version for version in self.procedures if version.code == code]
        for version in versions:
            if version.version <= on and (version.until is None or on <= version.until):
                return self._on(version, on)
        spans = [
            Phrase("from {since} to {until}", since=v.version, until=v.until)
            if v.until
            else Phrase("from {since} on", since=v.version)
            for v in versions
        ]
        known = {version.code for version in self.procedures}
        hint = _near(code, known)
        if spans:
            hint = Phrase("; its versions hold {spans}", spans=Phrase.listed(spans))
        raise UnknownProcedure(code=code, day=on, hint=hint)

    def _on(self, version: Procedure, day: date) -> Procedure:
        """A version with the fees that hold on a day; the same value for each such day."""
        fees = tuple(fee for fee in version.fees if fee.holds(day))
        if fees == version.fees:
            return version
        key = (version.code, version.version, fees)
        return self._with_fees.setdefault(key, version.model_copy(update={"fees": fees}))

    def agency(self, on: date) -> str:
        """What stands before the date in the codes of dossiers filed on a day."""
        for agency in self.office.agency:
            if agency.holds(on):
                return agency.code
        spans = [f"{a.code} from {a.since or 'ever'} to {a.until or 'now'}" for a in self.office.agency]
        raise UnknownAgency(day=on, known=", ".join(spans))

    def today(self) -> date:
        """The office's date."""
        return self.calendar(self.office.calendar).local(datetime.now(UTC)).date()

    def calendar(self, name: str) -> Calendar:
        """A calendar with its feasts and corrections; built once."""
        return self._calendars.calendar(name)


def _near(word: str, known: Iterable[str]) -> Phrase:
    near = get_close_matches(word, sorted(known))
    return Phrase(" (did you mean {near}?)", near=", ".join(near)) if near else Phrase("")
