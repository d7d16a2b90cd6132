"""What is to be told to whom and when. A notice is known by its key and so exists once, whatever is retried.

The dossier says in words who is told (`occasions`: roles, "assignee", "applicant"); with the people of the
office and their channels these become notices, one for each person and channel (`notices`).
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import date, datetime
from typing import Literal

from models import facts as f
from models.base import Instant, Value
from models.calendar import CalendarTooShort
from models.dossier import Dossier
from models.facts import Event, Fact
from models.people import APPLICANT, Directory
from models.procedure import Role
from models.view import DossierRow

DESK, EMAIL = "desk", "email"
"""The desk's own bell, and mail; every other channel is a webhook of the office."""
NO_RUNG = -1
"""Stands in a key for what a fact itself tells."""
CITIZENS = (APPLICANT,)
Kind = Literal[
    "reminder",
    "due",
    "escalation",
    "apology-drafted",
    "accepted",
    "supplement-requested",
    "refused",
    "extended",
    "stopped",
    "withdrawn",
    "ready",
    "digest",
]


class Occasion(Value):
    """Something that somebody is to be told: a rung that was reached, or a fact that concerns them."""

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
    told_as: str
    """The word by which the recipient was found; "assignee" holds only as long as they have the task."""
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
        if isinstance(event := fact.event, f.RungReached):
            term = d.term_of(event.term)
            if not event.notify or term is None:
                continue
            rung = d.ladder(term)[event.rung]
            found.append(
                Occasion(
                    kind=event.alarm,
                    term=event.term,
                    generation=event.generation,
                    rung=event.rung,
                    occurrence=event.occurrence,
                    name=event.name,
                    at=event.due_at,
                    tell_at=_tell(d, fact.at, event.rested_until or event.due_at, at_once=rung.at_once),
                    to=event.to,
                    by=rung.by,
                    fact=fact.seq,
                )
            )
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
                    to=(Role.UNIT_LEADER.value,) if kind == "apology-drafted" else CITIZENS,
                    fact=fact.seq,
                )
            )
    return found


def _kind(d: Dossier, event: Event) -> Kind | None:
    """What a fact by itself tells, if anything. A linked dossier's applicant hears from the first one."""
    if isinstance(event, f.ApologyDrafted):
        return "apology-drafted"
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


def notices(
    row: DossierRow, occasion: Occasion, directory: Directory, channels: Channels, day: date
) -> list[Notice]:
    """One notice for each person and channel; `day` is the office date on which they will be told."""
    wanted: list[tuple[str, str, str | None, tuple[str, ...]]] = []
    if APPLICANT in occasion.to:
        ways = channels.of(occasion.by or channels.applicant, simulated=row.simulated)
        wanted.append((APPLICANT, APPLICANT, None, tuple(way for way in ways if way != DESK)))
    assignee = row.tasks[0].assignee if row.tasks else None
    for person, word, in_place_of in directory.told(occasion.to, assignee=assignee, unit=row.unit, day=day):
        usual = channels.staff if person.channels is None else person.channels
        ways = channels.of(occasion.by or usual, simulated=row.simulated)
        ways = tuple(way for way in ways if way != EMAIL or person.email)
        # Nobody is left out because of what they lack: the bell is always there.
        wanted.append((person.id, word, in_place_of, ways or (DESK,)))
    return [
        Notice(
            code=row.code,
            term=occasion.term,
            generation=occasion.generation,
            rung=occasion.rung,
            occurrence=occasion.occurrence,
            recipient=recipient,
            channel=way,
            alarm=occasion.kind,
            name=occasion.name,
            due_at=occasion.at,
            fact=occasion.fact,
            tell_at=occasion.tell_at,
            told_as=word,
            in_place_of=in_place_of,
            simulated=row.simulated,
        )
        for recipient, word, in_place_of, ways in wanted
        for way in dict.fromkeys(ways)
    ]
