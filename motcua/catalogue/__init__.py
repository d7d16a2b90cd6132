"""The catalogue: reads and checks `catalog/` (office, procedures, calendars) and answers from it.

A file that is wrong is refused on one line with its name, the place in it and the reason, and nothing of
that catalogue is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from itertools import combinations, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from models.base import Dated, Value
from models.calendar import Calendar
from models.keeping import Keeping
from models.limits import Limit
from models.people import APPLICANT, ASSIGNEE, DESK, EMAIL, STAFF_ROLES, Person
from models.procedure import Fee, Procedure, Role
from models.refusals import BadInput
from models.rights import EVERYWHERE
from models.units import Span, heir
from motcua.catalogue.calendars import (
    CalendarFile,
    NotAHoliday,
    read_calendar,
    read_calendars,
    without_holiday,
)
from motcua.catalogue.files import BadCatalogue, Id, Line, Text, check, check_id, files, only_once, read

if TYPE_CHECKING:
    from models.commands import Actor

__all__ = [
    "Agency",
    "BadCatalogue",
    "Catalogue",
    "NotAHoliday",
    "Office",
    "Staff",
    "Unit",
    "UnknownAgency",
    "UnknownCalendar",
    "UnknownProcedure",
    "UnknownUser",
    "without_holiday",
]

_NOT_STAFF = (Role.CITIZEN, Role.CLOCK)
_SHARED = ("code", "name", "name_en", "field")


class UnknownProcedure(BadInput):
    """No version of a procedure holds on a day."""

    sentence = "There is no procedure {code} on {day}{hint}."


class UnknownUser(BadInput):
    """Nobody at the office has this user id."""

    sentence = "Nobody at this office has the user id {user}{hint}."


class UnknownCalendar(BadInput):
    """The catalogue has no calendar of this name."""

    sentence = "There is no calendar {name}; there is: {known}."


class UnknownAgency(BadInput):
    """The office has no agency code on a day."""

    sentence = "The office has no agency code on {day}; its codes hold {known}."


class Agency(Dated):
    """What stands before the date in the codes of the dossiers of a period."""

    # The old order of agency codes and the current one (docs/sources.md).
    code: str = Field(pattern=r"^(?:\d{3}\.\d{2}\.\d{2}\.[A-Z]\d{2}|[A-Z]\d{2}(?:\.\d{1,3}){0,3})$")


class Unit(Span):
    """A part of the office that dossiers can be with."""

    id: Id
    name: Line
    name_en: Line
    authority: Text | None = None
    """The body above it (cơ quan chủ quản), whose name stands over its own on papers."""
    place: Text | None = None
    """The place name before the date on papers (địa danh)."""
    address: Text | None = None
    phone: Text | None = None
    book: Text | None = None
    """The number of its register book."""


class Staff(Person):
    """A member of staff."""

    id: Id
    name: Line
    roles: tuple[Role, ...] = Field(min_length=1)


class Webhook(Value):
    """An address outside that notices are posted to: a gateway for SMS or chat, say."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=50)
    url: Text


class NoticeRules(Value):
    """By what the office tells people, and when it sums up their day."""

    staff: tuple[str, ...] = Field(default=(DESK, EMAIL), min_length=1)
    applicant: tuple[str, ...] = (EMAIL,)
    digest: time | None = None
    """Office time of day of the morning mail; None: there is none."""
    soon: Limit = Limit.parse("2 days")
    """How many working days ahead the morning mail looks."""

    @field_validator("digest")
    @classmethod
    def _to_the_minute(cls, at: time | None) -> time | None:
        if at is not None and (at.second or at.microsecond or at.tzinfo):
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
    calendar: str
    unit: tuple[Unit, ...] = Field(min_length=1)
    staff: tuple[Staff, ...] = Field(min_length=1)
    notices: NoticeRules = NoticeRules()
    webhook: tuple[Webhook, ...] = ()
    keeping: Keeping | None = None


class _ProcedureFile(Value):
    code: Id
    name: Text
    name_en: Text
    field: Text
    version: tuple[dict[str, Any], ...] = Field(min_length=1)


class Catalogue:
    """The office, its staff, its procedures and its calendars."""

    def __init__(
        self, office: Office, procedures: Iterable[Procedure], calendars: Mapping[str, CalendarFile]
    ) -> None:
        self.office = office
        self.procedures = tuple(sorted(procedures, key=lambda p: (p.code, p.version)))
        """All versions of all procedures."""
        self._files = calendars
        self._calendars: dict[str, Calendar] = {}
        self._with_fees: dict[tuple[str, date, tuple[Fee, ...]], Procedure] = {}

    @classmethod
    def load(cls, root: Path) -> Catalogue:
        """Read and check everything; a calendar gets its feasts only when it is asked for."""
        calendars = read_calendars(root)
        office = _office(root, calendars)
        return cls(office, _procedures(root, office), calendars)

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
        spans = [f"{v.version} to {v.until}" if v.until else f"{v.version} on" for v in versions]
        known = {version.code for version in self.procedures}
        hint = "; its versions hold from " + ", from ".join(spans) if spans else _near(code, known)
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
        if name not in self._files:
            raise UnknownCalendar(name=name, known=", ".join(self._files) or "none")
        if name not in self._calendars:
            self._calendars[name] = read_calendar(name, self._files[name])
        return self._calendars[name]


def _near(word: str, known: Iterable[str]) -> str:
    near = get_close_matches(word, sorted(known))
    return f" (did you mean {' or '.join(near)}?)" if near else ""


def _office(root: Path, calendars: Mapping[str, CalendarFile]) -> Office:
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
        if member.id in (ASSIGNEE, APPLICANT):
            reason = f'"{member.id}" stands for somebody else where people are told'
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


def _channels(office: Office) -> set[str]:
    return {DESK, EMAIL, *(webhook.id for webhook in office.webhooks)}


def _check_channels(file: str, office: Office) -> None:
    """Each channel that is named is one; nobody but staff has a desk with a bell."""
    for webhook in office.webhooks:
        if webhook.id in (DESK, EMAIL):
            reason = f"{webhook.id} is a channel of every office"
            raise BadCatalogue(file=file, field=f"webhook[{webhook.id}].id", reason=reason)
    named = {"notices.staff": office.notices.staff, "notices.applicant": office.notices.applicant}
    named |= {f"staff[{member.id}].channels": member.channels or () for member in office.staff.values()}
    for field, channels in named.items():
        if unknown := set(channels) - _channels(office):
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


def _procedures(root: Path, office: Office) -> list[Procedure]:
    units = {unit.id: unit for unit in office.units}
    found: list[Procedure] = []
    seen: dict[str, str] = {}
    for file, data in files(root, "procedures"):
        head = check(_ProcedureFile, data, file)
        if head.code in seen:
            raise BadCatalogue(file=file, field="code", reason=f"{head.code} is already in {seen[head.code]}")
        seen[head.code] = file
        shared = head.model_dump(include=set(_SHARED))
        versions = [_version(file, shared, table, index) for index, table in enumerate(head.version)]
        versions.sort(key=lambda version: version.version)
        for one, following in pairwise(versions):
            if one.until is None or one.until >= following.version:
                end = f"ends on {one.until}" if one.until else "has no end"
                reason = f"overlaps the version of {one.version}, which {end}"
                raise BadCatalogue(file=file, field=f"version[{following.version}]", reason=reason)
        found += versions
    for procedure in found:
        _check_ladders(seen[procedure.code], procedure, office)
        _check_links(seen[procedure.code], procedure, found, units)
    for code in office.keeping.procedures if office.keeping else ():
        if code not in seen:
            field, reason = f"keeping.procedures[{code}]", f"there is no procedure {code}"
            raise BadCatalogue(file="office.toml", field=field, reason=reason)
    return found


def _check_links(
    file: str, procedure: Procedure, known: Iterable[Procedure], units: Mapping[str, Unit]
) -> None:
    """A link names a unit of the office, and a procedure that there is from the first day of its own."""
    for link in procedure.links:
        field = f"version[{procedure.version}].links[{link.id}]"
        check_id(link.id, file, f"{field}.id")  # it is part of a request id
        if link.unit not in units:
            raise BadCatalogue(file=file, field=f"{field}.unit", reason=f"there is no unit {link.unit}")
        if heir(units, link.unit, procedure.until or date.max) is None:
            reason = f"{link.unit} ends, nobody follows it, and the procedure goes on"
            raise BadCatalogue(file=file, field=f"{field}.unit", reason=reason)
        firsts = [other.version for other in known if other.code == link.procedure]
        if not firsts or min(firsts) > procedure.version:
            reason = f"there is no procedure {link.procedure} on {procedure.version}"
            raise BadCatalogue(file=file, field=f"{field}.procedure", reason=reason)


def _version(file: str, shared: dict[str, Any], table: dict[str, Any], index: int) -> Procedure:
    within = f"version[{table.get('version', index)}]"
    for key in _SHARED:
        if key in table:
            reason = "belongs above the versions, which share it"
            raise BadCatalogue(file=file, field=f"{within}.{key}", reason=reason)
    data = {**shared, **table}
    if data.get("limit") == "none":  # TOML has no null, and a limit that was forgotten must not pass for none
        data["limit"] = None
    return check(Procedure, data, file, within)


def _check_ladders(file: str, procedure: Procedure, office: Office) -> None:
    """Each rung tells somebody whom there can be, by channels that there are."""
    units = {unit.id for unit in office.units}
    for name, ladder in (("ladder", procedure.ladder), ("step_ladder", procedure.step_ladder)):
        for rung in ladder:
            field = f"version[{procedure.version}].{name}[{rung.name}]"
            for word in sorted(set(rung.to) - {ASSIGNEE, APPLICANT}):
                role, at, unit = word.partition("@")
                if role not in STAFF_ROLES:
                    raise BadCatalogue(file=file, field=f"{field}.to", reason=f"{role} is no role of staff")
                if at and unit not in units:
                    raise BadCatalogue(file=file, field=f"{field}.to", reason=f"there is no unit {unit}")
            if unknown := set(rung.by) - _channels(office):
                reason = f"there is no channel {min(unknown)}"
                raise BadCatalogue(file=file, field=f"{field}.by", reason=reason)
            if APPLICANT in rung.to and set(rung.by) == {DESK}:
                reason = "an applicant, who is told too, has no desk"
                raise BadCatalogue(file=file, field=f"{field}.by", reason=reason)
