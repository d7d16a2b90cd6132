"""Changes of the calendar: what a file may say, how calendars name them, and what the rule makes of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from models import commands as c
from models import refusals as r
from models.calendar import Calendar, CalendarTooShort
from models.changes import Act, Acts, Change, Day, Ordered, amended, before, carries, name_of, restored
from models.explanation import explained
from models.terms import Term, due
from motcua.catalogue.catalogue import Catalogue
from motcua.catalogue.changes import read_change
from motcua.catalogue.files import BadCatalogue
from motcua.config import Settings
from tests.unit.office import (
    CALENDAR,
    CALENDAR_DATA,
    FULL,
    STAFF,
    Case,
    at,
    calendar,
    local,
    procedure,
    special,
    stage,
)

ROOT = Path(__file__).resolve().parents[2]
THURSDAY_OFF = special("2026-03-05", "holiday", "new feast")
SATURDAY_ON = special("2026-03-07", "make-up", "work", FULL)


def with_days(*days: dict[str, object], without: str = "") -> Calendar:
    """The sample calendar with some days more, and perhaps one fewer."""
    kept = [day for day in CALENDAR_DATA["special"] if day["date"] != without]
    return calendar(version="vn-2026+x", special=[*kept, *days])


def amend(case: Case, days: Calendar = CALENDAR) -> Case:
    """The administrator brings a calendar in."""
    case.do("admin1 amend-calendar", calendar=days, decree="D1")
    return case


def term(case: Case, of: str) -> Term:
    """The last term of a kind."""
    return [term for term in case.dossier.terms if term.of == of][-1]


def whole(case: Case) -> Term:
    """The term of the whole dossier."""
    return term(case, "dossier")


# The rule


def test_a_make_up_day_pulls_the_due_date_forward_and_back() -> None:
    """Due on Monday; with a working Saturday that day; without it Monday again, to the minute."""
    case = stage("handling")
    assert case.due == "2026-03-09 08:00"
    assert amend(case, with_days(SATURDAY_ON)).due == "2026-03-07 08:00"
    assert amend(case).due == "2026-03-09 08:00"


def test_two_changes_in_a_row_are_counted_together() -> None:
    """A day more and a day off: as one calendar that says both."""
    case = amend(amend(stage("handling"), with_days(THURSDAY_OFF)), with_days(THURSDAY_OFF, SATURDAY_ON))
    assert case.due == "2026-03-09 08:00"
    assert local(whole(case).original_due_at) == "2026-03-09 08:00"


def test_an_undo_after_a_pause_counts_as_if_nothing_had_been() -> None:
    """The pause began before the feast and ended behind it; then there was no feast."""
    pause = ("@ 2026-03-04 08:00", "head1 stop", "@ 2026-03-06 08:00", "head1 resume")
    case = amend(stage("handling", "@ 2026-03-03 08:00"), with_days(THURSDAY_OFF))
    assert amend(case.run(*pause)).due == stage("handling", *pause).due == "2026-03-11 08:00"


def test_a_paused_term_keeps_its_rungs_where_the_clock_stopped() -> None:
    """An alarm that lies ahead of the stop is not passed over because days go by meanwhile."""
    case = stage("handling", "@ 2026-03-04 08:00", "head1 stop", "@ 2026-03-20 08:00")
    amend(case, with_days(THURSDAY_OFF))
    assert (whole(case).reached, whole(case).generation) == ((0, 0, 0), 0)
    case.run("head1 resume")
    assert case.due == "2026-03-25 08:00"
    assert (whole(case).reached, whole(case).generation) == ((0, 0, 0), 0)


def test_a_restarted_term_counts_from_its_restart() -> None:
    """Five days from Wednesday, with Thursday off."""
    rules = procedure(pausing={"stop": "restart"})
    case = stage("handling", "@ 2026-03-03 08:00", "head1 stop", "@ 2026-03-04 08:00", rules=rules)
    case.run("head1 resume")
    assert case.due == "2026-03-11 08:00"
    assert amend(case, with_days(THURSDAY_OFF)).due == "2026-03-12 08:00"
    assert amend(case).due == "2026-03-11 08:00"


EXTENDED = "leader1 extend until=2026-03-20T02:00:00Z legal_basis=art.19"
STOPPED = ("@ 2026-03-12 09:00", "head1 stop", "@ 2026-03-13 09:00", "head1 resume")
FRIDAY_OFF = special("2026-03-13", "holiday", "new feast")


def test_a_promised_date_stands_but_the_pause_after_it_is_counted_anew() -> None:
    """One working day of waiting puts the promise off by one; it was none where it was a day off."""
    case = stage("handling", EXTENDED, *STOPPED)
    assert case.due == "2026-03-23 09:00"
    half = special("2026-03-13", "half-day", "x", [{"opens": "13:30", "closes": "17:00"}])
    assert amend(case, with_days(half)).due == "2026-03-20 17:00"
    assert amend(case).due == "2026-03-23 09:00"


def test_a_promised_date_that_a_restart_replaced_is_counted_anew() -> None:
    """After a restart the term is five days again, and days off count."""
    case = stage("handling", EXTENDED, *STOPPED, rules=procedure(pausing={"stop": "restart"}))
    assert case.due == "2026-03-20 09:00"
    later = with_days(special("2026-03-17", "holiday", "new feast"))
    assert amend(case, later).due == "2026-03-23 09:00"


def test_pauses_before_an_extension_are_in_the_promise() -> None:
    """They are not given back once more."""
    case = stage("handling", "@ 2026-03-03 08:00", "head1 stop", "@ 2026-03-05 08:00", "head1 resume")
    case.run(EXTENDED)
    assert amend(case, with_days(THURSDAY_OFF)).due == "2026-03-20 09:00"


def test_a_fixed_instant_is_moved_by_no_calendar() -> None:
    """A due instant of its own is a date, whatever day it falls on."""
    case = Case("receiver1 file", rules=procedure(limit=None))
    case.do("receiver1 accept", due="until 2026-03-05T09:00:00+07:00")
    assert amend(case, with_days(THURSDAY_OFF)).due == "2026-03-05 09:00"


def test_a_calendar_that_does_not_know_the_start_is_refused() -> None:
    """By name, and the dossier stays as it was."""
    case = stage("handling")
    short = calendar(first="2026-03-03", special=[], version="vn-short")
    with pytest.raises(CalendarTooShort, match="2026-03-02 lies outside"):
        amend(case, short)
    assert (case.due, case.dossier.calendar) == ("2026-03-09 08:00", CALENDAR)


def test_a_late_dossier_is_saved_and_its_alarms_will_sound_again() -> None:
    """Due on Monday, late since Tuesday; with three days off it is due on Thursday: it will sound anew."""
    case = stage("handling")
    case.tick("2026-03-11 09:00")
    assert whole(case).reached == (1, 1, 1)
    off = [special(f"2026-03-0{day}", "holiday", "new feast") for day in (4, 6)]
    amend(case, with_days(THURSDAY_OFF, *off))
    assert (case.due, whole(case).reached, whole(case).generation) == ("2026-03-12 08:00", (1, 0, 0), 1)
    sounded = [(fact.event.name, fact.event.generation) for fact in case.tick("2026-03-12 08:00")]
    assert ("due", 1) in sounded


def test_a_dossier_that_a_change_makes_late_does_not_stay_quiet() -> None:
    """On Saturday morning it was due on Monday; the decree makes that day one of work: it is due now."""
    case = stage("handling")
    case.tick("2026-03-07 09:00")
    quiet = [fact.event.name for fact in case.facts if fact.kind == "rung-reached" and fact.event.term == 2]
    assert quiet == ["soon"]
    amend(case, with_days(SATURDAY_ON))
    assert (case.due, whole(case).reached, whole(case).generation) == ("2026-03-07 08:00", (1, 0, 0), 0)
    (sounded,) = [fact.event for fact in case.tick() if fact.event.term == 2]
    assert (sounded.name, sounded.notify, sounded.generation) == ("due", True, 0)


def test_a_rung_before_the_start_stays_unheard() -> None:
    """One day before a same-day limit lies before its start, by either calendar."""
    case = stage("accepted", rules=procedure(limit="1 day"))
    assert whole(case).reached == (1, 0, 0)
    tuesday = special("2026-03-03", "holiday", "new feast")
    amend(case, with_days(tuesday))
    assert (case.due, whole(case).reached) == ("2026-03-04 08:00", (1, 0, 0))
    assert case.tick() == []


def test_what_was_handed_in_before_a_new_working_day_starts_on_it() -> None:
    """Accepted on Friday evening: not from Monday but from the Saturday that became a working day."""
    case = Case("@ 2026-03-06 17:30", "receiver1 file accept=true")
    assert case.due == "2026-03-16 07:00"
    assert amend(case, with_days(SATURDAY_ON)).due == "2026-03-13 07:00"
    assert local(whole(case).started_at) == "2026-03-07 07:00"
    (_, dossier, *_) = explained(case.empty, case.facts)
    assert sum(day.counted_minutes for day in dossier.days) == 5 * 480
    assert amend(case).due == "2026-03-16 07:00"
    assert local(whole(case).started_at) == "2026-03-09 07:00"


def test_a_pause_on_a_new_working_day_gives_that_day_back() -> None:
    """The clock has been running since Saturday by then, and stood still for its afternoon."""
    case = Case("@ 2026-03-06 17:30", "receiver1 file accept=true")
    amend(case, with_days(SATURDAY_ON))
    case.run("@ 2026-03-07 13:30", "head1 stop", "@ 2026-03-09 07:00", "head1 resume")
    assert case.due == "2026-03-13 10:30"
    assert local(amend(case, with_days(SATURDAY_ON)).dossier.term.due_at) == case.due
    assert amend(case).due == "2026-03-16 07:00"


def test_the_cut_off_holds_for_the_new_day_too() -> None:
    """Accepted on Friday after 15:00: from the next working day, which is now Saturday."""
    case = Case("@ 2026-03-06 15:30", "receiver1 file accept=true", rules=procedure(cut_off="15:00"))
    assert case.due == "2026-03-16 07:00"
    assert amend(case, with_days(SATURDAY_ON)).due == "2026-03-13 07:00"
    assert local(term(case, "step").due_at) == "2026-03-07 11:00"
    assert amend(case).due == "2026-03-16 07:00"
    assert local(term(case, "step").due_at) == "2026-03-09 11:00"


def test_steps_that_open_later_count_by_the_new_calendar() -> None:
    """And one that opened on a day that is taken back starts when it would have started."""
    case = amend(stage("handling"), with_days(SATURDAY_ON))
    case.run("@ 2026-03-07 08:00", "handler1 complete")
    assert local(term(case, "step").due_at) == "2026-03-07 14:00"
    assert local(term(amend(case), "step").due_at) == "2026-03-09 11:00"


def test_a_corrected_completion_brings_back_terms_of_the_present_calendar() -> None:
    """The step was closed when the calendar was changed, so it did not move; now it runs again."""
    case = stage("handling", "@ 2026-03-03 08:00", "handler1 complete")
    assert local(term(case, "step").due_at) == "2026-03-03 14:00"
    tuesday = special("2026-03-03", "half-day", "x", [{"opens": "07:00", "closes": "09:00"}])
    amend(case, with_days(tuesday)).run("handler1 correct")
    assert case.kinds()[-2:] == ["corrected", "calendar-amended"]
    step = case.dossier.term_of(case.dossier.task.id)
    fresh = stage("handling")
    amend(fresh, with_days(tuesday))
    assert step.due_at == term(fresh, "step").due_at


def test_a_correction_without_any_change_says_nothing_of_calendars() -> None:
    """As ever."""
    case = stage("handling", "handler1 complete", "handler1 correct")
    assert case.kinds()[-1] == "corrected"


def test_a_supplement_moves_with_the_calendar() -> None:
    """The applicant's seven days are working days as well."""
    case = stage("handling", "handler1 request-supplement")
    assert local(term(case, "supplement").due_at) == "2026-03-11 08:00"
    amend(case, with_days(THURSDAY_OFF))
    assert local(term(case, "supplement").due_at) == "2026-03-12 08:00"


def test_a_unit_leader_does_not_amend() -> None:
    """The calendar is the whole office's: its leader's or an administrator's to change."""
    with pytest.raises(r.WrongRole):
        stage("handling").do("leader1 amend-calendar", calendar=CALENDAR, decree="D1")


# Calendars and the changes in them

CHANGE = Change(
    id="x",
    calendar="vn",
    decree="D1",
    title="t",
    issued=date(2026, 1, 1),
    days=(
        Day(date=date(2026, 3, 5), special=with_days(THURSDAY_OFF).special_day(date(2026, 3, 5))),
        Day(date=date(2026, 4, 30)),
    ),
)
ORDERED = Ordered(change=CHANGE, before=before(CALENDAR, CHANGE))


def test_a_calendar_names_its_changes() -> None:
    """In its version, and without the change it is to the letter what it was."""
    changed = amended(CALENDAR, CHANGE)
    assert (changed.version, name_of(changed)) == ("vn-2026+x", "vn")
    assert carries(changed, "x")
    assert not carries(CALENDAR, "x")
    assert not changed.hours(date(2026, 3, 5))
    assert changed.special_day(date(2026, 4, 30)) is None
    assert restored(changed, ORDERED) == CALENDAR
    with pytest.raises(ValueError, match="does not end with"):
        restored(CALENDAR, ORDERED)


def test_an_excerpt_takes_the_days_that_it_knows() -> None:
    """Its span stays, so that no term can fall out of it."""
    part = CALENDAR.excerpt(date(2026, 2, 1), date(2026, 3, 31))
    changed = amended(part, CHANGE)
    assert (changed.first, changed.last) == (part.first, part.last)
    assert len(changed.special) == len(part.special) + 1
    assert changed == amended(CALENDAR, CHANGE).excerpt(part.first, part.last)


def test_what_is_in_force_follows_from_the_acts() -> None:
    """Ordered and not taken back; an act that has no end yet is unfinished."""

    def act(number: int, change: str, what: str) -> Act:
        ordered = None
        if what == "apply":
            ordered = Ordered(change=CHANGE.model_copy(update={"id": change}), before=())
        actor = STAFF["admin1"]
        return Act(
            number=number, change=change, act=what, actor=actor, at=at("2026-03-02 08:00"), ordered=ordered
        )  # type: ignore[arg-type]

    acts = [act(1, "a", "apply"), act(2, "a", "applied"), act(3, "b", "apply"), act(4, "b", "applied")]
    acts += [act(5, "b", "undo"), act(6, "b", "undone")]
    expected = [(0, []), (1, ["a"]), (2, ["a"]), (3, ["a", "b"]), (4, ["a", "b"]), (5, ["a"]), (6, ["a"])]
    for count, (epoch, in_force) in enumerate(expected):
        known = Acts(acts=tuple(acts[:count]))
        assert (known.epoch, [ordered.change.id for ordered in known.in_force]) == (epoch, in_force)
        unfinished = known.unfinished
        assert (unfinished.number if unfinished else None) == (epoch if count % 2 else None)


def test_a_command_id_says_all_that_it_stands_for() -> None:
    """And fits into one, with the longest id and code."""
    longest = CHANGE.model_copy(update={"id": "x" * 60})
    command = longest.command("apply", "000.00.06.H56-231027-0000361")
    assert c.Note.model_validate(
        {"id": command, "actor": STAFF["admin1"], "text": {"id": "t", "hash": "5" * 64}}
    )


# Files

HEAD = """
id = "tet-2027"
decree = "Thông báo 1"
title = "Tết"
issued = 2026-12-01
calendar = "vn"
"""
DAY = '[[day]]\ndate = 2027-02-11\nkind = "holiday"\nname = "Tết"\n'


@pytest.fixture(scope="module")
def real() -> Calendar:
    """The office's calendar."""
    return Catalogue.load(Settings.read().catalog_dir).calendar("vn")


@pytest.fixture
def refused(tmp_path: Path, real: Calendar) -> Callable[[str], str]:
    """What is said of a file with this text."""

    def read(text: str, days: Calendar = real) -> str:
        path = tmp_path / "change.toml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(BadCatalogue) as found:
            read_change(path, days)
        assert r.exit_code(found.value) == 2
        return found.value.message

    return read


def test_the_example_is_well_formed(real: Calendar) -> None:
    """Each kind of day, by date, with the decree as its source."""
    change = read_change(ROOT / "docs" / "examples" / "calendar-change.toml", real)
    assert [day.date for day in change.days] == sorted(day.date for day in change.days)
    kinds = {day.special.kind if day.special else "ordinary" for day in change.days}
    assert kinds == {"holiday", "swap", "make-up", "half-day", "ordinary"}
    assert {day.special.source for day in change.days if day.special} == {change.decree}
    tet = amended(real, change).special_day(date(2027, 2, 4))
    assert tet is not None
    assert (real.special_day(tet.date).provisional, tet.provisional) == (True, False)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD, "change.toml: day: is missing"),
        (HEAD + "day = []", "change.toml: day: List should have at least 1 item"),
        (HEAD.replace("tet-2027", "Tết 2027") + DAY, "change.toml: id: String should match pattern"),
        (
            HEAD.replace('"Thông báo 1"', '""') + DAY,
            "change.toml: decree: must hold something",
        ),
        (HEAD.replace("2026-12-01", '"soon"') + DAY, "change.toml: issued: Input should be a valid date"),
        (HEAD.replace("2026-12-01", "0206-12-01") + DAY, "change.toml: issued: the year 206 is a mistake"),
        (HEAD.replace('"vn"', '"nl"') + DAY, "change.toml: calendar: this office counts by vn, not by nl"),
        (HEAD + "reason = 1\n" + DAY, "change.toml: reason: this key is not known"),
        (HEAD + DAY + DAY, "change.toml: day[2027-02-11]: is there twice"),
        (HEAD + DAY.replace("2027", "2028"), "change.toml: day[2028-02-11]: lies outside the calendar"),
        (HEAD + DAY.replace("holiday", "feast"), "change.toml: day[2027-02-11].kind: Input should be"),
        (HEAD + DAY + "hours = []\nsource = 'x'", "change.toml: day[2027-02-11].source: this key is not"),
        (
            HEAD + DAY.replace("holiday", "make-up"),
            "change.toml: day[2027-02-11]: a make-up day or half day needs hours",
        ),
        (
            HEAD + DAY + "hours = [{ opens = 07:00:00, closes = 11:00:00 }]",
            "change.toml: day[2027-02-11]: a make-up day or half day needs hours, any other day has none",
        ),
        (
            HEAD + DAY.replace("holiday", "half-day") + "hours = [{ opens = 11:00:00, closes = 07:00:00 }]",
            "change.toml: day[2027-02-11].hours[0]: opening hours must go forward",
        ),
        (
            HEAD
            + DAY.replace("holiday", "half-day")
            + "hours = [{ opens = 07:00:00, closes = 11:00:00 }, { opens = 10:00:00, closes = 12:00:00 }]",
            "change.toml: day[2027-02-11].hours: opening intervals of a day must follow each other",
        ),
        ("id = ", "change.toml: end of document: Invalid value"),
    ],
)
def test_a_wrong_file_is_refused_by_name(refused: Callable[[str], str], text: str, said: str) -> None:
    """File, field and reason, on one line."""
    message = refused(text)
    assert message.startswith(said)
    assert "\n" not in message


def closed(first: date, last: date) -> str:
    """Every day of a span off."""
    days = (date.fromordinal(number) for number in range(first.toordinal(), last.toordinal() + 1))
    return "".join(f'[[day]]\ndate = {day}\nkind = "holiday"\nname = "x"\n' for day in days)


def test_a_calendar_without_a_working_day_is_refused(refused: Callable[..., str]) -> None:
    """The whole of it, or a year of it, in which nothing could fall due."""
    short = CALENDAR.excerpt(date(2026, 2, 1), date(2026, 2, 28))
    text = HEAD + closed(short.first, short.last)
    assert "day: a calendar needs at least one working day" in refused(text, short)
    years = calendar(last="2027-01-20")
    text = HEAD + closed(date(2027, 1, 1), years.last)
    assert "day: 2027-01-01 to 2027-01-20 would be left without a working day" in refused(text, years)


def test_no_such_file(tmp_path: Path, real: Calendar) -> None:
    """Refused by name as well."""
    with pytest.raises(BadCatalogue, match=r"none.toml: file: cannot be read"):
        read_change(tmp_path / "none.toml", real)


def test_due_agrees_with_the_changed_calendar() -> None:
    """What the rule moved to is what the calculator says of the changed calendar."""
    case = amend(stage("handling"), with_days(THURSDAY_OFF))
    assert whole(case).due_at == due(with_days(THURSDAY_OFF), whole(case).limit, whole(case).started_at)
