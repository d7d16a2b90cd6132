"""What a notice speaks of: gathered when it is sent, from the record as it then stands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from typing import Any

from models import facts as f
from models.base import Reference
from models.calendar import Calendar, CalendarTooShort
from models.facts import Fact
from models.notices import NO_RUNG, Notice
from models.people import Directory, Language, Person
from models.procedure import Procedure
from models.reserved import APPLICANT
from models.timeliness import Due, pressing
from models.view import DossierRow, TermRow
from motcua.catalogue.catalogue import Catalogue
from motcua.store import Store
from motcua.store.notices import NoticeRecord
from motcua.store.screens import own_and_dossier
from motcua.texts.topic import Alarm, Digest, Line, Place, Subject, Topic

OfficeCalendar = Callable[[], Awaitable[Calendar]]
"""The office's calendar as it has been changed so far."""
_DATELESS = ("awaiting-supplement", "awaiting-payment", "refused", "stopped", "withdrawn")
LISTED = 50
"""Dossiers in one part of a digest; the rest is counted."""


class Topics:
    """Gathers what texts speak of. `public_url` is where the tracking pages of dossiers are, if anywhere."""

    def __init__(
        self, store: Store, catalogue: Catalogue, calendar: OfficeCalendar, public_url: str | None
    ) -> None:
        self._store, self._catalogue, self._public_url = store, catalogue, public_url
        self._calendar = calendar
        self._procedures: dict[tuple[str, str], Procedure] = {}

    async def of(
        self, notice: Notice, row: DossierRow, directory: Directory, language: Language, now: datetime
    ) -> Topic:
        """The topic of a notice about a dossier; who is told is left blank."""
        procedure = await self._procedure(row.code, row.procedure, row.version)
        return Topic(
            place=self.place(row.unit, language),
            recipient="",
            dossier=self._subject(row, procedure, directory, language, await self._track(notice)),
            alarm=await self._alarm(notice, row, procedure, language, now),
            **await self._particulars(notice),
        )

    def place(self, unit: str, language: Language) -> Place:
        """A unit as the sender of a letter."""
        found = next(each for each in self._catalogue.office.units if each.id == unit)
        return Place(
            office=found.name if language == "vi" else found.name_en,
            address=found.address,
            phone=found.phone,
        )

    async def _track(self, notice: Notice) -> str | None:
        """Where the dossier is looked up; only the applicant's own letters say by what it is rated, too."""
        if not self._public_url:
            return None
        if notice.recipient == APPLICANT:
            return await self._store.track_link(self._public_url, notice.code)
        return f"{self._public_url.rstrip('/')}/track/{notice.code}"

    def _subject(
        self,
        row: DossierRow,
        procedure: Procedure,
        directory: Directory,
        language: Language,
        track: str | None,
    ) -> Subject:
        task = row.tasks[0] if row.tasks else None
        # No date holds while the clock stands still, or once there will be no result.
        dated = not row.paused and row.status not in _DATELESS
        assignee = directory.people.get(task.assignee or "") if task else None
        return Subject(
            code=row.code,
            procedure=procedure.name if language == "vi" else procedure.name_en,
            step=_step(procedure, task.step, language) if task else None,
            assignee=assignee.name if assignee else None,
            status=row.status,
            received_at=row.received_at,
            due_at=row.due_at if dated else None,
            original_due_at=row.original_due_at if dated else None,
            promised_at=row.promised_at if dated else None,
            track=track,
        )

    async def _alarm(
        self, notice: Notice, row: DossierRow, procedure: Procedure, language: Language, now: datetime
    ) -> Alarm | None:
        term = next((term for term in row.terms if term.id == notice.term), None)
        if notice.alarm not in ("reminder", "due", "overdue", "escalation") or term is None:
            return None
        left, late = _distance(await self._calendar(), term.due_at, term.overdue_from, now)
        return Alarm(
            kind=notice.alarm,
            of=term.of,
            name=_term(procedure, term, language),
            due_at=term.due_at,
            occurrence=notice.occurrence,
            overdue=now >= term.overdue_from,
            left=left,
            late=late,
        )

    async def _particulars(self, notice: Notice) -> dict[str, Any]:
        """What the fact itself says: why, until when, and how it was decided."""
        if notice.rung != NO_RUNG and notice.recipient != APPLICANT:
            return {}
        facts = await self._store.facts(notice.code)
        if notice.rung != NO_RUNG:  # a term is opened by a fact, whose number it has
            asked = facts[notice.term - 1].event
            if isinstance(asked, f.SupplementRequested):
                return {"reason": await self._text(asked.reason)}
            return {}
        match facts[notice.fact - 1].event:
            case f.ApologyDrafted(due_at=due_at, proposed_at=proposed_at, reason=cause):
                return {"until": due_at, "proposed_at": proposed_at, "cause": cause}
            case f.TaskFreed(assignee=assignee, why=why):
                return {"officer": self._name(assignee), "vacancy": why}
            case f.Ready():
                decided, issued = _decided(facts)
                return {
                    "approved": decided.approved if decided else None,
                    "reason": await self._text(decided.reason) if decided else None,
                    "number": issued.number if issued else None,
                }
            case f.SupplementRequested(due_at=until, reason=reason):
                return {"until": until, "reason": await self._text(reason)}
            case f.Extended(promised_at=until, reason=reason):
                return {"until": until, "reason": await self._text(reason)}
            case f.Stopped(final=final, reason=reason):
                return {"final": final, "reason": await self._text(reason)}
            case f.Refused(reason=reason) | f.Withdrawn(reason=reason):
                return {"reason": await self._text(reason)}
        return {}

    def _name(self, user: str) -> str:
        """A member of staff by their name; by their id where the catalogue does not name them any more."""
        person = self._catalogue.office.staff.get(user)
        return person.name if person else user

    async def _text(self, reference: Reference | None) -> str | None:
        """A free text; None where there is none, or not any more."""
        if reference is None:
            return None
        text = await self._store.private_row(reference.id)
        if isinstance(text, dict):  # what is missing, with a list of papers beside it
            papers = [f"- {words}" for words in map(_paper, text.get("papers", ()))]
            text = "\n".join([text.get("text") or "", *papers])
        return text if isinstance(text, str) else None

    async def _procedure(self, code: str, procedure: str, version: str) -> Procedure:
        """The version that a dossier was received under, as it is on record."""
        key = (procedure, version)
        if key not in self._procedures:
            body = await NoticeRecord(self._store).procedure_of(code)
            self._procedures[key] = Procedure.model_validate_json(body)
        return self._procedures[key]

    # Digests

    async def horizon(self, day: date) -> datetime:
        """Up to when a digest of this day looks ahead."""
        calendar, soon = await self._calendar(), self._catalogue.office.notices.soon
        try:
            return calendar.opened(calendar.working_day_after(day, soon.days))[-1][1]
        except CalendarTooShort:  # what is due lies within it, so this is far enough
            return calendar.instant(calendar.last + timedelta(days=1), time(0))

    async def morning(
        self, rows: list[dict[str, Any]], day: date, now: datetime, directory: Directory, person: Person
    ) -> Topic:
        """What somebody's morning mail speaks of: these open tasks."""
        return Topic(
            place=self.place(person.unit, person.language),
            recipient=person.name,
            digest=await self._digest(rows, day, now, directory, person),
        )

    async def _digest(
        self, rows: list[dict[str, Any]], day: date, now: datetime, directory: Directory, person: Person
    ) -> Digest:
        calendar = await self._calendar()
        tomorrow = calendar.instant(day + timedelta(days=1), time(0))
        parts: dict[str, list[Line]] = {"late": [], "today": [], "soon": []}
        for row in rows:
            due = pressing(own_and_dossier(row), now)
            assert due is not None  # a task without one is not urgent
            part = "late" if due.overdue_from <= now else "today" if due.at < tomorrow else "soon"
            parts[part].append(await self._line(row, due, calendar, now, directory, person.language))
        listed = {name: tuple(lines[:LISTED]) for name, lines in parts.items()}
        more = sum(len(lines) - len(listed[name]) for name, lines in parts.items())
        return Digest(
            day=calendar.instant(day, time(0)),
            more=more,
            stands_in_for=tuple(directory.people[other].name for other in directory.stood_for(person, day)),
            **listed,
        )

    async def _line(
        self,
        row: dict[str, Any],
        due: Due,
        calendar: Calendar,
        now: datetime,
        directory: Directory,
        language: Language,
    ) -> Line:
        procedure = await self._procedure(row["code"], row["procedure"], row["version"])
        left, late = _distance(calendar, due.at, due.overdue_from, now)
        assignee = directory.people.get(row["assignee"] or "")
        return Line(
            code=row["code"],
            procedure=procedure.name if language == "vi" else procedure.name_en,
            step=_step(procedure, row["step"], language),
            assignee=assignee.name if assignee else None,
            due_at=due.at,
            left=left,
            late=late,
        )


def _distance(
    calendar: Calendar, due_at: datetime, overdue_from: datetime, now: datetime
) -> tuple[timedelta | None, timedelta | None]:
    """Working time to a due instant that lies ahead, or since one that is overdue; neither in between, nor
    where the calendar does not reach so far."""
    with suppress(CalendarTooShort):
        if now < due_at:
            return calendar.between(now, due_at), None
        if now >= overdue_from:
            return None, calendar.between(due_at, now)
    return None, None


def _decided(facts: list[Fact]) -> tuple[f.Decided | None, f.Issued | None]:
    """How it was decided, and the number of the result: what was said last."""
    said = [fact.event for fact in reversed(facts)]
    return (
        next((event for event in said if isinstance(event, f.Decided)), None),
        next((event for event in said if isinstance(event, f.Issued)), None),
    )


def _paper(paper: Any) -> str:
    """A missing paper by its name, however it was listed."""
    if not isinstance(paper, dict):
        return str(paper)
    return str(paper.get("name") or paper.get("title") or ", ".join(map(str, paper.values())))


def _step(procedure: Procedure, step: str, language: Language) -> str | None:
    """A step by its name; None for intake, which is no step of the procedure."""
    found = next((each for each in procedure.steps if each.id == step), None)
    if found is None:
        return None
    return found.name if language == "vi" else found.name_en


def _term(procedure: Procedure, term: TermRow, language: Language) -> str:
    """What a term is of, for people: the step's name, the agency's, or its kind."""
    return (_step(procedure, term.name, language) if term.of == "step" else None) or term.name
