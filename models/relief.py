"""Rules that give a dossier another date: a term's move, a promise, a drafted apology, an outage, a calendar.

Like those of models/rules.py, whose table names them: they yield events and raise refusals.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from models import commands as c
from models import facts as f
from models import refusals as r
from models.apologies import proposal, still_to_do, work
from models.calendar import CalendarTooShort
from models.dossier import Apology, Dossier
from models.facts import Event
from models.outages import check, lost
from models.terms import Pause, Term, due, due_after, reached_before, starts


def move(d: Dossier, term: Term, due_at: datetime, at: datetime) -> f.Move:
    """A term's new instant. Rungs that now lie in the past are passed over, those ahead will sound."""
    reached = reached_before(d.calendar, d.measure(term), due_at, d.ladder(term), at)
    was = term.reached or (0,) * len(reached)
    again = any(before > now for before, now in zip(was, reached, strict=False))
    return f.Move(term=term.id, due_at=due_at, generation=term.generation + again, reached=reached)


def promised(
    d: Dossier,
    term: Term,
    command: c.Extend | c.Apologise,
    until: datetime,
    at: datetime,
    *,
    draft: int | None = None,
) -> f.Extended:
    """A new date for the whole dossier, or the next opening where the office is closed then.

    Only a legal basis moves the due instant itself, and only until the dossier is overdue: then it stays so.
    A date on a day off moves forward (Civil Code, art. 148).
    """
    with suppress(CalendarTooShort):  # what lies beyond its end cannot be told, and must not be refused
        hours = d.calendar.opened(d.calendar.local(until).date())
        if not any(opens <= until <= closes for opens, closes in hours):
            until = d.calendar.next_open(until)
    if until <= max(at, term.due_at):
        raise r.BadDate(
            what=r.Phrase("The promised date"),
            value=d.calendar.shown(until),
            reason=r.Phrase("it must lie after now and the due date."),
        )
    moves = command.legal_basis is not None and at < d.overdue_from(term)
    if moves and d.calendar.local(until).date() > d.calendar.last:  # no pause could be counted off it
        raise r.BadDate(
            what=r.Phrase("The promised date"),
            value=d.calendar.shown(until),
            reason=r.Phrase("the calendar ends on {last}.", last=d.calendar.last),
        )
    return f.Extended(
        promised_at=until,
        reason=command.reason,
        legal_basis=command.legal_basis,
        draft=draft,
        moves=(move(d, term, until, at),) if moves else (),
    )


def drafted(d: Dossier, at: datetime) -> Iterator[Event]:
    """The clock's part: the apology whose time has come."""
    call = d.apology_call()
    if call is None or call[0] > at:
        return
    assert d.term is not None
    assert d.task is not None
    step = d.procedure.steps[d.procedure.position(d.task.step)]
    left = work(step.limit) + still_to_do(d.procedure, step.id)
    yield f.ApologyDrafted(
        reason=call[1],
        due_at=d.term.due_at,
        generation=d.term.generation,
        proposed_at=proposal(d.calendar, d.procedure, step.id, d.term.due_at, at),
        minutes=left // timedelta(minutes=1),
    )


def apologise(d: Dossier, command: c.Apologise, at: datetime) -> Iterator[Event]:
    """Confirm the draft: an extension that names it, to the proposed date unless another is given."""
    draft, term = _draft(d, command), d.term
    assert term is not None
    until = command.until or draft.proposed_at
    if until is None:
        raise r.DateMissing(code=d.code)
    yield promised(d, term, command, until, at, draft=draft.id)


def dismiss_apology(d: Dossier, command: c.DismissApology, at: datetime) -> Iterator[Event]:
    """Find the draft needless; it is not drafted again for the same due instant."""
    yield f.ApologyDismissed(draft=_draft(d, command).id, reason=command.reason)


def acknowledge(d: Dossier, command: c.Acknowledge, at: datetime) -> Iterator[Event]:
    """Let the alarms that have sounded rest until a moment, and no longer than the procedure allows."""
    terms = tuple(
        term.id
        for term in d.terms
        if term.running and command.term in (None, term.id) and any(_heard(d, term))
    )
    if not terms:
        raise r.NothingSounded(code=d.code)
    begins = starts(d.calendar, at)
    longest = due(d.calendar, d.procedure.rest_limit, begins)
    until = command.until if command.limit is None else due(d.calendar, command.limit, begins)
    assert until is not None
    if not at < until <= longest:
        raise r.BadDate(
            what=r.Phrase("The end of the rest"),
            value=d.calendar.shown(until),
            reason=r.Phrase("it must lie after now and not after {last}.", last=d.calendar.shown(longest)),
        )
    yield f.Acknowledged(terms=terms, until=until, reason=command.reason)


def _heard(d: Dossier, term: Term) -> Iterator[bool]:
    """For each rung of a term, whether it has sounded; those before the start count as reached."""
    silent = reached_before(d.calendar, d.measure(term), term.due_at, d.ladder(term), term.started_at)
    return (count > skipped for count, skipped in zip(term.reached, silent, strict=False))


def _draft(d: Dossier, command: c.Apologise | c.DismissApology) -> Apology:
    if d.paused:
        raise r.DossierWaits(code=d.code, status=d.status, command=command.kind)
    if d.apology is None:
        raise r.NothingDrafted(code=d.code, command=command.kind)
    return d.apology


def outage(d: Dossier, command: c.Outage, at: datetime) -> Iterator[Event]:
    """Each open term gets back what it lost; once for each announcement.

    What was late when the outage began stays late. The step that a correction could reopen counts as open:
    its clock would go on as if it had never stopped.
    """
    if command.notice in d.outages:
        raise r.OutageKnown(code=d.code, notice=command.notice)
    check(d.calendar, command.since, command.until, at)
    mode = d.procedure.pausing.outage
    if mode == "none":
        raise _missed(d, command, r.Phrase("its procedure lets the clock run on"))
    reopens = d.last_completion.task.id if d.last_completion and d.ready_at is None else None
    moves = []
    for term in d.terms:
        if term.closed_at is not None and term.id != reopens:
            continue
        begun = d.extended_at if term.extensions and d.extended_at else term.started_at
        pauses = tuple(
            Pause(since=since, until=until, reason="outage", mode=mode)
            for since, until in lost(term, begun, command.since, command.until)
            if d.calendar.between(since, until)
        )
        if pauses:
            # Also where it moves nothing, for the term was late: an earlier outage may yet be told.
            new = move(d, term, due_with(d, term, pauses), at)
            moves.append(f.Regained(**dict(new), pauses=pauses))
    if not moves:
        raise _missed(d, command, r.Phrase("none of its terms ran meanwhile in working time"))
    yield f.OutageCounted(since=command.since, until=command.until, notice=command.notice, moves=tuple(moves))


def due_with(d: Dossier, term: Term, pauses: Sequence[Pause]) -> datetime:
    """A term's due instant with further pauses, all in the order of time, whenever they were recorded.

    A promised date is put off by those after the promise only: its leader knew the others.
    """
    ordered = sorted((*term.pauses, *pauses), key=lambda pause: pause.since)
    if not term.extensions:
        return due_after(d.calendar, term.limit, d.calendar.next_open(term.started_at), ordered)
    begun = d.extended_at or term.started_at
    known = tuple(pause for pause in ordered if pause.since < begun)
    term = term.model_copy(update={"due_at": term.extensions[-1], "pauses": known})
    for pause in ordered[len(known) :]:
        moved_on = {"due_at": term.resumed(d.calendar, pause), "pauses": (*term.pauses, pause)}
        term = term.model_copy(update=moved_on)
    return term.due_at


def amend_calendar(d: Dossier, command: c.AmendCalendar, at: datetime) -> Iterator[Event]:
    """Every open term by another calendar."""
    amended = d.model_copy(update={"calendar": command.calendar})
    moves = [recounted(amended, term, at) for term in d.terms if term.closed_at is None]
    moved = tuple(move for move in moves if move is not None)
    yield f.CalendarAmended(calendar=command.calendar, decree=command.decree, moves=moved)


def recounted(d: Dossier, term: Term, at: datetime) -> f.Move | None:
    """A term by the dossier's calendar, as if that had always been so; None where it is due as before.

    A rung that had sounded and lies ahead again will sound again. One that had not and now lies behind
    sounds at once: a dossier that a decree makes late must not stay quiet.
    """
    start = _starts(d, term)
    due_at = due_with(d, term.model_copy(update={"started_at": start}), ())
    if due_at == term.due_at:
        return None
    ladder, measure = d.ladder(term), d.measure(term)
    passed = reached_before(d.calendar, measure, due_at, ladder, term.paused_at or at)
    unheard = reached_before(d.calendar, measure, due_at, ladder, start)
    was = term.reached or (0,) * len(passed)
    reached = tuple(
        max(skipped, min(before, now)) for skipped, before, now in zip(unheard, was, passed, strict=False)
    )
    again = any(before > now for before, now in zip(was, passed, strict=False))
    return f.Move(
        term=term.id,
        started_at=None if start == term.started_at else start,
        due_at=due_at,
        generation=term.generation + again,
        reached=reached,
    )


def _starts(d: Dossier, term: Term) -> datetime:
    """When a term's clock starts by the dossier's present calendar.

    A working Saturday that is put in after Friday's closing is the first day of what came that evening.
    """
    asked = d.opened.get(term.id)
    if asked is None or term.of == "intake":  # opened before that moment was kept; or it is kept as it was
        return term.started_at
    whole = d.term
    from_acceptance = whole is not None and term.id in (whole.id, whole.id + 1)
    return starts(d.calendar, asked, d.procedure.cut_off if from_acceptance else None)


def _missed(d: Dossier, command: c.Outage, reason: r.Phrase) -> r.OutageMissed:
    return r.OutageMissed(code=d.code, notice=command.notice, reason=reason)
