"""What is to be told to whom and when. A notice is known by its key and so exists once, whatever is retried.

The dossier says in words who is told (`occasions`: roles, "assignee", "applicant"); with the people of the
office and their channels these become notices, one for each person and channel (`notices`). People change
between an occasion and its telling: the same words are read again then, with the people of that day.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import date, datetime
from typing import Literal, NamedTuple

from models import facts as f
from models.base import Instant, Value
from models.calendar import ONE_DAY, Calendar, CalendarTooShort
from models.dossier import Dossier
from models.facts import Event, Fact
from models.people import DESK, EMAIL, Directory
from models.procedure import Role
from models.reserved import APPLICANT
from models.view import DossierRow

NO_RUNG = -1
"""Stands in a key for what a fact itself tells."""
CITIZENS = (APPLICANT,)
FOR_LEADERS = ("apology-drafted", "task-freed")
"""The facts that are told to the unit's leader; the others are for the applicant."""
Kind = Literal[
    "reminder",
    "due",
    "overdue",
    "escalation",
    "apology-drafted",
    "task-freed",
    "accepted",
    "supplement-requested",
    "refused",
    "extended",
    "stopped",
    "resumed",
    "withdrawn",
    "ready",
    "digest",
]


class Occasion(Value):
    """Something that somebody is to be told: a rung that was reached, or a fact that concerns them.

    Known by (code, term, generation, rung, occurrence).
    """

    kind: Kind
    term: int
    generation: int
    rung: int
    occurrence: int
    name: str
    at: Instant
    """The rung's own instant, or when it happened."""
    tell_at: Instant
    """Not before: then, or the next opening of the office."""
    to: tuple[str, ...]
    by: tuple[str, ...] = ()
    """Channels; none named: the usual ones of each person."""
    at_once: bool = False
    """Whether it is told in the night, too."""
    fact: int


class Notice(Value):
    """One message to one recipient over one channel.

    The key is (code, term, generation, rung, occurrence, recipient, channel); `id` is the key as one text.
    """

    code: str
    term: int
    generation: int
    rung: int
    occurrence: int
    recipient: str
    """A user id, or "applicant"."""
    channel: str
    alarm: Kind
    name: str
    due_at: Instant
    fact: int
    tell_at: Instant
    in_place_of: str | None = None
    simulated: bool = False

    @property
    def id(self) -> str:
        """The key as one text; the store writes the same."""
        place = f"{self.term}.{self.generation}.{self.rung}.{self.occurrence}"
        return f"{self.code}/{place}/{self.recipient}/{self.channel}"


class Channels(Value):
    """By what the office tells people."""

    open: frozenset[str] = frozenset({DESK})
    """Those that can be used: mail needs a server, a webhook its address."""
    staff: tuple[str, ...] = (DESK, EMAIL)
    applicant: tuple[str, ...] = ()
    simulated: bool = False
    """Whether what concerns simulated dossiers leaves the office too."""

    def of(self, wanted: tuple[str, ...], *, simulated: bool) -> tuple[str, ...]:
        """Those of the wanted channels that can be used."""
        usable = {DESK} if simulated and not self.simulated else self.open
        return tuple(channel for channel in wanted if channel in usable)


def occasions(d: Dossier, facts: Iterable[Fact]) -> list[Occasion]:
    """What these facts of a dossier, which now stands as given, have to tell."""
    found = []
    for fact in facts:
        event = fact.event
        if isinstance(event, f.RungReached):
            term, alarm = d.term_of(event.term), _alarm(fact, event)
            if alarm is None or term is None:
                continue
            rung = d.ladder(term)[event.rung]
            tell_at = _tell(d, fact.at, event.rested_until or event.due_at, at_once=rung.at_once)
            more = {"tell_at": tell_at, "by": rung.by, "at_once": rung.at_once}
            found.append(alarm.model_copy(update=more))
        elif (kind := _kind(d, event)) is not None:
            found.append(
                Occasion(
                    kind=kind,
                    term=fact.seq,
                    generation=0,
                    rung=NO_RUNG,
                    occurrence=0,
                    name=kind,
                    at=fact.at,
                    tell_at=_tell(d, fact.at, fact.at),
                    to=(Role.UNIT_LEADER.value,) if kind in FOR_LEADERS else CITIZENS,
                    fact=fact.seq,
                )
            )
    return found


def alarms(facts: Iterable[Fact]) -> tuple[Occasion, ...]:
    """What these facts have to tell as far as they say so themselves: the rungs that were reached."""
    told = (_alarm(fact, fact.event) for fact in facts if isinstance(fact.event, f.RungReached))
    return tuple(alarm for alarm in told if alarm is not None)


def _alarm(fact: Fact, event: f.RungReached) -> Occasion | None:
    """What a rung tells, if anything, at its own instant and by the usual channels."""
    if not event.notify:
        return None
    return Occasion(
        kind=event.alarm,
        term=event.term,
        generation=event.generation,
        rung=event.rung,
        occurrence=event.occurrence,
        name=event.name,
        at=event.due_at,
        tell_at=event.due_at,
        to=event.to,
        fact=fact.seq,
    )


def _kind(d: Dossier, event: Event) -> Kind | None:
    """What a fact by itself tells, if anything. A linked dossier's applicant hears from the first one."""
    if isinstance(event, f.ApologyDrafted):
        return "apology-drafted"
    if isinstance(event, f.TaskFreed):
        return "task-freed"
    if d.parent is not None:
        return None
    match event:
        case f.Accepted():
            return "accepted"
        case f.SupplementRequested():
            return "supplement-requested"
        case f.Refused():
            return "refused"
        case f.Extended():
            return "extended"
        case f.Stopped():
            return "stopped"
        case f.ClockResumed(reason="stop"):
            return "resumed"
        case f.Withdrawn():
            return "withdrawn"
        case f.Ready():
            return "ready"
    return None


def _tell(d: Dossier, at: datetime, meant_for: datetime, *, at_once: bool = False) -> datetime:
    """The moment a notice was meant for, while the office is open; else its next opening after `at`."""
    with suppress(CalendarTooShort):  # what a calendar cannot place is told at once
        if not at_once and not d.calendar.is_open(at):
            return d.calendar.next_open(at)
    return meant_for


class Addressee(NamedTuple):
    """Somebody who is told, over which channels, and for whom where that is another."""

    recipient: str
    channels: tuple[str, ...]
    in_place_of: str | None


def addressees(
    row: DossierRow, occasion: Occasion, directory: Directory, channels: Channels, day: date
) -> list[Addressee]:
    """Who is told of an occasion on an office date, and by what: where nothing else is left, by the bell."""
    found: list[Addressee] = []
    if APPLICANT in occasion.to:
        ways = channels.of(occasion.by or channels.applicant, simulated=row.simulated)
        found.append(Addressee(APPLICANT, tuple(way for way in ways if way != DESK), None))
    assignee = row.tasks[0].assignee if row.tasks else None
    for person, in_place_of in directory.told(occasion.to, assignee=assignee, unit=row.unit, day=day):
        usual = channels.staff if person.channels is None else person.channels
        ways = channels.of(occasion.by or usual, simulated=row.simulated)
        ways = tuple(way for way in ways if way != EMAIL or person.email)
        # Nobody is left out because of what they lack: the bell is always there.
        found.append(Addressee(person.id, tuple(dict.fromkeys(ways)) or (DESK,), in_place_of))
    return found


def notices(row: DossierRow, occasion: Occasion, told: Iterable[Addressee]) -> list[Notice]:
    """What leaves the office for an occasion: one notice for each addressee and channel.

    The bell is none of them: it shows what is so when somebody looks.
    """
    return [
        Notice(
            code=row.code,
            term=occasion.term,
            generation=occasion.generation,
            rung=occasion.rung,
            occurrence=occasion.occurrence,
            recipient=addressee.recipient,
            channel=way,
            alarm=occasion.kind,
            name=occasion.name,
            due_at=occasion.at,
            fact=occasion.fact,
            tell_at=occasion.tell_at,
            in_place_of=addressee.in_place_of,
            simulated=row.simulated,
        )
        for addressee in told
        for way in addressee.channels
        if way != DESK
    ]


class Standing(Value):
    """How it stands with what a notice tells of, when its carrier looks."""

    gone: str | None = None
    """Why it is not needed any more."""
    paused: bool = False
    rests_until: Instant | None = None
    """Until when somebody let the alarm rest."""

    def not_before(self, now: datetime, calendar: Calendar, *, at_once: bool) -> datetime | None:
        """Until when it waits for its term to run, its rest to end, the office to open. None: it need not.

        When a paused term runs again nobody knows; it is looked at again each day.
        """
        if self.rests_until is not None and self.rests_until > now:
            return self.rests_until
        try:
            if self.paused:
                tomorrow = calendar.working_day_after(calendar.local(now).date(), 1)
                return calendar.opened(tomorrow)[0][0]
            return None if at_once or calendar.is_open(now) else calendar.next_open(now)
        except CalendarTooShort:  # what a calendar cannot place is told at once
            return now + ONE_DAY if self.paused else None
