"""What has happened to a dossier. Facts are numbered from 1, chained by hash, and never changed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from models.base import Instant, Reference, Value, added
from models.calendar import Calendar
from models.commands import Channel, Told, Vacancy
from models.limits import Limit
from models.procedure import Stage
from models.terms import Alert, Mode, Pause
from models.timeliness import Timeliness

Outcome = Literal["returned", "refused", "withdrawn", "stopped"]
WaitReason = Literal["supplement", "payment", "consultation", "linked", "stop"]
ApologyReason = Literal["no-time", "work-does-not-fit"]
"""The due instant is near; or what is still to be done, by its limits, cannot be done before it."""


class Happened(Value):
    """The part that all events share."""

    request_digest: str | None = added(None)
    """On a command's first event: what was asked (`chain.request_digest`). None for the clock's."""


class Filed(Happened):
    """Handed in; no clock of the dossier runs yet, only the officer's answer is awaited."""

    kind: Literal["filed"] = "filed"
    procedure: str
    version: str
    rules: str
    """Fingerprint of the procedure's version: a changed catalogue cannot change what was promised."""
    calendar: str
    """Fingerprint of the calendar that travels with the dossier."""
    channel: Channel
    unit: str
    applicant: Reference
    papers: Reference | None = None
    submitted_at: Instant
    answer_due_at: Instant
    simulated: bool = False


class Accepted(Happened):
    """Complete and correct: the clock of the whole dossier starts."""

    kind: Literal["accepted"] = "accepted"
    limit: Limit
    started_at: Instant
    due_at: Instant
    calendar: str


class Refused(Happened):
    """Turned away at intake; such a dossier was not received."""

    kind: Literal["refused"] = "refused"
    reason: Reference


class StepOpened(Happened):
    """A step waits for somebody of its role."""

    kind: Literal["step-opened"] = "step-opened"
    step: str
    stage: Stage
    assignee: str | None = None
    limit: Limit | None = None
    started_at: Instant
    due_at: Instant | None = None


class Claimed(Happened):
    """Somebody took a task."""

    kind: Literal["claimed"] = "claimed"
    task: int


class Released(Happened):
    """A task went back to the pool."""

    kind: Literal["released"] = "released"
    task: int


class TaskFreed(Happened):
    """A task was taken from somebody who cannot do it any more; it is open to their colleagues."""

    kind: Literal["task-freed"] = "task-freed"
    task: int
    assignee: str
    why: Vacancy


class Assigned(Happened):
    """A task was given to somebody."""

    kind: Literal["assigned"] = "assigned"
    task: int
    to: str


class StepCompleted(Happened):
    """A step's work was done."""

    kind: Literal["step-completed"] = "step-completed"
    task: int
    step: str
    note: Reference | None = None


class Decided(Happened):
    """Approved or rejected."""

    kind: Literal["decided"] = "decided"
    task: int
    step: str
    approved: bool
    reason: Reference | None = None


class Issued(Happened):
    """The result has its number, date and file."""

    kind: Literal["issued"] = "issued"
    number: str
    date: Instant
    file: Reference | None = None


class Ready(Happened):
    """The result is ready; whether it was in time is settled here, not at the pick-up."""

    kind: Literal["ready"] = "ready"
    timeliness: Timeliness


class SentBack(Happened):
    """The work went back to an earlier step."""

    kind: Literal["sent-back"] = "sent-back"
    task: int
    step: str
    reason: Reference


class SupplementRequested(Happened):
    """The applicant has been asked for what is missing."""

    kind: Literal["supplement-requested"] = "supplement-requested"
    reason: Reference
    limit: Limit
    started_at: Instant
    due_at: Instant
    mode: Mode


class Supplied(Happened):
    """The applicant has handed in what was missing."""

    kind: Literal["supplied"] = "supplied"
    papers: Reference | None = None


class PaymentRequested(Happened):
    """The applicant has been asked to pay."""

    kind: Literal["payment-requested"] = "payment-requested"
    fee: Literal["phí", "lệ phí"]
    amount: int
    mode: Mode


class Paid(Happened):
    """A payment came in."""

    kind: Literal["paid"] = "paid"
    amount: int
    receipt: str


class Consulted(Happened):
    """Another agency has been asked."""

    kind: Literal["consulted"] = "consulted"
    agency: str
    question: Reference | None = None
    limit: Limit
    started_at: Instant
    due_at: Instant
    mode: Mode


class Answered(Happened):
    """The consulted agency answered, or its silence counts as consent."""

    kind: Literal["answered"] = "answered"
    agency: str
    reply: Reference | None = None
    silent: bool = False


class Move(Value):
    """A term's due instant after it moved."""

    term: int
    started_at: Instant | None = added(None)
    """Where its clock starts at another moment, too: the day of its start has changed."""
    due_at: Instant
    generation: int
    reached: tuple[int, ...]


class ClockPaused(Happened):
    """The running terms stand still."""

    kind: Literal["clock-paused"] = "clock-paused"
    reason: WaitReason
    name: str = ""
    """Which of several waits for the same reason: the agency of a consultation."""
    mode: Mode
    terms: tuple[int, ...]


class ClockResumed(Happened):
    """A wait is over; the terms that no other wait pauses run again, each to its new instant."""

    kind: Literal["clock-resumed"] = "clock-resumed"
    reason: WaitReason
    name: str = ""
    until: Instant | None = added(None)
    """When the wait was over, where the clock found out later."""
    moves: tuple[Move, ...]


class ApologyDrafted(Happened):
    """The clock drafted an apology with a new date, for a leader to confirm or to dismiss."""

    kind: Literal["apology-drafted"] = "apology-drafted"
    reason: ApologyReason
    due_at: Instant
    generation: int
    """With `due_at`: what the apology is for. It is drafted once for each."""
    proposed_at: Instant | None
    """None where the dossier's calendar ends before."""
    minutes: int
    """Working time that the limits of the open step and of those up to the result come to."""


class ApologyDismissed(Happened):
    """A leader found the drafted apology needless."""

    kind: Literal["apology-dismissed"] = "apology-dismissed"
    draft: int
    """The number of the fact that drafted it."""
    reason: Reference


class Extended(Happened):
    """A new date was promised; with a legal basis the due instant moved too."""

    kind: Literal["extended"] = "extended"
    promised_at: Instant
    reason: Reference | None
    """None only where a drafted apology, which has its own, was confirmed as it stood."""
    legal_basis: str | None = None
    draft: int | None = added(None)
    """The number of the fact that drafted the apology, where one was confirmed."""
    moves: tuple[Move, ...] = ()


class Returned(Happened):
    """The result was handed over."""

    kind: Literal["returned"] = "returned"
    channel: Channel
    step: str
    task: int
    rate_by: Instant | None = None


class Withdrawn(Happened):
    """The applicant took the dossier back."""

    kind: Literal["withdrawn"] = "withdrawn"
    reason: Reference | None = None
    timeliness: Timeliness | None = None


class Stopped(Happened):
    """Processing stopped: until it is resumed, or for good when a supplement was never answered."""

    kind: Literal["stopped"] = "stopped"
    reason: Reference | None = None
    final: bool = False
    timeliness: Timeliness | None = None


class LinkedTo(Happened):
    """This dossier was opened for another one, which hears what becomes of it."""

    kind: Literal["linked-to"] = "linked-to"
    parent: str
    link: str


class LinkRequested(Happened):
    """Another agency is to open a dossier of its own; it must acknowledge in time."""

    kind: Literal["link-requested"] = "link-requested"
    link: str
    round: int
    """1, and one more each time that it is asked for again."""
    procedure: str
    unit: str
    limit: Limit
    started_at: Instant
    due_at: Instant
    mode: Mode


class Heard(Happened, Told):
    """A linked dossier told what has become of it."""

    kind: Literal["heard"] = "heard"


class Regained(Move):
    """A term's due instant after it got time back, and the stretches that it got back."""

    pauses: tuple[Pause, ...]


class OutageCounted(Happened):
    """An announced outage was counted: the terms that ran during it got that time back."""

    kind: Literal["outage-counted"] = "outage-counted"
    since: Instant
    until: Instant
    notice: str
    moves: tuple[Regained, ...]


class CalendarAmended(Happened):
    """The open terms were computed anew with another calendar."""

    kind: Literal["calendar-amended"] = "calendar-amended"
    calendar: Calendar
    decree: str
    moves: tuple[Move, ...]


class Transferred(Happened):
    """The dossier went to the competent unit."""

    kind: Literal["transferred"] = "transferred"
    unit: str
    reason: Reference | None = None


class Corrected(Happened):
    """The last completion was a mistake; the step is open again and its clock never stopped."""

    kind: Literal["corrected"] = "corrected"
    completion: int
    step: str
    reason: Reference


class Noted(Happened):
    """A note for colleagues."""

    kind: Literal["noted"] = "noted"
    text: Reference


class Attached(Happened):
    """A document was added."""

    kind: Literal["attached"] = "attached"
    document: Reference


class Rated(Happened):
    """The citizen's opinion."""

    kind: Literal["rated"] = "rated"
    score: int
    text: Reference | None = None


class RungReached(Happened):
    """A rung of a term's ladder was reached; of several passed at once only the highest notifies."""

    kind: Literal["rung-reached"] = "rung-reached"
    term: int
    generation: int
    rung: int
    occurrence: int
    name: str
    alarm: Alert
    due_at: Instant
    """The rung's own instant, not the term's."""
    rested_until: Instant | None = added(None)
    """Until when somebody had given the alarm a rest, where it sounds only now for that reason."""
    to: tuple[str, ...]
    notify: bool


class BecameOverdue(Happened):
    """A term that counts for the parent dossier became overdue: the parent is notified of it."""

    kind: Literal["became-overdue"] = "became-overdue"
    term: int
    due_at: Instant
    """The term's due instant."""


class Acknowledged(Happened):
    """Somebody knows: the alarms of these terms rest for a while, and then sound if the cause is there."""

    kind: Literal["acknowledged"] = "acknowledged"
    terms: tuple[int, ...]
    until: Instant
    reason: Reference | None = None


class RatingLapsed(Happened):
    """Nobody rated in time; the dossier is closed."""

    kind: Literal["rating-lapsed"] = "rating-lapsed"


class Observed(Happened):
    """Another system says that this happened; `deviation` names the rule it would have broken."""

    kind: Literal["observed"] = "observed"
    label: str
    said_at: Instant
    deviation: str | None = None


Event = Annotated[
    Filed
    | Accepted
    | Refused
    | StepOpened
    | Claimed
    | Released
    | TaskFreed
    | Assigned
    | StepCompleted
    | Decided
    | Issued
    | Ready
    | SentBack
    | SupplementRequested
    | Supplied
    | PaymentRequested
    | Paid
    | Consulted
    | Answered
    | ClockPaused
    | ClockResumed
    | ApologyDrafted
    | ApologyDismissed
    | Extended
    | Returned
    | Withdrawn
    | Stopped
    | LinkedTo
    | LinkRequested
    | Heard
    | OutageCounted
    | CalendarAmended
    | Transferred
    | Corrected
    | Noted
    | Attached
    | Rated
    | RungReached
    | BecameOverdue
    | Acknowledged
    | RatingLapsed
    | Observed,
    Field(discriminator="kind"),
]


class Fact(Value):
    """An event with its number, moment, actor, the command that caused it, and its link in the chain."""

    seq: int
    at: Instant
    actor: str
    unit: str
    command: str
    event: Event
    prev_hash: str
    """Hex SHA-256 of the fact before; the genesis value for the first (see chain.py)."""
    hash: str

    @property
    def kind(self) -> str:
        """The event's kind."""
        return self.event.kind
