"""The procedures of a catalogue: a file for each, with its dated versions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import Field

from models.base import Value
from models.people import DESK, STAFF_ROLES
from models.procedure import Procedure
from models.reserved import APPLICANT, ASSIGNEE
from models.units import heir
from models.visible import Id, Line
from motcua.catalogue.files import BadCatalogue, check, files
from motcua.catalogue.office import Office, Unit, channels

_SHARED = ("code", "name", "name_en", "field")


class _ProcedureFile(Value):
    code: Id
    name: Line
    name_en: Line
    field: Line
    version: tuple[dict[str, Any], ...] = Field(min_length=1)


def read_procedures(root: Path, office: Office) -> list[Procedure]:
    """All versions of all procedures, checked against the office."""
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
        check_ladders(
            seen[procedure.code],
            f"version[{procedure.version}]",
            procedure,
            units={unit.id for unit in office.units},
            channels=channels(office),
        )
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


def check_ladders(
    file: str, within: str, procedure: Procedure, *, units: Collection[str] | None, channels: set[str]
) -> None:
    """Each rung tells somebody whom there can be, by channels that there are; units are None if not known."""
    for name, ladder in (("ladder", procedure.ladder), ("step_ladder", procedure.step_ladder)):
        for rung in ladder:
            field = f"{within}.{name}[{rung.name}]"
            for word in sorted(set(rung.to) - {ASSIGNEE, APPLICANT}):
                role, at, unit = word.partition("@")
                if role not in STAFF_ROLES:
                    raise BadCatalogue(file=file, field=f"{field}.to", reason=f"{role} is no role of staff")
                if at and units is not None and unit not in units:
                    raise BadCatalogue(file=file, field=f"{field}.to", reason=f"there is no unit {unit}")
            if unknown := set(rung.by) - channels:
                reason = f"there is no channel {min(unknown)}"
                raise BadCatalogue(file=file, field=f"{field}.by", reason=reason)
            if APPLICANT in rung.to and set(rung.by) == {DESK}:
                reason = "an applicant, who is told too, has no desk"
                raise BadCatalogue(file=file, field=f"{field}.by", reason=reason)
