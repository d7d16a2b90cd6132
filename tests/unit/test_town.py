"""The town's caseload, played by the pure rules: it fixes acts, the engine and its calendar the outcome."""

from __future__ import annotations

import math
from collections import Counter
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from models.base import Reference
from models.calendar import Calendar
from models.commands import CLOCK, Tick
from models.dossier import Dossier
from models.fold import fold
from models.rules import decide
from motcua.caseloads.script import Case
from motcua.caseloads.town import TownPlan, read_town
from motcua.catalogue.calendars import without_holiday
from motcua.catalogue.catalogue import Catalogue
from motcua.desk import CITIZEN
from tests.unit.office import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = Catalogue.load(ROOT / "catalog")
CALENDAR = CATALOGUE.calendar("vn")
TOWN = read_town(ROOT / "catalog" / "caseloads" / "hoa-thanh.toml")
TEXT = Reference(id="text", hash="0" * 64)
REFERENCES = ("reason", "papers", "text")


class Played:
    """One case played to its end by `decide` and `fold`, the clock striking in between."""

    def __init__(self, case: Case, calendar: Calendar, catalogue: Catalogue = CATALOGUE) -> None:
        self.catalogue = catalogue
        procedure = catalogue.procedure(str(case.submission["procedure"]), CALENDAR.local(case.at).date())
        self.dossier = Dossier(code="x", office=catalogue.office.id, procedure=procedure, calendar=calendar)
        said = {key: case.submission[key] for key in ("channel", "unit")} | {"applicant": TEXT}
        self._ask(case.at, "file", case.officer or "citizen", {**said, "accept": case.officer is not None})
        for act in case.acts:
            self._ask(act.at, act.command, act.user, dict(act.data))
        if case.until is not None:
            self._strike(case.until)

    def _strike(self, at: datetime) -> None:
        while (call := self.dossier.next_call()) is not None and call[0] <= at:
            tick = Tick(id=f"tick-{self.dossier.seq}", actor=CLOCK)
            self.dossier = fold(self.dossier, decide(self.dossier, tick, call[0]))

    def _ask(self, at: datetime, kind: str, user: str, data: dict[str, Any]) -> None:
        self._strike(at)
        actor = CITIZEN if user == "citizen" else self.catalogue.actor(user)
        plain = {key: TEXT if key in REFERENCES else value for key, value in data.items()}
        command = COMMANDS.validate_python(
            {"kind": kind, "id": f"{self.dossier.seq}-{kind}", "actor": actor, **plain}
        )
        self.dossier = fold(self.dossier, decide(self.dossier, command, at))


def outcome(cases: list[Case], calendar: Calendar = CALENDAR) -> Counter[str]:
    """How many dossiers came out how; nobody may be refused anything on the way."""
    found: Counter[str] = Counter()
    for case in cases:
        dossier = Played(case, calendar).dossier
        found["received"] += dossier.received_at is not None
        found[dossier.timeliness or "open"] += 1
        found["online"] += dossier.channel == "online"
    return found


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    """A fiftieth of the town."""
    return TownPlan(TOWN, CATALOGUE, 1).cases(450)


def test_the_whole_town_has_the_counts_of_the_article() -> None:
    """So many arrivals by channel; what becomes of them is not in the plan."""
    drawn = TownPlan(TOWN, CATALOGUE, 1).cases()
    channels = Counter(str(case.submission["channel"]) for case in drawn)
    assert (len(drawn), channels["online"], channels["counter"] + channels["post"]) == (22_547, 20_908, 1_639)
    assert len({case.request_id for case in drawn}) == 22_547


def test_a_smaller_town_has_the_same_shares(cases: list[Case]) -> None:
    """Scaled counts come out of the rules: 2 late ones, 2 unfinished, all else in time."""
    found = outcome(cases)
    assert (found["received"], found["online"]) == (450, 450 - round(1_639 * 450 / 22_547))
    assert (found["overdue"], found["open"]) == (2, 2)
    assert found["early"] + found["on_time"] == 446
    assert min(found["early"], found["on_time"]) > 100


def test_taking_a_holiday_out_moves_the_counts(cases: list[Case]) -> None:
    """The same acts, judged by a calendar in which Tết is shorter, come out worse."""
    shorter = CALENDAR
    for day in (date(2022, 9, 1), date(2022, 9, 2), date(2023, 1, 23), date(2023, 1, 24), date(2022, 5, 2)):
        shorter = without_holiday(shorter, day)
    before, after = outcome(cases), outcome(cases, shorter)
    assert after["overdue"] > before["overdue"]
    assert after["received"] == before["received"]


def test_the_same_seed_draws_the_same_town(cases: list[Case]) -> None:
    """Run again, a caseload finds its own dossiers; another seed is another town."""
    assert TownPlan(TOWN, CATALOGUE, 1).cases(450) == cases
    other = TownPlan(TOWN, CATALOGUE, 2).cases(450)
    assert other != cases
    assert {case.request_id for case in other}.isdisjoint(case.request_id for case in cases)


def test_people_act_in_order_and_while_the_office_is_open(cases: list[Case]) -> None:
    """Acts go forward; officers act during opening hours (a closing included)."""
    for case in cases:
        moments = [case.at, *(act.at for act in case.acts)]
        assert moments == sorted(moments)
        for act in case.acts:
            opened = CALENDAR.opened(CALENDAR.local(act.at).date())
            assert any(opens <= act.at <= closes for opens, closes in opened), (case.request_id, act)


def test_nobody_accepts_close_to_the_cut_off(cases: list[Case]) -> None:
    """A machine that is slow by minutes must not move a dossier across the 15:00 rule."""
    for case in cases:
        accepted = next((act.at for act in case.acts if act.command == "accept"), case.at)
        clock = CALENDAR.local(accepted)
        procedure = CATALOGUE.procedure(str(case.submission["procedure"]), clock.date())
        if procedure.cut_off is not None:
            minutes = clock.hour * 60 + clock.minute + clock.second / 60
            assert math.fabs(minutes - 15 * 60) >= 14.9


def test_nobody_is_asked_to_pay_for_what_costs_nothing() -> None:
    """Citizens who had handed in online, where it is free, were asked for 100,000 đồng."""
    asked = [
        (CATALOGUE.procedure(str(case.submission["procedure"]), CALENDAR.local(case.at).date()), case, act)
        for case in TownPlan(TOWN, CATALOGUE, 1).cases(2000)
        for act in case.acts
        if act.command in ("request-payment", "pay")
    ]
    assert asked
    for procedure, case, act in asked:
        assert act.data["amount"] in [fee.price(str(case.submission["channel"])) for fee in procedure.fees]
