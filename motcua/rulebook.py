"""The catalogue as the desk needs it."""

from __future__ import annotations

from models.calendar import Calendar
from motcua.catalogue.catalogue import Catalogue
from motcua.desk import Rulebook


def rulebook(catalogue: Catalogue, calendar: Calendar | None = None) -> Rulebook:
    """What a desk of the catalogue's office goes by; with another calendar than the office's when given."""
    office = catalogue.office
    return Rulebook(
        office=office.id,
        agency=catalogue.agency,
        units={unit.id: unit for unit in office.units},
        procedure=catalogue.procedure,
        actor=catalogue.actor,
        person=office.staff.get,
        calendar=calendar or catalogue.calendar(office.calendar),
    )
