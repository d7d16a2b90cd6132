"""Deadlines: worked cases with their reasons, and two calculators that must agree on any of them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from models.calendar import Calendar, CalendarTooShort
from models.limits import Limit, Offset
from models.terms import Pause, Rung, Term, due, due_after, next_alarm, reached_before, receipt, shift, starts
from tests.unit.office import CALENDAR, CALENDAR_DATA, at, calendar, local
from tests.unit.witness import Unknown, Witness, instant_of, limit_of, minute_of

quick = settings(
    max_examples=200, deadline=None, database=None, suppress_health_check=[HealthCheck.filter_too_much]
)


def plain(data: dict[str, Any]) -> dict[str, Any]:
    """The sample calendar's data as the witness reads it."""

    def spans(hours: list[dict[str, str]]) -> list[tuple[int, int]]:
        return [(clock(span["opens"]), clock(span["closes"])) for span in hours]

    def clock(text: str) -> int:
        return int(text[:2]) * 60 + int(text[3:5])

    first, last = date.fromisoformat(data["first"]), date.fromisoformat(data["last"])
    days = {}
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        days[day] = spans(data["week"][day.weekday()])
    for day in data["special"]:
        days[date.fromisoformat(day["date"])] = spans(day["hours"])
    return {"zone": "Asia/Ho_Chi_Minh", "first": first, "last": last, "days": days}


WITNESS = Witness(plain(CALENDAR_DATA))

# received, limit, due, why; March 2nd 2026 is a Monday
PLAIN = [
    ("2026-03-02 09:32", "5 days", "2026-03-09 09:32", "the time of day is kept"),
    ("2026-02-11 09:32", "5 days", "2026-02-25 09:32", "Tết's five days do not count"),
    ("2026-02-12 15:00", "1 day", "2026-02-13 11:30", "a half day that has no 15:00 ends at its closing"),
    ("2026-02-12 10:00", "2.5 days", "2026-02-23 16:00", "a half day is a day; the half is four hours"),
    ("2026-01-09 10:00", "1 day", "2026-01-10 10:00", "a make-up Saturday counts"),
    ("2026-08-21 10:00", "2 days", "2026-08-24 10:00", "the Saturday before National Day counts"),
    ("2026-08-28 10:00", "1 day", "2026-09-03 10:00", "the swapped Monday does not count"),
    ("2026-03-02 07:00", "1 day", "2026-03-03 07:00", "an opening is inside the hours"),
    ("2026-03-02 11:30", "1 day", "2026-03-03 13:30", "a closing at noon is outside: 13:30 starts"),
    ("2026-03-02 17:00", "1 day", "2026-03-04 07:00", "an evening closing starts the next morning"),
    ("2026-03-02 05:00", "1 day", "2026-03-03 07:00", "before the opening starts at it"),
    ("2026-02-28 10:00", "3 days", "2026-03-05 07:00", "online on Saturday starts on Monday"),
    ("2026-11-24 10:00", "1 day", "2026-11-26 07:00", "Culture Day is a holiday"),
    ("2026-03-02 10:00", "4 hours", "2026-03-02 16:00", "hours skip the noon break"),
    ("2026-03-02 13:30", "3.5 hours", "2026-03-02 17:00", "hours that run out at a closing end there"),
    ("2026-03-06 16:00", "4 hours", "2026-03-09 10:00", "hours skip the weekend"),
    ("2026-03-02 10:45", "0.25 day", "2026-03-02 14:45", "a quarter day is two hours"),
    ("2026-03-06 15:00", "1.5 days", "2026-03-10 09:00", "whole days first, then four hours"),
    ("2026-03-02 10:00", "24 clock hours", "2026-03-03 10:00", "clock hours run through the night"),
    ("2026-03-02 10:00", "10 clock hours", "2026-03-03 07:00", "and roll forward to the next opening"),
    ("2026-03-06 10:00", "24 clock hours", "2026-03-09 07:00", "over a weekend too"),
    ("2026-03-02 10:00", "30 calendar days", "2026-04-01 10:00", "calendar days count every day"),
    ("2026-02-11 10:00", "5 calendar days", "2026-02-23 07:00", "and roll forward over Tết"),
    ("2026-03-02 10:00", "same day", "2026-03-02 17:00", "the same day ends at the last closing"),
    ("2026-02-13 10:00", "same day", "2026-02-13 11:30", "which is noon on a half day"),
]

# received, limit, pauses (since, until, mode), due, why
PAUSED = [
    (
        "2026-03-02 09:00",
        "5 days",
        [("2026-03-05 15:00", "2026-03-10 10:00", "resume")],
        "2026-03-11 16:00",
        "twelve working hours were left, whatever the weekend",
    ),
    (
        "2026-03-02 09:00",
        "5 days",
        [("2026-03-03 20:00", "2026-03-05 05:00", "resume")],
        "2026-03-10 09:00",
        "begun and ended outside hours it took one working day",
    ),
    (
        "2026-03-02 09:00",
        "5 days",
        [("2026-03-06 18:00", "2026-03-09 06:30", "resume")],
        "2026-03-09 09:00",
        "a weekend's pause took nothing",
    ),
    (
        "2026-03-02 09:00",
        "5 days",
        [("2026-03-03 11:30", "2026-03-03 13:30", "restart")],
        "2026-03-09 09:00",
        "nor did the noon break, even where a pause starts the term afresh",
    ),
    (
        "2026-03-02 09:00",
        "1 day",
        [
            ("2026-03-02 10:00", "2026-03-02 11:00", "resume"),
            ("2026-03-02 14:00", "2026-03-02 16:00", "resume"),
        ],
        "2026-03-03 14:00",
        "several pauses add up",
    ),
    (
        "2026-03-02 07:00",
        "1 day",
        [("2026-03-02 08:00", "2026-03-03 08:00", "resume")],
        "2026-03-04 07:00",
        "due at an opening, what runs out at a closing ends at the next opening",
    ),
    (
        "2026-03-02 13:30",
        "3.5 hours",
        [("2026-03-02 14:00", "2026-03-03 14:00", "resume")],
        "2026-03-03 17:00",
        "due at a closing stays at a closing",
    ),
    (
        "2026-03-02 10:00",
        "same day",
        [("2026-03-02 15:00", "2026-03-04 09:00", "resume")],
        "2026-03-04 11:00",
        "the same day's last two hours are given back on Wednesday",
    ),
    (
        "2026-02-11 09:00",
        "3 days",
        [("2026-02-12 16:00", "2026-02-23 08:00", "resume")],
        "2026-02-24 07:30",
        "a pause over Tết gives back seven hours and a half",
    ),
    (
        "2026-03-02 09:00",
        "5 days",
        [("2026-03-04 10:00", "2026-03-09 08:00", "restart")],
        "2026-03-16 08:00",
        "a restart counts the whole limit from the resume",
    ),
    (
        "2026-03-02 09:00",
        "5 days",
        [("2026-03-04 10:00", "2026-03-09 08:00", "none")],
        "2026-03-09 09:00",
        "a reason that does not stop the clock moves nothing",
    ),
    (
        "2026-03-02 08:00",
        "4 hours",
        [("2026-03-03 09:00", "2026-03-04 09:00", "resume")],
        "2026-03-02 14:00",
        "a term that was late when the pause began stays late",
    ),
    (
        "2026-03-06 16:00",
        "24 clock hours",
        [("2026-03-06 16:30", "2026-03-09 07:30", "resume")],
        "2026-03-09 08:00",
        "half an hour was left before the Monday opening",
    ),
]


@pytest.mark.parametrize(("received", "limit", "expected", "why"), PLAIN)
def test_a_limit_ends_where_the_rules_say(received: str, limit: str, expected: str, why: str) -> None:
    """Each worked case comes out the same by both calculators."""
    start = starts(CALENDAR, at(received))
    assert local(due(CALENDAR, Limit.parse(limit), start)) == expected, why
    witnessed = WITNESS.due(limit_of(limit), WITNESS.start(minute_of(at(received))))
    assert local(instant_of(witnessed)) == expected, f"witness: {why}"


@pytest.mark.parametrize(("received", "limit", "pauses", "expected", "why"), PAUSED)
def test_a_pause_gives_back_what_was_left(
    received: str, limit: str, pauses: list[tuple[str, str, Any]], expected: str, why: str
) -> None:
    """Each worked case with pauses comes out the same by both calculators."""
    found = due_after(
        CALENDAR,
        Limit.parse(limit),
        starts(CALENDAR, at(received)),
        [Pause(since=at(a), until=at(b), reason="wait", mode=mode) for a, b, mode in pauses],
    )
    assert local(found) == expected, why
    witnessed = WITNESS.due_after(
        limit_of(limit),
        WITNESS.start(minute_of(at(received))),
        [(minute_of(at(a)), minute_of(at(b)), mode) for a, b, mode in pauses],
    )
    assert local(instant_of(witnessed)) == expected, f"witness: {why}"


@pytest.mark.parametrize(
    ("received", "start", "why"),
    [
        ("2026-03-02 14:59", "2026-03-02 14:59", "a minute before it is today"),
        ("2026-03-02 15:00", "2026-03-03 07:00", "from 15:00 it is the next working day"),
        ("2026-03-06 16:00", "2026-03-09 07:00", "which after a Friday is Monday"),
        ("2026-03-02 18:00", "2026-03-03 07:00", "after closing it is the next day, not the day after"),
        ("2026-02-13 15:30", "2026-02-23 07:00", "and after Tết at Tết"),
    ],
)
def test_the_15_00_rule(received: str, start: str, why: str) -> None:
    """A procedure's cut-off puts the start off to the next working day."""
    assert local(starts(CALENDAR, at(received), time(15))) == start, why
    assert local(instant_of(WITNESS.start(minute_of(at(received)), 15 * 60))) == start, f"witness: {why}"


def test_until_is_a_fixed_instant() -> None:
    """A fixed instant is due as given, in hours or not, and a pause gives its working time back."""
    limit = Limit.parse("until 2026-03-07T20:00:00+07:00")  # Saturday
    assert local(due(CALENDAR, limit, at("2026-03-02 09:00"))) == "2026-03-07 20:00"
    pause = Pause(since=at("2026-03-06 15:00"), until=at("2026-03-09 15:00"), reason="stop")
    assert local(due_after(CALENDAR, limit, at("2026-03-02 09:00"), [pause])) == "2026-03-09 17:00"


def test_a_receipt_explains_every_day() -> None:
    """Weekend, holiday with its decree, half day, make-up day and pause each have a line that says so."""
    start, limit = at("2026-02-12 16:00"), Limit.parse("12.5 hours")
    pause = Pause(since=at("2026-02-23 09:00"), until=at("2026-02-24 07:30"), reason="supplement")
    end = due_after(CALENDAR, limit, start, [pause])
    lines = receipt(CALENDAR, start, end, [pause])
    by_date = {line.date: line for line in lines}
    assert [line.date for line in lines] == [f"2026-02-{day}" for day in range(12, 25)]
    assert (by_date["2026-02-12"].counted_minutes, by_date["2026-02-12"].why) == (60, "counted")
    assert by_date["2026-02-13"].why == "half-day: year-end closing"
    assert by_date["2026-02-13"].counted_minutes == 270
    assert by_date["2026-02-14"].why == "weekend"
    assert (by_date["2026-02-17"].why, by_date["2026-02-17"].source) == ("holiday: Tết", "decree on Tết")
    assert (by_date["2026-02-23"].counted_minutes, by_date["2026-02-23"].why) == (120, "paused: supplement")
    assert by_date["2026-02-24"].why == "paused: supplement"
    assert sum(line.counted_minutes for line in lines) == 12.5 * 60


def test_a_receipt_names_a_pause_only_where_it_took_time() -> None:
    """A pause over a weekend is no reason why Friday or Monday would count less."""
    pause = Pause(since=at("2026-03-06 18:00"), until=at("2026-03-09 06:30"), reason="stop", mode="restart")
    start = at("2026-03-06 09:00")
    end = due_after(CALENDAR, Limit.parse("8 hours"), start, [pause])
    lines = receipt(CALENDAR, start, end, [pause])
    assert [(line.counted_minutes, line.why) for line in lines] == [
        (360, "counted"),
        (0, "weekend"),
        (0, "weekend"),
        (120, "counted"),
    ]


def test_a_restart_throws_the_days_before_it_away() -> None:
    """After a restart the receipt counts from the resume only."""
    pause = Pause(
        since=at("2026-03-03 09:00"), until=at("2026-03-04 09:00"), reason="supplement", mode="restart"
    )
    start, limit = at("2026-03-02 09:00"), Limit.parse("16 hours")
    end = due_after(CALENDAR, limit, start, [pause])
    lines = receipt(CALENDAR, start, end, [pause])
    assert [line.counted_minutes for line in lines] == [0, 0, 360, 480, 120]


def test_a_calendar_that_ends_too_soon_is_refused() -> None:
    """A term that could end after the calendar's last day is refused, an alarm there is left out."""
    with pytest.raises(CalendarTooShort, match="2027-01-01"):
        due(CALENDAR, Limit.parse("5 days"), at("2026-12-30 09:00"))
    rung = Rung(name="late", offset=Offset.parse("+5 days"), kind="escalation", to=("assignee",))
    assert reached_before(CALENDAR, at("2026-12-30 09:00"), (rung,), at("2026-12-31 09:00")) == (0,)


def test_the_last_day_of_a_calendar_can_be_measured() -> None:
    """Working time up to the end of the last known day needs no day after it."""
    short = calendar(last="2026-03-08", special=[])  # a Sunday
    assert short.between(at("2026-03-06 16:00"), at("2026-03-09 00:00")) == timedelta(hours=1)
    with pytest.raises(CalendarTooShort):
        short.between(at("2026-03-06 16:00"), at("2026-03-09 00:01"))


@pytest.mark.parametrize(
    ("offset", "times", "expected"),
    [
        ("0", 1, "2026-03-09 09:00"),
        ("-1 day", 1, "2026-03-06 09:00"),
        ("+1 day", 3, "2026-03-12 09:00"),
        ("-4 hours", 1, "2026-03-06 15:00"),
        ("+4 hours", 2, "2026-03-10 09:00"),
    ],
)
def test_an_offset_is_working_time(offset: str, times: int, expected: str) -> None:
    """Alarms lie in working time from the due instant, never in the night or on a weekend."""
    assert local(shift(CALENDAR, at("2026-03-09 09:00"), Offset.parse(offset), times)) == expected


def test_an_offset_from_a_closing_lands_at_the_opening_after_it() -> None:
    """Intervals are half-open: half past eleven is no time of the next morning, but 13:30 is."""
    noon = due(CALENDAR, Limit.parse("4.5 hours"), at("2026-03-02 07:00"))
    assert local(noon) == "2026-03-02 11:30"
    assert local(shift(CALENDAR, noon, Offset.parse("+1 day"))) == "2026-03-03 13:30"
    assert local(shift(CALENDAR, noon, Offset.parse("-1 day"))) == "2026-02-27 13:30"


def test_malformed_calendars_are_refused() -> None:
    """A week without hours, hours that go backward or overlap, and a date that is special twice."""
    day = {"date": "2026-03-02", "kind": "holiday", "name": "x", "source": "y"}
    for change in (
        {"week": [[]] * 7},
        {"week": [[]] * 6},
        {"week": [[{"opens": "11:00", "closes": "07:00"}], *[[]] * 6]},
        {"week": [[{"opens": "07:00", "closes": "11:00"}, {"opens": "10:00", "closes": "12:00"}], *[[]] * 6]},
        {"special": [day, day]},
        {"first": "2027-01-01"},
    ):
        with pytest.raises(ValueError, match=r"."):
            calendar(**change)


def test_an_excerpt_knows_only_its_days() -> None:
    """A calendar cut to a span counts the same inside it and refuses what lies outside."""
    cut = CALENDAR.excerpt(date(2026, 2, 1), date(2026, 2, 28))
    start = at("2026-02-11 09:32")
    assert due(cut, Limit.parse("5 days"), start) == due(CALENDAR, Limit.parse("5 days"), start)
    with pytest.raises(CalendarTooShort):
        due(cut, Limit.parse("9 days"), start)


# Any office, any limit, any pauses

FIRST, SPAN = date(2026, 3, 2), 120
HOURS = [
    [(7 * 60, 11 * 60 + 30), (13 * 60 + 30, 17 * 60)],
    [(8 * 60, 12 * 60)],
    [(0, 6 * 60), (22 * 60, 23 * 60 + 59)],
    [(7 * 60 + 7, 9 * 60), (9 * 60 + 1, 9 * 60 + 2), (18 * 60, 21 * 60 + 13)],
    [],
]


@st.composite
def offices(draw: st.DrawFn) -> dict[str, Any]:
    """Any week with at least three working days, some special days, in a zone with or without DST."""
    week = draw(
        st.lists(st.sampled_from(HOURS), min_size=7, max_size=7).filter(
            lambda week: sum(bool(day) for day in week) >= 3
        )
    )
    days = {FIRST + timedelta(days=n): week[(FIRST + timedelta(days=n)).weekday()] for n in range(SPAN)}
    for number in draw(st.lists(st.integers(0, 60), max_size=8, unique=True)):
        days[FIRST + timedelta(days=number)] = draw(st.sampled_from(HOURS))
    zone = draw(st.sampled_from(["Asia/Ho_Chi_Minh", "Europe/Amsterdam", "Asia/Kathmandu"]))
    return {"zone": zone, "first": FIRST, "last": FIRST + timedelta(days=SPAN - 1), "days": days}


def as_calendar(office: dict[str, Any]) -> Calendar:
    """The same office as the product's calendar, with every day special."""

    def clock(minute: int) -> str:
        return f"{minute // 60:02}:{minute % 60:02}"

    return Calendar.model_validate(
        {
            "version": "random",
            "zone": office["zone"],
            "first": office["first"],
            "last": office["last"],
            "week": [[{"opens": "07:00", "closes": "11:00"}], *[[]] * 6],
            "special": [
                {
                    "date": day,
                    "kind": "swap",
                    "name": "any",
                    "source": "any",
                    "hours": [{"opens": clock(a), "closes": clock(b)} for a, b in spans],
                }
                for day, spans in office["days"].items()
            ],
        }
    )


received_minutes = st.one_of(  # after the calendar's first midnight anywhere; half hours are telling
    st.integers(24 * 60, 21 * 24 * 60), st.integers(48, 21 * 48).map(lambda half: half * 30)
)
gaps = st.one_of(st.integers(0, 300), st.integers(0, 4 * 24 * 60))
hour_limits = st.integers(1, 40 * 60).filter(lambda m: m % 3 == 0).map(lambda m: f"{m / 60:g} hours")
limits = st.one_of(
    st.integers(1, 6).map(lambda n: f"{n} days"),
    st.integers(1, 48).map(lambda n: f"{n / 8:g} days"),
    st.sampled_from([f"{n * 0.05:.2f} hours" for n in range(1, 600)]),
    st.integers(1, 150).map(lambda n: f"{n} clock hours"),
    st.integers(1, 15).map(lambda n: f"{n} calendar days"),
    st.just("same day"),
)
modes = st.sampled_from(["resume", "resume", "restart", "none"])
waits = st.lists(st.tuples(gaps, gaps, modes), max_size=3)
cut_offs = st.sampled_from([None, None, 15 * 60, 9 * 60])


def moment(number: int) -> datetime:
    """An instant so many minutes into the calendar."""
    return datetime.combine(FIRST, time(0), at("2026-01-01 00:00").tzinfo) + timedelta(minutes=number)


def pauses_from(start: datetime, gaps_and_modes: list[tuple[int, int, Any]]) -> list[Pause]:
    """Pauses that follow each other from a start."""
    found, clock = [], start
    for before, length, mode in gaps_and_modes:
        since = clock + timedelta(minutes=before)
        clock = since + timedelta(minutes=length)
        found.append(Pause(since=since, until=clock, reason="wait", mode=mode))
    return found


@quick
@given(offices(), received_minutes, limits, waits, cut_offs)
def test_two_calculators_agree(
    office: dict[str, Any], received: int, limit: str, waited: list[Any], cut_off: int | None
) -> None:
    """Start and due instant come out the same, minute by minute, whatever office, limit and pauses."""
    days, witness, came = as_calendar(office), Witness(office), moment(received)
    clock = None if cut_off is None else time(cut_off // 60)
    try:
        start = starts(days, came, clock)
        assert start == instant_of(witness.start(minute_of(came), cut_off))
        pauses = pauses_from(start, waited)
        plainly = [(minute_of(p.since), minute_of(p.until), p.mode) for p in pauses]
        expected = instant_of(witness.due_after(limit_of(limit), minute_of(start), plainly))
    except Unknown:
        assume(False)
    assert due_after(days, Limit.parse(limit), start, pauses) == expected


@quick
@given(offices(), received_minutes, hour_limits)
def test_adding_then_measuring_gives_the_limit_back(
    office: dict[str, Any], received: int, limit: str
) -> None:
    """The working time between start and due instant of an hour limit is the limit."""
    days, parsed = as_calendar(office), Limit.parse(limit)
    start = starts(days, moment(received))
    end = due(days, parsed, start)
    assert days.between(start, end) == parsed.rest
    assert days.next_open(days.add(end, -parsed.rest)) == start


@quick
@given(offices(), received_minutes, limits, st.integers(0, 60 * 24 * 10), modes)
def test_a_pause_of_no_working_time_changes_nothing(
    office: dict[str, Any], received: int, limit: str, later: int, mode: Any
) -> None:
    """From any closing to the next opening a pause takes nothing."""
    days, parsed = as_calendar(office), Limit.parse(limit)
    start = starts(days, moment(received))
    since = start + timedelta(minutes=later)
    while days.is_open(since):
        since += timedelta(minutes=7)
    pause = Pause(since=since, until=days.next_open(since), reason="wait", mode=mode)
    assert due_after(days, parsed, start, [pause]) == due(days, parsed, start)


@quick
@given(offices(), received_minutes, gaps, limits, cut_offs)
def test_a_later_start_is_never_due_earlier(
    office: dict[str, Any], received: int, later: int, limit: str, cut_off: int | None
) -> None:
    """Whoever comes later is never promised an earlier date."""
    days, parsed = as_calendar(office), Limit.parse(limit)
    clock = None if cut_off is None else time(cut_off // 60)
    first, second = (starts(days, moment(n), clock) for n in (received, received + later))
    assert due(days, parsed, first) <= due(days, parsed, second)


@quick
@given(
    offices(), received_minutes, hour_limits, st.lists(st.tuples(gaps, gaps, st.just("resume")), max_size=3)
)
def test_receipt_minutes_sum_to_the_limit(
    office: dict[str, Any], received: int, limit: str, waited: list[Any]
) -> None:
    """However a term was paused, the days of its receipt add up to the hours of its limit."""
    days, parsed = as_calendar(office), Limit.parse(limit)
    start = starts(days, moment(received))
    pauses, end = [], due(days, parsed, start)
    for pause in pauses_from(start, waited):
        if pause.since < end:
            pauses.append(pause)
            end = due_after(days, parsed, start, pauses)
    lines = receipt(days, start, end, pauses)
    assert sum(line.counted_minutes for line in lines) == parsed.rest / timedelta(minutes=1)


@quick
@given(
    offices(), received_minutes, limits, st.sampled_from(["-1 day", "-4 hours", "0", "+4 hours", "+2 days"])
)
def test_an_alarm_is_reached_when_it_says(
    office: dict[str, Any], received: int, limit: str, offset: str
) -> None:
    """What `next_alarm` announces is what `reached_before` counts at that instant and not before it."""
    days, parsed = as_calendar(office), Limit.parse(limit)
    start = starts(days, moment(received + 8 * 24 * 60))
    end = due(days, parsed, start)
    ladder = (Rung(name="x", offset=Offset.parse(offset), kind="due", to=("assignee",)),)
    term = Term(id=1, of="step", name="x", limit=parsed, started_at=start, due_at=end, original_due_at=end)
    alarm = next_alarm(days, term, ladder)
    assert alarm is not None
    assert reached_before(days, end, ladder, alarm.at) == (1,)
    assert reached_before(days, end, ladder, alarm.at - timedelta(minutes=1)) == (0,)
