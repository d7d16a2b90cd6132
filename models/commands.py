"""What a person or the clock may ask of a dossier. Free text and names travel as references only."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from models.base import Amount, Instant, Reference, TypedInstant, Value, added, one_line
from models.calendar import Calendar
from models.limits import Limit
from models.procedure import Role, Stage
from models.refusals import BadRequestId, Phrase
from models.visible import Line, visible

Channel = Literal["counter", "online", "post"]
News = Literal["opened", "acknowledged", "late", "promised", "ready", "refused", "withdrawn", "stopped"]
"""What a linked dossier tells; the last four end the waiting."""


Vacancy = Literal["left", "not-begun", "unknown", "unit", "role"]
"""Why somebody cannot have a task: their time at the office has ended or has not begun, they are not in its
catalogue, they work for another unit, or they do not have the task's role."""


def _in_bytes(text: str) -> str:
    if len(text.encode()) > ID_BYTES:
        raise ValueError(Phrase("must have at most {most} bytes", most=ID_BYTES))
    return text


ID_BYTES = 600
"""Temporal takes names of at most 1000 bytes, and puts what asks and who asks into one."""
Identifier = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_in_bytes)]


def own_request_id(text: str) -> str:
    """A request id as a person or script may choose it; BadRequestId for others.

    motcua's own commands have ids with a slash (`{code}/opened`, `calendar/…`, `outage/…`). Somebody who used
    one of those beforehand would keep that command from the dossier for ever.
    """
    if "/" in text:
        raise BadRequestId(given=text[:60])
    return text


class Actor(Value):
    """Who asks, in which roles, for which unit."""

    id: Identifier
    roles: tuple[Role, ...]
    unit: str

    def has(self, *roles: Role) -> bool:
        """Whether the actor holds one of these roles."""
        return any(role in self.roles for role in roles)


CLOCK = Actor(id="clock", roles=(Role.CLOCK,), unit="")
MESSENGER = Actor(id="messenger", roles=(Role.CLOCK,), unit="")
"""Carries what one dossier has to tell another."""


class SimulatedTime(Value):
    """The planned moment of a command to a simulated dossier; no command to a real one carries any.

    The clock of a played dossier runs to `stops_at`, the moment of the next planned act, and stops there
    until that act has come: however long the way to the server takes, no alarm overtakes it.
    """

    at: Instant
    stops_at: Instant | None = None
    """None leaves the stop where it was."""


class Asked(Value):
    """The part that all commands share."""

    id: Identifier
    """Made when the form is rendered; the same id again gets the first answer."""
    actor: Actor
    seen: int | None = added(None)
    """The last fact that the page showed from which this is asked: what people did since then must be seen
    before it is overridden."""
    simulated: SimulatedTime | None = added(None)
    """Set by caseloads and imports only. A person's command to a simulated dossier has none: its clock runs
    on from there."""


class File(Asked):
    """Hand a dossier in; at the counter the receiving officer may accept it in the same breath."""

    kind: Literal["file"] = "file"
    channel: Channel
    unit: str
    applicant: Reference
    papers: Reference | None = None
    submitted_at: TypedInstant | None = None
    accept: bool = False
    due: Limit | None = None
    """With `accept`, where the procedure leaves the due instant to each dossier."""


class Accept(Asked):
    """Find the dossier complete and correct: the clock starts."""

    kind: Literal["accept"] = "accept"
    due: Limit | None = None


class Refuse(Asked):
    """Turn the dossier away at intake, with the reason."""

    kind: Literal["refuse"] = "refuse"
    reason: Reference


class Claim(Asked):
    """Take an open task."""

    kind: Literal["claim"] = "claim"
    task: int | None = None


class Release(Asked):
    """Give a claimed task back to the pool."""

    kind: Literal["release"] = "release"
    task: int | None = None


class Assign(Asked):
    """Give a task to somebody."""

    kind: Literal["assign"] = "assign"
    to: Identifier
    task: int | None = None
    holder: Actor | None = added(None)
    """Who that is, filled in by the desk: rules know no directory. None in commands of earlier releases."""


class Free(Asked):
    """Take a task from somebody who cannot do it any more; the desk asks, for rules know no directory."""

    kind: Literal["free"] = "free"
    task: int
    assignee: Identifier
    why: Vacancy


class Complete(Asked):
    """Finish the open step; the issuing step names the result's number, date and file."""

    kind: Literal["complete"] = "complete"
    step: str | None = None
    number: Line | None = Field(default=None, max_length=100)
    date: TypedInstant | None = None
    file: Reference | None = None
    note: Reference | None = None


class SendBack(Asked):
    """Return the work to an earlier step, to the officer who did it."""

    kind: Literal["send-back"] = "send-back"
    step: str
    reason: Reference


class RequestSupplement(Asked):
    """Ask the applicant for what is missing."""

    kind: Literal["request-supplement"] = "request-supplement"
    reason: Reference
    limit: Limit | None = None


class Supply(Asked):
    """Hand in what was asked for."""

    kind: Literal["supply"] = "supply"
    papers: Reference | None = None


class RequestPayment(Asked):
    """Ask the applicant to pay."""

    kind: Literal["request-payment"] = "request-payment"
    fee: Literal["phí", "lệ phí"] = "phí"
    amount: Amount = Field(gt=0)


class Pay(Asked):
    """Record a payment with its receipt number."""

    kind: Literal["pay"] = "pay"
    amount: Amount = Field(gt=0)
    receipt: Line = Field(max_length=100)


class Consult(Asked):
    """Ask another agency, with a term of its own."""

    kind: Literal["consult"] = "consult"
    agency: Annotated[Identifier, AfterValidator(visible), AfterValidator(one_line)]
    limit: Limit | None = None
    question: Reference | None = None


class Answer(Asked):
    """Record a consulted agency's answer."""

    kind: Literal["answer"] = "answer"
    agency: Annotated[Identifier, AfterValidator(visible), AfterValidator(one_line)]
    reply: Reference | None = None


class Decide(Asked):
    """Approve or reject, by somebody who never handled the dossier."""

    kind: Literal["approve", "reject"]
    reason: Reference | None = None
    number: Line | None = Field(default=None, max_length=100)
    date: TypedInstant | None = None
    file: Reference | None = None


class Extend(Asked):
    """Promise a new date; it moves the due instant only where a legal basis is given."""

    kind: Literal["extend"] = "extend"
    until: TypedInstant
    reason: Reference
    legal_basis: Line | None = Field(default=None, max_length=200)


class Apologise(Asked):
    """Confirm the drafted apology: promise the proposed date, or another, as `extend` does."""

    kind: Literal["apologise"] = "apologise"
    until: TypedInstant | None = None
    reason: Reference | None = None
    legal_basis: Line | None = Field(default=None, max_length=200)


class DismissApology(Asked):
    """Find that the drafted apology is not needed."""

    kind: Literal["dismiss-apology"] = "dismiss-apology"
    reason: Reference


class Acknowledge(Asked):
    """Acknowledge the alarms that have sounded: they rest until a moment, or for a limit from now on."""

    kind: Literal["acknowledge"] = "acknowledge"
    limit: Limit | None = added(None)
    until: TypedInstant | None = Field(default=None, validate_default=True)
    """Given where no limit is, and only there."""
    term: int | None = None
    """Of this term only; else of each running term whose alarms have sounded."""
    reason: Reference | None = None

    @field_validator("until")
    @classmethod
    def _one_of_them(cls, until: datetime | None, given: ValidationInfo) -> datetime | None:
        if until is None and given.data.get("limit") is None:
            raise PydanticCustomError("missing", "Field required")
        if until is not None and given.data.get("limit") is not None:
            raise ValueError(Phrase("give either a limit or an end"))
        return until


class Return(Asked):
    """Hand the result over."""

    kind: Literal["return"] = "return"
    channel: Channel = "counter"


class Withdraw(Asked):
    """The applicant takes the dossier back, before it is decided."""

    kind: Literal["withdraw"] = "withdraw"
    reason: Reference | None = None


class Stop(Asked):
    """Pause the dossier until it is resumed (an announced system outage, a legal obstacle)."""

    kind: Literal["stop"] = "stop"
    reason: Reference


class Resume(Asked):
    """End a stop."""

    kind: Literal["resume"] = "resume"


class Outage(Asked):
    """Give back the time in which the systems were announced to be out."""

    kind: Literal["outage"] = "outage"
    since: TypedInstant
    until: TypedInstant
    notice: Line = Field(max_length=200)
    """Which announcement: each is counted once."""


class AmendCalendar(Asked):
    """Compute the open terms anew with another version of the calendar."""

    kind: Literal["amend-calendar"] = "amend-calendar"
    calendar: Calendar
    decree: Line = Field(max_length=200)


class Transfer(Asked):
    """Pass the dossier to the competent unit."""

    kind: Literal["transfer"] = "transfer"
    unit: Identifier
    reason: Reference | None = None


class Correct(Asked):
    """Undo the last completion, which was keyed by mistake."""

    kind: Literal["correct"] = "correct"
    reason: Reference


class Note(Asked):
    """Leave a note for colleagues."""

    kind: Literal["note"] = "note"
    text: Reference


class Attach(Asked):
    """Add a document; its bytes are kept where they can be erased."""

    kind: Literal["attach"] = "attach"
    document: Reference


class Rate(Asked):
    """The citizen's opinion of the service, once the result is returned."""

    kind: Literal["rate"] = "rate"
    score: int = Field(ge=1, le=5)
    text: Reference | None = None


class Observe(Asked):
    """Take down something that another system says has happened, and what our rules say of it."""

    kind: Literal["observe"] = "observe"
    label: str = Field(max_length=200)
    said_at: TypedInstant
    stage: Stage | None = None
    deviation: str | None = Field(default=None, max_length=100)


class Told(Value):
    """What a linked dossier at another agency tells of itself."""

    link: str
    child: str
    """The code of the dossier that tells."""
    what: News
    term: str | None = None
    """With "late": which of its terms is overdue, "intake" or "dossier"."""
    due_at: Instant | None = None
    """When it is due there; with "promised", the date that its agency has promised."""
    timeliness: str | None = None


class Hear(Asked, Told):
    """A message of a linked dossier."""

    kind: Literal["hear"] = "hear"


class Tick(Asked):
    """The clock: record every rung that has been reached, every apology due and every lapsed limit."""

    kind: Literal["tick"] = "tick"


Command = Annotated[
    File
    | Accept
    | Refuse
    | Claim
    | Release
    | Assign
    | Free
    | Complete
    | SendBack
    | RequestSupplement
    | Supply
    | RequestPayment
    | Pay
    | Consult
    | Answer
    | Decide
    | Extend
    | Apologise
    | DismissApology
    | Acknowledge
    | Return
    | Withdraw
    | Stop
    | Resume
    | Outage
    | AmendCalendar
    | Transfer
    | Correct
    | Note
    | Attach
    | Rate
    | Observe
    | Hear
    | Tick,
    Field(discriminator="kind"),
]
