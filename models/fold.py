"""`apply`: one fact folded into a dossier. Together with `decide` the only way a dossier changes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from models import facts as f
from models.commands import CLOCK, MESSENGER
from models.dossier import INTAKE, Apology, Completion, Dossier, Linked, Parent, Result, Task, Wait
from models.facts import Fact, Move
from models.procedure import Role, Stage
from models.terms import Term, reached_before

_NOBODY = (CLOCK.id, MESSENGER.id)


def apply(dossier: Dossier, fact: Fact) -> Dossier:
    """The dossier after a fact; a fact out of order is a bug."""
    if fact.seq != dossier.seq + 1 or fact.prev_hash != dossier.head:
        raise ValueError(f"{dossier.code}: fact {fact.seq} does not follow fact {dossier.seq}")
    changes = _changes(dossier, fact)
    if any(term.id == fact.seq for term in changes.get("terms", ())):
        changes["opened"] = {**dossier.opened, fact.seq: fact.at}
    requests = dossier.requests
    if (request := fact.event.request_digest) is not None:
        requests = {**requests, fact.command: request}
    return dossier.model_copy(
        update={
            **changes,
            "seq": fact.seq,
            "head": fact.hash,
            "latest": fact.at,
            "touched": dossier.touched if fact.actor in _NOBODY else fact.seq,
            "answered": {**dossier.answered, fact.command: fact.seq},
            "requests": requests,
        }
    )


def fold(dossier: Dossier, facts: Iterable[Fact]) -> Dossier:
    """The dossier after all of these facts."""
    for fact in facts:
        dossier = apply(dossier, fact)
    return dossier


def _changes(d: Dossier, fact: Fact) -> dict[str, Any]:
    match fact.event:
        case f.Filed() as e:
            return {
                "unit": e.unit,
                "channel": e.channel,
                "applicant": e.applicant,
                "papers": e.papers,
                "submitted_at": e.submitted_at,
                "task": Task(
                    id=fact.seq,
                    step=INTAKE,
                    stage=Stage.RECEIVE,
                    role=Role.RECEIVER,
                    assignee=None,
                    opened_at=fact.at,
                ),
                "terms": _opened(
                    d, fact, of="intake", name=INTAKE, limit=d.procedure.intake_limit, due=e.answer_due_at
                ),
            }
        case f.Accepted() as e:
            closed = d.model_copy(update={"terms": _closed(d, fact, "intake")})
            return {
                "received_at": fact.at,
                "task": None,
                "terms": _opened(closed, fact, of="dossier", name="dossier", limit=e.limit, due=e.due_at),
                "officers": {**d.officers, INTAKE: fact.actor},
                "handled_by": d.handled_by | {fact.actor},
            }
        case f.StepOpened() as e:
            step = d.procedure.steps[d.procedure.position(e.step)]
            task = Task(
                id=fact.seq,
                step=e.step,
                stage=e.stage,
                role=step.role,
                assignee=e.assignee,
                opened_at=fact.at,
            )
            terms = d.terms
            if e.due_at is not None and e.limit is not None:
                terms = _opened(d, fact, of="step", name=e.step, limit=e.limit, due=e.due_at)
            return {"stage": e.stage, "task": task, "terms": terms}
        case f.Claimed():
            return {"task": _task(d, assignee=fact.actor)}
        case f.Released() | f.TaskFreed():
            return {"task": _task(d, assignee=None)}
        case f.Assigned() as e:
            return {"task": _task(d, assignee=e.to)}
        case f.StepCompleted() as e:
            return {**_step_done(d, fact, e.step), "handled_by": d.handled_by | {fact.actor}}
        case f.Decided() as e:
            return {**_step_done(d, fact, e.step), "result": Result(approved=e.approved)}
        case f.Issued() as e:
            assert d.result is not None
            issued = {"number": e.number, "date": e.date, "file": e.file}
            return {"result": d.result.model_copy(update=issued)}
        case f.Ready() as e:
            return {
                "ready_at": fact.at,
                "timeliness": e.timeliness,
                "terms": _closed(d, fact, "dossier"),
            }
        case f.SentBack():
            return {
                "task": None,
                "terms": _closed(d, fact, "step"),
                "last_completion": None,
                "result": None,
            }
        case f.SupplementRequested() as e:
            return {
                "supplements": d.supplements + 1,
                "handled_by": d.handled_by | {fact.actor},
                "terms": _opened(d, fact, of="supplement", name="supplement", limit=e.limit, due=e.due_at),
            }
        case f.Supplied():
            return {"terms": _closed(d, fact, "supplement")}
        case f.Consulted() as e:
            return {
                "handled_by": d.handled_by | {fact.actor},
                "terms": _opened(d, fact, of="consultation", name=e.agency, limit=e.limit, due=e.due_at),
            }
        case f.Answered() as e:
            return {"terms": _closed(d, fact, "consultation", e.agency)}
        case f.ClockPaused() as e:
            wait = Wait(reason=e.reason, name=e.name, mode=e.mode, since=fact.at)
            return {
                "waits": (*d.waits, wait),
                # The work has gone on; and a step that was done did not pause, so it cannot be reopened.
                "last_completion": None,
                "restarts": d.restarts or e.mode == "restart",
                "terms": tuple(
                    t.model_copy(update={"paused_at": fact.at}) if t.id in e.terms else t for t in d.terms
                ),
            }
        case f.ClockResumed() as e:
            waits = tuple(w for w in d.waits if (w.reason, w.name) != (e.reason, e.name))
            paused = any(w.mode != "none" for w in waits)
            return {"waits": waits, "restarts": paused and d.restarts, "terms": _resumed(d, fact, e)}
        case f.ApologyDrafted() as e:
            draft = Apology(
                id=fact.seq,
                at=fact.at,
                reason=e.reason,
                due_at=e.due_at,
                generation=e.generation,
                proposed_at=e.proposed_at,
            )
            return {"apologies": (*d.apologies, draft)}
        case f.ApologyDismissed() as e:
            return {
                "apologies": tuple(
                    a.model_copy(update={"dismissed": True}) if a.id == e.draft else a for a in d.apologies
                )
            }
        case f.Extended() as e:
            return {
                "extensions": d.extensions + 1,
                "promised_at": e.promised_at,
                "extended_at": fact.at if e.moves else d.extended_at,
                "terms": _moved(d.terms, e.moves, extended=True),
            }
        case f.Refused():
            return _finished(d, fact, "refused")
        case f.Withdrawn() as e:
            return {**_finished(d, fact, "withdrawn"), "timeliness": e.timeliness}
        case f.Stopped() as e:
            if not e.final:
                return {}
            return {**_finished(d, fact, "stopped"), "timeliness": e.timeliness}
        case f.Returned() as e:
            done = _finished(d, fact, "returned")
            officers = {**d.officers, e.step: fact.actor}
            if e.rate_by is None:
                return {**done, "officers": officers}
            return {**done, "officers": officers, "stage": Stage.RETURN, "rate_by": e.rate_by}
        case f.Rated() | f.RatingLapsed():
            return {"stage": Stage.CLOSED}
        case f.LinkedTo() as e:
            return {"parent": Parent(code=e.parent, link=e.link)}
        case f.LinkRequested() as e:
            return {
                "links": (*d.links, Linked(link=e.link, round=e.round, unit=e.unit)),
                "terms": _opened(d, fact, of="link", name=e.link, limit=e.limit, due=e.due_at),
            }
        case f.Heard() as e:
            return _heard(d, fact, e)
        case f.OutageCounted() as e:
            return {"outages": (*d.outages, e.notice), "terms": _regained(_moved(d.terms, e.moves), e.moves)}
        case f.CalendarAmended() as e:
            return {"calendar": e.calendar, "decree": e.decree, "terms": _moved(d.terms, e.moves)}
        case f.Transferred() as e:
            # The officers of the old unit may no longer act: nothing returns to them.
            return {
                "unit": e.unit,
                "task": _task(d, assignee=None) if d.task else None,
                "officers": {},
                "last_completion": None,
            }
        case f.Corrected() as e:
            return _reopened(d, fact)
        case f.Acknowledged() as e:
            rest = {"rests_until": e.until, "rests_by": fact.actor}
            return {"terms": tuple(t.model_copy(update=rest) if t.id in e.terms else t for t in d.terms)}
        case f.RungReached() as e:
            return {"terms": tuple(_reached(d, t, e) if t.id == e.term else t for t in d.terms)}
        case f.BecameOverdue() as e:
            reported = {"reported_due_at": e.due_at}
            return {"terms": tuple(t.model_copy(update=reported) if t.id == e.term else t for t in d.terms)}
        case f.PaymentRequested() as e:
            return {"payment": e.amount}
        case f.Paid():
            return {"payment": None}
        case f.Noted() | f.Attached() | f.Observed():
            return {}


def _opened(d: Dossier, fact: Fact, *, of: Any, name: str, limit: Any, due: Any) -> tuple[Term, ...]:
    started = getattr(fact.event, "started_at", fact.at)
    term = Term(
        id=fact.seq, of=of, name=name, limit=limit, started_at=started, due_at=due, original_due_at=due
    )
    # A rung that lies before the start is not reached: "one day before" says nothing in a 4-hour term.
    passed = reached_before(d.calendar, d.measure(term), due, d.ladder(term), started)
    return (*d.terms, term.model_copy(update={"reached": passed}))


def _closed(d: Dossier, fact: Fact, of: str, name: str | None = None) -> tuple[Term, ...]:
    return tuple(
        t.model_copy(update={"closed_at": fact.at})
        if t.closed_at is None and t.of == of and name in (None, t.name)
        else t
        for t in d.terms
    )


def _finished(d: Dossier, fact: Fact, outcome: f.Outcome) -> dict[str, Any]:
    return {
        "stage": Stage.CLOSED,
        "outcome": outcome,
        "finished_at": fact.at,
        "task": None,
        "waits": (),
        "terms": tuple(
            t.model_copy(update={"closed_at": fact.at}) if t.closed_at is None else t for t in d.terms
        ),
    }


def _task(d: Dossier, **changes: Any) -> Task:
    assert d.task is not None
    return d.task.model_copy(update=changes)


def _step_done(d: Dossier, fact: Fact, step: str) -> dict[str, Any]:
    assert d.task is not None
    done = Completion(seq=fact.seq, task=d.task, result=d.result)
    return {
        "task": None,
        "terms": _closed(d, fact, "step"),
        "officers": {**d.officers, step: fact.actor},
        "last_completion": done,
    }


def _reopened(d: Dossier, fact: Fact) -> dict[str, Any]:
    """Undo the last completion: the task is open again and its clocks run as if never stopped."""
    done = d.last_completion
    assert done is not None
    reopen = {done.task.id} | ({d.term.id} if d.term is not None else set())
    terms = tuple(
        t.model_copy(update={"closed_at": None})
        if t.id in reopen
        else t.model_copy(update={"closed_at": fact.at})
        if t.of == "step" and t.closed_at is None
        else t
        for t in d.terms
    )
    return {
        "task": done.task,
        "stage": done.task.stage,
        "terms": terms,
        "ready_at": None,
        "timeliness": None,
        "result": done.result,
        "last_completion": None,
    }


def _heard(d: Dossier, fact: Fact, event: f.Heard) -> dict[str, Any]:
    """What the last of the linked dossiers of this name tells; its first word acknowledges."""
    (*before, last) = (linked for linked in d.links if linked.link == event.link)
    told: dict[str, Any] = {"child": event.child}
    if event.what == "late":
        told["late"] = True
    elif event.what != "promised" and (event.what != "opened" or last.news is None):
        told["news"] = event.what
    after = (*before, last.model_copy(update=told))
    changed = {id(old): new for old, new in zip((*before, last), after, strict=True)}
    links = tuple(changed.get(id(linked), linked) for linked in d.links)
    silent = event.what in ("opened", "late")  # nobody there has looked at it yet
    return {"links": links, "terms": d.terms if silent else _closed(d, fact, "link", event.link)}


def _resumed(d: Dossier, fact: Fact, event: f.ClockResumed) -> tuple[Term, ...]:
    again = {move.term for move in event.moves}
    return tuple(
        t.model_copy(
            update={
                "paused_at": None,
                "pauses": (*t.pauses, d.pause(t, event.until or fact.at, event.reason)),
            }
        )
        if t.id in again
        else t
        for t in _moved(d.terms, event.moves)
    )


def _regained(terms: tuple[Term, ...], moves: Iterable[f.Regained]) -> tuple[Term, ...]:
    """Pauses stand in the order of time: an outage is counted afterwards, perhaps after later pauses."""
    by_id = {move.term: move.pauses for move in moves}
    return tuple(
        t.model_copy(
            update={"pauses": tuple(sorted((*t.pauses, *by_id[t.id]), key=lambda pause: pause.since))}
        )
        if t.id in by_id
        else t
        for t in terms
    )


def _moved(terms: tuple[Term, ...], moves: Iterable[Move], *, extended: bool = False) -> tuple[Term, ...]:
    by_id = {move.term: move for move in moves}
    return tuple(
        t.model_copy(
            update={
                "started_at": move.started_at or t.started_at,
                "due_at": move.due_at,
                "generation": move.generation,
                "reached": move.reached,
                # It was given for alarms that belonged to another instant.
                "rests_until": t.rests_until if move.due_at == t.due_at else None,
                "rests_by": t.rests_by if move.due_at == t.due_at else None,
                "extensions": (*t.extensions, move.due_at) if extended else t.extensions,
            }
        )
        if (move := by_id.get(t.id)) is not None
        else t
        for t in terms
    )


def _reached(d: Dossier, term: Term, event: f.RungReached) -> Term:
    counts = [*term.reached, *[0] * (len(d.ladder(term)) - len(term.reached))]
    counts[event.rung] = event.occurrence + 1
    return term.model_copy(update={"reached": tuple(counts)})
