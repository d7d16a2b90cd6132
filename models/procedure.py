"""A dated version of a catalogue entry: what the office does with one kind of dossier."""

from __future__ import annotations

from enum import StrEnum
from itertools import combinations
from typing import Annotated, Literal

from pydantic import Field, model_validator

from models.base import Amount, Dated, Day, OfficeTime, Value, added
from models.calendar import NOTHING
from models.limits import Limit, Offset
from models.terms import Mode, Rung
from models.timeliness import Measure
from models.visible import Id, Line


class Stage(StrEnum):
    """Where a dossier stands; each stage but the last holds one or more steps."""

    RECEIVE = "receive"
    PROCESS = "process"
    APPROVE = "approve"
    RETURN = "return"
    CLOSED = "closed"


class Role(StrEnum):
    """What a person may be at an office."""

    RECEIVER = "receiver"
    HANDLER = "handler"
    UNIT_LEADER = "unit-leader"
    APPROVER = "approver"
    CLERK = "clerk"
    RETURNER = "returner"
    OFFICE_LEADER = "office-leader"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"
    CITIZEN = "citizen"
    CLOCK = "clock"


class Step(Value):
    """One piece of work by one role; an open step is somebody's task."""

    id: Id
    name: Line
    name_en: Line
    stage: Stage
    role: Role
    limit: Limit | None = None
    decides: bool = False
    """Approve or reject happens here, by somebody who never handled the dossier."""
    issues: bool = False
    """The result gets its number, date and file here."""


Count = Annotated[int, Field(ge=0, le=100)]
"""How often something may be done for one dossier."""


class Fee(Dated):
    """What the applicant pays; phí and lệ phí are kept apart.

    A province sets amounts by period (waivers of 2026-08-15 to 2027-02-28, say): then each period is an
    entry of its own with the same name, and a dossier is received under those that hold on its day.
    """

    kind: Literal["phí", "lệ phí"]
    name: Line
    amount: Amount
    """Vietnamese đồng; what a province sets otherwise overrides it."""
    online: Amount | None = added(None)
    """The amount where it is handed in online and that costs otherwise."""
    unit: Line = "hồ sơ"
    when: Literal["before", "after"] = "before"

    def price(self, channel: str | None) -> int:
        """The amount in đồng for a dossier handed in by this channel; nothing else reads the two amounts."""
        return self.online if channel == "online" and self.online is not None else self.amount


class Link(Value):
    """A dossier of another agency that a step of this procedure waits for (liên thông, Decree 301/2026)."""

    id: Id
    step: Id
    """The step that opens it, and that cannot be completed before it is done."""
    procedure: Id
    """The code of the other agency's procedure; its version is that of the day."""
    unit: Id
    acknowledge: Limit = Limit.parse("2 hours")
    """Within what the other agency must acknowledge (2 working hours: Decree 301/2026)."""
    mode: Mode = "none"
    """What waiting does to this dossier's own terms: "resume" where the agency's time is not counted."""


class Pausing(Value):
    """What each reason to wait does to the running terms."""

    supplement: Mode = "resume"
    payment: Mode = "resume"
    consultation: Mode = "none"
    stop: Mode = "resume"
    outage: Mode = added("resume")
    """An announced outage of the systems, counted after it is over."""


class Procedure(Value):
    """Limit, steps, fees, pause rule and ladder under which a dossier is received and finished."""

    code: Id
    version: Day
    """The day from which this version holds; a dossier keeps the version it was received under."""
    until: Day | None = None
    name: Line
    name_en: Line
    field: Line
    limit: Limit | None
    """None where each dossier brings its own fixed due instant (`accept` then must give it)."""
    cut_off: OfficeTime | None = None
    intake_limit: Limit = Limit.parse("8 hours")
    steps: tuple[Step, ...]
    fees: tuple[Fee, ...] = ()
    pausing: Pausing = Pausing()
    supplement_limit: Limit = Limit.parse("7 days")
    supplement_lapse: Literal["stop", "nothing"] = "stop"
    """What an unanswered supplement leads to when its limit ends."""
    supplements: Count | None = None
    """How many supplements may be asked for; None where the law sets no number."""
    extensions: Count = 1
    apology: Offset | None = added(None)
    """How long before the due instant the clock drafts an apology, unless the remaining work needs it
    earlier; None: it never does. "At least one working day before" is not confirmed by any text at hand
    (docs/sources.md), and so a setting."""
    rest_limit: Limit = added(Limit.parse("5 days"))
    """For how long a leader's acknowledgement may let alarms rest, at most."""
    consultation_limit: Limit = Limit.parse("2 days")
    consultation_silence: Literal["consent", "nothing"] = "nothing"
    timeliness: Measure = "date"
    """How the whole dossier is held against its due instant; every other term is by the instant."""
    rating_window: Limit | None = None
    """How long after the return the citizen may rate; the dossier closes at once where there is none."""
    ladder: tuple[Rung, ...] = ()
    """Alarms of the whole dossier's term."""
    step_ladder: tuple[Rung, ...] = ()
    """Alarms of each other term: intake, step, supplement, consultation."""
    links: tuple[Link, ...] = added(())
    rule_set: Line
    sources: tuple[Line, ...] = ()

    @model_validator(mode="after")
    def _well_formed(self) -> Procedure:
        ids = [step.id for step in self.steps]
        if len(set(ids)) != len(ids):
            raise ValueError("each step needs an id of its own")
        order = list(Stage)
        places = [order.index(step.stage) for step in self.steps]
        if places != sorted(places):
            raise ValueError("steps must stand in the order receive, process, approve, return")
        stages = {step.stage for step in self.steps}
        for stage in (Stage.PROCESS, Stage.APPROVE, Stage.RETURN):
            if stage not in stages:
                raise ValueError(f"no step in the stage {stage.value}")
        if Stage.CLOSED in stages:
            raise ValueError("a step cannot stand in the stage closed")
        if sum(step.decides for step in self.steps) != 1:
            raise ValueError("exactly one step decides")
        if sum(step.issues for step in self.steps) != 1:
            raise ValueError("exactly one step issues the result")
        if "intake" in ids:
            raise ValueError("intake is the name of the task before the first step")
        for step in self.steps:
            if step.role in (Role.CITIZEN, Role.CLOCK):
                raise ValueError(f"step {step.id}: {step.role.value} is no role of staff")
            if (step.decides or step.issues) and step.stage is not Stage.APPROVE:
                raise ValueError(f"step {step.id}: deciding and issuing belong to the stage approve")
        decides = next(i for i, step in enumerate(self.steps) if step.decides)
        issues = next(i for i, step in enumerate(self.steps) if step.issues)
        if issues < decides:
            raise ValueError("the result is issued after the decision, not before it")
        if sum(step.stage is Stage.RETURN for step in self.steps) != 1:
            raise ValueError("exactly one step in the stage return")
        links = [link.id for link in self.links]
        if len(set(links)) != len(links):
            raise ValueError("each link needs an id of its own")
        for link in self.links:
            if link.step not in ids:
                raise ValueError(f"link {link.id}: there is no step {link.step}")
            if self.steps[ids.index(link.step)].stage is Stage.RETURN:
                raise ValueError(f"link {link.id}: the result is ready before the step {link.step}")
            if link.procedure == self.code:
                raise ValueError(f"link {link.id}: a procedure cannot wait for itself")
        for one, other in combinations(self.fees, 2):
            if (one.kind, one.name) == (other.kind, other.name) and one.overlaps(other):
                raise ValueError(f"the fee {one.name} has two entries that hold on the same day")
        if self.apology is not None and (self.apology.days, self.apology.rest) > (0, NOTHING):
            raise ValueError("an apology is drafted before the due instant, not after it")
        if self.until is not None and self.until < self.version:
            raise ValueError("a version must not end before it begins")
        return self

    def position(self, step_id: str) -> int:
        """Where a step stands among the steps, from 0."""
        return next(i for i, step in enumerate(self.steps) if step.id == step_id)
