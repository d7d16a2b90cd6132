"""Traps that other products fell into, one test each, by the product and the issue that tells of it.

What needs a running engine is in tests/integration/test_traps_running.py. March 2nd 2026 is a Monday.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from itertools import product
from pathlib import Path
from typing import get_args

import pytest

from models.calendar import SpecialDay
from models.limits import Limit, Offset
from models.terms import due_after, rung_at
from models.timeliness import Measure
from models.view import row
from motcua.catalogue.catalogue import Catalogue
from tests.unit.office import (
    CALENDAR,
    CALENDAR_DATA,
    PROCEDURE,
    at,
    calendar,
    local,
    procedure,
    special,
    stage,
)
from tests.unit.test_rules import rungs, term, whole

ROOT = Path(__file__).resolve().parents[2]


def test_resume_gives_back_the_rest_not_the_whole_term() -> None:
    """OpenCPS (`DATE_OPTION_RESET_DUE_DATE`): un-pausing issued the full term again from today.

    Two of five days were left on Thursday; resumed a week later, two are left.
    """
    case = stage("handling", "@ 2026-03-05 08:00", "handler1 request-supplement")
    case.run("@ 2026-03-12 08:00", "citizen1 supply")
    assert case.due == "2026-03-16 08:00"
    assert case.due != local(due_after(CALENDAR, PROCEDURE.limit or Limit.parse("5 days"), case.now, ()))


def test_a_resume_sets_off_no_alarm_that_passed_meanwhile() -> None:
    """Camunda #57549: timers that expired during a suspension fire at once on resume.

    Reminder and due instant lie in the wait; after it both lie ahead, and sound in their new time.
    """
    case = stage("handling", "@ 2026-03-05 08:00", "handler1 request-supplement")
    assert rungs(case.tick("2026-03-11 08:00"), whole(case).id) == []
    case.run("citizen1 supply")
    assert case.tick() == []
    assert rungs(case.tick("2026-03-12 08:00"), whole(case).id) == [("soon", 0, True)]
    assert rungs(case.tick("2026-03-13 08:00"), whole(case).id) == [("due", 0, True)]


def test_a_pause_outlives_a_change_of_the_rules() -> None:
    """GLPI #15605: the waiting time was lost when another SLA was set on the ticket.

    A dossier keeps the procedure it was received under; a new calendar counts anew, with every pause.
    """
    case = stage("handling", "@ 2026-03-03 08:00", "head1 stop", "@ 2026-03-05 08:00", "head1 resume")
    assert case.due == "2026-03-11 08:00"
    feast = special("2026-03-10", "holiday", "new feast")
    amended = calendar(version="vn-2026b", special=[*CALENDAR_DATA["special"], feast])
    case.do("admin1 amend-calendar", calendar=amended, decree="D1")
    assert case.due == "2026-03-12 08:00"
    assert [pause.reason for pause in whole(case).pauses] == ["stop"]
    assert case.dossier.procedure == PROCEDURE


def test_pause_and_deadline_count_in_the_same_time() -> None:
    """GLPI #10594 (mended by #14937): the pause was added in elapsed days to a deadline in working days.

    From Friday 16:00 to Monday 08:00 are 64 hours, of which the office worked two.
    """
    case = stage("handling", "@ 2026-03-06 16:00", "head1 stop", "@ 2026-03-09 08:00", "head1 resume")
    assert case.due == "2026-03-09 10:00"


def test_one_date_and_one_calculator() -> None:
    """dossiq 8.22, 8.23, Gitea's three endpoints: several writers of one date, several calculators.

    Term, fact, read model, search attribute and alarm show one instant; and only models/ computes with
    calendars: nobody else, in Python or SQL, adds days to a due date or reads a zone, but for the migration
    that filled in what rows from before it lack.
    """
    case = stage("handling", "@ 2026-03-03 08:00", "head1 stop", "@ 2026-03-05 08:00", "head1 resume")
    due_at = whole(case).due_at
    shown = row(case.dossier)
    (moved,) = [move for move in case.facts[-1].event.moves if move.term == whole(case).id]
    assert due_at == moved.due_at == shown.due_at == shown.terms[0].due_at
    assert due_at == due_after(CALENDAR, whole(case).limit, whole(case).started_at, whole(case).pauses)
    case.tick("2026-03-10 08:00")
    assert (case.dossier.next_call() or ())[0] == due_at

    sums = re.compile(
        r"(from|import) zoneinfo|due(_at)?\b\)?\s*[+-]\s*(timedelta|interval|'|\d|ONE_DAY)", re.IGNORECASE
    )
    assert all(
        map(sums.search, ("term.due_at + timedelta(days=1)", "due_at - interval '1 day'", "import zoneinfo"))
    )
    places = ("motcua", "workflows", "activities")
    sources = [
        path for place in places for path in (ROOT / place).rglob("*") if path.suffix in (".py", ".sql")
    ]
    assert len(sources) > 20
    summing = [path.name for path in sources if sums.search(path.read_text(encoding="utf-8"))]
    assert summing == ["0016_overdue.sql"]


def test_a_ladder_never_sounds_outside_opening_hours() -> None:
    """Zammad #4432: escalations were mailed at midnight.

    Here: each rung of a working-time ladder lies in opening hours, over weekends and Tết. When mail itself
    is sent is the subject of notices; property: test_no_alarm_sounds_while_the_office_is_closed.
    """
    for received in ("2026-02-06 16:00", "2026-02-11 09:32", "2026-02-13 11:00", "2026-02-27 13:30"):
        due_at = due_after(CALENDAR, Limit.parse("1 day"), at(received), ())
        for rung, measure in product(PROCEDURE.ladder, get_args(Measure)):
            for occurrence in range(rung.times):
                sounds = rung_at(CALENDAR, measure, due_at, rung, occurrence)
                assert sounds is not None
                assert CALENDAR.is_open(sounds) or CALENDAR.is_open(sounds - timedelta(minutes=1)), received


def test_no_escalation_survives_its_term() -> None:
    """Zammad #4353: the escalation of a deactivated SLA went on.

    Withdrawn, stopped for good, ready, or moved away by an extension: the old rungs never sound.
    """
    for ended in (
        stage("handling", "citizen1 withdraw"),
        stage("ready"),
        stage("handling", "handler1 request-supplement", "@ 2026-03-11 08:00").run("@ 2026-03-11 08:00"),
    ):
        ended.tick("2026-03-11 08:00")
        assert [
            fact for fact in ended.facts if fact.event.kind == "rung-reached" and fact.event.term == 2
        ] == []
    assert stage("handling", "citizen1 withdraw").dossier.next_call() is None
    extended = stage("handling", "leader1 extend until=2026-03-20T01:00:00Z legal_basis=art.19")
    assert rungs(extended.tick("2026-03-18 08:00"), whole(extended).id) == []


def test_days_are_not_minutes() -> None:
    """OpenCPS #1178: the automatic step after n days was taken after n minutes.

    Seven days for a supplement are seven working days: nothing happens after seven minutes, hours or nights.
    """
    case = stage("handling", "@ 2026-03-03 08:00", "handler1 request-supplement")
    for early in ("2026-03-03 08:07", "2026-03-03 15:00", "2026-03-10 08:00", "2026-03-12 07:59"):
        assert case.tick(early) == []
    assert [fact.kind for fact in case.tick("2026-03-12 08:01")][-1] == "stopped"
    assert [Offset.parse(text).times(1) for text in ("+1 day", "+1 hour")] == [
        (1, timedelta(0)),
        (0, timedelta(hours=1)),
    ]


def test_a_returned_dossier_comes_to_the_officer_who_had_it() -> None:
    """OpenCPS #477: what was sent back landed with somebody else."""
    case = stage("handling", "handler2 claim", "handler2 complete", "leader1 complete")
    case.run("approver1 send-back step=handle")
    assert case.dossier.task is not None
    assert case.dossier.task.assignee == "handler2"


def test_a_holiday_is_a_date_of_one_year() -> None:
    """KADAI, Znuny: holidays are typed as day and month, which holds neither Tết nor a swapped day.

    Tết begins on another date each year, and 2 January is a day off in 2026 only.
    """
    vn = Catalogue.load(ROOT / "catalog").calendar("vn")
    tet = [
        min(
            day.date
            for day in vn.special
            if "Tết" in day.name and "lịch" not in day.name and day.date.year == y
        )
        for y in range(2022, 2027)
    ]
    assert [f"{day:%m-%d}" for day in tet] == ["01-31", "01-20", "02-08", "01-27", "02-16"]
    assert not vn.hours(date(2026, 1, 2))
    assert vn.hours(date(2025, 1, 2))
    with pytest.raises(ValueError, match="date"):
        SpecialDay.model_validate({"date": "01-02", "kind": "swap", "name": "x", "source": "y"})


def test_a_late_dossier_cannot_be_made_punctual_by_a_restart() -> None:
    """Not theirs but ours: where a supplement starts the term afresh, asking for one undid lateness."""
    rules = procedure(pausing={"supplement": "restart"})
    case = stage("handling", "@ 2026-03-10 08:00", "handler1 request-supplement", rules=rules)
    case.run("@ 2026-03-12 08:00", "citizen1 supply")
    assert case.due == "2026-03-09 08:00"
    assert local(term(case, "step").due_at) == "2026-03-03 14:00"
    case.run("handler1 complete", "leader1 complete", "approver1 approve")
    case.do("clerk1 complete", number="1", date=case.now)
    assert case.dossier.timeliness == "overdue"


def test_a_pause_before_the_clock_starts_stops_nothing() -> None:
    """Also ours: what is handed in after 15:00 and stopped at once was due a day later than it should be."""
    rules = procedure(limit="same day", cut_off="15:00")
    case = stage("nothing", "@ 2026-03-02 15:30", "receiver1 file accept=true", rules=rules)
    assert case.due == "2026-03-03 17:00"
    case.run("@ 2026-03-02 15:40", "head1 stop", "@ 2026-03-02 16:00", "head1 resume")
    assert case.due == "2026-03-03 17:00"
