"""The open work of one morning, played by the pure rules: every state, with everybody, each time the same."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import pytest

from models.dossier import Dossier
from models.procedure import Role
from motcua.caseloads.open_work import OpenWorkPlan, State, read_open_work
from motcua.caseloads.script import Case
from motcua.caseloads.town import TownPlan, read_town
from motcua.catalogue.catalogue import Catalogue
from motcua.store.screens import Edges
from tests.unit.test_town import CALENDAR, Played

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = Catalogue.load(ROOT / "catalog")
WORK = read_open_work(ROOT / "catalog" / "caseloads" / "hoa-thanh-open.toml")
TOWN = read_town(ROOT / "catalog" / "caseloads" / "hoa-thanh.toml")
PLAN = OpenWorkPlan(WORK, CATALOGUE, 1)
EDGES = Edges(PLAN.moment, CALENDAR.instant(WORK.day.replace(day=21), WORK.clock.replace(0, 0, 0)), PLAN.soon)


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    """All of it."""
    return PLAN.cases()


@pytest.fixture(scope="module")
def played(cases: list[Case]) -> dict[State, list[Dossier]]:
    """What the rules make of it, by the state that each case was drawn for."""
    found: dict[State, list[Dossier]] = defaultdict(list)
    for case in cases:
        state = case.request_id.rpartition("/")[2].partition("-")[0]
        found[state].append(Played(case, CALENDAR).dossier)  # type: ignore[index]
    return found


def in_state(dossier: Dossier, state: State) -> bool:
    """Whether the engine finds a dossier in a state."""
    assert dossier.task is not None
    step = dossier.term_of(dossier.task.id)
    terms = [term for term in (step, dossier.term) if term is not None]
    urgent = min((term.due_at for term in terms), default=EDGES.soon)
    overdue = min((dossier.overdue_from(term) for term in terms), default=None)
    match state:
        case "new":
            return dossier.status == "submitted"
        case "supplement" | "payment":
            return dossier.status == f"awaiting-{state}" and dossier.paused
        case "apology":
            return dossier.apology is not None
        case "linked":
            return len(dossier.links) > 0 and not any(linked.over for linked in dossier.links)
        case "ready":
            return dossier.status == "ready"
        case "resting":
            rests = [term.rests_until for term in dossier.terms if term.rests_until is not None]
            return EDGES.state(0, urgent, overdue) == "late" and PLAN.moment < min(rests, default=PLAN.moment)
    return not dossier.paused and EDGES.state(0, urgent, overdue) == state


def test_each_state_is_what_the_rules_make_of_it(played: dict[State, list[Dossier]]) -> None:
    """As many of each as the file says; nobody is refused anything on the way."""
    assert {state: len(dossiers) for state, dossiers in played.items()} == WORK.states
    assert 60 <= sum(WORK.states.values()) <= 100
    for state, dossiers in played.items():
        assert [dossier for dossier in dossiers if not in_state(dossier, state)] == [], state


def test_the_work_is_spread_over_the_officers(played: dict[State, list[Dossier]]) -> None:
    """Everybody who works on dossiers has some, and some is free."""
    tasks = [dossier.task for dossiers in played.values() for dossier in dossiers if dossier.task]
    has = Counter(task.assignee for task in tasks)
    busy = (Role.HANDLER, Role.UNIT_LEADER, Role.APPROVER, Role.CLERK)
    for user, member in CATALOGUE.office.staff.items():
        if member.unit == WORK.unit and set(member.roles) & set(busy):
            assert has[user] > 0, user
    assert abs(has["handler1"] - has["handler2"]) <= 10
    assert has[None] > 5


def test_the_same_seed_draws_the_same_work(cases: list[Case]) -> None:
    """Another seed draws other dossiers."""
    assert OpenWorkPlan(WORK, Catalogue.load(ROOT / "catalog"), 1).cases() == cases
    other = OpenWorkPlan(WORK, CATALOGUE, 2).cases()
    assert {case.request_id for case in other}.isdisjoint(case.request_id for case in cases)


def test_it_comes_after_the_period_of_the_report(cases: list[Case]) -> None:
    """Everything is received in April and lies open at one moment; acts go forward until then."""
    for case in cases:
        moments = [case.at, *(act.at for act in case.acts), PLAN.moment]
        assert moments == sorted(moments)
        assert CALENDAR.local(case.at).date() > TOWN.last
        assert case.until == PLAN.moment


def test_a_part_has_at_least_one_of_each() -> None:
    """A small demo shows every state, too."""
    part = PLAN.cases(0.01)
    assert len(part) == len(WORK.states)
    assert {case.request_id for case in part} <= {case.request_id for case in PLAN.cases()}


def test_what_the_town_left_open_goes_on_to_the_same_moment() -> None:
    """The same acts; only the clocks of open dossiers stand later."""
    before = TownPlan(TOWN, CATALOGUE, 1).cases(120)
    after = TownPlan(TOWN, CATALOGUE, 1, left_at=PLAN.moment).cases(120)
    assert [case._replace(until=None) for case in before] == [case._replace(until=None) for case in after]
    assert all(a.until is None or (b.until or a.until) <= a.until for b, a in zip(before, after, strict=True))
    assert max(case.until for case in after if case.until) == PLAN.moment
