"""`decide`: what a command does to a dossier, or the refusal. One function a command; rights.py: who may.

The functions yield events and raise refusals; they change nothing, know no clock but `at`, and do no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from models import commands as c
from models import facts as f
from models import refusals as r
from models import relief
from models.chain import fingerprint, request_digest, seal
from models.dossier import ENDED, INTAKE, Dossier, Task
from models.facts import Event, Fact
from models.fold import apply
from models.limits import Limit
from models.linked import pending, requested, wanted
from models.procedure import Role, Stage
from models.relief import move as _move
from models.rights import COMMANDS, EVERYWHERE, LEADERS, OF_THE_TASK
from models.simulation import moment
from models.terms import (
    Mode,
    due,
    next_alarm,
    starts,
)
from models.timeliness import Timeliness, measured

Rule = Callable[[Dossier, Any, datetime], Iterator[Event]]


def decide(dossier: Dossier, command: c.Asked, at: datetime) -> list[Fact]:
    """The facts that a command leads to at this instant, sealed into the chain; or a Refusal.

    A command whose id has been answered leads to nothing: its answer is the one it got then. Another
    command under the same id is refused.
    """
    # The clock asks anew each time: its ids are not handed out, so somebody's own could look like one.
    request = None if isinstance(command, c.Tick) else request_digest(command)
    if request is not None and command.id in dossier.answered:
        if dossier.requests.get(command.id) != request:
            raise r.RequestReused(request_id=command.id)
        return []
    at = moment(dossier, command, at)
    _may(dossier, command)
    decided: list[Fact] = []
    state = dossier

    def add(event: Event) -> None:
        nonlocal state
        if not decided and request is not None:
            event = event.model_copy(update={"request_digest": request})
        (fact,) = seal(dossier.code, [event], after=state.seq, head=state.head, at=at, command=command)
        state = apply(state, fact)
        decided.append(fact)

    for event in _RULES[command.kind](dossier, command, at):  # type: ignore[attr-defined]
        add(event)
        if isinstance(event, f.StepOpened):
            for link in wanted(state, event.step):
                add(requested(state, link, at))
                if link.mode != "none":
                    add(_pause(state, "linked", link.id, link.mode))
    return decided


def _may(d: Dossier, command: Any) -> None:
    kind, actor = command.kind, command.actor
    if kind != "file" and d.seq == 0:
        raise r.WrongStage(command=kind, code=d.code, status="not filed")
    if d.closed:
        raise r.DossierClosed(code=d.code, status=d.status, command=kind)
    if command.seen is not None and command.seen < d.touched:
        raise r.Outdated(code=d.code, seen=command.seen, seq=d.touched)
    if kind in ("approve", "reject") and actor.id in d.handled_by:
        raise r.FourEyes(actor=actor.id, code=d.code)
    needed, stages = COMMANDS[kind]
    if needed == OF_THE_TASK:
        if d.task is None:
            raise r.WrongStage(command=kind, code=d.code, status=d.status)
        if (kind in ("accept", "refuse")) != (d.task.step == INTAKE) and kind not in ("claim", "release"):
            raise r.WrongStage(command=kind, code=d.code, status=d.status)
        needed = (d.task.role,)
    if not actor.has(*needed):
        raise r.WrongRole(
            command=kind, needed=" or ".join(needed), actor=actor.id, roles=", ".join(actor.roles) or "none"
        )
    if kind != "file" and not _of_its_unit(d, actor):
        raise r.WrongUnit(code=d.code, unit=d.unit, actor=actor.id, actor_unit=actor.unit)
    if d.stage not in stages:
        raise _wrong_stage(d, command)


def _of_its_unit(d: Dossier, actor: c.Actor) -> bool:
    return actor.unit == d.unit or actor.has(*EVERYWHERE)


def _wrong_stage(d: Dossier, command: Any) -> r.WrongStage:
    return r.WrongStage(command=command.kind, code=d.code, status=d.status)


def _open_task(d: Dossier, command: Any) -> Task:
    """The open task, if the actor may work on it now."""
    if d.task is None:
        raise _wrong_stage(d, command)
    if d.task.assignee not in (None, command.actor.id):
        raise r.TaskTaken(code=d.code, assignee=d.task.assignee)
    return d.task


def _not_waiting(d: Dossier, command: Any) -> None:
    if any(wait.reason != "consultation" for wait in d.waits) or d.paused:
        raise r.DossierWaits(code=d.code, status=d.status, command=command.kind)


# Receive


def _file(d: Dossier, command: c.File, at: datetime) -> Iterator[Event]:
    if d.seq:
        raise _wrong_stage(d, command)
    submitted = command.submitted_at or at
    if submitted > at:
        raise r.BadDate(
            what=r.Phrase("The moment of handing in"),
            value=d.calendar.shown(submitted),
            reason=r.Phrase("it lies in the future."),
        )
    start = starts(d.calendar, at)
    yield f.Filed(
        procedure=d.procedure.code,
        version=d.procedure.version.isoformat(),
        rules=fingerprint(d.procedure),
        calendar=fingerprint(d.calendar),
        channel=command.channel,
        unit=command.unit,
        applicant=command.applicant,
        papers=command.papers,
        submitted_at=submitted,
        answer_due_at=due(d.calendar, d.procedure.intake_limit, start),
        simulated=d.simulated,
    )
    if d.parent is not None:
        yield f.LinkedTo(parent=d.parent.code, link=d.parent.link)
    if command.accept:
        if command.actor.unit != command.unit and not command.actor.has(*EVERYWHERE):
            # Whoever takes it in for another unit passes it on: its clock starts when that unit receives it.
            raise r.WrongUnit(
                code=d.code, unit=command.unit, actor=command.actor.id, actor_unit=command.actor.unit
            )
        if not command.actor.has(Role.RECEIVER):
            raise r.WrongRole(
                command="accept",
                needed=Role.RECEIVER,
                actor=command.actor.id,
                roles=", ".join(command.actor.roles),
            )
        yield from _accepted(d, command, at)


def _accept(d: Dossier, command: c.Accept, at: datetime) -> Iterator[Event]:
    _open_task(d, command)
    _not_waiting(d, command)
    yield from _accepted(d, command, at)


def _accepted(d: Dossier, command: c.File | c.Accept, at: datetime) -> Iterator[Event]:
    limit = _limit(d, command.due)
    start = starts(d.calendar, at, d.procedure.cut_off)
    yield f.Accepted(
        limit=limit,
        started_at=start,
        due_at=_end(d, limit, start),
        calendar=d.calendar.version,
    )
    yield _step(d, 0, at, start=start)


def _end(d: Dossier, limit: Limit, start: datetime) -> datetime:
    """The due instant of a limit that a person may have given: ahead, and no later than the calendar."""
    end = due(d.calendar, limit, start)
    if end <= start:
        raise r.EndNotAhead(
            what=r.Phrase("The end of the limit"),
            value=d.calendar.shown(end),
            reason=r.Phrase("it must lie after its start."),
        )
    if d.calendar.local(end).date() > d.calendar.last:
        raise r.EndBeyondCalendar(
            what=r.Phrase("The end of the limit"),
            value=d.calendar.shown(end),
            reason=r.Phrase("the calendar ends on {last}.", last=d.calendar.last),
        )
    return end


def _limit(d: Dossier, given: Limit | None) -> Limit:
    if d.procedure.limit is None:
        if given is None:
            raise r.DueMissing(code=d.code)
        return given
    if given is not None:
        raise r.DueNotExpected(code=d.code)
    return d.procedure.limit


def _refuse(d: Dossier, command: c.Refuse, at: datetime) -> Iterator[Event]:
    _open_task(d, command)
    yield f.Refused(reason=command.reason)


def _transfer(d: Dossier, command: c.Transfer, at: datetime) -> Iterator[Event]:
    if d.ready_at is not None:
        raise _wrong_stage(d, command)
    if command.unit == d.unit:
        raise r.SameUnit(code=d.code, unit=d.unit)
    yield f.Transferred(unit=command.unit, reason=command.reason)


# Tasks


def _step(
    d: Dossier, position: int, at: datetime, *, assignee: str | None = None, start: datetime | None = None
) -> f.StepOpened:
    step = d.procedure.steps[position]
    begins = start or starts(d.calendar, at)
    # A result that nobody picks up must not become overdue: the return stage has no term.
    limit = None if step.stage is Stage.RETURN else step.limit
    return f.StepOpened(
        step=step.id,
        stage=step.stage,
        assignee=assignee,
        limit=limit,
        started_at=begins,
        due_at=due(d.calendar, limit, begins) if limit else None,
    )


def _this_task(d: Dossier, task: int | None) -> Task:
    assert d.task is not None
    if task not in (None, d.task.id):
        raise r.StaleTask(code=d.code, task=task)
    return d.task


def _claim(d: Dossier, command: c.Claim, at: datetime) -> Iterator[Event]:
    task = _this_task(d, command.task)
    if task.assignee is not None:
        raise r.TaskTaken(code=d.code, assignee=task.assignee)
    if _decides(d, task) and command.actor.id in d.handled_by:
        raise r.FourEyes(actor=command.actor.id, code=d.code)
    yield f.Claimed(task=task.id)


def _release(d: Dossier, command: c.Release, at: datetime) -> Iterator[Event]:
    task = _this_task(d, command.task)
    if task.assignee is None:
        raise r.TaskNotClaimed(code=d.code)
    if task.assignee != command.actor.id:
        raise r.TaskTaken(code=d.code, assignee=task.assignee)
    yield f.Released(task=task.id)


def _assign(d: Dossier, command: c.Assign, at: datetime) -> Iterator[Event]:
    if d.task is None:
        raise _wrong_stage(d, command)
    task = _this_task(d, command.task)
    if _decides(d, task) and command.to in d.handled_by:
        raise r.FourEyes(actor=command.to, code=d.code)
    holder = command.holder
    if holder is not None and not (holder.has(task.role) and _of_its_unit(d, holder)):
        raise r.NotTheirTask(code=d.code, assignee=command.to, needed=task.role, unit=d.unit)
    yield f.Assigned(task=task.id, to=command.to)


def _free(d: Dossier, command: c.Free, at: datetime) -> Iterator[Event]:
    task = d.task
    if task is None or (task.id, task.assignee) != (command.task, command.assignee):
        raise r.StaleTask(code=d.code, task=command.task)  # somebody has acted meanwhile: it is theirs
    yield f.TaskFreed(task=task.id, assignee=command.assignee, why=command.why)


def _decides(d: Dossier, task: Task) -> bool:
    return task.step != INTAKE and d.procedure.steps[d.procedure.position(task.step)].decides


# Process


def _complete(d: Dossier, command: c.Complete, at: datetime) -> Iterator[Event]:
    task = _open_task(d, command)
    if command.step not in (None, task.step):
        raise r.StaleTask(code=d.code, task=command.step)
    step = d.procedure.steps[d.procedure.position(task.step)]
    if step.decides or step.stage is Stage.RETURN:
        raise _wrong_stage(d, command)
    _not_waiting(d, command)
    _answers_in(d, step.stage)
    _links_in(d, step.id)
    yield f.StepCompleted(task=task.id, step=step.id, note=command.note)
    yield from _result(d, command, step.issues, at)
    yield from _onward(d, step.id, at, d.handled_by | {command.actor.id})


def _links_in(d: Dossier, step: str) -> None:
    if (linked := pending(d, step)) is not None:
        raise r.LinkPending(code=d.code, unit=linked.unit, link=linked.link)


def _answers_in(d: Dossier, stage: Stage) -> None:
    waiting = next((t for t in d.terms if t.of == "consultation" and t.closed_at is None), None)
    if waiting is not None and stage is not Stage.RECEIVE:
        raise r.ConsultationOpen(code=d.code, agency=waiting.name)


def _result(d: Dossier, command: c.Complete | c.Decide, issues: bool, at: datetime) -> Iterator[Event]:
    if issues:
        if command.number is None or command.date is None:
            raise r.ResultIncomplete(code=d.code)
        if d.calendar.local(command.date).date() > d.calendar.local(at).date():
            raise r.BadDate(
                what=r.Phrase("The result's date"),
                value=d.calendar.shown(command.date),
                reason=r.Phrase("it lies in the future."),
            )
        received = d.received_at
        if received is not None and d.calendar.local(command.date).date() < d.calendar.local(received).date():
            raise r.BadDate(
                what=r.Phrase("The result's date"),
                value=d.calendar.shown(command.date),
                reason=r.Phrase("it lies before the dossier was received."),
            )
        yield f.Issued(number=command.number, date=command.date, file=command.file)
    elif command.number is not None or command.date is not None or command.file is not None:
        raise r.ResultNotExpected(code=d.code)


def _onward(d: Dossier, step_id: str, at: datetime, handled_by: frozenset[str]) -> Iterator[Event]:
    """The step after this one; when the approve stage is done the result is ready."""
    here = d.procedure.position(step_id)
    onward = here + 1
    leaves_approve = d.procedure.steps[here].stage is Stage.APPROVE
    if leaves_approve and d.procedure.steps[onward].stage is Stage.RETURN:
        yield f.Ready(timeliness=timeliness(d, at))
    # Work that was sent back and done again returns to whoever had the next step.
    yield _step(d, onward, at, assignee=_officer(d, onward, handled_by))


def _officer(d: Dossier, position: int, handled_by: frozenset[str]) -> str | None:
    """Who did this step last, unless they have handled the dossier since and so may not decide."""
    step = d.procedure.steps[position]
    officer = d.officers.get(step.id)
    return None if step.decides and officer in handled_by else officer


def timeliness(d: Dossier, at: datetime) -> Timeliness:
    """Early, on time or overdue at `at`, as the dossier's rule set says."""
    term = d.term
    assert term is not None
    at = term.paused_at or at  # what ends while the clock stands still is measured where it stands
    return measured(d.calendar, d.measure(term), term.due_at, at)


def _send_back(d: Dossier, command: c.SendBack, at: datetime) -> Iterator[Event]:
    task = _open_task(d, command)
    if d.ready_at is not None or task.step == INTAKE:
        raise _wrong_stage(d, command)
    _not_waiting(d, command)
    ids = [step.id for step in d.procedure.steps]
    if command.step not in ids:
        raise r.NoSuchStep(
            code=d.code, step=command.step, reason=r.Phrase("its steps are {steps}.", steps=", ".join(ids))
        )
    if ids.index(command.step) >= ids.index(task.step):
        raise r.NoSuchStep(
            code=d.code, step=command.step, reason=r.Phrase("it now stands at {step}.", step=task.step)
        )
    yield f.SentBack(task=task.id, step=command.step, reason=command.reason)
    position = ids.index(command.step)
    yield _step(d, position, at, assignee=_officer(d, position, d.handled_by))


def _request_supplement(d: Dossier, command: c.RequestSupplement, at: datetime) -> Iterator[Event]:
    _before_result(d, command)
    if any(wait.reason == "supplement" for wait in d.waits):
        raise r.AlreadyAsked(code=d.code, what=r.Phrase("supplement"))
    allowed = d.procedure.supplements
    if allowed is not None and d.supplements >= allowed:
        raise r.SupplementsUsed(code=d.code, allowed=allowed)
    limit = command.limit or d.procedure.supplement_limit
    start = starts(d.calendar, at)
    mode = d.procedure.pausing.supplement
    yield f.SupplementRequested(
        reason=command.reason,
        limit=limit,
        started_at=start,
        due_at=_end(d, limit, start),
        mode=mode,
    )
    yield _pause(d, "supplement", "", mode)


def _supply(d: Dossier, command: c.Supply, at: datetime) -> Iterator[Event]:
    if not any(wait.reason == "supplement" for wait in d.waits):
        raise r.NothingAsked(code=d.code, command=command.kind)
    yield f.Supplied(papers=command.papers)
    yield _unpause(d, "supplement", "", at)


def _request_payment(d: Dossier, command: c.RequestPayment, at: datetime) -> Iterator[Event]:
    if d.ready_at is not None:
        raise _wrong_stage(d, command)
    if any(wait.reason == "payment" for wait in d.waits):
        raise r.AlreadyAsked(code=d.code, what=r.Phrase("payment"))
    mode = d.procedure.pausing.payment
    yield f.PaymentRequested(fee=command.fee, amount=command.amount, mode=mode)
    yield _pause(d, "payment", "", mode)


def _pay(d: Dossier, command: c.Pay, at: datetime) -> Iterator[Event]:
    if not any(wait.reason == "payment" for wait in d.waits):
        raise r.NothingAsked(code=d.code, command=command.kind)
    if d.payment not in (None, command.amount):  # None: asked for before amounts were kept
        raise r.WrongAmount(code=d.code, asked=d.payment, paid=command.amount)
    yield f.Paid(amount=command.amount, receipt=command.receipt)
    yield _unpause(d, "payment", "", at)


def _consult(d: Dossier, command: c.Consult, at: datetime) -> Iterator[Event]:
    _before_result(d, command)
    if d.received_at is None:
        raise _wrong_stage(d, command)
    if any(t.of == "consultation" and t.name == command.agency and t.closed_at is None for t in d.terms):
        raise r.AlreadyAsked(code=d.code, what=command.agency)
    limit = command.limit or d.procedure.consultation_limit
    start = starts(d.calendar, at)
    mode = d.procedure.pausing.consultation
    yield f.Consulted(
        agency=command.agency,
        question=command.question,
        limit=limit,
        started_at=start,
        due_at=_end(d, limit, start),
        mode=mode,
    )
    if mode != "none":
        yield _pause(d, "consultation", command.agency, mode)


def _answer(d: Dossier, command: c.Answer, at: datetime) -> Iterator[Event]:
    if not any(t.of == "consultation" and t.name == command.agency and t.closed_at is None for t in d.terms):
        raise r.NothingAsked(code=d.code, command=command.kind)
    yield from _answered(d, command.agency, at, reply=command.reply)


def _answered(
    d: Dossier,
    agency: str,
    at: datetime,
    *,
    reply: Any = None,
    silent: bool = False,
    found: datetime | None = None,
) -> Iterator[Event]:
    """The consultation is over at `at`; `found` is when the clock saw it, which may be later."""
    yield f.Answered(agency=agency, reply=reply, silent=silent)
    if any(wait.reason == "consultation" and wait.name == agency for wait in d.waits):
        yield _unpause(d, "consultation", agency, at, found=found)


def _before_result(d: Dossier, command: Any) -> None:
    if d.task is None or d.task.stage not in (Stage.RECEIVE, Stage.PROCESS):
        raise _wrong_stage(d, command)
    if any(wait.reason == "stop" for wait in d.waits):  # a term opened now would run through the stop
        raise r.DossierWaits(code=d.code, status=d.status, command=command.kind)
    if d.task.assignee not in (None, command.actor.id) and not command.actor.has(*LEADERS):
        raise r.TaskTaken(code=d.code, assignee=d.task.assignee)


# Approve


def _decided(d: Dossier, command: c.Decide, at: datetime) -> Iterator[Event]:
    task = _open_task(d, command)
    step = d.procedure.steps[d.procedure.position(task.step)]
    if not step.decides:
        raise _wrong_stage(d, command)
    _not_waiting(d, command)
    _answers_in(d, step.stage)
    _links_in(d, step.id)
    approved = command.kind == "approve"
    if not approved and command.reason is None:
        raise r.ReasonMissing(code=d.code)
    yield f.Decided(task=task.id, step=step.id, approved=approved, reason=command.reason)
    yield from _result(d, command, step.issues, at)
    yield from _onward(d, step.id, at, d.handled_by)


def _correct(d: Dossier, command: c.Correct, at: datetime) -> Iterator[Event]:
    done = d.last_completion
    if d.waits:
        raise r.NotCorrectable(code=d.code, reason=r.Phrase("it is {status}.", status=d.status))
    if done is None:
        raise r.NotCorrectable(code=d.code, reason=r.Phrase("no completion came last."))
    if d.officers.get(done.task.step) != command.actor.id and not command.actor.has(*LEADERS):
        raise r.NotCorrectable(
            code=d.code, reason=r.Phrase("only who completed the step, or a leader, may correct it.")
        )
    if d.task is not None and d.task.assignee not in (None, d.officers.get(d.task.step)):
        raise r.NotCorrectable(
            code=d.code,
            reason=r.Phrase("{assignee} already works on the next step.", assignee=d.task.assignee),
        )
    if d.outcome is not None:
        raise r.NotCorrectable(code=d.code, reason=r.Phrase("it is {status}.", status=d.status))
    yield f.Corrected(completion=done.seq, step=done.task.step, reason=command.reason)
    if d.decree is not None:  # a term that was closed then did not move; now it runs again
        again = [t for t in d.terms if t.closed_at is not None and (t.id == done.task.id or t is d.term)]
        moves = tuple(move for term in again if (move := relief.recounted(d, term, at)) is not None)
        if moves:
            yield f.CalendarAmended(calendar=d.calendar, decree=d.decree, moves=moves)


# Return


def _return(d: Dossier, command: c.Return, at: datetime) -> Iterator[Event]:
    task = _open_task(d, command)
    if task.stage is not Stage.RETURN:
        raise _wrong_stage(d, command)
    window = d.procedure.rating_window
    rate_by = due(d.calendar, window, starts(d.calendar, at)) if window else None
    yield f.Returned(channel=command.channel, step=task.step, task=task.id, rate_by=rate_by)


def _rate(d: Dossier, command: c.Rate, at: datetime) -> Iterator[Event]:
    if d.rating_lapses is None or at >= d.rating_lapses:
        raise _wrong_stage(d, command)
    yield f.Rated(score=command.score, text=command.text)


# Deadlines


def _paused_kinds(reason: f.WaitReason) -> tuple[str, ...]:
    kinds = ("intake", "dossier", "step")
    return (*kinds, "supplement", "consultation", "link") if reason == "stop" else kinds


def _pause(d: Dossier, reason: f.WaitReason, name: str, mode: Mode) -> f.ClockPaused:
    kinds = _paused_kinds(reason)
    terms = () if mode == "none" else tuple(t.id for t in d.terms if t.running and t.of in kinds)
    return f.ClockPaused(reason=reason, name=name, mode=mode, terms=terms)


def _unpause(
    d: Dossier, reason: f.WaitReason, name: str, at: datetime, *, found: datetime | None = None
) -> f.ClockResumed:
    """The wait is over at `at`: each term runs again that none of the other waits pauses."""
    others = [wait for wait in d.waits if (wait.reason, wait.name) != (reason, name) and wait.mode != "none"]
    still = {kind for wait in others for kind in _paused_kinds(wait.reason)}
    moves = []
    for term in d.terms:
        if term.paused_at is None or term.closed_at is not None or term.of in still:
            continue
        due_at = term.resumed(d.calendar, d.pause(term, at, reason))
        moves.append(_move(d, term, due_at, found or at))
    until = None if found in (None, at) else at
    return f.ClockResumed(reason=reason, name=name, until=until, moves=tuple(moves))


def _extend(d: Dossier, command: c.Extend, at: datetime) -> Iterator[Event]:
    term = d.term
    if term is None or term.closed_at is not None:
        raise _wrong_stage(d, command)
    if d.extensions >= d.procedure.extensions:
        raise r.ExtensionUsed(code=d.code, allowed=d.procedure.extensions)
    if d.paused:
        raise r.DossierWaits(code=d.code, status=d.status, command=command.kind)
    yield relief.promised(d, term, command, command.until, at)


def _tick(d: Dossier, command: c.Tick, at: datetime) -> Iterator[Event]:
    yield from _rungs(d, at)
    yield from relief.drafted(d, at)
    for overdue_from, term in d.breaches():
        if overdue_from <= at:
            yield f.BecameOverdue(term=term.id, due_at=term.due_at)
    for lapsed_at, term in sorted(d.lapses(), key=lambda lapse: lapse[0]):
        if lapsed_at > at:
            return
        if term.of == "supplement":
            yield f.Stopped(final=True, timeliness=timeliness(d, at) if d.term else None)
        else:
            yield from _answered(d, term.name, term.due_at, silent=True, found=at)
        return  # one lapse at a time: the next tick sees the dossier as this one left it
    if d.rating_lapses is not None and d.rating_lapses <= at:
        yield f.RatingLapsed()


def _rungs(d: Dossier, at: datetime) -> Iterator[Event]:
    for start in d.terms:
        term, passed = start, []
        ladder, measure = d.ladder(term), d.measure(term)
        while (alarm := next_alarm(d.calendar, measure, term, ladder)) is not None and alarm.sounds_at <= at:
            passed.append(alarm)
            counts = [*term.reached, *[0] * (len(ladder) - len(term.reached))]
            counts[alarm.rung] += 1
            term = term.model_copy(update={"reached": tuple(counts)})
        for alarm in passed:
            rung = ladder[alarm.rung]
            yield f.RungReached(
                term=term.id,
                generation=term.generation,
                rung=alarm.rung,
                occurrence=alarm.occurrence,
                name=rung.name,
                alarm=rung.alert(alarm.sounds_at, d.overdue_from(term)),
                due_at=alarm.at,
                rested_until=None if alarm.sounds_at == alarm.at else alarm.sounds_at,
                to=rung.to,
                notify=alarm is passed[-1],
            )


# Ends and remarks


def _withdraw(d: Dossier, command: c.Withdraw, at: datetime) -> Iterator[Event]:
    if d.result is not None:
        raise _wrong_stage(d, command)
    yield f.Withdrawn(reason=command.reason, timeliness=timeliness(d, at) if d.term else None)


def _stop(d: Dossier, command: c.Stop, at: datetime) -> Iterator[Event]:
    if d.ready_at is not None:
        raise _wrong_stage(d, command)
    if any(wait.reason == "stop" for wait in d.waits):
        raise r.AlreadyAsked(code=d.code, what=r.Phrase("resume"))
    yield f.Stopped(reason=command.reason)
    yield _pause(d, "stop", "", d.procedure.pausing.stop)


def _resume(d: Dossier, command: c.Resume, at: datetime) -> Iterator[Event]:
    if not any(wait.reason == "stop" for wait in d.waits):
        raise r.NothingAsked(code=d.code, command=command.kind)
    yield _unpause(d, "stop", "", at)


def _note(d: Dossier, command: c.Note, at: datetime) -> Iterator[Event]:
    yield f.Noted(text=command.text)


def _attach(d: Dossier, command: c.Attach, at: datetime) -> Iterator[Event]:
    yield f.Attached(document=command.document)


def _hear(d: Dossier, command: c.Hear, at: datetime) -> Iterator[Event]:
    linked = next((linked for linked in reversed(d.links) if linked.link == command.link), None)
    if linked is None or linked.over or linked.child not in (None, command.child):
        raise r.NotLinked(code=d.code, child=command.child, link=command.link)
    yield f.Heard(**{name: getattr(command, name) for name in c.Told.model_fields})
    waits = any(wait.reason == "linked" and wait.name == command.link for wait in d.waits)
    if command.what in ENDED and waits:
        yield _unpause(d, "linked", command.link, at)


def _observe(d: Dossier, command: c.Observe, at: datetime) -> Iterator[Event]:
    yield f.Observed(label=command.label, said_at=command.said_at, deviation=command.deviation)


_RULES: dict[str, Rule] = {
    "file": _file,
    "accept": _accept,
    "refuse": _refuse,
    "claim": _claim,
    "release": _release,
    "assign": _assign,
    "free": _free,
    "complete": _complete,
    "send-back": _send_back,
    "request-supplement": _request_supplement,
    "supply": _supply,
    "request-payment": _request_payment,
    "pay": _pay,
    "consult": _consult,
    "answer": _answer,
    "approve": _decided,
    "reject": _decided,
    "extend": _extend,
    "apologise": relief.apologise,
    "dismiss-apology": relief.dismiss_apology,
    "acknowledge": relief.acknowledge,
    "return": _return,
    "withdraw": _withdraw,
    "stop": _stop,
    "resume": _resume,
    "outage": relief.outage,
    "amend-calendar": relief.amend_calendar,
    "transfer": _transfer,
    "correct": _correct,
    "note": _note,
    "attach": _attach,
    "rate": _rate,
    "hear": _hear,
    "observe": _observe,
    "tick": _tick,
}
