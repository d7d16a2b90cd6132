"""What holds for every office, limit and pause; and two calculators that must never differ."""

from __future__ import annotations

import random
from datetime import date, datetime, time, timedelta
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from models.calendar import CalendarTooShort
from models.limits import Limit, Offset
from models.terms import Pause, Rung, Term, due, due_after, next_alarm, reached_before, rung_at, starts
from models.timeliness import Measure
from tests import deadlines
from tests.deadlines import FIRSTS, FULL, MODES, MORNING, USUAL, Case, Office, Spans
from tests.unit.witness import PausedFor, Witness, instant_of

quick = settings(max_examples=100, database=None, suppress_health_check=[HealthCheck.filter_too_much])

HOURS: list[Spans] = [
    FULL,
    MORNING,
    ((8 * 60, 12 * 60),),
    ((0, 6 * 60), (22 * 60, 23 * 60 + 59)),
    ((0, 2 * 60 + 30), (2 * 60 + 45, 5 * 60)),
    ((7 * 60 + 7, 9 * 60), (9 * 60, 9 * 60 + 2), (18 * 60, 21 * 60 + 13)),
    (),
]


@st.composite
def offices(draw: st.DrawFn, firsts: tuple[date, ...] = FIRSTS) -> Office:
    """Any week with at least three working days, some special days, in a zone with or without DST."""
    weeks = st.lists(st.sampled_from(HOURS), min_size=7, max_size=7).filter(lambda w: sum(map(bool, w)) >= 3)
    week = draw(st.one_of(st.just(USUAL), st.just((*USUAL[:5], MORNING, ())), weeks.map(tuple)))
    first = draw(st.sampled_from(firsts))
    numbers = draw(st.lists(st.integers(0, 60), max_size=8, unique=True))
    special = {first + timedelta(days=number): draw(st.sampled_from(HOURS)) for number in numbers}
    zone = draw(st.sampled_from(["Asia/Ho_Chi_Minh", "Europe/Amsterdam", "Asia/Kathmandu"]))
    return Office(zone, first, week, special)


minutes = st.one_of(  # after the calendar's first midnight anywhere; half hours are telling
    st.integers(24 * 60, 35 * 24 * 60), st.integers(48, 35 * 48).map(lambda half: half * 30)
)
gaps = st.one_of(st.integers(0, 300), st.integers(0, 4 * 48).map(lambda half: half * 30))
hour_limits = st.integers(1, 40 * 60).filter(lambda m: m % 3 == 0).map(lambda m: f"{m / 60:g} hours")
limits = st.one_of(
    st.integers(1, 6).map(lambda n: f"{n} days"),
    st.integers(1, 48).map(lambda n: f"{n / 8:g} days"),
    st.sampled_from([f"{n * 0.05:.2f} hours" for n in range(1, 600)]),
    st.integers(1, 150).map(lambda n: f"{n} clock hours"),
    st.integers(1, 15).map(lambda n: f"{n} calendar days"),
    st.just("same day"),
    st.integers(38 * 48, 50 * 48).map(lambda half: f"until {half * 30}"),
)
"""A fixed instant is written as minutes into the calendar: see `limit_of`."""
modes = st.sampled_from(MODES)
waits = st.lists(st.tuples(gaps, gaps, modes), max_size=3)
cut_offs = st.sampled_from([None, None, time(15), time(9)])


def moment(office: Office, number: int) -> datetime:
    """The instant so many minutes into an office's calendar."""
    return instant_of(office.at(number))


def limit_of(office: Office, text: str) -> str:
    """A drawn limit as it is written."""
    kind, _, number = text.partition(" ")
    return f"until {moment(office, int(number)).isoformat()}" if kind == "until" else text


def pauses_from(start: datetime, waited: list[tuple[int, int, Any]]) -> list[Pause]:
    """Pauses that follow each other from a start: minutes before each, its length, its mode."""
    found, clock = [], start
    for before, length, mode in waited:
        since = clock + timedelta(minutes=before)
        clock = since + timedelta(minutes=length)
        found.append(Pause(since=since, until=clock, reason="wait", mode=mode))
    return found


# Two calculators


def test_two_calculators_agree_on_a_slice() -> None:
    """A few thousand terms of `python -m tests.deadlines`, with another seed each time."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    outcome = deadlines.compare(3_000, seed)
    assert outcome.compared == 3_000, (
        f"seed {seed}: {(found := deadlines.smallest(outcome.wrong))}: {deadlines.difference(found)}"
        if outcome.wrong
        else "not all were compared"
    )


class Forgetful(Witness):
    """A calculator with a bug: it takes no notice of restarts."""

    def due_after(self, limit: Any, start: int, pauses: Any = ()) -> int:
        """Counts every pause as one that gives the remaining time back."""
        tamed: list[PausedFor] = [(a, b, "none" if mode == "none" else "resume") for a, b, mode in pauses]
        return super().due_after(limit, start, tamed)


def test_a_difference_is_found_and_made_small(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a bug in one of them the command ends with 1 and shows one restart and nothing needless."""
    monkeypatch.setattr(deadlines, "Witness", Forgetful)
    monkeypatch.setattr("sys.argv", ["deadlines", "--terms", "5000", "--seed", "3"])
    assert deadlines.main() == 1
    said = capsys.readouterr().out
    assert said.startswith("seed 3\n")
    wrong = deadlines.compare(5_000, 3).wrong
    assert wrong is not None
    small = deadlines.smallest(wrong)
    assert [mode for *_, mode in small.pauses] == ["restart"]
    assert (small.office.special, small.cut_off) == ({}, None)
    assert sum(day != usual for day, usual in zip(small.office.week, USUAL, strict=True)) <= 2
    assert str(small) in said
    assert "restart\ndue: product " in said


@quick
@given(offices(), minutes, limits, waits, cut_offs)
def test_two_calculators_agree(
    office: Office, received: int, limit: str, waited: list[Any], cut_off: time | None
) -> None:
    """Start, due instant and receipt come out the same, whatever office, limit and pauses."""
    came = office.at(received)
    pauses, at = [], came
    for before, length, mode in waited:
        pauses.append((at + before, at + before + length, mode))
        at += before + length
    case = Case(office, came, limit_of(office, limit), cut_off.hour * 60 if cut_off else None, tuple(pauses))
    assert deadlines.difference(case) is None


# Algebra


@quick
@given(offices(), minutes, hour_limits)
def test_adding_then_measuring_gives_the_limit_back(office: Office, received: int, limit: str) -> None:
    """The working time between start and due instant of an hour limit is the limit."""
    days, parsed = office.calendar, Limit.parse(limit_of(office, limit))
    start = starts(days, moment(office, received))
    end = due(days, parsed, start)
    assert days.between(start, end) == parsed.rest
    assert days.next_open(days.add(end, -parsed.rest)) == start


@quick
@given(offices(), minutes, limits, waits, st.integers(0, 60 * 24 * 10), st.floats(0, 1), modes)
def test_a_pause_of_no_working_time_changes_nothing(
    office: Office, received: int, limit: str, waited: list[Any], later: int, share: float, mode: Any
) -> None:
    """From a closing to at most the next opening a pause takes nothing, whatever pauses there were."""
    days, parsed = office.calendar, Limit.parse(limit_of(office, limit))
    start = starts(days, moment(office, received))
    pauses = pauses_from(start, waited)
    since = (pauses[-1].until if pauses else start) + timedelta(minutes=later)
    while days.is_open(since):
        since += timedelta(minutes=7)
    until = since + share * (days.next_open(since) - since)
    pause = Pause(since=since, until=until, reason="wait", mode=mode)
    assert due_after(days, parsed, start, [*pauses, pause]) == due_after(days, parsed, start, pauses)


@quick
@given(offices(FIRSTS[:2]), minutes, gaps, limits, cut_offs)
def test_a_later_start_is_never_due_earlier(
    office: Office, received: int, later: int, limit: str, cut_off: time | None
) -> None:
    """Whoever comes later is never promised an earlier date, for every kind of limit."""
    days, parsed = office.calendar, Limit.parse(limit_of(office, limit))
    first, second = (starts(days, moment(office, n), cut_off) for n in (received, received + later))
    assert due(days, parsed, first) <= due(days, parsed, second)


def test_only_clocks_that_go_back_promise_later_comers_an_earlier_date() -> None:
    """The one exception is the rule's, not the calculation's: "the same time of day" exists twice that night.

    Amsterdam's clocks go from 03:00 back to 02:00 on 25 October 2026. Who comes at 02:50 is due at 02:50 the
    next day; who comes twenty minutes later comes at 02:10, and is due at 02:10.
    """
    night = Office("Europe/Amsterdam", FIRSTS[2], (((0, 6 * 60),),) * 7)
    days, limit = night.calendar, Limit.parse("1 day")
    first = datetime.fromisoformat("2026-10-25T02:50+02:00")
    second = first + timedelta(minutes=20)
    assert due(days, limit, first) == datetime.fromisoformat("2026-10-26T02:50+01:00")
    assert due(days, limit, second) == datetime.fromisoformat("2026-10-26T02:10+01:00")


@quick
@given(offices(), minutes, limits, waits, gaps, gaps, st.floats(0, 1), waits)
def test_a_pause_in_two_adjoining_parts_is_one_pause(
    office: Office,
    received: int,
    limit: str,
    before: list[Any],
    wait: int,
    length: int,
    share: float,
    after: list[Any],
) -> None:
    """Resumed and paused again in the same breath, at whatever moment, a term is due when it was."""
    days, parsed = office.calendar, Limit.parse(limit_of(office, limit))
    start = starts(days, moment(office, received))
    middle = int(share * length)
    whole = pauses_from(start, [*before, (wait, length, "resume"), *after])
    parts = [(wait, middle, "resume"), (0, length - middle, "resume")]
    split = pauses_from(start, [*before, *parts, *after])
    assert due_after(days, parsed, start, split) == due_after(days, parsed, start, whole)


@quick
@given(offices(), minutes, limits, waits)
def test_a_pause_never_takes_time_away(office: Office, received: int, limit: str, waited: list[Any]) -> None:
    """After a resume a due instant stands where it stood, or later."""
    days, parsed = office.calendar, Limit.parse(limit_of(office, limit))
    start = starts(days, moment(office, received))
    *earlier, last = pauses_from(start, [*waited, (60, 300, "resume")])
    assert due_after(days, parsed, start, [*earlier, last]) >= due_after(days, parsed, start, earlier)


@quick
@given(offices(), minutes, limits, waits, st.integers(1, 3000), gaps, modes)
def test_late_when_the_pause_began_stays_late(
    office: Office, received: int, limit: str, waited: list[Any], late: int, length: int, mode: Any
) -> None:
    """In no mode does a pause that begins after the due instant move it."""
    days, parsed = office.calendar, Limit.parse(limit_of(office, limit))
    start = starts(days, moment(office, received))
    pauses = pauses_from(start, waited)
    due_at = due_after(days, parsed, start, pauses)
    since = max([due_at, *(pause.until for pause in pauses)]) + timedelta(minutes=late)
    pause = Pause(since=since, until=since + timedelta(minutes=length), reason="wait", mode=mode)
    assert due_after(days, parsed, start, [*pauses, pause]) == due_at


@quick
@given(offices(), minutes, limits, waits, cut_offs, st.integers(0, 5), st.integers(1, 60))
def test_an_excerpt_gives_the_same_dates(
    office: Office,
    received: int,
    limit: str,
    waited: list[Any],
    cut_off: time | None,
    before: int,
    length: int,
) -> None:
    """A calendar cut to a span says what the whole one says, or refuses: it never says something else."""
    days, came = office.calendar, moment(office, received)
    parsed = Limit.parse(limit_of(office, limit))
    first = days.local(came).date() - timedelta(days=before)
    assume(
        any(
            days.hours(day)
            for day in (first + timedelta(days=n) for n in range(length + 1))
            if day >= days.first
        )
    )
    cut = days.excerpt(first, first + timedelta(days=length))
    assert cut.version == days.version
    start = starts(days, came, cut_off)
    pauses = pauses_from(start, waited)
    try:
        found = starts(cut, came, cut_off), due_after(cut, parsed, start, pauses)
    except CalendarTooShort:
        return
    assert found == (start, due_after(days, parsed, start, pauses))


# Alarms

measures = st.sampled_from(get_args(Measure))
ladders = st.sampled_from(["-1 day", "-4 hours", "-1.5 days", "0", "+4 hours", "+1 day", "+2.5 days"])


@quick
@given(offices(), measures, minutes, limits, ladders)
def test_an_alarm_is_reached_when_it_says(
    office: Office, measure: Measure, received: int, limit: str, offset: str
) -> None:
    """What `next_alarm` announces is what `reached_before` counts at that instant and not before it."""
    days, parsed = office.calendar, Limit.parse(limit_of(office, limit))
    start = starts(days, moment(office, received + 10 * 24 * 60))
    end = due(days, parsed, start)
    ladder = (Rung(name="x", offset=Offset.parse(offset), kind="due", to=("assignee",)),)
    term = Term(id=1, of="step", name="x", limit=parsed, started_at=start, due_at=end, original_due_at=end)
    alarm = next_alarm(days, measure, term, ladder)
    assert alarm is not None
    assert reached_before(days, measure, end, ladder, alarm.at) == (1,)
    assert reached_before(days, measure, end, ladder, alarm.at - timedelta(minutes=1)) == (0,)


@quick
@given(
    offices(),
    measures,
    minutes,
    limits.filter(lambda text: not text.startswith("until")),
    ladders,
    st.integers(0, 4),
)
def test_no_alarm_sounds_while_the_office_is_closed(
    office: Office, measure: Measure, received: int, limit: str, offset: str, occurrence: int
) -> None:
    """Each rung lies in opening hours or at a closing; only a due instant that was fixed may be at night."""
    days, parsed = office.calendar, Limit.parse(limit_of(office, limit))
    end = due(days, parsed, starts(days, moment(office, received + 10 * 24 * 60)))
    rung = Rung.model_validate(
        {
            "name": "x",
            "offset": offset,
            "kind": "escalation",
            "to": ["assignee"],
            "every": "+1 day",
            "times": 5,
        }
    )
    at = rung_at(days, measure, end, rung, occurrence)
    assert at is not None
    assert days.is_open(at) or days.is_open(at - timedelta(minutes=1))
