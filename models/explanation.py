"""How a dossier's due instants came about, for people: days, pauses, promises and calendars, term by term."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise

from models import facts as f
from models.base import Instant, Value
from models.calendar import Calendar
from models.dossier import Dossier
from models.facts import Fact
from models.fold import apply
from models.limits import Limit
from models.terms import Mode, Pause, ReceiptLine, Term, due_after, receipt
from models.timeliness import Measure, overdue_from


class Paused(Value):
    """A stretch during which a term did not run, who began it and who ended it."""

    since: Instant
    until: Instant | None
    """None where it lasts, or lasted when the term was closed: the due instant tells nothing of it."""
    reason: str
    mode: Mode | None
    """None while it lasts: another wait may still make it a restart."""
    by: str
    ended_by: str | None
    notice: str | None = None
    """The announcement of an outage."""


class Promise(Value):
    """A date that was promised; the due instant moved there only with a legal basis."""

    seq: int
    at: Instant
    by: str
    promised_at: Instant
    legal_basis: str | None
    moved: bool


class Amendment(Value):
    """Another calendar under which the due instant was counted anew."""

    seq: int
    at: Instant
    by: str
    decree: str
    calendar: str
    due_at: Instant


class Explained(Value):
    """A term with all that its due instant comes from."""

    id: int
    of: str
    name: str
    limit: Limit
    started_at: Instant
    due_at: Instant
    overdue_from: Instant
    original_due_at: Instant
    closed_at: Instant | None
    paused: bool
    provisional: bool
    """Whether one of its days rests on a date that is not announced yet."""
    days: tuple[ReceiptLine, ...]
    pauses: tuple[Paused, ...]
    promises: tuple[Promise, ...]
    amendments: tuple[Amendment, ...]


def explained(unfiled: Dossier, facts: Iterable[Fact]) -> list[Explained]:
    """Each term of the dossier that these facts tell of, open or closed, in the order of their opening.

    A closed term is explained by the calendar that it was closed under. Raises CalendarTooShort where that
    does not know a day.
    """
    facts, d = list(facts), unfiled
    calendars: dict[int, Calendar] = {}
    for fact in facts:
        d = apply(d, fact)
        calendars |= {term.id: d.calendar for term in d.terms if term.closed_at is None}
    return [_term(term, d.measure(term), calendars[term.id], facts) for term in d.terms]


def _term(term: Term, measure: Measure, calendar: Calendar, facts: list[Fact]) -> Explained:
    days = _days(term, calendar, facts)
    return Explained(
        id=term.id,
        of=term.of,
        name=term.name,
        limit=term.limit,
        started_at=term.started_at,
        due_at=term.due_at,
        overdue_from=overdue_from(calendar, measure, term.due_at),
        original_due_at=term.original_due_at,
        closed_at=term.closed_at,
        paused=term.paused_at is not None and term.closed_at is None,
        provisional=any(day.provisional for day in days),
        days=tuple(days),
        pauses=tuple(_pauses(term, facts)),
        promises=tuple(_promises(facts)) if term.of == "dossier" else (),
        amendments=tuple(_amendments(term, facts)),
    )


def _days(term: Term, calendar: Calendar, facts: list[Fact]) -> list[ReceiptLine]:
    start, pauses = calendar.next_open(term.started_at), _by_reason(term, facts)
    if not term.extensions:
        return receipt(calendar, term.limit, start, term.due_at, pauses)
    # A promised date is no limit that could be counted: the days of the limit lead to where it would have
    # ended, those after it to the instant itself.
    own = receipt(calendar, term.limit, start, due_after(calendar, term.limit, start, pauses), pauses)
    whys = {line.date: line.why for line in own}
    return [
        line.model_copy(update={"why": whys.get(line.date, f"extended: {line.why}")})
        for line in receipt(calendar, Limit.fixed(term.due_at), start, term.due_at, pauses)
    ]


def _by_reason(term: Term, facts: list[Fact]) -> list[Pause]:
    """The pauses of a term, each cut where one of several waits began or ended, with what was waited for.

    The clock stood still from the first to the last of them. Cut in two, a pause moves nothing else; only one
    that starts the term afresh is left whole.
    """
    waits = [wait for wait in _waits(facts) if term.of in ("intake", "dossier", "step") or wait[2] == "stop"]
    found = []
    for pause in term.pauses:
        within = [(max(s, pause.since), min(u, pause.until), why) for s, u, why in waits]
        within = [wait for wait in within if wait[0] < wait[1]]
        if pause.reason == "outage" or not within:
            found.append(pause)
            continue
        cuts = sorted(
            {pause.since, pause.until, *(at for since, until, _ in within for at in (since, until))}
        )
        spans = [(pause.since, pause.until)] if pause.mode == "restart" else list(pairwise(cuts))
        for since, until in spans:
            whys = dict.fromkeys(why for s, u, why in within if s < until and since < u)
            parts = {"since": since, "until": until, "reason": " and ".join(whys) or pause.reason}
            found.append(pause.model_copy(update=parts))
    return found


def _waits(facts: list[Fact]) -> Iterable[tuple[datetime, datetime, str]]:
    """From when to when the dossier waited for something that stops the clock, and for what."""
    begun: dict[tuple[str, str], datetime] = {}
    for fact in facts:
        match fact.event:
            case f.ClockPaused(reason=reason, name=name, mode=mode) if mode != "none":
                begun.setdefault((reason, name), fact.at)
            case f.ClockResumed(reason=reason, name=name, until=until) if (reason, name) in begun:
                yield begun.pop((reason, name)), until or fact.at, reason


def _pauses(term: Term, facts: list[Fact]) -> Iterable[Paused]:
    begun = {
        fact.at: (fact.actor, e.reason)
        for fact in facts
        if isinstance(e := fact.event, f.ClockPaused) and term.id in e.terms
    }
    ended = {
        e.until or fact.at: fact.actor
        for fact in facts
        if isinstance(e := fact.event, f.ClockResumed) and term.id in {move.term for move in e.moves}
    }
    outages: dict[Pause, tuple[str, str]] = {}
    for fact in facts:
        if isinstance(e := fact.event, f.OutageCounted):
            outages |= {p: (fact.actor, e.notice) for m in e.moves if m.term == term.id for p in m.pauses}
    for pause in term.pauses:
        who, notice = outages.get(pause, (None, None))
        yield Paused(
            since=pause.since,
            until=pause.until,
            reason=pause.reason,
            mode=pause.mode,
            by=who or begun[pause.since][0],
            ended_by=who or ended[pause.until],
            notice=notice,
        )
    if term.paused_at is not None:
        who, reason = begun[term.paused_at]
        yield Paused(since=term.paused_at, until=None, reason=reason, mode=None, by=who, ended_by=None)


def _promises(facts: list[Fact]) -> Iterable[Promise]:
    for fact in facts:
        if isinstance(e := fact.event, f.Extended):
            yield Promise(
                seq=fact.seq,
                at=fact.at,
                by=fact.actor,
                promised_at=e.promised_at,
                legal_basis=e.legal_basis,
                moved=bool(e.moves),
            )


def _amendments(term: Term, facts: list[Fact]) -> Iterable[Amendment]:
    for fact in facts:
        if isinstance(e := fact.event, f.CalendarAmended):
            for move in e.moves:
                if move.term == term.id:
                    yield Amendment(
                        seq=fact.seq,
                        at=fact.at,
                        by=fact.actor,
                        decree=e.decree,
                        calendar=e.calendar.version,
                        due_at=move.due_at,
                    )
