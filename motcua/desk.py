"""The desk: the one client of the dossiers' workflows. The command line and the web both go through it."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import structlog
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import (
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from models.base import Value
from models.calendar import Calendar
from models.chain import fingerprint, request_digest
from models.changes import Acts, amended, name_of
from models.commands import (
    CLOCK,
    MESSENGER,
    Actor,
    Assign,
    Command,
    File,
    Free,
    SimulatedTime,
    Tick,
    Transfer,
    Vacancy,
    own_request_id,
)
from models.dossier import Dossier, Parent
from models.facts import Fact, Filed
from models.fold import fold
from models.limits import Limit
from models.linked import OpenLinked
from models.people import STAFF_ROLES, Person, check_there, vacancy
from models.procedure import Procedure, Role, Stage
from models.refusals import (
    BadInput,
    CheckFailed,
    DossierClosed,
    EndBeyondCalendar,
    EndNotAhead,
    Phrase,
    Problem,
    UnknownDossier,
    Unreachable,
    revive,
)
from models.reserved import CITIZEN_ID
from models.rules import decide
from models.service import Answer, Held, Opening
from models.units import Span, UnknownUnit, check_works, heir
from models.view import DossierRow
from motcua.documents import Document
from motcua.forms import (
    InvalidCommand,
    InvalidSubmission,
    Submission,
    private,
    read_command,
    read_submission,
    reference,
)
from motcua.past import recall
from motcua.store import Intake, Private, Store, TaskFilter
from motcua.store.changes import CalendarRecord
from motcua.temporal import AWAY
from workflows.dossier import TASK_QUEUE, DossierWorkflow, attributes

log = structlog.get_logger()

NO_CODE = "(new)"
"""How a dossier is called until it has been taken in."""

CITIZEN = Actor(id=CITIZEN_ID, roles=(Role.CITIZEN,), unit="")


class AnswerPending(Unreachable):
    """No answer in time; the command may still be carried out."""

    sentence = (
        "No answer within {seconds:g} s (is a worker running?). The command may still be carried out;"
        " ask again with the same request id: {request_id}"
    )


class DossierStuck(Unreachable):
    """The dossier's workflow trips over a bug each time it is tried, and so takes nothing."""

    sentence = (
        "The dossier cannot answer now; the worker's log says why ({reason})."
        " Ask again with the same request id: {request_id}"
    )


class WorkflowMissing(CheckFailed):
    """The record has an open dossier that Temporal knows nothing of."""

    sentence = (
        "Dossier {code} is open on record, but its workflow is gone. An administrator has to restart it:"
        " starter.py dossiers restart {code} --as USER --reason REASON"
    )


class TemporalGone(Unreachable):
    """The Temporal server stopped answering."""

    sentence = "The Temporal server cannot be reached: {reason}"


class Taken(NamedTuple):
    """A submission that has its code."""

    code: str
    fresh: tuple[Opening, Dossier] | None
    """What its workflow starts with, and the dossier once it is filed; None where it had its code before."""


class UnknownRole(BadInput):
    """No member of staff can have such a role."""

    sentence = "There is no role {role}. Roles: {known}."


class Shown(Value):
    """A dossier with its facts, as `show` prints it."""

    row: DossierRow
    facts: tuple[Fact, ...]


class Rulebook:
    """What the desk needs of the catalogue (motcua.catalogue has the real one)."""

    def __init__(
        self,
        *,
        office: str,
        agency: Callable[[date], str],
        units: Mapping[str, Span],
        procedure: Callable[[str, date], Procedure],
        actor: Callable[[str], Actor],
        calendar: Calendar,
        person: Callable[[str], Person | None] | None = None,
        ends: date | None = None,
    ) -> None:
        """`person` is a member of staff by their id; None where nobody knows who works there and until when,
        as in an imported log. `ends` is the last day of such a log: each of its dossiers needs the calendar
        up to there, however long ago it began."""
        self.office, self.agency, self.units = office, agency, units
        self.procedure, self.actor, self.calendar = procedure, actor, calendar
        self._person, self._ends = person, ends
        self.epoch = 0
        """The last act on the office's calendar that is in it."""
        self._catalogued = calendar
        self._excerpts: dict[date, Calendar] = {}

    def count_by(self, acts: Acts) -> None:
        """Take over the changes of the calendar that are in force."""
        calendar = self._catalogued
        for ordered in acts.in_force:
            if ordered.change.calendar == name_of(calendar):
                calendar = amended(calendar, ordered.change)
        self.calendar, self.epoch, self._excerpts = calendar, acts.epoch, {}

    def vacancy(self, held: Held) -> Vacancy | None:
        """Why a task cannot be with whom it is; None where it can."""
        if self._person is None:
            return None
        day = self.calendar.local(held.at).date()
        return vacancy(self._person(held.assignee), held.role, held.unit, day)

    def dated(self, user: str) -> Person | None:
        """A member of staff whose time at the office has a beginning or an end."""
        person = None if self._person is None else self._person(user)
        return None if person is None or person.since is person.until is None else person

    def excerpt(self, day: date) -> Calendar:
        """The part of the calendar that travels with a dossier filed on a day: to the year after next,
        that of an imported log's end."""
        first = day.replace(day=1) - timedelta(days=31)
        if first not in self._excerpts:
            year = max(day.year, self._ends.year) if self._ends else day.year
            self._excerpts[first] = self.calendar.excerpt(first, date(year + 2, 12, 31))
        return self._excerpts[first]

    def opening(
        self,
        submission: Submission,
        officer: str | None,
        now: datetime,
        simulated: SimulatedTime | None,
        seed: str | None,
    ) -> tuple[Opening, tuple[Private, ...]]:
        """What a dossier begins with, all but its code, and what is to be kept apart."""
        dossier = self.empty(submission.procedure, submission.unit, now, simulated=simulated is not None)
        rows = tuple(
            private("intake", submission.request_id, *item, seed) for item in submission.kept().items()
        )
        references = {row.kind: reference(row) for row in rows}
        filing = File(
            id=submission.request_id,
            actor=self.actor(officer) if officer else CITIZEN,
            channel=submission.channel,
            unit=submission.unit,
            applicant=references["applicant"],
            papers=references.get("papers"),
            submitted_at=submission.submitted_at,
            accept=officer is not None,
            due=Limit.fixed(submission.due_at) if submission.due_at and officer else None,
            simulated=simulated,
        )
        return Opening(dossier=dossier, filing=filing, opened_at=now if simulated else None), rows

    def empty(self, procedure: str, unit: str, now: datetime, *, simulated: bool) -> Dossier:
        """A dossier before its first fact, under the rules of its day."""
        self.known_unit(unit, InvalidSubmission)
        day = self.calendar.local(now).date()
        check_works(self.units, unit, day)
        return Dossier(
            code=NO_CODE,
            office=self.office,
            unit=unit,
            procedure=self.procedure(procedure, day),
            calendar=self.excerpt(day),
            simulated=simulated,
        )

    def known_unit(self, unit: str, refusal: type[BadInput], **where: str) -> None:
        """Refuse a unit that the office does not have, as bad input of this family."""
        if unit not in self.units:
            units = ", ".join(sorted(self.units))
            raise refusal(
                field="unit", reason=Phrase("{unit!r} is none of {units}", unit=unit, units=units), **where
            )


class Desk:
    """Everything that a person can do with dossiers."""

    def __init__(
        self,
        client: Client,
        store: Store,
        rulebook: Rulebook,
        *,
        rpc_timeout: float = 20.0,
        backdate_days: int = 30,
    ) -> None:
        self._client, self._store, self.rulebook = client, store, rulebook
        self._timeout, self._backdate_days = rpc_timeout, backdate_days
        self._kept_rules: dict[int, Value] = {}

    # Intake

    async def submit(
        self, data: dict[str, Any] | Submission, *, officer: str | None = None, at: datetime | None = None
    ) -> Answer:
        """Take a dossier in; with an officer of the counter it is accepted in the same breath.

        `at` makes it a simulated dossier that begins at that office time. The same request id gives the
        same dossier. Bad input and refusals leave nothing behind. Request ids are the office's, and those
        with a slash its own: under one of them a linked dossier or a caseload could not be opened any more.
        """
        submission = data if isinstance(data, Submission) else self.read_submission(data)
        own_request_id(submission.request_id)
        planned = None if at is None else SimulatedTime(at=at)
        return await self.begin(*await self.take_in(submission, officer=officer, simulated=planned))

    async def take_in(
        self,
        data: dict[str, Any] | Submission,
        *,
        officer: str | None = None,
        simulated: SimulatedTime | None = None,
        seed: str | None = None,
    ) -> Taken:
        """Give a submission its code; `begin` does the rest.

        `simulated` makes it a simulated dossier, whose invented data is salted from the `seed`.
        """
        submission = data if isinstance(data, Submission) else self.read_submission(data)
        now = datetime.now(UTC) if simulated is None else simulated.at
        if officer is not None and (person := self.rulebook.dated(officer)) is not None:
            check_there(person, self.rulebook.calendar.local(now).date())
        if simulated is None:
            await self._check_backdated(submission, now)

        def make() -> tuple[Opening, tuple[Private, ...]]:
            return self.rulebook.opening(submission, officer, now, simulated, seed)

        return await self._take_in(make, now, submission.model_dump_json())

    async def _check_backdated(self, submission: Submission, now: datetime) -> None:
        """Refuse a hand-in too far back, unless the request has its dossier already."""
        if submission.submitted_at is None:
            return
        local, days = self.rulebook.calendar.local, self._backdate_days
        earliest = local(now).date() - timedelta(days=days)
        if local(submission.submitted_at).date() >= earliest:
            return
        if (await self.progress(submission.request_id))[0] is None:
            reason = Phrase(
                "it lies more than {days} days back; the earliest day is {day}", days=days, day=earliest
            )
            raise InvalidSubmission(field="submitted_at", reason=reason)

    async def open_linked(self, message: OpenLinked) -> Answer:
        """Open the dossier that another one asks for; the applicant's data stays where that one keeps it."""
        now = message.at if message.simulated else datetime.now(UTC)
        # No person is there who could be told that the unit has ended: its successor is asked.
        unit = heir(self.rulebook.units, message.unit, self.rulebook.calendar.local(now).date())
        unit = unit or message.unit
        filing = File(
            id=message.request_id,
            actor=MESSENGER,
            channel="online",
            unit=unit,
            applicant=message.applicant,
            papers=message.papers,
            simulated=SimulatedTime(at=now) if message.simulated else None,
        )

        def make() -> tuple[Opening, tuple[Private, ...]]:
            empty = self.rulebook.empty(message.procedure, unit, now, simulated=message.simulated)
            dossier = empty.model_copy(update={"parent": Parent(code=message.parent, link=message.link)})
            return Opening(dossier=dossier, filing=filing, opened_at=now if message.simulated else None), ()

        return await self.begin(*await self._take_in(make, now, message.model_dump_json(exclude={"at"})))

    async def _take_in(
        self, make: Callable[[], tuple[Opening, tuple[Private, ...]]], now: datetime, asked: str
    ) -> Taken:
        """Give an opening its code; `asked` is what the same request id must stand for.

        It is made anew where the office's calendar has been changed since this desk looked.
        """
        while True:
            opening, rows = make()
            assert opening.filing is not None
            # A refusal must come before anything is stored; rules are pure, so the desk can ask them.
            try:
                filed = fold(opening.dossier, decide(opening.dossier, opening.filing, now))
            except (EndNotAhead, EndBeyondCalendar) as problem:
                raise InvalidSubmission(field="due_at", reason=problem.facts["reason"]) from problem
            await self._keep_rules(opening.dossier)
            day = opening.dossier.calendar.local(now).date()
            taken = await self._store.take_in(
                opening.filing.id,
                hashlib.sha256(asked.encode()).hexdigest(),
                self.rulebook.agency(day),
                day,
                Intake(opening=opening.model_dump_json(), private=rows),
                epoch=self.rulebook.epoch,
            )
            if taken is not None:
                code, fresh = taken
                return Taken(code, (opening, filed) if fresh else None)
            await self.refresh()

    async def refresh(self) -> Acts:
        """Count by the office's calendar as it has been changed so far; what it was changed by."""
        acts = await CalendarRecord(self._store).acts()
        self.rulebook.count_by(acts)
        return acts

    def read_submission(self, data: Any) -> Submission:
        """A submission from its JSON; what is wrong is named by its field."""
        return read_submission(data, self.rulebook.calendar)

    async def _keep_rules(self, dossier: Dossier) -> None:
        for kind, value in (("procedure", dossier.procedure), ("calendar", dossier.calendar)):
            # By identity: a catalogue hands out the same value again, and its fingerprint takes time.
            if id(value) not in self._kept_rules:
                await self._store.add_rules(fingerprint(value), kind, value.model_dump_json())
                self._kept_rules[id(value)] = value

    async def _begin(self, code: str, taken: tuple[Opening, Dossier] | None = None) -> Answer:
        """Start the workflow of an intake, or find it under way: either way its first answer.

        Who has just taken it in has its opening at hand, and the dossier as it will be once it is filed.
        """
        if taken is None:
            pending = await self._store.pending_of(code)
            if pending is None:
                return _as_answer(await self.row(code))
            opening = Opening.model_validate_json(pending)
            filed = opening.dossier
        else:
            opening, filed = taken
        dossier, filing = opening.dossier.model_copy(update={"code": code}), opening.filing
        assert filing is not None
        operation = WithStartWorkflowOperation(
            DossierWorkflow.run,
            opening.model_copy(update={"dossier": dossier}),
            id=code,
            task_queue=TASK_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            # One that was ended from outside before its first fact is begun again; facts that are on record
            # by then are taken over (decision 0002).
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
            static_summary=f"{dossier.procedure.code} · {dossier.office} · {dossier.unit}",
            search_attributes=TypedSearchAttributes(attributes(filed)),
        )
        # The SDK also keeps a failure in a future of its own, which nobody awaits here: it would be logged
        # with its stack as never retrieved.
        operation._workflow_handle.add_done_callback(lambda handle: handle.cancelled() or handle.exception())
        try:
            return await self._client.execute_update_with_start_workflow(
                DossierWorkflow.act,
                filing,  # the workflow files by itself; this asks for its answer
                id=filing.id,
                start_workflow_operation=operation,
                rpc_timeout=timedelta(seconds=self._timeout),
            )
        except WorkflowAlreadyStartedError:
            return _as_answer(await self.row(code))
        except Exception as error:
            raise self._explained(error, filing.id) from error

    async def begin(self, code: str, fresh: tuple[Opening, Dossier] | None = None) -> Answer:
        """Finish an intake whose first fact has not come yet; `fresh` is as in `Taken`."""
        return await self._begin(code, fresh)

    async def sweep(self, older_than: float = 10.0) -> int:
        """Finish intakes whose desk died before their first fact; returns how many."""
        begun = 0
        for code in await self._store.pending(older_than):
            try:
                await self._begin(code)
                begun += 1
            except Unreachable:
                raise
            except Exception as error:
                # It stays where it is, for people to look at; those behind it must not wait for that, nor the
                # desk end by it.
                bug = None if isinstance(error, Problem) else error
                log.error("intake cannot be finished", dossier=code, why=str(error), exc_info=bug)
        return begun

    # Acting

    async def act(
        self,
        code: str,
        kind: str,
        user: str | Actor,
        data: dict[str, Any] | None = None,
        request_id: str | None = None,
        document: Document | None = None,
        *,
        simulated: SimulatedTime | None = None,
        seed: str | None = None,
    ) -> Answer:
        """Carry out a command; the same request id again gets the first answer.

        `document` is a file that motcua.documents has found fit to be kept. `simulated` and `seed` are for
        caseloads: when a simulated dossier is asked, and from what invented texts are salted.
        """
        actor = user if isinstance(user, Actor) else self._actor(user)
        if not isinstance(user, Actor):
            await self._check_there(user, code)
        request_id = request_id or str(uuid.uuid4())
        calendar = self.rulebook.calendar
        command, rows = read_command(
            code, kind, actor, data or {}, request_id, calendar, document, simulated=simulated, seed=seed
        )
        command, kept = await self._completed(code, command, rows)
        try:
            return await self.send(code, command)
        except Unreachable:
            raise  # it may still be carried out
        except Problem as problem:
            if kept:
                await self._store.drop_private(code, request_id, kept)
            if isinstance(
                problem, EndNotAhead | EndBeyondCalendar
            ):  # by the dossier's clock, but it is what was typed
                field = "due" if kind == "accept" else "limit"
                raise InvalidCommand(command=kind, field=field, reason=problem.facts["reason"]) from problem
            raise

    async def send(self, code: str, command: Command) -> Answer:
        """Ask a dossier to carry out a command; whoever made it answers for what it refers to."""
        handle: WorkflowHandle[Any, Any] = self._client.get_workflow_handle(code)
        try:
            answer = await handle.execute_update(
                DossierWorkflow.act,
                command,
                # The server answers for an id it knows without asking anybody: what else the same request
                # id is used for must be another update, so that the dossier gets to refuse it.
                id=f"{command.id} {request_digest(command)}",
                rpc_timeout=timedelta(seconds=self._timeout),
            )
        except Exception as error:
            problem = self._explained(error, command.id)
            if isinstance(problem, RPCError) and problem.status is RPCStatusCode.NOT_FOUND:
                return await self._from_the_record(code, command)
            if problem is error:
                raise
            raise problem from error
        if answer.held is not None and (why := self.rulebook.vacancy(answer.held)) is not None:
            try:
                await self.free(code, answer.held, answer.seq, why, command.simulated)
            except Exception as error:  # what was asked is done; the nightly look frees what is left
                bug = None if isinstance(error, Problem) else error
                log.warning("a task was not freed", dossier=code, why=str(error), exc_info=bug)
        return answer

    async def free(
        self, code: str, held: Held, seq: int, why: Vacancy, simulated: SimulatedTime | None = None
    ) -> None:
        """Open a task to the colleagues of somebody who cannot do it any more; `seq` is a fact of the dossier
        by which it was with them. Refused (StaleTask) where it is not with them now.

        The id holds a moment to the microsecond: nobody can use it beforehand for a command of their own, and
        keep a task by that after they have gone.
        """
        await self.send(
            code,
            Free(
                id=f"free/{held.task}/{seq}/{held.at.isoformat()}",
                actor=CLOCK,
                simulated=simulated,
                task=held.task,
                assignee=held.assignee,
                why=why,
            ),
        )

    async def _check_there(self, user: str, code: str) -> None:
        if (person := self.rulebook.dated(user)) is not None:
            check_there(person, await self._day(code))

    async def strike(self, code: str, simulated: SimulatedTime | None = None) -> None:
        """Record all that the clock of a simulated dossier brings until a moment, and let it stop there.

        Without a moment its clock runs on. A dossier that is closed has no clock.
        """
        until = "on" if simulated is None else simulated.at.isoformat()
        with suppress(DossierClosed):
            await self.send(code, Tick(id=f"{code}/clock/{until}", actor=CLOCK, simulated=simulated))

    def _actor(self, user: str) -> Actor:
        return CITIZEN if user == CITIZEN_ID else self.rulebook.actor(user)

    async def _completed(self, code: str, command: Command, rows: list[Private]) -> tuple[Command, list[str]]:
        """A command with what only the desk knows, and the ids of the rows that were kept for it now."""
        kind = command.kind
        # Checked before anything is kept: what names nobody and nothing leaves nothing behind.
        match command:
            case Transfer(unit=unit):
                self.rulebook.known_unit(unit, InvalidCommand, command=kind)
                check_works(self.rulebook.units, unit, await self._day(code))
            case Assign(to=to):
                holder = self.rulebook.actor(to)  # refuses a name that nobody has
                await self._check_there(to, code)
                command = command.model_copy(update={"holder": holder})
        if not rows:
            return command, []
        kept = await self._store.keep_private(rows)
        references = {row.kind: reference(row) for row in kept}
        return command.model_copy(update=references), [row.id for row in kept if row.fresh]

    def check_unit(self, unit: str | None) -> None:
        """Refuse a unit that the office does not have; None is any."""
        if unit is not None and unit not in self.rulebook.units:
            raise UnknownUnit(unit=unit, known=", ".join(sorted(self.rulebook.units)))

    async def _day(self, code: str) -> date:
        """The office date of a dossier: today's, or for a simulated one that of its last fact."""
        facts = await self._store.facts(code)
        simulated = bool(facts) and isinstance(facts[0].event, Filed) and facts[0].event.simulated
        return self.rulebook.calendar.local(facts[-1].at if simulated else datetime.now(UTC)).date()

    # Reading

    async def row(self, code: str) -> DossierRow:
        """The read model of a dossier."""
        row = await self._store.row(code)
        if row is None:
            raise UnknownDossier(code=code)
        return row

    async def show(self, code: str) -> Shown:
        """A dossier with all of its facts."""
        row = await self.row(code)
        return Shown(row=row, facts=tuple(await self._store.facts(code)))

    async def progress(self, request_id: str) -> tuple[str | None, set[str]]:
        """The code that a submission was given, if any, and the ids of its dossier's commands on record."""
        return await self._store.progress(request_id)

    async def tasks(self, wanted: TaskFilter) -> list[dict[str, Any]]:
        """Open tasks, the most urgent first; a unit, a role or a user that there is not is bad input."""
        self.check_unit(wanted.unit)
        if wanted.role is not None and wanted.role not in STAFF_ROLES:
            raise UnknownRole(role=wanted.role, known=", ".join(sorted(STAFF_ROLES)))
        if wanted.user is not None:
            actor = self._actor(wanted.user)
            wanted = wanted.model_copy(
                update={"user_roles": tuple(actor.roles), "user_unit": actor.unit or None}
            )
        return await self._store.tasks(wanted)

    # When something goes wrong

    def _explained(self, error: Exception, request_id: str) -> Exception:
        """The problem behind a Temporal error, where there is one; a bug stays what it is."""
        if isinstance(error, WorkflowUpdateFailedError) and isinstance(error.cause, ApplicationError):
            known = revive(error.cause.type or "", error.cause.message, *error.cause.details[:1])
            return known or error
        if isinstance(error, WorkflowUpdateRPCTimeoutOrCancelledError):
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                # The SDK makes one error of both: taken for a timeout, Ctrl-C would be a reason to ask again.
                raise asyncio.CancelledError from error
            return AnswerPending(seconds=self._timeout, request_id=request_id)
        if isinstance(error, RPCError):
            if error.status in (RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED):
                return AnswerPending(seconds=self._timeout, request_id=request_id)
            if error.status is RPCStatusCode.FAILED_PRECONDITION:
                return DossierStuck(reason=error.message, request_id=request_id)
            if error.status in AWAY:
                return TemporalGone(reason=error.message or error.status.name)
        return error

    async def _from_the_record(self, code: str, command: Command) -> Answer:
        """The first answer to a command that is on record, where Temporal knows no open workflow any more."""
        row = await self.row(code)
        if row.stage is not Stage.CLOSED:
            raise WorkflowMissing(code=code)
        dossier = (await recall(self._store, code)).at()
        if command.id not in dossier.answered:
            raise DossierClosed(code=code, status=row.status, command=command.kind)
        decide(dossier, command, datetime.now(UTC))  # refuses another command under the same id
        return _as_answer(row).model_copy(update={"seq": dossier.answered[command.id]})


def _as_answer(row: DossierRow) -> Answer:
    return Answer(
        code=row.code,
        seq=row.seq,
        stage=row.stage,
        status=row.status,
        received_at=row.received_at,
        due_at=row.due_at,
    )
