"""The office of a catalogue: its units, its staff and by what it tells people."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from datetime import time, timedelta
from itertools import combinations
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from models.base import Dated, OfficeTime, Value
from models.keeping import Keeping
from models.limits import Limit
from models.people import DESK, EMAIL, Person
from models.procedure import Role
from models.reserved import is_reserved
from models.rights import EVERYWHERE
from models.units import Span
from models.visible import Id, Line
from motcua.catalogue.files import BadCatalogue, check, only_once, read

_NOT_STAFF = (Role.CITIZEN, Role.CLOCK)
ShortLine = Annotated[Line, Field(max_length=200)]
"""Words that stand in headers and tables."""


class Agency(Dated):
    """What stands before the date in the codes of the dossiers of a period."""

    # The old order of agency codes and the current one (docs/sources.md).
    code: str = Field(pattern=r"^(?:\d{3}\.\d{2}\.\d{2}\.[A-Z]\d{2}|[A-Z]\d{2}(?:\.\d{1,3}){0,3})$")


class Unit(Span):
    """A part of the office that dossiers can be with."""

    id: Id
    name: ShortLine
    name_en: ShortLine
    authority: Line | None = None
    """The body above it (cơ quan chủ quản), whose name stands over its own on papers."""
    place: Line | None = None
    """The place name before the date on papers (địa danh)."""
    address: Line | None = None
    phone: Line | None = None
    book: Line | None = None
    """The number of its register book."""


class Staff(Person):
    """A member of staff."""

    id: Id
    name: ShortLine
    roles: tuple[Role, ...] = Field(min_length=1)
    unit: Id
    phone: Line | None = None


class Webhook(Value):
    """An address outside that notices are posted to: a gateway for SMS or chat, say."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=50)
    url: Line


class NoticeRules(Value):
    """By what the office tells people, and when it sums up their day."""

    staff: tuple[str, ...] = Field(default=(DESK, EMAIL), min_length=1)
    applicant: tuple[str, ...] = (EMAIL,)
    digest: OfficeTime | None = None
    """Office time of day of the morning mail; None: there is none."""
    soon: Limit = Limit.parse("2 days")
    """How many working days ahead the morning mail looks."""

    @field_validator("digest")
    @classmethod
    def _to_the_minute(cls, at: time | None) -> time | None:
        if at is not None and (at.second or at.microsecond):
            raise ValueError("must be an office time to the minute, such as 07:00:00")
        return at

    @field_validator("soon")
    @classmethod
    def _whole_days(cls, soon: Limit) -> Limit:
        if soon.kind != "days" or soon.rest or not 1 <= soon.days <= 30:
            raise ValueError('must be whole working days, from "1 day" to "30 days"')
        return soon


class Office(Value):
    """Whose catalogue this is."""

    id: str
    agency: tuple[Agency, ...]
    calendar: str
    units: tuple[Unit, ...]
    staff: dict[str, Staff]
    notices: NoticeRules = NoticeRules()
    webhooks: tuple[Webhook, ...] = ()
    keeping: Keeping | None = None
    """For how long personal data is kept; None: until somebody erases it."""


class _OfficeFile(Value):
    id: Id
    agency: tuple[Agency, ...] = Field(min_length=1)
    calendar: Id
    unit: tuple[Unit, ...] = Field(min_length=1)
    staff: tuple[Staff, ...] = Field(min_length=1)
    notices: NoticeRules = NoticeRules()
    webhook: tuple[Webhook, ...] = ()
    keeping: Keeping | None = None


def read_office(root: Path, calendars: Container[str]) -> Office:
    """The office as its file says it, checked; `calendars` are the names that there are."""
    name = "office.toml"
    file = check(_OfficeFile, read(root, name), name)
    if file.calendar not in calendars:
        raise BadCatalogue(file=name, field="calendar", reason=f"there is no calendars/{file.calendar}.toml")
    units = [unit.id for unit in file.unit]
    only_once(name, "unit", units)
    _check_agencies(name, file.agency)
    _check_successors(name, {unit.id: unit for unit in file.unit})
    only_once(name, "staff", [member.id for member in file.staff])
    for member in file.staff:
        if member.unit not in units:
            reason = f"there is no unit {member.unit}"
            raise BadCatalogue(file=name, field=f"staff[{member.id}].unit", reason=reason)
        if is_reserved(member.id):
            reason = f'"{member.id}" stands for somebody else: motcua uses that id itself'
            raise BadCatalogue(file=name, field=f"staff[{member.id}].id", reason=reason)
        if member.scope == "unit" and (wide := set(member.roles) & set(EVERYWHERE)):
            reason = f"{min(wide).value} acts on the dossiers of every unit, and must see them"
            raise BadCatalogue(file=name, field=f"staff[{member.id}].scope", reason=reason)
        if foreign := set(member.roles) & set(_NOT_STAFF):
            reason = f"{min(foreign).value} is no role of staff"
            raise BadCatalogue(file=name, field=f"staff[{member.id}].roles", reason=reason)
    only_once(name, "webhook", [webhook.id for webhook in file.webhook])
    office = Office(
        id=file.id,
        agency=file.agency,
        calendar=file.calendar,
        units=file.unit,
        staff={member.id: member for member in file.staff},
        notices=file.notices,
        webhooks=file.webhook,
        keeping=file.keeping,
    )
    _check_channels(name, office)
    return office


def channels(office: Office) -> set[str]:
    """By what the office can tell people."""
    return {DESK, EMAIL, *(webhook.id for webhook in office.webhooks)}


def _check_channels(file: str, office: Office) -> None:
    """Each channel that is named is one; nobody but staff has a desk with a bell."""
    for webhook in office.webhooks:
        if webhook.id in (DESK, EMAIL):
            reason = f"{webhook.id} is a channel of every office"
            raise BadCatalogue(file=file, field=f"webhook[{webhook.id}].id", reason=reason)
    named = {"notices.staff": office.notices.staff, "notices.applicant": office.notices.applicant}
    named |= {f"staff[{member.id}].channels": member.channels or () for member in office.staff.values()}
    for field, listed in named.items():
        if unknown := set(listed) - channels(office):
            reason = f"there is no channel {min(unknown)}"
            raise BadCatalogue(file=file, field=field, reason=reason)
    if DESK in office.notices.applicant:
        reason = "an applicant has no desk"
        raise BadCatalogue(file=file, field="notices.applicant", reason=reason)


def _check_agencies(file: str, agencies: Iterable[Agency]) -> None:
    for one, other in combinations(agencies, 2):
        if one.overlaps(other):
            reason = f"holds on the same day as {one.code}"
            raise BadCatalogue(file=file, field=f"agency[{other.code}]", reason=reason)


def _check_successors(file: str, units: Mapping[str, Unit]) -> None:
    """Each ended unit's dossiers must find somebody in the end, by successors who were there in time."""
    for unit in units.values():
        field = f"unit[{unit.id}].successor"
        if unit.successor is None:
            continue
        if unit.until is None:
            reason = f"{unit.id} has no end (`until`), so nobody succeeds it"
            raise BadCatalogue(file=file, field=field, reason=reason)
        if unit.successor not in units:
            raise BadCatalogue(file=file, field=field, reason=f"there is no unit {unit.successor}")
        begins = units[unit.successor].since
        if begins is not None and begins > unit.until + timedelta(days=1):
            reason = f"{unit.successor} begins on {begins}, so nobody follows {unit.id} at once"
            raise BadCatalogue(file=file, field=field, reason=reason)
        chain = [unit.id]
        while (following := units[chain[-1]].successor) is not None and following in units:
            if following in chain:
                reason = f"the successors go in a circle: {' to '.join([*chain, following])}"
                raise BadCatalogue(file=file, field=field, reason=reason)
            chain.append(following)
