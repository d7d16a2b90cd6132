"""Does a caseload fit the office that is to receive it? What is missing is named before a server starts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from models.procedure import Procedure, Role
from models.refusals import BadInput
from motcua.caseloads.open_work import OpenWork, read_open_work
from motcua.caseloads.town import Town, read_town, there
from motcua.catalogue.catalogue import Catalogue, UnknownProcedure

OPEN = "-open"
"""The end of the name of a file that is no town's caseload but open work."""
SPARE_DAYS = 20
"""Working days that a period needs beyond a limit: for supplements, what is sent back, and delays."""
UNFINISHED_DAYS = 3
"""The least limit of a procedure whose dossiers of the last two days are open within their time."""


class NoCaseload(BadInput):
    """The catalogue has no caseload for a demo."""

    sentence = "There is no caseload in {folder}; a demo plays the first .toml file there."


class CaseloadDoesNotFit(BadInput):
    """A caseload names what the office does not have."""

    sentence = "The caseload {name} does not fit this office: {missing}."


def fitting_caseload(root: Path, catalogue: Catalogue) -> tuple[Town, OpenWork]:
    """The catalogue's caseload and the open work after it, whatever their files are called.

    Refused where there is none, or where the office cannot receive it.
    """
    folder = root / "caseloads"
    files = sorted(file for file in folder.glob("*.toml") if not file.stem.endswith(OPEN))
    if not files:
        raise NoCaseload(folder=folder)
    town, work = read_town(files[0]), read_open_work(files[0].with_stem(f"{files[0].stem}{OPEN}"))
    missing = [*lacking(town, catalogue), *_lacking_for_open_work(work, town, catalogue)]
    if missing:
        raise CaseloadDoesNotFit(name=town.name, missing="; ".join(missing))
    return town, work


def lacking(town: Town, catalogue: Catalogue) -> Iterator[str]:
    """What an office would need to receive a caseload: unit, procedures, people, and a period long enough."""
    if town.unit not in {unit.id for unit in catalogue.office.units}:
        yield f"there is no unit {town.unit}"
        return
    calendar = catalogue.calendar(catalogue.office.calendar)
    if not calendar.first <= town.first <= town.last <= calendar.last:
        yield f"its period is not within the calendar's days, {calendar.first} to {calendar.last}"
        return
    span = (town.last - town.first).days + 1
    days = [day for day in (town.first + timedelta(days=n) for n in range(span)) if calendar.opened(day)]
    procedures: list[Procedure] = []
    for code in town.weights:
        procedure = _on(catalogue, code, town.first)
        if procedure is None:
            yield f"there is no procedure {code} on {town.first}"
        elif procedure.limit is None or procedure.limit.days + SPARE_DAYS > len(days):
            yield f"the period is too short for the limit of the procedure {code}"
        else:
            procedures.append(procedure)
    longest = max((each.limit.days for each in procedures if each.limit), default=0)
    if town.unfinished and procedures and longest < UNFINISHED_DAYS:
        yield f"no procedure has a limit of {UNFINISHED_DAYS} days or more"
    staff = [member for member in catalogue.office.staff.values() if there(member, town.first, town.last)]
    for role in sorted(_roles(procedures)):
        if not any(role in member.roles and member.unit == town.unit for member in staff):
            yield f"nobody in the unit {town.unit} is {role} in that period"


def _lacking_for_open_work(work: OpenWork, town: Town, catalogue: Catalogue) -> Iterator[str]:
    """Its unit, and days in order after the period. What its states need is named by the plan itself."""
    if work.unit not in {unit.id for unit in catalogue.office.units}:
        yield f"there is no unit {work.unit} for the open work"
    calendar = catalogue.calendar(catalogue.office.calendar)
    if not town.last < work.first <= work.day < calendar.last:
        yield (
            f"the open work from {work.first} to {work.day} does not lie between the end of the period, "
            f"{town.last}, and the calendar's, {calendar.last}"
        )


def _on(catalogue: Catalogue, code: str, day: date) -> Procedure | None:
    try:
        return catalogue.procedure(code, day)
    except UnknownProcedure:
        return None


def _roles(procedures: list[Procedure]) -> set[Role]:
    """Who acts: at the counter, on each step, and who asks for supplements."""
    steps = {step.role for procedure in procedures for step in procedure.steps}
    return {*steps, Role.RECEIVER, Role.HANDLER, Role.RETURNER} if procedures else set()
