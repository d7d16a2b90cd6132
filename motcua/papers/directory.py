"""Who is who at the office, as its papers name them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from models.calendar import Calendar
from models.procedure import Role
from motcua.catalogue.office import Office, Unit
from motcua.papers import contents as say
from motcua.papers import words
from motcua.store.register import Registered


class Directory:
    """The office's units and staff."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self.units = {unit.id: unit for unit in office.units}

    def unit(self, name: str) -> Unit:
        """A unit; one that the catalogue does not have (any more) is called by its id."""
        return self.units.get(name) or Unit(id=name, name=name, name_en=name)

    def name(self, user: str) -> str:
        """The name of a user, the applicant, the clock or a messenger."""
        staff = self._office.staff.get(user)
        return staff.name if staff else words.NOBODY.get(user, user)

    def signer(self, user: str, acting_as: Role | None) -> say.Signer:
        """Who signs what a user did in a role; what the clock did is signed by hand, for the unit."""
        staff = self._office.staff.get(user)
        roles: Sequence[Role] = staff.roles if staff else ()
        if acting_as is not None and acting_as in roles:
            roles = (acting_as, *roles)
        title = next((words.SIGNERS[role] for role in roles if role in words.SIGNERS), None)
        return say.Signer(title=title or words.SIGNS_FOR_THE_UNIT, name=staff.name if staff else None)

    def home(self, unit: str | None) -> Unit:
        """A unit, or the first of the office where none is meant."""
        return self.unit(unit) if unit else self._office.units[0]

    def entry(self, calendar: Calendar, row: Registered) -> say.Entry:
        """A line of the register."""
        person: Mapping[str, Any] = row.applicant or {"name": words.ERASED}
        asked = {} if row.linked else person.get("request") or {}
        owner = {**person, **(person.get("owner") or {})}
        ended = words.OUTCOMES.get(row.outcome or "")
        finished = words.moment(calendar, row.finished_at)
        shown = person_of(owner)
        return say.Entry(
            code=row.code,
            request=words.line(asked.get("request") or row.procedure),
            sets=asked.get("sets", 1),
            owner=shown.name,
            address=shown.address,
            phone=shown.phone,
            received=words.moment(calendar, row.received_at) or "",
            due=words.moment(calendar, row.due_at),
            original_due=words.moment(calendar, row.original_due_at)
            if row.original_due_at != row.due_at
            else None,
            returned=f"{ended}: {finished}" if ended else finished,
            receiver=self.name(row.receiver),
            field=words.line(row.field),
        )

    def contact(self, user: str, unit: Unit) -> say.Contact:
        """Whom the applicant may ask: the officer where one acted, else the unit."""
        staff = self._office.staff.get(user)
        phone = getattr(staff, "phone", None) or unit.phone
        return say.Contact(name=staff.name if staff else None, phone=phone)


def person_of(row: Mapping[str, Any]) -> say.Person:
    """A person from an erasable row; blanks are nothing."""
    names = ("name", "id_number", "address", "phone", "email")
    return say.Person(**{name: words.line(row[name]) if row.get(name) else None for name in names})
