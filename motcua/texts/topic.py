"""What a text may speak of. What does not apply is None; a text that says None all the same is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field

from models.base import Instant, Value
from models.commands import Vacancy
from models.dossier import Status
from models.facts import ApologyReason
from models.terms import Alert

STAFF = ("reminder", "due", "overdue", "escalation", "apology-drafted", "task-freed", "digest")
"""The texts that go to staff: nothing personal of an applicant is in them, so none of them has `reason`."""
APPLICANT = (
    *("accepted", "supplement-requested", "applicant-reminder", "applicant-due", "applicant-late"),
    *("refused", "extended", "stopped", "resumed", "withdrawn", "ready"),
)
"""The texts that go to applicants, who are called by their own name."""
NAMES = (*STAFF, *APPLICANT)


class Place(Value):
    """The unit that writes, in the language of the text."""

    office: str
    address: str | None = None
    phone: str | None = None


class Subject(Value):
    """The dossier, in the language of the text."""

    code: str
    procedure: str
    step: str | None = None
    """The open step."""
    assignee: str | None = None
    """The name of who has it."""
    status: Status
    """Its code; the texts have a word for each."""
    received_at: Instant | None = None
    due_at: Instant | None = None
    original_due_at: Instant | None = None
    promised_at: Instant | None = None
    track: str | None = Field(default=None, pattern=r"^https?://[^\s<>\"'\x00-\x20\x7f]+$")
    """Address of its tracking page: the only one that becomes a link."""


class Alarm(Value):
    """The rung of a term's ladder that was reached."""

    kind: Alert
    of: Literal["intake", "dossier", "step", "supplement", "payment", "consultation", "link"]
    """Whose term."""
    name: str
    """Which step, agency or linked dossier, for people."""
    due_at: Instant
    """The term's due instant."""
    occurrence: int = 0
    overdue: bool = False
    """Whether the term is overdue: by `date` not before the office day of its due instant has ended."""
    left: timedelta | None = None
    """Working time until the due instant, where it lies ahead."""
    late: timedelta | None = None
    """Working time since the due instant, where it is overdue."""


class Line(Value):
    """A dossier in a digest."""

    code: str
    procedure: str
    step: str | None = None
    assignee: str | None = None
    due_at: Instant
    left: timedelta | None = None
    late: timedelta | None = None


class Digest(Value):
    """What an officer has before them on a day."""

    day: Instant
    late: tuple[Line, ...] = ()
    today: tuple[Line, ...] = ()
    soon: tuple[Line, ...] = ()
    more: int = 0
    """How many are not listed."""
    stands_in_for: tuple[str, ...] = ()
    """The names of absent colleagues whose tasks are among them."""


class Topic(Value):
    """All that one text may speak of."""

    place: Place
    recipient: str
    """The name of who is told."""
    in_place_of: str | None = None
    """The name of the absent colleague for whom this is."""
    dossier: Subject | None = None
    alarm: Alarm | None = None
    digest: Digest | None = None
    reason: str | None = None
    """Free text: why something is missing, refused, late, stopped."""
    until: Instant | None = None
    """By when: to bring a supplement, to confirm an apology; the new date that was promised."""
    approved: bool | None = None
    """How it was decided, once the result is ready."""
    number: str | None = None
    """Of the result."""
    proposed_at: Instant | None = None
    """The new date that a drafted apology proposes."""
    cause: ApologyReason | None = None
    """Why an apology was drafted."""
    officer: str | None = None
    """The name of whom a task was taken from."""
    vacancy: Vacancy | None = None
    """Why it was."""
    final: bool = False
    """Whether processing stopped for good."""
    attached: bool = False
    """Whether a paper goes with it."""


class Words(Value):
    """A rendered text."""

    subject: str
    text: str
    html: str
