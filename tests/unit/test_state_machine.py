"""Random commands by random people at random times: whatever they try, the dossier stays sound."""

from __future__ import annotations

import typing
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from models import rights
from models.calendar import CalendarTooShort
from models.chain import broken_links
from models.commands import News
from models.dossier import Dossier
from models.explanation import explained
from models.facts import Fact
from models.fold import fold
from models.procedure import Procedure
from models.refusals import DossierClosed, Refusal
from models.rules import decide
from models.terms import due_after
from models.view import row
from motcua.past import BeforeItsTime, Past
from tests.unit.office import (
    CALENDAR,
    CALENDAR_DATA,
    COMMANDS,
    NEEDED,
    STAFF,
    at,
    calendar,
    procedure,
    special,
)

MODES = ("resume", "restart", "none")
AMENDED = calendar(
    version="amended",
    special=[
        *CALENDAR_DATA["special"],
        special("2026-03-05", "holiday", "x"),
        special("2026-03-18", "swap", "y"),
    ],
)
HANDED = (
    "receiver1",
    "handler1",
    "handler2",
    "leader1",
    "approver1",
    "both1",
    "clerk1",
    "returner1",
    "head1",
)
RIGHT_HANDS = {  # who is likely to be allowed, so that stories get far
    "handler": ("handler1", "handler2", "both1"),
    "approver": ("approver1", "both1"),
    "receiver": ("receiver1", "receiver2"),
    "unit-leader": ("leader1",),
    "clerk": ("clerk1",),
    "returner": ("returner1",),
}
OFTEN_ALLOWED = [
    *("request-supplement", "supply", "request-payment", "pay", "consult", "answer", "stop", "resume"),
    *("apologise", "dismiss-apology", "extend", "send-back", "amend-calendar", "correct", "assign"),
    *("claim", "release", "hear", "outage", "acknowledge"),
]
LINKS = [
    {"id": "tax", "step": "handle", "procedure": "x.tax", "unit": "tax", "mode": "resume"},
    {"id": "police", "step": "handle", "procedure": "x.residence", "unit": "police"},
    {"id": "police", "step": "decide", "procedure": "x.residence", "unit": "police", "mode": "restart"},
]
ONWARD = {"decide": ("approve", "reject"), "hand-over": ("return",), "intake": ("accept",)}


def details(kind: str, draw: Any, now: datetime) -> dict[str, Any]:
    """The parts of a command that are worth varying."""
    match kind:
        case "file":
            return {"accept": draw(st.booleans())}
        case "claim" | "release":
            return {"task": draw(st.sampled_from([None, None, 1, 3]))}
        case "assign":
            return {"to": draw(st.sampled_from(HANDED))}
        case "free":
            return {"task": draw(st.sampled_from([1, 3])), "assignee": draw(st.sampled_from(HANDED))}
        case "complete":
            return draw(st.sampled_from([{}, {}, {"number": "1", "date": now}, {"step": "handle"}]))
        case "send-back":
            return {"step": draw(st.sampled_from(["digitise", "handle", "review", "decide", "nowhere"]))}
        case "request-supplement" | "consult":
            more = {"limit": draw(st.sampled_from([None, "1 day", "4 hours", "24 clock hours"]))}
            return more | ({"agency": draw(st.sampled_from(["tax", "police"]))} if kind == "consult" else {})
        case "answer":
            return {"agency": draw(st.sampled_from(["tax", "police"]))}
        case "extend":
            later = timedelta(days=draw(st.integers(0, 20)))
            return {"until": now + later, "legal_basis": draw(st.sampled_from([None, "art. 19"]))}
        case "apologise":
            later = timedelta(days=draw(st.integers(0, 20)))
            return draw(st.sampled_from([{}, {}, {"until": now + later}, {"legal_basis": "art. 19"}]))
        case "acknowledge":
            return {"until": now + timedelta(hours=draw(st.integers(1, 100)))}
        case "outage":
            since = now - timedelta(minutes=draw(st.integers(1, 5000)))
            until = min(now, since + timedelta(minutes=draw(st.integers(1, 2000))))
            notice = draw(st.sampled_from(["1/TB", "2/TB", "3/TB"]))
            return {"since": since, "until": until, "notice": notice}
        case "amend-calendar":
            return {"calendar": draw(st.sampled_from([CALENDAR, AMENDED]))}
        case "hear":
            news = st.sampled_from(typing.get_args(News))
            return {"link": draw(st.sampled_from(["tax", "police"])), "what": draw(news)}
        case "transfer":
            return {"unit": draw(st.sampled_from(["demo", "elsewhere"]))}
        case _:
            return {}


@st.composite
def procedures(draw: st.DrawFn) -> Procedure:
    """The sample procedure with any way of pausing, lapsing and measuring."""
    return procedure(
        limit=draw(st.sampled_from(["5 days", "4 hours", "1.5 days", "same day", "24 clock hours"])),
        pausing={
            k: draw(st.sampled_from(MODES))
            for k in ("supplement", "payment", "consultation", "stop", "outage")
        },
        supplement_lapse=draw(st.sampled_from(["stop", "nothing"])),
        consultation_silence=draw(st.sampled_from(["consent", "nothing"])),
        timeliness=draw(st.sampled_from(["date", "instant"])),
        rating_window=draw(st.sampled_from([None, "10 days"])),
        apology=draw(st.sampled_from([None, "-1 day", "-4 hours", "0"])),
        extensions=2,
        links=draw(st.lists(st.sampled_from(LINKS), max_size=2, unique_by=lambda link: link["id"])),
    )


class Office(RuleBasedStateMachine):
    """One dossier among people who try everything."""

    @initialize(rules=procedures(), done=st.integers(0, 5))
    def begin(self, rules: Procedure, done: int) -> None:
        """On a Monday morning a dossier is somewhere on its way."""
        self.empty = Dossier(code="H53-260302-0001", office="demo", procedure=rules, calendar=CALENDAR)
        self.dossier, self.facts = self.empty, list[Fact]()
        self.now, self.asked = at("2026-03-02 08:00"), 0
        self.original: dict[int, datetime] = {}
        self.seen = dict[int, Dossier]()
        self.left_behind = set[int]()
        """Terms that were closed when the calendar was amended: a correction opens them as they were."""
        for _ in range(done):
            self.work(lambda hands: hands[0])

    def ask(self, who: str, kind: str, data: dict[str, Any]) -> None:
        """One command: facts, or a refusal, or a calendar that ends; never anything else."""
        self.asked += 1
        command = COMMANDS.validate_python(
            {"id": f"c{self.asked}", "kind": kind, "actor": STAFF[who], **NEEDED.get(kind, {}), **data}
        )
        before = self.dossier
        try:
            facts = decide(before, command, self.now)
        except DossierClosed:
            return
        except (Refusal, CalendarTooShort):
            facts = []
        assert not before.closed
        assert all(fact.at == self.now and fact.command == command.id for fact in facts)
        for fact in facts:
            if fact.kind == "decided":
                assert fact.actor not in before.handled_by
            if fact.kind == "calendar-amended":
                self.left_behind |= {term.id for term in before.terms if term.closed_at is not None}
        self.dossier = fold(before, facts)
        self.facts += facts
        if facts and kind != "tick":  # the clock has no ids of its own
            assert decide(self.dossier, command, self.now) == []

    @rule(who=st.sampled_from(sorted(STAFF)), kind=st.sampled_from(sorted(rights.COMMANDS)), data=st.data())
    def anybody_tries_anything(self, who: str, kind: str, data: st.DataObject) -> None:
        """Mostly refused."""
        self.ask(who, kind, details(kind, data.draw, self.now))

    @rule(
        kind=st.sampled_from(OFTEN_ALLOWED),
        data=st.data(),
    )
    def somebody_entitled_acts(self, kind: str, data: st.DataObject) -> None:
        """Often allowed."""
        self.now += timedelta(minutes=data.draw(st.integers(0, 500)))
        task = self.dossier.task
        roles = rights.COMMANDS[kind].roles or ((task.role,) if task else ("handler",))
        entitled = [
            name
            for name, actor in STAFF.items()
            if actor.has(*roles) and actor.unit in ("", "demo", self.dossier.unit)  # type: ignore[arg-type]
        ]
        self.ask(data.draw(st.sampled_from(entitled)), kind, details(kind, data.draw, self.now))

    @rule(data=st.data())
    def the_work_goes_on(self, data: st.DataObject) -> None:
        """Whoever may does the open task."""
        self.work(lambda hands: data.draw(st.sampled_from(hands)))

    def work(self, choose: Callable[[tuple[str, ...]], str]) -> None:
        """The open task is done by its assignee, or one of those who could."""
        task = self.dossier.task
        if task is None:
            if not self.dossier.seq:
                self.ask("receiver1", "file", {})
            return
        who = task.assignee if task.assignee in STAFF else choose(RIGHT_HANDS[task.role])
        kind = choose(ONWARD.get(task.step, ("complete",)))
        result = {"number": "1", "date": self.now} if task.step == "issue" else {}
        self.ask(who, kind, result)

    @rule(minutes=st.one_of(st.integers(1, 600), st.integers(1, 4 * 24 * 60)))
    def time_passes(self, minutes: int) -> None:
        """Nobody looks, not even the clock."""
        self.now += timedelta(minutes=minutes)

    @precondition(lambda self: self.dossier.seq)
    @rule(strikes=st.booleans())
    def the_clock_looks(self, strikes: bool) -> None:
        """Now or at the next alarm it ticks: each tick records something, then no alarm lies behind."""
        call = self.dossier.next_call()
        if strikes and call is not None:
            self.now = max(self.now, call[0])
        for _ in range(20):
            call = self.dossier.next_call()
            if call is None or call[0] > self.now:
                break
            count = len(self.facts)
            self.ask("clock", "tick", {})
            assert len(self.facts) > count
        else:
            raise AssertionError("the clock never comes to rest")
        call = self.dossier.next_call()
        assert call is None or call[0] > self.now
        assert all(alarm.sounds_at > self.now for alarm in self.dossier.alarms())

    def teardown(self) -> None:
        """From its record each moment comes back as it was, and every term can be explained."""
        if not self.facts:
            return
        kept = tuple(Fact.model_validate_json(fact.model_dump_json()) for fact in self.facts)
        past = Past(unfiled=Dossier.model_validate_json(self.empty.model_dump_json()), facts=kept)
        for seq, state in self.seen.items():
            assert past.at(seq) == state
            assert row(past.at(seq)) == row(state)
        for one, following in pairwise([*kept, None]):
            assert one is not None
            last_of_its_moment = following is None or following.at > one.at
            assert (past.seq_at(one.at) == one.seq) == last_of_its_moment
            if following is not None and last_of_its_moment:
                between = one.at + (following.at - one.at) / 2
                assert past.seq_at(between) == one.seq
        with pytest.raises(BeforeItsTime):
            past.seq_at(kept[0].at - timedelta(microseconds=1))
        for term, found in zip(self.dossier.terms, explained(past.unfiled, past.facts), strict=True):
            assert (found.id, found.due_at, found.paused) == (
                term.id,
                term.due_at,
                term.paused_at is not None and term.closed_at is None,
            )
            told = [(pause.since, pause.until, pause.reason) for pause in found.pauses if pause.until]
            assert told == [(pause.since, pause.until, pause.reason) for pause in term.pauses]
            assert all(pause.ended_by for pause in found.pauses if pause.until)

    @invariant()
    def stands_where_its_calendar_puts_it(self) -> None:
        """Counted anew by the calendar that it has, whatever befell it, no open term moves."""
        d = self.dossier
        if d.seq == 0 or d.closed:
            return
        again = {**NEEDED["amend-calendar"], "id": "again", "kind": "amend-calendar", "calendar": d.calendar}
        try:
            (fact,) = decide(d, COMMANDS.validate_python({**again, "actor": STAFF["admin1"]}), self.now)
        except CalendarTooShort:
            return
        assert fact.event.moves == (), (d.terms, fact.event.moves)

    @invariant()
    def sound(self) -> None:
        """One task at most, an unbroken chain whose fold is the state, and terms that keep their word."""
        d = self.dossier
        if d.seq:
            self.seen[d.seq] = d
        assert fold(self.empty, self.facts) == d
        assert broken_links(d.code, self.facts) == []
        found = row(d)
        assert len(found.tasks) <= 1
        assert (d.task is None) == (d.outcome is not None or d.seq == 0)
        assert not d.closed or d.outcome is not None
        assert (d.outcome is None) == (d.finished_at is None)
        for term in d.terms:
            assert all(a.until <= b.since for a, b in pairwise(term.pauses))
            if term.closed_at is None and not term.extensions and term.id not in self.left_behind:
                start = d.calendar.next_open(term.started_at)
                assert due_after(d.calendar, term.limit, start, term.pauses) == term.due_at
            assert self.original.setdefault(term.id, term.original_due_at) == term.original_due_at
            if d.closed or d.outcome is not None:
                assert term.closed_at is not None
            if term.paused_at is not None and term.closed_at is None:
                assert d.paused
                assert term.id not in {alarm.term for alarm in d.alarms()}
            if term.of in ("intake", "dossier", "step") and term.running:
                assert not d.paused
        drafts = [(draft.due_at, draft.generation) for draft in d.apologies]
        assert len(set(drafts)) == len(drafts)
        assert all(draft.proposed_at is None or draft.proposed_at > draft.due_at for draft in d.apologies)
        if d.apology is not None:
            assert not d.paused
            assert d.ready_at is None
            assert d.outcome is None
            assert d.extensions < d.procedure.extensions
            assert d.term is not None
            assert d.apology.due_at == d.term.due_at
        open_steps = [t.id for t in d.terms if t.of in ("intake", "step") and t.closed_at is None]
        assert open_steps == [] or (d.task is not None and open_steps == [d.task.id])


Office.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=30,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestOffice = Office.TestCase
