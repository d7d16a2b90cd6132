"""What a dossier's workflow starts with and what it answers: the values that cross its border."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from models.base import Instant, Value, added
from models.commands import File
from models.dossier import Dossier, Status
from models.linked import Message
from models.procedure import Role, Stage


class Opening(Value):
    """What a dossier's workflow starts with: everything that its deadlines depend on travels with it."""

    dossier: Dossier
    filing: File | None = None
    """The first command. It comes with the start, so that nothing can be begun and never filed: an update
    that is sent along with a start lives in the server's memory until a worker has answered it."""
    opened_at: Instant | None = None
    """The office time at which a simulated dossier starts; None for real ones."""
    shift: timedelta | None = None
    """The distance from the server's clock to office time, once a run has fixed it."""
    stops_at: Instant | None = added(None)
    """Where a simulated dossier's clock stops until its next planned act."""
    messages: tuple[Message, ...] = added(())
    """After a restart: messages to linked dossiers whose delivery is not on record."""


class Held(Value):
    """An open task that is with somebody, and the moment of the last fact by which it is."""

    task: int
    role: Role
    unit: str
    assignee: str
    at: Instant


class Answer(Value):
    """What a person is told once their command is on record."""

    code: str
    seq: int
    stage: Stage
    status: Status
    received_at: Instant | None
    due_at: Instant | None
    held: Held | None = None
    """The open task, where somebody has it: the desk, which knows the staff, looks whether they still can."""


class Restarted(Value):
    """A dossier whose workflow was begun anew."""

    code: str
    seq: int
    stage: Stage
    status: Status
    due_at: Instant | None
    run: str
    """The id of its run in Temporal."""


class Parcel(Value):
    """What a notice's workflow starts with; its words are found when it is sent, and never get here."""

    notice: str
    """The key of the notice as one text."""
    round: int
    """0, and one more each time that somebody has it sent again."""
    tell_at: Instant
    """Office time before which it is not sent."""
    opened_at: Instant | None = None
    """The office time at which a simulated dossier's notice starts; None for real ones."""


Fate = Literal["sent", "void", "passed", "refused"]
"""What becomes of a notice: sent; not needed any more; others are told instead; refused as it is."""


class Carried(Value):
    """What a carrier answers: what became of a notice, or when to look again, in office time."""

    fate: Fate | None = None
    not_before: Instant | None = None
