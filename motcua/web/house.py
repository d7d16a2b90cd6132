"""What the pages work with: the office with its people, its record and its clock, handed in by starter.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from models.calendar import Calendar, CalendarTooShort
from models.people import Directory, Person
from models.procedure import Procedure
from motcua.absences import Absences
from motcua.accounts import Accounts
from motcua.bell import Bell
from motcua.calendars import Calendars
from motcua.catalogue.catalogue import Catalogue
from motcua.catalogue.office import Unit
from motcua.desk import Desk
from motcua.documents import Documents
from motcua.erasure import Erasure
from motcua.health import Health
from motcua.papers import Papers
from motcua.past import Rules
from motcua.store import Store
from motcua.store.notices import NoticeRecord
from motcua.store.proof import ProofRecord
from motcua.store.screens import Edges, Screens
from motcua.store.views import ViewRecord
from motcua.texts.formats import Formats, Vocabulary
from motcua.web.language import LANGUAGES, Language

LONG = timedelta(days=400)
"""Beyond it a countdown in working time says no more than the date, and takes long to work out."""


def wall() -> datetime:
    """The real time."""
    return datetime.now(UTC)


@dataclass
class House:
    """An office that the pages open on. Its clock is another than the wall's where all of it is simulated."""

    desk: Desk
    store: Store
    catalogue: Catalogue
    catalog_dir: Path
    papers: Papers
    accounts: Accounts
    documents: Documents
    health: Health
    clock: Callable[[], datetime] = wall
    simulated: bool = False
    public_url: str = ""
    screens: Screens = field(init=False)
    absences: Absences = field(init=False)
    calendars: Calendars = field(init=False)
    bell: Bell = field(init=False)
    notices: NoticeRecord = field(init=False)
    views: ViewRecord = field(init=False)
    proof: ProofRecord = field(init=False)
    erasure: Erasure = field(init=False)
    rules: Rules = field(init=False)

    def __post_init__(self) -> None:
        self.screens, self.notices = Screens(self.store), NoticeRecord(self.store)
        self.absences = Absences(self.store, self.desk.rulebook)
        self.calendars = Calendars(self.desk, self.store)
        self.bell = Bell(
            self.notices, self.catalogue.office.staff, [unit.id for unit in self.catalogue.office.units]
        )
        self.rules, self.views = Rules(self.store), ViewRecord(self.store)
        self.proof = ProofRecord(self.store, self.catalogue.office.id)
        # The journal is of the office itself: its moments are real ones, whatever clock the desk shows.
        self.erasure = Erasure(self.store, self.catalogue.office.id, lambda: datetime.now(UTC))
        self._units = {unit.id: unit for unit in self.catalogue.office.units}
        self._procedures: dict[tuple[str, str], Procedure] = {}
        for procedure in self.catalogue.procedures:
            self._procedures[procedure.code, procedure.version.isoformat()] = procedure
            self._procedures[procedure.code, ""] = procedure  # the latest
        words = Vocabulary.load(self.catalog_dir)
        self.formats = {each: Formats(words, each, self.calendar.zone) for each in LANGUAGES}

    @property
    def calendar(self) -> Calendar:
        """The office's calendar as it has been changed."""
        return self.desk.rulebook.calendar

    @property
    def people(self) -> dict[str, Person]:
        """Who works here."""
        return dict(self.catalogue.office.staff)

    @property
    def units(self) -> dict[str, Unit]:
        """The parts of the office."""
        return self._units

    def edges(self, now: datetime) -> Edges:
        """Now, the end of today and the end of what is soon."""
        day = self.calendar.local(now).date()
        soon = self.catalogue.office.notices.soon.days
        try:
            last = self.calendar.working_day_after(day, soon)
        except CalendarTooShort:
            last = day + timedelta(days=soon)
        ends = [self.calendar.instant(each + timedelta(days=1), datetime.min.time()) for each in (day, last)]
        return Edges(now, *ends)

    def left(self, now: datetime, due: datetime) -> timedelta | None:
        """The working time until a due instant, negative when it has passed; None where it cannot be told."""
        if abs(due - now) > LONG:
            return None
        try:
            if due >= now:
                return self.calendar.between(now, due)
            return -self.calendar.between(due, now)
        except CalendarTooShort:
            return None

    async def directory(self, now: datetime) -> Directory:
        """The people with their absences from today on."""
        day = self.calendar.local(now).date()
        return Directory(people=self.people, absences=await self.notices.absences(day))

    # Names

    def procedure(self, code: str, version: str = "") -> Procedure | None:
        """A version of the catalogue, or the latest; None where there is none any more."""
        return self._procedures.get((code, version)) or self._procedures.get((code, ""))

    def unit_name(self, unit: str, language: Language) -> str:
        """A unit's name."""
        known = self._units.get(unit)
        return unit if known is None else known.name if language == "vi" else known.name_en

    def person_name(self, person: str | None) -> str:
        """A person's name; the id of somebody who does not work here any more."""
        known = self.catalogue.office.staff.get(person or "")
        return known.name if known else person or ""


def named(value: object, language: Language, attribute: Literal["name"] = "name") -> str:
    """The name of a procedure or step in a language."""
    return str(getattr(value, attribute if language == "vi" else f"{attribute}_en"))
