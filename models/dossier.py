"""A dossier as it stands: the fold of its facts, and what can be read off it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from models.apologies import draft_at
from models.base import Instant, Reference, Value, added
from models.calendar import Calendar
from models.chain import GENESIS
from models.commands import Channel, News
from models.facts import ApologyReason, Outcome, WaitReason
from models.procedure import Procedure, Role, Stage
from models.terms import Alarm, Mode, Pause, Rung, Term, next_alarm
from models.timeliness import Measure, Timeliness, overdue_from

Status = Literal[
    "submitted",
    "received",
    "processing",
    "awaiting-supplement",
    "awaiting-payment",
    "awaiting-answer",
    "stopped",
    "ready",
    "returned",
    "refused",
    "withdrawn",
]

NATIONAL_STATUS: dict[Status, int] = {
    "submitted": 1,
    "received": 2,
    "refused": 3,
    "processing": 4,
    "awaiting-answer": 4,
    "awaiting-supplement": 5,
    "awaiting-payment": 6,
    "withdrawn": 7,
    "stopped": 8,
    "ready": 9,
    "returned": 10,
}
"""The national portal's codes 1-10 (docs/sources.md); 5, 6 and 8 stay what they are, never 9."""

_WAITING: dict[WaitReason, Status] = {
    "stop": "stopped",
    "supplement": "awaiting-supplement",
    "payment": "awaiting-payment",
    "consultation": "awaiting-answer",
    "linked": "awaiting-answer",
}

INTAKE = "intake"
"""The name of the task that a newly filed dossier opens: check, then accept or refuse."""


class Task(Value):
    """An open step waiting for a person."""

    id: int
    """The sequence number of the fact that opened it; its term, where it has one, has the same id."""
    step: str
    stage: Stage
    role: Role
    assignee: str | None
    opened_at: Instant


class Wait(Value):
    """Something that must happen before the work can go on."""

    reason: WaitReason
    name: str
    mode: Mode
    since: Instant


class Result(Value):
    """The decision: approved or not, then its number, date and file."""

    approved: bool
    number: str | None = None
    date: Instant | None = None
    file: Reference | None = None


class Completion(Value):
    """The step that was finished last, so that a mis-keyed completion can be corrected."""

    seq: int
    task: Task
    result: Result | None
    """The result as it was before the step."""


class Parent(Value):
    """The dossier that this one was opened for, and its name for this one."""

    code: str
    link: str


class Linked(Value):
    """A dossier at another agency that this one has asked for."""

    link: str
    round: int
    unit: str
    child: str | None = None
    """Its code, once it has one."""
    late: bool = False
    news: News | None = None
    """What it told last, of what moves it on."""

    @property
    def over(self) -> bool:
        """Whether it is not waited for any more."""
        return self.news in ENDED


ENDED: tuple[News, ...] = ("ready", "refused", "withdrawn", "stopped")


class Apology(Value):
    """A drafted apology. It is for one due instant: when that moves it says nothing any more."""

    id: int
    """The sequence number of the fact that drafted it."""
    at: Instant
    reason: ApologyReason
    due_at: Instant
    generation: int
    proposed_at: Instant | None
    dismissed: bool = False


class Dossier(Value):
    """One application with everything that the rules need to know about it."""

    code: str
    office: str
    procedure: Procedure
    calendar: Calendar
    simulated: bool = False
    parent: Parent | None = None
    seq: int = 0
    head: str = GENESIS
    latest: Instant | None = added(None)
    """The moment of its last fact."""
    unit: str = ""
    channel: Channel | None = None
    applicant: Reference | None = None
    papers: Reference | None = None
    stage: Stage = Stage.RECEIVE
    submitted_at: Instant | None = None
    received_at: Instant | None = None
    ready_at: Instant | None = None
    finished_at: Instant | None = None
    promised_at: Instant | None = None
    rate_by: Instant | None = None
    outcome: Outcome | None = None
    timeliness: Timeliness | None = None
    result: Result | None = None
    task: Task | None = None
    terms: tuple[Term, ...] = ()
    opened: dict[int, Instant] = Field(default_factory=dict)
    """Term to the moment at which it was opened, in or outside opening hours."""
    decree: str | None = None
    """What its calendar was last amended by."""
    waits: tuple[Wait, ...] = ()
    links: tuple[Linked, ...] = ()
    restarts: bool = False
    """Whether one of the waits since the clock was paused starts the terms afresh."""
    handled_by: frozenset[str] = frozenset()
    officers: dict[str, str] = Field(default_factory=dict)
    """Who did each step last: work that is sent back returns to the same officer."""
    payment: int | None = None
    """The đồng that the applicant has been asked for and has not paid."""
    supplements: int = 0
    extensions: int = 0
    apologies: tuple[Apology, ...] = ()
    """Every draft there has been, also those that have become void."""
    extended_at: Instant | None = None
    """When the due instant was last moved to a promised date."""
    outages: tuple[str, ...] = ()
    """The announced outages that have been counted."""
    last_completion: Completion | None = None
    touched: int = 0
    """The number of the last fact that a person brought about."""
    answered: dict[str, int] = Field(default_factory=dict)
    """Command id to the number of its last fact: the same id again gets the first answer."""
    requests: dict[str, str] = Field(default_factory=dict)
    """Command id to what was asked under it (`chain.request_digest`); the clock's have none."""

    @property
    def closed(self) -> bool:
        """Nothing more can happen."""
        return self.stage is Stage.CLOSED

    @property
    def status(self) -> Status:
        """One word for people."""
        if self.outcome is not None:
            return self.outcome
        if self.ready_at is not None:
            return "ready"
        for reason, status in _WAITING.items():
            if any(wait.reason == reason for wait in self.waits):
                return status
        if self.received_at is None:
            return "submitted"
        return "received" if self.stage is Stage.RECEIVE else "processing"

    @property
    def national_status(self) -> int:
        """The national portal's code."""
        return NATIONAL_STATUS[self.status]

    @property
    def paused(self) -> bool:
        """Whether the dossier's clock stands still."""
        return any(wait.mode != "none" for wait in self.waits)

    @property
    def term(self) -> Term | None:
        """The deadline of the whole dossier, once it has been accepted."""
        return next((term for term in self.terms if term.of == "dossier"), None)

    @property
    def promisable(self) -> Term | None:
        """The whole dossier's term while a new date may be promised for it and none has been."""
        term = self.term
        if term is None or not term.running or self.extensions >= self.procedure.extensions:
            return None
        return None if self.promised_at is not None and self.promised_at > term.due_at else term

    @property
    def apology(self) -> Apology | None:
        """The draft that waits for a leader."""
        term = self.promisable
        found = next((each for each in self.apologies if term and _is_for(each, term)), None)
        return None if found is None or found.dismissed else found

    def apology_call(self) -> tuple[datetime, ApologyReason] | None:
        """When the clock must draft an apology next, and why; once for each due instant."""
        term = self.promisable
        if term is None or self.task is None or any(_is_for(each, term) for each in self.apologies):
            return None
        return draft_at(self.calendar, self.procedure, self.task.step, term)

    def pause(self, term: Term, until: datetime, reason: WaitReason) -> Pause:
        """The pause of a paused term that ends now. Only a stop pauses a term that waits for others."""
        waiting = term.of in ("supplement", "consultation", "link")
        mode = self.procedure.pausing.stop if waiting else "restart" if self.restarts else "resume"
        return Pause(since=term.paused_at or until, until=until, reason=reason, mode=mode)

    def term_of(self, number: int) -> Term | None:
        """The term that the fact of this number opened."""
        return next((term for term in self.terms if term.id == number), None)

    def measure(self, term: Term) -> Measure:
        """How a term is held against its due instant: only the whole dossier's can be by date."""
        return self.procedure.timeliness if term.of == "dossier" else "instant"

    def overdue_from(self, term: Term) -> datetime:
        """The first instant at which a term is overdue, unless its clock stands still by then."""
        return overdue_from(self.calendar, self.measure(term), term.due_at)

    def ladder(self, term: Term) -> tuple[Rung, ...]:
        """The alarms of a term."""
        return self.procedure.ladder if term.of == "dossier" else self.procedure.step_ladder

    def alarms(self) -> list[Alarm]:
        """The next alarm of each running term."""
        found = (
            next_alarm(self.calendar, self.measure(term), term, self.ladder(term)) for term in self.terms
        )
        return [alarm for alarm in found if alarm is not None]

    def lapses(self) -> list[tuple[datetime, Term]]:
        """The running terms whose end itself has an effect, and when that comes: the end is still in time."""
        return [
            (self.overdue_from(term), term)
            for term in self.terms
            if term.running
            and (
                (term.of == "supplement" and self.procedure.supplement_lapse == "stop")
                or (term.of == "consultation" and self.procedure.consultation_silence == "consent")
            )
        ]

    @property
    def rating_lapses(self) -> datetime | None:
        """The first instant at which it cannot be rated any more."""
        return None if self.rate_by is None else overdue_from(self.calendar, "instant", self.rate_by)

    def breaches(self) -> list[tuple[datetime, Term]]:
        """The running terms of a linked dossier whose breach the parent has not heard of, and its moment."""
        if self.parent is None:
            return []
        return [
            (self.overdue_from(term), term)
            for term in self.terms
            if term.running and term.of in ("intake", "dossier") and term.reported_due_at != term.due_at
        ]

    def next_call(self) -> tuple[datetime, str] | None:
        """When the clock must look at this dossier next, and what for (a few words, no names)."""
        calls = [
            (alarm.sounds_at, f"{term.of} {term.name}: {self.ladder(term)[alarm.rung].name}")
            for alarm in self.alarms()
            if (term := self.term_of(alarm.term)) is not None
        ]
        calls += [(at, f"{term.of} lapses") for at, term in self.lapses()]
        calls += [(at, f"{term.of} becomes overdue") for at, term in self.breaches()]
        if (apology := self.apology_call()) is not None:
            calls.append((apology[0], "apology is drafted"))
        if self.rating_lapses is not None and not self.closed:
            calls.append((self.rating_lapses, "rating closes"))
        return min(calls, default=None)


def _is_for(apology: Apology, term: Term) -> bool:
    return (apology.due_at, apology.generation) == (term.due_at, term.generation)
