"""How a dossier's due instants came about, for people: days, pauses, promises and calendars, term by term."""

from __future__ import annotations

from collections.abc import Iterable

from models import facts as f
from models.base import Instant, Value
from models.calendar import Calendar
from models.dossier import Dossier
from models.facts import Fact
from models.fold import apply
from models.limits import Limit
from models.terms import Mode, Pause, ReceiptLine, Term, receipt


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
    return [_term(term, calendars[term.id], facts) for term in d.terms]


def _term(term: Term, calendar: Calendar, facts: list[Fact]) -> Explained:
    days = _days(term, calendar)
    return Explained(
        id=term.id,
        of=term.of,
        name=term.name,
        limit=term.limit,
        started_at=term.started_at,
        due_at=term.due_at,
        original_due_at=term.original_due_at,
        closed_at=term.closed_at,
        paused=term.paused_at is not None and term.closed_at is None,
        provisional=any(day.provisional for day in days),
        days=tuple(days),
        pauses=tuple(_pauses(term, facts)),
        promises=tuple(_promises(facts)) if term.of == "dossier" else (),
        amendments=tuple(_amendments(term, facts)),
    )


def _days(term: Term, calendar: Calendar) -> list[ReceiptLine]:
    # A promised date is no limit that could be counted: the days lead to the instant itself.
    limit = Limit.fixed(term.due_at) if term.extensions else term.limit
    return receipt(calendar, limit, calendar.next_open(term.started_at), term.due_at, term.pauses)


def _pauses(term: Term, facts: list[Fact]) -> Iterable[Paused]:
    begun = {
        fact.at: (fact.actor, e.reason)
        for fact in facts
        if isinstance(e := fact.event, f.ClockPaused) and term.id in e.terms
    }
    ended = {
        fact.at: fact.actor
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
