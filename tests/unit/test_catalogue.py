"""The catalogue as it ships, and what it says to files that are wrong."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import holidays
import pytest
from pydantic import ValidationError

from models.calendar import Calendar
from models.chain import fingerprint
from models.limits import HOURS_A_DAY, Limit
from models.procedure import Procedure, Role, Stage
from models.refusals import BadInput, UnitEnded, UnitNotBegun
from models.units import Span, check_works, heir
from motcua.catalogue.calendars import NotAHoliday, UnknownCalendar, library_days, without_holiday
from motcua.catalogue.catalogue import Catalogue, UnknownAgency, UnknownProcedure, UnknownUser
from motcua.catalogue.files import BadCatalogue
from tests.unit.office import procedure as sample

ROOT = Path(__file__).resolve().parents[2] / "catalog"
CHILDREN = ("x.linked-residence", "x.linked-health-card", "x.linked-tax")
BEFORE, NOW = date(2022, 10, 3), date(2026, 11, 25)

# docs/sources.md, row by row: code -> limit in the years of the report, limit now
TWELVE = {
    "1.001193": ("same day", "same day"),
    "x.linked-birth": ("3 days", "3 days"),
    "1.000656": ("24 clock hours", "24 clock hours"),
    "1.000894": ("same day", "same day"),
    "1.004873": ("3 days", "3 days"),
    "2.000815": ("same day", "same day"),
    "2.000908": ("same day", "same day"),
    "1.001612": ("3 days", "3 days"),
    "1.013225": ("15 days", "8 days"),
    "x.land-transfer": ("10 days", "10 days"),
    "1.012783": ("7 days", "5 days"),
    "1.001776": ("22 days", "22 days"),
}

# Every day of the week from Monday to Friday on which the office is closed.
DAYS_OFF = {
    2022: "1-3  1-31 2-1 2-2 2-3 2-4  4-11  5-2 5-3  9-1 9-2",
    2023: "1-2  1-20 1-23 1-24 1-25 1-26  5-1 5-2 5-3  9-1 9-4",
    2024: "1-1  2-8 2-9 2-12 2-13 2-14  4-18  4-29 4-30 5-1  9-2 9-3",
    2025: "1-1  1-27 1-28 1-29 1-30 1-31  4-7  4-30 5-1 5-2  9-1 9-2",
    2026: "1-1 1-2  2-16 2-17 2-18 2-19 2-20  4-27  4-30 5-1  8-31 9-1 9-2  11-24",
    2027: "1-1  2-4 2-5 2-8 2-9 2-10  4-16  4-30 5-3  9-2 9-3  11-24",
}
# Every Saturday and Sunday on which it is open.
MADE_UP = {2022: "", 2023: "", 2024: "5-4", 2025: "4-26", 2026: "1-10 8-22", 2027: ""}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """The catalogue that ships."""
    return Catalogue.load(ROOT)


@pytest.fixture(scope="module")
def vn(catalogue: Catalogue) -> Calendar:
    """The calendar that ships."""
    return catalogue.calendar("vn")


def dates(year: int, text: str) -> list[date]:
    """Reads "1-3 9-2" as dates of a year."""
    return [date(year, *map(int, word.split("-"))) for word in text.split()]


def hours(limit: Limit) -> float:
    """A limit of working days or hours in working hours."""
    assert limit.kind in ("days", "hours")
    return limit.days * HOURS_A_DAY + limit.rest / timedelta(hours=1)


# Procedures


@pytest.mark.parametrize("code", TWELVE)
def test_each_of_the_twelve_holds_in_both_periods(catalogue: Catalogue, code: str) -> None:
    """The office of the report and the office of today find every procedure, each under its own rules."""
    before, now = catalogue.procedure(code, BEFORE), catalogue.procedure(code, NOW)
    assert (before.rule_set, now.rule_set) == ("61/2018", "118/2025")
    assert (str(before.limit), str(now.limit)) == TWELVE[code]
    assert catalogue.procedure(code, date(2021, 1, 1)).rule_set == "61/2018"


def test_the_social_pension_begins_with_its_law(catalogue: Catalogue) -> None:
    """The thirteenth procedure exists from 1 July 2025 and not before."""
    assert str(catalogue.procedure("1.014027", date(2025, 7, 1)).limit) == "10 days"
    with pytest.raises(UnknownProcedure):
        catalogue.procedure("1.014027", date(2025, 6, 30))


def shipped() -> list[Procedure]:
    """All versions whose limit is the same for every dossier."""
    return [version for version in Catalogue.load(ROOT).procedures if version.limit is not None]


def called(version: Procedure) -> str:
    """A version as the list of tests shows it."""
    return f"{version.code} of {version.version}"


@pytest.mark.parametrize("version", shipped(), ids=called)
def test_step_limits_add_up_to_the_whole_limit(version: Procedure) -> None:
    """What the steps get is what the dossier gets; a day's work where it is due the same or the next day."""
    assert version.limit is not None
    within_a_day = version.limit.kind in ("same day", "clock hours")
    whole = HOURS_A_DAY if within_a_day else hours(version.limit)
    assert sum(hours(step.limit) for step in version.steps if step.limit) == whole
    assert all(step.limit for step in version.steps)


@pytest.mark.parametrize("version", shipped(), ids=called)
def test_steps_and_ladders_use_known_roles(catalogue: Catalogue, version: Procedure) -> None:
    """Every step is the work of somebody at the office, and every alarm reaches somebody."""
    employed = {role for staff in catalogue.office.staff.values() for role in staff.roles}
    assert {step.role for step in version.steps} <= employed
    told = {to for rung in (*version.ladder, *version.step_ladder) for to in rung.to}
    assert told - {"assignee", "applicant"} <= {role.value for role in employed}


@pytest.mark.parametrize("version", shipped(), ids=called)
def test_whole_ladder_reminds_tells_and_escalates(version: Procedure) -> None:
    """A reminder before the due instant, word of the instant itself, a bounded number of escalations."""
    reminder, due, overdue = version.ladder
    assert (reminder.kind, due.kind, overdue.kind) == ("reminder", "due", "escalation")
    short = version.limit is not None and version.limit.kind in ("same day", "clock hours")
    assert str(reminder.offset) in ({"-1 hour", "-2 hours"} if short else {"-1 day"})
    assert (str(due.offset), str(overdue.offset), str(overdue.every), overdue.times) == (
        "0",
        "+1 day",
        "+1 day",
        5,
    )
    # Another agency's part in a linked procedure is rated with the whole.
    assert str(version.rating_window) == ("None" if version.code in CHILDREN else "10 days")
    assert version.sources


def test_receiving_is_not_a_step_but_handing_over_is(catalogue: Catalogue) -> None:
    """Acceptance needs no step; where a dossier is digitised and handed over, that is the receiver's step."""
    for version in catalogue.procedures:
        first = version.steps[0]
        assert first.stage is not Stage.RECEIVE or first.role is Role.RECEIVER
    assert catalogue.procedure("2.000815", NOW).steps[0].stage is Stage.PROCESS


def test_the_fifteen_oclock_rule_holds_for_same_day_and_linked_birth_only(catalogue: Catalogue) -> None:
    """15:00 is no general rule of the clock."""
    cut = {version.code for version in catalogue.procedures if version.cut_off is not None}
    same_day = {v.code for v in catalogue.procedures if v.limit is not None and v.limit.kind == "same day"}
    assert cut == same_day | {"x.linked-birth"}


def test_house_permit_starts_afresh_and_takes_silence_for_consent(catalogue: Catalogue) -> None:
    """The one procedure whose period restarts after a supplement, of which there is one, of two days."""
    permit = catalogue.procedure("1.013225", NOW)
    assert (permit.pausing.supplement, permit.pausing.consultation) == ("restart", "none")
    assert (str(permit.supplement_limit), permit.supplements) == ("2 days", 1)
    assert (str(permit.consultation_limit), permit.consultation_silence) == ("2 days", "consent")
    others = [version for version in shipped() if version.code != "1.013225"]
    assert {version.pausing.supplement for version in others} == {"resume"}


def test_a_version_holds_from_its_first_to_its_last_day(catalogue: Catalogue) -> None:
    """The day before a change has the old version, the day itself the new one."""
    exchange = "1.012783"
    found = [
        catalogue.procedure(exchange, day).version
        for day in (date(2024, 7, 31), date(2024, 8, 1), date(2025, 6, 30), date(2025, 7, 1))
    ]
    assert found == [date(2021, 1, 1), date(2024, 8, 1), date(2024, 8, 1), date(2025, 7, 1)]


def test_no_version_on_a_day_names_those_there_are(catalogue: Catalogue) -> None:
    """Somebody who asks for too early a day learns which days there are."""
    with pytest.raises(UnknownProcedure) as refusal:
        catalogue.procedure("1.001193", date(2020, 12, 31))
    assert refusal.value.message == (
        "There is no procedure 1.001193 on 2020-12-31; its versions hold from 2021-01-01 to 2025-06-30, "
        "from 2025-07-01 on."
    )


def test_an_unknown_code_suggests_near_ones(catalogue: Catalogue) -> None:
    """A slip of the finger is answered with what was probably meant; nonsense is not."""
    with pytest.raises(
        UnknownProcedure, match=r"^There is no procedure 1\.00119 on 2026-11-25 \(did.* 1\.001193"
    ):
        catalogue.procedure("1.00119", NOW)
    with pytest.raises(UnknownProcedure, match=r"^There is no procedure hello on 2026-11-25\.$"):
        catalogue.procedure("hello", NOW)


# Office


def test_the_embedded_staff(catalogue: Catalogue) -> None:
    """The user ids and roles that scripts rely on."""
    staff = {
        user: [role.value for role in member.roles]
        for user, member in catalogue.office.staff.items()
        if member.unit == "demo"
    }
    assert staff == {
        "receiver1": ["receiver"],
        "receiver2": ["receiver"],
        "handler1": ["handler"],
        "handler2": ["handler"],
        "leader1": ["unit-leader"],
        "approver1": ["approver"],
        "approver2": ["approver"],
        "clerk1": ["clerk"],
        "returner1": ["returner"],
        "head1": ["office-leader"],
        "auditor1": ["auditor"],
        "admin1": ["administrator"],
    }
    assert (catalogue.office.id, next(unit.id for unit in catalogue.office.units)) == ("demo", "demo")


def test_an_actor_has_the_roles_and_the_unit_of_the_staff_list(catalogue: Catalogue) -> None:
    """What a command says of its actor comes from the catalogue, not from who asks."""
    actor = catalogue.actor("handler1")
    assert (actor.id, actor.roles, actor.unit) == ("handler1", (Role.HANDLER,), "demo")


def test_an_unknown_user_is_bad_input(catalogue: Catalogue) -> None:
    """A wrong user id is named, with the near ones."""
    with pytest.raises(UnknownUser, match=r"user id handler \(did you mean .*handler1") as refusal:
        catalogue.actor("handler")
    assert isinstance(refusal.value, BadInput)


# Calendar


@pytest.mark.parametrize("year", DAYS_OFF)
def test_days_off_and_made_up_days(vn: Calendar, year: int) -> None:
    """The table at the head of this file, checked day by day over the whole year."""
    days = [
        date(year, 1, 1) + timedelta(days=n) for n in range((date(year + 1, 1, 1) - date(year, 1, 1)).days)
    ]
    assert [day for day in days if day.weekday() < 5 and not vn.hours(day)] == dates(year, DAYS_OFF[year])
    assert [day for day in days if day.weekday() >= 5 and vn.hours(day)] == dates(year, MADE_UP[year])


def test_a_made_up_saturday_has_the_hours_of_a_working_day(vn: Calendar) -> None:
    """A Saturday that makes up for a Friday is as long as a Friday."""
    for year, text in MADE_UP.items():
        for day in dates(year, text):
            assert vn.hours(day) == vn.hours(date(2026, 11, 25))
            special = vn.special_day(day)
            assert special is not None
            assert special.kind == "make-up"


def test_hours_zone_and_span(vn: Calendar) -> None:
    """Eight hours a day in two parts, in Vietnam's time, for six years."""
    opened = vn.opened(date(2026, 11, 25))
    assert [(a.hour, a.minute, b.hour, b.minute) for a, b in opened] == [(0, 0, 4, 30), (6, 30, 10, 0)]
    assert all(instant.tzinfo is UTC for pair in opened for instant in pair)
    monday = datetime(2026, 11, 30, tzinfo=UTC)
    assert vn.between(monday, monday + timedelta(days=7)) == timedelta(hours=40)
    assert (vn.first, vn.last) == (date(2022, 1, 1), date(2027, 12, 31))


def test_every_special_day_says_what_it_rests_on(vn: Calendar) -> None:
    """No day off stands on the library's word alone."""
    assert [day.date for day in vn.special if day.source == "holidays package"] == []
    assert list(vn.special) == sorted(vn.special, key=lambda day: day.date)
    culture, new_year = vn.special_day(date(2026, 11, 24)), vn.special_day(date(2026, 1, 2))
    assert culture is not None
    assert new_year is not None
    assert culture.source == "Resolution 28/2026/QH16"
    assert (new_year.kind, "12729/VPCP-KGVX" in new_year.source) == ("swap", True)


def test_a_day_in_lieu_names_both_articles(vn: Calendar) -> None:
    """Monday off for a Sunday feast rests on the feast and on the rule about weekends."""
    day = vn.special_day(date(2022, 4, 11))
    assert day is not None
    assert day.source == "Labour Code 2019, art. 112(1)(e); Labour Code 2019, art. 111(3)"


def test_what_is_not_announced_is_provisional(vn: Calendar) -> None:
    """Tết 2027 and the day beside National Day 2027 are computed."""
    expected = [date(2027, 2, day) for day in range(4, 11)] + [date(2027, 9, 3)]
    assert [day.date for day in vn.special if day.provisional] == expected


def test_the_short_way_into_the_library_gives_what_its_front_door_gives() -> None:
    """Loading one country's file alone is only faster, not different."""
    front = holidays.country_holidays("VN", years=range(2022, 2028), language="vi")
    found, worked = library_days("VN", range(2022, 2028))
    assert found == dict(front.items())
    assert worked == front.weekend_workdays


def test_the_library_is_still_wrong_about_january_2026() -> None:
    """When this fails the library has caught up, and our correction of that swap can go."""
    found, worked = library_days("VN", range(2026, 2027))
    assert date(2026, 1, 2) not in found
    assert date(2026, 1, 10) not in worked


def test_names_do_not_depend_on_the_machine(monkeypatch: pytest.MonkeyPatch, vn: Calendar) -> None:
    """The same files give the same calendar version under any locale."""
    for locale in ("C", "en_US.UTF-8", "th_TH.UTF-8"):
        monkeypatch.setenv("LANGUAGE", locale)
        monkeypatch.setenv("LANG", locale)
        assert Catalogue.load(ROOT).calendar("vn").version == vn.version


def test_the_version_is_a_fingerprint(vn: Calendar, tmp_path: Path) -> None:
    """The same files give the same version, and any change of the days another."""
    assert vn.version.startswith("vn-")
    assert len(vn.version) == len("vn-") + 8
    changed = copy_with(tmp_path, "calendars/vn.toml", "first = 2027-09-03\n", "first = 2027-09-02\n")
    assert Catalogue.load(changed).calendar("vn").version != vn.version


def test_an_unknown_calendar_names_the_known_ones(catalogue: Catalogue) -> None:
    """A wrong name is answered with the right ones."""
    with pytest.raises(UnknownCalendar, match=r"no calendar la; there is: nl, vn\.$"):
        catalogue.calendar("la")


def test_a_holiday_can_be_taken_away(vn: Calendar) -> None:
    """The copy works on that day, differs in its version, and leaves the original alone."""
    day = date(2026, 11, 24)
    working = without_holiday(vn, day)
    assert working.hours(day) == vn.week[day.weekday()]
    assert working.version.startswith("vn-")
    assert working.version != vn.version
    assert vn.hours(day) == ()
    assert working.hours(date(2026, 9, 2)) == ()


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        (date(2026, 11, 25), "it is no day off"),  # an ordinary Wednesday
        (date(2026, 11, 28), "it is no day off"),  # an ordinary Saturday
        (date(2026, 1, 10), "it is no day off"),  # a Saturday made up
        (date(2035, 9, 2), "it is no day off"),  # beyond what the calendar knows
        (date(2022, 1, 1), "the office is closed on that weekday"),  # New Year on a Saturday
    ],
)
def test_only_a_holiday_can_be_taken_away(vn: Calendar, day: date, reason: str) -> None:
    """A date whose removal would open nothing is refused by name."""
    with pytest.raises(NotAHoliday) as refusal:
        without_holiday(vn, day)
    assert str(day) in refusal.value.message
    assert reason in refusal.value.message


# Dated rules


def test_a_dossier_is_received_under_the_fees_of_its_day(catalogue: Catalogue) -> None:
    """A waiver in the middle of a version; each day's rules are the same value, so they are kept once."""
    code = "1.004873"
    amounts = {
        day: [fee.amount for fee in catalogue.procedure(code, date.fromisoformat(day)).fees]
        for day in ("2026-08-14", "2026-08-15", "2027-02-28", "2027-03-01", "2025-06-30")
    }
    assert list(amounts.values()) == [[3000], [0], [0], [3000], [3000]]
    waived = catalogue.procedure(code, date(2026, 8, 15))
    assert waived is catalogue.procedure(code, date(2027, 2, 28))
    before = catalogue.procedure(code, date(2026, 8, 14))
    assert fingerprint(before) != fingerprint(waived)
    assert before.model_copy(update={"fees": ()}) == waived.model_copy(update={"fees": ()})
    again = Procedure.model_validate_json(waived.model_dump_json())
    assert (again, fingerprint(again)) == (waived, fingerprint(waived))


def test_a_fee_that_always_holds_says_nothing_of_days(catalogue: Catalogue) -> None:
    """So that versions from before there were dates keep their fingerprints."""
    (fee,) = catalogue.procedure("1.004873", date(2025, 6, 30)).fees
    assert set(fee.model_dump()) == {"kind", "name", "amount", "unit", "when"}


def test_a_linked_unit_that_ends_needs_a_successor(tmp_path: Path) -> None:
    """Its dossiers could not be opened, and nobody was told."""
    root = copy_with(tmp_path, OFFICE, 'id = "police"\n', 'id = "police"\nuntil = 2026-11-24\n')
    with pytest.raises(BadCatalogue, match=r"links\[residence\].unit: police ends, nobody follows"):
        Catalogue.load(root)


def test_the_code_of_the_agency_is_that_of_the_day(tmp_path: Path) -> None:
    """One entry after another; a day that none holds on is told."""
    root = copy_with(
        tmp_path,
        OFFICE,
        AGENCY,
        '{ code = "H53", until = 2025-06-30 }, { code = "H53.26", from = 2025-07-02 }',
    )
    dated = Catalogue.load(root)
    assert [dated.agency(date(2025, *day)) for day in ((6, 30), (7, 2))] == ["H53", "H53.26"]
    with pytest.raises(UnknownAgency, match="no agency code on 2025-07-01"):
        dated.agency(date(2025, 7, 1))


def test_units_have_successors(tmp_path: Path) -> None:
    """An ended unit names who has taken over on the day, also where that has ended too."""
    chain = unit("district", **ENDED, successor='"old"') + "until = 2026-01-01\n"
    text = chain.replace('id = "demo"', 'id = "old"\nname = "b"\nname_en = "b"\nsuccessor = "demo"')
    root = copy_with(tmp_path, OFFICE, FIRST_UNIT, f'{text}\n[[unit]]\nfrom = 2025-07-01\nid = "demo"\n')
    units = {each.id: each for each in Catalogue.load(root).office.units}
    assert [heir(units, "district", date(2025, *day)) for day in ((6, 30), (7, 1))] == ["district", "old"]
    assert heir(units, "district", date(2026, 1, 2)) == "demo"
    check_works(units, "district", date(2025, 6, 30))
    with pytest.raises(UnitEnded, match="district ended on 2025-06-30; demo has taken over"):
        check_works(units, "district", date(2026, 1, 2))
    with pytest.raises(UnitNotBegun, match="demo begins on 2025-07-01"):
        check_works(units, "demo", date(2025, 6, 30))
    alone = {"a": Span(until=date(2025, 6, 30))}
    assert heir(alone, "a", date(2025, 7, 1)) is None
    with pytest.raises(UnitEnded, match="no unit has taken over"):
        check_works(alone, "a", date(2025, 7, 1))


# Bad files


def copy_with(tmp_path: Path, file: str, old: str, new: str) -> Path:
    """A copy of the catalogue in which the first `old` of a file is replaced."""
    root = tmp_path / "catalog"
    shutil.copytree(ROOT, root)
    text = (root / file).read_text(encoding="utf-8")
    assert old in text
    (root / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    return root


LINKING = "procedures/land-transfer.toml"
BIRTH, OFFICE, VN = "procedures/birth.toml", "office.toml", "calendars/vn.toml"
FIRST = "version[2021-01-01]"
ZONE = 'zone = "Asia/Ho_Chi_Minh"'
MARITAL, AGENCY = "procedures/marital-status.toml", '{ code = "H53.26" }'
FIRST_UNIT, ENDED = '[[unit]]\nid = "demo"\n', {"until": "2025-06-30"}
FEE = "version[2025-07-01].fees[Lệ phí cấp giấy xác nhận]"


def two_agencies(first: str, last: str = "2025-07-01") -> str:
    """An old code up to a day, and the present one from a day on."""
    return f'{{ code = "H53", until = {last} }}, {{ code = "H53.26", from = {first}, until = 2025-07-01 }}'


def unit(name: str, **more: str) -> str:
    """Another unit of the office, before the first; quotes are the caller's."""
    lines = [
        f"{key} = {value}"
        for key, value in {"id": f'"{name}"', "name": '"a"', "name_en": '"a"', **more}.items()
    ]
    return "\n".join(["[[unit]]", *lines, ""]) + '\n[[unit]]\nid = "demo"\n'


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ((BIRTH, 'code = "1.001193"', 'code = "1.001193'), "line 6, column 17", "Illegal character"),
        ((BIRTH, 'code = "1.001193"', "code = "), "line 6, column 8", "Invalid value"),
        ((BIRTH, 'code = "1.001193"\n', ""), "code", "is missing"),
        ((BIRTH, 'field = "Hộ tịch"', 'field = "Hộ tịch"\ncolour = "red"'), "colour", "not known"),
        ((BIRTH, 'limit = "same day"\n', ""), f"{FIRST}.limit", "is missing"),
        ((BIRTH, 'limit = "same day"', 'limit = "0 days"'), f"{FIRST}.limit", "more than zero"),
        ((BIRTH, 'limit = "same day"', "limit = 1"), f"{FIRST}.limit", "must be text"),
        ((BIRTH, 'limit = "4 hours"', 'limit = "0 hours"'), f"{FIRST}.steps[handle].limit", "more than zero"),
        ((BIRTH, 'limit = "4 hours"', 'limit = "-1 hour"'), f"{FIRST}.steps[handle].limit", "more than zero"),
        ((BIRTH, 'limit = "4 hours"', 'limit = "soon"'), f"{FIRST}.steps[handle].limit", "Write it like"),
        (
            (BIRTH, 'role = "handler"', 'role = "wizard"'),
            f"{FIRST}.steps[handle].role",
            "should be 'receiver'",
        ),
        ((BIRTH, 'stage = "receive"', 'stage = "return"'), FIRST, "steps must stand in the order"),
        ((BIRTH, "decides = true, ", ""), FIRST, "exactly one step decides"),
        (
            (BIRTH, "until = 2025-06-30", "until = 2025-07-01"),
            "version[2025-07-01]",
            "overlaps the version of",
        ),
        ((BIRTH, "until = 2025-06-30\n", ""), "version[2025-07-01]", "which has no end"),
        ((BIRTH, "until = 2025-06-30", "until = 2020-12-31"), FIRST, "must not end before it begins"),
        ((BIRTH, "until = 2025-06-30", "until = 20250630"), f"{FIRST}.until", "valid date"),
        ((BIRTH, "until = 2025-06-30", 'name = "Khác"'), f"{FIRST}.name", "belongs above the versions"),
        ((BIRTH, "times = 5", 'times = "5"'), f"{FIRST}.ladder[overdue].times", "valid integer"),
        ((BIRTH, "times = 5", "time = 5"), f"{FIRST}.ladder[overdue].time", "not known"),
        ((BIRTH, '"unit-leader"]', '"boss"]'), f"{FIRST}.ladder[due].to", "boss is no role of staff"),
        ((BIRTH, '"unit-leader"]', '"boss@demo"]'), f"{FIRST}.ladder[due].to", "boss is no role of staff"),
        ((BIRTH, '"unit-leader"]', '"handler@north"]'), f"{FIRST}.ladder[due].to", "there is no unit north"),
        ((BIRTH, "times = 5", 'by = ["pigeon"]'), f"{FIRST}.ladder[overdue].by", "no channel pigeon"),
        (
            (OFFICE, 'staff = ["desk", "email"]', 'staff = ["sms"]'),
            "notices.staff",
            "there is no channel sms",
        ),
        ((OFFICE, 'applicant = ["email"]', 'applicant = ["desk"]'), "notices.applicant", "has no desk"),
        ((OFFICE, "digest = 07:00:00", 'digest = "noon"'), "notices.digest", "valid time"),
        ((OFFICE, 'staff = ["desk", "email"]', "staff = []"), "notices.staff", "at least 1"),
        ((OFFICE, 'id = "demo"', f'id = "{"d" * 65}"'), "id", "at most 64"),
        ((BIRTH, 'code = "1.001193"', 'code = "1/001193"'), "code", "should match pattern"),
        (
            (LINKING, 'id = "tax"', f'id = "{"t" * 190}"'),
            f"version[2025-07-01].links[{'t' * 190}].id",
            "at most 64",
        ),
        ((OFFICE, "digest = 07:00:00", "digest = 07:00:30"), "notices.digest", "to the minute"),
        ((OFFICE, 'soon = "2 days"', 'soon = "4 hours"'), "notices.soon", "whole working days"),
        ((OFFICE, 'soon = "2 days"', 'soon = "2 calendar days"'), "notices.soon", "whole working days"),
        ((OFFICE, 'soon = "2 days"', 'soon = "2.5 days"'), "notices.soon", "whole working days"),
        ((OFFICE, '"Nguyễn Thị An"', '"An\\nBcc: x@y.example"'), "staff[receiver1].name", "line break"),
        ((OFFICE, '"Nguyễn Thị An"', '"An\u202e"'), "staff[receiver1].name", "cannot be seen"),
        ((OFFICE, 'id = "receiver1"', 'id = "applicant"'), "staff[applicant].id", "stands for somebody else"),
        ((OFFICE, 'id = "receiver1"', f'id = "{"r" * 65}"'), f"staff[{'r' * 65}].id", "at most 64"),
        ((OFFICE, 'id = "receiver1"', 'id = "a/b"'), "staff[a/b].id", "should match pattern"),
        (
            (BIRTH, 'to = ["unit-leader", "office-leader"]', 'to = ["applicant"], by = ["desk"]'),
            f"{FIRST}.ladder[overdue].by",
            "has no desk",
        ),
        (
            (OFFICE, '"receiver1@motcua.example"', '"receiver1@motcua.example\\nBcc: x@y.example"'),
            "staff[receiver1].email",
            "cannot be seen",
        ),
        (
            (OFFICE, "[notices]", '[[webhook]]\nid = "email"\nurl = "https://x"\n[notices]'),
            "webhook[email].id",
            "",
        ),
        (
            (OFFICE, 'roles = ["office-leader"]', 'roles = ["office-leader"]\nscope = "unit"'),
            "staff[head1].scope",
            "acts on the dossiers of every unit",
        ),
        ((OFFICE, "years = 10", "years = 0"), "keeping.years", "greater than or equal to 1"),
        ((OFFICE, "years = 10", 'years = "10"'), "keeping.years", "valid integer"),
        ((OFFICE, "[keeping]\npaper", "[keeping]\nperiod = 1\npaper"), "keeping.period", ""),
        ((OFFICE, '"1.000894" = "permanent"', '"1.99" = 5'), "keeping.procedures[1.99]", "no procedure 1.99"),
        ((OFFICE, 'unit = "demo"', 'unit = "north"'), "staff[receiver1].unit", "there is no unit north"),
        ((OFFICE, '["receiver"]', '["wizard"]'), "staff[receiver1].roles[0]", "should be 'receiver'"),
        ((OFFICE, '["receiver"]', '["clock"]'), "staff[receiver1].roles", "clock is no role of staff"),
        ((OFFICE, '["receiver"]', "[]"), "staff[receiver1].roles", "at least 1 item"),
        ((OFFICE, 'id = "receiver2"', 'id = "receiver1"'), "staff[receiver1]", "is there twice"),
        ((OFFICE, AGENCY, '{ code = "53" }'), "agency[53].code", "should match pattern"),
        ((OFFICE, f"[{AGENCY}]", "[]"), "agency", "at least 1 item"),
        ((OFFICE, AGENCY, f'{AGENCY}, {{ code = "H11" }}'), "agency[H11]", "same day as H53.26"),
        ((OFFICE, AGENCY, two_agencies("2025-07-01")), "agency[H53.26]", "same day as H53"),
        ((OFFICE, AGENCY, two_agencies("2025-07-02", "2025-06-30")), "agency[H53.26]", "must not end before"),
        ((OFFICE, FIRST_UNIT, unit("old", successor='"demo"')), "unit[old].successor", "has no end"),
        ((OFFICE, FIRST_UNIT, unit("old", **ENDED, successor='"x"')), "unit[old].successor", "no unit x"),
        ((OFFICE, FIRST_UNIT, unit("old", **ENDED, successor='"old"')), "unit[old].successor", "old to old"),
        (
            (
                OFFICE,
                FIRST_UNIT,
                unit("old", **ENDED, successor='"demo"') + 'until = 2026-01-01\nsuccessor = "old"\n',
            ),
            "unit[old].successor",
            "in a circle: old to demo to old",
        ),
        (
            (OFFICE, FIRST_UNIT, unit("old", **ENDED, successor='"demo"') + "from = 2025-07-02\n"),
            "unit[old].successor",
            "demo begins on 2025-07-02, so nobody follows old at once",
        ),
        (
            (OFFICE, FIRST_UNIT, unit("old", **ENDED, **{"from": "2026-01-01"})),
            "unit[old]",
            "must not end before",
        ),
        (
            (MARITAL, "until = 2026-08-14", "until = 2026-08-15"),
            "version[2025-07-01]",
            "two entries that hold",
        ),
        ((MARITAL, "until = 2026-08-14", "til = 2026-08-14"), f"{FEE}.til", "not known"),
        ((OFFICE, 'calendar = "vn"', 'calendar = "la"'), "calendar", "there is no calendars/la.toml"),
        ((VN, ZONE, 'zone = "Asia/Atlantis"'), "zone", "Asia/Atlantis is not known"),
        ((VN, ZONE, "zone = 7"), "zone", "valid string"),
        ((VN, "opens = 07:00:00", "opens = 12:00:00"), "week.monday[0]", "must go forward"),
        ((VN, "opens = 13:30:00", "opens = 11:00:00"), "calendar", "must follow each other"),
        ((VN, "friday = [{", "fryday = [{"), "week.fryday", "should be 'monday'"),
        ((VN, "date = 2024-05-04", "date = 2024-04-29"), "correction[2024-04-29]", "is there twice"),
        ((VN, "date = 2024-05-04", "date = 2034-05-04"), "correction[2034-05-04]", "lies outside"),
        ((VN, 'kind = "swap"', 'kind = "make-up"'), "correction[2024-04-29]", "needs hours"),
        ((VN, "last = 2027-12-31", "last = 2021-12-31"), "correction[2024-04-29]", "lies outside"),
    ],
)
def test_a_bad_file_is_refused_with_file_field_and_reason(
    tmp_path: Path, change: tuple[str, str, str], field: str, reason: str
) -> None:
    """One line tells which file is wrong, where in it, and why."""
    with pytest.raises(BadCatalogue) as refusal:
        Catalogue.load(copy_with(tmp_path, *change))
    assert refusal.value.message.startswith(f"{change[0]}: {field}: ")
    assert reason in refusal.value.message
    assert "\n" not in refusal.value.message


def test_a_code_belongs_to_one_file(tmp_path: Path) -> None:
    """The second file with a code is refused and names the first."""
    root = copy_with(tmp_path, BIRTH, 'code = "1.001193"', 'code = "1.000656"')
    with pytest.raises(BadCatalogue) as refusal:
        Catalogue.load(root)
    assert refusal.value.message == (
        "procedures/death.toml: code: 1.000656 is already in procedures/birth.toml"
    )


def take_away(path: Path) -> None:
    """Removes a file."""
    path.unlink()


def scramble(path: Path) -> None:
    """Makes a file that is no text."""
    path.write_bytes(b'id = "\xff"')


@pytest.mark.parametrize(
    ("harm", "field", "reason"),
    [(take_away, "file", "No such file"), (scramble, "byte 6", "not UTF-8")],
    ids=["missing", "not text"],
)
def test_an_office_that_cannot_be_read(
    tmp_path: Path, harm: Callable[[Path], None], field: str, reason: str
) -> None:
    """A missing file and one that is no text are refused like any other bad file."""
    root = tmp_path / "catalog"
    shutil.copytree(ROOT, root)
    harm(root / OFFICE)
    with pytest.raises(BadCatalogue, match=f"^office.toml: {field}: .*{reason}"):
        Catalogue.load(root)


def test_an_unknown_country_is_refused_when_its_feasts_are_needed(tmp_path: Path) -> None:
    """The library is not asked before somebody needs a calendar."""
    catalogue = Catalogue.load(copy_with(tmp_path, VN, 'library = "VN"', 'library = "Atlantis"'))
    with pytest.raises(BadCatalogue, match=r"^calendars/vn\.toml: library: .* Atlantis$"):
        catalogue.calendar("vn")


def test_a_gap_between_versions_is_allowed(tmp_path: Path) -> None:
    """A procedure may be suspended for a while; in the gap it does not exist."""
    catalogue = Catalogue.load(copy_with(tmp_path, BIRTH, "until = 2025-06-30", "until = 2025-05-31"))
    with pytest.raises(UnknownProcedure, match=r"2021-01-01 to 2025-05-31, from 2025-07-01 on"):
        catalogue.procedure("1.001193", date(2025, 6, 15))


def test_a_procedure_may_leave_the_limit_to_each_dossier(tmp_path: Path) -> None:
    """The word "none" says so; TOML itself has no word for it."""
    catalogue = Catalogue.load(copy_with(tmp_path, BIRTH, 'limit = "same day"', 'limit = "none"'))
    assert catalogue.procedure("1.001193", BEFORE).limit is None


def test_a_correction_can_add_and_take_away_days(tmp_path: Path) -> None:
    """A local holiday, a half day, and a feast of the library that turns out an ordinary day."""
    half = "hours = [{ opens = 07:00:00, closes = 11:30:00 }]"
    more = "".join(
        f'\n[[correction]]\ndate = {day}\nkind = "{kind}"\nname = "n"\nsource = "s"\n{extra}\n'
        for day, kind, extra in [
            ("2027-03-01", "holiday", ""),
            ("2027-03-02", "half-day", half),
            ("2027-09-03", "ordinary", ""),
        ]
    )
    root = tmp_path / "catalog"
    shutil.copytree(ROOT, root)
    with (root / VN).open("a", encoding="utf-8") as file:
        file.write(more)
    calendar = Catalogue.load(root).calendar("vn")
    assert calendar.hours(date(2027, 3, 1)) == ()
    assert len(calendar.hours(date(2027, 3, 2))) == 1
    assert calendar.special_day(date(2027, 9, 3)) is None


def test_loading_stays_cheap() -> None:
    """Every command loads the catalogue: feasts only when asked for, and never those of all countries."""
    script = (
        "import sys; from pathlib import Path; from motcua.catalogue.catalogue import Catalogue\n"
        f"catalogue = Catalogue.load(Path({str(ROOT)!r})); print('holidays' in sys.modules)\n"
        "catalogue.calendar('vn'); print('holidays' in sys.modules, 'holidays.countries' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT.parent, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True", "False"]


@pytest.mark.parametrize("amount", ["-5", "1_000_000_000_001", str(10**18)])
@pytest.mark.parametrize("key", ["amount", "online"])
def test_a_fee_is_an_amount_of_money(tmp_path: Path, key: str, amount: str) -> None:
    """Nobody is paid for handing in, also online, and no fee has more digits than a page can show."""
    wrong = f"amount = {amount}" if key == "amount" else f"amount = 2000, online = {amount}"
    root = copy_with(tmp_path, "procedures/certified-copy.toml", "amount = 2000", wrong)
    with pytest.raises(BadCatalogue, match=rf"fees.*\.{key}: Input should be (less|greater) than or equal"):
        Catalogue.load(root)


@pytest.mark.parametrize("key", ["supplements", "extensions"])
@pytest.mark.parametrize("number", [-1, 101, 10**18])
def test_how_often_something_may_be_done_is_a_small_number(key: str, number: int) -> None:
    """Fewer than never was taken for a number, too."""
    assert getattr(sample(**{key: 0}), key) == 0
    with pytest.raises(ValidationError, match=key):
        sample(**{key: number})
