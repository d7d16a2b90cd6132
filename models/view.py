"""The read model: the rows that screens and reports use, derived from a dossier and nothing else."""

from __future__ import annotations

from models.base import Instant, Value
from models.commands import Channel
from models.dossier import Dossier, Status
from models.facts import ApologyReason, Outcome
from models.procedure import Role, Stage
from models.timeliness import Timeliness


class TaskRow(Value):
    """An open task."""

    id: int
    step: str
    stage: Stage
    role: Role
    unit: str
    assignee: str | None
    opened_at: Instant
    due_at: Instant | None
    overdue_from: Instant | None
    """When its own term or the whole dossier's is overdue first; None once the result is ready."""
    paused: bool


class TermRow(Value):
    """A term that is not closed."""

    id: int
    of: str
    name: str
    limit: str
    started_at: Instant
    due_at: Instant
    overdue_from: Instant
    """The first instant at which it is overdue (models/timeliness.py)."""
    original_due_at: Instant
    generation: int
    paused: bool
    rests_until: Instant | None = None
    """Until when its alarms rest, and who has said so."""
    rests_by: str | None = None


class DossierRow(Value):
    """A dossier in one row, with its open task and open terms."""

    code: str
    office: str
    unit: str
    procedure: str
    version: str
    field: str
    channel: Channel | None
    stage: Stage
    status: Status
    national_status: int
    submitted_at: Instant | None
    received_at: Instant | None
    due_at: Instant | None
    overdue_from: Instant | None
    """The first instant at which it is overdue, unless its clock stands still by then."""
    original_due_at: Instant | None
    promised_at: Instant | None
    apology_at: Instant | None = None
    """When the apology was drafted that now waits for a leader."""
    apology_reason: ApologyReason | None = None
    apology_proposed_at: Instant | None = None
    ready_at: Instant | None
    finished_at: Instant | None
    timeliness: Timeliness | None
    outcome: Outcome | None
    paused: bool
    paused_at: Instant | None = None
    """Since when the clock of the whole dossier stands still: what was late by then stays late."""
    simulated: bool
    applicant: str | None = None
    """The id of the erasable row that holds the applicant."""
    seq: int
    head: str
    tasks: tuple[TaskRow, ...]
    terms: tuple[TermRow, ...]


def row(d: Dossier) -> DossierRow:
    """The read model of a dossier."""
    whole, apology = d.term, d.apology
    tasks: tuple[TaskRow, ...] = ()
    if d.task is not None:
        term = d.term_of(d.task.id)
        terms = (each for each in (term, whole) if each is not None and d.ready_at is None)
        tasks = (
            TaskRow(
                id=d.task.id,
                step=d.task.step,
                stage=d.task.stage,
                role=d.task.role,
                unit=d.unit,
                assignee=d.task.assignee,
                opened_at=d.task.opened_at,
                due_at=term.due_at if term else None,
                overdue_from=min((d.overdue_from(each) for each in terms), default=None),
                paused=d.paused,
            ),
        )
    return DossierRow(
        code=d.code,
        office=d.office,
        unit=d.unit,
        procedure=d.procedure.code,
        version=d.procedure.version.isoformat(),
        field=d.procedure.field,
        channel=d.channel,
        stage=d.stage,
        status=d.status,
        national_status=d.national_status,
        submitted_at=d.submitted_at,
        received_at=d.received_at,
        due_at=whole.due_at if whole else None,
        overdue_from=d.overdue_from(whole) if whole else None,
        original_due_at=whole.original_due_at if whole else None,
        promised_at=d.promised_at,
        apology_at=apology.at if apology else None,
        apology_reason=apology.reason if apology else None,
        apology_proposed_at=apology.proposed_at if apology else None,
        ready_at=d.ready_at,
        finished_at=d.finished_at,
        timeliness=d.timeliness,
        outcome=d.outcome,
        paused=d.paused,
        paused_at=whole.paused_at if whole and whole.closed_at is None else None,
        simulated=d.simulated,
        applicant=d.applicant.id if d.applicant else None,
        seq=d.seq,
        head=d.head,
        tasks=tasks,
        terms=tuple(
            TermRow(
                id=t.id,
                of=t.of,
                name=t.name,
                limit=str(t.limit),
                started_at=t.started_at,
                due_at=t.due_at,
                overdue_from=d.overdue_from(t),
                original_due_at=t.original_due_at,
                generation=t.generation,
                paused=t.paused_at is not None,
                rests_until=t.rests_until,
                rests_by=t.rests_by,
            )
            for t in d.terms
            if t.closed_at is None
        ),
    )
