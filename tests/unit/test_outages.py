"""Announced outages: each term gets back what it lost, once, in whatever order it is told.

The sample procedure gives 5 days; accepted on Monday, 2 March, at 08:00 a dossier is due on Monday the 9th,
and the handler's step, of a day and a half, on Tuesday at 14:00.
"""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import facts as f
from models import refusals as r
from models.outages import lost
from models.terms import Pause, Term, due_after, receipt
from motcua import outages
from tests.unit.office import (
    CALENDAR,
    CALENDAR_DATA,
    STAFF,
    Case,
    at,
    calendar,
    local,
    procedure,
    special,
    stage,
)


def announce(case: Case, since: str, until: str, notice: str = "12/TB") -> f.OutageCounted:
    """The administrator announces an outage in office time."""
    (fact,) = case.do("admin1 outage", since=at(since), until=at(until), notice=notice)
    assert isinstance(fact.event, f.OutageCounted)
    return fact.event


def term(case: Case, of: str) -> Term:
    """The latest term of a kind."""
    return [term for term in case.dossier.terms if term.of == of][-1]


def told(term: Term) -> list[tuple[str | None, str | None, str]]:
    """A term's pauses in office time."""
    return [(local(pause.since), local(pause.until), pause.reason) for pause in term.pauses]


def test_each_open_term_gets_its_time_back() -> None:
    """Out from 10:00 to 14:00 on Tuesday: two working hours for the dossier and for the step."""
    case = stage("handling", "@ 2026-03-03 14:30")
    event = announce(case, "2026-03-03 10:00", "2026-03-03 14:00")
    assert (case.due, local(term(case, "step").due_at)) == ("2026-03-09 10:00", "2026-03-03 16:00")
    assert {term(case, "dossier").id, term(case, "step").id} <= {move.term for move in event.moves}
    for each in (term(case, "dossier"), term(case, "step")):
        assert told(each) == [("2026-03-03 10:00", "2026-03-03 14:00", "outage")]
    original = term(case, "dossier").original_due_at
    assert local(original) == "2026-03-09 08:00"


def test_what_was_due_meanwhile_is_due_after_it() -> None:
    """The step was due at 14:00, an hour after the systems went: half an hour of work was left."""
    case = stage("handling", "@ 2026-03-03 17:00")
    announce(case, "2026-03-03 13:30", "2026-03-03 16:00")
    assert local(term(case, "step").due_at) == "2026-03-03 16:30"


def test_what_was_late_stays_late() -> None:
    """The step was due on Tuesday at 14:00; an outage on Wednesday gives it nothing."""
    case = stage("handling", "@ 2026-03-05 08:00")
    announce(case, "2026-03-04 08:00", "2026-03-04 10:00")
    assert (case.due, local(term(case, "step").due_at)) == ("2026-03-09 10:00", "2026-03-03 14:00")


def test_a_term_lost_only_what_lies_in_its_life() -> None:
    """The systems went before the dossier came; the next step began only after they were back."""
    case = stage("nothing", "@ 2026-03-02 10:00", "receiver1 file", "receiver1 accept")
    case.run("@ 2026-03-02 16:00", "receiver1 complete", "@ 2026-03-02 17:00")
    announce(case, "2026-03-02 07:30", "2026-03-02 14:00")
    assert told(term(case, "dossier")) == [("2026-03-02 10:00", "2026-03-02 14:00", "outage")]
    assert (case.due, told(term(case, "step"))) == ("2026-03-09 14:00", [])


def test_what_was_paused_anyway_is_not_given_twice() -> None:
    """Waiting for the applicant from 10:00 to 14:30 inside an outage: the rest of it is given back."""
    case = stage("handling", "@ 2026-03-03 10:00", "handler1 request-supplement")
    case.run("@ 2026-03-03 14:30", "citizen1 supply", "@ 2026-03-03 17:00")
    announce(case, "2026-03-03 08:00", "2026-03-03 16:00")
    assert told(term(case, "dossier")) == [
        ("2026-03-03 08:00", "2026-03-03 10:00", "outage"),
        ("2026-03-03 10:00", "2026-03-03 14:30", "supplement"),
        ("2026-03-03 14:30", "2026-03-03 16:00", "outage"),
    ]
    assert case.due == "2026-03-09 16:00"  # six working hours, and not one of them twice


def test_a_paused_term_lost_what_came_before_its_pause() -> None:
    """While it still waits: two hours before the pause, and after the resume the rest is given back too."""
    case = stage("handling", "@ 2026-03-03 10:00", "handler1 request-supplement", "@ 2026-03-03 17:00")
    announce(case, "2026-03-03 08:00", "2026-03-03 16:00")
    assert (case.due, case.dossier.paused) == ("2026-03-09 10:00", True)
    assert told(term(case, "supplement")) == [("2026-03-03 10:00", "2026-03-03 16:00", "outage")]
    case.run("@ 2026-03-04 10:00", "citizen1 supply")
    assert case.due == "2026-03-10 10:00"


def test_an_outage_may_be_told_after_later_pauses() -> None:
    """The step was late when the applicant was asked, but not if the outage before had been known."""
    pause = ("@ 2026-03-03 15:00", "handler1 request-supplement", "@ 2026-03-04 15:00", "citizen1 supply")
    known = stage("handling", "@ 2026-03-03 14:00")
    announce(known, "2026-03-03 08:00", "2026-03-03 14:00")
    known.run(*pause)
    told_late = stage("handling", *pause)
    assert local(term(told_late, "step").due_at) == "2026-03-03 14:00"
    announce(told_late, "2026-03-03 08:00", "2026-03-03 14:00")
    assert local(term(told_late, "step").due_at) == "2026-03-05 08:00"
    for of in ("step", "dossier"):
        assert term(told_late, of).due_at == term(known, of).due_at
        assert term(told_late, of).pauses == term(known, of).pauses


def test_one_announcement_counts_once() -> None:
    """Asked again under its request id it gets the first answer, under another it is refused by name."""
    case = stage("handling", "@ 2026-03-03 17:00")
    outage: dict[str, Any] = {"since": at("2026-03-03 08:00"), "until": at("2026-03-03 09:00")}
    assert len(case.do("admin1 outage", id="a", **outage)) == 1
    assert case.do("admin1 outage", id="a", **outage) == []
    with pytest.raises(r.OutageKnown, match="12/TB"):
        case.do("admin1 outage", id="b", **outage)
    with pytest.raises(r.OutageMissed):  # another word for the same hours gives nothing more
        case.do("admin1 outage", notice="13/TB", **outage)
    assert case.due == "2026-03-09 09:00"


def test_a_promised_date_is_put_off() -> None:
    """By what was lost after the promise; what was lost before it, its leader knew."""
    case = stage("handling", "@ 2026-03-03 10:00", "leader1 extend until=2026-03-20T02:00:00Z legal_basis=x")
    case.run("@ 2026-03-03 17:00")
    announce(case, "2026-03-03 08:00", "2026-03-03 11:00")
    assert case.due == "2026-03-20 10:00"
    promise = stage("handling", "leader1 extend until=2026-03-20T02:00:00Z", "@ 2026-03-03 17:00")
    announce(promise, "2026-03-03 08:00", "2026-03-03 11:00")
    assert (promise.due, local(promise.dossier.promised_at)) == ("2026-03-09 11:00", "2026-03-20 09:00")


def test_a_procedure_may_start_afresh() -> None:
    """`restart` counts the whole limit anew from the end of the outage."""
    case = stage("handling", "@ 2026-03-04 10:00", rules=procedure(pausing={"outage": "restart"}))
    announce(case, "2026-03-04 08:00", "2026-03-04 09:00")
    assert case.due == "2026-03-11 09:00"


def test_at_night_nothing_is_lost() -> None:
    """Out of opening hours no clock ran."""
    case = stage("handling", "@ 2026-03-03 08:00")
    with pytest.raises(r.OutageMissed):
        announce(case, "2026-03-02 18:00", "2026-03-03 06:00")


def test_alarms_ahead_again_sound_again() -> None:
    """The step's due rung had sounded at 14:00; due at 16:00 now it sounds once more."""
    case = stage("handling")
    case.tick("2026-03-03 14:30")
    announce(case, "2026-03-03 10:00", "2026-03-03 14:00")
    rung = next(fact.event for fact in case.tick("2026-03-03 16:00") if fact.kind == "rung-reached")
    assert (rung.name, rung.generation, local(rung.due_at)) == ("due", 1, "2026-03-03 16:00")


def test_a_draft_of_an_apology_becomes_void() -> None:
    """Its due instant moved; it is drafted again when the new one comes near."""
    case = stage("handling", rules=procedure(apology="-1 day"))
    case.tick("2026-03-05 08:00")
    assert case.dossier.apology is not None
    announce(case, "2026-03-03 08:00", "2026-03-03 16:00")
    assert case.dossier.apology is None
    call = case.dossier.apology_call()
    assert call is not None
    assert local(call[0]) == "2026-03-05 16:00"


def test_a_corrected_step_has_lost_it_too() -> None:
    """Its clock goes on as if it had never stopped: an outage counted meanwhile is counted for it."""
    case = stage("handling", "@ 2026-03-03 11:00", "handler1 complete")
    announce(case, "2026-03-03 08:00", "2026-03-03 10:00")
    case.run("handler1 correct")
    task = case.dossier.task
    assert task is not None
    reopened = case.dossier.term_of(task.id)
    assert reopened is not None
    assert local(reopened.due_at) == "2026-03-03 16:00"


def test_after_an_amended_calendar_all_is_counted_under_it() -> None:
    """The outage lay on a day that turned out to be free."""
    extra = special("2026-03-04", "holiday", "new feast")
    amended = calendar(version="vn-2026b", special=[*CALENDAR_DATA["special"], extra])
    case = stage("handling", "@ 2026-03-05 08:00")
    announce(case, "2026-03-03 16:00", "2026-03-04 09:00")
    assert case.due == "2026-03-09 11:00"
    case.do("admin1 amend-calendar", calendar=amended, decree="D1")
    assert case.due == "2026-03-10 09:00"


def test_a_receipt_names_the_outage() -> None:
    """The day says why less of it was counted."""
    case = stage("handling", "@ 2026-03-03 17:00")
    announce(case, "2026-03-03 08:00", "2026-03-03 10:00")
    whole = term(case, "dossier")
    lines = {
        line.date: line
        for line in receipt(CALENDAR, whole.limit, whole.started_at, whole.due_at, whole.pauses)
    }
    assert "paused: outage" in lines["2026-03-03"].why
    assert lines["2026-03-03"].counted_minutes == 360


minutes = st.integers(0, 6 * 24 * 60)
spans = st.tuples(minutes, st.integers(1, 2000))


@pytest.mark.slow  # three lives for each of a hundred drawn plans
@settings(max_examples=300, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    stops=st.lists(spans, max_size=3),
    outages=st.lists(spans, min_size=1, max_size=3),
    order=st.randoms(use_true_random=False),
    stop_mode=st.sampled_from(["resume", "restart"]),
    outage_mode=st.sampled_from(["resume", "restart"]),
)
def test_the_order_of_telling_makes_no_difference(
    stops: list[tuple[int, int]],
    outages: list[tuple[int, int]],
    order: Any,
    stop_mode: str,
    outage_mode: str,
) -> None:
    """Told as soon as it is over, or all at the end in any order: the same due instants.

    And a term's limit, start and pauses give the kept instant, whenever they were recorded.
    """
    rules = procedure(pausing={"stop": stop_mode, "outage": outage_mode})
    begin = at("2026-03-02 08:00")

    def moment(number: int) -> Any:
        return begin + timedelta(minutes=number)

    acts: list[tuple[int, str, dict[str, Any]]] = []
    free = 0
    for since, length in sorted(stops):  # one after another
        begins = max(since, free)
        free = begins + length
        acts += [(begins, "head1 stop", {}), (free, "head1 resume", {})]
    told = [
        (since + length, "admin1 outage", {"since": moment(since), "until": moment(since + length)})
        for since, length in outages
    ]
    told = [
        (when, what, {**data, "notice": f"{number}/TB"}) for number, (when, what, data) in enumerate(told)
    ]
    last = max(when for when, *_ in [*acts, *told])
    late = [(last, what, data) for _, what, data in told]
    order.shuffle(late)

    found = []
    for story in (sorted([*acts, *told], key=lambda act: act[0]), [*sorted(acts, key=lambda a: a[0]), *late]):
        case = stage("handling", rules=rules)
        for when, what, data in story:
            case.now = moment(when)
            try:
                case.do(what, **data)
            except r.OutageMissed:
                continue
        for each in case.dossier.terms:
            if each.closed_at is None:
                assert due_after(CALENDAR, each.limit, each.started_at, each.pauses) == each.due_at
        found.append([(t.of, local(t.due_at)) for t in case.dossier.terms if t.closed_at is None])
    assert found[0] == found[1]


@given(
    pauses=st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), max_size=4),
    span=st.tuples(st.integers(0, 100), st.integers(1, 100)),
    begun=st.integers(0, 100),
    paused=st.none() | st.integers(0, 100),
)
def test_lost_is_what_ran(
    pauses: list[tuple[int, int]], span: tuple[int, int], begun: int, paused: int | None
) -> None:
    """Minute by minute: inside the outage, after the start, before the pause that lasts, in no pause."""
    zero = at("2026-03-02 08:00")

    def moment(number: int) -> Any:
        return zero + timedelta(minutes=number)

    whole = stage("accepted").dossier.term
    assert whole is not None
    each = whole.model_copy(
        update={
            "pauses": tuple(
                Pause(since=moment(since), until=moment(since + length), reason="x")
                for since, length in pauses
            ),
            "paused_at": None if paused is None else moment(paused),
        }
    )
    stretches = list(lost(each, moment(begun), moment(span[0]), moment(sum(span))))
    assert all(since < until for since, until in stretches)
    got = [n for n in range(310) if any(since <= moment(n) < until for since, until in stretches)]
    assert got == [
        n
        for n in range(max(span[0], begun), min(sum(span), 999 if paused is None else paused))
        if not any(since <= n < since + length for since, length in pauses)
    ]


async def test_somebody_else_goes_on_with_an_announcement() -> None:
    """Where the first one was broken off, the dossiers that it reached keep nobody from the others."""

    class Office:
        """Two open dossiers, one of which has heard of it from a colleague."""

        rulebook = SimpleNamespace(calendar=CALENDAR, actor=STAFF.get)

        async def open_codes(self) -> list[str]:
            return ["A", "B"]

        async def act(self, code: str, _kind: str, _user: str, _data: object, request_id: str) -> None:
            if code == "A":
                raise r.RequestReused(request_id=request_id)

    office = cast(Any, Office())
    since, until = at("2026-03-03 10:00"), at("2026-03-03 14:00")
    told = await outages.announce(office, office, since=since, until=until, notice="12/TB", user="admin1")
    assert (told.known, told.counted) == (1, 1)
