"""One definition of overdue: results, open dossiers, rungs and rows, under both measures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.calendar import Calendar
from models.commands import Hear
from models.dossier import Parent
from models.explanation import explained
from models.facts import Fact, RungReached
from models.limits import Offset
from models.linked import Tell, messages
from models.notices import occasions
from models.terms import Rung, rung_at
from models.timeliness import Due, Measure, measured, overdue_from, pressing
from models.view import row
from motcua.calendars import _shifted
from tests.deadlines import Office
from tests.unit.office import (
    CALENDAR,
    CALENDAR_DATA,
    FULL,
    STAGES,
    Case,
    at,
    local,
    procedure,
    special,
    stage,
)
from tests.unit.test_rules import term, whole
from tests.unit.test_term_algebra import measures, minutes, offices, quick
from tests.unit.test_worked_cases import calendar, moment, shown, witness
from tests.unit.witness import Witness, instant_of, minute_of

HERE = Path(__file__).parent
TICK = timedelta.resolution
MINUTE = timedelta(minutes=1)


class Verdict(NamedTuple):
    """A row of the first table."""

    office: str
    measure: Measure
    due: str
    moment: str
    verdict: str
    why: str


class Reached(NamedTuple):
    """A row of the second table."""

    office: str
    measure: Measure
    due: str
    offset: str
    reached: str
    verdict: str
    why: str


def rows(columns: int) -> Iterator[list[Any]]:
    """The rows of the table that has so many columns."""
    for line in (HERE / "worked-overdue.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| vn") and len(cells) == columns:
            yield cells


VERDICTS = [Verdict(*cells) for cells in rows(6)]
REACHED = [Reached(*cells) for cells in rows(7)]


def verdict(other: Witness, measure: Measure, due: int, at: int) -> str:
    """The second calculator: dates on the office's clock, or plain minutes."""
    place: tuple[Any, Any] = (at, due)
    if measure == "date":
        place = other.wall(at)[0], other.wall(due)[0]
    return "overdue" if place[0] > place[1] else "early" if place[0] < place[1] else "on_time"


def reached(other: Witness, measure: Measure, due: int, offset: str) -> int:
    """The second calculator: where a rung at or after the due instant is reached."""
    amount, _, unit = offset.partition(" ")
    number = float(amount)
    if not number:
        return due
    if measure == "date":
        day, _ = other.wall(due)
        due = other.opening(other.on(day + timedelta(days=1), 0))
    if unit.startswith("hour"):
        return other.work(due, round(number * 60))
    return other.due(("days", int(number), round(number % 1 * 8 * 60)), due)


@pytest.mark.parametrize("case", VERDICTS, ids=lambda case: f"{case.measure} {case.due} {case.moment}")
def test_a_moment_is_judged_as_the_table_says(case: Verdict) -> None:
    """Rules and witness give the verdict of the table."""
    days, due, then = calendar(case.office), moment(case.due), moment(case.moment)
    assert measured(days, case.measure, due, then) == case.verdict, case.why
    assert verdict(witness(case.office), case.measure, minute_of(due), minute_of(then)) == case.verdict


@pytest.mark.parametrize("case", REACHED, ids=lambda case: f"{case.measure} {case.due} {case.offset}")
def test_a_rung_is_reached_as_the_table_says(case: Reached) -> None:
    """Rules and witness give the moment of the table, and what the term is then."""
    days, due = calendar(case.office), moment(case.due)
    then = rung_at(days, case.measure, due, rung(case.offset), 0)
    assert then is not None
    assert shown(then) == case.reached, case.why
    assert measured(days, case.measure, due, then) == case.verdict, case.why
    if not case.offset.startswith("-"):
        other = reached(witness(case.office), case.measure, minute_of(due), case.offset)
        assert shown(instant_of(other)) == case.reached, f"witness: {case.why}"


def test_both_tables_are_read() -> None:
    """With both measures in each."""
    for table in (VERDICTS, REACHED):
        assert len(table) >= 10
        assert {case.measure for case in table} == set(get_args(Measure))


def rung(offset: str, **more: Any) -> Rung:
    """An escalation at an offset."""
    return Rung(name="x", offset=Offset.parse(offset), kind="escalation", to=("assignee",), **more)


# What holds for every office

away = st.integers(-3 * 24 * 60, 3 * 24 * 60)


@quick
@given(offices(), measures, minutes, away)
def test_overdue_means_from_that_moment_on(office: Office, measure: Measure, due: int, off: int) -> None:
    """For all due instants and moments, and one microsecond about the edge; the witness agrees on dates."""
    days = office.calendar
    due_at, then = (instant_of(office.at(number + 7 * 24 * 60)) for number in (due, due + off))
    since = overdue_from(days, measure, due_at)
    assert since > due_at
    for moment_ in (then, since, since - TICK):
        assert (measured(days, measure, due_at, moment_) == "overdue") == (moment_ >= since)
    assert since - due_at == TICK or (measure, days.local(since).time()) == ("date", datetime.min.time())
    assert measured(days, measure, due_at, then) == verdict(
        office.witness, measure, minute_of(due_at), minute_of(then)
    )


OFFSETS = (
    "-2.5 days",
    "-1 day",
    "-4 hours",
    "-0.5 hours",
    "0",
    "+0.5 hours",
    "+4 hours",
    "+1 day",
    "+2.5 days",
)


@quick
@given(offices(), measures, minutes)
def test_rungs_go_forward_and_none_after_the_due_instant_comes_before_it_is_overdue(
    office: Office, measure: Measure, due: int
) -> None:
    """By either measure; the rung at the due instant is at it, and the witness agrees on those after it."""
    days, due_at = office.calendar, instant_of(office.at(due + 7 * 24 * 60))
    found = {offset: rung_at(days, measure, due_at, rung(offset), 0) for offset in OFFSETS}
    instants = [instant for instant in found.values() if instant is not None]
    assert len(instants) == len(OFFSETS)
    before, after = instants[:4], instants[5:]
    for unit in (before[:2], before[2:], after[:2], after[2:]):  # a day may have fewer than four hours
        assert unit == sorted(unit)
    assert max(before) <= found["0"] == due_at < overdue_from(days, measure, due_at) <= min(after)
    for offset, then in zip(OFFSETS[5:], after, strict=True):
        assert minute_of(then) == reached(office.witness, measure, minute_of(due_at), offset)


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("America/St_Johns", "2010-11-06"),  # at 00:01 the clock went back to 23:01 of the day before
        ("America/Havana", "2024-11-02"),  # 00:30 came twice
        ("Asia/Beirut", "2024-03-30"),  # and there was none: from midnight to 01:00
        ("America/Sao_Paulo", "2018-02-17"),  # 23:30 came twice
        ("Asia/Ho_Chi_Minh", "2026-03-04"),
    ],
)
def test_a_day_ends_once_where_the_clocks_change_at_midnight(zone: str, day: str) -> None:
    """From the end of a day on, the office's clock shows no date before the next one again."""
    hours = ({"opens": "07:00", "closes": "17:00"},)
    span = {"first": date(2010, 1, 1), "last": date(2030, 1, 1)}
    days = Calendar.model_validate({"version": "x", "zone": zone, **span, "week": [hours] * 7})
    due_at = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    since = overdue_from(days, "date", due_at)
    assert days.local(since - MINUTE).date() == days.local(due_at).date()
    assert all(days.local(since + n * MINUTE).date() > days.local(due_at).date() for n in range(180))


# The same of a whole dossier


def sounded(facts: list[Fact], term: int) -> list[tuple[str, str | None]]:
    """The alerts of a term, each with the moment of its fact."""
    return [
        (event.name, local(fact.at))
        for fact in facts
        if isinstance(event := fact.event, RungReached) and event.term == term
    ]


def climbed(case: Case, until: str) -> list[tuple[str, str | None]]:
    """The alerts of the whole dossier while the clock strikes up to a moment."""
    found: list[tuple[str, str | None]] = []
    while (call := case.dossier.next_call()) is not None and call[0] <= at(until):
        case.now = call[0]
        found += sounded(case.tick(), whole(case).id)
    case.now = at(until)
    return found


FIXED = "due='until 2026-03-09T03:12:00+07:00'"


@pytest.mark.parametrize(
    ("measure", "alerts", "result"),
    [
        ("date", ["soon", "due"], "on_time"),
        ("instant", ["soon", "due"], "overdue"),
    ],
)
def test_an_open_dossier_and_its_result_are_judged_alike(
    measure: Measure, alerts: list[str], result: str
) -> None:
    """Due at 03:12 and solved at 03:27: on time by date, and nothing called it overdue while it was open."""
    rules = procedure(limit=None, timeliness=measure)
    way = [
        f"receiver1 file accept=true {FIXED}",
        "receiver1 complete",
        "handler1 complete",
        "leader1 complete",
    ]
    case = Case(*way, "approver1 approve", rules=rules)
    assert case.due == "2026-03-09 03:12"
    assert [name for name, _ in climbed(case, "2026-03-09 03:27")] == alerts
    late = case.dossier.overdue_from(whole(case)) <= case.now
    case.run("clerk1 complete number=12 date=2026-03-08T20:27:00Z")
    assert (case.dossier.timeliness, late) == (result, result == "overdue")


NAGGING = [
    {"name": "soon", "offset": "-4 hours", "kind": "reminder", "to": ["x"], "every": "+4 hours", "times": 3},
    {"name": "due", "offset": "0", "kind": "due", "to": ["assignee"], "every": "+4 hours", "times": 4},
    {"name": "late", "offset": "+1 day", "kind": "escalation", "to": ["unit-leader"]},
]
BEFORE = ["06 14:00 reminder", "09 08:00 due", "09 08:00 reminder"]
TUESDAY = ["10 08:00 overdue", "10 14:00 overdue"]


@pytest.mark.parametrize(
    ("measure", "told"),
    [
        ("date", [*BEFORE, "09 14:00 due", "09 14:00 reminder", *TUESDAY, "11 07:00 escalation"]),
        ("instant", [*BEFORE, *["09 14:00 overdue"] * 2, "10 08:00 escalation", *TUESDAY]),
    ],
)
def test_a_repeated_alert_says_overdue_once_the_term_is(measure: Measure, told: list[str]) -> None:
    """Due Monday 08:00: at 14:00 by date still due, by instant overdue; on Tuesday overdue by both."""
    case = stage("handling", rules=procedure(timeliness=measure, ladder=NAGGING))
    facts: list[Fact] = []
    while (call := case.dossier.next_call()) is not None and call[0] <= at("2026-03-11 09:00"):
        case.now = call[0]
        facts += case.tick()
    raised = [each for each in facts if each.kind == "rung-reached" and each.event.term == whole(case).id]
    found = sorted(f"{local(each.at)} {each.event.alarm}".removeprefix("2026-03-") for each in raised)
    since = case.dossier.overdue_from(whole(case))
    assert found == told
    for each in raised:
        assert (each.at >= since) == (each.event.alarm in ("overdue", "escalation")), each
        assert [occasion.kind for occasion in occasions(case.dossier, [each]) if each.event.notify] in (
            [],
            [each.event.alarm],
        )


def test_each_measure_has_its_own_ladder() -> None:
    """By date the rungs after the due instant count from the next opening; by instant from the instant."""
    found = {
        measure: climbed(stage("handling", rules=procedure(timeliness=measure)), "2026-03-20 08:00")
        for measure in get_args(Measure)
    }
    before = [("soon", "2026-03-06 08:00"), ("due", "2026-03-09 08:00")]
    assert found["date"] == [*before, *(("late", f"2026-03-{day} 07:00") for day in (11, 12, 13))]
    assert found["instant"] == [*before, *(("late", f"2026-03-{day} 08:00") for day in (10, 11, 12))]


def test_steps_and_waits_are_held_against_the_instant_whatever_the_procedure_says() -> None:
    """Intake, step, supplement and consultation: overdue the moment after their due instants."""
    for measure in get_args(Measure):
        rules = procedure(timeliness=measure)
        case = stage("handling", "handler1 consult", "handler1 request-supplement", rules=rules)
        kinds = {term.of for term in case.dossier.terms}
        assert kinds == {"intake", "dossier", "step", "consultation", "supplement"}
        for each in case.dossier.terms:
            by_day = each.of == "dossier" and measure == "date"
            since = at("2026-03-10 00:00") if by_day else each.due_at + TICK
            assert case.dossier.overdue_from(each) == since


def test_an_open_dossier_keeps_the_measure_it_was_received_under() -> None:
    """The measure stands in the procedure's version, which the dossier carries with it."""
    case = stage("handling", rules=procedure(timeliness="instant"))
    again = type(case.dossier).model_validate_json(case.dossier.model_dump_json())
    assert again.overdue_from(whole(case)) == at("2026-03-09 08:00") + TICK


def test_rows_and_receipts_tell_when_it_is_overdue() -> None:
    """The read model has the moment of the dossier, of each term and, the earlier of the two, of the task."""
    case = stage("handling")
    found = row(case.dossier)
    assert found.overdue_from == at("2026-03-10 00:00")
    assert found.tasks[0].overdue_from == term(case, "step").due_at + TICK
    assert {each.of: each.overdue_from for each in found.terms} == {
        "dossier": at("2026-03-10 00:00"),
        "step": term(case, "step").due_at + TICK,
    }
    assert [each.overdue_from for each in explained(case.empty, case.facts) if each.of == "dossier"] == [
        at("2026-03-10 00:00")
    ]
    assert row(stage("ready").dossier).tasks[0].overdue_from is None
    assert row(stage("filed").dossier).overdue_from is None


def test_the_due_instant_moves_with_a_legal_basis_until_the_dossier_is_overdue() -> None:
    """On the due day, after the due instant, it may still be extended; the day after it stays late."""
    for now, due in (("2026-03-09 16:00", "2026-03-12 09:00"), ("2026-03-10 07:00", "2026-03-09 08:00")):
        case = stage("handling", f"@ {now}", "leader1 extend until=2026-03-12T02:00:00Z legal_basis=x")
        assert case.due == due, now


PARENT = Parent(code="H53-260302-0009", link="tax")
SHIPPED = procedure().model_dump()["ladder"]
LADDERS = {"shipped": SHIPPED, "ends at 0": SHIPPED[:2], "before only": SHIPPED[:1], "none": []}


def child(*lines: str, **rules: Any) -> Case:
    """A linked dossier that has done these lines."""
    case = Case(rules=procedure(**rules))
    case.dossier = case.empty = case.dossier.model_copy(update={"parent": PARENT})
    return case.run(*lines)


def reports(case: Case, until: str) -> list[tuple[str, str | None, datetime]]:
    """The reports that the clock sends the parent up to a moment: news, term, moment."""
    found = []
    while (call := case.dossier.next_call()) is not None and call[0] <= at(until):
        case.now = call[0]
        for message in messages(case.dossier, case.tick()):
            assert isinstance(message, Tell)
            assert isinstance(message.command, Hear)
            found.append((message.command.what, message.command.term, case.now))
    case.now = at(until)
    return found


@pytest.mark.parametrize("ladder", LADDERS)
@pytest.mark.parametrize(
    ("measure", "overdue"), [("date", at("2026-03-10 00:00")), ("instant", at("2026-03-09 08:00") + TICK)]
)
def test_a_parent_dossier_hears_that_its_child_is_late_when_it_is_whatever_its_ladder(
    measure: Measure, overdue: datetime, ladder: str
) -> None:
    """At the moment from which it is overdue and once only; with alerts after it, at it, or none at all."""
    case = child(*STAGES["handling"], timeliness=measure, ladder=LADDERS[ladder])
    assert case.dossier.overdue_from(whole(case)) == overdue
    assert reports(case, "2026-03-20 08:00") == [("late", "dossier", overdue)]


@pytest.mark.parametrize("measure", get_args(Measure))
def test_a_parent_dossier_hears_that_an_answer_at_intake_is_late(measure: Measure) -> None:
    """Intake is measured by instant under either measure, and has no need of a ladder."""
    case = child("receiver1 file", timeliness=measure, ladder=[], step_ladder=[])
    overdue = case.dossier.terms[0].due_at + TICK
    assert reports(case, "2026-03-20 08:00") == [("late", "intake", overdue)]


def test_a_parent_dossier_does_not_hear_of_a_breach_while_the_clock_of_its_child_stands_still() -> None:
    """Paused on the due day it is reported once it runs again and is overdue by its new due instant."""
    case = child(*STAGES["handling"], "@ 2026-03-09 07:30", "handler1 request-supplement")
    assert reports(case, "2026-03-11 09:00") == []
    case.run("citizen1 supply")
    since = case.dossier.overdue_from(whole(case))
    assert since == at("2026-03-12 00:00")
    assert reports(case, "2026-03-20 08:00") == [("late", "dossier", since)]


def test_a_breach_is_reported_again_only_for_another_due_instant() -> None:
    """Resting alerts, a promise and a correction report nothing; a decree that makes it late anew does."""
    case = child(*STAGES["handling"])
    assert len(reports(case, "2026-03-11 09:00")) == 1
    case.run("leader1 acknowledge until=2026-03-13T02:00:00Z", "leader1 extend until=2026-03-20T02:00:00Z")
    case.run("handler1 complete", "handler1 correct")
    assert reports(case, "2026-03-18 08:00") == []
    tuesday = special("2026-03-03", "holiday", "mourning")
    data = {**CALENDAR_DATA, "version": "changed", "special": [*CALENDAR_DATA["special"], tuesday]}
    case.do("admin1 amend-calendar", calendar=data, decree="1/QĐ")
    assert case.due == "2026-03-10 08:00"
    assert [what for what, *_ in reports(case, "2026-03-20 08:00")] == ["late"]
    assert reports(case, "2026-03-27 08:00") == []


def test_a_dossier_without_a_parent_reports_no_breach() -> None:
    """Its facts and timers are as before."""
    case = stage("handling", rules=procedure(ladder=[], step_ladder=[]))
    assert reports(case, "2026-03-20 08:00") == []
    assert "became-overdue" not in case.kinds()


@pytest.mark.parametrize(
    ("now", "shown"),
    [
        ("09:00", "10:00"),  # the dossier's, the first
        ("11:00", "10:00"),  # due today by date
        ("12:00", "10:00"),  # the instant itself is in time
        ("12:01", "12:00"),  # the step is overdue, the dossier is not
        ("23:59", "12:00"),
    ],
)
def test_a_task_is_called_overdue_by_the_term_that_is(now: str, shown: str) -> None:
    """A dossier due at ten by date and its step due at noon: nothing counts from ten before midnight."""
    dossier, step = at("2026-03-09 10:00"), at("2026-03-09 12:00")
    dues = [
        Due(each, overdue_from(CALENDAR, how, each)) for how, each in (("date", dossier), ("instant", step))
    ]
    found = pressing(dues, at(f"2026-03-09 {now}"))
    assert found is not None
    assert local(found.at) == f"2026-03-09 {shown}"
    late = pressing(dues, at("2026-03-10 00:00"))
    assert late == dues[0], "from midnight on both are overdue, the dossier for longer"
    assert pressing([], dossier) is None


@pytest.mark.parametrize(
    ("measure", "now", "late"),
    [
        ("date", "2026-03-07 09:00", None),  # by the changed calendar due at 08:00 of this day
        ("date", "2026-03-08 09:00", "newly"),
        ("instant", "2026-03-07 09:00", "newly"),
    ],
)
def test_a_preview_of_a_calendar_change_says_late_when_it_is(
    measure: Measure, now: str, late: str | None
) -> None:
    """A Saturday that is made one of work brings the due instant from Monday to Saturday, 08:00."""
    case = stage("handling", f"@ {now}", rules=procedure(timeliness=measure))
    saturday = special("2026-03-07", "make-up", "new working day", FULL)
    data = {**CALENDAR_DATA, "version": "changed", "special": [*CALENDAR_DATA["special"], saturday]}
    was = case.dossier
    case.do("admin1 amend-calendar", calendar=data, decree="1/QĐ")
    assert case.due == "2026-03-07 08:00"
    assert [move.late for move in _shifted(was, case.dossier, case.now) if move.of == "dossier"] == [late]
